{
  filcPackages = callPackages ../development/compilers/filc { };

  inherit (filcPackages) filc-bintools-unwrapped filc-cc-unwrapped;

  # The compiler and what it makes have one C library.
  filc-libc =
    if stdenv.hostPlatform.isFilC then buildPackages.filc-libc else filcPackages.filc-libc;

  filc-bintools = wrapBintoolsWith {
    bintools = filc-bintools-unwrapped;
    libc = filc-libc;
  };

  filcc = wrapCCWith {
    cc = filc-cc-unwrapped;
    bintools = filc-bintools;
    libc = filc-libc;
    # A clang takes GCC's runtime libraries by default; Fil-C has its own. # where pkgs/build-support/cc-wrapper/default.nix says useCcForLibs
    gccForLibs = null; # where pkgs/build-support/cc-wrapper/default.nix says gccForLibs
    useCcForLibs = false; # where pkgs/build-support/cc-wrapper/default.nix says useCcForLibs
    extraBuildCommands = ''
      echo "${lib.concatStringsSep " " filc-cc-unwrapped.cflags}" >> $out/nix-support/cc-cflags
    '';
  };
}
