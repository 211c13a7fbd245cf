/* A note of the FDO ELF notes' kind "dlopen". */
        .section .note.dlopen, "a", @note
        .p2align 2
        .long   4, 2f - 1f, 0x407c0c0a
        .asciz  "FDO"
1:      .asciz  "[{\"soname\":[\"libcorpusplugin.so\"],\"priority\":\"optional\"}]"
2:      .p2align 2
        .section .note.GNU-stack, "", @progbits
