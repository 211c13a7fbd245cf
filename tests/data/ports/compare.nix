# How Nix orders every pair of a list of versions, and which of them are in a range as overlays/ports reads it.
{
  versions,
  ranges,
  inRange,
}:
let
  list = builtins.fromJSON versions;
  holds = import (/. + inRange);
in
{
  orders = map (one: map (other: builtins.compareVersions one other) list) list;
  within = map (range: map (version: holds version range) list) (builtins.fromJSON ranges);
}
