# What recipes take from automake's package besides its programs: config.sub, config.guess, install-sh. A copy, so that
# the stage of Fil-C's build tools can teach its config.sub. The programs use what they were installed with.
program=$(readlink -f "$linked/bin/automake")
for folder in "${program%/bin/*}"/share/automake-*; do
  if [[ -d $folder ]]; then
    mkdir -p "$out/share"
    cp -RL "$folder" "$out/share/"
  fi
done
