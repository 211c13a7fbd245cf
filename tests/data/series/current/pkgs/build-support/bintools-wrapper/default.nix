{
  stdenvNoCC,
  sharedLibraryLoader ? null,
  extraBuildCommands ? "",
}:
let
  inherit (stdenvNoCC) targetPlatform;
  dynamicLinker =
    if sharedLibraryLoader == null then
      ""
    else if targetPlatform.libc == "musl" then
      "${sharedLibraryLoader}/lib/ld-musl-*"
    else if targetPlatform.system == "x86_64-linux" then
      "${sharedLibraryLoader}/lib/ld-linux-x86-64.so.2"
    else
      "";
in
stdenvNoCC.mkDerivation { inherit dynamicLinker; }
