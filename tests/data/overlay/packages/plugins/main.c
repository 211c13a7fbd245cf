/* Loads every plugin that it is given, and lets each call back. */
#include <dlfcn.h>
#include <stdio.h>

int answers;

void answer(const char *word)
{
    answers++;
    printf("%s\n", word);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        if (!plugin) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        void (*start)(void) = (void (*)(void))dlsym(plugin, "start");
        if (!start) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        start();
    }
    return answers == argc - 1 ? 0 : 2;
}
