# Shared by the wrappers of compilers and linkers.

# The roles that setup hooks gave this wrapper (see setup-hooks/role.bash), as suffixes of variable names; none means
# that it is called outside a build, by a user.
accumulateRoles() {
    role_suffixes=()
    local role suffix variable
    for role in BUILD:_FOR_BUILD HOST: TARGET:_FOR_TARGET; do
        suffix="${role#*:}"
        variable="NIX_@wrapperName@_TARGET_${role%%:*}_@suffixSalt@"
        if [ -n "${!variable-}" ]; then
            role_suffixes+=("$suffix")
        fi
    done
}

# mangleVarList NAME SUFFIX...: NAME_<salt> gets the words of NAME<suffix> for every role.
mangleVarList() {
    local target="$1_@suffixSalt@" name="$1" suffix source
    shift
    local value="${!target-}"
    for suffix in "$@"; do
        source="$name$suffix"
        value+="${value:+ }${!source-}"
    done
    export "$target=$value"
}

# mangleVarBool NAME SUFFIX...: the same for a switch: on when it is on for any role.
mangleVarBool() {
    local target="$1_@suffixSalt@" name="$1" suffix source
    shift
    local value="${!target-0}"
    for suffix in "$@"; do
        source="$name$suffix"
        if [ "${!source-0}" = 1 ]; then
            value=1
        fi
    done
    export "$target=$value"
}

# Whether a path is of this machine and not of the store or the build.
badPath() {
    case "$1" in
        /dev/null | "${NIX_STORE:-/nix/store}"/* | /tmp/* | "${NIX_BUILD_TOP:-/tmp}"* | "${TMPDIR:-/tmp}"*) return 1 ;;
        /*) return 0 ;;
        *) return 1 ;;
    esac
}

skip() {
    if (("${NIX_DEBUG:-0}" >= 1)); then
        echo "skipping impure path $1" >&2
    fi
}

reject() {
    echo "impure path '$1' used in link" >&2
    exit 1
}

# The arguments, each @FILE replaced by the words of that file, to the array `params`
expandResponseParams() {
    params=()
    local argument
    for argument in "$@"; do
        if [[ "$argument" == @* && -f "${argument#@}" ]]; then
            _responseWords "${argument#@}"
        else
            params+=("$argument")
        fi
    done
}

# Words as GCC splits them: at white space, with quotes of both kinds, and with a backslash before any character.
_responseWords() {
    local text word="" quote="" character inWord=
    local -i index
    text="$(< "$1")"
    for ((index = 0; index < ${#text}; index++)); do
        character="${text:index:1}"
        if [[ "$character" == "\\" ]]; then
            index+=1
            word+="${text:index:1}" inWord=1
        elif [ -n "$quote" ]; then
            if [ "$character" = "$quote" ]; then quote=""; else word+="$character"; fi
        elif [[ "$character" == [\"\'] ]]; then
            quote="$character" inWord=1
        elif [[ "$character" == [[:space:]] ]]; then
            if [ -n "$inWord" ]; then params+=("$word"); fi
            word="" inWord=
        else
            word+="$character" inWord=1
        fi
    done
    if [ -n "$inWord" ]; then params+=("$word"); fi
}

# What a link with these flags makes
checkLinkType() {
    local argument type=dynamic
    for argument in "$@"; do
        case "$argument" in
            -static) type=static ;;
            -static-pie) type=static-pie ;;
        esac
    done
    echo "$type"
}

# A static program has no search path for libraries.
filterRpathFlags() {
    local type="$1" skipNext= argument
    shift
    for argument in "$@"; do
        if [ "$type" = dynamic ]; then
            printf '%s\n' "$argument"
        elif [ -n "$skipNext" ]; then
            skipNext=
        elif [ "$argument" = -rpath ]; then
            skipNext=1
        else
            printf '%s\n' "$argument"
        fi
    done
}
