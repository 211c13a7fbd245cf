        .include "filc.inc"
        CALLER  corpus_load, 134, dlopen, 11844
        .section .rodata.str1.1, "aMS", @progbits, 1
        .asciz  "libm.so.6"
        PRODUCER
