/* getconf: the values of sysconf(3) and pathconf(3) that build systems and scripts ask for. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name;
  int key;
} system_values[] = {{"ARG_MAX", _SC_ARG_MAX},
                     {"CHILD_MAX", _SC_CHILD_MAX},
                     {"CLK_TCK", _SC_CLK_TCK},
                     {"IOV_MAX", _SC_IOV_MAX},
                     {"LINE_MAX", _SC_LINE_MAX},
                     {"NGROUPS_MAX", _SC_NGROUPS_MAX},
                     {"NPROCESSORS_CONF", _SC_NPROCESSORS_CONF},
                     {"NPROCESSORS_ONLN", _SC_NPROCESSORS_ONLN},
                     {"_NPROCESSORS_CONF", _SC_NPROCESSORS_CONF},
                     {"_NPROCESSORS_ONLN", _SC_NPROCESSORS_ONLN},
                     {"OPEN_MAX", _SC_OPEN_MAX},
                     {"PAGESIZE", _SC_PAGESIZE},
                     {"PAGE_SIZE", _SC_PAGESIZE},
                     {"_PHYS_PAGES", _SC_PHYS_PAGES},
                     {"_AVPHYS_PAGES", _SC_AVPHYS_PAGES},
                     {"POSIX_VERSION", _SC_VERSION},
                     {"_POSIX_VERSION", _SC_VERSION}};

static const struct {
  const char *name;
  int key;
} path_values[] = {{"LINK_MAX", _PC_LINK_MAX}, {"NAME_MAX", _PC_NAME_MAX},   {"PATH_MAX", _PC_PATH_MAX},
                   {"PIPE_BUF", _PC_PIPE_BUF}, {"SYMLINK_MAX", _PC_SYMLINK_MAX}};

static int show(long value) {
  if (value < 0)
    puts("undefined");
  else
    printf("%ld\n", value);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: getconf name [path]\n");
    return 2;
  }
  if (strcmp(argv[1], "LONG_BIT") == 0) return show((long)(sizeof(long) * CHAR_BIT));
  if (strcmp(argv[1], "WORD_BIT") == 0) return show((long)(sizeof(int) * CHAR_BIT));
  if (strcmp(argv[1], "PATH") == 0) {
    char path[1024];
    if (confstr(_CS_PATH, path, sizeof path) == 0) return 1;
    puts(path);
    return 0;
  }
  for (size_t i = 0; argc == 2 && i < sizeof system_values / sizeof *system_values; i++)
    if (strcmp(argv[1], system_values[i].name) == 0) return show(sysconf(system_values[i].key));
  for (size_t i = 0; argc == 3 && i < sizeof path_values / sizeof *path_values; i++)
    if (strcmp(argv[1], path_values[i].name) == 0) return show(pathconf(argv[2], path_values[i].key));
  fprintf(stderr, "getconf: unknown name: %s\n", argv[1]);
  return 2;
}
