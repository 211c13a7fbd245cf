/* The part of Fil-C's stdfil.h that the ABI simulator has. Nothing of it is memory-safe here. */
#ifndef STDFIL_H
#define STDFIL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *zgc_alloc(size_t size);
void *zgc_aligned_alloc(size_t alignment, size_t size);
void *zgc_realloc(void *memory, size_t size);
void zgc_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
