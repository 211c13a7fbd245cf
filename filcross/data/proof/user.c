/* A program that uses the shared library beside it. */
#include <stddef.h>
#include <stdio.h>

extern int library_number;
int library_apply(int (*function)(int), int value);
size_t library_length(const char *text);

static int twice(int value) { return 2 * value; }

int main(void) {
  library_number++;
  printf("%d %zu\n", library_apply(twice, 1), library_length("three"));
  return 0;
}
