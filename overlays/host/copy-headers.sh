# Builder of the kernel's headers: $out/include with the folders that a libc does not have of its own.
set -eu
mkdir -p "$out/include"
for folder in linux asm-generic drm misc mtd rdma sound video xen; do
  if [ -d "/usr/include/$folder" ]; then cp -RL "/usr/include/$folder" "$out/include/"; fi
done
# Debian and its kin keep what depends on the architecture apart.
for folder in /usr/include/x86_64-linux-gnu/asm /usr/include/asm; do
  if [ -d "$folder" ] && [ ! -e "$out/include/asm" ]; then cp -RL "$folder" "$out/include/asm"; fi
done
for folder in linux asm asm-generic; do
  if [ ! -d "$out/include/$folder" ]; then
    echo "error: this machine has no kernel headers (/usr/include/$folder); Debian: apt-get install linux-libc-dev" >&2
    exit 1
  fi
done
