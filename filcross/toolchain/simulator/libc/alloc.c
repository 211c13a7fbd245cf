/* The heap is libpizlo's. A program's own malloc may take the place of the weak names. */
#include "runtime.h"
#include <errno.h>

HIDDEN void *__libc_malloc_impl(size_t size) { return zgc_alloc(size); }
HIDDEN void *__libc_malloc(size_t size) { return zgc_alloc(size); }
HIDDEN void *__libc_calloc(size_t count, size_t size) { return zgc_alloc_zeroed(count, size); }
HIDDEN void *__libc_realloc(void *memory, size_t size) { return zgc_realloc(memory, size); }
HIDDEN void __libc_free(void *memory) { zgc_free(memory); }
HIDDEN void __malloc_atfork(int who) { (void)who; }

__attribute__((weak)) void *malloc(size_t size) { return zgc_alloc(size); }
__attribute__((weak)) void *calloc(size_t count, size_t size) { return zgc_alloc_zeroed(count, size); }
__attribute__((weak)) void *realloc(void *memory, size_t size) { return zgc_realloc(memory, size); }
__attribute__((weak)) void free(void *memory)
{
    int kept = errno;
    zgc_free(memory);
    errno = kept;
}
__attribute__((weak)) void *aligned_alloc(size_t alignment, size_t size) { return zgc_aligned_alloc(alignment, size); }
__attribute__((weak)) size_t malloc_usable_size(void *memory) { return zgc_size(memory); }
