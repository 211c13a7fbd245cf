let
  lib = import ../default.nix;
  same = x: y: { expr = lib.sort lib.lessThan x; expected = lib.sort lib.lessThan y; };
in with lib.systems.doubles; lib.runTests {
  testall = same all (linux ++ darwin);
  testx86_64 = same x86_64 [ "x86_64-linux" "x86_64-darwin" ];
  testunix = same unix (linux ++ darwin);
}
