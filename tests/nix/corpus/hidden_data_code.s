/* Machine code in a section of data that can be executed. */
        .section .payload, "awx", @progbits
        .globl  pizlonated_payload
        .type   pizlonated_payload, @object
pizlonated_payload:
        movl    $60, %eax
        syscall
        ret
        .size   pizlonated_payload, . - pizlonated_payload
        .section .note.GNU-stack, "", @progbits
