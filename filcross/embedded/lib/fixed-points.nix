# Recursion through overlays: an overlay is a function final: prev: { changes }.
{ lib }:

rec {
  fix =
    f:
    let
      x = f x;
    in
    x;

  # Put one overlay on a self-referential set.
  extends =
    overlay: base: final:
    let
      prev = base final;
    in
    prev // overlay final prev;

  composeExtensions =
    first: second: final: prev:
    let
      below = first final prev;
    in
    below // second final (prev // below);

  composeManyExtensions = lib.foldr composeExtensions (_: _: { });

  # fix, keeping the function so that more overlays can be added later.
  makeExtensible = makeExtensibleWithCustomName "extend";
  makeExtensibleWithCustomName =
    name: base:
    fix (
      final:
      base final
      // {
        ${name} = overlay: makeExtensibleWithCustomName name (extends overlay base);
      }
    );

  # An overlay given as a set, as prev: { … } or as final: prev: { … }.
  toExtension =
    value: final: prev:
    let
      once = value prev;
    in
    if !lib.isFunction value then
      value
    else if lib.isFunction once then
      value final prev
    else
      once;
}
