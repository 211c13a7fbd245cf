# The knob `checks`: switched off, no package runs its tests, whatever its recipe says. Trees since 2022 run them for
# Fil-C as they do natively (its programs run on the build machine); older ones run none for another platform.
{ parameters }:
stdenv:
let
  off = {
    doCheck = false;
    doInstallCheck = false;
  };
  without =
    attributes:
    if builtins.isFunction attributes then final: attributes final // off else attributes // off;
in
if parameters.knobs.checks then
  stdenv
else
  stdenv // { mkDerivation = attributes: stdenv.mkDerivation (without attributes); }
