# What the embedded tree makes of packages, as plain data and derivations that are never built.
{ tree }:
let
  pkgs = import tree { };
  inherit (pkgs) lib;
  cross = pkgs.pkgsCross.musl64;
  # Cross compilation needs a compiler for the platform: any wrapped program does for evaluation.
  withCompiler = import ./recorder.nix { inherit tree; };
  overlaid = import tree {
    overlays = [
      (final: prev: {
        hello = prev.hello.overrideAttrs (old: { pname = "${old.pname}-twice"; });
        greeting = final.hello.name;
      })
    ];
  };
in
{
  names = {
    plain = pkgs.hello.name;
    overridden = (pkgs.hello.overrideAttrs { pname = "other"; }).name;
    ofOld = (pkgs.hello.overrideAttrs (old: { pname = "very-${old.pname}"; })).name;
    ofFinal = (pkgs.hello.overrideAttrs (final: old: { version = "3"; })).src.name;
    twice = ((pkgs.hello.overrideAttrs { version = "3"; }).overrideAttrs (old: { version = "${old.version}.1"; })).name;
    afterOverride = ((pkgs.hello.overrideAttrs { pname = "kept"; }).override { lib = pkgs.lib; }).name;
    overlay = overlaid.greeting;
    extended = (pkgs.extend (_: _: { hello = "extended"; })).hello;
    crossBuilt = withCompiler.pkgsCross.musl64.hello.name;
    crossSource = withCompiler.pkgsCross.musl64.hello.src.name;
  };
  sameSource = pkgs.hello.src.drvPath == withCompiler.pkgsCross.musl64.hello.src.drvPath;
  sameNative = pkgs.nginx.drvPath == withCompiler.nginx.drvPath;
  gnu64IsNative = pkgs.hello.drvPath == pkgs.pkgsCross.gnu64.hello.drvPath;
  path = toString pkgs.path == toString (import tree { }).path && builtins.pathExists (pkgs.path + "/lib");

  stages = lib.mapAttrs (_: stage: [
    stage.stdenv.hostPlatform.config
    stage.stdenv.targetPlatform.config
  ]) {
    inherit (withCompiler.pkgsCross.musl64)
      pkgsBuildBuild
      pkgsBuildHost
      pkgsBuildTarget
      pkgsHostTarget
      buildPackages
      ;
  };
  spliced =
    let
      package = withCompiler.pkgsCross.musl64.callPackage (
        {
          stdenv,
          pcre2,
          perl,
          lzo,
        }:
        stdenv.mkDerivation {
          name = "spliced";
          nativeBuildInputs = [
            perl
            lzo
            null
            [ pcre2 ]
          ];
          buildInputs = [ pcre2 ];
        }
      ) { };
      names = map (input: input.drvPath);
    in
    {
      native =
        names package.drvAttrs.nativeBuildInputs == names [
          pkgs.perl
          pkgs.lzo
          pkgs.pcre2
        ];
      host = names package.drvAttrs.buildInputs == names [ withCompiler.pkgsCross.musl64.pcre2 ];
    };
  flags = {
    cross = withCompiler.pkgsCross.musl64.hello.drvAttrs.configureFlags;
    native = pkgs.hello.drvAttrs.configureFlags;
  };
  strict = {
    cross = withCompiler.pkgsCross.musl64.hello.drvAttrs.strictDeps;
    native = pkgs.hello.drvAttrs.strictDeps;
  };
  # aarch64 programs do not run here.
  checks =
    let
      tested = set: (set.stdenv.override { cc = null; hasCC = false; }).mkDerivation {
        name = "tested";
        doCheck = true;
      };
    in
    {
      native = (tested pkgs).drvAttrs.doCheck;
      musl = (tested cross).drvAttrs.doCheck;
      aarch64 = (tested pkgs.pkgsCross.aarch64-multiplatform).drvAttrs.doCheck;
    };
  hooks =
    let
      names = set: map (hook: hook.name) set.stdenvNoCC.extraNativeBuildInputs;
    in
    {
      native = names pkgs;
      musl = names cross;
    };
  replaced =
    (import tree {
      crossSystem = lib.systems.examples.musl64;
      config.replaceCrossStdenv =
        { buildPackages, baseStdenv }:
        baseStdenv.override { cc = buildPackages.hello; };
    }).stdenv.cc.name;
  crossOverlay =
    let
      set = import tree {
        crossSystem = lib.systems.examples.musl64;
        crossOverlays = [ (_: _: { marked = true; }) ];
      };
    in
    [
      (set.marked or false)
      (set.buildPackages.marked or false)
    ];
  packageOverrides =
    (import tree {
      config.packageOverrides = super: { hello = super.lzo; };
    }).hello.pname;
  platforms = map (p: p.system) (
    lib.filter (p: lib.meta.availableOn p pkgs.nginx) (
      map lib.systems.elaborate [
        "x86_64-linux"
        "aarch64-darwin"
        "x86_64-freebsd"
      ]
    )
  );

  # Each of these must fail, with a sentence.
  refused = {
    libc = (import tree { crossSystem.config = "x86_64-unknown-linux-uclibc"; }).buildPackages.libcCross;
    musl = cross.hello.drvPath;
    tool = cross.perl.drvPath;
    hardening = (pkgs.hello.overrideAttrs { hardeningDisable = [ "everything" ]; }).drvPath;
    dependency = (pkgs.hello.overrideAttrs { buildInputs = [ 1 ]; }).drvPath;
    structured = (pkgs.hello.overrideAttrs { __structuredAttrs = true; }).drvPath;
    argument = (pkgs.callPackage ({ noSuchPackage }: noSuchPackage) { });
    broken = (pkgs.hello.overrideAttrs { meta.broken = true; }).drvPath;
    elsewhere = (pkgs.hello.overrideAttrs { meta.platforms = [ "aarch64-darwin" ]; }).drvPath;
    overlays = (import tree { overlays = [ { } ]; }).hello.drvPath;
    hashless = (pkgs.fetchurl { url = "https://example.org/a.tar.gz"; }).drvPath;
    mirror = (pkgs.fetchurl {
      url = "mirror://nowhere/a.tar.gz";
      sha256 = lib.concatStrings (lib.genList (_: "0") 64);
    }).drvPath;
  };

  mirrors =
    (pkgs.fetchurl {
      url = "mirror://gnu/hello/hello-2.10.tar.gz";
      sha256 = "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b";
    }).drvAttrs.urls;

  # Tools of a machine with other folders
  hostTool =
    searchPath:
    let
      tools = import (tree + "/pkgs/stdenv/linux/host-tools.nix") {
        inherit lib searchPath;
        system = "x86_64-linux";
      };
    in
    (tools.hostTool {
      pname = "probe";
      debianPackage = "probe-package";
      programs = [ "probe" ];
    }).drvPath;
}
