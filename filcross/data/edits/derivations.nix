# Writes the derivation of each of `names` (JSON) in the package set `set` ("" for the native one, or an attribute of
# pkgsCross) as lines of trace, so that what is known is not lost when an attribute ends the evaluation.
{
  tree,
  overlay ? "",
  set ? "",
  names ? "[ ]",
}:

let
  path = text: /. + text;
  native = import (path tree) {
    localSystem.system = "x86_64-linux";
    config = { };
    overlays = if overlay == "" then [ ] else [ (import (path overlay)) ];
  };
  pkgs = if set == "" then native else native.pkgsCross.${set};

  derivation =
    name:
    let
      value = pkgs.${name};
    in
    if !(pkgs ? ${name}) then
      "absent"
    else if builtins.isAttrs value && value.type or null == "derivation" then
      value.drvPath
    else
      "other";

  report =
    name:
    let
      tried = builtins.tryEval (derivation name);
      answer = if tried.success then builtins.unsafeDiscardStringContext tried.value else "refused";
    in
    builtins.trace "@begin ${name}" (builtins.seq tried.success (builtins.trace "@result ${name} ${answer}" null));
in

{
  names = builtins.attrNames pkgs;
  results = builtins.foldl' (_: name: builtins.seq (report name) null) null (builtins.fromJSON names);
}
