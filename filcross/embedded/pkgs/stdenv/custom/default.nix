# The ordinary stages with config.replaceStdenv's environment on top.
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
  bootStages = import ../. {
    inherit
      lib
      localSystem
      crossSystem
      overlays
      ;
    config = removeAttrs config [ "replaceStdenv" ];
  };
in
bootStages
++ [
  (vanillaPackages: {
    inherit config overlays;
    stdenv = config.replaceStdenv { pkgs = vanillaPackages; };
  })
]
