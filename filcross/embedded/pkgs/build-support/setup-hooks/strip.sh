# Remove debugging symbols from what was installed. dontStrip turns it off; stripDebugList are the folders.
fixupOutputHooks+=(_stripOutput)

_stripOutput() {
    local program="${STRIP-}"
    if [[ -n "${dontStrip-}" || -z "$program" ]] || ! type -P "$program" > /dev/null; then
        return 0
    fi
    local dir file
    for dir in ${stripDebugList:-lib lib32 lib64 libexec bin sbin}; do
        if [[ ! -d "$prefix/$dir" || -L "$prefix/$dir" ]]; then
            continue
        fi
        echo "stripping (with $program ${stripDebugFlags:--S -p}) in $prefix/$dir"
        while IFS= read -r -d '' file; do
            # shellcheck disable=SC2086
            "$program" ${stripDebugFlags:--S -p} "$file" 2> /dev/null || echo "not stripped: $file"
        done < <(find "$prefix/$dir" -type f -size +0 -print0 | _keepObjects)
    done
}

# Of file names (ended by a zero byte), those of ELF files and archives
_keepObjects() {
    local file
    while IFS= read -r -d '' file; do
        case "$(head -c 8 -- "$file" | od -An -c | tr -d ' \n')" in
            177ELF* | '!<arch>'*) printf '%s\0' "$file" ;;
        esac
    done
}
