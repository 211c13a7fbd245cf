# Compares derivations of a pristine tree with those of the same tree with the patch and the overlay.
# names, tools: JSON lists of attributes; sets: JSON list of paths to package sets of other platforms.
# changed: what differs; changedTools: tools of the Fil-C set's build side that differ from the native ones.
{
  pristine,
  patched,
  overlay,
  names,
  sets,
  tools,
}:
let
  load =
    tree: overlays:
    import (/. + tree) {
      inherit overlays;
      localSystem.system = "x86_64-linux";
      config = { };
    };
  before = load pristine [ ];
  after = load patched [ (import (/. + overlay)) ];
  at = set: builtins.foldl' (inner: name: inner.${name}) set;
  derivation =
    set: name:
    let
      answer = builtins.tryEval set.${name}.drvPath;
    in
    if !(set ? ${name}) then
      "no ${name}"
    else if answer.success then
      answer.value
    else
      "throws";
  pairs = builtins.concatMap (
    path:
    map (name: {
      name = builtins.concatStringsSep "." (path ++ [ name ]);
      before = derivation (at before path) name;
      after = derivation (at after path) name;
    }) (builtins.fromJSON names)
  ) (builtins.fromJSON sets);
  isDerivation = text: builtins.match "/.*" text != null;
in
{
  compared = builtins.length (builtins.filter (pair: isDerivation pair.before) pairs);
  changed = map (pair: pair.name) (builtins.filter (pair: pair.before != pair.after) pairs);
  changedTools = builtins.filter (
    name:
    derivation after name != derivation after.pkgsCross.filc.buildPackages name || !(isDerivation (derivation after name))
  ) (builtins.fromJSON tools);
}
