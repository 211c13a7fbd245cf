{
  lib,
  stdenv,
  fetchurl,
}:
stdenv.mkDerivation {
  pname = "gnu-config";

  installPhase = ''
    runHook preInstall
    install -Dm755 ./config.sub $out/config.sub
    runHook postInstall
  '';

  meta.platforms = lib.platforms.all;
}
