# config.sub as it is refuses linux-filc, in every year's version. The copies that reach the builds of Fil-C packages
# get one early line that answers for it: gnu-config's, with which the tree's hook replaces a package's own, and those
# of automake and libtool, which a package gets anew when it runs autoreconf by itself, after the hook. All of this in
# the stage of their build tools only, so nothing native changes.
{
  final,
  prev,
  lib,
}:
let
  # The same package with the line in each config.sub. Nothing is built again: it is a copy in which the package's own
  # path is replaced by one of the same length.
  taught =
    attribute:
    let
      original = final.buildPackages.${attribute};
      outputs = lib.genAttrs (lib.remove "out" (original.outputs or [ ])) (name: original.${name});
      copy =
        final.runCommand original.name
          {
            original = original.out;
            meta = original.meta or { };
          }
          ''
            source ${./teach.sh}
            copy_and_teach "$original" "$out"
          ''
        // (original.passthru or { })
        // outputs
        // {
          inherit (original) version;
          pname = original.pname or (lib.getName original);
          override = _: copy;
        };
    in
    copy;

  attributes = [
    "gnu-config"
    "automake"
    "automake111x"
    "automake115x"
    "automake116x"
    "automake118x"
    "libtool"
    "libtool_2"
  ];
in
lib.genAttrs (builtins.filter (name: prev ? ${name}) attributes) taught
