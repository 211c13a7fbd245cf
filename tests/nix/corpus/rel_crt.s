/* filc_crt.o: the ordinary main, which hands over to the runtime. */
        .text
        .globl  main
        .type   main, @function
main:
        movq    pizlonated___libc_start_main@GOTPCREL(%rip), %rcx
        leaq    pizlonated_main(%rip), %rdx
        jmp     filc_start_program@PLT
        .size   main, . - main
        .section .note.GNU-stack, "", @progbits
