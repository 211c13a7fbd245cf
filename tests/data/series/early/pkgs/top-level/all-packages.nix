{ lib, stdenv, pkgs, targetPackages }:
with pkgs;
{
  wrapCCWith = { cc, ... }@arguments: callPackage ../build-support/cc-wrapper arguments;

  # We can choose:
  libcCrossChooser = name:
    /**/ if name == "glibc" then targetPackages.glibcCross or glibcCross
    else if name == "musl" then targetPackages.muslCross or muslCross
    else throw "Unknown libc ${name}";

  libiconv =
    if lib.elem stdenv.hostPlatform.libc ["glibc" "musl" "wasilibc"]
      then glibcIconv libcCross
    else libiconvReal;
}
