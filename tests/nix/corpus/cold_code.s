/* Machine code without any symbol. */
        .text
        .p2align 4
        movl    $60, %eax
        xorl    %edi, %edi
        syscall
        imull   $3, %edi, %eax
        ret
        .section .note.GNU-stack, "", @progbits
