#include <stdio.h>

int add(int one, int other);

int main(void)
{
    printf("%d\n", add(2, 3));
    return 0;
}
