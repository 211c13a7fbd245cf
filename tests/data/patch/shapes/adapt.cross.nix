# The shape in which the hook is decided about elsewhere (adapt.nix here). Written for the tests.
{
  lib,
  localSystem,
  crossSystem,
  bootStages,
}:

bootStages
++ [
  (
    buildPackages:
    let
      adaptStdenv = import ./adapt-stdenv.nix {
        inherit lib buildPackages;
        hostPlatform = crossSystem;
      };
      stdenvNoCC = adaptStdenv (buildPackages.stdenv.override { cc = null; });
    in
    {
      inherit stdenvNoCC;
      stdenv = stdenvNoCC.override {
        cc =
          if crossSystem.usePrebuilt or false then
            buildPackages.prebuilt.clang
          else if crossSystem.useLLVM or false then
            buildPackages.llvmPackages.clang
          else
            buildPackages.gcc;
      };
    }
  )
]
