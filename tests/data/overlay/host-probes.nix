# Derivations that look at the build side of a host bootstrap from the inside. Arguments as in probes.nix.
{
  entry,
  tree,
  overlay,
}:
let
  inherit
    (import (/. + entry) {
      inherit tree overlay;
      bootstrap = "host";
    })
    pkgsCross
    ;
  pkgs = pkgsCross.filc;
  inherit (pkgs) buildPackages;
in
{
  # A package of the build's inputs is found; the host's own, which are there, are not.
  pkgConfig = pkgs.stdenv.mkDerivation {
    name = "pkg-config-sees";
    nativeBuildInputs = [ (buildPackages.pkg-config or buildPackages.pkgconfig) ];
    buildInputs = [
      (buildPackages.runCommand "an-input" { } ''
        mkdir -p $out/lib/pkgconfig
        printf 'Name: one\nDescription: one\nVersion: 7\nLibs: -lone\n' > $out/lib/pkgconfig/one.pc
      '')
    ];
    dontUnpack = true;
    buildPhase = ''
      x86_64-unknown-linux-filc-pkg-config --list-all > list
      cut -d' ' -f1 list | sort > $out
    '';
    installPhase = "true";
  };

  cmake = pkgs.stdenv.mkDerivation {
    name = "cmake-sees";
    nativeBuildInputs = [ buildPackages.cmake ];
    dontUnpack = true;
    dontUseCmakeConfigure = true;
    configurePhase = "true";
    buildPhase = ''
      mkdir source build
      cat > source/CMakeLists.txt << END
      cmake_minimum_required(VERSION 3.10)
      project(probe C)
      find_library(LIBRARY NAMES libc.so.6 PATH_SUFFIXES x86_64-linux-gnu)
      find_path(HEADER NAMES x86_64-linux-gnu/gnu/libc-version.h)
      file(WRITE \''${CMAKE_BINARY_DIR}/found.txt "\''${LIBRARY} \''${HEADER}")
      END
      (cd build && cmake ../source && cp found.txt "$TMPDIR/wrapped")
      # The host's CMake by itself does find them: otherwise this would show nothing.
      plain=$(sed -n 's|^exec \(/[^ ]*\) .*|\1|p' "$(command -v cmake)" | head -n 1)
      mkdir control
      (cd control && "$plain" ../source && cp found.txt "$TMPDIR/plain")
      { echo "wrapped $(cat "$TMPDIR/wrapped")"; echo "plain $(cat "$TMPDIR/plain")"; } > $out
    '';
    installPhase = "true";
  };

  # Everything that a build can start.
  path = pkgs.runCommand "path" { } ''
    echo "$PATH" | tr : '\n' > $out
    echo "marked ''${filcrossHostBootstrap-no}" >> $out
  '';

  # The C library's programs, made with Fil-C.
  getconf = pkgs.unixtools.getconf;
  getent = pkgs.unixtools.getent;
}
