# CMake that looks for packages in the build's inputs only, never in the prefixes of the host. Runs that only execute
# a mode of cmake (-E, -P, --build, ...) pass through unchanged.
target=$(readlink "$out/bin/cmake")
rm "$out/bin/cmake"
cat > "$out/bin/cmake" << SCRIPT
#!$SHELL
case "\${1-}" in
  -E | -P | --build | --install | --open | --find-package | --version | --help* | --workflow) exec $target "\$@" ;;
esac
exec $target \\
  -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF \\
  -DCMAKE_FIND_USE_CMAKE_SYSTEM_PACKAGE_REGISTRY=OFF -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF "\$@"
SCRIPT
chmod +x "$out/bin/cmake"
