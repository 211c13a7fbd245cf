# Packages that are Fil-C code: what a tree decides by the name of the libc, and would decide wrongly for a new one.
{
  parameters,
  final,
  prev,
}:
let
  inherit (prev) lib;
  ifAsked = name: value: lib.optionalAttrs (prev ? ${name}) { ${name} = value; };

  libc = final.buildPackages.filc-libc;
  answers = import ./libc {
    inherit
      parameters
      final
      prev
      lib
      libc
      ;
  };
in
{
  filc-libc = libc;
}
// ifAsked "libcCross" libc
// ifAsked "glibcCross" libc
// ifAsked "libc" libc
// answers
