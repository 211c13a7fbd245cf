# A standard environment: a shell, the tools on its PATH, the build script and, usually, a compiler; for one trio of
# platforms. It is a derivation (its setup script, made once) with mkDerivation and the platforms beside it.
let
  lib = import ../../../lib;
in
lib.makeOverridable (
  {
    name ? "stdenv",
    preHook ? "",
    # The tools on PATH in every build
    initialPath,
    # Said apart from cc, so that asking does not need the compiler
    hasCC ? cc != null,
    cc,
    shell,
    allowedRequisites ? null,
    extraAttrs ? { },
    # An overlay for the stages that use this environment
    overrides ? (_: _: { }),
    config,
    # The fetchurl of packages that fetchurl itself needs
    fetchurlBoot,
    setupScript ? ./setup.sh,
    extraNativeBuildInputs ? [ ],
    extraBuildInputs ? [ ],
    buildPlatform,
    hostPlatform,
    targetPlatform,
  }:

  let
    hooks = ../../build-support/setup-hooks;

    defaultNativeBuildInputs =
      extraNativeBuildInputs
      ++ [
        (hooks + "/multiple-outputs.sh")
        (hooks + "/move-docs.sh")
        (hooks + "/strip.sh")
        (hooks + "/patch-shebangs.sh")
        (hooks + "/prune-libtool-files.sh")
      ]
      ++ lib.optional hasCC cc;
    defaultBuildInputs = extraBuildInputs;

    stdenv =
      derivation (
        lib.optionalAttrs (allowedRequisites != null) {
          allowedRequisites = allowedRequisites ++ defaultNativeBuildInputs ++ defaultBuildInputs;
        }
        // {
          inherit
            name
            preHook
            initialPath
            shell
            defaultNativeBuildInputs
            defaultBuildInputs
            ;
          inherit (buildPlatform) system;
          builder = shell;
          args = [
            "-e"
            ./builder.sh
          ];
          setup = setupScript;
        }
      )
      // {
        meta = {
          description = "The environment in which packages are built";
          platforms = lib.platforms.all;
        };

        inherit
          buildPlatform
          hostPlatform
          targetPlatform
          extraNativeBuildInputs
          extraBuildInputs
          overrides
          shell
          initialPath
          fetchurlBoot
          cc
          hasCC
          ;
        inherit (hostPlatform)
          isDarwin
          isLinux
          isFreeBSD
          isi686
          isx86_32
          isx86_64
          is32bit
          is64bit
          isAarch32
          isAarch64
          isBigEndian
          ;
        inherit (hostPlatform) system;

        # Where `callPackage` users asked for the library before it was an argument of its own
        inherit lib;

        inherit (import ./make-derivation.nix { inherit lib config; } stdenv) mkDerivation;
      }
      // extraAttrs;
  in
  stdenv
)
