/* Coroutines: a C stack of its own that is entered on one thread, switched out anywhere, and
 * entered again, on the same thread or on another.
 *
 * What code that runs on a coroutine must know:
 *
 *  - After coroutine_suspend() it may be on another thread. The address of a thread-local variable
 *    must not be kept across it, and compilers do keep it within a function: read thread-local
 *    variables through functions that are not inlined, such as coroutine_current(). `errno` is one
 *    of them: after a switch it has another thread's value.
 *  - No lock is held across a switch: another thread would have to unlock it.
 *  - longjmp() goes to frames of the same coroutine only. The longjmp check of _FORTIFY_SOURCE
 *    rightly ends the process for a jump between stacks; here nobody does that.
 *  - Rounding modes and other floating point control bits stay with the thread.
 *
 * A coroutine belongs to one thread at a time. Who hands it on to another thread does so after
 * coroutine_resume() has returned, and with a lock or a release and acquire pair between the two.
 */
#ifndef RUBEAM_COROUTINE_H
#define RUBEAM_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Sizes in bytes, multiples of 64 KB (the largest page of Linux on the machines we know). A stack
 * is reserved, not committed: it costs the pages that were touched, at least one. */
#ifndef COROUTINE_STACK_BYTES
#define COROUTINE_STACK_BYTES ((size_t)8 << 20)
#endif

/* The guard has no access, so that running off the end of a stack faults. A frame that is larger
 * than the guard could step over it: code built with -fstack-clash-protection touches every page of
 * a frame in order and cannot, but libc is not built so everywhere. mruby's largest step is its
 * parser's: alloca() of 10 bytes for each of up to YYMAXDEPTH (10,000) nested things, 100 KB that a
 * script asks for, and it touches the far end first. */
#ifndef COROUTINE_GUARD_BYTES
#define COROUTINE_GUARD_BYTES ((size_t)256 << 10)
#endif

/* What a closed stack keeps of its pages; deeper ones go back to the system. mruby's parser uses up
 * to 235 KB. */
#ifndef COROUTINE_KEPT_BYTES
#define COROUTINE_KEPT_BYTES ((size_t)256 << 10)
#endif

/* Closed stacks that wait for the next coroutine_open(), beside one for each thread: the one that
 * it closed last. */
#ifndef COROUTINE_POOL_LIMIT
#define COROUTINE_POOL_LIMIT 64
#endif

/* For variables that a signal handler reads: glibc may call malloc() for the first access of a
 * thread to an ordinary thread-local variable of a library that was loaded later. Keep them few and
 * small, the room for such variables is a few hundred bytes for all libraries of the process. */
#ifdef __GLIBC__
#define COROUTINE_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define COROUTINE_TLS _Thread_local
#endif

struct coroutine;

/* How coroutine_resume() came back. */
enum coroutine_state {
  COROUTINE_SUSPENDED, /* it can be resumed */
  COROUTINE_RETURNED,  /* its body returned */
  COROUTINE_ABANDONED  /* its body was left for good; coroutine_cause() tells why */
};

enum coroutine_cause {
  COROUTINE_CAUSE_NONE,  /* not abandoned */
  COROUTINE_CAUSE_STACK, /* ran off the end of its stack */
  COROUTINE_CAUSE_ABORT, /* called abort() */
  COROUTINE_CAUSE_KILL   /* was told to */
};

/* Gives the caller a coroutine with nothing to run, on a stack from the pool or a new one. Any
 * thread. STATUS_NO_MEMORY: no mapping to be had. That may be address space (RLIMIT_AS, or
 * vm.overcommit_memory=2, where a reserve counts in full), or the number of mappings: each stack
 * takes two of vm.max_map_count (65,530 by default). */
MUST_CHECK enum status coroutine_open(struct coroutine **out);

/* Takes the coroutine back, its stack goes to the pool or to the system. Any thread, in any state
 * but running. A suspended one is dropped: it never runs again, nothing on its stack is cleaned up.
 * That is the kill. */
void coroutine_close(struct coroutine *coroutine);

/* Makes the next resume call body(argument) on the coroutine: one that is new, has returned or was
 * abandoned. `argument` is not looked at. */
void coroutine_start(struct coroutine *coroutine, void (*body)(void *), void *argument);

/* Runs a started or suspended coroutine on the calling thread, until it suspends itself, returns or
 * is abandoned, and says which. May be called on another coroutine. */
enum coroutine_state coroutine_resume(struct coroutine *coroutine);

/* Called on the coroutine: goes back to whoever resumed it, returns when it is resumed again. */
void coroutine_suspend(struct coroutine *coroutine);

/* Called on the coroutine, or in a signal handler that interrupted it: goes back to whoever resumed
 * it and never returns. Nothing on the stack is cleaned up; locks that are held there stay locked.
 * The coroutine can be started again. Safe in a signal handler. */
_Noreturn void coroutine_abandon(struct coroutine *coroutine, enum coroutine_cause cause);

/* Why it was abandoned, if it was since its last start. */
enum coroutine_cause coroutine_cause(const struct coroutine *coroutine);

/* The coroutine that runs on this thread, NULL if none. Never inlined, safe in a signal handler. */
struct coroutine *coroutine_current(void);

/* The lowest address of its stack; the guard lies below. The same until it is closed. */
uintptr_t coroutine_bottom(const struct coroutine *coroutine);

/* Called on the coroutine: bytes of stack that are left. 0 if called from somewhere else. */
size_t coroutine_room(const struct coroutine *coroutine);

/* Whether the address lies in the guard below its stack. Safe in a signal handler. */
bool coroutine_guards(const struct coroutine *coroutine, const void *address);

/* Gives all but `keep` of the pooled stacks back to the system, those that wait for a thread first.
 * Any thread, any time; with 0 when the library is unloaded. */
void coroutine_pool_trim(size_t keep);

struct coroutine_figures {
  size_t mapped; /* stacks there are, in use or pooled */
  size_t pooled; /* of them waiting for use, in the pool or for a thread */
};

/* Any thread. */
struct coroutine_figures coroutine_pool_figures(void);

#endif
