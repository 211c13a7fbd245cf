# Packages with several outputs: which part goes where. outputDev, outputLib… can be set by the package; otherwise
# each is the first of its usual names that is an output.
_chooseOutput() {
    local variable="$1"
    shift
    if [ -z "${!variable-}" ]; then
        export "$variable=$(_firstOutput "$@")"
    fi
}
_chooseOutput outputDev dev out
_chooseOutput outputBin bin out
_chooseOutput outputInclude "$outputDev"
_chooseOutput outputLib lib out
_chooseOutput outputDoc doc out
_chooseOutput outputMan man "$outputBin"
_chooseOutput outputInfo info "$outputBin"

preConfigureHooks+=(_multioutConfig)
_multioutConfig() {
    if [[ "$outputs" == "${outputs%% *}" || -z "${setOutputFlags-1}" ]]; then
        return 0
    fi
    local -a given=()
    read -r -a given <<< "${configureFlags-}"
    configureFlags="--bindir=${!outputBin}/bin --sbindir=${!outputBin}/sbin --includedir=${!outputInclude}/include \
--libdir=${!outputLib}/lib --libexecdir=${!outputLib}/libexec --docdir=${!outputDoc}/share/doc/${shareDocName:-$name} \
--mandir=${!outputMan}/share/man --infodir=${!outputInfo}/share/info ${given[*]}"
    installFlags="pkgconfigdir=${!outputDev}/lib/pkgconfig ${installFlags-}"
}

# moveToOutput PATTERN DIR: move what matches from every other output to the output DIR.
moveToOutput() {
    local pattern="$1" target="$2" name found relative
    for name in $outputs; do
        [ "${!name}" != "$target" ] || continue
        # shellcheck disable=SC2231
        for found in "${!name}"/$pattern; do
            [[ -e "$found" || -L "$found" ]] || continue
            relative="${found#"${!name}"/}"
            echo "moving $relative to $target"
            mkdir -p "$(dirname "$target/$relative")"
            if [ -d "$target/$relative" ]; then
                cp -a "$found/." "$target/$relative/"
                rm -r "$found"
            else
                mv "$found" "$target/$relative"
            fi
            rmdir --ignore-fail-on-non-empty -p "${found%/*}"
        done
    done
}

preFixupHooks+=(_multioutDevs)
_multioutDevs() {
    if [ "$outputs" = "${outputs%% *}" ]; then
        return 0
    fi
    if [ "$outputDev" != out ]; then
        local part
        for part in include lib/pkgconfig share/pkgconfig lib/cmake share/aclocal; do
            moveToOutput "$part" "${!outputDev}"
        done
        # Users of the development files need the libraries too.
        mkdir -p "${!outputDev}/nix-support"
        if [ "$outputLib" != "$outputDev" ]; then
            printWords "${!outputLib}" >> "${!outputDev}/nix-support/propagated-build-inputs"
        fi
    fi
}
