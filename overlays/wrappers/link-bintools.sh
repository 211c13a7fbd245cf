# Links the programs of $native under $prefix and under their own names, and under the names of LLVM's for recipes that
# take them from a clang.
mkdir -p "$out/bin"
for program in "$native"/bin/*; do
  name=${program##*/}
  ln -s "$program" "$out/bin/$name"
  ln -s "$program" "$out/bin/$prefix$name"
done
for name in ar nm objcopy objdump ranlib readelf size strings strip; do
  if [ -e "$out/bin/$name" ]; then ln -s "$name" "$out/bin/llvm-$name"; fi
done
