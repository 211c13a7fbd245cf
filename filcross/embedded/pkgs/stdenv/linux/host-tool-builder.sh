# Link each of $targets to its place in $out, and copy each of the folders $copySources.
mkdir -p "$out"
# shellcheck disable=SC2086  # lists of words
set -- $targets
for place in $places; do
    case "$place" in
        */*) mkdir -p "$out/${place%/*}" ;;
    esac
    ln -s "$1" "$out/$place"
    shift
done
# shellcheck disable=SC2086
set -- $copySources
for place in $copyPlaces; do
    mkdir -p "$out/${place%/*}"
    cp -rL --no-preserve=all "$1" "$out/$place"
    shift
done
if [ -n "$setupHook" ]; then
    mkdir -p "$out/nix-support"
    cp "$setupHook" "$out/nix-support/setup-hook"
fi
