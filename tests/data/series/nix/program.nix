# A program of a tree to which the series was applied; `release` is an archive that stands for the pinned release.
{ tree, release }:
let
  overlay = final: prev: {
    fetchurl =
      arguments:
      if prev.lib.hasInfix "/fil-c/" (arguments.url or "") then /. + release else prev.fetchurl arguments;
  };
  pkgs = (import (/. + tree) { overlays = [ overlay ]; }).pkgsCross.filc;
in
{
  inherit (pkgs.buildPackages) gnu-config;
  inherit (pkgs.buildPackages.filcPackages) filc-cc-unwrapped;
  program = pkgs.stdenv.mkDerivation {
    name = "program";
    dontUnpack = true;
    buildPhase = ''
      cat > half.c <<'END'
      int half(int x) { return x / 2; }
      END
      cat > program.c <<'END'
      #include <stdio.h>
      #include <iconv.h>
      int half(int x);
      int main(void) { return printf("%d\n", half(84)) < 0 || iconv_open("UTF-8", "UTF-8") == (iconv_t)-1; }
      END
      $CC -shared -fPIC -o libhalf.so half.c
      $CC -o program program.c -L. -lhalf -Wl,-rpath,$out/lib
    '';
    installPhase = ''
      mkdir -p $out/bin $out/lib
      cp libhalf.so $out/lib/
      cp program $out/bin/
      $out/bin/program > $out/answer
    '';
  };
}
