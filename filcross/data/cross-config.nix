# The configuration of a tree whose pkgs/stdenv/cross has no place for the choice of the compiler (nixpkgs since 24.11
# asks `config.replaceCrossStdenv` for the standard environment of cross-compiled packages). Other platforms keep theirs.
{
  replaceCrossStdenv =
    { buildPackages, baseStdenv }:
    if baseStdenv.hostPlatform.isFilC or false then
      baseStdenv.override {
        cc = buildPackages.filcc;
        hasCC = true;
      }
    else
      baseStdenv;
}
