# The derivation that stands for a host program found in `folder`, and the marks on it.
{ tools, tree, folder }:
let
  lib = import (/. + tree + "/lib");
  found = import (/. + tools) {
    inherit lib;
    system = "x86_64-linux";
    folders = [
      folder
      "/usr/bin"
    ];
  };
  tool = found.link {
    name = "tool";
    programs = [ "some-tool" ];
  };
in
{
  inherit (tool) drvPath fingerprint filcrossHostBootstrap;
  absent = builtins.tryEval (found.locate "no-such-program-anywhere");
}
