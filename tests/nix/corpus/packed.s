/* What a packer leaves: one stub that unpacks the program behind it into memory, and a mark. */
        .text
        .globl  _start
_start:
        jmp     1f
        .ascii  "UPX!"
        .zero   28
1:      leaq    2f(%rip), %rsi
        movl    $60, %eax
        syscall
2:      .fill   2048, 1, 0x5a
        .section .note.GNU-stack, "", @progbits
