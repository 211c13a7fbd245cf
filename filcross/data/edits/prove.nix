# Asks a patched tree what it says about the Fil-C platform and about some others.
#
# `lib` is what to import to get the tree's library, `cross` the file with its cross compilation stages (it only
# has to be a function); both are absolute paths.
{
  lib,
  cross,
}:

let
  path = text: /. + text;
  tree = import (path lib);
  platforms = tree.systems;
  inherit (platforms) elaborate examples;

  ordinary = [
    "x86_64-unknown-linux-gnu"
    "x86_64-unknown-linux-musl"
    "aarch64-unknown-linux-musl"
  ];
  triple = "x86_64-unknown-linux-filc";

  describe = platform: {
    inherit (platform)
      config
      system
      libc
      isLinux
      isx86_64
      isMusl
      ;
    isGnu = platform.isGnu or false;
    staticLibrary = platform.extensions.staticLibrary or null;
    sharedLibrary = platform.extensions.sharedLibrary or null;
  };
  describeWithFilC = platform: describe platform // { inherit (platform) isFilC; };

  evaluates = config: (builtins.tryEval (builtins.seq (elaborate { inherit config; }).libc true)).success;

  # A refusal says something only when the same platform with the other ABI is accepted.
  refusal = other: refused: {
    inherit other refused;
    comparable = evaluates other;
    isRefused = !evaluates refused;
  };
in

{
  library = builtins.isAttrs tree && tree ? mapAttrs;

  # What a tree says with and without the edits, and in every state between.
  unchanged = {
    platforms = map (config: describe (elaborate { inherit config; })) ordinary;
    examples = removeAttrs (builtins.mapAttrs (_: example: example.config or null) examples) [
      "filc"
      "filc-x86_64"
    ];
    crossIsFunction = builtins.isFunction (import (path cross));
  };

  filc = describeWithFilC (elaborate {
    config = triple;
  });
  short = describeWithFilC (elaborate {
    config = "x86_64-linux-filc";
  });
  examples = {
    inherit (examples) filc filc-x86_64;
  };
  others = map (config: describeWithFilC (elaborate { inherit config; })) ordinary;
  refusals = map (pair: refusal (builtins.elemAt pair 0) (builtins.elemAt pair 1)) [
    [
      "aarch64-unknown-linux-musl"
      "aarch64-unknown-linux-filc"
    ]
    [
      "i686-unknown-linux-musl"
      "i686-unknown-linux-filc"
    ]
    [
      "riscv64-unknown-linux-musl"
      "riscv64-unknown-linux-filc"
    ]
    [
      "x86_64-unknown-netbsd-musl"
      "x86_64-unknown-netbsd-filc"
    ]
    [
      "x86_64-unknown-freebsd-musl"
      "x86_64-unknown-freebsd-filc"
    ]
    [
      "x86_64-unknown-none-musl"
      "x86_64-unknown-none-filc"
    ]
  ];
  # Whether programs of the platform run on the machine that builds them (null: the tree does not ask yet).
  canExecute =
    let
      local = elaborate { system = "x86_64-linux"; };
    in
    if local ? canExecute then local.canExecute (elaborate { config = triple; }) else null;

  # A platform that names the libc but not the ABI must not pass for one of either kind.
  givenByHand =
    (builtins.tryEval (
      builtins.seq
        (elaborate {
          system = "x86_64-linux";
          libc = "filc";
        }).config
        true
    )).success;

  sentences = map ({ message, ... }: message) platforms.parse.abis.filc.assertions;
  crossIsFunction = builtins.isFunction (import (path cross));
}
