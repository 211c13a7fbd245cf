# Programs of this machine as derivations. Each is a folder of links, whose hash depends on the contents of the programs
# (and of what `alsoDependsOn` names), so that another machine, or this one after an upgrade, gets another store path.
{
  lib,
  system,
  # Where programs are looked for, in this order. Not PATH: what a user has there is nobody's build tool.
  folders ? [
    "/usr/bin"
    "/bin"
    "/usr/local/bin"
    "/run/current-system/sw/bin"
  ],
}:
let
  candidates = program: builtins.filter builtins.pathExists (map (folder: "${folder}/${program}") folders);
  exists = program: candidates program != [ ];
  locate =
    program:
    if exists program then
      builtins.head (candidates program)
    else
      throw "the host bootstrap needs the program `${program}`, which this machine does not have; install it and try again";

  shell = locate "bash";
  names = import ./tool-names.nix;

  # Of some libraries and programs the name on disk depends on the machine; those that are there count.
  compilerParts =
    let
      root = "/usr/lib/gcc/x86_64-linux-gnu";
      releases = if builtins.pathExists root then builtins.attrNames (builtins.readDir root) else [ ];
    in
    lib.concatMap (
      release:
      map (part: "${root}/${release}/${part}") [
        "cc1"
        "cc1plus"
        "collect2"
        "crtbegin.o"
        "libgcc.a"
        "libstdc++.a"
      ]
    ) releases;
  libcParts = [
    "/lib64/ld-linux-x86-64.so.2"
    "/lib/x86_64-linux-gnu/libc.so.6"
    "/usr/lib/x86_64-linux-gnu/Scrt1.o"
    "/usr/lib/x86_64-linux-gnu/libc_nonshared.a"
    "/usr/include/stdio.h"
    "/usr/include/features.h"
  ];

  hashOf = file: builtins.hashFile "sha256" file;
  fingerprintOf =
    files:
    builtins.hashString "sha256" (
      lib.concatMapStringsSep "\n" (file: "${file} ${hashOf file}") (builtins.filter builtins.pathExists files)
    );

  # A folder of links to `programs`.
  link =
    {
      name,
      programs,
      alsoDependsOn ? [ ],
    }:
    derivation {
      inherit name system programs;
      filcrossHostBootstrap = "1";
      builder = shell;
      args = [ ./link-programs.sh ];
      PATH = "/usr/bin:/bin";
      targets = map locate programs;
      fingerprint = fingerprintOf (map locate programs ++ [ shell ] ++ alsoDependsOn);
      preferLocalBuild = true;
      allowSubstitutes = false;
    };

  gccVersion =
    let
      root = "/usr/lib/gcc/x86_64-linux-gnu";
      releases = builtins.filter (name: builtins.match "[0-9]+" name != null) (
        if builtins.pathExists root then builtins.attrNames (builtins.readDir root) else [ ]
      );
    in
    if releases == [ ] then "0" else lib.last (lib.sort (a: b: lib.toInt a < lib.toInt b) releases);
in
{
  inherit
    exists
    locate
    shell
    link
    fingerprintOf
    names
    system
    gccVersion
    ;

  # What every build finds on its PATH, and nothing else of the host.
  basic = link {
    name = "host-tools";
    programs = names.basic ++ builtins.filter exists names.coreutils;
  };
  compiler = link {
    name = "host-gcc-${gccVersion}";
    programs = names.compiler ++ names.binutils;
    alsoDependsOn = compilerParts ++ libcParts;
  };
  binutils = link {
    name = "host-binutils";
    programs = names.binutils;
  };
  # What recipes take from the C library's package: programs, and for iconv its header.
  libc =
    let
      linked = link {
        name = "host-libc-0";
        programs = builtins.filter exists names.libc;
        alsoDependsOn = libcParts;
      };
    in
    linked
    // {
      bin = linked;
      dev = linked;
      version = "0";
    };
  curl = derivation {
    name = "host-curl";
    inherit system shell;
    filcrossHostBootstrap = "1";
    builder = shell;
    args = [ ./make-curl.sh ];
    PATH = "/usr/bin:/bin";
    target = locate "curl";
    fingerprint = fingerprintOf [ (locate "curl") ];
  };
  # Kernel headers, copied: a header that Fil-C code includes must not change under it.
  linuxHeaders = derivation {
    name = "host-linux-headers";
    inherit system;
    filcrossHostBootstrap = "1";
    builder = shell;
    args = [ ./copy-headers.sh ];
    PATH = "/usr/bin:/bin";
    fingerprint = fingerprintOf [
      "/usr/include/linux/version.h"
      "/usr/include/asm-generic/unistd.h"
      "/usr/include/linux/input-event-codes.h"
    ];
  };
}
