# Compilers that a package asks for by name, in the stage where they would have to make Fil-C code. C and C++ compilers
# are Fil-C's. Those of other languages do not exist for Fil-C: without this, a tree would set out to build a GCC for a
# platform that GCC does not know.
{
  final,
  prev,
  lib,
}:
let
  namesLike = pattern: builtins.filter (name: builtins.match pattern name != null) (builtins.attrNames prev);
  numbered = "[0-9]*(_[0-9]+)?";

  refused =
    language: pattern:
    lib.genAttrs (namesLike pattern) (
      name: throw "${name}: there is no ${language} compiler for Fil-C, which compiles C and C++ only"
    );
in
lib.genAttrs (namesLike "(gcc|clang)${numbered}") (_: final.filcc)
// lib.genAttrs (namesLike "gcc[0-9]*-unwrapped") (_: final.filc-cc-unwrapped)
// refused "Fortran" "gfortran${numbered}"
// refused "Ada" "gnat${numbered}"
// refused "D" "gdc${numbered}"
// refused "Go" "gccgo${numbered}"
// refused "Java" "gcj${numbered}"
