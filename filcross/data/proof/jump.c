/* A jump out of a function that has not returned. */
#include <setjmp.h>
#include <stdio.h>

static jmp_buf place;

static int deep(int level) {
  if (level == 0) longjmp(place, 7);
  return deep(level - 1) + 1;
}

int main(void) {
  volatile int before = 1;
  int result = setjmp(place);
  if (result == 0) {
    before = 2;
    return deep(3);
  }
  printf("%d %d\n", result, before);
  return 0;
}
