/* An exception on its way through C: what is to be cleaned up is. */
#include <stdio.h>

static void clean(int *value) { printf("cleaned %d\n", *value); }

void pass(void (*function)(void))
{
    __attribute__((cleanup(clean))) int value = 4;
    function();
}
