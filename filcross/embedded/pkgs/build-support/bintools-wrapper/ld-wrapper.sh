#! @shell@
# Call the linker @prog@ with the flags of this wrapper and of the environment, and let what it makes find the
# libraries of the store that it was linked to.
set -e -o pipefail +o posix
shopt -s nullglob

if (("${NIX_DEBUG:-0}" >= 7)); then
    set -x
fi

path_backup="$PATH"
if [ -n "@coreutils_bin@" ]; then
    PATH="@coreutils_bin@/bin"
fi
source @out@/nix-support/utils.bash

if [ -z "${NIX_BINTOOLS_WRAPPER_FLAGS_SET_@suffixSalt@-}" ]; then
    source @out@/nix-support/add-flags.sh
fi

expandResponseParams "$@"

# The compiler's wrapper has said what it links, and has given the flags already.
throughCompiler="${NIX_LINK_TYPE_@suffixSalt@-}"
linkType="${throughCompiler:-$(checkLinkType "${params[@]}")}"

######################################################################
# Leave out what is of this machine, unless the libc itself is.

if [[ "${NIX_ENFORCE_PURITY-}" == 1 && -n "${NIX_STORE-}" && -z "@nativeLibc@" &&
    (-z "${NIX_IGNORE_LD_THROUGH_GCC_@suffixSalt@-}" || -z "$throughCompiler") ]]; then
    kept=()
    declare -i n=0
    while ((n < ${#params[@]})); do
        argument="${params[n]}"
        following="${params[n + 1]-}"
        n+=1
        case "$argument" in
            -L/*)
                if badPath "${argument:2}"; then
                    skip "${argument:2}"
                    continue
                fi
                ;;
            -L | -rpath | -dynamic-linker)
                if badPath "$following"; then
                    skip "$following"
                    n+=1
                    continue
                fi
                ;;
            -dynamic-linker=*)
                if badPath "${argument#*=}"; then
                    skip "${argument#*=}"
                    continue
                fi
                ;;
            --sysroot=*) continue ;;
            -plugin | -o)
                kept+=("$argument" "$following")
                n+=1
                continue
                ;;
            /*/*)
                if badPath "$argument"; then
                    reject "$argument"
                fi
                ;;
        esac
        kept+=("$argument")
    done
    params=("${kept[@]}")
fi

######################################################################
# Add flags.

source @out@/nix-support/add-hardening.sh
extraBefore=("${hardeningLDFlags[@]}")
extraAfter=()

# shellcheck disable=SC2207,SC2086  # lists of words
if [ -z "$throughCompiler" ]; then
    extraAfter+=($(filterRpathFlags "$linkType" $NIX_LDFLAGS_@suffixSalt@))
    extraBefore+=($(filterRpathFlags "$linkType" $NIX_LDFLAGS_BEFORE_@suffixSalt@))
    # In front, so that an explicit -dynamic-linker wins
    if [[ "$linkType" == dynamic && -n "${NIX_DYNAMIC_LINKER_@suffixSalt@-}" ]]; then
        extraBefore+=(-dynamic-linker "$NIX_DYNAMIC_LINKER_@suffixSalt@")
    fi
fi
# shellcheck disable=SC2207,SC2086
extraAfter+=($(filterRpathFlags "$linkType" ${NIX_LDFLAGS_AFTER_@suffixSalt@-}))

if [ -e @out@/nix-support/add-local-ldflags-before.sh ]; then
    source @out@/nix-support/add-local-ldflags-before.sh
fi

######################################################################
# The folders, in order, and the libraries that the link names

libDirs=()
declare -A libs=()
relocatable=
linkerOutput=a.out
previous=
for argument in "${extraBefore[@]}" "${params[@]}" "${extraAfter[@]}"; do
    case "$previous" in
        -L) libDirs+=("$argument") ;;
        -l) libs["lib$argument.so"]=1 ;;
        -o) linkerOutput="$argument" ;;
        -dynamic-linker | -plugin | -rpath | -soname | -h) ;;
        *)
            case "$argument" in
                -L/*) libDirs+=("${argument:2}") ;;
                -l?*) libs["lib${argument:2}.so"]=1 ;;
                "${NIX_STORE:-/nix/store}"/*.so | "${NIX_STORE:-/nix/store}"/*.so.*)
                    libDirs+=("${argument%/*}")
                    libs["${argument##*/}"]=1
                    ;;
                -r | --relocatable | -i) relocatable=1 ;;
            esac
            ;;
    esac
    previous="$argument"
done

# A folder of the store with a library of this link in it goes on the search path, in the order of the -L flags.
if [[ "${NIX_DONT_SET_RPATH_@suffixSalt@-}" != 1 && "$linkType" == dynamic ]]; then
    declare -A added=()
    for dir in "${libDirs[@]}"; do
        if [[ "$dir" =~ [/.][/.] ]] && real="$(readlink -f "$dir")"; then
            dir="$real"
        fi
        if [[ -n "${added[$dir]-}" || "$dir" != "${NIX_STORE:-/nix/store}"/* ]]; then
            continue
        fi
        for path in "$dir"/*; do
            if [ -n "${libs["${path##*/}"]-}" ]; then
                added["$dir"]=1
                extraAfter+=(-rpath "$dir")
                break
            fi
        done
    done
fi

if [[ "${NIX_SET_BUILD_ID_@suffixSalt@-}" == 1 && -z "$relocatable" ]]; then
    extraAfter+=(--build-id="${NIX_BUILD_ID_STYLE:-sha1}")
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

@prog@ "${extraBefore[@]}" "${params[@]}" "${extraAfter[@]}"

if [ -e @out@/nix-support/post-link-hook ]; then
    # It may use $linkerOutput.
    export linkerOutput
    source @out@/nix-support/post-link-hook
fi
