{
  lib,
  stdenv,
  fetchurl,
  lzo,
}:

stdenv.mkDerivation (finalAttrs: {
  pname = "lzop";
  version = "1.04";

  src = fetchurl {
    url = "https://www.lzop.org/download/lzop-${finalAttrs.version}.tar.gz";
    sha256 = "7e72b62a8a60aff5200a047eea0773a8fb205caf7acbe1774d95147f305a2f41";
  };

  buildInputs = [ lzo ];

  enableParallelBuilding = true;

  meta = {
    description = "Fast file compressor";
    homepage = "https://www.lzop.org/";
    license = lib.licenses.gpl2Plus;
    mainProgram = "lzop";
    platforms = lib.platforms.unix;
  };
})
