# A small tree in nixfmt's style, with the layout of corepkgs. Written for the tests.
{ lib }:

rec {
  abis = setTypes types.openAbi {
    msvc = { };

    gnu = {
      assertions = [
        {
          assertion = platform: !platform.isAarch32;
          message = ''
            Not on 32-bit ARM: use "gnueabi".
          '';
        }
      ];
    };

    musleabi = {
      float = "soft";
    };
    musl = { };
  };
}
