# pkg-config with an empty default search path: only PKG_CONFIG_PATH, that is the build's own inputs, counts.
target=$(readlink "$out/bin/$program")
rm "$out/bin/$program"
cat > "$out/bin/$program" << SCRIPT
#!$SHELL
export PKG_CONFIG_LIBDIR=$out/lib/pkgconfig PKG_CONFIG_SYSTEM_INCLUDE_PATH=/usr/include PKG_CONFIG_SYSTEM_LIBRARY_PATH=/usr/lib
exec $target "\$@"
SCRIPT
chmod +x "$out/bin/$program"
mkdir -p "$out/lib/pkgconfig"
