# The library: everything here is also reachable without its section name (lib.attrsets.genAttrs = lib.genAttrs).
let
  lib =
    let
      section = file: import file { inherit lib; };
      sections = {
        trivial = section ./trivial.nix;
        attrsets = section ./attrsets.nix;
        lists = section ./lists.nix;
        strings = section ./strings.nix;
        fixedPoints = section ./fixed-points.nix;
        customisation = section ./customisation.nix;
        derivations = section ./derivations.nix;
        meta = section ./meta.nix;
      };
    in
    builtins.foldl' (merged: name: merged // sections.${name}) { } (builtins.attrNames sections)
    // sections
    // {
      systems = section ./systems;
      licenses = import ./licenses.nix;
      maintainers = { };
      teams = { };
      platforms = lib.systems.doubles;
    };
in
lib
