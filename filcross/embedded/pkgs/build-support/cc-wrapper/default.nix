# A compiler that knows its libc, its linker and the libraries of the build. The programs in bin are scripts around the
# real ones; nix-support holds their flags, one file per kind:
#
#   cc-cflags, cc-cflags-before, cc-ldflags      of the compiler
#   libc-cflags, libc-crt1-cflags, libc-ldflags  of the C library
#   libcxx-cxxflags, libcxx-ldflags              of the C++ library
#   add-local-cc-cflags-before.sh                sourced for every command (clang: its target)
#   orig-cc, orig-libc, orig-libc-dev            what is wrapped
{
  name ? "",
  lib,
  stdenvNoCC,
  runtimeShell,
  cc ? null,
  libc ? null,
  bintools,
  coreutils ? null,
  zlib ? null,
  # The compiler, or its libc, is found outside the store, under nativePrefix.
  nativeTools,
  noLibc ? false,
  nativeLibc,
  nativePrefix ? "",
  propagateDoc ? cc != null && cc ? man,
  extraTools ? [ ],
  extraPackages ? [ ],
  extraBuildCommands ? "",
  # Files in nix-support and the words to add to each
  nixSupport ? { },
  isGNU ? cc.isGNU or false,
  isClang ? cc.isClang or false,
  isCcache ? cc.isCcache or false,
  gnugrep ? null,
  expand-response-params ? "",
  libcxx ? null,
  # Clang has no libgcc and no C++ library of its own: take them from a GCC.
  useCcForLibs ? isClang,
  gccForLibs ? if useCcForLibs then cc else null,
  fortify-headers ? null,
  includeFortifyHeaders ? null,
}:

assert nativeTools -> !propagateDoc && nativePrefix != "";
assert !nativeTools -> cc != null && coreutils != null && gnugrep != null;
assert !(nativeLibc && noLibc);
assert (noLibc || nativeLibc) == (libc == null);

let
  inherit (lib)
    concatMapStrings
    concatStringsSep
    escapeShellArg
    getBin
    getDev
    getLib
    getName
    getVersion
    mapAttrsToList
    optional
    optionalString
    optionals
    removePrefix
    toList
    ;
  inherit (stdenvNoCC) hostPlatform targetPlatform;

  targetPrefix = optionalString (targetPlatform != hostPlatform) "${targetPlatform.config}-";
  # Keeps the variables of wrappers for different platforms apart
  suffixSalt = lib.replaceStrings [ "-" "." ] [ "_" "_" ] targetPlatform.config;

  ccName = removePrefix targetPrefix (getName cc);
  ccVersion = getVersion cc;

  libc_bin = optionalString (libc != null) (getBin libc);
  libc_dev = optionalString (libc != null) (getDev libc);
  libc_lib = optionalString (libc != null) (getLib libc);
  # Where a cross compiler keeps the libraries of its target
  targetSubdir = optionalString (targetPlatform != hostPlatform) "/${targetPlatform.config}";
  cc_solib = optionalString (cc != null) "${getLib cc}${targetSubdir}";

  withGcc =
    useCcForLibs
    && libcxx == null
    && gccForLibs != null
    && !targetPlatform.isDarwin
    && !targetPlatform.useLLVM;
  gccDir = "lib/gcc/${targetPlatform.config}/${getVersion gccForLibs}";

  fortified =
    if includeFortifyHeaders != null then
      includeFortifyHeaders
    else
      targetPlatform.libc == "musl" && isGNU && fortify-headers != null;

  defaultHardeningFlags = bintools.defaultHardeningFlags or [ ];
  unsupportedHardening =
    if cc ? hardeningUnsupportedFlagsByTargetPlatform then
      cc.hardeningUnsupportedFlagsByTargetPlatform targetPlatform
    else
      cc.hardeningUnsupportedFlags or [ ];

  flag = file: words: ''
    echo ${words} >> $out/nix-support/${file}
  '';
  # The machine that the platform asks for, as options of the compiler
  machineFlags =
    concatMapStrings
      (
        attr:
        optionalString (targetPlatform ? gcc.${attr}) (
          flag "cc-cflags-before" "-m${attr}=${toString targetPlatform.gcc.${attr}}"
        )
      )
      (
        # Clang's -march goes with its -target, below.
        optional (!isClang) "arch"
        ++ [
          "cpu"
          "float-abi"
          "fpu"
          "tune"
        ]
      );
in

assert fortified -> fortify-headers != null;

# The linker must be for the same C library.
assert libc_bin == bintools.libc_bin;
assert libc_dev == bintools.libc_dev;
assert libc_lib == bintools.libc_lib;
assert nativeTools == bintools.nativeTools;
assert nativeLibc == bintools.nativeLibc;
assert nativePrefix == bintools.nativePrefix;

stdenvNoCC.mkDerivation {
  pname = targetPrefix + (if name != "" then name else "${ccName}-wrapper");
  version = optionalString (cc != null) ccVersion;

  preferLocalBuild = true;
  outputs = [ "out" ] ++ optionals propagateDoc [
    "man"
    "info"
  ];

  passthru = {
    inherit
      targetPrefix
      suffixSalt
      bintools
      cc
      libc
      libcxx
      nativeTools
      nativeLibc
      nativePrefix
      isGNU
      isClang
      expand-response-params
      nixSupport
      defaultHardeningFlags
      ;
  };

  dontUnpack = true;
  dontConfigure = true;
  dontBuild = true;
  strictDeps = true;
  # The scripts name their shell already.
  dontPatchShebangs = true;

  wrapper = ./cc-wrapper.sh;

  installPhase =
    ''
      mkdir -p $out/bin $out/nix-support

      # wrap NAME SCRIPT PROGRAM
      wrap() {
        local name="$1" script="$2"
        export prog="$3"
        substituteAll "$script" "$out/bin/$name"
        chmod +x "$out/bin/$name"
      }
    ''
    + (
      if nativeTools then
        ''
          ccPath="${nativePrefix}/bin"
          echo ${nativePrefix} > $out/nix-support/orig-cc
        ''
      else
        ''
          ccPath="${cc}/bin"
          echo ${cc} > $out/nix-support/orig-cc
        ''
    )
    + ''
      for program in $bintools/bin/*; do
        ln -s "$program" "$out/bin/''${program##*/}"
      done

      export named_cc=${targetPrefix}cc
      export named_cxx=${targetPrefix}c++

      if [ -e $ccPath/${targetPrefix}gcc ]; then
        wrap ${targetPrefix}gcc $wrapper $ccPath/${targetPrefix}gcc
        ln -s ${targetPrefix}gcc $out/bin/${targetPrefix}cc
        export named_cc=${targetPrefix}gcc
        export named_cxx=${targetPrefix}g++
      elif [ -e $ccPath/clang ]; then
        wrap ${targetPrefix}clang $wrapper $ccPath/clang
        ln -s ${targetPrefix}clang $out/bin/${targetPrefix}cc
        export named_cc=${targetPrefix}clang
        export named_cxx=${targetPrefix}clang++
      fi

      if [ -e $ccPath/${targetPrefix}g++ ]; then
        wrap ${targetPrefix}g++ $wrapper $ccPath/${targetPrefix}g++
        ln -s ${targetPrefix}g++ $out/bin/${targetPrefix}c++
      elif [ -e $ccPath/clang++ ]; then
        wrap ${targetPrefix}clang++ $wrapper $ccPath/clang++
        ln -s ${targetPrefix}clang++ $out/bin/${targetPrefix}c++
      fi

      if [ -e $ccPath/${targetPrefix}cpp ]; then
        wrap ${targetPrefix}cpp $wrapper $ccPath/${targetPrefix}cpp
      elif [ -e $ccPath/cpp ]; then
        wrap ${targetPrefix}cpp $wrapper $ccPath/cpp
      fi
    '';

  propagatedBuildInputs = [ bintools ] ++ extraTools;
  depsTargetTargetPropagated = optional (libcxx != null) libcxx ++ extraPackages;

  setupHooks = [
    ../setup-hooks/role.bash
  ] ++ optional (cc.langC or true) ./setup-hook.sh;

  postFixup =
    ''
      touch $out/nix-support/cc-cflags $out/nix-support/cc-ldflags
      for file in dynamic-linker dynamic-linker-m32; do
        if [ -f "$bintools/nix-support/$file" ]; then
          ln -s "$bintools/nix-support/$file" $out/nix-support/
        fi
      done
    ''
    + optionalString withGcc (
      optionalString isClang (flag "cc-cflags" "-B${gccForLibs}/${gccDir}")
      + flag "cc-ldflags" "-L${gccForLibs}/${gccDir}"
      + flag "cc-ldflags" "-L${getLib gccForLibs}${targetSubdir}/lib"
    )
    + optionalString (isClang && targetPlatform.isLinux && !targetPlatform.useLLVM && gccForLibs != null) (
      flag "cc-cflags" "--gcc-toolchain=${gccForLibs}"
      + flag "cc-ldflags" "-L${gccForLibs}${targetSubdir}/lib"
      + concatMapStrings (libgcc: flag "cc-ldflags" "-L${libgcc}/lib") (toList (gccForLibs.libgcc or [ ]))
    )
    + optionalString (libc != null) (
      ''
        touch $out/nix-support/libc-cflags $out/nix-support/libc-ldflags
      ''
      + flag "libc-crt1-cflags" "-B${libc_lib}${libc.libdir or "/lib/"}"
      + flag "libc-cflags" "-idirafter ${libc_dev}${libc.incdir or "/include"}"
      # -B hides GCC's own repaired headers, which include the libc's: name them again.
      + optionalString isGNU ''
        for dir in "${cc}"/lib/gcc/*/*/include-fixed; do
          [ ! -d "$dir" ] || echo "-idirafter $dir" >> $out/nix-support/libc-cflags
        done
      ''
      + optionalString fortified (flag "libc-cflags" "-isystem ${fortify-headers}/include")
      + ''
        echo "${libc_lib}" > $out/nix-support/orig-libc
        echo "${libc_dev}" > $out/nix-support/orig-libc-dev
      ''
    )
    + optionalString (libcxx != null) (
      flag "libcxx-cxxflags" "-isystem ${getDev libcxx}/include/c++/v1"
      + flag "libcxx-ldflags" "-stdlib=libc++"
      + flag "cc-ldflags" "-L${getLib libcxx}/lib"
    )
    + optionalString (libcxx == null && isClang && withGcc && gccForLibs.langCC or false) ''
      for dir in ${gccForLibs}/include/c++/* ${gccForLibs}/include/c++/*/${targetPlatform.config}; do
        [ ! -d "$dir" ] || echo "-isystem $dir" >> $out/nix-support/libcxx-cxxflags
      done
    ''
    # The compiler's own libraries
    + optionalString (!nativeTools && !nativeLibc) ''
      if [[ -e "${cc_solib}/lib64" && ! -L "${cc_solib}/lib64" ]]; then
        echo "-L${cc_solib}/lib64" >> $out/nix-support/cc-ldflags
        echo "-B${cc_solib}/lib64" >> $out/nix-support/cc-cflags
      fi
      echo "-L${cc_solib}/lib" >> $out/nix-support/cc-ldflags
      echo "-B${cc_solib}/lib" >> $out/nix-support/cc-cflags
    ''
    + optionalString propagateDoc ''
      ln -s ${cc.man} $man
      ln -s ${cc.info} $info
    ''
    + ''
      export hardening_unsupported_flags="${concatStringsSep " " unsupportedHardening}"
    ''
    + machineFlags
    + ''
      # Each file is read as one list of words.
      for file in $out/nix-support/*flags*; do
        substituteInPlace "$file" --replace-quiet $'\n' ' '
      done

      substituteAll ${./add-flags.sh} $out/nix-support/add-flags.sh
      substituteAll ${./add-hardening.sh} $out/nix-support/add-hardening.sh
      substituteAll ${../wrapper-common/utils.bash} $out/nix-support/utils.bash
    ''
    + optionalString isClang ''
      export march=${escapeShellArg (optionalString (targetPlatform ? gcc.arch) "-march=${targetPlatform.gcc.arch}")}
      export defaultTarget=${targetPlatform.config}
      substituteAll ${./add-clang-cc-cflags-before.sh} $out/nix-support/add-local-cc-cflags-before.sh
    ''
    + extraBuildCommands
    + "\n"
    + concatStringsSep "\n" (
      mapAttrsToList (file: words: "echo ${toString words} >> $out/nix-support/${file}") nixSupport
    );

  env = {
    inherit
      isClang
      suffixSalt
      targetPrefix
      bintools
      libc_bin
      libc_dev
      libc_lib
      nativeLibc
      ;
    shell = runtimeShell;
    coreutils_bin = optionalString (!nativeTools) (getBin coreutils);
    gnugrep_bin = optionalString (!nativeTools) gnugrep;
    cc = optionalString (!nativeTools) cc;
    wrapperName = "CC_WRAPPER";
    default_hardening_flags_str = toString defaultHardeningFlags;
  };

  meta =
    removeAttrs (cc.meta or { }) [
      "priority"
      "name"
      "position"
    ]
    // {
      description = "${cc.meta.description or "System C compiler"} (wrapper script)";
      priority = 10;
    };
}
