# Packages that are added to a copy of the embedded tree (tests/nix/troubled_tree.py): each goes wrong in a way of its own,
# or shows a difference between Fil-C and the platform of the same libc flavour.
pkgs:
let
  inherit (pkgs) lib stdenv;
  isFilC = stdenv.hostPlatform.isFilC or false;
  make =
    pname: attributes:
    stdenv.mkDerivation (
      {
        inherit pname;
        version = "1.0";
        buildCommand = "mkdir $out; echo ${pname} > $out/name";
      }
      // attributes
    );
  # What a compiler of another language is to a graph: a derivation of that name.
  compiler =
    name:
    pkgs.buildPackages.runCommand name { } ''
      mkdir -p $out
    '';
  rustc = compiler "rustc-1.45.0";
  onlyForFilC = what: pname: if isFilC then what else make pname { };
  deeper = number: 1 + deeper (number + 1);
  endless =
    let
      numbers = builtins.genList (number: number) 2000;
      again = work: builtins.foldl' (sum: number: sum + work number) 0 numbers;
    in
    again (_: again (_: again (_: again (number: number))));
in
{
  troubled-aborts = onlyForFilC (builtins.abort "this recipe gives up") "troubled-aborts";
  troubled-overflows = onlyForFilC (make "deep-${toString (deeper 0)}" { }) "troubled-overflows";
  troubled-loops = onlyForFilC (
    let
      itself = itself;
    in
    itself
  ) "troubled-loops";
  troubled-misses = onlyForFilC pkgs.hello.nowhere "troubled-misses";
  troubled-misses-too = onlyForFilC (make "x" { inherit (pkgs.hello) nowhere; }) "troubled-misses-too";
  troubled-throws = onlyForFilC (throw "not for this platform\nand a second line") "troubled-throws";
  troubled-asserts = assert !isFilC; make "troubled-asserts" { };
  troubled-coerces = onlyForFilC (make "x" { preBuild = "${null}"; }) "troubled-coerces";
  troubled-never-ends = onlyForFilC (make "endless-${toString endless}" { }) "troubled-never-ends";
  troubled-everywhere = throw "for nobody";
  troubled-unsupported = make "troubled-unsupported" {
    meta = {
      description = "Not for this";
      platforms = if isFilC then [ ] else lib.platforms.all;
    };
  };
  troubled-broken = make "troubled-broken" {
    meta = {
      description = "Broken";
      broken = true;
    };
  };
  troubled-needs-broken = make "troubled-needs-broken" { buildInputs = [ pkgs.troubled-broken ]; };
  troubled-no-package = {
    name = "no package";
  };
  troubled-decides = make "troubled-decides" {
    configureFlags = [ "--first" ] ++ lib.optional (!isFilC) "--only-elsewhere";
  };

  troubled-rust-library = make "troubled-rust-library" { nativeBuildInputs = [ rustc ]; };
  troubled-uses-rust = make "troubled-uses-rust" { buildInputs = [ pkgs.troubled-rust-library ]; };
  troubled-rust-tool = make "troubled-rust-tool" {
    nativeBuildInputs = [ (pkgs.buildPackages.runCommand "cbindgen-1.0" { nativeBuildInputs = [ rustc ]; } "touch $out") ];
  };
}
