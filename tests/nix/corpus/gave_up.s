/* Code that the compiler gave up on: the panic's text is the intrinsic. */
        .include "filc.inc"
        FUNCTION corpus_answer, 2
        .section .rodata.str1.1, "aMS", @progbits, 1
        .asciz  "filc_user_error: cannot handle inline asm: call i64 asm sideeffect \"rdpmc\", \"={ax}\"()"
        PRODUCER
