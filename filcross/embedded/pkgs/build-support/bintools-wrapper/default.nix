# A linker, and the tools beside it, that know their libc and the libraries of the build. nix-support holds:
#
#   dynamic-linker        the loader to name in programs, used when ld-set-dynamic-linker is there
#   libc-ldflags          flags for the C library; libc-ldflags-before: in front of all others
#   orig-bintools, orig-libc, orig-libc-dev
{
  name ? "",
  lib,
  stdenvNoCC,
  runtimeShell,
  bintools ? null,
  libc ? null,
  coreutils ? null,
  gnugrep ? null,
  # The package whose lib folder has the loader
  sharedLibraryLoader ? if libc == null then null else lib.getLib libc,
  nativeTools,
  noLibc ? false,
  nativeLibc,
  nativePrefix ? "",
  propagateDoc ? bintools != null && bintools ? man,
  extraPackages ? [ ],
  extraBuildCommands ? "",
  isGNU ? bintools.isGNU or false,
  isLLVM ? bintools.isLLVM or false,
  isCCTools ? bintools.isCCTools or false,
  expand-response-params ? "",
  defaultHardeningFlags ? [
    "bindnow"
    "format"
    "fortify"
    "fortify3"
    "pic"
    "relro"
    "stackprotector"
    "strictoverflow"
  ] ++ lib.optional (stdenvNoCC.targetPlatform.libc == "musl") "pie",
}:

assert nativeTools -> !propagateDoc && nativePrefix != "";
assert !nativeTools -> bintools != null && coreutils != null && gnugrep != null;
assert !(nativeLibc && noLibc);
assert (noLibc || nativeLibc) == (libc == null);

let
  inherit (lib)
    concatStringsSep
    getBin
    getDev
    getLib
    getName
    getVersion
    optionalString
    optionals
    removePrefix
    ;
  inherit (stdenvNoCC) hostPlatform targetPlatform;

  targetPrefix = optionalString (targetPlatform != hostPlatform) "${targetPlatform.config}-";
  suffixSalt = lib.replaceStrings [ "-" "." ] [ "_" "_" ] targetPlatform.config;
  bintoolsName = removePrefix targetPrefix (getName bintools);

  libc_bin = optionalString (libc != null) (getBin libc);
  libc_dev = optionalString (libc != null) (getDev libc);
  libc_lib = optionalString (libc != null) (getLib libc);
  bintools_bin = if nativeTools then nativePrefix else getBin bintools;

  # The loader's usual file name (or a pattern for it) by C library and platform
  dynamicLinker =
    if sharedLibraryLoader == null then
      ""
    else if targetPlatform.libc == "musl" then
      "${sharedLibraryLoader}/lib/ld-musl-*"
    else if targetPlatform.system == "x86_64-linux" then
      "${sharedLibraryLoader}/lib/ld-linux-x86-64.so.2"
    else if targetPlatform.system == "i686-linux" then
      "${sharedLibraryLoader}/lib/ld-linux.so.2"
    else if targetPlatform.system == "aarch64-linux" then
      "${sharedLibraryLoader}/lib/ld-linux-aarch64.so.1"
    else if targetPlatform.system == "riscv64-linux" then
      "${sharedLibraryLoader}/lib/ld-linux-riscv64-lp64d.so.1"
    else if targetPlatform.system == "powerpc64le-linux" then
      "${sharedLibraryLoader}/lib/ld64.so.2"
    else if targetPlatform.isLinux then
      "${sharedLibraryLoader}/lib/ld*.so.*"
    else
      "";
in

stdenvNoCC.mkDerivation {
  pname = targetPrefix + (if name != "" then name else "${bintoolsName}-wrapper");
  version = optionalString (bintools != null) (getVersion bintools);

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
      libc
      libc_bin
      libc_dev
      libc_lib
      nativeTools
      nativeLibc
      nativePrefix
      isGNU
      isLLVM
      isCCTools
      defaultHardeningFlags
      ;
    inherit dynamicLinker;
  };

  dontUnpack = true;
  dontConfigure = true;
  dontBuild = true;
  strictDeps = true;
  dontPatchShebangs = true;

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

      echo ${bintools_bin} > $out/nix-support/orig-bintools
      ldPath="${bintools_bin}/bin"

      # The tools that need no flags
      for program in ar as nm objcopy objdump ranlib readelf size strings strip addr2line c++filt gprof elfedit dwp windres; do
        for name in ${targetPrefix}$program; do
          if [ -e "$ldPath/$name" ]; then
            ln -s "$ldPath/$name" "$out/bin/$name"
          fi
        done
      done

      # The linkers
      for variant in ld ld.bfd ld.gold ld.lld ld.mold; do
        for program in ${targetPrefix}$variant; do
          if [ -e "$ldPath/$program" ]; then
            wrap $program ${./ld-wrapper.sh} $ldPath/$program
          fi
        done
      done
      if [[ ! -e $out/bin/${targetPrefix}ld && -e $ldPath/ld.lld ]]; then
        wrap ${targetPrefix}ld ${./ld-wrapper.sh} $ldPath/ld.lld
      fi
    '';

  depsTargetTargetPropagated = extraPackages;

  setupHooks = [
    ../setup-hooks/role.bash
    ./setup-hook.sh
  ];

  postFixup =
    optionalString (libc != null) ''
      touch $out/nix-support/libc-ldflags $out/nix-support/libc-ldflags-before
      echo "-L${libc_lib}${libc.libdir or "/lib"}" >> $out/nix-support/libc-ldflags
      echo "${libc_lib}" > $out/nix-support/orig-libc
      echo "${libc_dev}" > $out/nix-support/orig-libc-dev
    ''
    + optionalString (dynamicLinker != "") ''
      # A pattern must have exactly one match; a plain name is taken as it is.
      shopt -s nullglob
      loaders=(${dynamicLinker})
      shopt -u nullglob
      if ((''${#loaders[@]} == 1)); then
        echo "''${loaders[0]}" > $out/nix-support/dynamic-linker
        touch $out/nix-support/ld-set-dynamic-linker
      else
        echo "no loader (or more than one) is called ${dynamicLinker}: programs get the linker's default" >&2
      fi
    ''
    + optionalString propagateDoc ''
      ln -s ${bintools.man} $man
      ln -s ${bintools.info} $info
    ''
    + ''
      export hardening_unsupported_flags="${concatStringsSep " " (bintools.hardeningUnsupportedFlags or [ ])}"

      for file in $out/nix-support/*flags*; do
        [ ! -f "$file" ] || substituteInPlace "$file" --replace-quiet $'\n' ' '
      done

      substituteAll ${./add-flags.sh} $out/nix-support/add-flags.sh
      substituteAll ${./add-hardening.sh} $out/nix-support/add-hardening.sh
      substituteAll ${../wrapper-common/utils.bash} $out/nix-support/utils.bash
    ''
    + extraBuildCommands;

  env = {
    inherit
      suffixSalt
      targetPrefix
      libc_bin
      libc_dev
      libc_lib
      nativeLibc
      ;
    bintools_bin = optionalString (!nativeTools) bintools_bin;
    shell = runtimeShell;
    coreutils_bin = optionalString (!nativeTools) (getBin coreutils);
    wrapperName = "BINTOOLS_WRAPPER";
    default_hardening_flags_str = toString defaultHardeningFlags;
  };

  meta =
    removeAttrs (bintools.meta or { }) [
      "priority"
      "name"
      "position"
    ]
    // {
      description = "${bintools.meta.description or "System binary utilities"} (wrapper script)";
      priority = 10;
    };
}
