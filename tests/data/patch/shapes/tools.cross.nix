# The shape in which the compiler is chosen elsewhere (tools.nix here). Written for the tests.
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
      stdenvNoCC = buildPackages.stdenv.override (old: {
        hostPlatform = crossSystem;
        cc = null;
        extraNativeBuildInputs =
          old.extraNativeBuildInputs
          ++ lib.optional (
            let
              f =
                p:
                !p.isx86
                || builtins.elem p.libc [
                  "musl"
                  "relibc"
                ];
            in
            f crossSystem && !(f localSystem)
          ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
      });
    in
    {
      inherit config stdenvNoCC;
    }
    // lib.optionalAttrs (config ? replaceCrossStdenv) {
      stdenv =
        let
          baseStdenv = stdenvNoCC.override { cc = buildPackages.targetPackages._tools.cc; };
        in
        config.replaceCrossStdenv { inherit buildPackages baseStdenv; };
    }
  )
]
