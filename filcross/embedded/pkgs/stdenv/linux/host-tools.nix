# Packages out of tools that this machine has. Nothing is copied: a package is a folder of links to a fixed list of
# programs, so a build sees these and no others. Each carries a fingerprint of the files behind its links, so that the
# same name on another machine, or here after an upgrade, is another derivation.
{
  lib,
  system,
  # Where the machine keeps its programs
  searchPath ? [
    "/usr/bin"
    "/bin"
  ],
}:

let
  shell = findProgram "bash" "bash";

  findProgram =
    debianPackage: program:
    let
      found = lib.filter (dir: builtins.pathExists "${dir}/${program}") searchPath;
    in
    if found == [ ] then
      throw (
        "this machine has no `${program}' in ${lib.concatStringsSep " or " searchPath}:"
        + " install it (on Debian: apt-get install ${debianPackage})"
      )
    else
      "${lib.head found}/${program}";

  findFile =
    debianPackage: candidates:
    let
      found = lib.filter (file: builtins.pathExists file) candidates;
    in
    if found == [ ] then
      throw "this machine has no ${lib.head candidates}: install it (on Debian: apt-get install ${debianPackage})"
    else
      lib.head found;

  fingerprint =
    files:
    builtins.hashString "sha256" (
      lib.concatMapStrings (file: "${file} ${builtins.hashFile "sha256" file}\n") files
    );

  # A package of links. `programs` are names; `files` maps places in the package to files of the machine; `witnesses`
  # are more files that decide what the tools do, or that name the version of folders.
  hostTool =
    {
      pname,
      debianPackage ? pname,
      programs ? [ ],
      # Added to the names of the links: a tool that is for a target platform
      prefix ? "",
      files ? { },
      witnesses ? [ ],
      # Folders of the machine to copy: places in the package to candidates
      folders ? { },
      setupHook ? null,
      passthru ? { },
      description ? "The ${pname} of this machine",
    }@args:
    let
      links =
        map (program: {
          place = "bin/${prefix}${program}";
          file = findProgram debianPackage program;
        }) programs
        ++ lib.mapAttrsToList (place: candidates: {
          inherit place;
          file = findFile debianPackage (lib.toList candidates);
        }) files;

      drv = derivation (
        {
          name = "${prefix}${pname}-host";
          pname = "${prefix}${pname}";
          version = "host";
          inherit system;
          builder = shell;
          args = [
            "-e"
            ./host-tool-builder.sh
          ];
          PATH = lib.concatStringsSep ":" searchPath;
          places = map (link: link.place) links;
          targets = map (link: link.file) links;
          copyPlaces = lib.attrNames folders;
          copySources = map (candidates: findFile debianPackage (lib.toList candidates)) (lib.attrValues folders);
          fingerprint = fingerprint (
            map (link: link.file) links ++ lib.filter (file: builtins.pathExists file) witnesses
          );
          preferLocalBuild = true;
          allowSubstitutes = false;
        }
        // lib.optionalAttrs (setupHook != null) { inherit setupHook; }
      );
    in
    drv
    // {
      meta = {
        inherit description;
        platforms = [ system ];
        mainProgram = lib.head (programs ++ [ pname ]);
      };
      fromHost = true;
      override = changes: hostTool (args // (if lib.isFunction changes then changes args else changes));
      overrideAttrs = _: throw "${pname} is a tool of this machine and is not built: use override";
    }
    // passthru;
in
{
  inherit hostTool findProgram;

  bash = hostTool {
    pname = "bash";
    programs = [
      "bash"
      "sh"
    ];
    passthru.shellPath = "/bin/bash";
  };
  coreutils = hostTool {
    pname = "coreutils";
    programs = [
      "[" "arch" "b2sum" "base32" "base64" "basename" "basenc" "cat" "chgrp" "chmod" "chown" "cksum" "comm"
      "cp" "csplit" "cut" "date" "dd" "df" "dir" "dircolors" "dirname" "du" "echo" "env" "expand" "expr" "factor" "false"
      "fmt" "fold" "groups" "head" "hostid" "id" "install" "join" "link" "ln" "logname" "ls" "md5sum" "mkdir" "mkfifo"
      "mknod" "mktemp" "mv" "nice" "nl" "nohup" "nproc" "numfmt" "od" "paste" "pathchk" "pinky" "pr" "printenv" "printf"
      "ptx" "pwd" "readlink" "realpath" "rm" "rmdir" "runcon" "seq" "sha1sum" "sha224sum" "sha256sum" "sha384sum"
      "sha512sum" "shred" "shuf" "sleep" "sort" "split" "stat" "stdbuf" "stty" "sum" "sync" "tac" "tail" "tee" "test"
      "timeout" "touch" "tr" "true" "truncate" "tsort" "tty" "uname" "unexpand" "uniq" "unlink" "users" "vdir" "wc"
      "who" "whoami" "yes"
    ];
  };
  findutils = hostTool {
    pname = "findutils";
    programs = [
      "find"
      "xargs"
    ];
  };
  diffutils = hostTool {
    pname = "diffutils";
    programs = [
      "cmp"
      "diff"
      "diff3"
      "sdiff"
    ];
  };
  gnused = hostTool {
    pname = "gnused";
    debianPackage = "sed";
    programs = [ "sed" ];
  };
  gnugrep = hostTool {
    pname = "gnugrep";
    debianPackage = "grep";
    programs = [
      "grep"
      "egrep"
      "fgrep"
    ];
  };
  gawk = hostTool {
    pname = "gawk";
    programs = [ "awk" ];
  };
  gnutar = hostTool {
    pname = "gnutar";
    debianPackage = "tar";
    programs = [ "tar" ];
  };
  gzip = hostTool {
    pname = "gzip";
    programs = [
      "gzip"
      "gunzip"
      "zcat"
    ];
  };
  bzip2 = hostTool {
    pname = "bzip2";
    programs = [
      "bzip2"
      "bunzip2"
      "bzcat"
    ];
  };
  xz = hostTool {
    pname = "xz";
    debianPackage = "xz-utils";
    programs = [
      "xz"
      "unxz"
      "xzcat"
    ];
  };
  gnumake = hostTool {
    pname = "gnumake";
    debianPackage = "make";
    programs = [ "make" ];
  };
  gnupatch = hostTool {
    pname = "gnupatch";
    debianPackage = "patch";
    programs = [ "patch" ];
  };
  patchelf = hostTool {
    pname = "patchelf";
    programs = [ "patchelf" ];
    setupHook = ../../tools/patchelf/setup-hook.sh;
  };
  file = hostTool {
    pname = "file";
    programs = [ "file" ];
  };
  perl = hostTool {
    pname = "perl";
    programs = [ "perl" ];
  };
  curl = hostTool {
    pname = "curl";
    programs = [ "curl" ];
  };
  pkg-config = hostTool {
    pname = "pkg-config";
    programs = [ "pkg-config" ];
  };
  m4 = hostTool {
    pname = "gnum4";
    debianPackage = "m4";
    programs = [ "m4" ];
  };

  gcc = hostTool {
    pname = "gcc";
    programs = [
      "gcc"
      "g++"
      "cpp"
    ];
    # Native programs are linked to the machine's libc.
    witnesses = [
      "/lib/x86_64-linux-gnu/libc.so.6"
      "/lib/aarch64-linux-gnu/libc.so.6"
      "/lib64/libc.so.6"
    ];
    passthru = {
      isGNU = true;
      langC = true;
      langCC = true;
      hardeningUnsupportedFlags = [ ];
    };
    description = "GNU Compiler Collection of this machine";
  };
  binutils =
    prefix:
    hostTool {
      pname = "binutils";
      inherit prefix;
      programs = [
        "addr2line"
        "ar"
        "as"
        "c++filt"
        "ld"
        "ld.bfd"
        "nm"
        "objcopy"
        "objdump"
        "ranlib"
        "readelf"
        "size"
        "strings"
        "strip"
      ];
      passthru.isGNU = true;
      description = "GNU tools for object files of this machine";
    };

  # The kernel's interface, copied: the folder's version and its package's checksums stand for all of its files.
  linuxHeaders = hostTool {
    pname = "linux-headers";
    debianPackage = "linux-libc-dev";
    folders =
      {
        "include/linux" = "/usr/include/linux";
        "include/asm-generic" = "/usr/include/asm-generic";
        "include/asm" = [
          "/usr/include/${lib.head (lib.splitString "-" system)}-linux-gnu/asm"
          "/usr/include/asm"
        ];
      }
      # Distributions put some of the others elsewhere.
      // lib.listToAttrs (
        map (part: lib.nameValuePair "include/${part}" "/usr/include/${part}") (
          lib.filter (part: builtins.pathExists "/usr/include/${part}") [
            "drm"
            "misc"
            "mtd"
            "rdma"
            "sound"
            "video"
            "xen"
          ]
        )
      );
    witnesses = [
      "/usr/include/linux/version.h"
      "/var/lib/dpkg/info/linux-libc-dev:amd64.md5sums"
      "/var/lib/dpkg/info/linux-libc-dev:arm64.md5sums"
    ];
    description = "The kernel's headers of this machine";
  };

  gnu-config = hostTool {
    pname = "gnu-config";
    debianPackage = "autotools-dev";
    files = lib.genAttrs [ "config.guess" "config.sub" ] (script: [
      "/usr/share/misc/${script}"
      "/usr/share/automake-1.16/${script}"
      "/usr/share/automake-1.17/${script}"
      "/usr/share/libtool/build-aux/${script}"
    ]);
    description = "The scripts that know the names of platforms";
  };
}
