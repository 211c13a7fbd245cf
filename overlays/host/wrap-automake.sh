# Automake with a copy of the files that it puts into packages (config.sub, install-sh, ...), so that the stage of
# Fil-C's build tools can teach that config.sub; recipes take files from there, too.
target=$(readlink "$out/bin/automake")
program=$(readlink -f "$target")
for folder in "${program%/bin/*}/share/${program##*/}" "${program%/bin/*}"/share/automake-*; do
  if [[ -d $folder ]]; then
    mkdir -p "$out/share"
    cp -RL "$folder" "$out/share/"
    rm "$out/bin/automake"
    cat > "$out/bin/automake" << SCRIPT
#!$SHELL
exec $target --libdir=$out/share/${folder##*/} "\$@"
SCRIPT
    chmod +x "$out/bin/automake"
    break
  fi
done
