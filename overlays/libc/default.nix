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
in
{
  libintl = null;
}
// ifAsked "libiconv" iconv
// ifAsked "gettext" (withoutIntlFlags prev.gettext)
