with import ./release-lib.nix { };
let
  nativePlatforms = all;
  embedded = {
    libcCross = nativePlatforms;
  };
  wasiCommon = {
    hello = nativePlatforms;
  };

  rpiCommon = linuxCommon;
in
{
  /* small things */
  x86_64-embedded = mapTestOnCross lib.systems.examples.x86_64-embedded embedded;

  bootstrapTools = { };
}
