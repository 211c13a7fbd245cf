# Sourced by the wrappers of compiler and linker, once for a command and all that it starts: the flags of the
# environment, by role, and those in this wrapper's files.
accumulateRoles
for variable in NIX_IGNORE_LD_THROUGH_GCC NIX_LDFLAGS NIX_LDFLAGS_BEFORE NIX_DYNAMIC_LINKER NIX_LDFLAGS_AFTER \
    NIX_HARDENING_ENABLE; do
    mangleVarList "$variable" "${role_suffixes[@]}"
done
for variable in NIX_SET_BUILD_ID NIX_DONT_SET_RPATH; do
    mangleVarBool "$variable" "${role_suffixes[@]}"
done

if [ -e @out@/nix-support/libc-ldflags ]; then
    export NIX_LDFLAGS_@suffixSalt@+=" $(< @out@/nix-support/libc-ldflags)"
fi
if [[ -z "${NIX_DYNAMIC_LINKER_@suffixSalt@-}" && -e @out@/nix-support/ld-set-dynamic-linker ]]; then
    export NIX_DYNAMIC_LINKER_@suffixSalt@="$(< @out@/nix-support/dynamic-linker)"
fi
if [ -e @out@/nix-support/libc-ldflags-before ]; then
    export NIX_LDFLAGS_BEFORE_@suffixSalt@="$(< @out@/nix-support/libc-ldflags-before) ${NIX_LDFLAGS_BEFORE_@suffixSalt@-}"
fi

export NIX_BINTOOLS_WRAPPER_FLAGS_SET_@suffixSalt@=1
