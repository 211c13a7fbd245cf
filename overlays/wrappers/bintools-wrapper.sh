# Puts right what the tree's bintools-wrapper wrote into $out. Set by the caller: filcPrefix,
# filcLoader, filcLinkerCheck.
echo "$filcLoader" > "$out/nix-support/dynamic-linker"
if [ ! -e "$out/nix-support/ld-set-dynamic-linker" ]; then
  # Trees before 2021 hand the loader to the linker in a list of flags.
  flags=$out/nix-support/libc-ldflags-before
  if [ -e "$flags" ] && grep -q -e -dynamic-linker "$flags"; then
    sed -i -E "s|(-dynamic-linker[ =]\"?)[^ \"]+|\1$filcLoader|" "$flags"
  else
    echo "-dynamic-linker $filcLoader" >> "$flags"
  fi
fi

# Paths of the machine never belong into a Fil-C link, whatever the native side allows itself.
echo ': "${NIX_ENFORCE_PURITY:=1}"; export NIX_ENFORCE_PURITY' >> "$out/nix-support/utils.bash"

# A linker that is called without the driver gets version scripts without prefixes.
cat "$filcLinkerCheck" >> "$out/nix-support/utils.bash"

# Every tool under both names: a build that says `ld` or `ar` means the Fil-C side.
for program in "${bintools_bin:-}"/bin/*; do
  name=${program##*/}
  if [ ! -e "$out/bin/$name" ] && [ "$name" != ld ] && [ "${name#ld.}" = "$name" ]; then
    ln -s "$program" "$out/bin/$name"
  fi
done
for program in "$out/bin/$filcPrefix"*; do
  name=${program##*/}
  name=${name#"$filcPrefix"}
  if [ ! -e "$out/bin/$name" ]; then ln -s "$filcPrefix$name" "$out/bin/$name"; fi
done
