# Replace a package's own config.sub and config.guess, which may be too old for the platform.
preConfigurePhases+=" updateAutotoolsGnuConfigScriptsPhase"

updateAutotoolsGnuConfigScriptsPhase() {
    [ -z "${dontUpdateAutotoolsGnuConfigScripts-}" ] || return 0
    local script file
    for script in config.sub config.guess; do
        while IFS= read -r -d '' file; do
            echo "replacing $file by the one of @gnu_config@"
            cp -f "@gnu_config@/$script" "$file"
        done < <(find . -type f -name "$script" -print0)
    done
}
