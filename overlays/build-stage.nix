# What runs on the build machine and makes Fil-C code: the compiler, its binutils, and the answers to questions about
# the libc that it links with. `final.buildPackages` is the native stage here.
{
  parameters,
  final,
  prev,
}:
let
  inherit (prev) lib;
  ifAsked = name: value: lib.optionalAttrs (prev ? ${name}) { ${name} = value; };

  toolchain = import ./toolchain { inherit parameters final lib; };
  wrappers = import ./wrappers { inherit parameters final prev; };
  gnuConfig = import ./gnu-config { inherit final prev lib; };
  otherCompilers = import ./other-compilers.nix { inherit final prev lib; };
in
{
  filc-libc = toolchain.libc;
  filc-cc-unwrapped = toolchain.compiler;
  filc-bintools-unwrapped = wrappers.bintoolsUnwrapped;
  filc-bintools = wrappers.bintools;
  # The name that the patched pkgs/stdenv/cross asks for.
  filcc = wrappers.compiler;

  # Binutils for another target are the native ones under prefixed names: building them anew would need a config.sub
  # that knows filc, and gain nothing.
  binutils-unwrapped = final.filc-bintools-unwrapped;
  binutils = final.filc-bintools;
}
# Libraries cut from the sources of binutils: the native ones, too.
// ifAsked "libbfd" final.buildPackages.libbfd
// ifAsked "libopcodes" final.buildPackages.libopcodes
// ifAsked "bintools-unwrapped" final.filc-bintools-unwrapped
// ifAsked "bintools" final.filc-bintools
// ifAsked "libcCross" final.filc-libc
// ifAsked "glibcCross" final.filc-libc
// otherCompilers
// gnuConfig
