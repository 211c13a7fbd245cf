# Functions about functions, versions and files.
{ lib }:

{
  inherit (builtins)
    pathExists
    readFile
    isBool
    isInt
    isFloat
    isPath
    add
    sub
    lessThan
    seq
    deepSeq
    genericClosure
    bitAnd
    bitOr
    bitXor
    ;

  id = x: x;
  const = x: _: x;
  flip =
    f: a: b:
    f b a;
  pipe = builtins.foldl' (x: f: f x);
  concat = x: y: x ++ y;
  or = x: y: x || y;
  and = x: y: x && y;
  boolToString = b: if b then "true" else "false";
  mergeAttrs = x: y: x // y;
  mapNullable = f: x: if x == null then null else f x;
  min = x: y: if x < y then x else y;
  max = x: y: if x > y then x else y;

  importJSON = path: builtins.fromJSON (builtins.readFile path);
  importTOML = path: builtins.fromTOML (builtins.readFile path);

  warn = message: builtins.trace "warning: ${message}";
  warnIf = condition: message: if condition then lib.warn message else lib.id;
  throwIf = condition: message: if condition then throw message else lib.id;
  throwIfNot = condition: message: if condition then lib.id else throw message;
  assertMsg = condition: message: if condition then true else throw message;

  # The interface that this tree follows.
  trivial = {
    release = "25.05";
    version = "25.05embedded";
  };
  version = "25.05embedded";
  inNixShell = builtins.getEnv "IN_NIX_SHELL" != "";

  # A function, or a set that can be called like one.
  isFunction = f: builtins.isFunction f || (f ? __functor && lib.isFunction (f.__functor f));
  # The formal arguments, also of a set made by setFunctionArgs.
  functionArgs =
    f:
    if f ? __functor then f.__functionArgs or (lib.functionArgs (f.__functor f)) else builtins.functionArgs f;
  setFunctionArgs = f: args: {
    __functor = _: f;
    __functionArgs = args;
  };
  toFunction = v: if lib.isFunction v then v else _: v;
  mirrorFunctionArgs = f: g: lib.setFunctionArgs g (lib.functionArgs f);
}
