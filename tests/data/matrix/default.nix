# Packages that behave: one good, one that is slow, one that fails, one that needs it, one that does not evaluate, one
# without any program, one whose output is native code once `lies` says so, and one that needs what fails once.
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
  flaky = program "flaky" {
    memory = import ./memory.nix;
    buildCommand = ''
      if [ ! -e $memory/tried ]; then
        touch $memory/tried
        echo "by chance" >&2
        exit 1
      fi
      mkdir -p $out/bin
      $CC -DNAME="\"$name\"" -o $out/bin/answer $source
    '';
  };
in
{
  inherit broken;
  needsFlaky = program "needs-flaky" { inherit flaky; };
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
