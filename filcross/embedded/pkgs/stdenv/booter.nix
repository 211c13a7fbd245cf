# Boot a list of stage functions. Each gets the package set of the stage before it and returns the arguments of its
# own (or, with `__raw`, the set itself); the last one's package set is the result. A stage also sees the one after
# it, which is where pkgsTargetTarget comes from.
{ lib, allPackages }:

stageFuns:

let
  count = lib.length stageFuns;

  stages = lib.genList stage count;
  previousOf = index: if index == 0 then { __raw = true; } else lib.elemAt stages (index - 1);
  nextOf =
    index:
    if index + 1 < count then
      lib.elemAt stages (index + 1)
    else
      # What follows the last stage has nothing but the compiler of its platform.
      let
        last = lib.elemAt stages index;
      in
      {
        __raw = true;
        stdenv.cc = if last.stdenv.hasCC then last.gcc else last.stdenv.cc;
      };

  stage =
    index:
    let
      previous = previousOf index;
      args = {
        # Configured overrides are for the packages that the user gets.
        allowCustomOverrides = index == count - 1;
      } // lib.elemAt stageFuns index previous;
      inherit (args.stdenv) buildPlatform hostPlatform targetPlatform;

      adjacentPackages = rec {
        pkgsBuildBuild = previous.buildPackages;
        pkgsBuildHost = previous;
        pkgsBuildTarget =
          if targetPlatform == hostPlatform then
            pkgsBuildHost
          else
            assert hostPlatform == buildPlatform;
            this;
        pkgsHostHost =
          if hostPlatform == targetPlatform then
            this
          else
            assert buildPlatform == hostPlatform;
            pkgsBuildHost;
        pkgsTargetTarget = nextOf index;
      };

      this =
        if args.__raw or false then
          args
        else
          allPackages (
            removeAttrs args [ "selfBuild" ]
            // {
              adjacentPackages = if args.selfBuild or true then null else adjacentPackages;
            }
          );
    in
    this;
in
lib.last stages
