{ stdenv, libc ? null, bintools ? null, extraBuildCommands ? "" }:
let
  inherit (stdenv) targetPlatform;
  libc_lib = libc.out;
  dynamicLinker =
    /**/ if libc == null then null
    else if targetPlatform.libc == "musl"             then "${libc_lib}/lib/ld-musl-*"
    else if targetPlatform.system == "x86_64-linux"   then "${libc_lib}/lib/ld-linux-x86-64.so.2"
    else null;
in
stdenv.mkDerivation { inherit dynamicLinker; }
