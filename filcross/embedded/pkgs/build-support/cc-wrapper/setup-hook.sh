# A compiler is for use in this build only when it runs here.
[[ -z "${strictDeps-}" ]] || ((hostOffset < 0)) || return 0

# Its headers for every package of the platform that it makes code for
ccWrapper_addCVars() {
    local role_post
    getHostRoleEnvHook
    if [ -d "$1/include" ]; then
        export NIX_CFLAGS_COMPILE${role_post}+=" -isystem $1/include"
    fi
}

getTargetRole
getTargetRoleWrapper
addEnvHooks "$targetOffset" ccWrapper_addCVars

for dir in "@libc_bin@" "@coreutils_bin@"; do
    if [ -n "$dir" ]; then
        addToSearchPath _PATH "$dir/bin"
    fi
done

export NIX_CC${role_post}=@out@
export CC${role_post}=@named_cc@
export CXX${role_post}=@named_cxx@

# hardeningDisable and hardeningEnable set it; otherwise it is the wrapper's default.
export NIX_HARDENING_ENABLE="${NIX_HARDENING_ENABLE-@default_hardening_flags_str@}"

unset -v role_post dir
