        .text
        .globl  assembled
        .type   assembled, @function
assembled:
        movl    $7, %eax
        ret
        .size   assembled, . - assembled
        .section .note.GNU-stack, "", @progbits
