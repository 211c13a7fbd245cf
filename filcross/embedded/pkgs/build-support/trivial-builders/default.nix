# Small derivations: a command, a text, a script, links.
{
  lib,
  stdenv,
  stdenvNoCC,
  runtimeShell,
}:

let
  inherit (lib) optionalAttrs optionalString escapeShellArg;
in

rec {
  # A derivation from shell commands that make $out
  runCommandWith =
    {
      name,
      stdenv ? stdenvNoCC,
      runLocal ? false,
      derivationArgs ? { },
    }:
    buildCommand:
    stdenv.mkDerivation (
      {
        enableParallelBuilding = true;
        inherit name buildCommand;
        passAsFile = [ "buildCommand" ] ++ derivationArgs.passAsFile or [ ];
      }
      // optionalAttrs runLocal {
        preferLocalBuild = true;
        allowSubstitutes = false;
      }
      // removeAttrs derivationArgs [ "passAsFile" ]
    );
  runCommand =
    name: derivationArgs:
    runCommandWith {
      inherit name derivationArgs;
    };
  runCommandLocal =
    name: derivationArgs:
    runCommandWith {
      inherit name derivationArgs;
      runLocal = true;
    };
  # With a compiler
  runCommandCC =
    name: derivationArgs:
    runCommandWith {
      inherit name derivationArgs stdenv;
    };

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      # The file's place inside the output; the output is the file itself when empty
      destination ? "",
      checkPhase ? "",
      meta ? { },
      derivationArgs ? { },
    }:
    runCommandLocal name
      (
        {
          inherit text meta;
          executable = toString executable;
          passAsFile = [ "text" ];
        }
        // derivationArgs
      )
      ''
        target=$out${escapeShellArg destination}
        mkdir -p "$(dirname "$target")"
        if [ -e "$textPath" ]; then
          mv "$textPath" "$target"
        else
          printf '%s' "$text" > "$target"
        fi
        ${optionalString executable ''chmod +x "$target"''}
        ${checkPhase}
      '';
  writeText =
    name: text:
    writeTextFile {
      inherit name text;
    };
  writeTextDir =
    path: text:
    writeTextFile {
      inherit text;
      name = baseNameOf path;
      destination = "/${path}";
    };
  writeScript =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
    };
  writeScriptBin =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
      destination = "/bin/${name}";
    };
  writeShellScript =
    name: text:
    writeScript name ''
      #!${runtimeShell}
      ${text}
    '';
  writeShellScriptBin =
    name: text:
    writeScriptBin name ''
      #!${runtimeShell}
      ${text}
    '';

  # One folder tree of links to the files of several packages; the first that has a file wins.
  symlinkJoin =
    {
      name,
      paths,
      preferLocalBuild ? true,
      allowSubstitutes ? false,
      postBuild ? "",
      ...
    }@args:
    runCommand name
      (
        removeAttrs args [
          "name"
          "postBuild"
        ]
        // {
          inherit preferLocalBuild allowSubstitutes;
          passAsFile = [ "paths" ];
        }
      )
      ''
        mkdir -p $out
        for path in $(< "$pathsPath"); do
          cp -rsnT --no-preserve=mode "$path" $out
        done
        ${postBuild}
      '';

  # A folder of links: [ { name = "bin/x"; path = …; } ] or { "bin/x" = …; }
  linkFarm =
    name: entries:
    let
      list = if lib.isAttrs entries then lib.mapAttrsToList (name: path: { inherit name path; }) entries else entries;
    in
    runCommandLocal name { } ''
      mkdir -p $out
      cd $out
      ${lib.concatMapStrings (
        { name, path }:
        ''
          mkdir -p "$(dirname ${escapeShellArg name})"
          ln -s ${escapeShellArg "${path}"} ${escapeShellArg name}
        ''
      ) list}
    '';

  # A package that is nothing but a setup hook: the script, with substitutions, and what it needs
  makeSetupHook =
    {
      name ? lib.warn "makeSetupHook: give it a name" "hook",
      propagatedBuildInputs ? [ ],
      propagatedNativeBuildInputs ? [ ],
      depsTargetTargetPropagated ? [ ],
      substitutions ? { },
      meta ? { },
      passthru ? { },
    }:
    script:
    runCommand name
      (
        substitutions
        // {
          inherit
            propagatedBuildInputs
            propagatedNativeBuildInputs
            depsTargetTargetPropagated
            meta
            passthru
            ;
          strictDeps = true;
        }
      )
      ''
        mkdir -p $out/nix-support
        cp ${script} $out/nix-support/setup-hook
        chmod +w $out/nix-support/setup-hook
        ${lib.concatMapStrings (key: ''
          substituteInPlace $out/nix-support/setup-hook --subst-var-by ${key} "''$${key}"
        '') (lib.attrNames substitutions)}
        recordPropagatedDependencies
      '';

  # A text file with @name@ replaced by the attributes
  substituteAll =
    { src, ... }@args:
    stdenvNoCC.mkDerivation (
      {
        name = args.name or (baseNameOf (toString src));
        buildCommand = ''
          substituteAll "$src" "$out"
          ${optionalString (args.isExecutable or false) "chmod +x $out"}
        '';
        preferLocalBuild = true;
      }
      // args
    );
}
