/* Finds a function by name in the table that libtool made of the libraries given with -dlpreopen. */
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    void *address;
} symbol;

extern const symbol lt__PROGRAM__LTX_preloaded_symbols[];

int main(void)
{
    const char *(*greeting)(void) = 0;
    for (const symbol *at = lt__PROGRAM__LTX_preloaded_symbols; at->name; at++)
        if (!strcmp(at->name, "greeting"))
            greeting = (const char *(*)(void))at->address;
    printf("%s\n", greeting ? greeting() : "nothing");
    return 0;
}
