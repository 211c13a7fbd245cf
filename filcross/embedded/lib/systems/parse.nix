# Platform names ("x86_64-linux", "x86_64-unknown-linux-gnu") taken apart into CPU, vendor, kernel and ABI, and
# put together again. Every part is a typed value from one of the tables below.
{ lib }:

let
  inherit (lib)
    attrValues
    concatStringsSep
    elem
    elemAt
    hasPrefix
    isAttrs
    length
    mapAttrs
    match
    optionalString
    splitString
    ;

  inherit (lib.systems.inspect.predicates)
    isAarch32
    isDarwin
    isLinux
    isWindows
    ;

  # The members of a table, each with its name and its type; a member that the type refuses is an error.
  setTypes =
    type:
    mapAttrs (
      name: value:
      if type.check value then
        { inherit name; } // value // { _type = type.name; }
      else
        throw "${name} is not a valid ${type.name}"
    );

  openType = name: check: { inherit name check; };
  memberOf = table: {
    name = "member";
    check = value: elem (value.name or null) (map (known: known.name) (attrValues table));
  };
in

rec {
  types.openSignificantByte = openType "significant-byte" isAttrs;
  types.significantByte = memberOf significantBytes;

  significantBytes = setTypes types.openSignificantByte {
    bigEndian = { };
    littleEndian = { };
  };

  types.openCpuType = openType "cpu-type" (
    value:
    elem value.bits [
      8
      16
      32
      64
      128
    ]
    && (value.bits == 8 || types.significantByte.check value.significantByte)
  );
  types.cpuType = memberOf cpuTypes;

  cpuTypes =
    let
      little = family: bits: {
        inherit family bits;
        significantByte = significantBytes.littleEndian;
      };
    in
    setTypes types.openCpuType {
      aarch64 = little "arm" 64 // {
        version = "8";
        arch = "armv8-a";
      };
      armv6l = little "arm" 32 // {
        version = "6";
        arch = "armv6";
      };
      armv7l = little "arm" 32 // {
        version = "7";
        arch = "armv7";
      };
      i686 = little "x86" 32 // {
        arch = "i686";
      };
      loongarch64 = little "loongarch" 64;
      powerpc64le = little "power" 64;
      riscv64 = little "riscv" 64;
      s390x = {
        bits = 64;
        significantByte = significantBytes.bigEndian;
        family = "s390";
      };
      wasm32 = little "wasm" 32;
      x86_64 = little "x86" 64 // {
        arch = "x86-64";
      };
    };

  types.openVendor = openType "vendor" isAttrs;
  types.vendor = memberOf vendors;

  vendors = setTypes types.openVendor {
    apple = { };
    pc = { };
    unknown = { };
    w64 = { };
    none = { };
  };

  types.openExecFormat = openType "exec-format" isAttrs;
  types.execFormat = memberOf execFormats;

  execFormats = setTypes types.openExecFormat {
    elf = { };
    macho = { };
    pe = { };
    wasm = { };
    unknown = { };
  };

  types.openKernelFamily = openType "kernel-family" isAttrs;
  types.kernelFamily = memberOf kernelFamilies;

  kernelFamilies = setTypes types.openKernelFamily {
    bsd = { };
    darwin = { };
  };

  types.openKernel = openType "kernel" (value: types.execFormat.check value.execFormat && isAttrs value.families);
  types.kernel = memberOf kernels;

  kernels =
    let
      inherit (execFormats)
        elf
        macho
        pe
        unknown
        wasm
        ;
      kernel = execFormat: families: { inherit execFormat families; };
      inherit (kernelFamilies) bsd darwin;
    in
    setTypes types.openKernel {
      darwin = kernel macho { inherit darwin; };
      freebsd = kernel elf { inherit bsd; };
      genode = kernel elf { };
      ghcjs = kernel unknown { };
      ios = kernel macho { inherit darwin; };
      linux = kernel elf { };
      macos = kernel macho { inherit darwin; } // {
        name = "darwin";
      };
      netbsd = kernel elf { inherit bsd; };
      none = kernel unknown { };
      openbsd = kernel elf { inherit bsd; };
      redox = kernel elf { };
      wasi = kernel wasm { };
      windows = kernel pe { };
    };

  types.openAbi = openType "abi" isAttrs;
  types.abi = memberOf abis;

  # An ABI can refuse platforms: `assertions` is a list of { assertion = platform: bool; message = "…"; },
  # checked by lib.systems.elaborate.
  abis = setTypes types.openAbi {
    cygnus = { };
    msvc = { };

    eabi = {
      float = "soft";
    };
    eabihf = {
      float = "hard";
    };
    elf = { };

    androideabi = { };
    android = {
      assertions = [
        {
          assertion = platform: !platform.isAarch32;
          message = ''
            On 32-bit ARM the ABI of Android is called "androideabi", not "android".
          '';
        }
      ];
    };

    gnueabi = {
      float = "soft";
    };
    gnueabihf = {
      float = "hard";
    };
    gnu = {
      assertions = [
        {
          assertion = platform: !platform.isAarch32;
          message = ''
            On 32-bit ARM the ABI "gnu" does not say how floats are passed: use "gnueabi" or "gnueabihf".
          '';
        }
      ];
    };

    musleabi = {
      float = "soft";
    };
    musleabihf = {
      float = "hard";
    };
    musl = { };

    uclibc = { };

    unknown = { };
  };

  types.parsedPlatform = openType "system" (
    {
      cpu,
      vendor,
      kernel,
      abi,
    }:
    types.cpuType.check cpu
    && types.vendor.check vendor
    && types.kernel.check kernel
    && types.abi.check abi
  );

  isSystem = value: value._type or null == "system";

  mkSystem = components: assert types.parsedPlatform.check components; components // { _type = "system"; };

  # Which part is which, by the number of parts.
  mkSkeletonFromList =
    parts:
    let
      part = elemAt parts;
      count = length parts;
      whole = concatStringsSep "-" parts;
    in
    if count == 2 then
      {
        cpu = part 0;
        kernel = part 1;
      }
    else if count == 4 then
      {
        cpu = part 0;
        vendor = part 1;
        kernel = part 2;
        abi = part 3;
      }
    else if count != 3 then
      throw "system string '${whole}' has ${toString count} parts; it must have 2, 3 or 4"
    # CPU, kernel and ABI
    else if part 1 == "linux" || elem (part 2) [ "eabi" "eabihf" "elf" "gnu" ] then
      {
        cpu = part 0;
        vendor = "unknown";
        kernel = part 1;
        abi = part 2;
      }
    # CPU, vendor and kernel
    else if kernels ? ${kernelOfTriple (part 2)} then
      {
        cpu = part 0;
        vendor = part 1;
        kernel = kernelOfTriple (part 2);
      }
    else
      throw "system string '${whole}' with 3 parts is ambiguous";

  # The kernel's name without its version, and what triples call "mingw32".
  kernelOfTriple =
    name:
    if name == "mingw32" then
      "windows"
    else if hasPrefix "darwin" name then
      "darwin"
    else
      name;

  mkSystemFromSkeleton =
    {
      cpu,
      vendor ? null,
      kernel,
      abi ? null,
    }@args:
    let
      find =
        what: table: name:
        table.${name} or (throw "Unknown ${what}: ${name}");
      # "linuxeabi": an ABI that is glued to the kernel's name says nothing about the kernel.
      bareKernel =
        let
          found = match "(.*)e?abi.*" kernel;
        in
        if found == null then kernel else elemAt found 0;
      defaultVendor =
        if isDarwin parsed then
          vendors.apple
        else if isWindows parsed then
          vendors.pc
        else
          vendors.unknown;
      defaultAbi =
        if !(isLinux parsed || isWindows parsed) then
          abis.unknown
        else if isAarch32 parsed then
          abis.gnueabihf
        else
          abis.gnu;
      parsed = {
        cpu = find "CPU type" cpuTypes (if cpu == "arm64" then "aarch64" else cpu);
        vendor = if vendor == null then defaultVendor else find "vendor" vendors vendor;
        kernel = find "kernel" kernels (kernelOfTriple bareKernel);
        abi = if abi == null then defaultAbi else find "ABI" abis abi;
      };
    in
    mkSystem parsed;

  mkSystemFromString = name: mkSystemFromSkeleton (mkSkeletonFromList (splitString "-" name));

  kernelName = kernel: kernel.name + toString (kernel.version or "");

  darwinArch = cpu: if cpu.name == "aarch64" then "arm64" else cpu.name;

  # Nix's name: CPU and kernel.
  doubleFromSystem =
    {
      cpu,
      kernel,
      ...
    }:
    "${cpu.name}-${if kernel.families ? darwin then "darwin" else kernelName kernel}";

  # The GNU name: CPU, vendor, kernel and, where it is known, ABI.
  tripleFromSystem =
    {
      cpu,
      vendor,
      kernel,
      abi,
      ...
    }@system:
    assert isSystem system;
    let
      cpuName = if kernel.families ? darwin then darwinArch cpu else cpu.name;
      optAbi = optionalString (abi.name != "unknown") "-${abi.name}";
    in
    "${cpuName}-${vendor.name}-${kernelName kernel}${optAbi}";

  # Whether a CPU runs the code of another.
  isCompatible =
    cpu: other:
    cpu.name == other.name
    || (cpu.name == "x86_64" && other.name == "i686")
    || (cpu.name == "armv7l" && other.name == "armv6l");
}
