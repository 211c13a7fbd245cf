# Prints what a tree says of packages of one platform, on stderr as it comes: a line `@B NAME` before each package and
# `@R NAME JSON` after it, so that a death in the middle loses nothing but the package that caused it. Between the two,
# `@I REASON JSON` is what the tree says against a package by its metadata (broken, unsupported, …).
#
# tree, overlay: folders. entry: the file entry.nix. names: a JSON file with a list of attribute paths.
# overlays: the user's own, as entry.nix takes them, for every platform.
# platform: "filc" for the overlay's platform, else one of the tree itself, without overlay: the name of an example
# (musl64) or a configuration (x86_64-unknown-linux-musl).
# only: "decisions" (all that the derivation says), "derivation" for nothing but its path, or "port" for what its port did
# to it (overlays/ports).
# guard: "yes" to go on after what Nix can catch; "no" lets it die, with the message that it hides otherwise.
{
  tree,
  overlay ? "",
  overlays ? "[]",
  entry,
  names,
  platform,
  only ? "decisions",
  guard ? "yes",
}:
let
  treePath = /. + tree;
  firstLine = text: builtins.head (builtins.split "\n" text);
  # corepkgs takes no configuration but what its options declare, and this is none of them: there, an issue is what its
  # message says.
  declares = builtins.pathExists (treePath + "/config/package-options.nix");
  config =
    if declares then
      { }
    else
      {
        handleEvalIssue =
          reason: message: builtins.trace "@I ${reason} ${builtins.toJSON (firstLine message)}" (throw message);
      };
  foreign =
    crossSystem:
    import treePath (
      {
        localSystem = {
          system = "x86_64-linux";
        };
        inherit config;
        overlays = map (place: import (/. + place)) (builtins.fromJSON overlays);
      }
      // (if crossSystem == null then { } else { inherit crossSystem; })
    );
  packages =
    if platform == "filc" then
      (import (/. + entry) { inherit
          tree
          overlay
          overlays
          config
          ;
      }).pkgsCross.filc
    else if builtins.length (builtins.split "-.*-" platform) > 1 then
      foreign { config = platform; }
    else
      (foreign null).pkgsCross.${platform};

  attributeOf =
    name:
    packages.${name} or (builtins.foldl' (set: part: set.${part}) packages (
      builtins.filter builtins.isString (builtins.split "[.]" name)
    ));

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
  answer =
    value:
    if !isDerivation value then
      null
    else
      {
        # Refusals that a tree makes when the derivation is asked for come with this.
        derivation = plainPath value;
        ported = value ? filcrossPort;
      }
      // (
        if only == "derivation" then
          { }
        else if only == "port" then
          { decisions = port value; }
        else
          { decisions = builtins.mapAttrs (_: plain) (removeAttrs (value.drvAttrs or { }) ignored); }
      );

  # What overlays/ports says of a package, and the derivation that it would be without its port.
  port =
    value:
    let
      report = value.filcrossPort or null;
    in
    { derivation = plainPath value; }
    // (
      if report == null then
        { }
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
          without = plainPath report.without;
        }
    );
  plainPath = value: builtins.unsafeDiscardStringContext value.drvPath;

  try =
    if guard == "yes" then
      builtins.tryEval
    else
      value: {
        success = true;
        inherit value;
      };
  print =
    name:
    builtins.trace "@B ${name}" (
      let
        result = try (
          let
            found = builtins.toJSON (answer (attributeOf name));
          in
          builtins.seq found found
        );
        said = if result.success then result.value else "false";
      in
      builtins.seq said (builtins.trace "@R ${name} ${said}" null)
    );
in
builtins.seq packages (
  builtins.foldl' (done: name: builtins.seq (print name) done) null (
    builtins.fromJSON (builtins.readFile (/. + names))
  )
)
