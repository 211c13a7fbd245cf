# Packages that behave: one good, one that is slow, one that fails, one that needs it, one that does not evaluate, one
# without any program, and one whose output is native code once `lies` says so.
{
  stdenv,
  buildPackages,
}:
let
  lies = import ./lies.nix;
  program =
    name: attributes:
    stdenv.mkDerivation (
      {
        inherit name;
        source = ./answer.c;
        buildCommand = ''
          $slowly
          mkdir -p $out/bin
          $CC -DNAME="\"$name\"" -o $out/bin/answer $source
        '';
        slowly = "";
      }
      // attributes
    );
  broken = program "broken" {
    buildCommand = ''
      echo "answer.c:1: error: it is broken on purpose" >&2
      exit 1
    '';
  };
in
{
  inherit broken;
  good = program "good" { };
  slow = program "slow" { slowly = "sleep 3"; };
  needsBroken = program "needs-broken" { inherit broken; };
  throws = throw "this package is not supported on your platform";
  plain = program "plain" {
    buildCommand = ''
      mkdir -p $out
      echo text > $out/text
    '';
  };
  liar = program "liar" (
    if lies then
      {
        buildCommand = ''
          mkdir -p $out/bin
          ${buildPackages.stdenv.cc}/bin/cc -DNAME="\"$name\"" -o $out/bin/answer $source
        '';
      }
    else
      { }
  );
}
