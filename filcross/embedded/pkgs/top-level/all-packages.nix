# All packages of a stage.
{ lib, config }:

pkgs: super:

let
  inherit (pkgs)
    buildPackages
    buildPlatform
    callPackage
    hostPlatform
    stdenv
    targetPackages
    targetPlatform
    ;

  hostTools = import ../stdenv/linux/host-tools.nix {
    inherit lib;
    inherit (buildPlatform) system;
  };

  # This machine's tools run on this machine. For another platform there is an attribute, so that splicing finds the
  # one that runs here, but no package.
  unavailable =
    name:
    let
      missing = throw (
        "${name} is a tool of the machine that builds:"
        + " this package set does not have it for ${hostPlatform.config}"
      );
      package = {
        type = "derivation";
        inherit name;
        pname = name;
        version = "host";
        outputs = [ "out" ];
        outputName = "out";
        out = package;
        outPath = missing;
        drvPath = missing;
        meta = { };
      };
    in
    package;
  tool = name: if hostPlatform == buildPlatform then hostTools.${name} else unavailable name;

  unavailableFor = what: throw "this package set has no ${what} for ${targetPlatform.config}";

  # What the wrappers ask about the environment that they are for
  native = targetPlatform == hostPlatform;
in

{
  # Tools of the machine
  bash = tool "bash";
  bzip2 = tool "bzip2";
  coreutils = tool "coreutils";
  curl = tool "curl";
  diffutils = tool "diffutils";
  file = tool "file";
  findutils = tool "findutils";
  gawk = tool "gawk";
  gnugrep = tool "gnugrep";
  gnum4 = tool "m4";
  gnumake = tool "gnumake";
  gnupatch = tool "gnupatch";
  gnused = tool "gnused";
  gnutar = tool "gnutar";
  gzip = tool "gzip";
  m4 = pkgs.gnum4;
  patchelf = tool "patchelf";
  perl = tool "perl";
  pkg-config = tool "pkg-config";
  pkgconfig = pkgs.pkg-config;
  xz = tool "xz";

  runtimeShellPackage = pkgs.bash;
  runtimeShell = "${pkgs.runtimeShellPackage}${pkgs.runtimeShellPackage.shellPath or "/bin/bash"}";
  expand-response-params = "";

  # Compilers and linkers
  gcc-unwrapped = if native then hostTools.gcc else unavailableFor "GCC";
  gcc = pkgs.wrapCCWith { cc = pkgs.gcc-unwrapped; };

  # GNU binutils read and write the object files of every Linux platform of the same CPU.
  binutils-unwrapped =
    if native then
      hostTools.binutils ""
    else if targetPlatform.isLinux && targetPlatform.parsed.cpu.name == hostPlatform.parsed.cpu.name then
      hostTools.binutils "${targetPlatform.config}-"
    else
      unavailableFor "binutils";
  binutils = pkgs.wrapBintoolsWith { bintools = pkgs.binutils-unwrapped; };
  bintools-unwrapped = pkgs.binutils-unwrapped;
  bintools = pkgs.binutils;

  wrapCCWith =
    {
      cc,
      bintools ? pkgs.binutils,
      libc ? bintools.libc,
      libcxx ? null,
      extraPackages ? [ ],
      ...
    }@extraArgs:
    callPackage ../build-support/cc-wrapper (
      let
        self = {
          nativeTools = native && stdenv.cc.nativeTools or false;
          nativeLibc = native && stdenv.cc.nativeLibc or false;
          nativePrefix = stdenv.cc.nativePrefix or "";
          noLibc = !self.nativeLibc && self.libc == null;
          isGNU = cc.isGNU or false;
          isClang = cc.isClang or false;
          inherit
            cc
            bintools
            libc
            libcxx
            extraPackages
            ;
        } // extraArgs;
      in
      self
    );
  wrapCC = cc: pkgs.wrapCCWith { inherit cc; };

  wrapBintoolsWith =
    {
      bintools,
      libc ? if native then stdenv.cc.libc else pkgs.libcCross,
      ...
    }@extraArgs:
    callPackage ../build-support/bintools-wrapper (
      let
        self = {
          nativeTools = native && stdenv.cc.nativeTools or false;
          nativeLibc = native && stdenv.cc.nativeLibc or false;
          nativePrefix = stdenv.cc.nativePrefix or "";
          noLibc = !self.nativeLibc && self.libc == null;
          inherit bintools libc;
        } // extraArgs;
      in
      self
    );

  # The GCC whose libraries a clang uses
  gccForLibs = pkgs.gcc-unwrapped;

  # C libraries. Native programs use the machine's own, which is no package.
  libcCrossChooser =
    name:
    if name == "glibc" then
      targetPackages.glibcCross or pkgs.glibcCross
    else if name == "musl" then
      targetPackages.muslCross or pkgs.muslCross
    else if name == "newlib" then
      targetPackages.newlibCross or pkgs.newlibCross
    else
      throw "Unknown libc ${name}";
  libcCross =
    assert targetPlatform != buildPlatform;
    pkgs.libcCrossChooser targetPlatform.libc;
  glibcCross = unavailableFor "glibc";
  muslCross = unavailableFor "musl";
  newlibCross = unavailableFor "newlib";

  linuxHeaders = tool "linuxHeaders";

  # Asked for by name for these platforms
  apple-sdk = throw "this package set has no SDK for ${hostPlatform.config}";
  llvmPackages = throw "this package set has no LLVM";

  # Conversion of text and messages are part of these C libraries.
  libiconv =
    if
      lib.elem hostPlatform.libc [
        "glibc"
        "musl"
      ]
    then
      null
    else
      throw "this package set has no libiconv for ${hostPlatform.config}";
  libintl =
    if
      lib.elem hostPlatform.libc [
        "glibc"
        "musl"
      ]
    then
      null
    else
      throw "this package set has no libintl for ${hostPlatform.config}";

  # Building
  fetchurl = import ../build-support/fetchurl {
    inherit lib;
    # Sources are fetched here, whatever they become.
    inherit (buildPackages) curl stdenvNoCC;
  };
  gnu-config = tool "gnu-config";
  updateAutotoolsGnuConfigScriptsHook = pkgs.makeSetupHook {
    name = "update-autotools-gnu-config-scripts-hook";
    substitutions = {
      gnu_config = pkgs.gnu-config;
    };
  } ../build-support/setup-hooks/update-autotools-gnu-config-scripts.sh;

  # Programs and libraries
  hello = callPackage ../applications/misc/hello { };
  lzo = callPackage ../development/libraries/lzo { };
  lzop = callPackage ../tools/compression/lzop { };
  nginx = callPackage ../servers/http/nginx { };
  pcre2 = callPackage ../development/libraries/pcre2 { };
}
