{
  lib,
  stdenv,
  fetchurl,
}:

stdenv.mkDerivation (finalAttrs: {
  pname = "pcre2";
  version = "10.42";

  src = fetchurl {
    url = "https://github.com/PCRE2Project/pcre2/releases/download/pcre2-${finalAttrs.version}/pcre2-${finalAttrs.version}.tar.gz";
    sha256 = "c33b418e3b936ee3153de2c61cc638e7e4fe3156022a5c77d0711bcbb9d64f1f";
  };

  # No just-in-time compiler: it makes machine code that no C compiler has seen.
  configureFlags = [ "--disable-jit" ];

  enableParallelBuilding = true;

  meta = {
    description = "Library of regular expressions in the manner of Perl";
    homepage = "https://www.pcre.org/";
    license = lib.licenses.bsd3;
    mainProgram = "pcre2grep";
    platforms = lib.platforms.all;
  };
})
