# Puts right what the tree's cc-wrapper wrote into $out. Set by the caller: filcTriple, filcPrefix, filcLoader,
# filcLibraries, filcHeaders, filcDriver, filcCompiler, filcShell, filcCoreutils, filcHook, filcAnswers.

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
    "--filc-stdfil-include=$filcHeaders/stdfil-include" "--filc-os-include=$filcHeaders/os-include" -gz=none
} > "$flags.new"
mv "$flags.new" "$flags"

echo ': "${NIX_ENFORCE_PURITY:=1}"; export NIX_ENFORCE_PURITY' >> "$out/nix-support/utils.bash"

# Between the wrapper's programs and the driver.
mkdir "$out/nix-support/filc"
for program in "$filcCompiler"/bin/*; do
  name=${program##*/}
  users=$(grep -lF -e "$program" "$out"/bin/* 2> /dev/null || true)
  if [ -z "$users" ]; then continue; fi
  sed -e "s|@shell@|$filcShell|; s|@prog@|$program|g; s|@coreutils@|$filcCoreutils|" "$filcDriver" \
    > "$out/nix-support/filc/$name"
  chmod +x "$out/nix-support/filc/$name"
  for user in $users; do
    if [ ! -L "$user" ]; then
      sed -i -E "s#$filcCompiler/bin/${name//+/[+]}([^A-Za-z0-9_.+-]|\$)#$out/nix-support/filc/$name\1#g" "$user"
    fi
  done
done
for name in clang clang++; do
  if [ ! -e "$out/nix-support/filc/$name" ]; then
    echo "error: this tree's cc-wrapper does not call $filcCompiler/bin/$name as the overlay expects" >&2
    exit 1
  fi
done

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

cp "$filcAnswers" "$out/nix-support/filc/config.site"
substitute "$filcHook" hook --subst-var out
cat hook >> "$out/nix-support/setup-hook"
rm hook
