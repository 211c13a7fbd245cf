# Builder of a folder of links: $programs (names) and $targets (files), one for one.
set -eu
mkdir -p "$out/bin"
read -r -a names <<< "$programs"
read -r -a files <<< "$targets"
for index in "${!names[@]}"; do
  ln -s "${files[index]}" "$out/bin/${names[index]}"
done
