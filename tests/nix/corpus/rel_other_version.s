/* Made by another version of Fil-C, as its producer string says. */
        .include "filc.inc"
        FUNCTION corpus_other, 2
        .ident  "clang version 20.1.8 (Fil-C 0.685 git@github.com:pizlonator/llvm-project-deluge.git bb0d0a64eed297ab8e171002033208fb08ad9941)"
        .section .note.GNU-stack, "", @progbits
