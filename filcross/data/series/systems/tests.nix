{
  test_filc_platform = {
    expr =
      let
        platform = lib.systems.elaborate lib.systems.examples.filc;
      in
      {
        inherit (platform)
          config
          system
          libc
          isFilC
          isLinux
          ;
        sharedLibrary = platform.extensions.sharedLibrary;
      };
    expected = {
      config = "x86_64-unknown-linux-filc";
      system = "x86_64-linux";
      libc = "filc";
      isFilC = true;
      isLinux = true;
      sharedLibrary = ".so";
    };
  };
  test_filc_is_an_abi_of_its_own = {
    expr = map (name: (lib.systems.elaborate lib.systems.examples.${name}).isFilC) [
      "filc"
      "filc-x86_64"
      "gnu64"
      "musl64"
    ];
    expected = [
      true
      true
      false
      false
    ];
  };
  test_filc_is_for_x86_64_linux = {
    expr = map (config: (builtins.tryEval (lib.systems.elaborate { inherit config; }).libc).success) [
      "x86_64-unknown-linux-filc"
      "aarch64-unknown-linux-filc"
      "x86_64-unknown-netbsd-filc"
    ];
    expected = [
      true
      false
      false
    ];
  };
}
