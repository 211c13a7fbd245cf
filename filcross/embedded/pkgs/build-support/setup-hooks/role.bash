# For setup hooks of tools that can be there for several platforms at once: which of them is this? The answer is a
# suffix for the variables that the hook sets: _FOR_BUILD, nothing, or _FOR_TARGET.

_roleSuffix() {
    case "$1" in
        -1) role_post=_FOR_BUILD ;;
        0) role_post= ;;
        1) role_post=_FOR_TARGET ;;
        *)
            echo "role.bash: there is no platform with offset '$1'" >&2
            return 1
            ;;
    esac
}

# Where the tool runs; what it makes things for. In a setup hook…
getHostRole() { _roleSuffix "$hostOffset"; }
getTargetRole() { _roleSuffix "$targetOffset"; }
# …and the same of the package that an environment hook is called with.
getHostRoleEnvHook() { _roleSuffix "$hostOffset"; }
getTargetRoleEnvHook() { _roleSuffix "$targetOffset"; }

# Tell the wrapper's programs which roles they have: they read the variables with these suffixes.
getTargetRoleWrapper() {
    case "$targetOffset" in
        -1) export NIX_@wrapperName@_TARGET_BUILD_@suffixSalt@=1 ;;
        0) export NIX_@wrapperName@_TARGET_HOST_@suffixSalt@=1 ;;
        1) export NIX_@wrapperName@_TARGET_TARGET_@suffixSalt@=1 ;;
    esac
}
