# The stages of the standard environment: the cross ones when the platforms differ, a replaced one when the
# configuration says so, else those made from the host's own tools.
{
  lib,
  localSystem,
  crossSystem,
  config,
  overlays,
  crossOverlays ? [ ],
}@args:

if crossSystem != localSystem || crossOverlays != [ ] then
  import ./cross args
else if config ? replaceStdenv then
  import ./custom args
else if localSystem.isLinux then
  import ./linux args
else
  throw "this package set has no standard environment for ${localSystem.config}: its build platform must be Linux"
