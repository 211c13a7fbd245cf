/* Compiled and run with every new simulator: libc, data, TLS and a constructor, or it is not handed out. */
#include <stdio.h>
#include <stdlib.h>

static _Thread_local int step = 1;

__attribute__((constructor)) static void first(void) { step += 1; }

int main(void)
{
    char *text = malloc(32);
    if (!text || step != 2 || !getenv("PATH"))
        return 1;
    snprintf(text, 32, "%s", "simulator works");
    puts(text);
    free(text);
    return 0;
}
