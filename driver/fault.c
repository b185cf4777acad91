/* Stack overflows and abort() on coroutines. See fault.h.
 *
 * A stack that overflows touches its guard: SIGSEGV, with the address, on the thread's signal
 * stack. The handler asks which coroutine runs on this thread and whether the address lies in its
 * guard. If so it leaves the coroutine as anybody would, with a switch to its resumer; it never
 * returns from the signal. On Linux that leaves nothing behind:
 *
 *  - Whether a signal stack is in use the kernel tells by the stack pointer (sigaltstack(2); but
 *    for SS_AUTODISARM, which nobody here sets), so after the switch it is free for the next one.
 *  - The signal mask is put back here, as returning would. (SA_NODEFER and an empty sa_mask would
 *    leave it alone, but a tool may come between: ThreadSanitizer blocks everything in handlers.)
 *  - The kernel enters handlers with the default floating point state, which is what all threads
 *    use.
 *
 * The handler calls nothing that is not async-signal-safe, and its thread-local variable is one
 * that needs no memory at the first access (COROUTINE_TLS). Guards fault with SIGSEGV on Linux;
 * SIGBUS comes from mapped files and broken memory and is left alone.
 *
 * Left out: a signal that arrives on a coroutine with too little stack left for the signal's frame.
 * The kernel then sends SIGSEGV without an address, which is not ours. The VM's signal handlers run
 * on its signal stacks or on a thread of their own, and our threads block all but faults.
 */
#include "fault.h"
#include "coroutine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* At least. What it takes depends on the processor's registers, which the kernel puts there too. */
#define SIGNAL_STACK_BYTES ((size_t)64 << 10)

static struct {
  pthread_mutex_t lock;
  bool installed; /* [lock] */
  bool buried;    /* [lock] removed, but there may be a handler over ours that calls it */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Written while our handler is not installed, read by it. */
static struct sigaction previous;

static COROUTINE_TLS bool entered;
static COROUTINE_TLS void *own_stack;
static COROUTINE_TLS size_t own_stack_bytes;

/* --- abort --- */

_Noreturn void __wrap_abort(void);
_Noreturn void __real_abort(void);

_Noreturn void __wrap_abort(void)
{
  struct coroutine *co = coroutine_current();
  if (co != NULL) coroutine_abandon(co, COROUTINE_CAUSE_ABORT);
  __real_abort();
}

/* What assert() calls in mruby's objects: see the Makefile. */
_Noreturn void rubeam_assert_fail(const char *text, const char *file, unsigned line,
                                  const char *function);

_Noreturn void rubeam_assert_fail(const char *text, const char *file, unsigned line,
                                  const char *function)
{
  (void)text;
  (void)file;
  (void)line;
  (void)function;
  __wrap_abort();
}

/* --- the handler --- */

static void pass_on(int number, siginfo_t *info, void *context)
{
  bool sent = info->si_code <= 0; /* by kill() and the like: does not happen again by itself */
  if (previous.sa_handler == SIG_IGN && sent) return;
  if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN ||
      (previous.sa_flags & (int)SA_RESETHAND)) {
    /* The fault repeats when we return, and then takes the course it always took. */
    (void)sigaction(number, &previous, NULL);
    if (sent) (void)raise(number);
    return;
  }
  /* As the kernel would call it. The mask goes back when our handler returns, or is the business of
   * one that leaves by a jump. */
  sigset_t mask = previous.sa_mask;
  if (!(previous.sa_flags & SA_NODEFER)) (void)sigaddset(&mask, number);
  (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
  if (previous.sa_flags & SA_SIGINFO)
    previous.sa_sigaction(number, info, context);
  else
    previous.sa_handler(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  struct coroutine *co = coroutine_current();
  if (co != NULL && info->si_code > 0 && coroutine_guards(co, info->si_addr)) {
    const ucontext_t *interrupted = context;
    (void)pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
    coroutine_abandon(co, COROUTINE_CAUSE_STACK);
  }
  pass_on(number, info, context);
}

static bool is_ours(const struct sigaction *action)
{
  return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

void fault_install(void)
{
  pthread_mutex_lock(&state.lock);
  struct sigaction now;
  (void)sigaction(SIGSEGV, NULL, &now); /* cannot fail, as below */
  /* A handler that was put over ours calls ours: in front of it once more, each would call the
   * other for ever. */
  bool in_chain =
      is_ours(&now) || (state.buried && now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if (!state.installed && !in_chain) {
    struct sigaction ours = {.sa_sigaction = on_fault,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    (void)sigemptyset(&ours.sa_mask);
    previous = now;
    (void)sigaction(SIGSEGV, &ours, NULL);
  }
  state.installed = true;
  pthread_mutex_unlock(&state.lock);
}

bool fault_remove(void)
{
  pthread_mutex_lock(&state.lock);
  struct sigaction now;
  (void)sigaction(SIGSEGV, NULL, &now);
  if (is_ours(&now)) {
    (void)sigaction(SIGSEGV, &previous, NULL);
    state.buried = false;
  } else if (state.installed) {
    state.buried = true;
  }
  state.installed = false;
  bool gone = !state.buried;
  pthread_mutex_unlock(&state.lock);
  return gone;
}

/* --- threads --- */

static enum status give_signal_stack(void)
{
  long wanted = sysconf(_SC_SIGSTKSZ); /* -1 where the name is not known */
  size_t bytes = wanted > (long)SIGNAL_STACK_BYTES ? (size_t)wanted : SIGNAL_STACK_BYTES;
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return STATUS_NO_MEMORY;
  stack_t stack = {.ss_sp = memory, .ss_size = bytes};
  if (sigaltstack(&stack, NULL) != 0) {
    (void)munmap(memory, bytes);
    return STATUS_NO_MEMORY;
  }
  own_stack = memory;
  own_stack_bytes = bytes;
  return STATUS_OK;
}

enum status fault_enter_thread(void)
{
  if (entered) return STATUS_OK;
  stack_t stack;
  if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE)) {
    enum status status = give_signal_stack();
    if (status != STATUS_OK) return status;
  }
  sigset_t fault;
  (void)sigemptyset(&fault);
  (void)sigaddset(&fault, SIGSEGV);
  (void)pthread_sigmask(SIG_UNBLOCK, &fault, NULL);
  entered = true;
  return STATUS_OK;
}

void fault_leave_thread(void)
{
  if (own_stack != NULL) {
    stack_t none = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    (void)munmap(own_stack, own_stack_bytes);
  }
  own_stack = NULL;
  entered = false;
}
