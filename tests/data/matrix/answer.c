#include <stdio.h>

int main(void)
{
    puts("the answer of " NAME);
    return 0;
}
