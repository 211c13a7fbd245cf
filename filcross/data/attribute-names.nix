# The names of everything at the top of a tree. `tree` is a folder.
{ tree }:
builtins.attrNames (
  import (/. + tree) {
    localSystem = {
      system = "x86_64-linux";
    };
    config = { };
    overlays = [ ];
  }
)
