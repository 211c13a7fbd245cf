# A small tree in the hand-formatted style of nixpkgs up to 24.11, with its layout. Written for the tests.
{ lib }:
with lib;
rec {
  setTypes = type: mapAttrs (name: value: value // { inherit name; });

  abis = setTypes types.openAbi {
    cygnus       = {};
    eabi         = { float = "soft"; };

    # The same words in a comment: musl = {};
    musleabi     = { float = "soft"; };
    musl         = {};

    unknown = {};
  };

  other = { musl = "abis.musl"; };
}
