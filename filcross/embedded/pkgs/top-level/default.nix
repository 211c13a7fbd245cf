# From platforms, configuration and overlays to a package set: elaborate the platforms, ask the standard
# environment for its stages, and boot them.
{
  localSystem,
  lib ? import ../../lib,
  crossSystem ? localSystem,
  config ? { },
  overlays ? [ ],
  crossOverlays ? [ ],
  # The stages of the standard environment, as a function of the arguments above
  stdenvStages ? import ../stdenv,
  ...
}@args:

let
  givenConfig = config;
  givenCrossSystem = crossSystem;
in

let
  functions =
    name: value:
    lib.throwIfNot (lib.isList value && lib.all lib.isFunction value)
      "The argument `${name}' must be a list of overlays, that is of functions final: prev: { … }.";

  localSystem = lib.systems.elaborate args.localSystem;

  # The same platform under another name is no cross compilation.
  crossSystem =
    let
      system = lib.systems.elaborate givenCrossSystem;
    in
    if givenCrossSystem == null || lib.systems.equals system localSystem then localSystem else system;

  config = if lib.isFunction givenConfig then givenConfig { inherit pkgs; } else givenConfig;

  # The whole set again with other arguments: how pkgsCross is made.
  nixpkgsFun = newArgs: import ./. (args // newArgs);

  allPackages = newArgs: import ./stage.nix ({ inherit lib nixpkgsFun; } // newArgs);

  boot = import ../stdenv/booter.nix { inherit lib allPackages; };

  pkgs = boot (stdenvStages {
    inherit
      lib
      localSystem
      crossSystem
      config
      overlays
      crossOverlays
      ;
  });
in
functions "overlays" overlays (functions "crossOverlays" crossOverlays pkgs)
