# Small packages of every kind of build, made with the Fil-C compiler of a package set.
# entry: filcross' entry.nix; tree, overlay, bootstrap: its arguments. configured: the Autotools package with its
# configure script made.
{
  entry,
  tree,
  overlay,
  bootstrap ? "nixpkgs",
  overlays ? "[]",
  configured ? "",
}:
let
  inherit
    (import (/. + entry) {
      inherit
        tree
        overlay
        bootstrap
        overlays
        ;
    })
    pkgsCross;
  pkgs = pkgsCross.filc;
  inherit (pkgs) buildPackages stdenv;
  lib = import (/. + tree + "/lib");
  host = import (/. + overlay + "/host/tools.nix") {
    inherit lib;
    system = "x86_64-linux";
  };
  # The tree's own package with its setup hook, or this machine's program without any.
  tool = name: programs: buildPackages.${name} or (host.link { name = "host-${name}"; inherit programs; });
  compile = "$CC -O1 -fPIC";
in
{
  # A shared library in every spelling of a version script, and programs that use it.
  versioned = stdenv.mkDerivation {
    name = "versioned";
    src = ./versioned;
    outputs = [
      "out"
      "record"
    ];
    buildPhase = ''
      mkdir -p $out/lib $out/bin $record
      make_library() {
        local name=$1 folder=$out/lib/$1
        shift
        mkdir -p $folder
        ${compile} -shared -Wl,-soname,libversioned.so -o $folder/libversioned.so library.c "$@"
        readelf -W --dyn-syms $folder/libversioned.so > $record/$name.symbols
      }
      make_library joined -Wl,--version-script=plain.map
      make_library comma -Wl,--version-script,plain.map
      make_library two -Wl,--version-script -Wl,plain.map
      make_library among -Wl,-z,now,--version-script,plain.map,-O1
      make_library xlinker -Xlinker --version-script=plain.map
      make_library xlinker-two -Xlinker --version-script -Xlinker plain.map
      make_library dash -Wl,-version-script=plain.map
      make_library dash-two -Wl,-version-script -Wl,plain.map
      make_library driver --version-script=plain.map
      make_library driver-dash -version-script plain.map
      echo '-Wl,--version-script="plain.map" -O1' > response
      make_library response @response
      echo "@response" > outer
      make_library nested @outer
      make_library twice -Wl,--version-script=plain.map -Wl,--version-script=plain.map
      make_library other-words -Wl,--version-script=other-words.map
      make_library stars -Wl,--version-script=stars.map
      NIX_LDFLAGS="$NIX_LDFLAGS --version-script=plain.map" make_library environment
      make_library none
      for library in $out/lib/*; do
        name=''${library##*/}
        $CC -o $out/bin/$name user.c -L$library -lversioned
      done

      fails() {
        local name=$1
        shift
        if "$@" 2> $record/$name.error; then
          echo "$name was accepted" >&2
          exit 1
        fi
      }
      fails pattern ${compile} -shared -o pattern.so library.c -Wl,--version-script=pattern.map
      fails cxx ${compile} -shared -o cxx.so library.c -Xlinker --version-script=cxx.map
      fails absent ${compile} -shared -o absent.so library.c -Wl,--version-script,absent.map
      fails wrap ${compile} -shared -o wrap.so library.c -Wl,--wrap=shown
      # Where nothing is linked, the script does not matter.
      ${compile} -c -o object.o library.c -Wl,--version-script=pattern.map
      fails linker $LD -shared -o linker.so object.o --version-script=plain.map
      printf '{ local: *; };\n' > hidden.map
      $LD -shared -o linker.so object.o --version-script=hidden.map
    '';
    installPhase = "true";
  };

  # Flags that Fil-C has no use for.
  flags = stdenv.mkDerivation {
    name = "flags";
    src = ./static;
    NIX_CFLAGS_COMPILE = "-fsanitize=undefined";
    buildPhase = ''
      mkdir -p $out/bin
      note() {
        local name=$1
        shift
        "$@" 2> $out/$name || { cat $out/$name; exit 1; }
      }
      note lto $CC -flto -O2 -c add.c
      note profile $CC -fprofile-generate --coverage -c main.c
      note linked $CC -flto=thin -fsanitize=address -lgcc_s -o $out/bin/add main.o add.o -Wl,-lgcc
      note debug $CC -g -gz -Wa,--compress-debug-sections=zlib -o debug main.c add.c -Wl,--compress-debug-sections=zlib
      readelf -SW debug > $out/sections
    '';
    dontStrip = true;
    installPhase = "true";
  };

  static = stdenv.mkDerivation {
    name = "static";
    src = ./static;
    buildPhase = ''
      $CC -O1 -c add.c
      $AR rcs libadd.a add.o
      $RANLIB libadd.a
      $CC -o added main.c -L. -ladd
    '';
    installPhase = ''
      mkdir -p $out/lib $out/bin
      cp libadd.a $out/lib/
      cp added $out/bin/
    '';
    # Most trees take away static libraries of packages with shared ones only.
    dontDisableStatic = true;
  };

  plugins = stdenv.mkDerivation {
    name = "plugins";
    src = ./plugins;
    buildPhase = ''
      $CC -rdynamic -o load main.c -ldl
      printf '{ answer; };\n' > plugin.list
      $CC -Wl,--dynamic-list=plugin.list -o load-listed main.c -ldl
      for word in one two; do
        ${compile} -shared -DWORD="\"$word\"" -o $word.so plugin.c
      done
    '';
    installPhase = ''
      mkdir -p $out/bin $out/lib/plugins
      cp load load-listed $out/bin/
      cp one.so two.so $out/lib/plugins/
    '';
  };

  cmake = stdenv.mkDerivation (
    {
      name = "with-cmake";
      src = ./cmake;
      nativeBuildInputs = [ (tool "cmake" [ "cmake" ]) ];
    }
    // lib.optionalAttrs (!(buildPackages ? cmake)) {
      configurePhase = ''
        mkdir build
        cd build
        cmake -DCMAKE_INSTALL_PREFIX=$out -DCMAKE_C_COMPILER=$CC ..
      '';
    }
  );

  meson = stdenv.mkDerivation (
    {
      name = "with-meson";
      src = ./meson;
      nativeBuildInputs = [
        (tool "meson" [ "meson" ])
        (tool "ninja" [ "ninja" ])
      ];
    }
    // lib.optionalAttrs (!(buildPackages ? meson)) {
      configurePhase = "CC_LD= meson setup build --prefix=$out --libdir=lib";
      buildPhase = "ninja -C build";
      installPhase = "ninja -C build install";
    }
  );

  cxx-make = stdenv.mkDerivation {
    name = "cxx-with-make";
    src = ./cxx;
    preConfigure = "rm CMakeLists.txt";
    makeFlags = [ "PREFIX=$(out)" ];
  };

  cxx-autotools = stdenv.mkDerivation {
    name = "cxx-with-autotools";
    src = builtins.path {
      name = "configured";
      path = /. + configured;
    };
  };

  cxx-cmake = stdenv.mkDerivation (
    {
      name = "cxx-with-cmake";
      src = ./cxx;
      nativeBuildInputs = [ (tool "cmake" [ "cmake" ]) ];
    }
    // lib.optionalAttrs (!(buildPackages ? cmake)) {
      configurePhase = ''
        mkdir build
        cd build
        cmake -DCMAKE_INSTALL_PREFIX=$out -DCMAKE_CXX_COMPILER=$CXX ..
      '';
    }
  );

  autotools = stdenv.mkDerivation {
    name = "with-autotools";
    src = builtins.path {
      name = "configured";
      path = /. + configured;
    };
    dontDisableStatic = true;
    postInstall = ''
      mkdir -p $out/record
      cp config.log libtool $out/record/
    '';
  };

  # Attributes in a file instead of the environment: the hooks of the compiler must work there, too.
  structured = stdenv.mkDerivation {
    name = "structured";
    __structuredAttrs = true;
    src = ./versioned;
    outputs = [
      "out"
      "record"
    ];
    depsBuildBuild = [ buildPackages.stdenv.cc ];
    buildPhase = ''
      $CC -O1 -shared -fPIC -flto -o libversioned.so library.c -Wl,--version-script=plain.map
      cc -o user user.c libversioned.so -Wl,-rpath,$out/lib
      $CC_FOR_BUILD -DNATIVE -o native library.c user.c -ldl
    '';
    installPhase = ''
      mkdir -p $out/lib $out/bin $record
      cp libversioned.so $out/lib/
      cp user $out/bin/
      readelf -lW native > $record/native
      echo "cgo $CGO_ENABLED site $CONFIG_SITE" > $record/variables
    '';
  };

  generator = stdenv.mkDerivation {
    name = "with-generator";
    src = ./generator;
    depsBuildBuild = [ buildPackages.stdenv.cc ];
    makeFlags = [ "PREFIX=$(out)" ];
    postInstall = ''
      mkdir -p $out/record
      readelf -lW generate > $out/record/generator
    '';
  };
}
