        .include "filc.inc"
        FUNCTION corpus_answer, 2
        .section .rodata.str1.1, "aMS", @progbits, 1
        .asciz  "Unhandled intrinsic: %5 = call i64 @llvm.x86.sse42.crc32.64.64(i64 %3, i64 %4)"
        PRODUCER
