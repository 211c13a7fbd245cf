# A shape with no place for the choice of the compiler, but for the user's configuration. Written for the tests.
{
  lib,
  localSystem,
  crossSystem,
  config,
  bootStages,
}:

bootStages
++ [
  (
    buildPackages:
    let
      baseStdenv = buildPackages.stdenv.override (old: {
        hostPlatform = crossSystem;
        cc = buildPackages.gcc;
        extraNativeBuildInputs =
          old.extraNativeBuildInputs
          ++ lib.optional (
            builtins.elem crossSystem.libc [ "musl" ] && !localSystem.isMusl
          ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
      });
    in
    {
      stdenv =
        if config ? replaceCrossStdenv then
          config.replaceCrossStdenv { inherit buildPackages baseStdenv; }
        else
          baseStdenv;
    }
  )
]
