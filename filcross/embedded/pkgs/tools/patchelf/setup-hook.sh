# Remove from the search paths of installed programs and libraries what they do not use. dontPatchELF turns it off.
fixupOutputHooks+=(_shrinkRunPaths)

_shrinkRunPaths() {
    if [[ -n "${dontPatchELF-}" || ! -d "$prefix" ]]; then
        return 0
    fi
    echo "shrinking the search paths of ELF files in $prefix"
    local file
    while IFS= read -r -d '' file; do
        case "$file" in
            *.o) continue ;;
        esac
        if isELF "$file"; then
            patchelf --shrink-rpath "$file" || echo "not shrunk: $file"
        fi
    done < <(find "$prefix" -type f -print0)
}
