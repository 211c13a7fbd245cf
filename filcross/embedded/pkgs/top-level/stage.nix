# One stage of the package set: all packages for one trio of platforms, with the neighbouring stages in reach.
{
  lib,
  nixpkgsFun,
  # pkgsBuildBuild … pkgsTargetTarget of a cross stage; null where all of them are this stage itself
  adjacentPackages,
  stdenv,
  # Set when the caller replaces the compiler-less environment of this stage
  stdenvNoCC ? null,
  allowCustomOverrides,
  config,
  overlays,
}@args:

let
  neighbours =
    self: _:
    let
      from =
        name:
        (if adjacentPackages == null then self else adjacentPackages.${name})
        // {
          recurseForDerivations = false;
        };
    in
    {
      pkgsBuildBuild = from "pkgsBuildBuild";
      pkgsBuildHost = from "pkgsBuildHost";
      pkgsBuildTarget = from "pkgsBuildTarget";
      pkgsHostHost = from "pkgsHostHost";
      pkgsHostTarget = self // {
        recurseForDerivations = false;
      };
      pkgsTargetTarget = from "pkgsTargetTarget";

      buildPackages = self.pkgsBuildHost;
      pkgs = self.pkgsHostTarget;
      targetPackages = self.pkgsTargetTarget;

      inherit stdenv lib config;
      stdenvNoCC =
        if args ? stdenvNoCC && stdenvNoCC != null then
          stdenvNoCC
        else
          stdenv.override {
            cc = null;
            hasCC = false;
          };

      inherit (stdenv) buildPlatform hostPlatform targetPlatform;
      system = stdenv.hostPlatform.system;
      path = ../..;
    };

  trivialBuilders =
    self: _:
    import ../build-support/trivial-builders {
      inherit lib;
      inherit (self) runtimeShell stdenv stdenvNoCC;
    };

  splice = self: _: import ./splice.nix lib self (adjacentPackages != null);

  allPackages = self: super: import ./all-packages.nix { inherit lib config; } self super;

  otherPackageSets = self: _: {
    # Cross compilation to every example platform
    pkgsCross = lib.mapAttrs (_: crossSystem: nixpkgsFun { inherit crossSystem; }) lib.systems.examples;

    appendOverlays = more: if more == [ ] then self else nixpkgsFun { overlays = args.overlays ++ more; };
    extend = overlay: self.appendOverlays [ overlay ];
  };

  configOverrides =
    _: super: lib.optionalAttrs allowCustomOverrides ((config.packageOverrides or (_: { })) super);

  stdenvOverrides = self: super: stdenv.overrides self super;
in
lib.fix (
  lib.foldl' (lib.flip lib.extends) (_: { }) (
    [
      neighbours
      trivialBuilders
      splice
      allPackages
      otherPackageSets
      configOverrides
    ]
    ++ overlays
    ++ [ stdenvOverrides ]
  )
)
