{ lib }:

{
  elaborate =
    systemOrArgs:
    let
      final = {
        libc =
          if final.isDarwin then
            "libSystem"
          else if final.isMusl then
            "musl"
          else if
            final.isLinux # default
          then
            "glibc"
          else
            "native/impure";
        hasSharedLibraries =
          with final;
          (
            isAndroid
            || isGnu
            || isMusl # Linux (allows multiple libcs)
            || isDarwin
          )
          && !isStatic;
      };
    in
    assert final.useAndroidPrebuilt -> final.isAndroid;
    assert lib.all (one: one.assertion final) (final.parsed.abi.assertions or [ ]);
    final;
}
