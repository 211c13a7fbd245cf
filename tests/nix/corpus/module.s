/* A made-up kernel module. */
        .section .modinfo, "a", @progbits
        .asciz  "license=GPL"
        .asciz  "vermagic=6.1.0 SMP mod_unload"
        .section .gnu.linkonce.this_module, "aw", @progbits
        .globl  __this_module
        .type   __this_module, @object
__this_module:
        .zero   64
        .text
        .globl  init_module
        .type   init_module, @function
init_module:
        xorl    %eax, %eax
        ret
        .section .note.GNU-stack, "", @progbits
