# config.sub as it is refuses linux-filc, in every year's version. The copies that reach the builds of Fil-C packages
# get one early line that answers for it; only here, in the stage of their build tools, so nothing native changes.
{
  final,
  prev,
  lib,
}:
let
  native = final.buildPackages.gnu-config;
in
lib.optionalAttrs (prev ? gnu-config) {
  gnu-config = lib.makeOverridable (
    { }:
    final.runCommand "${native.name}-filc"
      {
        inherit native;
        passthru = {
          pname = "gnu-config-filc";
          version = lib.getVersion native;
        };
        meta = native.meta or { };
      }
      ''
        mkdir -p $out
        cp ${native}/* $out/
        chmod u+w $out/*
        source ${./teach.sh}
        teach_config_sub "$out/config.sub"
      ''
  ) { };
}
