# A patched tree with the overlay, and (for a tree that has none) package sets inside the package set, as nixpkgs has
# them: some for other platforms, one for the same.
{
  tree,
  overlay,
  add,
}:
let
  import' = path: import (/. + path);
  musl = import' tree {
    localSystem.system = "x86_64-linux";
    crossSystem.config = "x86_64-unknown-linux-musl";
  };
  others = self: _: {
    pkgsStatic = musl;
    pkgsMusl = musl;
    pkgsLLVM = self;
    pkgsi686Linux = musl;
    pkgsWithMore = musl;
    pkgsHardened = self // {
      isHardened = true;
    };
    pkgsForThings = { };
  };
  pkgs = import' tree {
    localSystem.system = "x86_64-linux";
    config = { };
    overlays = (if add == "yes" then [ others ] else [ ]) ++ [ (import' overlay) ];
  };
in
{
  filc = builtins.mapAttrs (_: set: set.stdenv.hostPlatform.config) pkgs.pkgsCross.filc;
  hardened = pkgs.pkgsCross.filc.pkgsHardened.isHardened;
  things = pkgs.pkgsCross.filc.pkgsForThings;
  native = pkgs.pkgsStatic.stdenv.hostPlatform.config;
  buildSide = pkgs.pkgsCross.filc.buildPackages.pkgsStatic.stdenv.hostPlatform.config;
}
