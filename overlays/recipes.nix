# Packages that keep a list of platforms, in which Fil-C's is missing. (Whatever else a package needs is a port.)
{
  parameters,
  prev,
  lib,
}:
let
  abi = if parameters.toolchain.flavour == "glibc" then "gnu" else "musl";
  edit = names: change: lib.genAttrs (builtins.filter (name: prev ? ${name}) names) (name: prev.${name}.overrideAttrs change);
in
# The size and first bytes of a lock, one file for each platform: those of the C library that Fil-C's is made of.
edit
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
