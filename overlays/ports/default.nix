# Ports: what packages need to build with Fil-C, as data (`ports.json`, which filcross writes from its own table and the
# user's settings; docs/ports.md describes both). A port of a package that this tree does not have is no error, and a
# port changes nothing before somebody asks for its package.
{
  final,
  prev,
  lib,
}:
let
  ports = builtins.fromJSON (builtins.readFile ./ports.json);
  apply = import ./apply.nix { inherit final lib; };

  byAttribute = builtins.listToAttrs (
    lib.concatMap (
      port:
      map (attribute: {
        name = attribute;
        value = port;
      }) port.attributes
    ) ports
  );
in
lib.mapAttrs (attribute: port: apply port prev.${attribute}) (
  builtins.intersectAttrs prev byAttribute
)
