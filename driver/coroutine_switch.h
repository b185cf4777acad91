/* The part of a coroutine that depends on the machine: where a stack goes on, and the switch from
 * one to another. Private to coroutine.c.
 *
 * context_switch(from, to) notes in `from` where the caller is and goes on where `to` says; it
 * returns when somebody switches to `from`. context_prepare() makes a context that enters a
 * function with the context itself as its argument, on an empty stack, with no caller.
 *
 * x86-64 and aarch64: the switch stands inline, in two functions that are never inlined themselves.
 * It names every register as changed, so the compiler saves those it must (the callee-saved ones,
 * in the prologue) and the switch only moves the stack and frame pointers and the address. A call
 * to a function of its own that ends in `ret`, the usual way, costs a wrong guess of the
 * processor's return predictor for every switch. Vector registers beyond those that the ABI knows
 * hold nothing here: no function around a switch computes anything.
 *
 * Not saved: mxcsr, the x87 control word and fpcr, though the ABI has their control bits survive
 * calls. All threads of the VM have the default in them, mruby never changes it, and libm puts it
 * back before it returns. x86 shadow stacks (CET) are not supported: the VM's JIT does without,
 * too.
 *
 * Other machines: ucontext, which saves all that, and pays two system calls for each switch to save
 * the signal mask; the mask then moves with the coroutine. -DCOROUTINE_UCONTEXT selects it
 * anywhere.
 */
#ifndef RUBEAM_COROUTINE_SWITCH_H
#define RUBEAM_COROUTINE_SWITCH_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(COROUTINE_UCONTEXT)
#define COROUTINE_UCONTEXT
#endif
#ifdef __ILP32__
#error "the switch stores 64-bit pointers: use COROUTINE_UCONTEXT"
#endif

/* An unwinder that comes to a function which begins with this takes it for the outermost one. */
#if defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(__x86_64__)
#define CONTEXT_NO_CALLER() __asm__ volatile(".cfi_undefined rip")
#elif defined(__GCC_HAVE_DWARF2_CFI_ASM) && defined(__aarch64__)
#define CONTEXT_NO_CALLER() __asm__ volatile(".cfi_undefined x30")
#else
#define CONTEXT_NO_CALLER() (void)0
#endif

#define CONTEXT_INLINE static inline __attribute__((always_inline))

#ifdef COROUTINE_UCONTEXT

#include <ucontext.h>

struct context {
  ucontext_t machine;
  void (*entry)(struct context *);
};

/* makecontext() passes int arguments only. */
static void context_enter(unsigned high, unsigned low)
{
  CONTEXT_NO_CALLER();
  struct context *context =
      (struct context *)(uintptr_t)((uint64_t)high << 32 | (uint64_t)low); /* NOLINT */
  context->entry(context);
}

static void context_prepare(struct context *context, void *low, void *top,
                            void (*entry)(struct context *))
{
  uint64_t self = (uintptr_t)context;
  (void)getcontext(&context->machine); /* cannot fail on Linux */
  context->machine.uc_stack.ss_sp = low;
  context->machine.uc_stack.ss_size = (size_t)((char *)top - (char *)low);
  context->machine.uc_link = NULL;
  context->entry = entry;
  makecontext(&context->machine, (void (*)(void))context_enter, 2, (unsigned)(self >> 32),
              (unsigned)self);
}

CONTEXT_INLINE void context_switch(struct context *from, struct context *to)
{
  (void)swapcontext(&from->machine, &to->machine);
}

#else /* x86-64 and aarch64 */

/* The assembler below knows the order. */
struct context {
  void *address, *stack, *frame;
};

static inline void context_prepare(struct context *context, void *low, void *top,
                                   void (*entry)(struct context *))
{
  (void)low;
  uintptr_t *stack = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15);
#ifdef __x86_64__
  *--stack = 0; /* where a call would have left its return address */
#endif
  context->address = (void *)(uintptr_t)entry;
  context->stack = stack;
  context->frame = NULL; /* where unwinders by frame pointer stop */
}

#ifdef __x86_64__

/* The endbr64 is for processes with indirect branch tracking, elsewhere it does nothing. */
CONTEXT_INLINE void context_switch(struct context *from, struct context *to)
{
  __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                   "movq %%rax, 0(%%rsi)\n\t"
                   "movq %%rsp, 8(%%rsi)\n\t"
                   "movq %%rbp, 16(%%rsi)\n\t"
                   "movq 8(%%rdi), %%rsp\n\t"
                   "movq 16(%%rdi), %%rbp\n\t"
                   "jmpq *0(%%rdi)\n"
                   "1:\tendbr64"
                   : "+S"(from), "+D"(to)
                   :
                   : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                     "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
}

#else

/* A branch through x16 may enter a function or land on a `bti j` (hint 36), with branch target
 * identification or without. x30 is 0 at the entry: no caller. */
CONTEXT_INLINE void context_switch(struct context *from, struct context *to)
{
  register struct context *left __asm__("x1") = from;
  register struct context *entered __asm__("x0") = to;
  __asm__ volatile("adr x9, 1f\n\t"
                   "mov x10, sp\n\t"
                   "stp x9, x10, [x1]\n\t"
                   "str x29, [x1, #16]\n\t"
                   "ldp x16, x10, [x0]\n\t"
                   "ldr x29, [x0, #16]\n\t"
                   "mov sp, x10\n\t"
                   "mov x30, xzr\n\t"
                   "br x16\n"
                   "1:\thint #36"
                   : "+r"(left), "+r"(entered)
                   :
                   : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                     "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                     "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                     "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                     "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                     "v29", "v30", "v31", "cc", "memory");
}

#endif
#endif
#endif
