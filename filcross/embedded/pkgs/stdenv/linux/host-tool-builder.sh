# Link each of $targets to its place in $out.
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
if [ -n "$setupHook" ]; then
    mkdir -p "$out/nix-support"
    cp "$setupHook" "$out/nix-support/setup-hook"
fi
