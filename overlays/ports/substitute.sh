# filcReplace OLD NEW FILE…: puts NEW in the place of every OLD in the files that the patterns name. Nothing to replace
# is an error: the port is for another version of the file.
filcReplace() {
  local old=$1 new=$2 pattern file text found=
  shift 2
  for pattern; do
    for file in $pattern; do
      if ! [[ -f $file ]]; then continue; fi
      text=$(cat "$file" && printf x)
      text=${text%x}
      if [[ $text != *"$old"* ]]; then continue; fi
      found=1
      printf '%s' "${text//"$old"/"$new"}" >"$file.filcross"
      cat "$file.filcross" >"$file"
      rm "$file.filcross"
    done
  done
  if [[ -z $found ]]; then
    echo "filcross port: nothing in $* holds: $old" >&2
    exit 1
  fi
}
