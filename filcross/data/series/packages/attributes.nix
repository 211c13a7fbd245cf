{
  filcPackages = callPackages ../development/compilers/filc { };

  # The compiler and what it makes have one C library.
  filc-libc =
    if stdenv.hostPlatform.isFilC then buildPackages.filc-libc else filcPackages.filc-libc;

  filcc =
    if stdenv.targetPlatform.isFilC then
      filcPackages.filcc
    else
      pkgsCross.filc.buildPackages.filcc;
}
