# The way into a patched tree: every evaluation of filcross goes through here.
# tree, overlay: folders, as strings. bootstrap: "nixpkgs", or "host" for a build-time side made of host tools.
{
  tree,
  overlay,
  bootstrap ? "nixpkgs",
}:
let
  treePath = /. + tree;
  overlayPath = /. + overlay;
  pkgs =
    if bootstrap == "host" then
      import (overlayPath + "/host") { tree = treePath; }
    else
      import treePath {
        localSystem = {
          system = "x86_64-linux";
        };
        config = { };
        overlays = [ (import overlayPath) ];
      };
in
{
  inherit (pkgs) pkgsCross;
  attributeNames = builtins.attrNames pkgs.pkgsCross.filc;
  libc = pkgs.pkgsCross.filc.stdenv.cc.libc;
}
