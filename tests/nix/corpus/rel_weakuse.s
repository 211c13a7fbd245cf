/* A program with a weak import of a Fil-C name. */
        .include "filc.inc"
        ENTRY   main, 2
        xorl    %esi, %esi
        .weak   pizlonated_corpus_optional
        movq    pizlonated_corpus_optional@GOTPCREL(%rip), %rax
        testq   %rax, %rax
        je      .Lfail_main
        END_ENTRY main, 2
        PRODUCER
