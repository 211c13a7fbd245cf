# Sourced by the compiler's wrapper: clang makes code for many platforms and must be told which one, unless the caller
# does.
targetGiven=
for argument in "${params[@]}"; do
    case "$argument" in
        -target | --target | --target=*) targetGiven=1 ;;
    esac
done
if [[ -z "$targetGiven" && "$cc1" != 1 ]]; then
    extraBefore+=(-target @defaultTarget@ @march@)
fi
