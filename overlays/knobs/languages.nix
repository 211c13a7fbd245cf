# The knob `refuse-languages`: packages in languages whose compilers make ordinary machine code are refused while they
# are evaluated, where a recipe names such a compiler or a builder that needs one. Without it they evaluate, and
# `filcross build` refuses them by their derivations, before anything is built.
{
  parameters,
  prev,
  lib,
}:
let
  # Attributes of a tree, over the years, by language.
  languages = {
    Rust = "rust(c|Platform|_[0-9_]+|Packages(_[0-9_]+)?)?|rustc-.*|cargo(_[0-9_]+)?|makeRustPlatform|buildRust(Crate|Package).*";
    Go = "go(_[0-9_]+|_latest|_bootstrap)?|buildGo[0-9]*(Module|Package|LatestModule)|tinygo";
    Haskell = "haskell|haskellPackages|ghc[0-9]*|ghcWithPackages";
    OCaml = "ocaml(_[0-9_]+|-ng|Packages(_[0-9a-z_]+)?)?|buildDunePackage|buildOcaml";
    Zig = "zig(_[0-9_]+|Packages)?";
    D = "dmd|ldc|buildDubPackage";
    Swift = "swift(Packages)?";
    Crystal = "crystal(_[0-9_]+|2nix)?";
  };
  refuse =
    language: pattern:
    lib.genAttrs (builtins.filter (name: builtins.match "(${pattern})" name != null) (builtins.attrNames prev)) (
      name:
      throw "${name}: ${language} cannot be part of a Fil-C process, whose code must all come from Fil-C's compiler for C and C++ (the overlay's knob refuse-languages is on)"
    );
in
if parameters.knobs.refuse-languages then
  builtins.foldl' (all: one: all // one) { } (lib.mapAttrsToList refuse languages)
else
  { }
