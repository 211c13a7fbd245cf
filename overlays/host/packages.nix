# Overlay for the native stages: build tools of the tree whose build is replaced by links to the host's programs. A
# package keeps the name, version, setup hook, passthru and meta of the tree's own attribute, which is evaluated for
# them and never built. What the host lacks is the tree's own, built with the host's compiler.
{ tools }:
final: prev:
let
  inherit (prev) lib;
  isFilC = platform: platform.isFilC or false;
  inherit (tools) exists names;

  replaceBuild =
    {
      attribute,
      programs,
      script ? "",
      environment ? { },
    }:
    let
      original = prev.${attribute};
      present = builtins.filter exists programs;
      linked = tools.link {
        name = "host-${lib.getName original}";
        programs = present;
      };
      # Outputs that recipes name are all this one.
      outputs = lib.genAttrs (builtins.filter (name: name != "out") (original.outputs or [ ])) (_: replaced);
      replaced =
        final.stdenvNoCC.mkDerivation (
          {
            pname = "${lib.getName original}-host";
            version = lib.getVersion original;
            inherit linked;
            phases = [
              "installPhase"
              "fixupPhase"
            ];
            installPhase = ''
              mkdir -p $out/bin
              for program in $linked/bin/*; do
                ln -s "$(readlink "$program")" "$out/bin/''${program##*/}"
              done
              ${script}
            '';
            dontStrip = true;
            dontPatchELF = true;
            dontPatchShebangs = true;
            dontAutoPatchelf = true;
            preferLocalBuild = true;
            allowSubstitutes = false;
            meta = original.meta or { };
            # Another attribute that is the same package takes it from here.
            passthru = original.passthru or { };
          }
          // lib.optionalAttrs (original ? setupHook) { inherit (original) setupHook; }
          // lib.optionalAttrs (original ? setupHooks) { inherit (original) setupHooks; }
          // environment
        )
        // (original.passthru or { })
        // outputs
        // {
          filcrossHostBootstrap = true;
          override = _: replaced;
          overrideAttrs = _: replaced;
          overrideDerivation = _: replaced;
        };
    in
    replaced;

  replace =
    attribute: programs:
    if prev ? ${attribute} && exists (builtins.head programs) then
      {
        ${attribute} = replaceBuild (
          {
            inherit attribute programs;
          }
          // (special.${attribute} or { })
        );
      }
    else
      { };

  special = {
    # Finds what a build's inputs bring, and nothing of the host.
    pkg-config-unwrapped.script = "program=pkg-config source ${./wrap-pkg-config.sh}";
    pkgconf-unwrapped.script = "program=pkgconf source ${./wrap-pkg-config.sh}";
    # Its setup hook asks whether programs need -lintl: the host's C library has the functions itself.
    gettext.environment.gettextNeedsLdflags = "";
    # libtoolize looks for m4 where the build looks for programs.
    libtool = {
      environment.propagatedBuildInputs = [ final.gnum4 ];
      script = "source ${./wrap-libtoolize.sh}";
    };
    cmake.script = "source ${./wrap-cmake.sh}";
    automake.script = "source ${./wrap-automake.sh}";
  };

  merge = lib.foldl' (all: one: all // one) { };
in
if isFilC prev.stdenv.hostPlatform then
  { }
else
  merge (lib.mapAttrsToList replace names.packages)
  // merge (map (attribute: replace attribute names.python) names.pythonAttributes)
  // replace "coreutils" names.coreutils
  // lib.optionalAttrs (!(isFilC prev.stdenv.targetPlatform)) (
    {
      binutils-unwrapped = replaceBuild {
        attribute = "binutils-unwrapped";
        programs = names.binutils;
      };
    }
  )
  // {
    filcrossHostBootstrap = true;
    fetchurl = final.stdenv.fetchurlBoot;
    linuxHeaders = tools.linuxHeaders // {
      version = "host";
      meta = { };
    };
    expand-response-params = "";
  }
