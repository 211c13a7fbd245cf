/* A stand-in for the user libc before the optimised calling convention. */
        .include "filc.inc"
        OLD_FUNCTION puts
        OLD_FUNCTION __libc_start_main
        OLD_PRODUCER
