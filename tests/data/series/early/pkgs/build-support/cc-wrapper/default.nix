{ stdenv, cc ? null, isClang ? false, extraBuildCommands ? "" }:
let
  inherit (stdenv) targetPlatform;
in
stdenv.mkDerivation {
  postFixup = ''
    echo "for ${targetPlatform.config}"
  ''
    + (if isClang then ''

      echo "-target ${targetPlatform.config}" >> $out/nix-support/cc-cflags
    '' else "")
    + extraBuildCommands;
}
