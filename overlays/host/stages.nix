# The stages of a package set, for the tree's `stdenvStages` argument: a native stage whose stdenv is the tree's own
# generic one around the host's tools, and for another platform the tree's own cross stages on top of it.
{
  lib,
  tree,
  tools,
}:
let
  # setup.sh of trees before 2022 reads its files with `read -N 0`, which bash 5.2 ends with an error.
  setupText = builtins.readFile (tree + "/pkgs/stdenv/generic/setup.sh");
  fixedText = builtins.replaceStrings [ "read -r -N 0" ] [ "read -r -d ''" ] setupText;
  setupScript =
    if fixedText == setupText then
      tree + "/pkgs/stdenv/generic/setup.sh"
    else
      builtins.toFile "setup.sh" fixedText;

  # Apply a function of the tree to those of `arguments` that this year's version has.
  apply = function: arguments: function (builtins.intersectAttrs (builtins.functionArgs function) arguments);
  shell = "${tools.basic}/bin/bash";

  native =
    {
      localSystem,
      config,
      overlays,
      ...
    }:
    let
      makeStdenv =
        {
          name,
          cc,
          fetchurl,
          extraNativeBuildInputs ? [ ],
        }:
        # makeOverridable hides the names of the arguments in some years: pass only what every year has.
        import (tree + "/pkgs/stdenv/generic") {
          inherit
            name
            cc
            config
            shell
            setupScript
            extraNativeBuildInputs
            ;
          buildPlatform = localSystem;
          hostPlatform = localSystem;
          targetPlatform = localSystem;
          initialPath = [ tools.basic ];
          # Host programs need paths outside the store; the wrapper of Fil-C's compiler switches this on again.
          preHook = ''
            export NIX_ENFORCE_PURITY="''${NIX_ENFORCE_PURITY-}"
            export NIX_ENFORCE_NO_NATIVE="''${NIX_ENFORCE_NO_NATIVE-1}"
            export LC_ALL=C
            export filcrossHostBootstrap=1
          '';
          fetchurlBoot = fetchurl;
          overrides = _: _: { };
        };
      stdenvNoCC = makeStdenv {
        name = "stdenv-filcross-host-bootstrap-without-compiler";
        cc = null;
        fetchurl = null;
      };
      fetchurl = apply (import (tree + "/pkgs/build-support/fetchurl")) {
        inherit lib stdenvNoCC config;
        buildPackages = {
          inherit stdenvNoCC;
        };
        # A source that is in the store already needs no program.
        curl = if tools.exists "curl" then tools.curl else null;
        # The hash of what comes is checked, so its sender need not be.
        cacert = null;
      };

      wrapped = {
        inherit lib stdenvNoCC;
        nativeTools = true;
        nativeLibc = true;
        nativePrefix = "${tools.compiler}";
        isGNU = true;
        isLLVM = false;
        isCCTools = false;
        runtimeShell = shell;
        inherit shell;
        expand-response-params = "";
        buildPackages.stdenv.hasCC = false;
      };
      bintools = apply (import (tree + "/pkgs/build-support/bintools-wrapper")) (
        wrapped
        // {
          name = "host-bintools";
          bintools = tools.binutils // {
            isGNU = true;
            pname = "host-binutils";
            version = "host";
          };
          propagateDoc = false;
        }
      );
      # What `stdenv.cc.cc` is asked for.
      unwrapped = tools.compiler // {
        isGNU = true;
        isClang = false;
        pname = "host-gcc";
        version = tools.gccVersion;
        lib = tools.compiler;
        langC = true;
        langCC = true;
      };
      cc =
        apply (import (tree + "/pkgs/build-support/cc-wrapper")) (
          wrapped
          // {
            name = "host-cc";
            inherit bintools;
            cc = unwrapped;
            propagateDoc = false;
          }
        )
        // {
          cc = unwrapped;
          inherit (tools) libc;
        };
    in
    [
      (
        { }:
        {
          __raw = true;
          inherit stdenvNoCC cc fetchurl;
          stdenv = stdenvNoCC;
        }
      )
      (_: {
        inherit config overlays;
        stdenv =
          makeStdenv {
            name = "stdenv-filcross-host-bootstrap";
            inherit cc fetchurl;
          }
          // {
            inherit fetchurl;
          };
      })
      # As in the tree's own Linux stdenv, every build has patchelf and its setup hook.
      (previous: {
        inherit config overlays;
        stdenv =
          makeStdenv {
            name = "stdenv-filcross-host-bootstrap";
            inherit cc fetchurl;
            extraNativeBuildInputs = [ previous.patchelf ];
          }
          // {
            inherit fetchurl;
          };
      })
    ];

  crossFile = tree + "/pkgs/stdenv/cross";

  # The tree's cross stages import the native ones as `../.`; from 2026-07 on they get them as an argument.
  cross =
    arguments:
    let
      bootStages = native (arguments // { crossSystem = arguments.localSystem; });
      takesStages = builtins.functionArgs (import crossFile) ? bootStages;
      instead = path: if toString path == toString (tree + "/pkgs/stdenv") then _: bootStages else import path;
      function =
        if takesStages then import crossFile else builtins.scopedImport { import = instead; } crossFile;
    in
    function (if takesStages then arguments // { inherit bootStages; } else arguments);
in
arguments:
if arguments.crossSystem.config == arguments.localSystem.config && (arguments.crossOverlays or [ ]) == [ ] then
  native arguments
else
  cross arguments
