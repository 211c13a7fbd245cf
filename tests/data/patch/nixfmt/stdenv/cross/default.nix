{
  lib,
  crossSystem,
  overlays,
  targetPlatform ? crossSystem,
}:

[
  (
    buildPackages:
    let
      stdenvNoCC = buildPackages.stdenv.override (old: rec {
        cc = null;
        extraNativeBuildInputs = lib.optional (
          let
            f =
              p:
              !p.isx86
              || builtins.elem p.libc [
                "musl"
                "wasilibc"
              ]
              || p.isiOS;
          in
          f crossSystem
        ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
      });
    in
    {
      stdenv = stdenvNoCC.override {
        cc =
          if crossSystem.usePrebuilt or false then
            buildPackages.prebuilt.clang
          else if
            targetPlatform.isGhcjs
          # a reason
          then
            throw "no C compiler provided for this platform"
          else
            buildPackages.gcc;
      };
    }
  )
]
