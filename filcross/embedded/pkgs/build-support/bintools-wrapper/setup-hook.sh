# A linker is for use in this build only when it runs here.
[[ -z "${strictDeps-}" ]] || ((hostOffset < 0)) || return 0

# Its library folders for every package of the platform that it links for
bintoolsWrapper_addLDVars() {
    local role_post dir
    getHostRoleEnvHook
    for dir in "$1/lib64" "$1/lib"; do
        if [[ -d "$dir" && ! (-L "$dir" && "$dir" == */lib64) ]] && compgen -G "$dir/lib*" > /dev/null; then
            export NIX_LDFLAGS${role_post}+=" -L$dir"
        fi
    done
}

getTargetRole
getTargetRoleWrapper
addEnvHooks "$targetOffset" bintoolsWrapper_addLDVars

for dir in "@libc_bin@" "@coreutils_bin@"; do
    if [ -n "$dir" ]; then
        addToSearchPath _PATH "$dir/bin"
    fi
done

export NIX_BINTOOLS${role_post}=@out@
for command in ar as ld nm objcopy objdump readelf ranlib strip strings size windres; do
    if [ -e "@out@/bin/@targetPrefix@$command" ]; then
        export "${command^^}${role_post}=@targetPrefix@$command"
    fi
done

export NIX_HARDENING_ENABLE="${NIX_HARDENING_ENABLE-@default_hardening_flags_str@}"

unset -v role_post dir command
