# Documentation belongs in share.
preFixupHooks+=(_moveDocs)

_moveDocs() {
    local dir name
    for name in $outputs; do
        for dir in man info doc; do
            if [[ -d "${!name}/$dir" && ! -L "${!name}/$dir" ]]; then
                mkdir -p "${!name}/share"
                cp -rT "${!name}/$dir" "${!name}/share/$dir"
                rm -rf "${!name:?}/$dir"
            fi
        done
    done
}
