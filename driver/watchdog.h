/* The watchdog: one thread that asks jobs which have run for a slice to give way, and that
 * rings timers (deadlines of requests, ends of sleeps).
 *
 * Asking costs the job nothing until it happens: mruby tests one pointer per instruction
 * (MRB_USE_DEBUG_HOOK), and the watchdog stores the hook there. Looking costs more than one would
 * think (on a virtual machine a wake-up was seen to take 50 us from whoever runs), so the thread
 * looks when a slice may be over and not else, and a slice whose thread nobody else waits for may
 * be long.
 *
 * Which memory may it touch? A job may end, and its interpreter be freed, while the watchdog looks
 * at it. So each thread that runs slices has a slot; the slot names the running job between
 * watchdog_enter and watchdog_leave, the watchdog touches a job only while it holds the slot's lock
 * and the slot names it, and watchdog_leave takes that lock.
 */
#ifndef RUBEAM_WATCHDOG_H
#define RUBEAM_WATCHDOG_H

#include "status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mrb_state;
struct mrb_irep;

/* What the watchdog may do to a running job. Embedded in the job's interpreter. */
struct watched {
  struct mrb_state *mrb; /* [const] whose hook is set */
  void (*hook)(struct mrb_state *, const struct mrb_irep *, const uint8_t *, void *); /* [const] */
  int64_t slice_ns; /* [const] how long a slice may be */
  /* [set before watchdog_enter] When the slice began, by now_ns(); 0 where asking the clock would
   * cost too much: then the watchdog takes the time when it first sees it. */
  int64_t began;
  /* [set before watchdog_enter; read until watchdog_leave] How many wait for the thread that the
   * slice runs on: while it is none the slice may be WATCHDOG_ALONE_NS long. NULL: somebody always
   * does. */
  const _Atomic unsigned *waiting;
  _Atomic bool asked; /* [any] give way at the next safe point */
};

/* The longest slice while nobody waits for its thread. Not for ever: figures are brought up to date
 * between slices. */
#define WATCHDOG_ALONE_NS INT64_C(50000000)

struct timer {
  int64_t at;                     /* [watchdog's lock] CLOCK_MONOTONIC, ns */
  size_t place;                   /* [watchdog's lock] 1 + index in the heap; 0 is not set */
  void (*retain)(struct timer *); /* [const] called under the watchdog's lock, before fire */
  void (*fire)(struct timer *);   /* [const] called on the watchdog's thread, without its lock */
};

/* Starts the thread. STATUS_NO_MEMORY where it cannot be started. Calls pair up with
 * watchdog_stop: the last stop joins the thread, and nothing may be watched by then. */
MUST_CHECK enum status watchdog_start(void);
void watchdog_stop(void);

/* This thread runs `watched` from here to watchdog_leave. STATUS_NO_MEMORY where the thread has no
 * slot and none can be made (once per thread). No nesting. */
MUST_CHECK enum status watchdog_enter(struct watched *watched);
void watchdog_leave(struct watched *watched);

/* Asks `watched` to give way now, if it runs on some thread. What the caller has stored before the
 * call is seen by a slice that enters too late to be asked, if it looks after watchdog_enter with
 * sequentially consistent loads. Any thread; `watched` must not be freed meanwhile. */
void watchdog_ask(struct watched *watched);

/* `waiting` of some slice that runs is no longer 0. Any thread. */
void watchdog_notice(void);

/* Each owner of a timer reserves its place first, so that setting it cannot fail.
 * STATUS_NO_MEMORY: not reserved. Any thread. */
MUST_CHECK enum status watchdog_reserve(void);
void watchdog_release(void);

/* Sets the timer to ring at `at` (again if it was set). Any thread, with a place reserved.
 * A timer rings once: retain, then, without any lock, fire. */
void watchdog_set(struct timer *timer, int64_t at);

/* After it the timer does not ring any more, but for a ring that has begun (and holds what retain
 * gave it). Any thread; also for a timer that is not set. */
void watchdog_cancel(struct timer *timer);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t now_ns(void);

#endif
