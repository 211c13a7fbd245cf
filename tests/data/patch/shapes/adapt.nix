# Another platform for an existing standard environment. Written for the tests.
{
  lib,
  buildPackages,
  hostPlatform,
}:
stdenv:
stdenv.override (old: {
  inherit hostPlatform;
  extraNativeBuildInputs =
    (old.extraNativeBuildInputs or [ ])
    ++ lib.optional (
      let
        needsUpdate =
          p:
          !p.isx86
          || builtins.elem p.libc [
            "musl"
            "wasilibc"
          ];
      in
      needsUpdate hostPlatform && !(needsUpdate stdenv.buildPlatform)
    ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
})
