# What packages see of the C library: trees decide about hundreds of packages by `isMusl`, `isGnu` and the name of the
# libc, and Fil-C's libc is a musl or a glibc. So in the stage of Fil-C packages, and only there, `stdenv.hostPlatform`
# says so. The platform stays what it is: its configuration, its ABI and `isFilC` are as everywhere else, and the stage
# of the build tools, which makes the wrappers and chooses the libc, sees the libc "filc". docs/flavour.md has the
# measurement behind this.
{
  parameters,
  prev,
  final,
  lib,
}:
let
  inherit (parameters.toolchain) flavour;

  seen =
    platform:
    platform
    // {
      isMusl = flavour == "musl";
      isGnu = flavour == "glibc";
      libc = flavour;
    };
  hostPlatform = seen prev.stdenv.hostPlatform;
  # Trees compare the two. They are equal for packages, and stay so.
  targetPlatform =
    if prev.stdenv.targetPlatform.isFilC or false then hostPlatform else prev.stdenv.targetPlatform;
  platforms = { inherit hostPlatform targetPlatform; };

  withKnob = import ../knobs/checks.nix { inherit parameters; };

  # Every other standard environment that a tree offers has another compiler in this one's place.
  otherEnvironments = builtins.filter (
    name: builtins.match "(gcc|clang|libcxx)[0-9]*Stdenv" name != null
  ) (builtins.attrNames prev);
  # Recipes that know of a clang in `stdenv` take another one by its version from here.
  llvmSets = builtins.filter (name: builtins.match "llvmPackages(_[0-9a-z]+)?" name != null) (
    builtins.attrNames prev
  );
in
{
  stdenv = withKnob (prev.stdenv.override platforms);
}
// builtins.intersectAttrs prev (
  platforms
  // lib.genAttrs otherEnvironments (_: final.stdenv)
  // lib.genAttrs llvmSets (
    name:
    prev.${name}
    // builtins.intersectAttrs prev.${name} {
      inherit (final) stdenv;
      libcxxStdenv = final.stdenv;
    }
  )
  // {
    stdenvNoCC = withKnob (prev.stdenvNoCC.override platforms);
  }
)
