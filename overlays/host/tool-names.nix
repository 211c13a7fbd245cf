# Which programs of the host stand for which package. A package whose programs the host lacks is built from the tree.
{
  # Always needed.
  basic = [
    "awk"
    "bash"
    "bzip2"
    "cmp"
    "diff"
    "diff3"
    "find"
    "grep"
    "egrep"
    "fgrep"
    "gunzip"
    "gzip"
    "make"
    "patch"
    "sdiff"
    "sed"
    "sh"
    "tar"
    "xargs"
    "xz"
  ];
  compiler = [
    "gcc"
    "g++"
    "cpp"
  ];
  binutils = [
    "ar"
    "as"
    "ld"
    "ld.bfd"
    "nm"
    "objcopy"
    "objdump"
    "ranlib"
    "readelf"
    "size"
    "strings"
    "strip"
  ];
  libc = [
    "getconf"
    "getent"
    "iconv"
    "ldd"
    "locale"
    "localedef"
  ];
  coreutils = [
    "["
    "arch"
    "b2sum"
    "base32"
    "base64"
    "basename"
    "cat"
    "chgrp"
    "chmod"
    "chown"
    "cksum"
    "comm"
    "cp"
    "csplit"
    "cut"
    "date"
    "dd"
    "df"
    "dir"
    "dirname"
    "du"
    "echo"
    "env"
    "expand"
    "expr"
    "factor"
    "false"
    "fmt"
    "fold"
    "groups"
    "head"
    "hostname"
    "id"
    "install"
    "join"
    "link"
    "ln"
    "logname"
    "ls"
    "md5sum"
    "mkdir"
    "mkfifo"
    "mknod"
    "mktemp"
    "mv"
    "nice"
    "nl"
    "nohup"
    "nproc"
    "numfmt"
    "od"
    "paste"
    "pathchk"
    "pr"
    "printenv"
    "printf"
    "ptx"
    "pwd"
    "readlink"
    "realpath"
    "rm"
    "rmdir"
    "seq"
    "sha1sum"
    "sha224sum"
    "sha256sum"
    "sha384sum"
    "sha512sum"
    "shred"
    "shuf"
    "sleep"
    "sort"
    "split"
    "stat"
    "stdbuf"
    "stty"
    "sum"
    "sync"
    "tac"
    "tail"
    "tee"
    "test"
    "timeout"
    "touch"
    "tr"
    "true"
    "truncate"
    "tsort"
    "tty"
    "uname"
    "unexpand"
    "uniq"
    "unlink"
    "vdir"
    "wc"
    "who"
    "whoami"
    "yes"
  ];

  # Attribute of the tree -> programs; the attribute keeps its name, version, setup hook and passthru.
  packages = {
    autoconf = [
      "autoconf"
      "autoheader"
      "autom4te"
      "autoreconf"
      "autoscan"
      "autoupdate"
      "ifnames"
    ];
    automake = [
      "aclocal"
      "automake"
    ];
    bash = [
      "bash"
      "sh"
    ];
    bc = [
      "bc"
      "dc"
    ];
    bison = [ "bison" ];
    bzip2 = [
      "bzip2"
      "bunzip2"
      "bzcat"
    ];
    cmake = [
      "cmake"
      "cpack"
      "ctest"
    ];
    curl = [ "curl" ];
    diffutils = [
      "cmp"
      "diff"
      "diff3"
      "sdiff"
    ];
    ed = [ "ed" ];
    file = [ "file" ];
    findutils = [
      "find"
      "xargs"
    ];
    flex = [ "flex" ];
    gawk = [
      "awk"
      "gawk"
    ];
    getopt = [ "getopt" ];
    gettext = [
      "gettext"
      "gettextize"
      "autopoint"
      "msgcat"
      "msgfmt"
      "msgmerge"
      "xgettext"
    ];
    gitMinimal = [ "git" ];
    gnugrep = [
      "grep"
      "egrep"
      "fgrep"
    ];
    gnum4 = [ "m4" ];
    gnumake = [ "make" ];
    gnupatch = [ "patch" ];
    gnused = [ "sed" ];
    gnutar = [ "tar" ];
    gperf = [ "gperf" ];
    groff = [
      "groff"
      "nroff"
      "troff"
    ];
    gzip = [
      "gunzip"
      "gzip"
      "zcat"
    ];
    help2man = [ "help2man" ];
    libtool = [
      "libtool"
      "libtoolize"
    ];
    lzip = [ "lzip" ];
    lzma = [
      "lzma"
      "unlzma"
      "xz"
    ];
    meson = [ "meson" ];
    nasm = [
      "nasm"
      "ndisasm"
    ];
    ninja = [ "ninja" ];
    patchelf = [ "patchelf" ];
    perl = [
      "perl"
      "pod2man"
      "pod2text"
    ];
    pkg-config-unwrapped = [ "pkg-config" ];
    pkgconf-unwrapped = [ "pkgconf" ];
    rsync = [ "rsync" ];
    tcl = [ "tclsh" ];
    texinfo = [
      "makeinfo"
      "texi2any"
    ];
    unzip = [ "unzip" ];
    which = [ "which" ];
    yasm = [ "yasm" ];
    xz = [
      "unxz"
      "xz"
      "xzcat"
    ];
    zip = [ "zip" ];
    zstd = [
      "unzstd"
      "zstd"
      "zstdcat"
    ];
  };

  # The interpreter that scripts of a build run with, under all its attributes.
  python = [ "python3" ];
  pythonAttributes = [
    "python3"
    "python3Minimal"
    "python38"
    "python39"
    "python310"
    "python311"
    "python312"
    "python313"
  ];
}
