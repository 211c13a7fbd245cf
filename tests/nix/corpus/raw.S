        .text
        .globl  pizlonated_raw
        .type   pizlonated_raw, @function
pizlonated_raw:
        movl    $7, %eax
        ret
        .size   pizlonated_raw, . - pizlonated_raw
        .section .note.GNU-stack, "", @progbits
