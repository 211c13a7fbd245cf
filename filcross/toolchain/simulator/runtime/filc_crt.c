/* The ordinary `main` of every program: hands over to the runtime. With -DMINIMAL (filc_mincrt.o) the user libc has
   no part in it (-nodefaultlibs). */
extern int filc_start_program(int, char **, char **, void *, int (*)(int, char **, char **));
extern int pizlonated_main(int, char **, char **);
extern int pizlonated___libc_start_main(int (*)(int, char **, char **), int, char **, void *, void *, void *);

int main(int argc, char **argv, char **envp)
{
#ifdef MINIMAL
    return filc_start_program(argc, argv, envp, 0, pizlonated_main);
#else
    return filc_start_program(argc, argv, envp, (void *)pizlonated___libc_start_main, pizlonated_main);
#endif
}
