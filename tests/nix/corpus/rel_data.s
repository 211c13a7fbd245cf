/* Data, with its getter, as the new convention makes it; no checks are needed for it. */
        .section .data.rel.ro, "aw", @progbits
        .p2align 4
        .type   pizlonatedDO_corpus_table, @object
pizlonatedDO_corpus_table:
        .quad   pizlonatedDO_corpus_table + 16 + 16
        .quad   0
        .quad   1, 2
        .size   pizlonatedDO_corpus_table, 32
        .text
        .globl  pizlonated_corpus_table
        .type   pizlonated_corpus_table, @function
pizlonated_corpus_table:
        leaq    pizlonatedDO_corpus_table+16(%rip), %rax
        movq    %rax, %rdx
        retq
        .size   pizlonated_corpus_table, . - pizlonated_corpus_table
        .ident  "clang version 20.1.8 (Fil-C 0.686 git@github.com:pizlonator/fil-c.git 163fae598eaf249b74065b0156f3a7e7ba8c0e5a)"
        .section .note.GNU-stack, "", @progbits
