# Prints what a tree decides for packages of one platform: the attributes of each derivation, as JSON, on stderr as they
# come. A line `@B NAME` comes before each package and `@R NAME JSON` after it, so that a death in the middle loses
# nothing but the package that caused it.
#
# tree, overlay: folders. entry: the file entry.nix. names: a JSON file with a list of attribute paths.
# platform: "filc" for the overlay's platform, else the configuration of a platform of the tree itself, without overlay.
# only: "decisions", "derivation" for nothing but the path of the derivation, or "port" for what its port did to it.
{
  tree,
  overlay ? "",
  entry,
  names,
  platform,
  only ? "decisions",
}:
let
  treePath = /. + tree;
  packages =
    if platform == "filc" then
      (import (/. + entry) { inherit tree overlay; }).pkgsCross.filc
    else
      import treePath {
        localSystem = {
          system = "x86_64-linux";
        };
        crossSystem = {
          config = platform;
        };
        config = { };
        overlays = [ ];
      };

  attributeOf =
    name:
    builtins.foldl' (set: part: set.${part}) packages (
      builtins.filter builtins.isString (builtins.split "[.]" name)
    );

  # Attributes that say how Nix runs a builder, not what the tree decides.
  ignored = [
    "all"
    "args"
    "builder"
    "drvPath"
    "outPath"
    "stdenv"
    "system"
  ];

  plain =
    value:
    if builtins.isString value then
      builtins.unsafeDiscardStringContext value
    else if builtins.isList value then
      map plain value
    else if builtins.isAttrs value then
      if value ? outPath then
        builtins.unsafeDiscardStringContext (toString value.outPath)
      else if value ? __toString then
        builtins.unsafeDiscardStringContext (toString value)
      else
        builtins.mapAttrs (_: plain) value
    else if builtins.isPath value then
      toString value
    else if builtins.isFunction value then
      "a function"
    else
      value;

  isDerivation = value: builtins.isAttrs value && value.type or "" == "derivation";
  decisions =
    value:
    if !isDerivation value then
      null
    else if only == "derivation" then
      plainPath value
    else
      builtins.mapAttrs (_: plain) (removeAttrs (value.drvAttrs or { }) ignored)
      // {
        # Refusals that a tree makes when the derivation is asked for.
        evaluates = builtins.seq value.outPath true;
      };

  # What overlays/ports says of a package, and the derivation that it would be without its port.
  port =
    value:
    let
      report = value.filcrossPort or null;
    in
    if !isDerivation value then
      null
    else if report == null then
      { derivation = plainPath value; }
    else
      {
        inherit (report)
          name
          version
          within
          pinned
          applies
          missing
          ;
        derivation = plainPath value;
        without = plainPath report.without;
      };
  plainPath = value: builtins.unsafeDiscardStringContext value.drvPath;

  print =
    name:
    builtins.trace "@B ${name}" (
      let
        result = builtins.tryEval (
          let
            found = builtins.toJSON ((if only == "port" then port else decisions) (attributeOf name));
          in
          builtins.seq found found
        );
      in
      builtins.trace "@R ${name} ${if result.success then result.value else "false"}" null
    );
in
builtins.foldl' (done: name: builtins.seq (print name) done) null (
  builtins.fromJSON (builtins.readFile (/. + names))
)
