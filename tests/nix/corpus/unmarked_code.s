/* Machine code in a section that says that it is data, and has the name of code. */
        .section .text.hidden, "a", @progbits
        movl    $60, %eax
        xorl    %edi, %edi
        syscall
        imull   $3, %edi, %eax
        ret
        .section .note.GNU-stack, "", @progbits
