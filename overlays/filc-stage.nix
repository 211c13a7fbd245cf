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
  otherSets = import ./other-sets.nix { inherit prev lib; };
  flavour = import ./flavour {
    inherit
      parameters
      prev
      final
      lib
      ;
  };
  recipes = import ./recipes.nix {
    inherit
      parameters
      final
      prev
      lib
      ;
  };
  refusedLanguages = import ./knobs/languages.nix { inherit parameters prev lib; };
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
otherSets
// {
  filc-libc = libc;

  # "The compiler for what these packages would make" is Fil-C, too. Left alone, the tree answers with a clang that is
  # itself built with Fil-C, and gdb would drag in all of LLVM for a path.
  pkgsTargetTarget = prev.pkgsTargetTarget // {
    stdenv = (prev.pkgsTargetTarget.stdenv or { }) // {
      cc = final.buildPackages.filcc;
    };
  };
  targetPackages = final.pkgsTargetTarget;
}
// flavour
// answers
// recipes
// refusedLanguages
