/* A C program: the C library, the heap, an environment, and a number that must come out. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *one, const void *other) {
  return strcmp(*(const char *const *)one, *(const char *const *)other);
}

int main(int count, char **arguments) {
  char **sorted = malloc((size_t)count * sizeof *sorted);
  if (sorted == NULL) return 1;
  memcpy(sorted, arguments, (size_t)count * sizeof *sorted);
  qsort(sorted + 1, (size_t)count - 1, sizeof *sorted, compare);
  for (int i = 1; i < count; i++) printf("%s ", sorted[i]);
  errno = 0;
  printf("%.3f %s\n", sqrt(2.0 * count), strtol("x", NULL, 10) == 0 ? "zero" : "else");
  free(sorted);
  return 0;
}
