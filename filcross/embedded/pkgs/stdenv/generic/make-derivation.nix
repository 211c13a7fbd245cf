# mkDerivation: from the attributes of a package to the derivation that builds it in a standard environment.
{ lib, config }:

stdenv:

let
  inherit (lib)
    elem
    getDev
    isDerivation
    isFunction
    isList
    isString
    optional
    optionalAttrs
    optionalString
    optionals
    remove
    subtractLists
    unique
    ;
  inherit (stdenv) buildPlatform hostPlatform targetPlatform;

  crossCompiling = hostPlatform != buildPlatform;

  # Everything that hardeningDisable and hardeningEnable can name
  knownHardeningFlags = [
    "bindnow"
    "format"
    "fortify"
    "fortify3"
    "pic"
    "pie"
    "relro"
    "stackprotector"
    "strictoverflow"
  ];

  # The lists of dependencies, and for each the stage whose packages belong in it
  dependencyLists = {
    depsBuildBuild = "buildBuild";
    nativeBuildInputs = "buildHost";
    depsBuildTarget = "buildTarget";
    depsHostHost = "hostHost";
    buildInputs = "hostTarget";
    depsTargetTarget = "targetTarget";

    depsBuildBuildPropagated = "buildBuild";
    propagatedNativeBuildInputs = "buildHost";
    depsBuildTargetPropagated = "buildTarget";
    depsHostHostPropagated = "hostHost";
    propagatedBuildInputs = "hostTarget";
    depsTargetTargetPropagated = "targetTarget";
  };

  # One list: nested lists are flattened, nulls dropped, each package taken from its stage, its dev output chosen.
  dependencies =
    stage: listName: given:
    let
      check =
        dependency:
        if isDerivation dependency || isString dependency || builtins.isPath dependency then
          dependency
        else
          throw "Dependency of type ${builtins.typeOf dependency} in ${listName}: it must be a package or a path";
      # Splicing only means something across platforms; spliced sets of a native stage have no __spliced.
      pick = dependency: dependency.__spliced.${stage} or dependency;
      develop = dependency: if isDerivation dependency then getDev dependency else dependency;
    in
    map (dependency: develop (pick (check dependency))) (remove null (lib.flatten given));

  # The attributes, or a function from the final attributes to them: either way overrideAttrs reaches every use.
  mkDerivation = given: fromFunction (if isFunction given then given else _: given);

  fromFunction =
    function:
    let
      attrs = function (attrs // { finalPackage = package; });
      package = fromAttrs overrideAttrs attrs;
      # A set, prev: { … } or final: prev: { … }
      overrideAttrs = change: fromFunction (lib.extends (lib.toExtension change) function);
    in
    package;

  fromAttrs =
    overrideAttrs: attrs:
    let
      derivationAttrs = derivationArguments attrs;
      meta = packageMeta attrs;
      usable = isUsable attrs meta;
    in
    lib.extendDerivation usable (
      {
        inherit meta overrideAttrs;
        passthru = attrs.passthru or { };

        # A derivation with the same inputs and no work: its references are the inputs.
        inputDerivation = derivation (
          removeAttrs derivationAttrs [
            "outputHash"
            "outputHashAlgo"
            "outputHashMode"
          ]
          // {
            name = "${derivationAttrs.name}-inputs";
            outputs = [ "out" ];
            builder = stdenv.shell;
            args = [
              "-c"
              "export > $out"
            ];
          }
        );
      }
      // attrs.passthru or { }
    ) (derivation derivationAttrs);

  packageMeta =
    attrs:
    let
      position =
        if attrs.meta.description or null != null then
          builtins.unsafeGetAttrPos "description" attrs.meta
        else
          builtins.unsafeGetAttrPos (if attrs ? version then "version" else "name") attrs;
    in
    {
      name = attrs.name or "${attrs.pname}-${attrs.version}";
      outputsToInstall = [ (if elem "bin" (attrs.outputs or [ ]) then "bin" else "out") ];
      available = lib.meta.availableOn hostPlatform { inherit (attrs) meta; };
    }
    // optionalAttrs (position != null) { position = "${position.file}:${toString position.line}"; }
    // attrs.meta or { };

  isUsable =
    attrs: meta:
    let
      named = attrs.name or attrs.pname;
      refuse = reason: config.handleEvalIssue or (_: throw) reason;
    in
    if meta.broken or false && !(config.allowBroken or false) then
      refuse "broken" "Package ‘${named}’ is marked as broken"
    else if
      attrs ? meta
      && !(config.allowUnsupportedSystem or false)
      && !(lib.meta.availableOn hostPlatform { inherit (attrs) meta; })
    then
      refuse "unsupported" "Package ‘${named}’ is not available on ${hostPlatform.config}"
    else
      true;

  derivationArguments =
    {
      configurePlatforms ? optionals (crossCompiling || config.configurePlatformsByDefault or false) [
        "build"
        "host"
      ],
      configureFlags ? [ ],
      doCheck ? config.doCheckByDefault or false,
      doInstallCheck ? config.doCheckByDefault or false,
      enableParallelBuilding ? config.enableParallelBuildingByDefault or false,
      env ? { },
      hardeningDisable ? [ ],
      hardeningEnable ? [ ],
      outputs ? [ "out" ],
      patches ? [ ],
      strictDeps ? if config.strictDepsByDefault or false then true else crossCompiling,
      # Sources, and what needs no compiler, are the same for every platform.
      dontAddHostSuffix ? attrs ? outputHash || !stdenv.hasCC,
      ...
    }@attrs:
    let
      # Tests run where their programs can.
      checks = doCheck && buildPlatform.canExecute hostPlatform;
      installChecks = doInstallCheck && buildPlatform.canExecute hostPlatform;

      unknownHardening = subtractLists (knownHardeningFlags ++ [ "all" ]) (hardeningDisable ++ hardeningEnable);
      defaultHardening =
        if stdenv.hasCC && stdenv.cc != null then stdenv.cc.defaultHardeningFlags or [ ] else [ ];
      hardening =
        if elem "all" hardeningDisable then
          [ ]
        else
          subtractLists hardeningDisable (unique (defaultHardening ++ hardeningEnable));

      hostSuffix = optionalString (crossCompiling && !dontAddHostSuffix) "-${hostPlatform.config}";
      staticMarker = optionalString hostPlatform.isStatic "-static";

      lists = lib.mapAttrs (
        listName: stage:
        let
          given =
            attrs.${listName} or [ ]
            ++ optionals (listName == "nativeBuildInputs" && checks) (attrs.nativeCheckInputs or [ ])
            ++ optionals (listName == "nativeBuildInputs" && installChecks) (attrs.nativeInstallCheckInputs or [ ])
            ++ optionals (listName == "buildInputs" && checks) (attrs.checkInputs or [ ])
            ++ optionals (listName == "buildInputs" && installChecks) (attrs.installCheckInputs or [ ]);
        in
        if isList given then
          dependencies stage listName given
        else
          throw "${listName} of ${attrs.name or attrs.pname} must be a list"
      ) dependencyLists;

      exported = lib.isAttrs env && !isDerivation env;
      overlapping = lib.attrNames (lib.intersectAttrs env basic);

      basic =
        removeAttrs attrs [
          "checkInputs"
          "configurePlatforms"
          "dontAddHostSuffix"
          "env"
          "hardeningDisable"
          "hardeningEnable"
          "installCheckInputs"
          "meta"
          "nativeCheckInputs"
          "nativeInstallCheckInputs"
          "passthru"
          "pos"
        ]
        // {
          name = lib.strings.sanitizeDerivationName (
            if attrs ? name then
              attrs.name + hostSuffix
            else
              "${attrs.pname}${staticMarker}${hostSuffix}-${attrs.version}"
          );
          builder = attrs.realBuilder or stdenv.shell;
          args =
            attrs.args or [
              "-e"
              (attrs.builder or ./default-builder.sh)
            ];
          inherit stdenv;
          inherit (buildPlatform) system;
          userHook = config.stdenv.userHook or null;
          __ignoreNulls = true;

          inherit outputs patches strictDeps;
          doCheck = checks;
          doInstallCheck = installChecks;
          configureFlags =
            lib.toList configureFlags
            ++ optional (elem "build" configurePlatforms) "--build=${buildPlatform.config}"
            ++ optional (elem "host" configurePlatforms) "--host=${hostPlatform.config}"
            ++ optional (elem "target" configurePlatforms) "--target=${targetPlatform.config}";
        }
        // lists
        // optionalAttrs enableParallelBuilding {
          inherit enableParallelBuilding;
          enableParallelChecking = attrs.enableParallelChecking or true;
          enableParallelInstalling = attrs.enableParallelInstalling or true;
        }
        // optionalAttrs (hardeningDisable != [ ] || hardeningEnable != [ ]) {
          NIX_HARDENING_ENABLE = lib.concatStringsSep " " hardening;
        };
    in
    if attrs.__structuredAttrs or false then
      throw "${basic.name}: __structuredAttrs is not supported by this package set"
    else if unknownHardening != [ ] then
      throw "${basic.name}: unknown hardening flags: ${lib.concatStringsSep " " unknownHardening}"
    else if overlapping != [ ] then
      throw "${basic.name}: in `env' and also a plain attribute: ${lib.concatStringsSep " " overlapping}"
    else
      basic // optionalAttrs exported env;
in
{
  inherit mkDerivation;
}
