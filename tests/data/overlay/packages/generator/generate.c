/* Runs on the build machine: prints a table of squares as C. */
#include <stdio.h>

int main(void)
{
#ifdef __FILC__
    printf("#error the generator is Fil-C code\n");
#endif
    printf("static const int squares[] = {");
    for (int i = 0; i < 10; i++)
        printf("%d, ", i * i);
    printf("};\n");
    return 0;
}
