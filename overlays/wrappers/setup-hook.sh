
# Plain `cc`, `gcc`, `ld`, ... mean the Fil-C side, whatever other compilers a build brings; the native side keeps its
# tools under the _FOR_BUILD names, as absolute paths, because their short names are taken.
filcComesFirst() {
  local variable value folder
  export _PATH="@out@/bin${_PATH:+:$_PATH}"
  for variable in AR AS CC CXX CPP LD NM OBJCOPY OBJDUMP RANLIB READELF SIZE STRINGS STRIP; do
    variable=${variable}_FOR_BUILD
    value=${!variable-}
    if [[ -z $value || $value == */* || $value == *" "* ]]; then continue; fi
    for folder in "${NIX_CC_FOR_BUILD-}" "${NIX_BINTOOLS_FOR_BUILD-}"; do
      if [[ -n $folder && -x $folder/bin/$value ]]; then
        export "$variable=$folder/bin/$value"
        break
      fi
    done
  done
}
if (( ${hostOffset:-0} < 0 && ${targetOffset:-0} == 0 )); then
  filcComesFirst
fi
