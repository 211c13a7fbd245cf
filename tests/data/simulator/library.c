#include <stdio.h>

_Thread_local int library_tls = 11;
int library_data = 5;

__attribute__((constructor)) static void first(void) { puts("library constructor"); }
__attribute__((destructor)) static void last(void) { puts("library destructor"); }

int library_function(int x) { return x + library_tls + library_data; }
