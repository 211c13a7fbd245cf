# Functions that give a toolchain in the layout of a musl release another home. Sourced by the derivations beside it, and
# run by `filcross toolchain install` (at the end); needs patchelf on PATH. What is moved, and what must not be, is what
# a release's own setup.sh does.

is_elf() {
  [ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# relocate_libraries FOLDER [SEARCH_PATH]: a folder of libraries, each of which finds the others beside itself (or in
# SEARCH_PATH). The loader and libyoloc.so are one file, which patchelf destroys (it runs, and crashes in the first
# program), so they are never touched.
relocate_libraries() {
  local folder=$1 search=${2:-$1} file
  for file in "$folder"/*.so "$folder"/*.so.*; do
    if [ -L "$file" ] || [ ! -f "$file" ]; then continue; fi
    case "${file##*/}" in
      libyolo* | ld-fil1-* | ld-yolo-*) continue ;;
    esac
    if is_elf "$file"; then patchelf --set-rpath "$search" "$file"; fi
  done
}

# relocate_programs FOLDER LOADER SEARCH_PATH MINILUTE: a folder of a release's own programs, which are Fil-C programs.
relocate_programs() {
  local folder=$1 loader=$2 search=$3 minilute=$4 program
  for program in "$folder"/*; do
    if [ -L "$program" ] || [ ! -f "$program" ]; then continue; fi
    if is_elf "$program"; then
      if patchelf --print-interpreter "$program" > /dev/null 2>&1; then
        patchelf --set-interpreter "$loader" --set-rpath "$search" "$program"
      fi
    elif [ "${program##*/}" = sarcasm ]; then
      sed -i "1s|^#!.*|#!$minilute|" "$program"
    fi
  done
}

# relocate_libc PIZFIX OUT DEV LINUX_HEADERS LOADER
relocate_libc() {
  local pizfix=$1 out=$2 dev=$3 kernel=$4 loader=$5 headers
  mkdir -p "$out" "$dev/os-include"
  cp -R --no-dereference "$pizfix/lib" "$out/lib"
  cp -R --no-dereference "$pizfix/include" "$dev/include"
  cp -R --no-dereference "$pizfix/stdfil-include" "$dev/stdfil-include"
  chmod -R u+w "$out" "$dev"
  if [ ! -e "$out/lib/$loader" ]; then
    echo "error: the toolchain has no loader pizfix/lib/$loader" >&2
    return 1
  fi
  for headers in "$kernel"/include/*; do
    # The C library's own headers win where both have a folder (scsi, for instance).
    if [ ! -e "$dev/include/${headers##*/}" ]; then ln -s "$headers" "$dev/os-include/"; fi
  done
  relocate_libraries "$out/lib"
}

# relocate_compiler TOOLCHAIN OUT LIBC_LIBRARIES LIBC_HEADERS LOADER
relocate_compiler() {
  local toolchain=$1 out=$2 libraries=$3 headers=$4 loader=$5 program name
  mkdir -p "$out/bin" "$out/pizfix"
  cp -R --no-dereference "$toolchain/build" "$out/build"
  chmod -R u+w "$out/build"
  # The driver looks for ../../pizfix beside itself: without any flag it finds the same folders as with them.
  ln -s "$libraries/lib" "$out/pizfix/lib"
  ln -s "$headers/include" "$headers/stdfil-include" "$headers/os-include" "$out/pizfix/"
  if [ -d "$toolchain/pizfix/bin" ]; then
    cp -R --no-dereference "$toolchain/pizfix/bin" "$out/pizfix/bin"
    chmod -R u+w "$out/pizfix/bin"
    relocate_programs "$out/pizfix/bin" "$libraries/lib/$loader" "$libraries/lib" "$out/pizfix/bin/minilute"
  fi
  for program in "$out"/build/bin/*; do
    ln -s "../build/bin/${program##*/}" "$out/bin/"
  done
  for name in clang clang++; do
    if [ ! -e "$out/bin/$name" ]; then ln -s ../build/bin/clang-20 "$out/bin/$name"; fi
  done
  # clang preprocesses when its name ends in cpp.
  if [ ! -e "$out/bin/cpp" ] && [ -e "$out/build/bin/filcpp" ]; then ln -s ../build/bin/filcpp "$out/bin/cpp"; fi
}

# relocate_native_program PROGRAM NATIVE_CC LIBRARY_PATH: a program of the build machine. Where its compiler comes from
# the store, the program gets the loader and libraries of that compiler; otherwise it keeps the machine's own.
relocate_native_program() {
  local program=$1 cc=$2 libraries=$3 interpreter original
  if ! patchelf --print-interpreter "$program" > /dev/null 2>&1; then return 0; fi
  if [ -e "$cc/nix-support/dynamic-linker" ]; then
    original=$(mktemp)
    cp -p "$program" "$original"
    interpreter=$(cat "$cc/nix-support/dynamic-linker")
    patchelf --set-interpreter "$interpreter" --set-rpath "$libraries" "$program"
    if ! "$program" --version > /dev/null 2>&1; then
      echo "warning: the compiler does not run with $interpreter; it keeps the machine's own loader" >&2
      cp -p "$original" "$program"
    fi
    rm -f "$original"
  fi
  if ! "$program" --version > /dev/null; then
    echo "error: the compiler of the toolchain does not run on this machine (above: why)" >&2
    return 1
  fi
}

# relocate_native_here PROGRAM: a program of this machine, outside of the store. Where it does not run (NixOS has no
# loader in the usual place), it gets the loader of this shell.
relocate_native_here() {
  local program=$1 interpreter
  if "$program" --version > /dev/null 2>&1; then return 0; fi
  if interpreter=$(patchelf --print-interpreter "$(readlink -f "$BASH")" 2> /dev/null); then
    cp -p "$program" "$program.original"
    patchelf --set-interpreter "$interpreter" --set-rpath "${interpreter%/*}" "$program"
    if "$program" --version > /dev/null 2>&1; then
      rm "$program.original"
      return 0
    fi
    mv "$program.original" "$program"
  fi
  echo "error: the compiler of the toolchain does not run on this machine:" >&2
  "$program" --version
}

# relocate_folder FOLDER HOME LOADER [NAME=HEADERS]...: a whole release in FOLDER, in place, for its later home HOME.
# HEADERS are folders of kernel headers, which become pizfix/os-include/NAME where the release has no os-include yet.
relocate_folder() {
  local folder=$1 home=$2 loader=$3 part headers
  shift 3
  for part in lib lib_test lib_gcverify lib_test_gcverify; do
    if [ -d "$folder/pizfix/$part" ]; then
      relocate_libraries "$folder/pizfix/$part" "$home/pizfix/lib64:$home/pizfix/lib"
    fi
  done
  for part in bin sbin libexec; do
    if [ -d "$folder/pizfix/$part" ]; then
      relocate_programs "$folder/pizfix/$part" "$home/pizfix/lib/$loader" "$home/pizfix/lib64:$home/pizfix/lib" \
        "$home/pizfix/bin/minilute"
    fi
  done
  if [ ! -e "$folder/pizfix/os-include" ]; then
    mkdir "$folder/pizfix/os-include"
    for headers in "$@"; do ln -s "${headers#*=}" "$folder/pizfix/os-include/${headers%%=*}"; done
  fi
  relocate_native_here "$folder/build/bin/clang-20"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  relocate_folder "$@"
fi
