
# Only Fil-C's driver gives the names of a version script their prefix. A build that calls the linker itself would hide
# every symbol, or fail for a reason that nobody understands.
filcChecksLinker() {
  local word script="" name=""
  for word; do
    if [[ $script == next ]]; then
      script=$word
    else
      script=""
      case $word in
        --version-s*=* | -version-script=*) script=${word#*=} ;;
        --version-s* | -version-script) script=next ;;
      esac
    fi
    if [[ -z $script || $script == next || ! -r $script ]]; then continue; fi
    while IFS= read -r word || [[ -n $word ]]; do
      if [[ $word == *pizlonated_* ]]; then
        name=""
        break
      fi
      word=${word##*\{}
      if [[ -z $name && $word =~ ^[[:space:]]*((global|local)[[:space:]]*:[[:space:]]*)?([A-Za-z_.$][A-Za-z0-9_.$]*)[[:space:]]*\; ]]; then
        name=${BASH_REMATCH[3]}
      fi
    done < "$script"
    if [[ -n $name ]]; then
      echo "ld: error: $script: the linker knows no symbol '$name': Fil-C's symbols have a prefix, which only its driver adds" >&2
      echo "ld: help: link with the compiler (\$CC) instead of the linker, or without the version script" >&2
      exit 1
    fi
  done
}
filcChecksLinker "$@"
