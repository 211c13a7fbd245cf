lib.optionalString stdenv.targetPlatform.isFilC ''
  # config.sub refuses linux-filc, in every year's version.
  sed -i '1a case "$1" in x86_64-*linux-filc*) echo x86_64-unknown-linux-filc; exit 0 ;; esac' $out/config.sub
''
