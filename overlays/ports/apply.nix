# One port on one package. What was done is in `PACKAGE.filcrossPort`; what a person should know is traced when the
# package is asked for.
{ final, lib }:
let
  inRange = import ./versions.nix;
  inherit (final.stdenv.hostPlatform) config;

  versionOf =
    package:
    package.version or (builtins.parseDrvName (lib.removeSuffix "-${config}" package.name)).version;

  # Lists of flags are lists, nested lists, strings of words, or not there.
  asList =
    flags:
    if flags == null then
      [ ]
    else if builtins.isString flags then
      builtins.filter (word: builtins.isString word && word != "") (builtins.split "[ \n]+" flags)
    else
      lib.flatten flags;
  asText = text: if text == null then "" else text;

  # A pattern is a flag, or the beginning of flags with a star behind it.
  isOne =
    patterns: flag:
    builtins.isString flag
    && builtins.any (
      pattern:
      if lib.hasSuffix "*" pattern then
        lib.hasPrefix (lib.removeSuffix "*" pattern) flag
      else
        flag == pattern
    ) patterns;
  edited =
    had: flags:
    let
      kept = builtins.filter (flag: !(isOne flags.remove flag)) (asList had);
    in
    kept ++ builtins.filter (flag: !(builtins.elem flag kept)) flags.add;

  # Which attributes change must be known without a look at any value: values lead to other packages, and those
  # perhaps back to this one.
  touches = flags: present: flags.add != [ ] || flags.remove != [ ] && present;

  withFlags =
    attribute: flags: old:
    lib.optionalAttrs (touches flags (old ? ${attribute})) {
      ${attribute} =
        let
          had = old.${attribute} or [ ];
          new = edited had flags;
        in
        if new == asList had then had else new;
    };

  # The variable is an attribute, or in newer trees one of `env`.
  withCFlags =
    flags: old:
    let
      name = "NIX_CFLAGS_COMPILE";
      inEnvironment = !(old ? ${name}) && (old ? env || old.__structuredAttrs or false == true);
      environment = old.env or { };
      had = (if inEnvironment then environment else old).${name} or "";
      text = if builtins.isList had then toString had else asText had;
      new = edited text flags;
      value = if new == asList text then had else lib.concatStringsSep " " new;
    in
    lib.optionalAttrs (touches flags (old ? ${name} || old ? env)) (
      if !inEnvironment then
        { ${name} = value; }
      else
        {
          env =
            environment // lib.optionalAttrs (touches flags (environment ? ${name})) { ${name} = value; };
        }
    );

  nameOf =
    patch:
    builtins.unsafeDiscardStringContext (
      if builtins.isAttrs patch then patch.name or "" else baseNameOf (toString patch)
    );
  fileOf =
    patch:
    if patch.file != null then
      ./patches + "/${patch.file}"
    else
      final.fetchurl { inherit (patch) name url hash; };
  withPatches =
    change: old:
    let
      dropped = patch: builtins.any (part: lib.hasInfix part (nameOf patch)) change.dropPatches;
      kept = builtins.filter (patch: !(dropped patch)) (asList (old.patches or [ ]));
    in
    lib.optionalAttrs (change.patches != [ ] || change.dropPatches != [ ] && old ? patches) {
      patches = kept ++ map fileOf change.patches;
    };

  withInputs =
    attribute: packages: names: old:
    let
      present = builtins.filter (name: packages ? ${name}) names;
    in
    lib.optionalAttrs (present != [ ]) {
      ${attribute} = asList (old.${attribute} or [ ]) ++ map (name: packages.${name}) present;
    };

  withSubstitutions =
    substitutions: old:
    lib.optionalAttrs (substitutions != [ ]) {
      postPatch =
        asText (old.postPatch or "")
        + "\nsource ${./substitute.sh}\n"
        + lib.concatMapStrings (
          one: "filcReplace ${lib.escapeShellArgs ([ one.old one.new ] ++ one.files)}\n"
        ) substitutions;
    };

  # Everything that one change does to the attributes of a derivation, in this order.
  steps = change: [
    (withPatches change)
    (withFlags "configureFlags" change.configure)
    (withFlags "cmakeFlags" change.cmake)
    (withFlags "mesonFlags" change.meson)
    (withFlags "makeFlags" change.make)
    (withCFlags change.cflags)
    (withInputs "nativeBuildInputs" final.buildPackages change.nativeBuildInputs)
    (withInputs "buildInputs" final change.buildInputs)
    (_: lib.optionalAttrs change.skipCheck { doCheck = false; })
    (_: lib.optionalAttrs change.skipInstallCheck { doInstallCheck = false; })
    (_: change.set)
    (withSubstitutions change.substitute)
  ];

  withPin =
    pin: old:
    {
      inherit (pin) version;
      src = final.fetchurl { inherit (pin) url hash; };
    }
    // lib.optionalAttrs (old ? name) {
      name = "${(builtins.parseDrvName old.name).name}-${pin.version}";
    };

  # A value of an argument: data, or a package by its name.
  isPackage = value: builtins.isAttrs value && value ? package;
  setOf = value: if value.build then final.buildPackages else final;
  valueOf = value: if isPackage value then (setOf value).${value.package} else value;

  traced = messages: value: builtins.foldl' (value: message: builtins.trace message value) value messages;
in
port: package:
let
  isDerivation = builtins.isAttrs package && package ? overrideAttrs;
  treeVersion = versionOf package;
  pinned = port.pin != null && treeVersion != port.pin.version;
  version = if pinned then port.pin.version else treeVersion;
  within = inRange treeVersion port.versions || pinned;
  applies = map (change: within && inRange version change.versions) port.changes;
  changes = map (pair: pair.change) (
    builtins.filter (pair: pair.applies) (
      lib.zipListsWith (change: applies: { inherit change applies; }) port.changes applies
    )
  );

  # Arguments that this tree's recipe has, with packages that this tree has.
  known = if package ? override then lib.functionArgs package.override else { };
  asked = builtins.foldl' (all: change: all // change.override) { } changes;
  given = lib.filterAttrs (
    name: value: known ? ${name} && (!(isPackage value) || setOf value ? ${value.package})
  ) asked;
  changed = if given == { } then package else package.override (lib.mapAttrs (_: valueOf) given);

  edits = lib.optional (within && pinned) (withPin port.pin) ++ lib.concatMap steps changes;
  result = changed.overrideAttrs (
    old:
    let
      new = builtins.foldl' (done: step: done // step (old // done)) { } edits;
    in
    new // { passthru = (old.passthru or { }) // (new.passthru or { }) // { filcrossPort = report; }; }
  );

  names = field: lib.concatMap (change: change.${field}) changes;
  report = {
    inherit (port) name;
    inherit within pinned applies;
    version = treeVersion;
    missing =
      map (name: "argument ${name}") (builtins.attrNames (removeAttrs asked (builtins.attrNames given)))
      ++ map (name: "package ${name}") (
        builtins.filter (name: !(final.buildPackages ? ${name})) (names "nativeBuildInputs")
        ++ builtins.filter (name: !(final ? ${name})) (names "buildInputs")
      );
    # The package as it is without the port, in the same set.
    without = package;
  };

  subject = "${port.name} ${treeVersion}";
  says = kind: text: "warning: port of ${subject} [${kind}]: ${text}";
  unpatched =
    builtins.any (change: change.patches != [ ]) port.changes
    && builtins.all (change: change.patches == [ ]) changes;
  messages =
    lib.optional (within && port.broken != null) (says "broken" port.broken)
    ++ lib.optionals within (map (says "needs") port.needs)
    ++ lib.optional unpatched (says "version" "its patches are for ${port.patched}");
in
if !isDerivation || (package.filcrossPort.name or null) == port.name then
  package
else if port.refuse && within then
  throw "${subject} cannot be built with Fil-C: ${port.broken}"
else if edits == [ ] && given == { } then
  traced messages (package // { filcrossPort = report; })
else
  traced messages result
