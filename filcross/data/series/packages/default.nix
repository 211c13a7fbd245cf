# Fil-C, the memory-safe C and C++, from a binary release: its C library and its compiler, taken apart so that what is
# linked with the library does not keep the compiler alive.
{
  lib,
  stdenv,
  stdenvNoCC,
  buildPackages,
  fetchurl,
  patchelf,
  wrapBintoolsWith,
  wrapCCWith,
}:

let
  version = "@version@";

  src = fetchurl {
    url = "https://github.com/pizlonator/fil-c/releases/download/v${version}/filc-${version}-linux-x86_64.tar.xz";
    hash = "@hash@"; # where pkgs/by-name exists
    sha256 = "@hash@"; # where not pkgs/by-name exists
  };

  loader = "@loader@";

  prefix = lib.optionalString (
    stdenv.hostPlatform != stdenv.targetPlatform
  ) "${stdenv.targetPlatform.config}-";

  binutils = lib.getBin buildPackages.binutils-unwrapped;

  # The compiler that made the build machine's programs knows their loader and libraries.
  native = buildPackages.stdenv.cc;

  meta = {
    homepage = "https://fil-c.org";
    license = with lib.licenses; [
      asl20
      llvm-exception # where lib/licenses.nix says llvm-exception
      bsd2
      mit
    ];
    maintainers = [ ];
    platforms = [ "x86_64-linux" ];
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ]; # where lib/source-types.nix exists
  };

  # A release is moved, not built: stripping or patching its files again breaks the runtime.
  moved = {
    inherit src version;
    nativeBuildInputs = [ patchelf ];
    dontConfigure = true;
    dontBuild = true;
    dontStrip = true;
    dontPatchELF = true;
    strictDeps = true;
  };

  filc-libc = stdenvNoCC.mkDerivation (
    moved
    // {
      pname = "filc-libc";

      outputs = [
        "out"
        "dev"
      ];

      installPhase = ''
        runHook preInstall
        source ${./relocate.sh}
        relocate_libc "$PWD/pizfix" "$out" "$dev" ${buildPackages.linuxHeaders} ${loader}
        runHook postInstall
      '';

      passthru = {
        inherit (buildPackages) linuxHeaders;
      };

      meta = meta // {
        description = "Loader, runtime and C library of Fil-C, the memory-safe C and C++";
      };
    }
  );

  filc-cc-unwrapped = stdenvNoCC.mkDerivation (
    moved
    // {
      pname = "filc-cc";

      installPhase = ''
        runHook preInstall
        source ${./relocate.sh}
        relocate_compiler "$PWD" "$out" ${filc-libc} ${lib.getDev filc-libc} ${loader}
        relocate_native_program "$out/build/bin/clang-20" ${native} ${
          lib.makeLibraryPath [
            native.libc
            native.cc
          ]
        }
        runHook postInstall
      '';

      # Packages ask a clang for the version of LLVM that it is.
      version = "@llvm@";

      passthru = {
        isClang = true;
        isGNU = false;
        langC = true;
        langCC = true;
        filcVersion = version;
        lib = filc-libc;
        # Checks that Fil-C makes unnecessary, or flags that its clang was never tried with.
        hardeningUnsupportedFlags = [
          "fortify"
          "fortify3"
          "pacret"
          "shadowstack"
          "stackclashprotection"
          "stackprotector"
          "trivialautovarinit"
          "zerocallusedregs"
        ];
      };

      meta = meta // {
        description = "Compiler of Fil-C, the memory-safe C and C++";
      };
    }
  );

  # The native binutils under the names of the platform.
  filc-bintools-unwrapped = stdenvNoCC.mkDerivation {
    pname = "filc-bintools";
    version = lib.getVersion binutils;

    dontUnpack = true;
    strictDeps = true;

    installPhase = ''
      runHook preInstall
      native=${binutils} prefix=${prefix}
      source ${./link-bintools.sh}
      runHook postInstall
    '';

    passthru = {
      isGNU = true;
      targetPrefix = prefix;
    };

    meta = {
      description = "Native binutils under the names of the Fil-C platform";
      maintainers = [ ];
      platforms = [ "x86_64-linux" ];
    };
  };

  filc-bintools = wrapBintoolsWith {
    bintools = filc-bintools-unwrapped;
    libc = filc-libc;
  };

  filcc = wrapCCWith {
    cc = filc-cc-unwrapped;
    bintools = filc-bintools;
    libc = filc-libc;
    # A clang takes GCC's runtime libraries by default; Fil-C has its own. # where pkgs/build-support/cc-wrapper/default.nix says useCcForLibs
    gccForLibs = null; # where pkgs/build-support/cc-wrapper/default.nix says gccForLibs
    useCcForLibs = false; # where pkgs/build-support/cc-wrapper/default.nix says useCcForLibs
    extraBuildCommands = ''
      echo "${
        lib.concatStringsSep " " [
          "--filc-crt-path=${filc-libc}/lib"
          "--filc-dynamic-linker=${filc-libc}/lib/${loader}"
          "--filc-include=${lib.getDev filc-libc}/include"
          "--filc-stdfil-include=${lib.getDev filc-libc}/stdfil-include"
          "--filc-os-include=${lib.getDev filc-libc}/os-include"
        ]
      }" >> $out/nix-support/cc-cflags
    '';
  };
in
{
  inherit
    filc-bintools
    filc-bintools-unwrapped
    filc-cc-unwrapped
    filc-libc
    filcc
    ;
}
