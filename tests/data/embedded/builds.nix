# Derivations whose builds show what the embedded tree's environment, wrappers and builders do; each leaves a text.
{ tree }:
let
  pkgs = import tree { };
  recorded = import ./recorder.nix { inherit tree; };
  inherit (recorded.pkgsCross) musl64;
in
rec {
  # The helpers of setup.sh
  helpers = pkgs.runCommand "helpers" { lowerCase = "lower & case"; } ''
    printf '@lowerCase@ and @name@ and @UPPER@\na\\n&b\n' > template
    export UPPER=no
    substituteAll template all
    substitute template some --replace-fail 'a\n' 'x&' --subst-var-by lowerCase 'by hand'
    if (substituteInPlace some --replace-fail absent x) 2> refused; then exit 1; fi
    list="one two"
    appendToVar list three
    prependToVar list zero
    later() { echo "function hook" >> hooks; }
    preThings="echo text hook >> hooks"
    preThingsHooks+=(later)
    runHook preThings
    runHook postNothing
    mkdir -p a/bin b
    addToSearchPath SEARCH $PWD/a/bin
    addToSearchPath SEARCH $PWD/a/bin
    addToSearchPath SEARCH $PWD/missing
    [ "$SEARCH" = "$PWD/a/bin" ]
    { cat all some; echo "$list"; cat hooks refused; echo "$(stripHash $out)"; } > $out
  '';

  # What a build can call: the tools of the environment, and no others of the machine
  path = pkgs.stdenv.mkDerivation {
    name = "path";
    buildCommand = ''
      for tool in ls sed awk make patch tar xz file patchelf gcc cc ld bash sh; do
        found=$(type -P $tool) || { echo "no $tool" >&2; exit 1; }
        case "$found" in "$NIX_STORE"/*) ;; *) echo "$found" >&2; exit 1 ;; esac
      done
      for tool in perl python3 git apt-get dpkg clang m4 pkg-config curl nix-build; do
        if type -P $tool; then exit 1; fi
      done
      echo "CC=$CC CXX=$CXX LD=$LD AR=$AR" > $out
    '';
  };

  # A library that stands by, and is not linked
  unneeded = pkgs.runCommand "unneeded" { } ''
    mkdir -p $out/lib
    touch $out/lib/libunneeded.so
  '';
  # A library with two outputs…
  library = pkgs.stdenv.mkDerivation {
    pname = "answer";
    version = "1";
    outputs = [
      "out"
      "dev"
    ];
    dontUnpack = true;
    buildPhase = ''
      echo 'int answer(void) { return 42; }' > answer.c
      echo 'int answer(void);' > answer.h
      $CC -shared -g -o libanswer.so answer.c -Wl,-soname,libanswer.so
    '';
    installPhase = ''
      mkdir -p $out/lib $out/include $out/lib/pkgconfig $out/man/man1
      cp libanswer.so $out/lib
      cp answer.h $out/include
      touch $out/lib/pkgconfig/answer.pc $out/man/man1/answer.1
    '';
  };
  # …a package that brings it…
  carrier = pkgs.runCommand "carrier" { propagatedBuildInputs = [ library ]; } ''
    mkdir -p $out
    recordPropagatedDependencies
  '';
  # …and a program that gets it through that package.
  program = pkgs.stdenv.mkDerivation {
    name = "program";
    buildInputs = [ carrier ];
    dontUnpack = true;
    buildPhase = ''
      cat > main.c <<'END'
      #include <stdio.h>
      #include <answer.h>
      int main(void) { printf("%d\n", answer()); return 0; }
      END
      # With a response file, as long links have
      printf '%s\n' '-lanswer' '-DUNUSED="a b"' > arguments
      gcc main.c -o program -L${unneeded}/lib @arguments
    '';
    installPhase = ''
      mkdir -p $out/bin $out/share
      cp program $out/bin
      printf '#!/usr/bin/env bash\necho script\n' > $out/bin/script
      chmod +x $out/bin/script
      $out/bin/program > $out/answer
      readelf -d program | sed -n 's/.*RUNPATH.*\[\(.*\)\]/\1/p' > $out/runpath-before
    '';
    postFixup = ''
      readelf -d $out/bin/program | sed -n 's/.*RUNPATH.*\[\(.*\)\]/\1/p' > $out/runpath-after
      readelf -S ${library}/lib/libanswer.so > $out/sections
      head -n 1 $out/bin/script > $out/shebang
      (cd ${library.dev}; find . -type f | sort) > $out/dev
      (cd ${library}; find . -type f | sort) > $out/out
      echo "${library} ${unneeded}" > $out/paths
    '';
  };

  # configure, make, make install in their order, with their flags
  phases = pkgs.stdenv.mkDerivation {
    name = "phases";
    src = pkgs.runCommand "source-1" { } ''
      mkdir -p $out/sub
      cat > $out/configure <<'END'
      #!/bin/sh
      # --enable-static --disable-dependency-tracking
      printf '%s\n' "$@" > flags
      echo configured >> order
      END
      chmod +x $out/configure
      printf 'all:\n\techo built $(WHAT) >> order\ninstall:\n\tmkdir -p $(DEST); cp order flags $(DEST)\ncheck:\n\techo checked >> order\n' > $out/Makefile
      echo old > $out/text
    '';
    patches = [
      (pkgs.writeText "text.patch" ''
        --- a/text
        +++ b/text
        @@ -1 +1 @@
        -old
        +new
      '')
    ];
    doCheck = true;
    configureFlags = [ "--one" ];
    configureFlagsArray = "--not-an-array";
    preConfigure = ''
      configureFlagsArray=("--with=two words")
      cat text >> order
    '';
    makeFlags = [ "DEST=$(out)" ];
    buildFlags = [ "WHAT=it" ];
    postInstall = "echo installed >> $out/order";
  };

  hook =
    let
      greeter = pkgs.makeSetupHook {
        name = "greeter";
        substitutions.greeting = "hello from a hook";
        propagatedBuildInputs = [ library ];
      } (pkgs.writeText "greeter.sh" "greet() { echo '@greeting@'; }");
    in
    pkgs.runCommand "hook" { nativeBuildInputs = [ greeter ]; } ''
      greet > $out
      [[ "$nativeBuildInputs" == *greeter* ]]
      [[ "$(< ${greeter}/nix-support/propagated-build-inputs)" == *answer* ]]
    '';

  joined = pkgs.symlinkJoin {
    name = "joined";
    paths = [
      pkgs.gzip
      pkgs.xz
      (pkgs.writeShellScriptBin "xz" "echo not me")
      (pkgs.writeTextDir "etc/joined" "text")
    ];
    postBuild = ''
      { readlink $out/bin/gzip; readlink $out/bin/xz; cat $out/etc/joined; } > $out/result
    '';
  };

  fetched =
    let
      text = pkgs.writeText "served" "served";
    in
    pkgs.fetchurl {
      name = "fetched-by-the-test";
      urls = [
        "file:///no/such/file"
        "file://${text}"
      ];
      sha256 = builtins.hashString "sha256" "served";
    };

  # Cross: the variables and programs of both sides
  sides = musl64.stdenv.mkDerivation {
    name = "sides";
    depsBuildBuild = [ musl64.buildPackages.stdenv.cc ];
    buildCommand = ''
      echo "CC=$CC CXX=$CXX LD=$LD AR=$AR STRIP=$STRIP CC_FOR_BUILD=$CC_FOR_BUILD LD_FOR_BUILD=$LD_FOR_BUILD" > $out
      echo 'int main(void) { return 0; }' > native.c
      $CC_FOR_BUILD native.c -o native
      ./native
      type -P x86_64-unknown-linux-musl-cc >> $out
      type -P gcc >> $out
    '';
  };
  # Without depsBuildBuild there is no native compiler at all.
  oneSide = musl64.stdenv.mkDerivation {
    name = "one-side";
    buildCommand = ''
      for tool in cc gcc g++ clang ld; do
        if type -P $tool; then exit 1; fi
      done
      echo "''${CC_FOR_BUILD-none}" > $out
    '';
  };

  crossLibrary = musl64.stdenv.mkDerivation {
    name = "cross-library";
    buildCommand = ''
      mkdir -p $out/lib $out/include
      touch $out/lib/libcrossed.so $out/lib/unrelated
    '';
  };
  # How the wrapped compiler and linker are called
  calls = musl64.stdenv.mkDerivation {
    name = "calls";
    depsBuildBuild = [ musl64.buildPackages.stdenv.cc ];
    nativeBuildInputs = [ library ];
    buildInputs = [ crossLibrary ];
    NIX_CFLAGS_COMPILE = "-DFROM_ENVIRONMENT";
    NIX_CFLAGS_COMPILE_FOR_BUILD = "-DFOR_BUILD";
    hardeningDisable = [ "format" ];
    inherit (musl64.buildPackages) recorderLibc;
    buildCommand = ''
      mkdir -p $out
      record() {
        export RECORD=$out/$1
        shift
        "$@"
      }
      record compile $CC -c a.c -I/usr/include -I$NIX_BUILD_TOP/here -march=native -o a.o
      record link $CC a.o -o a -lcrossed -L/usr/lib
      record static $CC -static a.o -o a
      record targeted $CC --target=other -c a.c
      record cxx $CXX -c a.cc
      record cc1 $CC -cc1 a.c
      record version $CC -v
      record response $CC -c @${pkgs.writeText "response" "'one word' two\\ words \"three\" -DX=1"}
      record ld $LD a.o -lcrossed -o a -rpath /usr/lib -L/opt/lib
      record ld-file $LD -o b ${crossLibrary}/lib/libcrossed.so -dynamic-linker /lib/elsewhere.so
      if record rejected $LD /usr/lib/libm.so.6 -o c 2> $out/rejection; then exit 1; fi
      NIX_DONT_SET_RPATH=1 record no-rpath $LD a.o -lcrossed -o a
      cp -L $NIX_CC/nix-support/{orig-libc,dynamic-linker} $out
      echo "$recorderLibc ${crossLibrary} $NIX_CC" > $out/paths
    '';
  };
  # gnu-config's scripts replace the package's own.
  scripts = musl64.stdenvNoCC.mkDerivation {
    name = "scripts";
    src = pkgs.runCommand "old-scripts" { } ''
      mkdir -p $out/build-aux
      echo old > $out/build-aux/config.sub
      echo old > $out/config.guess
    '';
    installPhase = ''
      { bash build-aux/config.sub x86_64-linux-musl; bash build-aux/config.sub x86_64-nosuchthing || echo refused; bash ./config.guess; } > $out 2>&1
    '';
  };
}
