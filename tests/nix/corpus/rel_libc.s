/* A stand-in for the user libc. */
        .include "filc.inc"
        FUNCTION puts, 1066
        FUNCTION dlopen, 11844
        FUNCTION abort, 1
        GENERIC printf
        GENERIC __libc_start_main
        PRODUCER
