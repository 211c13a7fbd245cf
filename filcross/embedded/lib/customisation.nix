# Calling package functions so that the result can be changed afterwards.
{ lib }:

rec {
  # Call f with args; the result gets `override` (other arguments) and passes overrides through `overrideAttrs`.
  makeOverridable =
    f:
    lib.mirrorFunctionArgs f (
      args:
      let
        result = f args;
        merged = changes: args // (if lib.isFunction changes then changes args else changes);
        override = lib.mirrorFunctionArgs f (changes: makeOverridable f (merged changes));
        again = g: makeOverridable (lib.mirrorFunctionArgs f (newArgs: g (f newArgs))) args;
      in
      if builtins.isAttrs result then
        result
        // {
          inherit override;
          overrideDerivation = change: again (drv: overrideDerivation drv change);
        }
        // lib.optionalAttrs (result ? overrideAttrs) {
          overrideAttrs = change: again (drv: drv.overrideAttrs change);
        }
      else if lib.isFunction result then
        lib.setFunctionArgs result (lib.functionArgs result) // { inherit override; }
      else
        result
    );

  # Build again from the low-level attributes of a derivation.
  overrideDerivation =
    drv: change:
    let
      changed = derivation (drv.drvAttrs // change drv);
    in
    lib.extendDerivation true (
      {
        meta = drv.meta or { };
        passthru = drv.passthru or { };
      }
      // drv.passthru or { }
    ) changed;

  # Fill the arguments of a function (or of the file that holds it) from a set of packages.
  callPackageWith =
    available: fn: args:
    let
      f = if lib.isFunction fn then fn else import fn;
      wanted = lib.functionArgs f;
      filled = lib.intersectAttrs wanted available // args;
      missing = lib.filter (name: !wanted.${name} && !filled ? ${name}) (lib.attrNames wanted);
      where = if lib.isFunction fn then "a package function" else toString fn;
    in
    if missing == [ ] then
      makeOverridable f filled
    else
      throw "callPackage: ${where} asks for ${lib.concatStringsSep ", " missing}, which this package set does not have";

  callPackagesWith =
    available: fn: args:
    let
      f = if lib.isFunction fn then fn else import fn;
      filled = lib.intersectAttrs (lib.functionArgs f) available // args;
      pkgs = f filled;
      one = name: _: makeOverridable (newArgs: (f newArgs).${name}) filled;
    in
    lib.mapAttrs one pkgs;

  # A set whose members can call each other.
  makeScope =
    newScope: f:
    let
      self = f self // {
        newScope = more: newScope (self // more);
        callPackage = self.newScope { };
        overrideScope = overlay: makeScope newScope (lib.extends overlay f);
        packages = f;
      };
    in
    self;

  # Evaluate a derivation's paths early, so that a failure shows which attribute it belongs to.
  hydraJob = drv: lib.optionalAttrs (drv != null) drv;
}
