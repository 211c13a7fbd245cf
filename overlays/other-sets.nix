# Package sets inside a package set (pkgsStatic, pkgsMusl, …): the tree makes them for another platform, whose packages
# would be ordinary code under a Fil-C name. Each one either is for Fil-C, too, or says why it is not there.
{ prev, lib }:
let
  refuse = name: reason: throw "pkgsCross.filc.${name} does not exist: ${reason}";

  reasons = {
    pkgsStatic = "nixpkgs makes its static packages with musl, not with Fil-C's libc, so they would be ordinary, memory-unsafe code. Use pkgsCross.filc itself, or pkgsCross.musl64.pkgsStatic if ordinary static code is what you want.";
    pkgsMusl = "it would be ordinary, memory-unsafe code with musl. Use pkgsCross.filc itself (its libc is Fil-C's), or pkgsCross.musl64 if ordinary code is what you want.";
    pkgsLLVM = "Fil-C brings its own clang, linker and runtime, and no other LLVM can make its code. Use pkgsCross.filc itself: its compiler is a clang already.";
    pkgsi686Linux = "Fil-C makes code for x86_64 Linux only, so there are no 32-bit packages. Use pkgsi686Linux of the native package set if ordinary code is what you want.";
  };

  # The stages of this very package set, and other platforms by their own names.
  own = [
    "pkgsBuildBuild"
    "pkgsBuildHost"
    "pkgsBuildTarget"
    "pkgsCross"
    "pkgsHostHost"
    "pkgsHostTarget"
    "pkgsTargetTarget"
  ];
  isOther = name: builtins.match "pkgs[A-Zix].*" name != null && !(builtins.elem name own) && !(reasons ? ${name});
  others = builtins.filter isOther (builtins.attrNames prev);

  guard =
    name:
    let
      set = prev.${name};
    in
    if !(builtins.isAttrs set && set ? stdenv) || set.stdenv.hostPlatform.isFilC or false then
      set
    else
      refuse name "its packages are for ${set.stdenv.hostPlatform.config}, so they would be ordinary, memory-unsafe code.";
in
lib.mapAttrs refuse reasons // lib.genAttrs others guard
