# Asks the cross compilation stages of a tree which compiler and which hooks they give to packages. Everything that the
# stages take from the package set is a stand-in with a name, so no package is evaluated, and any Nix will do.
#
# `lib` is what to import to get the tree's library, `cross` the file with the stages, `tools` the file that chooses the
# compiler in trees that have one, `configuration` the file with the configuration to give (both may be ""); all are
# absolute paths.
{
  lib,
  cross,
  tools ? "",
  configuration ? "",
  platforms ? [
    "x86_64-unknown-linux-filc"
    "x86_64-unknown-linux-musl"
    "aarch64-unknown-linux-gnu"
  ],
}:

let
  path = text: /. + text;
  library = import (path lib);
  inherit (library.systems) elaborate;
  localSystem = elaborate { system = "x86_64-linux"; };

  # Calls a function of a file with stand-ins for its arguments; null stands for what it will not ask about.
  call =
    function: known:
    let
      arguments = builtins.functionArgs function;
      wanted = builtins.filter (name: known ? ${name} || !arguments.${name}) (builtins.attrNames arguments);
    in
    function (
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = known.${name} or null;
        }) wanted
      )
    );

  standardEnvironment =
    fields:
    fields
    // {
      override =
        change: standardEnvironment (fields // (if builtins.isFunction change then change fields else change));
    };

  ask =
    crossSystem:
    let
      buildPackages = {
        stdenv = standardEnvironment {
          buildPlatform = localSystem;
          hostPlatform = localSystem;
          targetPlatform = localSystem;
          cc = "the native compiler";
          extraNativeBuildInputs = [ ];
          extraBuildInputs = [ ];
        };
        stdenvAdapters.makeStatic = stdenv: stdenv;
        filcc = "filcc";
        gcc = "gcc";
        gcc-unwrapped = "gcc";
        llvmPackages = builtins.listToAttrs (
          map
            (name: {
              inherit name;
              value = "clang";
            })
            [
              "clang"
              "clangUseLLVM"
              "libcxxClang"
              "systemLibcxxClang"
            ]
        );
        patchelf = "patchelf";
        updateAutotoolsGnuConfigScriptsHook = "updateAutotoolsGnuConfigScriptsHook";
        targetPackages = {
          _tools.cc = chosen;
          apple-sdk = "apple-sdk";
          ccChooser = name: name;
        };
      };
      stages = call (import (path cross)) {
        inherit localSystem crossSystem;
        lib = library;
        config = {
          contentAddressedByDefault = false;
        }
        // (if configuration == "" then { } else import (path configuration));
        overlays = [ ];
        crossOverlays = [ ];
        bootStages = [ (_: { }) ];
      };
      last = library.last stages buildPackages;
      chosen =
        (call (import (path tools)) {
          inherit buildPackages;
          lib = library;
          hostPlatform = crossSystem;
          buildPlatform = localSystem;
          llvmPackages._tools.cc = "clang";
          tools = {
            wrapCC = cc: cc;
            wrapVersioned = _: _: { };
          };
        }).cc;
      stdenv = last.stdenv or (last.stdenvNoCC.override { cc = chosen; });
    in
    {
      inherit (crossSystem) config;
      compiler = stdenv.cc;
      hook = builtins.elem "updateAutotoolsGnuConfigScriptsHook" stdenv.extraNativeBuildInputs;
    };
in

map (config: ask (elaborate { inherit config; })) platforms
