# The way into a patched tree: every evaluation of filcross goes through here.
# tree, overlay: folders, as strings. bootstrap: "nixpkgs", or "host" for a build-time side made of host tools.
# wanted: the attribute paths of `selected`, a JSON list of lists of names. With one `-A selected`, Nix calls this function
# once; with an `-A` for each package it would evaluate the whole package set for each.
# config: more of the tree's configuration.
# overlays: the user's own, a JSON list of files and folders; they come after Fil-C's and see what it made.
{
  tree,
  overlay,
  bootstrap ? "nixpkgs",
  config ? { },
  overlays ? "[]",
  wanted ? "[]",
}:
let
  treePath = /. + tree;
  overlayPath = /. + overlay;
  more = map (place: import (/. + place)) (builtins.fromJSON overlays);

  # A tree whose patched files do not name the Fil-C compiler is told by its configuration (see cross-config.nix).
  mentions =
    words: file: builtins.pathExists file && builtins.length (builtins.split words (builtins.readFile file)) > 1;
  cross = treePath + "/pkgs/stdenv/cross/default.nix";
  byConfiguration =
    mentions "replaceCrossStdenv" cross
    && !mentions "buildPackages[.]filcc" cross
    && !mentions "buildPackages[.]filcc" (treePath + "/pkgs/top-level/stage-tools.nix");
  allConfig = (if byConfiguration then import ./cross-config.nix else { }) // config;
  pkgs =
    if bootstrap == "host" then
      import (overlayPath + "/host") {
        tree = treePath;
        overlays = more;
        config = allConfig;
      }
    else
      import treePath {
        localSystem = {
          system = "x86_64-linux";
        };
        config = allConfig;
        overlays = [ (import overlayPath) ] ++ more;
      };
in
{
  inherit (pkgs) pkgsCross;
  attributeNames = builtins.attrNames pkgs.pkgsCross.filc;
  selected = map (builtins.foldl' (set: name: set.${name}) pkgs.pkgsCross.filc) (builtins.fromJSON wanted);
  positions = map (
    path: (builtins.foldl' (set: name: set.${name}) pkgs.pkgsCross.filc path).meta.position or null
  ) (builtins.fromJSON wanted);
}
