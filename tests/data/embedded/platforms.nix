# What the embedded tree says of platforms, as plain data.
{ tree }:
let
  lib = import (tree + "/lib");
  describe =
    platform:
    let
      p = lib.systems.elaborate platform;
    in
    {
      inherit (p)
        config
        system
        libc
        isLinux
        isMusl
        isGnu
        isDarwin
        isx86_64
        isAarch64
        is64bit
        hasSharedLibraries
        ;
      shared = p.extensions.sharedLibrary or null;
      abi = p.parsed.abi.name;
      vendor = p.parsed.vendor.name;
    };
  native = lib.systems.elaborate "x86_64-linux";
in
{
  described =
    names:
    lib.genAttrs names describe;
  examples = lib.mapAttrs (_: describe) lib.systems.examples;
  pkgsCross = lib.attrNames (import tree { }).pkgsCross;
  equalities = {
    sameName = lib.systems.equals native (lib.systems.elaborate "x86_64-unknown-linux-gnu");
    otherLibc = lib.systems.equals native (lib.systems.elaborate "x86_64-linux-musl");
  };
  runs = {
    i686 = native.canExecute (lib.systems.elaborate "i686-linux");
    musl = native.canExecute (lib.systems.elaborate lib.systems.examples.musl64);
    aarch64 = native.canExecute (lib.systems.elaborate "aarch64-linux");
    darwin = native.canExecute (lib.systems.elaborate "x86_64-darwin");
  };
  given = (lib.systems.elaborate {
    config = "x86_64-unknown-linux-gnu";
    libc = "newlib";
  }).libc;
  linuxDoubles = lib.platforms.linux;
  elaborate = name: (lib.systems.elaborate name).config;
}
