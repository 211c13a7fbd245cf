# Overlay for the stage of Fil-C's build tools: the hook that updates config.sub edits the copy that a package brings,
# because the host has no newer one to put in its place.
final: prev:
let
  isFilC = platform: platform.isFilC or false;
in
if isFilC prev.stdenv.targetPlatform && !(isFilC prev.stdenv.hostPlatform) then
  {
    updateAutotoolsGnuConfigScriptsHook = final.makeSetupHook { name = "teach-config-sub-filc"; } (
      final.runCommand "teach-config-sub-hook.sh" { } ''
        cat ${../gnu-config/teach.sh} ${./config-sub-hook.sh} > $out
      ''
    );
  }
else
  { }
