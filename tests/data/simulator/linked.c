#include <stdio.h>

extern int library_data, library_function(int);
extern _Thread_local int library_tls;

int main(void)
{
    library_data = 1;
    library_tls = 2;
    printf("linked %d\n", library_function(3));
    return 0;
}
