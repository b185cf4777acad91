/* What the watchdog is given in its tests: jobs that are no more than what it sees of them, and
 * timers that note when they ring. No mruby runs: of a state the watchdog touches one pointer. */
#ifndef RUBEAM_TEST_WATCHDOG_FIXTURE_H
#define RUBEAM_TEST_WATCHDOG_FIXTURE_H

#include "watchdog.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define MS     INT64_C(1000000)

/* --- a job as the watchdog sees it --- */

struct work {
  struct watched watched;
  mrb_state mrb;
};

void work_init(struct work *work, int64_t slice_ns);

/* Has the watchdog asked it to give way? And set the hook in its state? */
bool is_asked(struct work *work);
bool is_hooked(struct work *work);

/* --- the watchdog's thread --- */

/* How often has it gone to sleep? -1: it is not there. */
long thread_switches(void);

/* With nothing to do it ticked 2,000 times a second otherwise. */
bool thread_sleeps(void);

/* --- timers --- */

/* A timer that notes what becomes of it. */
struct bell {
  struct timer timer;
  _Atomic int retained, fired;
  _Atomic int64_t fired_at;
  int64_t wanted_at;
};

/* What has rung, in the order in which it did. */
struct rung {
  struct bell *bells[2000];
  _Atomic size_t count;
  _Atomic bool wait; /* the watchdog's thread waits inside of fire until it is false */
  _Atomic bool waits;
};

extern struct rung rung;

struct bell *bell_of(struct timer *timer);

/* With a place reserved in the watchdog: watchdog_release gives it back. */
void bell_init(struct bell *bell);
void set_bell(struct bell *bell, int64_t at);

/* A bell's `retain` and `fire`. */
void note_retain(struct timer *timer);
void note_fire(struct timer *timer);

/* Keeps the watchdog's thread inside of a timer's fire: what is set meanwhile rings together. */
void hold_the_thread(struct bell *bell);
void let_the_thread_go(void);

#endif
