# One overlay for every stage of a package set. It acts in two of them only: where tools run on the build machine and
# make Fil-C code (host: native, target: filc), and where packages are Fil-C code themselves (host: filc). In every
# other stage, of every other platform, it is the empty set, so no other derivation can change.
parameters: final: prev:
let
  isFilC = platform: platform.isFilC or false;
  inherit (prev.stdenv) hostPlatform targetPlatform;
  arguments = { inherit parameters final prev; };
  filcStage = import ./filc-stage.nix arguments;
in
if isFilC hostPlatform then
  filcStage
  // import ./ports {
    inherit final;
    prev = prev // filcStage;
    inherit (prev) lib;
  }
else if isFilC targetPlatform then
  import ./build-stage.nix arguments
else
  { }
