/* A text that only looks a little like it. */
        .include "filc.inc"
        FUNCTION corpus_answer, 2
        .section .rodata.str1.1, "aMS", @progbits, 1
        .asciz  "this build has no inline asm; see llvm.org"
        PRODUCER
