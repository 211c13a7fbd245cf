{ lib
, localSystem, crossSystem, config, overlays, stages ? [ (_: {}) ]
}:

lib.init stages ++ [
  (buildPackages: {
    stdenv = buildPackages.stdenv.override (old: rec {
      cc = if crossSystem.usePrebuilt or false
             then buildPackages.prebuilt.clang
           else if crossSystem.useLLVM or false
             # a comment on the way
             then buildPackages.llvmPackages.clang
           else buildPackages.gcc;

      extraNativeBuildInputs = old.extraNativeBuildInputs
        ++ lib.optional
             (let f = p: !p.isx86 || builtins.elem p.libc [ "musl" "wasilibc" "relibc" ] || p.isiOS; in f crossSystem)
             buildPackages.updateAutotoolsGnuConfigScriptsHook
        ;
    });
  })
]
