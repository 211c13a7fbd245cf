# Functions about strings.
{ lib }:

rec {
  inherit (builtins)
    compareVersions
    concatStringsSep
    fromJSON
    isString
    match
    parseDrvName
    replaceStrings
    split
    splitVersion
    stringLength
    substring
    toJSON
    unsafeDiscardStringContext
    ;

  lowerChars = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upperChars = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  stringToCharacters = s: lib.genList (i: substring i 1 s) (stringLength s);
  toLower = replaceStrings upperChars lowerChars;
  toUpper = replaceStrings lowerChars upperChars;

  concatStrings = concatStringsSep "";
  concatMapStrings = f: xs: concatStrings (map f xs);
  concatMapStringsSep =
    separator: f: xs:
    concatStringsSep separator (map f xs);
  concatLines = concatMapStrings (line: line + "\n");
  optionalString = condition: s: if condition then s else "";
  intersperse =
    separator: xs:
    if lib.length xs < 2 then
      xs
    else
      lib.tail (
        lib.concatMap (x: [
          separator
          x
        ]) xs
      );

  hasPrefix = prefix: s: substring 0 (stringLength prefix) s == prefix;
  hasSuffix =
    suffix: s:
    let
      start = stringLength s - stringLength suffix;
    in
    start >= 0 && substring start (-1) s == suffix;
  hasInfix = infix: s: lib.length (lib.splitString infix s) > 1;
  removePrefix = prefix: s: if hasPrefix prefix s then substring (stringLength prefix) (-1) s else s;
  removeSuffix =
    suffix: s: if hasSuffix suffix s then substring 0 (stringLength s - stringLength suffix) s else s;
  splitString = separator: s: lib.filter isString (split (escapeRegex separator) (toString s));
  escape = characters: replaceStrings characters (map (c: "\\${c}") characters);
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");
  trim = s: lib.head (match "[ \t\r\n]*(.*[^ \t\r\n]|)[ \t\r\n]*" s);

  # One word for the shell, whatever is in it.
  escapeShellArg =
    value:
    let
      s = toString value;
    in
    if match "[[:alnum:],._+:@%/-]+" s == null then "'${replaceStrings [ "'" ] [ "'\\''" ] s}'" else s;
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;

  makeSearchPath = folder: pkgs: concatMapStringsSep ":" (pkg: "${pkg}/${folder}") (lib.filter (pkg: pkg != null) pkgs);
  makeSearchPathOutput =
    output: folder: pkgs:
    makeSearchPath folder (map (lib.getOutput output) pkgs);
  makeBinPath = makeSearchPathOutput "bin" "bin";
  makeLibraryPath = makeSearchPathOutput "lib" "lib";
  makeIncludePath = makeSearchPathOutput "dev" "include";

  versionOlder = v1: v2: compareVersions v2 v1 > 0;
  versionAtLeast = v1: v2: !versionOlder v1 v2;
  getName = x: if isString x then (parseDrvName x).name else x.pname or (parseDrvName x.name).name;
  getVersion = x: if isString x then (parseDrvName x).version else x.version or (parseDrvName x.name).version;
  versions = {
    major = v: lib.head (splitVersion v);
    minor = v: lib.elemAt (splitVersion v) 1;
    majorMinor = v: concatStringsSep "." (lib.take 2 (splitVersion v));
  };
  nameFromURL =
    url: separator: lib.head (splitString separator (lib.last (splitString "/" url)));

  enableFeature = flag: feature: "--${if flag then "enable" else "disable"}-${feature}";
  enableFeatureAs =
    flag: feature: value:
    enableFeature flag feature + optionalString flag "=${value}";
  withFeature = flag: feature: "--${if flag then "with" else "without"}-${feature}";
  withFeatureAs =
    flag: feature: value:
    withFeature flag feature + optionalString flag "=${value}";

  isStringLike = x: isString x || builtins.isPath x || x ? outPath || x ? __toString;
  isStorePath = x: isStringLike x && dirOf (toString x) == builtins.storeDir;
  sanitizeDerivationName =
    s:
    let
      clean = concatMapStrings (part: if isString part then part else "-") (
        split "[^[:alnum:]+._?=-]+" (unsafeDiscardStringContext (toString s))
      );
      short = substring (lib.max (stringLength clean - 207) 0) (-1) clean;
    in
    if short == "" then "unknown" else if hasPrefix "." short then "_${short}" else short;
}
