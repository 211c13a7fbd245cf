/* Calls the library by its versioned names, and asks the loader for the hidden one. */
#include <dlfcn.h>
#include <stdio.h>

int shown(int number);
int also_shown(int number);

int main(void)
{
    printf("%d %d %s\n", shown(1), also_shown(1), dlsym(RTLD_DEFAULT, "hidden") ? "found" : "hidden");
    return 0;
}
