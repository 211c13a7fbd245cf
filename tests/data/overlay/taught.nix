# A package like automake, in a tree where something else than the overlay brings it: with a config.sub, its own path in
# a script and in a link, and a second output.
{ tree, overlay }:
let
  brings =
    final: _:
    {
      automake =
        final.runCommand "automake-1.16"
          {
            outputs = [
              "out"
              "doc"
            ];
            config = final.buildPackages.gnu-config;
            version = "1.16";
          }
          ''
            mkdir -p $out/bin $out/share $doc
            cp "$(readlink -f $config/config.sub)" $out/share/config.sub
            chmod 555 $out/share/config.sub
            echo "exec $out/share/tool" > $out/bin/automake
            ln -s $out/share/config.sub $out/share/link
            echo text > $doc/text
          '';
    };
  pkgs = import (/. + tree) {
    overlays = [
      brings
      (import (/. + overlay))
    ];
  };
in
{
  native = pkgs.automake;
  taught = pkgs.pkgsCross.filc.buildPackages.automake;
  doc = pkgs.pkgsCross.filc.buildPackages.automake.doc;
}
