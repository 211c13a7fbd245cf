#include "squares.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef __FILC__
#error not Fil-C
#endif

int main(int argc, char **argv)
{
    printf("%d\n", squares[argc > 1 ? atoi(argv[1]) % 10 : 0]);
    return 0;
}
