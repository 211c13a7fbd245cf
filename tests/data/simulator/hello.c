#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static void bye(void) { printf("atexit\n"); }
__attribute__((constructor)) static void first(void) { setenv("FROM_CONSTRUCTOR", "kept", 1); }
__attribute__((destructor)) static void last(void) { printf("destructor"); } /* no newline: exit must flush */

int main(int argc, char **argv)
{
    atexit(bye);
    int before = (int)MB_CUR_MAX;
    setlocale(LC_ALL, "C.UTF-8");
    printf("args %d %s\n", argc, argv[argc - 1]);
    printf("env %s %s\n", getenv("FROM_CONSTRUCTOR"), getenv("GIVEN"));
    printf("name %s\n", program_invocation_short_name);
    printf("locale %d %d\n", before, (int)MB_CUR_MAX);
    return 3;
}
