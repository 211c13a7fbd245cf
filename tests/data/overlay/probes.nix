# Derivations that look at the Fil-C side of a package set from the inside.
# entry: filcross' entry.nix; the rest are its arguments.
{
  entry,
  tree,
  overlay,
  bootstrap ? "nixpkgs",
}:
let
  inherit (import (/. + entry) { inherit tree overlay bootstrap; }) pkgsCross;
  pkgs = pkgsCross.filc;
  inherit (pkgs) buildPackages;
  program = builtins.toFile "program.c" ''
    #include <stdio.h>
    #include <string.h>
    int main(int argc, char **argv) { printf("%s %d\n", argc > 1 ? argv[1] : "none", (int)strlen(argv[0])); return 0; }
  '';
in
{
  inherit (pkgs) filc-libc;
  inherit (buildPackages) filcc;
  libcHeaders = pkgs.filc-libc.dev;
  compiler = buildPackages.filc-cc-unwrapped;

  # Which loader a program gets from each name of a compiler, beside a native compiler that came first.
  names = pkgs.stdenv.mkDerivation {
    name = "compiler-names";
    depsBuildBuild = [ buildPackages.stdenv.cc ];
    nativeBuildInputs = [ buildPackages.stdenv.cc ];
    inherit program;
    dontUnpack = true;
    dontPatchELF = true;
    buildPhase = ''
      mkdir -p $out
      triple=x86_64-unknown-linux-filc
      loader() { readelf -lW a.out | sed -n 's|.*interpreter: \(.*\)]|\1|p'; }
      for name in cc gcc clang $triple-cc $triple-gcc $triple-clang "$CC"; do
        "$name" "$program"
        loader > "$out/$name"
      done
      cp "$program" program.c
      env -u CC make program
      cp program a.out
      loader > $out/make
      $CC_FOR_BUILD "$program"
      loader > $out/FOR_BUILD
      ./a.out for-build >> $out/runs
      echo "$CC_FOR_BUILD" > $out/CC_FOR_BUILD
      for name in c++ g++ clang++ $triple-c++ $triple-g++ ld ar nm strip $triple-ld $triple-ar; do
        command -v $name
      done > $out/paths
    '';
    installPhase = "true";
  };

  # A Fil-C link takes nothing of the machine, even where the native side may.
  impure = pkgs.stdenv.mkDerivation {
    name = "impure-link";
    inherit program;
    dontUnpack = true;
    buildPhase = ''
      touch $out
      folder=/usr/lib/x86_64-linux-gnu
      test -e $folder/libc.so.6
      if $CC "$program" -L$folder -l:libc.so.6 2>> $out; then
        echo "linked with the machine's libc" >&2
        exit 1
      fi
    '';
    installPhase = "true";
  };

  configSub = pkgs.runCommand "config-sub" { config = buildPackages.gnu-config; } ''
    for name in x86_64-unknown-linux-filc x86_64-linux-filc x86_64-pc-linux-gnu aarch64-linux-musl; do
      echo "$name $(bash $config/config.sub $name)"
    done > $out
  '';

  # Includes of the kernel, of the libc and of the compiler.
  headers = pkgs.stdenv.mkDerivation {
    name = "headers";
    source = builtins.toFile "headers.c" ''
      #include <linux/version.h>
      #include <asm/unistd.h>
      #include <stddef.h>
      #include <stdio.h>
      #include <stdfil.h>
      #include <iconv.h>
      #include <libintl.h>
      #ifndef __FILC__
      #error not Fil-C
      #endif
      int main(void) { return LINUX_VERSION_CODE > 0 && sizeof(iconv_t) > 0 && gettext("a") ? 0 : 1; }
    '';
    dontUnpack = true;
    buildPhase = "$CC $source -o headers && ./headers && $CC -M $source > $out";
    installPhase = "true";
  };
}
