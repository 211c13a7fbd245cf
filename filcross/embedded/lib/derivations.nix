# Functions about derivations.
{ lib }:

rec {
  # Add attributes to a derivation and to each of its outputs without changing what is built.
  extendDerivation =
    condition: passthru: drv:
    let
      outputs = drv.outputs or [ "out" ];
      common =
        drv
        // lib.listToAttrs (map (name: lib.nameValuePair name (output name)) outputs)
        // {
          all = map output outputs;
        }
        // passthru;
      output =
        name:
        common
        // {
          outPath =
            assert condition;
            drv.${name}.outPath;
          drvPath =
            assert condition;
            drv.${name}.drvPath;
          outputName = name;
          outputSpecified = true;
          inherit (drv.${name}) type;
        }
        // lib.optionalAttrs (passthru ? overrideAttrs) {
          overrideAttrs = f: (passthru.overrideAttrs f).${name};
        };
    in
    common
    // {
      drvPath =
        assert condition;
        drv.drvPath;
      outPath =
        assert condition;
        drv.outPath;
    };

  # A derivation that is only evaluated when it is built.
  lazyDerivation =
    {
      derivation,
      meta ? null,
      passthru ? { },
    }:
    {
      type = "derivation";
      inherit (derivation)
        drvPath
        outPath
        outputName
        name
        system
        ;
    }
    // lib.optionalAttrs (meta != null) { inherit meta; }
    // passthru;
}
