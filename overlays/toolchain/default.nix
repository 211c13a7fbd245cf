# A Fil-C toolchain folder in the layout of a musl release, taken apart so that nothing that is linked with its libc
# keeps its compiler alive:
#   libc      out: loader, runtime, C library, C++ library, start files; dev: headers
#   compiler  the native program clang-20 and what belongs to it; refers to both outputs of libc
{
  parameters,
  final,
  lib,
}:
let
  inherit (parameters) toolchain;
  label = toolchain.version + lib.optionalString toolchain.simulated "-simulator";

  unused = import ./unused.nix;
  # A published release is fetched by its hash, so that everybody's build is the same and a binary cache can serve it.
  # A folder of the user's goes in by its content, unless it is in the store already.
  folder =
    if (toolchain.archive or null) != null then
      release
    else if lib.hasPrefix "${builtins.storeDir}/" toolchain.path then
      builtins.storePath toolchain.path
    else
      import ./folder.nix {
        inherit (toolchain) path;
        inherit label;
      };
  release =
    final.runCommand "filc-release-${label}"
      {
        src = final.buildPackages.fetchurl { inherit (toolchain.archive) name url hash; };
        exclude = map (name: "--exclude=*/pizfix/${name}") unused;
        dontPatchELF = true;
        dontStrip = true;
        meta = {
          description = "Fil-C ${toolchain.version} as it was published, unpacked";
          inherit platforms;
        };
      }
      ''
        mkdir "$out"
        tar -xf "$src" -C "$out" --strip-components=1 --no-same-owner $exclude
      '';

  platforms = [ "x86_64-linux" ];
  patchelf = final.buildPackages.patchelf;
  linuxHeaders = final.buildPackages.linuxHeaders;
  # The compiler that made the build machine's programs; it knows their loader and libraries.
  native = final.stdenv.cc;
  nativeLibraries = lib.concatMap (package: lib.optional (package != null) "${lib.getLib package}/lib") [
    (native.libc or null)
    (native.cc or null)
  ];

  libc =
    final.runCommand "filc-libc-${label}"
      {
        outputs = [
          "out"
          "dev"
        ];
        nativeBuildInputs = [ patchelf ];
        inherit linuxHeaders;
        relocate = ./relocate.sh;
        toolchain = folder;
        inherit (toolchain) loader;
        # libyoloc.so does not survive patchelf, and stripping takes away what the inspector reads.
        dontPatchELF = true;
        dontStrip = true;
        passthru = {
          inherit linuxHeaders;
          pname = "filc-libc";
          version = label;
          dynamicLinker = "${libc}/lib/${toolchain.loader}";
          inherit (toolchain) simulated;
          # An output of glibc; here it is one folder with the rest.
          static = libc.out;
        };
        meta = {
          description = "Fil-C's C library, runtime and loader (${toolchain.name})";
          inherit platforms;
        };
      }
      ''
        source "$relocate"
        relocate_libc "$toolchain/pizfix" "$out" "$dev" "$linuxHeaders" "$loader"
      '';

  compiler =
    # Named after the version of LLVM that it is: that is what packages ask a clang for.
    final.runCommand "filc-cc-${toolchain.llvm_version}"
      {
        nativeBuildInputs = [ patchelf ];
        relocate = ./relocate.sh;
        toolchain = folder;
        inherit (toolchain) loader;
        libcLibraries = libc.out;
        libcHeaders = libc.dev;
        nativeLibraryPath = lib.concatStringsSep ":" nativeLibraries;
        native = "${native}";
        dontPatchELF = true;
        dontStrip = true;
        passthru = {
          isClang = true;
          isGNU = false;
          pname = "filc-cc";
          version = toolchain.llvm_version;
          filcVersion = label;
          inherit (toolchain) simulated;
          # What packages ask `stdenv.cc.cc` for. The libraries of this compiler are the libc's.
          lib = libc.out;
          libllvm = final.filc-bintools-unwrapped;
          langC = true;
          langCC = true;
          # Checks that Fil-C makes unnecessary, or flags that its clang was never tried with.
          hardeningUnsupportedFlags = [
            "fortify"
            "fortify3"
            "libcxxhardeningextensive"
            "libcxxhardeningfast"
            "pacret"
            "shadowstack"
            "stackclashprotection"
            "stackprotector"
            "trivialautovarinit"
            "zerocallusedregs"
          ];
        };
        meta = {
          description = "Fil-C, the memory-safe C and C++ compiler (${toolchain.name})";
          inherit platforms;
        };
      }
      ''
        source "$relocate"
        relocate_compiler "$toolchain" "$out" "$libcLibraries" "$libcHeaders" "$loader"
        relocate_native_program "$out/build/bin/clang-20" "$native" "$nativeLibraryPath"
      '';
in
{
  inherit libc compiler;
}
