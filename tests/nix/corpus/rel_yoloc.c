/* A stand-in for the yolo libc, which is the loader too. It does nothing. */
int __libc_start_main(int (*main)(void)) { return main(); }
void *memcpy(void *to, const void *from, unsigned long count)
{
    char *target = to;
    for (const char *source = from; count--;)
        *target++ = *source++;
    return to;
}
void __cxa_finalize(void *object) { (void)object; }
#ifdef GLIBC
char _rtld_global[64];
#endif
void _start(void) { for (;;); }
int version_of_this_libc(void) { return VERSION; }
