# Puts right what the tree's cc-wrapper wrote into $out. Set by the caller: filcTriple, filcPrefix, filcLoader,
# filcLibraries, filcHeaders, filcHook.

# clang knows no environment called filc; Fil-C's answers to the GNU triple for every libc.
clangTriple=${filcTriple%-filc}-gnu
flags=$out/nix-support/cc-cflags
# -nostdlibinc would cut off the headers of Fil-C's own C and C++ libraries, which the driver knows best.
sed -i -E -e "s/-target +$filcTriple/-target $clangTriple/g" -e 's/(^| )-nostdlibinc( |$)/ /g' "$flags"
if [ -e "$out/nix-support/add-local-cc-cflags-before.sh" ]; then
  sed -i "s/$filcTriple/$clangTriple/g" "$out/nix-support/add-local-cc-cflags-before.sh"
fi
{
  tr '\n' ' ' < "$flags"
  printf ' %s' \
    "--filc-crt-path=$filcLibraries" "--filc-dynamic-linker=$filcLoader" "--filc-include=$filcHeaders/include" \
    "--filc-stdfil-include=$filcHeaders/stdfil-include" "--filc-os-include=$filcHeaders/os-include"
} > "$flags.new"
mv "$flags.new" "$flags"

echo ': "${NIX_ENFORCE_PURITY:=1}"; export NIX_ENFORCE_PURITY' >> "$out/nix-support/utils.bash"

# Every name of a C compiler, with and without the prefix, is Fil-C here: a build that calls plain `cc` for the host
# side must not meet a native compiler by accident.
link() {
  if [ -e "$out/bin/$filcPrefix$1" ]; then
    if [ ! -e "$out/bin/$filcPrefix$2" ]; then ln -s "$filcPrefix$1" "$out/bin/$filcPrefix$2"; fi
    if [ ! -e "$out/bin/$2" ]; then ln -s "$filcPrefix$1" "$out/bin/$2"; fi
  fi
}
for name in clang cc gcc filcc; do link clang "$name"; done
for name in clang++ c++ g++ fil++; do link clang++ "$name"; done
for name in cpp filcpp; do link cpp "$name"; done

substitute "$filcHook" hook --subst-var out
cat hook >> "$out/nix-support/setup-hook"
rm hook
