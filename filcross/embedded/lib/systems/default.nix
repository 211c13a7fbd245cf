# Platforms. `elaborate` makes of a name, or of a few attributes, everything that packages ask of a platform.
{ lib }:

let
  inherit (lib)
    filterAttrs
    foldl
    isAttrs
    isFunction
    mapAttrs
    optionalAttrs
    optionalString
    ;

  doubles = import ./doubles.nix { inherit lib; };
  parse = import ./parse.nix { inherit lib; };
  inspect = import ./inspect.nix { inherit lib; };
  examples = import ./examples.nix { inherit lib; };

  # Two platforms are the same when they agree in all but their functions, which cannot be compared.
  equals =
    let
      data = filterAttrs (_: value: !isFunction value);
    in
    a: b: data a == data b;

  systemToAttrs = platform: if isAttrs platform then platform else { system = platform; };

  # What the caller gives wins over what is derived, except the two that always follow from the name.
  elaborate =
    platform:
    let
      given = systemToAttrs platform;
      args = removeAttrs given [
        "parsed"
        "system"
      ];

      final =
        {
          parsed = parse.mkSystemFromString (args.config or given.system);
          system = parse.doubleFromSystem final.parsed;
          config = parse.tripleFromSystem final.parsed;
          canExecute =
            other:
            final.isAndroid == other.isAndroid
            && parse.isCompatible final.parsed.cpu other.parsed.cpu
            && final.parsed.kernel == other.parsed.kernel;
          useLLVM = final.isFreeBSD || final.isOpenBSD;

          libc =
            if final.isDarwin then
              "libSystem"
            else if final.isMinGW then
              "msvcrt"
            else if final.isWasi then
              "wasilibc"
            else if final.isRedox then
              "relibc"
            else if final.isMusl then
              "musl"
            else if final.isUClibc then
              "uclibc"
            else if final.isAndroid then
              "bionic"
            else if final.isLinux then
              "glibc"
            else if final.isFreeBSD then
              "fblibc"
            else if final.isNetBSD then
              "nblibc"
            else if final.isOpenBSD then
              "oblibc"
            else if final.isNone then
              "newlib"
            else
              "native/impure";

          linker =
            if final.useLLVM then
              "lld"
            else if final.isDarwin then
              "cctools"
            else
              "bfd";
          libDir = if !final.isLinux then null else if final.is64bit then "lib64" else "lib";

          extensions =
            optionalAttrs final.hasSharedLibraries {
              sharedLibrary =
                if final.isDarwin then
                  ".dylib"
                else if final.isWindows then
                  ".dll"
                else
                  ".so";
            }
            // {
              staticLibrary = if final.isWindows then ".lib" else ".a";
              library = if final.isStatic then final.extensions.staticLibrary else final.extensions.sharedLibrary;
              executable = optionalString final.isWindows ".exe";
            };

          useAndroidPrebuilt = false;
          useiOSPrebuilt = false;

          uname = {
            system =
              {
                darwin = "Darwin";
                freebsd = "FreeBSD";
                linux = "Linux";
                netbsd = "NetBSD";
                openbsd = "OpenBSD";
                windows = "Windows";
              }
              .${final.parsed.kernel.name} or null;
            processor = if final.isDarwin then final.darwinArch else final.parsed.cpu.name;
            release = null;
          };

          # Whether there is a dynamic loader, by the platforms that are known to have one.
          hasSharedLibraries =
            with final;
            (
              isAndroid
              || isGnu
              || isMusl # Linux (allows multiple libcs)
              || isDarwin
              || isBSD
              || isWindows
            )
            && !isStatic;
          isStatic = final.isWasi || final.isRedox;

          linux-kernel = args.linux-kernel or { };
          gcc = args.gcc or { };
          linuxArch =
            if final.isAarch32 then
              "arm"
            else if final.isAarch64 then
              "arm64"
            else if final.isx86_32 then
              "i386"
            else
              final.parsed.cpu.name;
          qemuArch = if final.isx86_32 then "i386" else final.uname.processor;
          darwinArch = parse.darwinArch final.parsed.cpu;

          emulatorAvailable = pkgs: pkgs.stdenv.hostPlatform.canExecute final;
          emulator =
            pkgs:
            if final.emulatorAvailable pkgs then
              "${pkgs.coreutils}/bin/env"
            else
              throw "Don't know how to run ${final.config} executables.";
        }
        // mapAttrs (_: matches: matches final.parsed) inspect.predicates
        // args;
    in
    assert final.useAndroidPrebuilt -> final.isAndroid;
    assert foldl (pass: { assertion, message }: if assertion final then pass else throw message) true (
      final.parsed.abi.assertions or [ ]
    );
    final;
in

{
  inherit
    doubles
    elaborate
    equals
    examples
    inspect
    parse
    systemToAttrs
    ;
  flakeExposed = [ "x86_64-linux" ];
}
