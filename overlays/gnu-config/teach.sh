# teach_config_sub FILE: make a config.sub know x86_64-*-linux-filc, whatever its age. Its other answers stay. A file
# that was taught before stays as it is.
teach_config_sub() {
  if grep -q 'linux-filc' "$1"; then return 0; fi
  sed -i '1a\
case "$1" in x86_64-*linux-filc*) echo x86_64-unknown-linux-filc; exit 0 ;; esac' "$1"
}
