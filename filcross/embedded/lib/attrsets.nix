# Functions about attribute sets.
{ lib }:

rec {
  inherit (builtins)
    attrNames
    attrValues
    catAttrs
    getAttr
    hasAttr
    intersectAttrs
    isAttrs
    listToAttrs
    mapAttrs
    removeAttrs
    ;

  nameValuePair = name: value: { inherit name value; };
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  attrsToList = mapAttrsToList nameValuePair;
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
  filterAttrs =
    keep: set:
    listToAttrs (
      lib.concatMap (name: if keep name set.${name} then [ (nameValuePair name set.${name}) ] else [ ]) (
        attrNames set
      )
    );
  optionalAttrs = condition: set: if condition then set else { };
  getAttrs = names: set: genAttrs names (name: set.${name});
  concatMapAttrs = f: set: lib.foldl' (all: one: all // one) { } (mapAttrsToList f set);
  mergeAttrsList = lib.foldl' (all: one: all // one) { };

  attrByPath =
    path: default: set:
    if path == [ ] then
      set
    else if set ? ${lib.head path} then
      attrByPath (lib.tail path) default set.${lib.head path}
    else
      default;
  hasAttrByPath =
    path: set:
    path == [ ] || (set ? ${lib.head path} && hasAttrByPath (lib.tail path) set.${lib.head path});
  getAttrFromPath = path: attrByPath path (throw "cannot find attribute `${lib.concatStringsSep "." path}'");
  setAttrByPath =
    path: value: if path == [ ] then value else { ${lib.head path} = setAttrByPath (lib.tail path) value; };

  recursiveUpdateUntil =
    stop: left: right:
    let
      merge =
        path: l: r:
        l
        // mapAttrs (
          name: value:
          let
            here = path ++ [ name ];
          in
          if l ? ${name} && !stop here l.${name} value then merge here l.${name} value else value
        ) r;
    in
    merge [ ] left right;
  recursiveUpdate = recursiveUpdateUntil (
    _: l: r:
    !(isAttrs l && isAttrs r)
  );

  # Whether every attribute of the pattern is in the set with the same value (sets are compared by the pattern).
  matchAttrs =
    pattern: set:
    isAttrs set
    && lib.all (
      name:
      set ? ${name}
      && (if isAttrs pattern.${name} then matchAttrs pattern.${name} set.${name} else pattern.${name} == set.${name})
    ) (attrNames pattern);

  isDerivation = value: value.type or null == "derivation";
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

  # The output of a package that is meant for a purpose; the package itself when it has no such output.
  getOutput =
    output: pkg: if pkg.outputSpecified or false then pkg else pkg.${output} or pkg.out or pkg;
  getFirstOutput =
    candidates: pkg:
    let
      found = lib.filter (output: pkg ? ${output}) candidates;
    in
    if pkg.outputSpecified or false || found == [ ] then pkg else pkg.${lib.head found};
  getBin = getOutput "bin";
  getLib = getOutput "lib";
  getDev = getOutput "dev";
  getMan = getOutput "man";
  getStatic = getFirstOutput [
    "static"
    "lib"
    "out"
  ];
  getInclude = getFirstOutput [
    "include"
    "dev"
    "out"
  ];
  chooseDevOutputs = map getDev;
  showAttrPath = lib.concatStringsSep ".";
}
