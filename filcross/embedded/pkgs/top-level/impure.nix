# The package set for the machine that evaluates it, unless the caller names a platform.
{
  localSystem ? {
    system = args.system or builtins.currentSystem;
  },
  system ? localSystem.system,
  crossSystem ? localSystem,
  config ? { },
  overlays ? [ ],
  crossOverlays ? [ ],
  ...
}@args:

assert args ? localSystem -> !(args ? system);

import ./. (removeAttrs args [ "system" ] // { inherit config overlays localSystem; })
