{ lib }:
let
  riscv = bits: { config = "riscv${bits}-unknown-linux-gnu"; };
in
rec {
  gnu64 = { config = "x86_64-unknown-linux-gnu"; };

  musl64 = { config = "x86_64-unknown-linux-musl"; };
  musl32  = { config = "i686-unknown-linux-musl"; };

  riscv64 = riscv "64";
}
