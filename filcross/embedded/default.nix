# The package set. `import ./. { }` is the set for this machine; see pkgs/top-level for the arguments
# (localSystem, crossSystem, config, overlays, crossOverlays).
import ./pkgs/top-level/impure.nix
