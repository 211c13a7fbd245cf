
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
# Recipes of CPython before 2025 compute the name of the module with its build settings from the platform's ABI. CPython
# takes it from what the compiler says, so the name of the module that is there goes into the setup hook.
filcNamesPythonModule() {
  local module hook=${out-}/nix-support/setup-hook
  if ! [[ -f $hook ]]; then return 0; fi
  for module in "$out"/lib/python*/_sysconfigdata_*.py; do
    if ! [[ -e $module ]]; then continue; fi
    module=${module##*/}
    sed -i "s/_PYTHON_SYSCONFIGDATA_NAME='[^']*'/_PYTHON_SYSCONFIGDATA_NAME='${module%.py}'/" "$hook"
  done
}
# Answers to questions of configure scripts that Fil-C makes hard; see the file.
filcAnswersConfigure() {
  local answers=@out@/nix-support/filc/config.site
  if [[ ${CONFIG_SITE-} != "$answers" ]]; then
    export filcOtherAnswers=${CONFIG_SITE-}
    export CONFIG_SITE=$answers
  fi
}
if (( ${hostOffset:-0} < 0 && ${targetOffset:-0} == 0 )); then
  filcComesFirst
  filcAnswersConfigure
  # Go by itself makes no C code; through cgo it would link code of Fil-C's compiler to its own.
  export CGO_ENABLED=0
  postFixupHooks+=(filcNamesPythonModule)
fi
