# The environment of a build, and its phases. The names of phases, hooks, variables and helper functions are those
# of the Nixpkgs manual, chapter "The Standard Environment".

set -e -o pipefail
shopt -s inherit_errexit

: "${outputs:=out}"
: "${NIX_BUILD_CORES:=1}"
export NIX_BUILD_CORES
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
export CONFIG_SHELL="$SHELL"
export LC_ALL="${LC_ALL:-C}"
export TZ=UTC
export NIX_NO_SELF_RPATH="${NIX_NO_SELF_RPATH:-}"

######################################################################
# Hooks

# Run the hook NAME: the functions and commands in the array NAMEHooks (of postX too), then the function or variable.
runHook() {
    local hook="$1" entry
    shift
    local -n entries="${hook%Hook}Hooks"
    for entry in "${entries[@]}"; do
        _evalHook "$entry" "$@"
    done
    if declare -F "$hook" > /dev/null || [ -n "${!hook-}" ]; then
        _evalHook "$hook" "$@"
    fi
}

# Call a function, or evaluate the variable of that name, or the text itself.
_evalHook() {
    local what="$1"
    shift
    if declare -F "$what" > /dev/null; then
        "$what" "$@"
    elif [[ "$what" =~ ^[A-Za-z_][A-Za-z_0-9]*$ && -n "${!what-}" ]]; then
        eval "${!what}"
    elif type -t "$what" > /dev/null; then
        "$what" "$@"
    else
        eval "$what"
    fi
}

runOneHook() {
    local hook="$1" entry
    shift
    local -n entries="${hook%Hook}Hooks"
    for entry in "${entries[@]}" "$hook"; do
        if (declare -F "$entry" || [ -n "${!entry-}" ]) > /dev/null 2>&1 && _evalHook "$entry" "$@"; then
            return 0
        fi
    done
    return 1
}

_exitHandler() {
    local status=$?
    set +e
    if [ "$status" -ne 0 ]; then
        runHook failureHook
    else
        runHook exitHook
    fi
    exit "$status"
}
trap _exitHandler EXIT

######################################################################
# Small helpers

# addToSearchPath VARIABLE DIR: append DIR, if it is one, to a list with colons.
addToSearchPath() { addToSearchPathWithCustomDelimiter ":" "$@"; }
addToSearchPathWithCustomDelimiter() {
    local delimiter="$1" variable="$2" dir="$3"
    if [[ -d "$dir" && "${delimiter}${!variable-}${delimiter}" != *"${delimiter}${dir}${delimiter}"* ]]; then
        export "${variable}=${!variable:+${!variable}${delimiter}}${dir}"
    fi
}
prependToVar() {
    local variable="$1"
    shift
    if [[ "$(declare -p "$variable" 2> /dev/null)" == "declare -a"* ]]; then
        local -n array="$variable"
        array=("$@" "${array[@]}")
    else
        declare -g "$variable=$*${!variable:+ ${!variable}}"
    fi
}
appendToVar() {
    local variable="$1"
    shift
    if [[ "$(declare -p "$variable" 2> /dev/null)" == "declare -a"* ]]; then
        local -n array="$variable"
        array+=("$@")
    else
        declare -g "$variable=${!variable:+${!variable} }$*"
    fi
}

# _accumulateFlags ARRAY NAME...: the words of each variable NAME, then the elements of each array NAMEArray.
_accumulateFlags() {
    local -n flags_out="$1"
    shift
    local name
    for name in "$@"; do
        if [[ "$(declare -p "$name" 2> /dev/null)" == "declare -a"* ]]; then
            local -n list="$name"
            flags_out+=("${list[@]}")
        else
            # shellcheck disable=SC2206  # a list of words
            flags_out+=(${!name-})
        fi
        local -n more="${name}Array"
        flags_out+=("${more[@]}")
    done
}

echoCmd() {
    printf '%s:' "$1"
    shift
    printf ' %q' "$@"
    echo
}

isELF() { [ "$(head -c 4 -- "$1" 2> /dev/null | od -An -tx1 | tr -d ' \n')" = 7f454c46 ]; }
isScript() { [ "$(head -c 2 -- "$1" 2> /dev/null | tr -d '\0')" = '#!' ]; }
printWords() { (($# == 0)) || printf '%s ' "$@"; }
nixLog() { echo "$@" >&2; }

######################################################################
# Substitution in text files

# substituteStream VARIABLE NAME OPTION...: change the text in VARIABLE. NAME is for messages.
substituteStream() {
    local variable="$1" description="$2"
    shift 2
    local pattern replacement mode
    while (($#)); do
        mode="$1"
        case "$mode" in
            --replace | --replace-fail | --replace-warn | --replace-quiet)
                pattern="$2" replacement="$3"
                shift 3
                ;;
            --subst-var)
                pattern="@$2@" replacement="${!2-}"
                shift 2
                ;;
            --subst-var-by)
                pattern="@$2@" replacement="$3"
                shift 3
                ;;
            *)
                echo "substituteStream: unknown option '$1'" >&2
                return 1
                ;;
        esac
        if [[ "$mode" == --replace* && "${!variable}" != *"$pattern"* ]]; then
            case "$mode" in
                --replace-fail)
                    echo "substituteStream: '$pattern' is not in $description" >&2
                    return 1
                    ;;
                --replace-quiet) ;;
                *) echo "substituteStream: warning: '$pattern' is not in $description" >&2 ;;
            esac
        fi
        eval "$variable"'=${'"$variable"'//"$pattern"/"$replacement"}'
    done
}

# Read a whole text file, with its last newlines.
_readText() {
    local -n text_out="$1"
    text_out="$(cat -- "$2" && printf x)"
    text_out="${text_out%x}"
}

substitute() {
    local _input="$1" _output="$2" _text
    shift 2
    if [ ! -f "$_input" ]; then
        echo "substitute: there is no file '$_input'" >&2
        return 1
    fi
    _readText _text "$_input"
    substituteStream _text "file '$_input'" "$@" || return
    [ ! -e "$_output" ] || chmod u+w "$_output"
    printf '%s' "$_text" > "$_output"
}
substituteInPlace() {
    local -a files=()
    while (($#)) && [[ "$1" != --* ]]; do
        files+=("$1")
        shift
    done
    local file
    for file in "${files[@]}"; do
        substitute "$file" "$file" "$@" || return
    done
}

# All lower-case or mixed-case variables of the environment, as @name@
_allSubstitutions() {
    local name
    substitutions=()
    for name in $(compgen -e); do
        if [[ "$name" =~ ^[a-z][A-Za-z_0-9]*$ ]]; then
            substitutions+=(--subst-var "$name")
        fi
    done
}
substituteAll() {
    local -a substitutions
    _allSubstitutions
    substitute "$1" "$2" "${substitutions[@]}"
}
substituteAllInPlace() { substituteAll "$1" "$1"; }

######################################################################
# Outputs

getAllOutputNames() { echo "$outputs"; }
# The first of the names that is an output
_firstOutput() {
    local name
    for name in "$@"; do
        if [ -n "${!name-}" ]; then
            echo "$name"
            return
        fi
    done
}

######################################################################
# Dependencies
#
# A dependency has two offsets, for the platform that it runs on and the one that it makes things for: -1 is this
# build's build platform, 0 its host, 1 its target.

PATH= HOST_PATH= _PATH=
for tool in ${initialPath-}; do
    PATH="${PATH:+$PATH:}$tool/bin"
    # Without strictDeps nothing is cross compiled: the tools are good for what is installed, too.
    [ -n "${strictDeps-}" ] || HOST_PATH="${HOST_PATH:+$HOST_PATH:}$tool/bin"
done
unset tool
export PATH

# "host,target" -> the packages with these offsets, in order
declare -A _packages=()
# "host" -> the environment hooks to call with each package that runs there
declare -A _environmentHooks=()

declare -A _offsetsOf=(
    [depsBuildBuild]="-1,-1" [nativeBuildInputs]="-1,0" [depsBuildTarget]="-1,1"
    [depsHostHost]="0,0" [buildInputs]="0,1" [depsTargetTarget]="1,1"
)
declare -A _propagatedFileOf=(
    [depsBuildBuild]=propagated-build-build-deps [nativeBuildInputs]=propagated-native-build-inputs
    [depsBuildTarget]=propagated-build-target-deps [depsHostHost]=propagated-host-host-deps
    [buildInputs]=propagated-build-inputs [depsTargetTarget]=propagated-target-target-deps
)
declare -A _propagatedListOf=(
    [depsBuildBuild]=depsBuildBuildPropagated [nativeBuildInputs]=propagatedNativeBuildInputs
    [depsBuildTarget]=depsBuildTargetPropagated [depsHostHost]=depsHostHostPropagated
    [buildInputs]=propagatedBuildInputs [depsTargetTarget]=depsTargetTargetPropagated
)
_dependencyKinds=(depsBuildBuild nativeBuildInputs depsBuildTarget depsHostHost buildInputs depsTargetTarget)

# addEnvHooks OFFSET FUNCTION: call FUNCTION with every package whose host platform has that offset.
addEnvHooks() {
    local offset="$1"
    shift
    _environmentHooks[$offset]+=" $*"
}

# Seen from a package with offsets HOST and TARGET, where is its dependency with this offset for us?
_shiftOffset() {
    local host="$1" target="$2" offset="$3"
    if ((offset <= 0)); then
        shifted=$((host + offset))
    else
        shifted=$((target + offset - 1))
    fi
}

findInputs() {
    local package="$1" host="$2" target="$3"
    if [[ " ${_packages[$host,$target]-} " == *" $package "* ]]; then
        return
    fi
    if [ ! -e "$package" ]; then
        echo "the dependency '$package' does not exist" >&2
        exit 1
    fi
    _packages[$host,$target]+=" $package"

    local kind file shifted nextHost nextTarget next offsets
    for kind in "${_dependencyKinds[@]}"; do
        file="$package/nix-support/${_propagatedFileOf[$kind]}"
        if [ ! -f "$file" ]; then
            continue
        fi
        offsets="${_offsetsOf[$kind]}"
        _shiftOffset "$host" "$target" "${offsets%,*}"
        nextHost=$shifted
        _shiftOffset "$host" "$target" "${offsets#*,}"
        nextTarget=$shifted
        # Not needed here: it is for a platform before our build's or after our target
        if ((nextHost < -1 || nextHost > 1 || nextTarget < -1 || nextTarget > 1)); then
            continue
        fi
        for next in $(< "$file"); do
            findInputs "$next" "$nextHost" "$nextTarget"
        done
    done
}

# Without strictDeps (only possible when nothing is cross compiled) what runs on the host runs here too.
_runsHere() { [[ "$1" == -1 || ("$1" == 0 && -z "${strictDeps-}") ]]; }

activatePackage() {
    local package="$1" hostOffset="$2" targetOffset="$3"
    if [ -f "$package" ]; then
        # shellcheck disable=SC1090
        source "$package"
        return
    fi
    if _runsHere "$hostOffset"; then
        addToSearchPath _PATH "$package/bin"
        addToSearchPath XDG_DATA_DIRS "$package/share"
    fi
    if ((hostOffset == 0)); then
        addToSearchPath HOST_PATH "$package/bin"
    fi
    if [ -f "$package/nix-support/setup-hook" ]; then
        # shellcheck disable=SC1091
        source "$package/nix-support/setup-hook"
    fi
}

_collectDependencies() {
    local kind offsets package
    for kind in "${_dependencyKinds[@]}"; do
        offsets="${_offsetsOf[$kind]}"
        local propagated="${_propagatedListOf[$kind]}" default=
        case "$kind" in
            nativeBuildInputs) default="${defaultNativeBuildInputs-}" ;;
            buildInputs) default="${defaultBuildInputs-}" ;;
        esac
        for package in ${!kind-} ${!propagated-} $default; do
            findInputs "$package" "${offsets%,*}" "${offsets#*,}"
        done
    done

    local hostOffset targetOffset hook
    local -a pairs=("-1,-1" "-1,0" "-1,1" "0,0" "0,1" "1,1")
    local pair
    for pair in "${pairs[@]}"; do
        for package in ${_packages[$pair]-}; do
            activatePackage "$package" "${pair%,*}" "${pair#*,}"
        done
    done

    if [ -n "${strictDeps-}" ]; then
        for pair in "${pairs[@]}"; do
            hostOffset="${pair%,*}"
            targetOffset="${pair#*,}"
            for package in ${_packages[$pair]-}; do
                for hook in ${_environmentHooks[$hostOffset]-}; do
                    "$hook" "$package"
                done
            done
        done
    else
        # Nothing is cross compiled: what is in any list is good for every tool.
        for hostOffset in -1 0 1; do
            targetOffset=$((hostOffset < 1 ? hostOffset + 1 : 1))
            for hook in ${_environmentHooks[$hostOffset]-}; do
                for package in $(printf '%s\n' ${_packages[*]-} | awk '!seen[$0]++'); do
                    "$hook" "$package"
                done
            done
        done
    fi
}
_collectDependencies

PATH="${_PATH-}${_PATH:+:}$PATH"
export PATH HOST_PATH

# Let what is built find its own libraries.
if [ -z "$NIX_NO_SELF_RPATH" ] && [ -n "${out-}" ]; then
    _selfLib="$(_firstOutput "${outputLib-}" lib out)"
    export NIX_LDFLAGS="-rpath ${!_selfLib}/lib ${NIX_LDFLAGS-}"
    unset _selfLib
fi

######################################################################
# Unpacking

_defaultUnpack() {
    local source="$1"
    if [ -d "$source" ]; then
        cp -r --preserve=timestamps --reflink=auto -- "$source" "$(stripHash "$source")"
    else
        case "$source" in
            *.tar | *.tar.* | *.tgz | *.tbz2 | *.txz) tar -xf "$source" --warning=no-timestamp ;;
            *) return 1 ;;
        esac
    fi
}

# The file name of a store path without its hash
stripHash() {
    local name="${1##*/}"
    if [[ "$name" =~ ^[a-z0-9]{32}- ]]; then
        name="${name:33}"
    fi
    echo "$name"
}

unpackFile() {
    echo "unpacking source archive $1"
    if ! runOneHook unpackCmd "$1" && ! _defaultUnpack "$1"; then
        echo "do not know how to unpack source archive $1" >&2
        exit 1
    fi
}

unpackPhase() {
    runHook preUnpack
    if [ -z "${srcs:=${src-}}" ]; then
        echo "neither 'src' nor 'srcs' is set" >&2
        exit 1
    fi

    local entry before=" "
    for entry in *; do
        [ ! -d "$entry" ] || before+="$entry "
    done
    local one
    for one in $srcs; do
        unpackFile "$one"
    done

    if [ -n "${setSourceRoot-}" ]; then
        runOneHook setSourceRoot
    elif [ -z "${sourceRoot-}" ]; then
        for entry in *; do
            if [[ -d "$entry" && "$before" != *" $entry "* ]]; then
                if [ -n "${sourceRoot-}" ]; then
                    echo "unpacking made more than one folder: set sourceRoot" >&2
                    exit 1
                fi
                sourceRoot="$entry"
            fi
        done
    fi
    if [ -z "${sourceRoot-}" ]; then
        echo "unpacking made no folder" >&2
        exit 1
    fi
    echo "source root is $sourceRoot"
    [ -n "${dontMakeSourcesWritable-}" ] || chmod -R u+w -- "$sourceRoot"
    runHook postUnpack
}

######################################################################
# Patching, configuring

patchPhase() {
    runHook prePatch
    local one
    for one in ${patches-}; do
        echo "applying patch $one"
        # shellcheck disable=SC2086
        case "$one" in
            *.gz) gzip -d < "$one" | patch ${patchFlags:--p1} ;;
            *.xz) xz -d < "$one" | patch ${patchFlags:--p1} ;;
            *) patch ${patchFlags:--p1} < "$one" ;;
        esac
    done
    runHook postPatch
}

# Old libtools look for libraries in the host's folders: give them none.
fixLibtool() {
    sed -i "$1" -e 's^eval \(sys_lib_search_path=\).*^\1^; s^\(sys_lib_dlsearch_path_spec=\)"/.*"^\1""^'
}

configurePhase() {
    runHook preConfigure

    # shellcheck disable=SC2154
    if [[ -z "${configureScript-}" && -x ./configure ]]; then
        configureScript=./configure
    fi

    if [ -z "${dontFixLibtool-}" ]; then
        export lt_cv_deplibs_check_method="${lt_cv_deplibs_check_method-pass_all}"
        local file
        while IFS= read -r -d '' file; do
            fixLibtool "$file"
        done < <(find . -iname "ltmain.sh" -print0)
    fi

    local -a flags=()
    if [[ -z "${dontAddPrefix-}" && -n "${prefix:=${out-}}" ]]; then
        flags+=("${prefixKey:---prefix=}$prefix")
    fi
    if [ -f "${configureScript-}" ]; then
        if [ -z "${dontAddDisableDepTrack-}" ] && grep -q dependency-tracking "$configureScript"; then
            flags+=(--disable-dependency-tracking)
        fi
        if [ -z "${dontDisableStatic-}" ] && grep -q enable-static "$configureScript"; then
            flags+=(--disable-static)
        fi
    fi
    _accumulateFlags flags configureFlags

    if [ -n "${configureScript-}" ]; then
        echoCmd 'configure flags' "${flags[@]}"
        # shellcheck disable=SC2086
        $configureScript "${flags[@]}" || _configureFailed
    else
        echo "no configure script, doing nothing"
    fi
    runHook postConfigure
}

# What configure tried last is in its log.
_configureFailed() {
    local status=$?
    if [ -f config.log ]; then
        echo "the end of config.log:" >&2
        grep -n -B2 -A12 -E '(: error:|cannot |configure: failed)' config.log | tail -n 60 >&2 || true
    fi
    return "$status"
}

######################################################################
# Building, checking, installing

_makefileExists() {
    [[ -n "${makefile-}" || -e Makefile || -e makefile || -e GNUmakefile ]]
}

# _make PARALLEL NAME...: run make with the flags of these variables.
_make() {
    local parallel="$1"
    shift
    local -a flags=()
    [ -z "$parallel" ] || flags+=("-j$NIX_BUILD_CORES")
    flags+=("SHELL=$SHELL")
    _accumulateFlags flags "$@"
    echoCmd 'make flags' "${flags[@]}"
    make ${makefile:+-f "$makefile"} "${flags[@]}"
}

buildPhase() {
    runHook preBuild
    if [[ -z "${makeFlags-}" && -z "${makefile-}" ]] && ! _makefileExists; then
        echo "no Makefile, doing nothing"
    else
        _make "${enableParallelBuilding-}" makeFlags buildFlags
    fi
    runHook postBuild
}

checkPhase() {
    runHook preCheck
    if [ -z "${checkTarget-}" ] && _makefileExists; then
        if make -n ${makefile:+-f "$makefile"} check > /dev/null 2>&1; then
            checkTarget=check
        elif make -n ${makefile:+-f "$makefile"} test > /dev/null 2>&1; then
            checkTarget=test
        fi
    fi
    if [ -z "${checkTarget-}" ]; then
        echo "no check or test target, doing nothing"
    else
        checkFlags="${checkFlags:-VERBOSE=y}"
        _make "${enableParallelChecking-}" makeFlags checkFlags checkTarget
    fi
    runHook postCheck
}

installPhase() {
    runHook preInstall
    if _makefileExists; then
        [ -z "${prefix-}" ] || mkdir -p "$prefix"
        : "${installTargets:=install}"
        _make "${enableParallelInstalling-}" makeFlags installFlags installTargets
    else
        echo "no Makefile, doing nothing"
    fi
    runHook postInstall
}

installCheckPhase() {
    runHook preInstallCheck
    if _makefileExists; then
        : "${installCheckTarget:=installcheck}"
        if make -n ${makefile:+-f "$makefile"} "$installCheckTarget" > /dev/null 2>&1; then
            _make "${enableParallelChecking-}" makeFlags installCheckFlags installCheckTarget
        fi
    fi
    runHook postInstallCheck
}

distPhase() {
    runHook preDist
    : "${distTarget:=dist}"
    _make "" distFlags distTarget
    if [ -z "${dontCopyDist-}" ]; then
        mkdir -p "$out/tarballs"
        # shellcheck disable=SC2086
        cp -pd ${tarballs:-*.tar.gz} "$out/tarballs"
    fi
    runHook postDist
}

######################################################################
# What every output gets after installing

# Write the files that bring a package's propagated dependencies to its users.
recordPropagatedDependencies() {
    local _dev="${outputDev:-out}" _kind _list
    _dev="${!_dev}"
    for _kind in "${_dependencyKinds[@]}"; do
        _list="${_propagatedListOf[$_kind]}"
        if [ -n "${!_list-}" ]; then
            mkdir -p "$_dev/nix-support"
            # shellcheck disable=SC2086  # a list of words
            printWords ${!_list} >> "$_dev/nix-support/${_propagatedFileOf[$_kind]}"
        fi
    done
}

fixupPhase() {
    local _name
    for _name in $outputs; do
        [ ! -e "${!_name}" ] || chmod -R u+w,u-s,g-s "${!_name}"
    done

    runHook preFixup
    for _name in $outputs; do
        [ ! -e "${!_name}" ] || prefix="${!_name}" output="$_name" runHook fixupOutput
    done

    local _dev="${outputDev:-out}" _bin="${outputBin:-out}" _hook _text
    _dev="${!_dev}" _bin="${!_bin}"
    recordPropagatedDependencies
    if [ -n "${setupHook-}${setupHooks-}" ]; then
        mkdir -p "$_dev/nix-support"
        local -a substitutions
        _allSubstitutions
        for _hook in ${setupHook-} ${setupHooks-}; do
            _readText _text "$_hook"
            substituteStream _text "$_hook" "${substitutions[@]}"
            printf '%s' "$_text" >> "$_dev/nix-support/setup-hook"
        done
    fi
    if [ -n "${propagatedUserEnvPkgs-}" ]; then
        mkdir -p "$_bin/nix-support"
        # shellcheck disable=SC2086  # a list of words
        printWords $propagatedUserEnvPkgs > "$_bin/nix-support/propagated-user-env-packages"
    fi
    runHook postFixup
}

######################################################################
# All phases

# Phases are functions or variables with commands; a variable given by the package wins.
runPhase() {
    local phase="$1"
    local -A skip=(
        [unpackPhase]="${dontUnpack-}" [patchPhase]="${dontPatch-}" [configurePhase]="${dontConfigure-}"
        [buildPhase]="${dontBuild-}" [installPhase]="${dontInstall-}" [fixupPhase]="${dontFixup-}"
    )
    local -A want=(
        [checkPhase]="${doCheck-}" [installCheckPhase]="${doInstallCheck-}" [distPhase]="${doDist-}"
    )
    if [[ -n "${skip[$phase]-}" || (-v "want[$phase]" && -z "${want[$phase]}") ]]; then
        return 0
    fi

    echo "Running phase: $phase"
    # A line of its own for `nix build --log-format internal-json`, which shows it
    if [ -n "${NIX_LOG_FD-}" ]; then
        printf '@nix { "action": "setPhase", "phase": "%s" }\n' "$phase" >&"$NIX_LOG_FD"
    fi
    if [ -n "${!phase-}" ]; then
        eval "${!phase}"
    else
        "$phase"
    fi
    if [ "$phase" = unpackPhase ]; then
        cd -- "${sourceRoot:-.}"
    fi
}

genericBuild() {
    if [[ -n "${buildCommandPath-}" && -f "${buildCommandPath-}" ]]; then
        # shellcheck disable=SC1090
        source "$buildCommandPath"
        return
    fi
    if [ -n "${buildCommand-}" ]; then
        eval "$buildCommand"
        return
    fi
    if [ -z "${phases-}" ]; then
        phases="${prePhases-} unpackPhase patchPhase ${preConfigurePhases-} configurePhase ${preBuildPhases-} buildPhase
            checkPhase ${preInstallPhases-} installPhase ${preFixupPhases-} fixupPhase installCheckPhase
            ${preDistPhases-} distPhase ${postPhases-}"
    fi
    local phase
    for phase in $phases; do
        runPhase "$phase"
    done
}

runHook addInputsHook
runHook postHook
if [ -n "${userHook-}" ]; then
    eval "$userHook"
fi
