{ stdenv, fetchurl }:
stdenv.mkDerivation {
  pname = "gnu-config";
  buildCommand = ''
    mkdir -p $out
    cp config.sub $out/config.sub
  '';
}
