/* The same, naming a library of the ordinary system. */
        .section .note.dlopen, "a", @note
        .p2align 2
        .long   4, 2f - 1f, 0x407c0c0a
        .asciz  "FDO"
1:      .asciz  "[{\"soname\":[\"libz.so.1\",\"libgcc_s.so.1\"]}]"
2:      .p2align 2
        .section .note.GNU-stack, "", @progbits
