# Sourced by the compiler's wrapper, once for a command and all that it starts: the flags of the environment, by role,
# and those in this wrapper's files.
accumulateRoles
for variable in NIX_CFLAGS_COMPILE NIX_CFLAGS_COMPILE_BEFORE NIX_CFLAGS_LINK NIX_CXXSTDLIB_COMPILE NIX_CXXSTDLIB_LINK; do
    mangleVarList "$variable" "${role_suffixes[@]}"
done
mangleVarBool NIX_ENFORCE_NO_NATIVE "${role_suffixes[@]}"

# Find the linker's wrapper, and not another linker.
NIX_CFLAGS_COMPILE_@suffixSalt@="-B@out@/bin/ $NIX_CFLAGS_COMPILE_@suffixSalt@"

# _prependFlags VARIABLE FILE, _appendFlags VARIABLE FILE
_prependFlags() {
    [ ! -e "@out@/nix-support/$2" ] || export "$1=$(< "@out@/nix-support/$2") ${!1-}"
}
_appendFlags() {
    [ ! -e "@out@/nix-support/$2" ] || export "$1=${!1-} $(< "@out@/nix-support/$2")"
}

# In the end the order is: start files, libc, compiler, the environment's.
_prependFlags NIX_CFLAGS_COMPILE_@suffixSalt@ cc-cflags
if [ "${cInclude:-1}" = 1 ]; then
    _prependFlags NIX_CFLAGS_COMPILE_@suffixSalt@ libc-cflags
fi
_prependFlags NIX_CFLAGS_COMPILE_@suffixSalt@ libc-crt1-cflags
_prependFlags NIX_CXXSTDLIB_COMPILE_@suffixSalt@ libcxx-cxxflags
_prependFlags NIX_CXXSTDLIB_LINK_@suffixSalt@ libcxx-ldflags
_appendFlags NIX_LDFLAGS_@suffixSalt@ cc-ldflags
_prependFlags NIX_CFLAGS_COMPILE_BEFORE_@suffixSalt@ cc-cflags-before

export NIX_CC_WRAPPER_FLAGS_SET_@suffixSalt@=1
