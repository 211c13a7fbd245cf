# What mirror://SITE/ stands for, best first.
{
  gnu = [
    "https://ftpmirror.gnu.org/"
    "https://ftp.gnu.org/gnu/"
    "https://mirrors.kernel.org/gnu/"
  ];
}
