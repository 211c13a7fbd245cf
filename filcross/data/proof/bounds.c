/* Writes one byte into 16 of them, at the place that it is told: 0 to 15 is right, 16 is a memory error that
   Fil-C stops and an ordinary C library hardly ever notices. What is written is read again, so that no
   optimiser leaves it out. */
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
  volatile char *bytes = malloc(16);
  size_t place = count > 1 ? strtoul(arguments[1], NULL, 10) : 0;
  if (bytes == NULL) return 1;
  bytes[place] = 'x';
  printf("survived %c\n", bytes[place]);
  fflush(stdout);
  return 0;
}
