{
  lib,
  stdenvNoCC,
  cc ? null,
  isClang ? false,
  gccForLibs ? null,
  useCcForLibs ? true,
  extraBuildCommands ? "",
}:
let
  inherit (stdenvNoCC) targetPlatform;
  inherit (lib) optionalString;
in
stdenvNoCC.mkDerivation {
  postFixup =
    optionalString (!targetPlatform.isDarwin && !targetPlatform.isAndroid) ''
      echo no flag here
    ''
    +
      optionalString
        (
          (cc.isClang or false)
          && !(cc.isROCm or false)
          && !targetPlatform.isDarwin
          && !targetPlatform.isAndroid
        )
        ''
          echo " -nostdlibinc" >> $out/nix-support/cc-cflags
        ''
    + optionalString isClang (
      let
        oldSuffix = lib.hasPrefix "gnuabielfv" targetPlatform.parsed.abi.name;
        clangCompatibleConfig =
          if oldSuffix then
            lib.removeSuffix "x" targetPlatform.config
          else
            targetPlatform.config;
      in
      ''
        export defaultTarget=${clangCompatibleConfig}
      ''
    )
    + extraBuildCommands;
}
