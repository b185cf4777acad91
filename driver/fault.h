/* Turns two ways in which C code on a coroutine would end the process into the coroutine's end: a
 * stack that overflows (COROUTINE_CAUSE_STACK), and abort() (COROUTINE_CAUSE_ABORT).
 *
 * abort() needs nothing but the linker's --wrap=abort, which sends the calls from the objects that
 * are linked here (mruby's) to __wrap_abort(); without the option the link fails. The calls inside
 * libc are not touched. (That of assert() would be one: mruby's objects call rubeam_assert_fail in
 * fault.c instead, see the Makefile.)
 *
 * A thread that overflows the stack while it holds a lock of libc (malloc's) leaves it locked. The
 * allocator that runs on coroutines must ask coroutine_room() before it calls into libc.
 */
#ifndef RUBEAM_FAULT_H
#define RUBEAM_FAULT_H

#include <stdbool.h>

#include "status.h"

/* Puts our handler for SIGSEGV in front of the one that is there. Faults that are none of ours go
 * to that one, or do what they did by default. Any thread; nothing happens if it is installed. */
void fault_install(void);

/* Takes the handler out: who was there before is there again. Any thread, while no coroutine runs.
 * False when somebody else has installed theirs over ours since: that one stays, and may call
 * ours, which from now on only passes faults on. Then the library must not be unloaded. */
MUST_CHECK bool fault_remove(void);

/* To be called on a thread before it resumes a coroutine: makes sure that a fault can be handled
 * there, which takes a signal stack, since the thread's own has no room, and SIGSEGV not blocked.
 * Quick after the first time. A thread that has a signal stack keeps it, one that has none gets one
 * that is never freed, unless by fault_leave_thread(): the thread goes on to use it when this
 * library is unloaded, and still has it when it is loaded again. So there is one per thread at
 * most. STATUS_NO_MEMORY: an overflow on this thread would end the process. */
MUST_CHECK enum status fault_enter_thread(void);

/* To be called at the end of a thread of our own: frees the signal stack that it got above. */
void fault_leave_thread(void);

#endif
