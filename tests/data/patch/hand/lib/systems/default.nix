{ lib }:
rec {
  elaborate = args: let
    final = {
      libc =
        /**/ if final.isDarwin              then "libSystem"
        else if final.isMusl                then "musl"
        else if final.isLinux /* default */ then "glibc"
        # the rest
        else                                     "native/impure";
      extensions = { sharedLibrary = if final.isMusl then ".so" else ".dll"; };
      hasSharedLibraries = with final;
        (isAndroid || isGnu || isMusl                                  # several of them
         || isDarwin
        ) && !isStatic;
    } // args;
  in assert final.useAndroidPrebuilt -> final.isAndroid;
     assert lib.all (one: one.assertion final) (final.parsed.abi.assertions or []);
    final;
}
