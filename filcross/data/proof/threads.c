/* Threads, and data of which each has its own. */
#include <pthread.h>
#include <stdio.h>

static __thread int mine = 40;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int total;

static void *add(void *number) {
  mine += *(int *)number;
  pthread_mutex_lock(&lock);
  total += mine;
  pthread_mutex_unlock(&lock);
  return NULL;
}

int main(void) {
  int numbers[2] = {1, 2};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, add, &numbers[i])) return 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  printf("%d %d\n", total, mine);
  return 0;
}
