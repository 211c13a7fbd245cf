/* Machine code with a label instead of a function. */
        .text
        .globl  ordinary_label
ordinary_label:
        movl    $60, %eax
        syscall
        ret
        .section .note.GNU-stack, "", @progbits
