/* A weak reference to an ordinary name. */
        .section .data.rel.ro, "aw", @progbits
        .globl  pizlonatedDO_weak_reference
        .type   pizlonatedDO_weak_reference, @object
pizlonatedDO_weak_reference:
        .weak   ordinary_elsewhere
        .quad   ordinary_elsewhere
        .size   pizlonatedDO_weak_reference, 8
        .section .note.GNU-stack, "", @progbits
