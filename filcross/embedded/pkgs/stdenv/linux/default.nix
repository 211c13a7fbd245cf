# The stages of the standard environment on Linux. Nothing is downloaded or built to begin with: compiler, linker and
# tools are this machine's own.
{
  lib,
  localSystem,
  crossSystem,
  config,
  overlays,
  crossOverlays ? [ ],
}:

assert crossSystem == localSystem;

let
  hostTools = import ./host-tools.nix {
    inherit lib;
    inherit (localSystem) system;
  };
  initialPath = import ../common-path.nix { pkgs = hostTools; };
  shell = "${hostTools.bash}/bin/bash";

  # The packages that the environment itself is made of, in every stage that runs here
  toolsOverlay = {
    inherit (hostTools)
      bash
      bzip2
      coreutils
      diffutils
      file
      findutils
      gawk
      gnugrep
      gnumake
      gnupatch
      gnused
      gnutar
      gzip
      patchelf
      xz
      ;
  };

  makeStdenv =
    {
      name,
      cc,
      fetchurlBoot,
      extraNativeBuildInputs ? [ ],
      overrides,
    }:
    import ../generic {
      inherit
        name
        cc
        config
        shell
        initialPath
        fetchurlBoot
        extraNativeBuildInputs
        overrides
        ;
      buildPlatform = localSystem;
      hostPlatform = localSystem;
      targetPlatform = localSystem;
      # Keep the machine's libraries and its CPU out of what is compiled (the native compiler, whose libc is the
      # machine's, is exempt from the first).
      preHook = ''
        export NIX_ENFORCE_PURITY="''${NIX_ENFORCE_PURITY-1}"
        export NIX_ENFORCE_NO_NATIVE="''${NIX_ENFORCE_NO_NATIVE-1}"
      '';
    };
in

[
  # Nothing but the machine
  (_: {
    __raw = true;

    fetchurl = throw "the machine alone has no fetchurl";
    inherit hostTools;
  })

  # Tools without a compiler: enough to wrap the machine's compiler
  (previous: {
    inherit config;
    overlays = [ ];
    stdenv = makeStdenv {
      name = "bootstrap-stdenv-linux";
      cc = null;
      fetchurlBoot = previous.fetchurl;
      overrides = _: _: toolsOverlay;
    };
  })

  # The environment
  (
    previous:
    let
      cc = previous.wrapCCWith {
        cc = hostTools.gcc;
        libc = null;
        nativeLibc = true;
        bintools = previous.wrapBintoolsWith {
          bintools = previous.binutils-unwrapped;
          libc = null;
          nativeLibc = true;
        };
      };
    in
    {
      inherit config overlays;
      stdenv = makeStdenv {
        name = "stdenv-linux";
        inherit cc;
        fetchurlBoot = previous.fetchurl;
        extraNativeBuildInputs = [ previous.patchelf ];
        overrides =
          self: super:
          lib.optionalAttrs (super.stdenv.hostPlatform == localSystem) toolsOverlay
          // lib.optionalAttrs (super.stdenv.targetPlatform == localSystem) {
            gcc = cc;
            binutils = cc.bintools;
          };
      };
    }
  )
]
