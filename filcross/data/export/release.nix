# The jobs of one jobset: every attribute of the matrix for one tree and one toolchain. `cells` names the jobset.
{
  cells,
}:
let
  matrix = (builtins.fromJSON (builtins.readFile ./matrix.json)).${cells};
  packages = import ./entry.nix (removeAttrs matrix [ "jobs" ]);
in
builtins.mapAttrs (
  _: path: builtins.foldl' (set: name: set.${name}) packages.pkgsCross.filc path
) matrix.jobs
