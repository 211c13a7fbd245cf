# Splicing: when cross compiling, each package that callPackage hands out also carries, as `__spliced`, the same
# package of the neighbouring stages. mkDerivation picks from it by the list that the package is put in
# (nativeBuildInputs: buildHost, buildInputs: hostTarget, …), so package functions need not name a stage.
lib: pkgs: actuallySplice:

let
  stageNames = {
    buildBuild = "pkgsBuildBuild";
    buildHost = "pkgsBuildHost";
    buildTarget = "pkgsBuildTarget";
    hostHost = "pkgsHostHost";
    hostTarget = "pkgsHostTarget";
    targetTarget = "pkgsTargetTarget";
  };

  # A set of sets, one per stage, to one set whose members are spliced.
  spliceSets =
    sets:
    let
      # The package itself is that of pkgsHostTarget, where it has it.
      union =
        sets.pkgsBuildBuild
        // sets.pkgsBuildTarget
        // sets.pkgsHostHost
        // sets.pkgsTargetTarget
        // sets.pkgsBuildHost
        // sets.pkgsHostTarget;

      member =
        name: default:
        let
          having = lib.filterAttrs (_: stage: sets.${stage} ? ${name}) stageNames;
          versions = lib.mapAttrs (_: stage: sets.${stage}.${name}) having;
          # What another stage has may be an error there: then it has no outputs to splice.
          outputsOf =
            stage:
            let
              attempt = builtins.tryEval (sets.${stage}.${name} or { });
              found = lib.optionalAttrs attempt.success attempt.value;
            in
            lib.genAttrs (found.outputs or (lib.optional (found ? out) "out")) (output: found.${output});
        in
        if lib.isDerivation default then
          default // { __spliced = versions; } // spliceSets (lib.genAttrs (lib.attrValues stageNames) outputsOf)
        else if lib.isAttrs default then
          spliceSets (lib.genAttrs (lib.attrValues stageNames) (stage: sets.${stage}.${name} or { }))
        else
          default;
    in
    lib.mapAttrs member union;

  splicePackages = sets: if actuallySplice then spliceSets sets else sets.pkgsHostTarget;

  stages = {
    inherit (pkgs)
      pkgsBuildBuild
      pkgsBuildHost
      pkgsBuildTarget
      pkgsHostHost
      pkgsHostTarget
      pkgsTargetTarget
      ;
  };

  # Whole stages are handed out as they are.
  splicedPackages =
    splicePackages stages
    // stages
    // {
      inherit (pkgs)
        buildPackages
        pkgs
        targetPackages
        pkgsCross
        lib
        config
        stdenv
        buildPlatform
        hostPlatform
        targetPlatform
        ;
    };
in
{
  inherit splicePackages;
  newScope = extra: lib.callPackageWith (splicedPackages // extra);
  callPackage = pkgs.newScope { };
  callPackages = lib.callPackagesWith splicedPackages;
  __splicedPackages = splicedPackages // {
    recurseForDerivations = false;
  };
}
