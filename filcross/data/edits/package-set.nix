# Asks the package set of a patched tree whether packages of `pkgsCross.filc` get the Fil-C compiler, and the hook that
# brings config.sub from the stage for Fil-C. A marked native compiler stands in for Fil-C's: nothing is built.
#
# `tree` is a folder, `configuration` the file with the configuration to give (or ""); both are absolute paths.
{
  tree,
  configuration ? "",
}:

let
  path = text: /. + text;
  isFilC = platform: platform.isFilC or false;
  pkgs = import (path tree) {
    localSystem.system = "x86_64-linux";
    config = if configuration == "" then { } else import (path configuration);
    overlays = [
      (
        _: prev:
        if isFilC prev.stdenv.targetPlatform && !isFilC prev.stdenv.hostPlatform then
          {
            filcc = prev.stdenv.cc // {
              isFilcrossStandIn = true;
            };
          }
        else
          { }
      )
    ];
  };
  inherit (pkgs.pkgsCross.filc) stdenv buildPackages;
  hook = buildPackages.updateAutotoolsGnuConfigScriptsHook.outPath;
in

{
  native = builtins.isAttrs pkgs.stdenv && pkgs.stdenv.cc ? outPath;
  compiler = stdenv.cc.isFilcrossStandIn or false;
  hook = builtins.any (input: input.outPath or null == hook) stdenv.extraNativeBuildInputs;
  platform = stdenv.hostPlatform.config;
}
