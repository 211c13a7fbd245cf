let
  lib = import ../default.nix;
  same = x: y: {
    expr = lib.sort lib.lessThan x;
    expected = lib.sort lib.lessThan y;
  };
in
lib.runTests (
  (with lib.systems.doubles; {
    testunix = same unix (linux ++ darwin);
  })
  // {
    test_equals_example_x86_64-linux = {
      expr = true;
      expected = true;
    };

    test_something_else = {
      expr = true;
      expected = true;
    };
  }
)
