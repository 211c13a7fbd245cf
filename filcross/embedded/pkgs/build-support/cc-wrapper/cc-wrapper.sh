#! @shell@
# Call the compiler @prog@ with the flags of this wrapper and of the environment.
set -e -o pipefail +o posix
shopt -s nullglob

if (("${NIX_DEBUG:-0}" >= 7)); then
    set -x
fi

path_backup="$PATH"
if [ -n "@coreutils_bin@" ]; then
    PATH="@coreutils_bin@/bin:@gnugrep_bin@/bin"
fi
source @out@/nix-support/utils.bash

######################################################################
# What is asked for?

dontLink=0
anyInput=0
cc1=0
cxxInclude=1
cxxLibrary=1
cInclude=1
[[ "@prog@" == *++ ]] && isCxx=1 || isCxx=0

expandResponseParams "$@"

positionalArgs=()
declare -i n=0
while ((n < ${#params[@]})); do
    argument="${params[n]}"
    following="${params[n + 1]-}"
    n+=1
    case "$argument" in
        -c | -S | -E | -M | -MM) dontLink=1 ;;
        -cc1) cc1=1 ;;
        -nostdinc) cInclude=0 cxxInclude=0 ;;
        -nostdinc++) cxxInclude=0 ;;
        -nostdlib) cxxLibrary=0 ;;
        -x*-header) dontLink=1 ;;
        -xc++*) isCxx=1 ;;
        -x)
            case "$following" in
                *-header) dontLink=1 ;;
                c++*) isCxx=1 ;;
            esac
            ;;
        --)
            # All that follows is an input.
            if ((n < ${#params[@]})); then anyInput=1; fi
            positionalArgs=("${params[@]:n}")
            params=("${params[@]:0:n-1}")
            break
            ;;
        -?*) ;;
        *) anyInput=1 ;;
    esac
done

# `cc -Wl,-v` would link when it is given libraries; `cc` and `cc -v` must not.
if [ "$anyInput" = 0 ]; then
    dontLink=1
fi

if [ -z "${NIX_BINTOOLS_WRAPPER_FLAGS_SET_@suffixSalt@-}" ]; then
    source @bintools@/nix-support/add-flags.sh
fi
if [ -z "${NIX_CC_WRAPPER_FLAGS_SET_@suffixSalt@-}" ]; then
    source @out@/nix-support/add-flags.sh
fi

######################################################################
# Leave out what is of this machine, unless the compiler itself is.

if [[ "${NIX_ENFORCE_PURITY-}" == 1 && -n "${NIX_STORE-}" && -z "@nativeLibc@" ]]; then
    kept=()
    n=0
    while ((n < ${#params[@]})); do
        argument="${params[n]}"
        following="${params[n + 1]-}"
        n+=1
        case "$argument" in
            -[IL]/*)
                if badPath "${argument:2}"; then
                    skip "${argument:2}"
                    continue
                fi
                ;;
            -[IL] | -isystem)
                if badPath "$following"; then
                    skip "$following"
                    n+=1
                    continue
                fi
                ;;
        esac
        kept+=("$argument")
    done
    params=("${kept[@]}")
fi

# Code for the CPU that happens to build it is not for the platform.
if [ "$NIX_ENFORCE_NO_NATIVE_@suffixSalt@" = 1 ]; then
    kept=()
    for argument in "${params[@]}"; do
        if [[ "$argument" == -m*=native ]]; then
            skip "$argument"
        else
            kept+=("$argument")
        fi
    done
    params=("${kept[@]}")
fi

######################################################################
# Add flags.

if [ "$isCxx" = 1 ]; then
    if [ "$cxxInclude" = 1 ]; then
        NIX_CFLAGS_COMPILE_@suffixSalt@+=" $NIX_CXXSTDLIB_COMPILE_@suffixSalt@"
    fi
    if [ "$cxxLibrary" = 1 ]; then
        NIX_CFLAGS_LINK_@suffixSalt@+=" $NIX_CXXSTDLIB_LINK_@suffixSalt@"
    fi
fi

source @out@/nix-support/add-hardening.sh

# shellcheck disable=SC2206  # lists of words
extraAfter=("${hardeningCFlagsAfter[@]}" $NIX_CFLAGS_COMPILE_@suffixSalt@)
# shellcheck disable=SC2206
extraBefore=("${hardeningCFlagsBefore[@]}" $NIX_CFLAGS_COMPILE_BEFORE_@suffixSalt@)

if [ "$dontLink" != 1 ]; then
    # shellcheck disable=SC2086
    linkType="$(checkLinkType $NIX_LDFLAGS_BEFORE_@suffixSalt@ "${params[@]}" $NIX_CFLAGS_LINK_@suffixSalt@ $NIX_LDFLAGS_@suffixSalt@)"

    # shellcheck disable=SC2207,SC2086
    extraAfter+=($(filterRpathFlags "$linkType" $NIX_CFLAGS_LINK_@suffixSalt@))

    # Flags for the linker, given through the compiler so that their order is kept; the linker's wrapper then leaves
    # them out.
    # shellcheck disable=SC2086
    for argument in $(filterRpathFlags "$linkType" $NIX_LDFLAGS_BEFORE_@suffixSalt@); do
        extraBefore+=("-Wl,$argument")
    done
    if [[ "$linkType" == dynamic && -n "$NIX_DYNAMIC_LINKER_@suffixSalt@" ]]; then
        extraBefore+=("-Wl,-dynamic-linker=$NIX_DYNAMIC_LINKER_@suffixSalt@")
    fi
    # shellcheck disable=SC2086
    for argument in $(filterRpathFlags "$linkType" $NIX_LDFLAGS_@suffixSalt@); do
        case "$argument" in
            -L/*) extraAfter+=("$argument") ;;
            *) extraAfter+=("-Wl,$argument") ;;
        esac
    done
    export NIX_LINK_TYPE_@suffixSalt@="$linkType"
fi

if [ -e @out@/nix-support/add-local-cc-cflags-before.sh ]; then
    source @out@/nix-support/add-local-cc-cflags-before.sh
fi

# `cc -v` alone prints the version, and must not get inputs; `-cc1` takes none of the flags above.
if [[ "$*" == -v || "$cc1" == 1 ]]; then
    extraAfter=()
    extraBefore=()
fi

if ((${#positionalArgs[@]})); then
    extraAfter+=(-- "${positionalArgs[@]}")
fi

if (("${NIX_DEBUG:-0}" >= 1)); then
    {
        echo "extra flags before to @prog@:"
        printf '  %q\n' "${extraBefore[@]}"
        echo "original flags to @prog@:"
        printf '  %q\n' "${params[@]}"
        echo "extra flags after to @prog@:"
        printf '  %q\n' "${extraAfter[@]}"
    } >&2
fi

PATH="$path_backup"

if [ -e @out@/nix-support/cc-wrapper-hook ]; then
    compiler=@prog@
    source @out@/nix-support/cc-wrapper-hook
fi

exec @prog@ "${extraBefore[@]}" "${params[@]}" "${extraAfter[@]}"
