/* A weak reference to what many start-up objects look up. */
        .section .data.rel.ro, "aw", @progbits
        .globl  pizlonatedDO_gmon_reference
        .type   pizlonatedDO_gmon_reference, @object
pizlonatedDO_gmon_reference:
        .weak   __gmon_start__
        .quad   __gmon_start__
        .size   pizlonatedDO_gmon_reference, 8
        .section .note.GNU-stack, "", @progbits
