# The tools on PATH in every build
{ pkgs }:
[
  pkgs.coreutils
  pkgs.findutils
  pkgs.diffutils
  pkgs.gnused
  pkgs.gnugrep
  pkgs.gawk
  pkgs.gnutar
  pkgs.gzip
  pkgs.bzip2.bin or pkgs.bzip2
  pkgs.gnumake
  pkgs.bash
  pkgs.gnupatch
  pkgs.xz.bin or pkgs.xz
  pkgs.file
]
