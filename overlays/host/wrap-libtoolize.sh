# Libtoolize with a copy of the files that it puts into packages, as Automake's; see wrap-automake.sh. It takes all of
# its files from one folder when it is told a folder.
target=$(readlink "$out/bin/libtoolize")
program=$(readlink -f "$target")
share=${program%/bin/*}/share
if [[ -d $share/libtool/build-aux && -d $share/aclocal ]]; then
  mkdir -p "$out/share/libtool"
  cp -RL "$share/libtool/build-aux" "$out/share/libtool/"
  ln -s "$share/libtool" "$out/share/libtool/libltdl"
  ln -s "$share/aclocal" "$out/share/libtool/m4"
  rm "$out/bin/libtoolize"
  cat > "$out/bin/libtoolize" << SCRIPT
#!$SHELL
export _lt_pkgdatadir=\${_lt_pkgdatadir-$out/share/libtool}
exec $target "\$@"
SCRIPT
  chmod +x "$out/bin/libtoolize"
fi
