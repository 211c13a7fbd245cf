# A real nixpkgs whose build-time side is made with the host's tools instead of the downloaded bootstrap, so that a
# machine without a network can build `pkgsCross.filc.hello` of it:
#
#     (import DIR/host { tree = /path/to/patched/nixpkgs; }).pkgsCross.filc.hello
#
# Nothing in the tree is edited beyond the Fil-C patch. What comes out is real Fil-C code of real recipes, but its build
# tools are those of one machine: every derivation names their fingerprint, all of them hang on a stdenv called
# stdenv-filcross-host-bootstrap, and the set says filcrossHostBootstrap = true. Such paths belong into no binary cache.
# The tools are outside the store, so the builds need `sandbox = false`.
{
  # A patched nixpkgs tree.
  tree,
  # More overlays, after Fil-C's.
  overlays ? [ ],
  config ? { },
}:
let
  lib = import (tree + "/lib");
  system = "x86_64-linux";
  tools = import ./tools.nix { inherit lib system; };
  stdenvStages = import ./stages.nix { inherit lib tree tools; };
in
if !(builtins.pathExists (tree + "/pkgs/stdenv/generic/setup.sh")) then
  throw "the host bootstrap needs a tree in nixpkgs' own layout (pkgs/stdenv/generic); ${toString tree} is none"
else
  import tree {
    localSystem = {
      inherit system;
    };
    inherit config stdenvStages;
    overlays = [
      (import ./packages.nix { inherit tools; })
      (import ../default.nix)
      (import ./hooks.nix)
    ]
    ++ overlays;
  }
