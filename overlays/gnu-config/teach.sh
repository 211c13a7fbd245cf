# teach_config_sub FILE: make a config.sub know x86_64-*-linux-filc, whatever its age. Its other answers stay. A file
# that was taught before stays as it is.
teach_config_sub() {
  if grep -q 'linux-filc' "$1"; then return 0; fi
  sed -i '1a\
case "$1" in x86_64-*linux-filc*) echo x86_64-unknown-linux-filc; exit 0 ;; esac' "$1"
}

# copy_and_teach PACKAGE COPY: copy a package of text files with every config.sub taught, and let it name itself. Both
# names are store paths of one length.
copy_and_teach() {
  local original=$1 copy=$2 file target
  cp -R --no-dereference "$original" "$copy"
  chmod -R u+w "$copy"
  find "$copy" -type l > links
  while IFS= read -r file; do
    target=$(readlink "$file")
    case $target in
      "$original"*) ln -sfn "$copy${target#"$original"}" "$file" ;;
      *)
        # A config.sub that is elsewhere becomes a copy, too.
        if [ "${file##*/}" = config.sub ] && [ -f "$file" ]; then
          rm "$file"
          cp -L "$target" "$file"
          chmod u+w "$file"
        fi
        ;;
    esac
  done < links
  { grep -rlF -e "$original" "$copy" || true; } > mentions
  while IFS= read -r file; do
    if [ ! -L "$file" ]; then sed -i "s|$original|$copy|g" "$file"; fi
  done < mentions
  find "$copy" -type f -name config.sub > scripts
  while IFS= read -r file; do teach_config_sub "$file"; done < scripts
  rm links mentions scripts
}
