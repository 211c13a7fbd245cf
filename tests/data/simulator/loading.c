#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

static int count(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(int *)data += strstr(info->dlpi_name, "library.so") != NULL;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 1;
    void *handle = dlopen(argv[1], RTLD_NOW);
    if (!handle) {
        puts(dlerror());
        return 1;
    }
    int (*function)(int) = (int (*)(int))dlsym(handle, "library_function");
    int *data = dlsym(handle, "library_data"), *tls = dlsym(handle, "library_tls");
    *data = 7;
    *tls += 1;
    printf("loaded %d\n", function(1));
    Dl_info info;
    printf("address %s\n", dladdr((void *)function, &info) ? info.dli_sname : "?");
    int images = 0;
    dl_iterate_phdr(count, &images);
    printf("images %d\n", images);
    printf("missing %p %d\n", dlsym(handle, "nothing_like_it"), dlerror() != NULL);
    printf("next %p %s\n", dlsym(RTLD_NEXT, "puts"), strstr(dlerror(), "RTLD_NEXT") ? "refused" : "?");
    printf("default %d\n", dlsym(RTLD_DEFAULT, "puts") == (void *)puts);
    dlclose(handle);
    return 0;
}
