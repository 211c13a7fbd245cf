assert
  final.libc == "filc"
  ->
    final.parsed.abi.name == "filc"
    || throw "libc = \"filc\" alone makes no Fil-C platform, the ABI does: use { config = \"x86_64-unknown-linux-filc\"; }, which is lib.systems.examples.filc and pkgsCross.filc.";
null
