# The stages of a package set for another platform: the native ones, then the tools for that platform, then its
# packages.
{
  lib,
  localSystem,
  crossSystem,
  config,
  overlays,
  crossOverlays ? [ ],
}:

let
  bootStages = import ../. {
    inherit lib localSystem overlays;

    crossSystem = localSystem;
    crossOverlays = [ ];

    # A replaced native stdenv says nothing about cross compilation; replaceCrossStdenv does.
    config = removeAttrs config [ "replaceStdenv" ];
  };

in
lib.init bootStages
++ [

  # Native packages
  (
    previous:
    lib.last bootStages previous
    // {
      allowCustomOverrides = true;
    }
  )

  # Tools that run here and make code for the other platform
  (vanillaPackages: {
    inherit config overlays;
    selfBuild = false;
    stdenv =
      assert vanillaPackages.stdenv.buildPlatform == localSystem;
      assert vanillaPackages.stdenv.hostPlatform == localSystem;
      assert vanillaPackages.stdenv.targetPlatform == localSystem;
      vanillaPackages.stdenv.override { targetPlatform = crossSystem; };
    allowCustomOverrides = true;
  })

  # Packages of the other platform
  (
    buildPackages:
    let
      stdenvNoCC = buildPackages.stdenv.override (old: rec {
        buildPlatform = localSystem;
        hostPlatform = crossSystem;
        targetPlatform = crossSystem;

        # What the native stages override is of the wrong platform here.
        overrides = _: _: { };
        extraBuildInputs = [ ];
        allowedRequisites = null;

        cc = null;
        hasCC = false;

        extraNativeBuildInputs =
          old.extraNativeBuildInputs
          ++ lib.optionals (hostPlatform.isLinux && !buildPlatform.isLinux) [ buildPackages.patchelf ]
          ++ lib.optional (
            let
              f =
                p:
                !p.isx86
                || builtins.elem p.libc [
                  "musl"
                  "wasilibc"
                  "relibc"
                ]
                || p.isiOS
                || p.isGenode;
            in
            f hostPlatform && !(f buildPlatform)
          ) buildPackages.updateAutotoolsGnuConfigScriptsHook;
      });
    in
    {
      inherit config;
      overlays = overlays ++ crossOverlays;
      selfBuild = false;
      inherit stdenvNoCC;
      stdenv =
        let
          inherit (stdenvNoCC) hostPlatform targetPlatform;
          baseStdenv = stdenvNoCC.override {
            extraBuildInputs = lib.optionals hostPlatform.isDarwin [
              buildPackages.targetPackages.apple-sdk
            ];

            hasCC = !stdenvNoCC.targetPlatform.isGhcjs;

            cc =
              if crossSystem.useiOSPrebuilt or false then
                buildPackages.darwin.iosSdkPkgs.clang
              else if crossSystem.useAndroidPrebuilt or false then
                buildPackages."androidndkPkgs_${crossSystem.androidNdkVersion}".clang
              else if targetPlatform.isGhcjs then
                # A throw and not null: splicing asks with tryEval.
                throw "no C compiler provided for this platform"
              else if crossSystem.isDarwin then
                buildPackages.llvmPackages.systemLibcxxClang
              else if crossSystem.useLLVM or false then
                buildPackages.llvmPackages.clang
              else
                buildPackages.gcc;
          };
        in
        if config ? replaceCrossStdenv then
          config.replaceCrossStdenv { inherit buildPackages baseStdenv; }
        else
          baseStdenv;
    }
  )

]
