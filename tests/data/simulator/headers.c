#include <asm/unistd.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdfil.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#ifdef __GLIBC__
#error "glibc's headers are in reach"
#endif
#if !defined(__FILC__) || !defined(__PIZLONATOR_WAS_HERE__)
#error "this is not Fil-C"
#endif

int main(void)
{
    char *memory = zgc_alloc(PATH_MAX);
    snprintf(memory, PATH_MAX, "%d %d", __NR_read, (int)sizeof(max_align_t));
    puts(memory);
    zgc_free(memory);
    return 0;
}
