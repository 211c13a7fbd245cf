# Make the interpreters of installed scripts store paths. dontPatchShebangs turns it off.
fixupOutputHooks+=(_patchShebangsOutput)

_patchShebangsOutput() {
    [ -z "${dontPatchShebangs-}" ] || return 0
    patchShebangs --host "$prefix"
}

# patchShebangs [--build|--host] PATH...: in scripts that will run here, or on the host platform. An interpreter that
# is on no such PATH stays.
patchShebangs() {
    local search="${HOST_PATH-}" file line interpreter arguments command found
    case "$1" in
        --host) shift ;;
        --build)
            search="$PATH"
            shift
            ;;
        *) [ -n "${strictDeps-}" ] || search="$PATH" ;;
    esac
    while IFS= read -r -d '' file; do
        isScript "$file" || continue
        IFS= read -r line < "$file" || continue
        read -r interpreter arguments <<< "${line#\#!}"
        [[ "$interpreter" == /* && "$interpreter" != "${NIX_STORE:-/nix/store}"/* ]] || continue
        command="${interpreter##*/}"
        if [ "$command" = env ]; then
            read -r command arguments <<< "$arguments"
        fi
        found="$(PATH="$search" type -P "$command" || true)"
        [ -n "$found" ] || continue
        echo "$file: interpreter $interpreter becomes $found"
        chmod u+w "$file"
        sed -i -e "1 s|.*|#!$found${arguments:+ $arguments}|" "$file"
    done < <(find "$@" -type f -perm -0100 -print0)
}
