let
  inherit (import ./release-lib.nix { })
    all
    common
    mapTestOnCross
    systems
    ;

  nativePlatforms = all;

  embedded = {
    libc = nativePlatforms;
  };

  wasiCommon = {
    hello = nativePlatforms;
  };

  darwinCommon = { };

in

{
  wasi32 = mapTestOnCross systems.examples.wasi32 wasiCommon;
  x86_64-embedded = mapTestOnCross systems.examples.x86_64-embedded embedded;
  x86_64-freebsd = mapTestOnCross systems.examples.x86_64-freebsd common;
}
