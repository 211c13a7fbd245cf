/* A member of a static archive. */
#include <stdlib.h>

struct pair { long first, second; };

struct pair *member_pair(long first, long second) {
  struct pair *made = malloc(sizeof *made);
  if (made != NULL) *made = (struct pair){first, second};
  return made;
}
