# Packages that keep a list of platforms, in which Fil-C's is missing, and those whose recipe for clang is not meant for
# cross compilation. (Whatever else a package needs is a port.)
{
  parameters,
  final,
  prev,
  lib,
}:
let
  abi = if parameters.toolchain.flavour == "glibc" then "gnu" else "musl";
  edit = names: change: lib.genAttrs (builtins.filter (name: prev ? ${name}) names) (name: prev.${name}.overrideAttrs change);

  # Until 21.11, boost's recipe tells its build tool of a cross compiler as of a GCC, whatever it is, but asks for a clang
  # of the build machine where the compiler is one; and it refuses boost before 1.69 there, since the build tool's rules
  # for clang need what clang lost. As a GCC, Fil-C is called as the compilers of other platforms are. (The recipe is
  # called anew, because what refuses cannot be overridden.)
  recipeOf = name: "${toString prev.path}/pkgs/development/libraries/boost/1.${lib.removePrefix "boost1" name}.nix";
  isOldBoost = name: builtins.match "boost1[0-9]+" name != null && builtins.pathExists (recipeOf name);
  boosts = lib.optionalAttrs (prev ? path && lib.versionOlder (lib.trivial.release or "99") "21.11") (
    lib.genAttrs (builtins.filter isOldBoost (builtins.attrNames prev)) (
      name: final.callPackage (recipeOf name) { toolset = null; }
    )
  );

  # The shell of Nix' sandbox is a static busybox from pkgsStatic, which is ordinary code; with Fil-C's libraries one is as
  # good, since Nix brings the closure of what it shows in a sandbox.
  shellRecipe = "${toString prev.path}/pkgs/os-specific/linux/busybox/sandbox-shell.nix";
  sandboxShell = lib.optionalAttrs (prev ? busybox-sandbox-shell && prev ? path && builtins.pathExists shellRecipe) {
    busybox-sandbox-shell = final.callPackage shellRecipe {
      busybox = final.busybox // {
        override = arguments: final.busybox.override (arguments // { enableStatic = false; });
      };
    };
  };
in
boosts
// sandboxShell
# The size and first bytes of a lock, one file for each platform: those of the C library that Fil-C's is made of.
// edit
  [
    "libgpg-error"
    "libgpgerror"
    "libgpg-error-gen-posix-lock-obj"
  ]
  (old: {
    postPatch = (old.postPatch or "") + ''

      for file in src/syscfg/lock-obj-pub.x86_64-*-linux-${abi}.h; do
        if [ ! -e src/syscfg/lock-obj-pub.linux-filc.h ]; then cp "$file" src/syscfg/lock-obj-pub.linux-filc.h; fi
      done
    '';
  })
