{
  # What Fil-C's own ports and nixpkgs' recipes have in common.
  filcCommon = {
    bash = nativePlatforms;
    coreutils = nativePlatforms;
    curl = nativePlatforms;
    hello = nativePlatforms;
    openssl = nativePlatforms;
    sqlite = nativePlatforms;
    zlib = nativePlatforms;
  };
}
