# Fil-C's compiler and binutils behind the tree's own wrappers, in the stage where prefix and salt are those of the
# Fil-C platform: native and Fil-C links must never see each other's flags.
#
# The wrappers' arguments and files differ from year to year. So they get only arguments that this tree's wrapper has,
# and what they write is put right afterwards by the scripts beside this file.
{
  parameters,
  final,
  prev,
}:
let
  inherit (prev) lib;
  libc = final.filc-libc;
  dynamicLinker = "${libc.out}/lib/${parameters.toolchain.loader}";
  prefix = prev.stdenv.targetPlatform.config + "-";

  # The formal arguments of a wrapper of this tree; null where they cannot be told.
  argumentsOf =
    wrapper: example:
    let
      candidates = lib.optionals (prev ? path) [
        (prev.path + "/pkgs/build-support/${wrapper}")
        (prev.path + "/build-support/${wrapper}")
      ];
      found = builtins.filter builtins.pathExists candidates;
    in
    if found != [ ] then
      builtins.functionArgs (import (builtins.head found))
    else if example ? override && lib.functionArgs example.override != { } then
      lib.functionArgs example.override
    else
      null;
  onlyKnown =
    known: arguments: if known == null then arguments else builtins.intersectAttrs known arguments;

  ccArguments = argumentsOf "cc-wrapper" prev.stdenv.cc;

  native = final.buildPackages.binutils-unwrapped;
in
{
  # The native binutils under the names of the Fil-C platform and under their own.
  bintoolsUnwrapped =
    final.runCommand "filc-bintools-${lib.getVersion native}"
      {
        native = lib.getBin native;
        inherit prefix;
        passthru = {
          isGNU = true;
          targetPrefix = prefix;
          pname = "filc-bintools";
          version = lib.getVersion native;
          lib = lib.getLib native;
          dev = lib.getDev native;
        };
        meta = {
          description = "The build machine's binutils under the names of the Fil-C platform";
          platforms = [ "x86_64-linux" ];
        };
      }
      ''
        source ${./link-bintools.sh}
      '';

  bintools = final.wrapBintoolsWith {
    bintools = final.filc-bintools-unwrapped;
    inherit libc;
    extraBuildCommands = ''
      filcPrefix=${prefix} filcLoader=${dynamicLinker} filcLinkerCheck=${./linker-check.sh}
      source ${./bintools-wrapper.sh}
    '';
  };

  compiler = final.wrapCCWith (
    {
      cc = final.filc-cc-unwrapped;
      bintools = final.filc-bintools;
      inherit libc;
      extraBuildCommands = ''
        filcTriple=${prev.stdenv.targetPlatform.config} filcPrefix=${prefix} filcLoader=${dynamicLinker}
        filcLibraries=${libc.out}/lib filcHeaders=${libc.dev}
        filcCompiler=${final.filc-cc-unwrapped} filcDriver=${./driver.sh}
        filcShell=${final.runtimeShell} filcCoreutils=${final.coreutils}
        filcHook=${./setup-hook.sh} filcAnswers=${./config.site}
        source ${./cc-wrapper.sh}
      '';
    }
    // onlyKnown ccArguments {
      # A clang takes GCC's runtime libraries by default. Fil-C has its own.
      gccForLibs = null;
      useCcForLibs = false;
    }
  );
}
