# The jobs of one jobset: every attribute of the matrix for one tree and one toolchain. `cells` names the jobset.
{
  cells,
}:
let
  matrix = (builtins.fromJSON (builtins.readFile ./matrix.json)).${cells};
  packages = import ./entry.nix (removeAttrs matrix [ "attributes" ]);
  path = builtins.filter builtins.isString;
  find = attribute: builtins.foldl' (set: name: set.${name}) packages.pkgsCross.filc (path (builtins.split "[.]" attribute));
in
builtins.listToAttrs (
  map (attribute: {
    name = builtins.replaceStrings [ "." ] [ "_" ] attribute;
    value = find attribute;
  }) matrix.attributes
)
