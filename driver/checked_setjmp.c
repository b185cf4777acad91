/* mruby's _setjmp: looks after the stack, then is the real one.
 *
 * Each entry of mruby's VM and each protected call saves its place with _setjmp. The Makefile has
 * the library call rubeam_setjmp instead, which must be transparent: the place that is saved is the
 * caller's, so it jumps to the real one with the stack and all that the call left as they were.
 */

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl rubeam_setjmp\n"
        ".hidden rubeam_setjmp\n"
        ".type rubeam_setjmp, @function\n"
        "rubeam_setjmp:\n"
        "  push %rdi\n"
        "  call slice_check_stack\n"
        "  pop %rdi\n"
        "  jmp _setjmp@PLT\n"
        ".size rubeam_setjmp, .-rubeam_setjmp\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl rubeam_setjmp\n"
        ".hidden rubeam_setjmp\n"
        ".type rubeam_setjmp, %function\n"
        "rubeam_setjmp:\n"
        "  stp x0, x30, [sp, #-16]!\n"
        "  bl slice_check_stack\n"
        "  ldp x0, x30, [sp], #16\n"
        "  b _setjmp\n"
        ".size rubeam_setjmp, .-rubeam_setjmp\n");
#endif

typedef int checked_setjmp_is_not_empty; /* C wants a declaration in each file */
