/* What the user libc takes from libpizlo. Everything that includes this is prefixed after it is compiled:
   `zsys_exit` here is `pizlonated_zsys_exit` there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

void *zgc_alloc(size_t);
void *zgc_alloc_zeroed(size_t, size_t);
void *zgc_aligned_alloc(size_t, size_t);
void *zgc_realloc(void *, size_t);
void zgc_free(void *);
size_t zgc_size(void *);

int zthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int zthread_join(pthread_t, void **);
int zthread_tryjoin(pthread_t, void **);
int zthread_timedjoin(pthread_t, void **, const struct timespec *);
int zthread_detach(pthread_t);
_Noreturn void zthread_exit(void *);
int zthread_key_create(pthread_key_t *, void (*)(void *));
int zthread_key_delete(pthread_key_t);

char **zsys_environ(void);
int zsys_atexit(void (*)(void));
_Noreturn void zsys_exit(int);
pid_t zsys_fork(void);
void *zsys_dlopen(const char *, int);
void *zsys_dlsym(void *, const char *);
int zsys_dlclose(void *);
char *zsys_dlerror(void);
int zsys_dladdr(const void *, Dl_info *);
int zsys_dlinfo(void *, int, void *);
int zsys_dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *);

#define HIDDEN __attribute__((visibility("hidden")))
#define ALIAS(target, name) extern __typeof(target) name __attribute__((weak, alias(#target)))

/* The beginning of musl's process-wide state, as it is since 1.2.2. */
struct process {
    char can_do_threads, threaded, secure;
    volatile signed char need_locks;
    int threads_minus_1;
};
extern struct process __libc HIDDEN;
