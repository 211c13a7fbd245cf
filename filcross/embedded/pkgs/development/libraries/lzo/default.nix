{
  lib,
  stdenv,
  fetchurl,
}:

stdenv.mkDerivation (finalAttrs: {
  pname = "lzo";
  version = "2.10";

  src = fetchurl {
    url = "https://www.oberhumer.com/opensource/lzo/download/lzo-${finalAttrs.version}.tar.gz";
    sha256 = "c0f892943208266f9b6543b3ae308fab6284c5c90e627931446fb49b4221a072";
  };

  configureFlags = [ "--enable-shared" ];

  enableParallelBuilding = true;

  meta = {
    description = "Library of fast lossless compression";
    homepage = "https://www.oberhumer.com/opensource/lzo/";
    license = lib.licenses.gpl2Plus;
    platforms = lib.platforms.all;
  };
})
