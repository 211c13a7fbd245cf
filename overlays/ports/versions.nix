# Whether a version is in a range: a list of conditions, each an operator and a version, that must all hold. null is
# every version. Nix itself says which of two versions is newer.
let
  holds = {
    "=" = order: order == 0;
    "!=" = order: order != 0;
    "<" = order: order < 0;
    "<=" = order: order <= 0;
    ">" = order: order > 0;
    ">=" = order: order >= 0;
  };
in
version: conditions:
conditions == null
|| builtins.all (
  condition: holds.${condition.operator} (builtins.compareVersions version condition.version)
) conditions
