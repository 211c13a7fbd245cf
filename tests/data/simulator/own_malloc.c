#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program's own allocator takes the libc's place, also inside the libc. */
static _Alignas(16) char pool[1 << 20];
static size_t used;
static int calls;

void *malloc(size_t size)
{
    calls++;
    void *memory = pool + used;
    used += (size + 31) & ~(size_t)15;
    return used > sizeof pool ? NULL : memory;
}
void *calloc(size_t count, size_t size) { return memset(malloc(count * size), 0, count * size); }
void *realloc(void *memory, size_t size)
{
    void *fresh = malloc(size);
    return memory ? memcpy(fresh, memory, size) : fresh;
}
void free(void *memory)
{
    if (memory && ((char *)memory < pool || (char *)memory >= pool + sizeof pool))
        abort();
}

int main(void)
{
    int before = calls;
    char *copy = strdup("from strdup");
    printf("%s %d\n", copy, calls > before && copy >= pool && copy < pool + sizeof pool);
    free(copy);
    return 0;
}
