/* dlopen and its relatives: libpizlo asks the loader, and looks for prefixed names. */
#include "runtime.h"

void *dlopen(const char *name, int flags) { return zsys_dlopen(name, flags); }
void *dlsym(void *handle, const char *name) { return zsys_dlsym(handle, name); }
int dlclose(void *handle) { return zsys_dlclose(handle); }
char *dlerror(void) { return zsys_dlerror(); }
int dladdr(const void *address, Dl_info *info) { return zsys_dladdr(address, info); }
int dlinfo(void *handle, int request, void *result) { return zsys_dlinfo(handle, request, result); }
int dl_iterate_phdr(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data)
{
    return zsys_dl_iterate_phdr(visit, data);
}
