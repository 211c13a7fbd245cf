{ lib }:
let abis = lib.systems.parse.abis; in
rec {
  patterns = rec {
    isx86_64       = { cpu = { family = "x86"; bits = 64; }; };
    isLinux        = { kernel = "linux"; };

    isGnu          = with abis; map (a: { abi = a; }) [ gnu ];
    # the other libc
    isMusl         = with abis; map (a: { abi = a; }) [ musl musleabi ];
    isUClibc       = { abi = abis.uclibc; };
  };
  predicates = { isMusl = patterns.isMusl; };
}
