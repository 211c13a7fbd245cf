{
  lib,
  stdenv,
  pkgs,
}:
with pkgs;
{
  bintoolsNoLibc = wrapBintoolsWith {
    libc = preLibcHeaders;
  };

  wrapCCWith = { cc, ... }@arguments: callPackage ../build-support/cc-wrapper arguments;

  libc =
    let
      inherit (stdenv.hostPlatform) libc;
    in
    if libc == null then
      null
    else if libc == "glibc" then
      glibc
    else if libc == "musl" then
      musl
    else
      throw "Unknown libc ${libc}";

  libiconv =
    if
      lib.elem stdenv.hostPlatform.libc [
        "glibc"
        "musl"
        "wasilibc"
      ]
    then
      libcIconv pkgs.libc
    else
      libiconvReal;
}
