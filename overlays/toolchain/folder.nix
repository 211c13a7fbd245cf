# A toolchain that is a folder of the user's goes into the store by its content, without what only other kinds of runs
# need: the absence of these whole folders changes nothing in what is built.
{ path, label }:
let
  unused = import ./unused.nix;
in
builtins.path {
  name = "filc-toolchain-${label}";
  path = /. + path;
  filter = file: _: !(builtins.elem (baseNameOf file) unused);
}
