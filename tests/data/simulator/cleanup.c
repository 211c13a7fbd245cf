#include <stdio.h>

static void clean(int *value) { printf("cleaned %d\n", *value); }

__int128 divide(__int128 a, __int128 b) { return a / b; }

int main(int argc, char **argv)
{
    (void)argv;
    __attribute__((cleanup(clean))) int value = 4;
    printf("quotient %d\n", (int)divide(argc * 84, 2));
    return 0;
}
