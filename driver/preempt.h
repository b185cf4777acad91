/* Has a job give way in the middle of mruby's C code.
 *
 * Some C functions of mruby neither fetch instructions nor allocate for seconds: products of large
 * integers, searches in long strings, its code generator, a full garbage collection. A thread that
 * runs one is sent a signal, whose handler switches the job out right there: the interrupted
 * function, the signal's frame and all stay on the job's own stack, and go on when the job is
 * resumed, on whatever thread.
 *
 * That is safe where the interrupted code holds nothing that others need. mruby's own code holds
 * nothing: it touches its interpreter alone, which nobody else may touch. So the handler looks
 * where the thread is, and only acts in mruby's code (which the link puts into a section of its
 * own), never in libc, erts, or ours: a lock may be held there. Those are left soon, and the next
 * signal comes.
 */
#ifndef RUBEAM_PREEMPT_H
#define RUBEAM_PREEMPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Puts the handler in. Any thread; nothing happens if it is in. Without it (no free signal, or a
 * machine that it is not made for) preempt_thread does nothing. */
void preempt_install(void);

/* From here on the signal is ignored: one may still be on its way. */
void preempt_remove(void);

/* A thread that may be interrupted. */
struct preempt_target {
  pthread_t thread;        /* [const] */
  _Atomic bool on_its_way; /* [any] a signal was sent whose handler is not done yet */
};

/* To be called once on each thread that resumes coroutines: fills in its target, which must be
 * there until the thread ends or enters with another one. The signal must not be blocked. */
void preempt_enter_thread(struct preempt_target *target);

/* Interrupts the thread, which must be there still, if it runs a coroutine. Any thread. Whoever
 * sends sees to it, by a lock, that the thread then calls preempt_settle before it goes on to other
 * work. While a signal is on its way no second one is sent: a thread that the system does not let
 * run would gather them, and take them all at once, one upon the other, on its stack. */
void preempt_thread(struct preempt_target *target);

/* On the target's thread: afterwards no signal that was sent to it is still on its way. */
void preempt_settle(struct preempt_target *target);

#endif
