{
  lib,
  abis ? lib.systems.parse.abis,
}:

rec {
  patterns = rec {
    isLinux = {
      kernel = kernels.linux;
    };
    isMusl =
      with abis;
      map (a: { abi = a; }) [
        musl
        musleabi
      ];
  };
}
