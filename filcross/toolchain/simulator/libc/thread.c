/* Threads live in the loader's libc; the user libc adds its locale. */
#include "runtime.h"
#include <locale.h>
#include <stdlib.h>
#include <threads.h>

struct birth {
    void *(*body)(void *);
    void *argument;
};

#define C11_THREAD ((const pthread_attr_t *)(uintptr_t)-1) /* musl's mark of a thread made by thrd_create() */

static struct birth be_born(void *memory)
{
    struct birth birth = *(struct birth *)memory;
    zgc_free(memory);
    uselocale(LC_GLOBAL_LOCALE);
    return birth;
}

static void *posix_thread(void *memory)
{
    struct birth birth = be_born(memory);
    return birth.body(birth.argument);
}

static int c11_thread(void *memory)
{
    struct birth birth = be_born(memory);
    return ((int (*)(void *))(void *)birth.body)(birth.argument);
}

HIDDEN int __pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    struct birth *birth = zgc_alloc(sizeof *birth);
    if (!birth)
        return 11; /* EAGAIN */
    *birth = (struct birth){body, argument};
    __libc.need_locks = 1;
    __atomic_fetch_add(&__libc.threads_minus_1, 1, __ATOMIC_SEQ_CST);
    int failure = zthread_create(thread, attributes,
                                 attributes == C11_THREAD ? (void *(*)(void *))(void *)c11_thread : posix_thread, birth);
    if (failure)
        zgc_free(birth);
    return failure;
}
ALIAS(__pthread_create, pthread_create);

/* A static program needs the rest of musl's pthread_create.o too (cleanup handlers): refer to what was in our place. */
extern char __replaced___pthread_create[] HIDDEN;
static const char *const whole_object __attribute__((used)) = __replaced___pthread_create;

HIDDEN _Noreturn void __pthread_exit(void *result) { zthread_exit(result); }
ALIAS(__pthread_exit, pthread_exit);

HIDDEN int __pthread_join(pthread_t thread, void **result) { return zthread_join(thread, result); }
ALIAS(__pthread_join, pthread_join);
int pthread_tryjoin_np(pthread_t thread, void **result) { return zthread_tryjoin(thread, result); }
int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *until)
{
    return zthread_timedjoin(thread, result, until);
}

int pthread_detach(pthread_t thread) { return zthread_detach(thread); }
int thrd_detach(thrd_t thread) { return zthread_detach(thread); }

HIDDEN int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) { return zthread_key_create(key, destructor); }
ALIAS(__pthread_key_create, pthread_key_create);
HIDDEN int __pthread_key_delete(pthread_key_t key) { return zthread_key_delete(key); }
ALIAS(__pthread_key_delete, pthread_key_delete);

/* Both halves must forget the other threads in a child. */
pid_t _Fork(void)
{
    pid_t child = zsys_fork();
    if (!child) {
        __libc.threads_minus_1 = 0;
        __libc.need_locks = 1;
    }
    return child;
}
