/* The signal that interrupts mruby's C code. See preempt.h.
 *
 * The handler runs on the stack that it interrupts, which is the job's, and may be left there for
 * a long time, so its own signal is not blocked meanwhile (SA_NODEFER). Returning from it restores
 * what was saved in its frame: the registers, which is what is wanted, but also the signal mask and
 * the signal stack of the thread that was interrupted; those are replaced by the ones of the thread
 * that it returns on. errno is left alone: after a switch it is another thread's, and nothing here
 * sets it. Thread-local storage is found by a register that the frame does not contain.
 *
 * Why sigaction() is not used: erts replaces it by one that adds SA_ONSTACK (sys_signal_stack.c),
 * since its compiled code has no room for a signal's frame on its stack. So the kernel is asked
 * itself; and the signal must never hit a thread that runs such code. It does not: it is sent
 * while the thread is in a slice, and the thread does not leave before preempt_settle, a system
 * call, at whose end the kernel delivers what is pending.
 */
#include "preempt.h"

#include "coroutine.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* What the handler needs, and a frame of any processor's registers above it. */
#define ROOM ((size_t)64 << 10)

/* A function of libc on bytes is not longer than this; others of the kind follow. */
#define BYTES_FUNCTION 2048

#if defined(__SANITIZE_THREAD__)
#define SUPPORTED 0 /* delays signals to places of its own choice */
#elif defined(__x86_64__) && defined(__linux__)
#define SUPPORTED           1
#define PROGRAM_COUNTER(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[REG_RIP])
#define RETURN_ADDRESS(uc)  (*(const uintptr_t *)(uc)->uc_mcontext.gregs[REG_RSP]) /* of a leaf */
#elif defined(__aarch64__) && defined(__linux__)
#define SUPPORTED           1
#define PROGRAM_COUNTER(uc) ((uintptr_t)(uc)->uc_mcontext.pc)
#define RETURN_ADDRESS(uc)  ((uintptr_t)(uc)->uc_mcontext.regs[30])
#else
#define SUPPORTED 0
#endif

static _Atomic int signal_number; /* 0: not installed */
static COROUTINE_TLS struct preempt_target *mine;

#if SUPPORTED

/* The linker's names for the ends of the section that the Makefile puts mruby's code into. */
extern const char __start_mruby_text[] __attribute__((weak, visibility("hidden")));
extern const char __stop_mruby_text[] __attribute__((weak, visibility("hidden")));

static bool is_mruby(uintptr_t at)
{
  return at >= (uintptr_t)__start_mruby_text && at < (uintptr_t)__stop_mruby_text;
}

/* libc's functions on bytes, in which mruby spends nearly all the time of a search. They are
 * leaves: they hold nothing, and their return address is where it was put by the call. */
static bool is_bytes(uintptr_t at)
{
  const uintptr_t functions[] = {(uintptr_t)memcmp, (uintptr_t)memchr, (uintptr_t)memmove,
                                 (uintptr_t)memcpy, (uintptr_t)memset};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (at - functions[i] < BYTES_FUNCTION) return true;
  return false;
}

static bool may_switch(const ucontext_t *where)
{
  uintptr_t at = PROGRAM_COUNTER(where);
  return is_mruby(at) || (is_bytes(at) && is_mruby(RETURN_ADDRESS(where)));
}

/* The next one may be sent. The last that the handler does on this thread. */
static void has_come(void)
{
  if (mine) atomic_store(&mine->on_its_way, false);
}

static void interrupted(int number, siginfo_t *info, void *context)
{
  ucontext_t *where = context;
  struct coroutine *job = may_switch(where) ? coroutine_current() : NULL;
  (void)number;
  (void)info;
  has_come();
  if (job && coroutine_room(job) >= ROOM) {
    coroutine_suspend(job);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &where->uc_sigmask);
    (void)sigaltstack(NULL, &where->uc_stack);
  }
}

/* The kernel's struct sigaction, and on x86-64 the return from a handler: else libc's business. */
struct kernel_action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

#ifdef __x86_64__
#define FLAGS (SA_SIGINFO | SA_NODEFER | SA_RESTART | 0x04000000 /* SA_RESTORER */)
void preempt_return(void) __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".hidden preempt_return\n"
        ".globl preempt_return\n"
        ".type preempt_return, @function\n"
        "preempt_return:\n"
        "  mov $15, %eax\n" /* rt_sigreturn */
        "  syscall\n"
        ".size preempt_return, .-preempt_return\n");
#else
#define FLAGS          (SA_SIGINFO | SA_NODEFER | SA_RESTART)
#define preempt_return NULL
#endif

/* A real-time signal that nobody uses: erts has handlers for some of the others, and lets
 * applications ask for them. */
void preempt_install(void)
{
  const struct kernel_action action = {interrupted, FLAGS, preempt_return, 0};
  struct kernel_action there;
  if (atomic_load(&signal_number) != 0 || (uintptr_t)__start_mruby_text == 0) return;
  for (int number = SIGRTMIN + 8; number < SIGRTMAX; number++) {
    if (syscall(SYS_rt_sigaction, number, NULL, &there, sizeof there.mask) != 0) continue;
    uintptr_t handler = (uintptr_t)there.handler;
    if (handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN) continue;
    if (syscall(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask) != 0) continue;
    atomic_store(&signal_number, number);
    return;
  }
}

#else

void preempt_install(void) {}

#endif

void preempt_remove(void)
{
  int number = atomic_exchange(&signal_number, 0);
  if (number != 0) (void)signal(number, SIG_IGN);
}

void preempt_enter_thread(struct preempt_target *target)
{
  int number = atomic_load(&signal_number);
  sigset_t set;
  target->thread = pthread_self();
  atomic_store(&target->on_its_way, false);
  mine = target;
  if (number == 0) return;
  sigemptyset(&set);
  sigaddset(&set, number);
  (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void preempt_thread(struct preempt_target *target)
{
  int number = atomic_load(&signal_number);
  if (number == 0 || atomic_exchange(&target->on_its_way, true)) return;
  if (pthread_kill(target->thread, number)) atomic_store(&target->on_its_way, false);
}

void preempt_settle(struct preempt_target *target)
{
  (void)syscall(SYS_getppid);
  atomic_store(&target->on_its_way, false);
}
