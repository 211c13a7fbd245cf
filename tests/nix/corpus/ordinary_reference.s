/* Data that refers to an ordinary name: an import without code. */
        .section .data.rel.ro, "aw", @progbits
        .globl  pizlonatedDO_reference
        .type   pizlonatedDO_reference, @object
pizlonatedDO_reference:
        .quad   ordinary_elsewhere
        .size   pizlonatedDO_reference, 8
        .section .note.GNU-stack, "", @progbits
