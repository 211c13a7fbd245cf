# Functions about lists.
{ lib }:

rec {
  inherit (builtins)
    all
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isList
    length
    map
    partition
    sort
    tail
    ;

  singleton = x: [ x ];
  toList = x: if isList x then x else [ x ];
  optional = condition: x: if condition then [ x ] else [ ];
  optionals = condition: xs: if condition then xs else [ ];
  foldl = foldl';
  foldr =
    f: start: xs:
    let
      count = length xs;
      from = i: if i == count then start else f (elemAt xs i) (from (i + 1));
    in
    from 0;
  fold = foldr;
  flatten = x: if isList x then concatMap flatten x else [ x ];
  remove = x: filter (y: y != x);
  unique = foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];
  uniqueList = unique;
  subtractLists = gone: filter (x: !elem x gone);
  intersectLists = xs: filter (x: elem x xs);
  last = xs: assert xs != [ ]; elemAt xs (length xs - 1);
  init = xs: assert xs != [ ]; take (length xs - 1) xs;
  take = count: xs: genList (elemAt xs) (lib.min count (length xs));
  drop = count: xs: genList (i: elemAt xs (i + count)) (lib.max 0 (length xs - count));
  reverseList =
    xs:
    let
      count = length xs;
    in
    genList (i: elemAt xs (count - i - 1)) count;
  imap0 = f: xs: genList (i: f i (elemAt xs i)) (length xs);
  imap1 = f: imap0 (i: f (i + 1));
  range = from: to: genList (i: from + i) (lib.max 0 (to - from + 1));
  zipListsWith =
    f: xs: ys:
    genList (i: f (elemAt xs i) (elemAt ys i)) (lib.min (length xs) (length ys));
  findFirst =
    found: default: xs:
    let
      hits = filter found xs;
    in
    if hits == [ ] then default else head hits;
  count = f: xs: length (filter f xs);
  forEach = xs: f: map f xs;
  crossLists = f: foldl' (fs: xs: concatMap (g: map g xs) fs) [ f ];
  groupBy = builtins.groupBy;
}
