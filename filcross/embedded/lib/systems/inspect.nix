# Questions that can be asked of a platform: isLinux, isMusl, is64bit…
{ lib }:

let
  inherit (lib)
    any
    isList
    mapAttrs
    matchAttrs
    ;
  inherit (lib.systems.parse)
    cpuTypes
    execFormats
    kernelFamilies
    kernels
    significantBytes
    ;

  # Functions cannot be compared, so the patterns are without the assertions.
  abis = mapAttrs (_: abi: removeAttrs abi [ "assertions" ]) lib.systems.parse.abis;
in

rec {
  # Each pattern is compared with the parsed platform: every attribute that it names must agree. A list of patterns
  # matches when one of them does.
  patterns = rec {
    isi686 = {
      cpu = cpuTypes.i686;
    };
    isx86 = {
      cpu = {
        family = "x86";
      };
    };
    isx86_32 = {
      cpu = {
        family = "x86";
        bits = 32;
      };
    };
    isx86_64 = {
      cpu = {
        family = "x86";
        bits = 64;
      };
    };
    isAarch = {
      cpu = {
        family = "arm";
      };
    };
    isAarch32 = {
      cpu = {
        family = "arm";
        bits = 32;
      };
    };
    isAarch64 = {
      cpu = {
        family = "arm";
        bits = 64;
      };
    };
    isLoongArch64 = {
      cpu = {
        family = "loongarch";
        bits = 64;
      };
    };
    isPower = {
      cpu = {
        family = "power";
      };
    };
    isPower64 = {
      cpu = {
        family = "power";
        bits = 64;
      };
    };
    isRiscV = {
      cpu = {
        family = "riscv";
      };
    };
    isRiscV64 = {
      cpu = {
        family = "riscv";
        bits = 64;
      };
    };
    isS390 = {
      cpu = {
        family = "s390";
      };
    };
    isS390x = {
      cpu = {
        family = "s390";
        bits = 64;
      };
    };
    isWasm = {
      cpu = {
        family = "wasm";
      };
    };
    is32bit = {
      cpu = {
        bits = 32;
      };
    };
    is64bit = {
      cpu = {
        bits = 64;
      };
    };
    isBigEndian = {
      cpu = {
        significantByte = significantBytes.bigEndian;
      };
    };
    isLittleEndian = {
      cpu = {
        significantByte = significantBytes.littleEndian;
      };
    };

    isBSD = {
      kernel = {
        families = {
          inherit (kernelFamilies) bsd;
        };
      };
    };
    isDarwin = {
      kernel = {
        families = {
          inherit (kernelFamilies) darwin;
        };
      };
    };
    isUnix = [
      isBSD
      isDarwin
      isLinux
      isRedox
    ];
    isMacOS = {
      kernel = kernels.macos;
    };
    isiOS = {
      kernel = kernels.ios;
    };
    isLinux = {
      kernel = kernels.linux;
    };
    isFreeBSD = {
      kernel = kernels.freebsd;
    };
    isNetBSD = {
      kernel = kernels.netbsd;
    };
    isOpenBSD = {
      kernel = kernels.openbsd;
    };
    isWindows = {
      kernel = kernels.windows;
    };
    isCygwin = {
      kernel = kernels.windows;
      abi = abis.cygnus;
    };
    isMinGW = {
      kernel = kernels.windows;
      abi = abis.gnu;
    };
    isWasi = {
      kernel = kernels.wasi;
    };
    isRedox = {
      kernel = kernels.redox;
    };
    isGenode = {
      kernel = kernels.genode;
    };
    isGhcjs = {
      kernel = kernels.ghcjs;
    };
    isNone = {
      kernel = kernels.none;
    };

    isAndroid = [
      { abi = abis.android; }
      { abi = abis.androideabi; }
    ];
    isGnu =
      with abis;
      map (a: { abi = a; }) [
        gnu
        gnueabi
        gnueabihf
      ];
    isMusl =
      with abis;
      map (a: { abi = a; }) [
        musl
        musleabi
        musleabihf
      ];
    isUClibc =
      with abis;
      map (a: { abi = a; }) [
        uclibc
      ];

    isElf = {
      kernel = {
        execFormat = execFormats.elf;
      };
    };
    isMacho = {
      kernel = {
        execFormat = execFormats.macho;
      };
    };
  };

  matchAnyAttrs =
    pattern: parsed:
    if isList pattern then any (one: matchAnyAttrs one parsed) pattern else matchAttrs pattern parsed;

  predicates = mapAttrs (_: matchAnyAttrs) patterns;
}
