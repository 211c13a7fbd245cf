/* Start and end of a program, as seen by the user libc. */
#include "runtime.h"
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

extern void __init_libc(char **, char *) HIDDEN;
extern void __funcs_on_exit(void) HIDDEN;
extern void __stdio_exit(void) HIDDEN;

/* Thread pointer, TLS and the images' own constructors and destructors are the loader's libc's. */
HIDDEN void __init_tls(size_t *auxiliary) { (void)auxiliary; }
HIDDEN void __libc_start_init(void) {}
HIDDEN void __libc_exit_fini(void) {}

static char *program_name(char **environment)
{
    /* The stack holds: argc, argv[0..argc-1], NULL, envp[0..]. */
    for (long count = 0; count < 1 << 20; count++)
        if ((long)(intptr_t)environment[-2 - count] == count)
            return count ? environment[-1 - count] : NULL;
    return NULL;
}

static void begin(void)
{
    char **environment = zsys_environ();
    __init_libc(environment, program_name(environment));
    uselocale(LC_GLOBAL_LOCALE);
    /* Threads may come any time: files get locks from the start. */
    __libc.can_do_threads = 1;
    __libc.threaded = 1;
    __libc.need_locks = 1;
    FILE *const standard[] = {stdin, stdout, stderr};
    for (int i = 0; i < 3; i++)
        if (!ftrylockfile(standard[i]))
            funlockfile(standard[i]);
    zsys_atexit(__funcs_on_exit);
}

static void end(void) { __stdio_exit(); }

/* First of all constructors and last of all destructors, also in a static program, where the linker sorts by the
   number and fini_array runs backwards. */
static void (*const begins)(void) __attribute__((used, section(".init_array.00000"))) = begin;
static void (*const ends)(void) __attribute__((used, section(".fini_array.00000"))) = end;

_Noreturn void exit(int code) { zsys_exit(code); }

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*ldso_fini)(void))
{
    (void)init;
    (void)fini;
    (void)ldso_fini;
    exit(main(argc, argv, environ));
    return 0;
}
