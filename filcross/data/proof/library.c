/* A shared library: a function, data, and a function that calls back. */
#include <string.h>

int library_number = 40;
int library_apply(int (*function)(int), int value) { return function(value) + library_number; }
size_t library_length(const char *text) { return strlen(text); }
