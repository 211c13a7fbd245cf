# Make the setup script of a standard environment: what is known now goes in front of it.
for tool in $initialPath; do
    PATH="${PATH:+$PATH:}$tool/bin"
done
export PATH

mkdir -p "$out/nix-support"
{
    for name in shell initialPath defaultNativeBuildInputs defaultBuildInputs; do
        printf 'export %s=%q\n' "${name/#shell/SHELL}" "${!name}"
    done
    printf '%s\n' "$preHook"
    cat "$setup"
} > "$out/setup"
