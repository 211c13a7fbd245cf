# A revision of nixpkgs as a store path. With an empty hash the archive is taken as it comes.
{
  url,
  hash ? "",
}:
toString (builtins.fetchTarball (if hash == "" then url else { inherit url; sha256 = hash; }))
