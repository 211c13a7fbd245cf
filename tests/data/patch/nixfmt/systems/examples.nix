{ lib }:

rec {
  gnu64 = {
    config = "x86_64-unknown-linux-gnu";
  };

  musl64 = {
    config = "x86_64-unknown-linux-musl";
  };
}
