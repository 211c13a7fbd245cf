# Answers for the C library where a tree asks by name. Both flavours of Fil-C's have iconv and the gettext functions.
{
  parameters,
  final,
  prev,
  lib,
  libc,
}:
let
  ifAsked = name: value: lib.optionalAttrs (prev ? ${name}) { ${name} = value; };

  iconv = final.buildPackages.runCommand "${lib.getName libc}-iconv" { meta = libc.meta; } ''
    mkdir -p $out/include
    ln -s ${lib.getDev libc}/include/iconv.h $out/include/
  '';

  # GNU gettext as a library dependency tells every package to link libintl, which the C library makes unnecessary.
  withoutIntlFlags =
    gettext:
    gettext.overrideAttrs (
      old:
      if old ? env && old.env ? gettextNeedsLdflags then
        { env = old.env // { gettextNeedsLdflags = false; }; }
      else
        { gettextNeedsLdflags = false; }
    );
  # Trees take these two from glibc, and for any other C library from NetBSD's sources, with a layer of its libc below.
  program =
    name:
    final.stdenv.mkDerivation {
      pname = name;
      version = libc.version;
      source = ./. + "/${name}.c";
      dontUnpack = true;
      buildPhase = ''
        runHook preBuild
        $CC -O2 -o ${name} "$source"
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        mkdir -p $out/bin
        cp ${name} $out/bin/
        runHook postInstall
      '';
      meta = {
        description = "${name} for Fil-C's C library";
        platforms = lib.platforms.linux;
      };
    };
  programs = {
    getconf = program "getconf";
    getent = program "getent";
  };

  # The C library under every name that a tree has for one, with the outputs that those have (a tree's `splice.nix`
  # would take an output that is not listed from the build machine's libc of that name).
  asked =
    libc
    // {
      bin = libc.out;
      static = libc.out;
      inherit (programs) getent;
      outputs = libc.outputs ++ [
        "bin"
        "static"
        "getent"
      ];
    };
  names = [
    "libcCross"
    "glibcCross"
    "muslCross"
    "libc"
    "glibc"
    "musl"
  ];
in
{
  libintl = null;
}
// builtins.intersectAttrs prev (lib.genAttrs names (_: asked))
# Data for any program that reads glibc's locales; those of the build machine are as good.
// ifAsked "glibcLocales" (
  if parameters.toolchain.flavour == "glibc" then final.buildPackages.glibcLocales else null
)
// ifAsked "unixtools" ((prev.unixtools or { }) // programs)
// ifAsked "getconf" programs.getconf
// ifAsked "getent" programs.getent
// ifAsked "libiconv" iconv
// ifAsked "gettext" (withoutIntlFlags prev.gettext)
