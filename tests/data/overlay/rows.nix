# What a package set with the overlay says about everything that a tree decides by its libc or its compiler: one value
# for each row of docs/overlay.md that can be told by evaluation. "absent": the tree has no such attribute; "refused":
# it throws. without: a JSON list of rows to leave out (recipes that fail for every platform of a tree).
{
  entry,
  tree,
  overlay,
  without ? "[]",
}:
let
  inherit (import (/. + entry) { inherit tree overlay; }) pkgsCross;
  pkgs = pkgsCross.filc;
  inherit (pkgs) buildPackages stdenv;
  inherit (stdenv) cc hostPlatform buildPlatform;
  libc = buildPackages.filc-libc;

  try =
    value:
    let
      answer = builtins.tryEval (builtins.deepSeq value value);
    in
    if answer.success then answer.value else "refused";
  has = set: name: value: if set ? ${name} then try value else "absent";
  derivation = value: if value == null then "null" else builtins.seq value.drvPath "derivation";
  isLibc = value: value.outPath == libc.outPath || value.outPath == libc.dev.outPath;
  contains = part: text: builtins.length (builtins.split part text) > 1;
  plain = value: builtins.unsafeDiscardStringContext (toString value);
  answers = {
    libc = try (isLibc cc.libc);
    libcCross = has pkgs "libcCross" (isLibc pkgs.libcCross);
    libcOfNewTrees = has pkgs "libc" (isLibc pkgs.libc);
    glibcCross = has pkgs "glibcCross" (isLibc pkgs.glibcCross);
    compilerLib = try (isLibc cc.cc.lib);
    compilerLlvm = try (derivation cc.cc.libllvm.out);
    sharedLibrary = try hostPlatform.extensions.sharedLibrary;
    libiconv = has pkgs "libiconv" (contains "filc-libc-iconv" pkgs.libiconv.name);
    libintl = has pkgs "libintl" (derivation pkgs.libintl);
    gettextFlags = has pkgs "gettext" (
      plain (pkgs.gettext.gettextNeedsLdflags or pkgs.gettext.env.gettextNeedsLdflags or false)
    );
    getconf = has pkgs "unixtools" (contains "getconf" pkgs.unixtools.getconf.name && !(contains "netbsd" pkgs.unixtools.getconf.drvPath));
    getent = has pkgs "unixtools" (contains "getent" pkgs.unixtools.getent.name && !(contains "netbsd" pkgs.unixtools.getent.drvPath));
    glibcLocales = has pkgs "glibcLocales" (derivation pkgs.glibcLocales);
    libxcrypt = has pkgs "libxcrypt" (derivation pkgs.libxcrypt);
    threadsCross = has pkgs "threadsCross" (
      pkgs.threadsCross == null || (pkgs.threadsCross.package or null) == null
    );
    kernelHeaders = try (derivation cc.libc.linuxHeaders);

    binutils = try (buildPackages.binutils-unwrapped.pname);
    binutilsIsGnu = try (buildPackages.binutils-unwrapped.isGNU);
    isClang = try cc.isClang;
    isGNU = try cc.isGNU;
    llvmVersion = try (plain (cc.version or cc.cc.version));
    filcVersion = try cc.cc.filcVersion;
    targetPrefix = try cc.targetPrefix;
    suffixSalt = has cc "suffixSalt" cc.suffixSalt;
    hardeningLeft = try (
      builtins.filter (flag: !(builtins.elem flag cc.cc.hardeningUnsupportedFlags)) (
        cc.defaultHardeningFlags or cc.bintools.defaultHardeningFlags or [
          "fortify"
          "stackprotector"
          "pic"
          "strictoverflow"
          "format"
          "relro"
          "bindnow"
        ]
      )
    );

    canExecute = has buildPlatform "canExecute" (buildPlatform.canExecute hostPlatform);
    config = try hostPlatform.config;
    isFilC = try hostPlatform.isFilC;
    configSubHook = try (
      builtins.any (input: (input.outPath or "") == buildPackages.updateAutotoolsGnuConfigScriptsHook.outPath) (
        stdenv.extraNativeBuildInputs or [ ]
      )
    );
    gnuConfig = try (contains "gnu-config" buildPackages.gnu-config.name && derivation buildPackages.gnu-config == "derivation");

    libgpgErrorLock = 
      if pkgs ? libgpg-error || pkgs ? libgpgerror then
        try (contains "linux-filc" (pkgs.libgpg-error or pkgs.libgpgerror).postPatch)
      else
        "absent";
    perl = has pkgs "perl" (derivation pkgs.perl);
    python = has pkgs "python3" (derivation pkgs.python3);
    shadow = has pkgs "shadow" (derivation pkgs.shadow);

    rustc = has pkgs "rustPlatform" (builtins.seq (pkgs.rustPlatform.buildRustPackage or null) "there");
    go = has pkgs "go" (derivation pkgs.go);
    haskell = has pkgs "haskell" (builtins.seq pkgs.haskell "there");
    ocaml = has pkgs "ocaml" (derivation pkgs.ocaml);
    fortran = has buildPackages "gfortran" (derivation buildPackages.gfortran);
    goOfTheBuildMachine = has buildPackages.buildPackages "go" (derivation buildPackages.buildPackages.go);

    # Checks are part of a derivation.
    checks =
      let
        probe = stdenv.mkDerivation {
          name = "probe";
          doCheck = true;
          doInstallCheck = true;
        };
      in
      try (plain (probe.drvAttrs.doCheck or probe.doCheck));
    structured = try (
      derivation (
        stdenv.mkDerivation {
          name = "structured";
          __structuredAttrs = true;
          dontUnpack = true;
          installPhase = "touch $out";
        }
      )
    );
  };
in
removeAttrs answers (builtins.fromJSON without)
