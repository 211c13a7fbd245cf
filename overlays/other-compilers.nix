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

  # Refused when its files are asked for, and not before: a tool of the build machine that needs such a compiler finds the
  # native one by splicing, which looks at this one first.
  refused =
    language: pattern:
    lib.genAttrs (namesLike pattern) (
      name:
      let
        reason = throw "${name}: there is no ${language} compiler for Fil-C, which compiles C and C++ only";
        package = {
          type = "derivation";
          inherit name;
          pname = name;
          version = "none";
          outputs = [ "out" ];
          outputName = "out";
          out = package;
          lib = package;
          cc = package;
          outPath = reason;
          drvPath = reason;
          meta = { };
        };
      in
      package
    );
in
lib.genAttrs (namesLike "(gcc|clang)${numbered}") (_: final.filcc)
// lib.genAttrs (namesLike "gcc[0-9]*-unwrapped") (_: final.filc-cc-unwrapped)
// refused "Fortran" "gfortran${numbered}"
// refused "Ada" "gnat${numbered}"
// refused "D" "gdc${numbered}"
// refused "Go" "gccgo${numbered}"
// refused "Java" "gcj${numbered}"
