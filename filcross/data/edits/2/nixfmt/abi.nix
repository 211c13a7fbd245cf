{
  filc = {
    assertions = [
      {
        assertion = platform: platform.isx86_64 && platform.isLinux;
        message = "Fil-C makes code for x86_64 Linux only, so no other CPU and no other kernel can have the \"filc\" ABI: the platform is called x86_64-unknown-linux-filc.";
      }
    ];
  };
}
