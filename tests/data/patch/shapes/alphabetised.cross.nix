# An alphabetised fork: names are used before they are defined. Written for the tests.
{
  lib,
  bootStages,
  crossSystem,
  localSystem,
}:

bootStages
++ [
  (
    buildPackages:
    let
      stdenvNoCC = buildPackages.stdenv.override (old: rec {
        cc = null;
        extraNativeBuildInputs =
          old.extraNativeBuildInputs
          ++ lib.optional (
            let
              f = p: !p.isx86 || builtins.elem p.libc [ "musl" "relibc" ];
            in
            f hostPlatform && !(f localSystem)
          ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
        hasCC = false;
        hostPlatform = crossSystem;
        targetPlatform = crossSystem;
      });
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
        hasCC = true;
      };
    }
  )
]
