/* libpizlo of the simulator: ordinary code between the loader's libc and the user libc.

   It exports what objects import (`filc_*`), starts the program, and lends the user libc the things that a process
   has only once: heap, threads, loader, exit (`pizlonated_z*`, seen by prefixed code as `z*`). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIMULATED_VERSION FILC_VERSION

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void));

static void say(const char *text)
{
    ssize_t ignored = write(2, text, strlen(text));
    (void)ignored;
}

static _Noreturn void panic(const char *what)
{
    say("filc simulator panic: ");
    say(what);
    say("\n");
    __builtin_trap();
}

/* What instrumented code would call. Nothing here checks anything: this is the shape, not the safety. */
int filc_current_marking_state;
void filc_pollcheck_slow(void) {}
void filc_global_initialization_start(void) {}
void filc_global_initialization_end(void) {}
void filc_store_barrier_for_lower_slow(void) {}
void filc_optimized_access_check_fail(void) { panic("access check"); }
void filc_stack_overflow_failure(void) { panic("stack overflow"); }
void filc_check_function_call_fail(void) { panic("function call"); }
void filc_cc_args_check_failure(void) { panic("arguments"); }
void filc_cc_rets_check_failure(void) { panic("results"); }
void *filc_allocate(size_t size) { return calloc(1, size ? size : 1); }

int filc_call_user_main(main_function *user_main, int argc, char **argv, char **envp)
{
    return user_main(argc, argv, envp);
}

int filc_start_program(int argc, char **argv, char **envp, start_function *start, main_function *user_main)
{
    const char *dump = getenv("FILC_DUMP_SETUP");
    if (dump && !strcmp(dump, "1"))
        say("filc setup:\n    version: " SIMULATED_VERSION " simulator (not memory-safe)\n");
    return start ? start(user_main, argc, argv, NULL, NULL, NULL) : filc_call_user_main(user_main, argc, argv, envp);
}

/* Heap: one for the process. Two copies of musl's allocator would both move the break. */
void *pizlonated_zgc_alloc(size_t size) { return malloc(size); }
void *pizlonated_zgc_alloc_zeroed(size_t count, size_t size) { return calloc(count, size); }
void *pizlonated_zgc_aligned_alloc(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
void *pizlonated_zgc_realloc(void *memory, size_t size) { return realloc(memory, size); }
void pizlonated_zgc_free(void *memory) { free(memory); }
extern size_t malloc_usable_size(void *);
size_t pizlonated_zgc_size(void *memory) { return malloc_usable_size(memory); }

/* Threads: made, ended and joined by the libc that owns the thread list and TLS. */
int pizlonated_zthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    return pthread_create(thread, attributes, body, argument);
}
int pizlonated_zthread_join(pthread_t thread, void **result) { return pthread_join(thread, result); }
int pizlonated_zthread_tryjoin(pthread_t thread, void **result) { return pthread_tryjoin_np(thread, result); }
int pizlonated_zthread_timedjoin(pthread_t thread, void **result, const struct timespec *until)
{
    return pthread_timedjoin_np(thread, result, until);
}
int pizlonated_zthread_detach(pthread_t thread) { return pthread_detach(thread); }
_Noreturn void pizlonated_zthread_exit(void *result) { pthread_exit(result); }
int pizlonated_zthread_key_create(pthread_key_t *key, void (*destructor)(void *)) { return pthread_key_create(key, destructor); }
int pizlonated_zthread_key_delete(pthread_key_t key) { return pthread_key_delete(key); }

/* Process. */
extern char **environ;
char **pizlonated_zsys_environ(void) { return environ; }
int pizlonated_zsys_atexit(void (*function)(void)) { return atexit(function); }
_Noreturn void pizlonated_zsys_exit(int code) { exit(code); }
pid_t pizlonated_zsys_fork(void) { return fork(); }

/* Loader. */
void *pizlonated_zsys_dlopen(const char *name, int flags) { return dlopen(name, flags); }
int pizlonated_zsys_dlclose(void *handle) { return dlclose(handle); }
char *pizlonated_zsys_dlerror(void) { return dlerror(); }
int pizlonated_zsys_dlinfo(void *handle, int request, void *result) { return dlinfo(handle, request, result); }
int pizlonated_zsys_dl_iterate_phdr(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data)
{
    return dl_iterate_phdr(visit, data);
}

void *pizlonated_zsys_dlsym(void *handle, const char *name)
{
    static const char prefix[] = "pizlonated_";
    if (handle == RTLD_NEXT) /* the caller's place in the search order is lost here, as in Fil-C */
        return dlsym(RTLD_DEFAULT, "(dlsym with RTLD_NEXT is not supported)");
    size_t length = strlen(name);
    char *full = malloc(sizeof prefix + length);
    if (!full)
        return NULL;
    memcpy(full, prefix, sizeof prefix - 1);
    memcpy(full + sizeof prefix - 1, name, length + 1);
    void *found = dlsym(handle, full);
    free(full);
    return found;
}

int pizlonated_zsys_dladdr(const void *address, Dl_info *info)
{
    static const char prefix[] = "pizlonated_";
    int found = dladdr(address, info);
    if (found && info->dli_sname && !strncmp(info->dli_sname, prefix, sizeof prefix - 1))
        info->dli_sname += sizeof prefix - 1;
    return found;
}
