# Nix's system names, by kind: what meta.platforms is made of.
{ lib }:

let
  inherit (lib.systems) inspect parse;
  all = [
    "aarch64-darwin"
    "aarch64-linux"
    "armv6l-linux"
    "armv7l-linux"
    "i686-linux"
    "loongarch64-linux"
    "powerpc64le-linux"
    "riscv64-linux"
    "s390x-linux"
    "wasm32-wasi"
    "x86_64-darwin"
    "x86_64-freebsd"
    "x86_64-linux"
    "x86_64-netbsd"
    "x86_64-openbsd"
    "x86_64-windows"
  ];
  those = predicate: lib.filter (double: predicate (parse.mkSystemFromString double)) all;
in
{
  inherit all;
  none = [ ];
  x86 = those inspect.predicates.isx86;
  x86_64 = those inspect.predicates.isx86_64;
  aarch64 = those inspect.predicates.isAarch64;
  linux = those inspect.predicates.isLinux;
  darwin = those inspect.predicates.isDarwin;
  freebsd = those inspect.predicates.isFreeBSD;
  unix = those inspect.predicates.isUnix;
  windows = those inspect.predicates.isWindows;
}
