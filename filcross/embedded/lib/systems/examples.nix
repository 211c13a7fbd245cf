# Platforms by a short name: each can be given to the package set as `localSystem` or `crossSystem`, and each is
# an attribute of `pkgsCross`.
{ lib }:

rec {
  #
  # Linux
  #
  aarch64-multiplatform = {
    config = "aarch64-unknown-linux-gnu";
  };
  aarch64-multiplatform-musl = {
    config = "aarch64-unknown-linux-musl";
  };
  armv7l-hf-multiplatform = {
    config = "armv7l-unknown-linux-gnueabihf";
  };

  gnu64 = {
    config = "x86_64-unknown-linux-gnu";
  };
  gnu32 = {
    config = "i686-unknown-linux-gnu";
  };

  musl64 = {
    config = "x86_64-unknown-linux-musl";
  };
  musl32 = {
    config = "i686-unknown-linux-musl";
  };

  powernv = {
    config = "powerpc64le-unknown-linux-gnu";
  };
  riscv64 = {
    config = "riscv64-unknown-linux-gnu";
  };
  s390x = {
    config = "s390x-unknown-linux-gnu";
  };

  #
  # Others
  #
  aarch64-darwin = {
    config = "arm64-apple-darwin";
  };
  x86_64-freebsd = {
    config = "x86_64-unknown-freebsd";
  };
  mingwW64 = {
    config = "x86_64-w64-mingw32";
    libc = "msvcrt";
  };
  wasi32 = {
    config = "wasm32-unknown-wasi";
    useLLVM = true;
  };
}
