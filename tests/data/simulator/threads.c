#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define COUNT 8

static _Thread_local long own = 100;
static _Thread_local char zeros[256];
static pthread_key_t key;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static _Atomic int destroyed, cleaned;
static int waiting, go;
static int pipes[2];

static void destroy(void *memory)
{
    destroyed++;
    free(memory);
}

static void *work(void *argument)
{
    own += (long)argument;
    pthread_setspecific(key, malloc(16));
    pthread_mutex_lock(&mutex);
    waiting++;
    pthread_cond_broadcast(&ready);
    while (!go)
        pthread_cond_wait(&ready, &mutex);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 5000; i++) {
        char *memory = malloc((size_t)(i % 700) + 1);
        memset(memory, (int)(long)argument, (size_t)(i % 700) + 1);
        if (zeros[i % 256] || memory[i % 700] != (char)(long)argument)
            abort();
        free(memory);
    }
    for (int i = 0; i < 50; i++)
        fprintf(stderr, "%s", ""); /* the stream's lock is used by all */
    return (void *)own;
}

static void clean(void *argument)
{
    (void)argument;
    cleaned++;
}

static void *block(void *argument)
{
    char byte;
    pthread_cleanup_push(clean, NULL);
    ssize_t got = read(pipes[0], &byte, 1);
    (void)got;
    pthread_cleanup_pop(0);
    return argument;
}

static int c11(void *argument) { return *(int *)argument + 1; }
static void at_end(void) { puts("atexit"); }

int main(void)
{
    pthread_t threads[COUNT], sleeper;
    long sum = 0;
    atexit(at_end);
    pthread_key_create(&key, destroy);
    for (long i = 0; i < COUNT; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i))
            return 1;
    pthread_mutex_lock(&mutex);
    while (waiting < COUNT)
        pthread_cond_wait(&ready, &mutex);
    go = 1;
    pthread_cond_broadcast(&ready);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < COUNT; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    printf("threads %ld own %ld destroyed %d\n", sum, own, destroyed);

    thrd_t thread;
    int value = 41, result = 0;
    thrd_create(&thread, c11, &value);
    thrd_join(thread, &result);
    printf("c11 %d\n", result);

    void *end = NULL;
    if (pipe(pipes))
        return 1;
    pthread_create(&sleeper, NULL, block, NULL);
    usleep(20000);
    pthread_cancel(sleeper);
    pthread_join(sleeper, &end);
    printf("cancelled %d cleaned %d\n", end == PTHREAD_CANCELED, cleaned);

    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        void *got;
        pthread_create(&threads[0], NULL, work, (void *)5);
        pthread_join(threads[0], &got);
        free(malloc(100000));
        _exit((int)(long)got);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    FILE *echo = popen("echo from a shell", "r");
    char line[32] = "";
    if (!fgets(line, sizeof line, echo))
        return 1;
    pclose(echo);
    printf("popen %s", line);
    pthread_exit(NULL); /* the last thread: the program ends well */
}
