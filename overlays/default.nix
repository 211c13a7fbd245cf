# The Fil-C overlay: use it with a patched nixpkgs as `import <patched> { overlays = [ (import DIR) ]; }`, then build
# `pkgsCross.filc.hello`. `filcross overlay --output DIR` writes this folder with the parameters of a toolchain.
import ./overlay.nix (builtins.fromJSON (builtins.readFile ./parameters.json))
