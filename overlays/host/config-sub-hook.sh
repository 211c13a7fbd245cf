
updateAutotoolsGnuConfigScriptsPhase() {
  local script
  if [ -n "${dontUpdateAutotoolsGnuConfigScripts-}" ]; then return; fi
  while IFS= read -r -d '' script; do
    echo "teaching ${script} the Fil-C platform"
    chmod u+w "$script"
    teach_config_sub "$script"
  done < <(find . -type f -name config.sub -print0)
}
preConfigurePhases="${preConfigurePhases-} updateAutotoolsGnuConfigScriptsPhase"
