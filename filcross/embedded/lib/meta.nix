# Functions about package metadata.
{ lib }:

rec {
  addMetaAttrs = more: drv: drv // { meta = drv.meta or { } // more; };
  setPrio = priority: addMetaAttrs { inherit priority; };
  lowPrio = setPrio 10;
  hiPrio = setPrio (-10);
  dontDistribute = addMetaAttrs { hydraPlatforms = [ ]; };

  # The path of a package's main program.
  getExe = pkg: getExe' pkg (pkg.meta.mainProgram or (lib.getName pkg));
  getExe' = pkg: program: "${lib.getBin pkg}/bin/${program}";

  # Whether a platform is one of meta.platforms: by system name, or by a pattern of its parsed parts.
  platformMatch =
    platform: element:
    if builtins.isString element then
      platform.system == element
    else
      lib.matchAttrs (if element ? parsed then element else { parsed = element; }) platform;
  availableOn =
    platform: pkg:
    (!pkg ? meta.platforms || lib.any (platformMatch platform) pkg.meta.platforms)
    && lib.all (element: !platformMatch platform element) (pkg.meta.badPlatforms or [ ]);
}
