/* A program that is linked with a static archive. */
#include <stdio.h>
#include <stdlib.h>

struct pair { long first, second; };
struct pair *member_pair(long first, long second);

int main(void) {
  struct pair *pair = member_pair(6, 7);
  if (pair == NULL) return 1;
  printf("%ld\n", pair->first * pair->second);
  free(pair);
  return 0;
}
