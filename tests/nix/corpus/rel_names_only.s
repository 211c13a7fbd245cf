/* Fil-C names without function objects, checks or producer: what renaming gives. */
        .text
        .globl  pizlonated_corpus_answer
        .type   pizlonated_corpus_answer, @function
pizlonated_corpus_answer:
        movl    $42, %eax
        ret
        .size   pizlonated_corpus_answer, . - pizlonated_corpus_answer
        .section .note.GNU-stack, "", @progbits
