/* A job in slices: runs Ruby on a coroutine for a while, and has it give way.
 *
 * A job is a C function on a stack of its own (coroutine.h). It can be switched out at two kinds of
 * safe points: at an instruction of mruby's VM (the hook that the watchdog stores) and inside the
 * allocator, which is how mruby's long C functions are interrupted, its compiler above all.
 * Exceptions are raised at instructions only, never out of the allocator.
 *
 * There are two ways to end a job against its will. A stop (timeout, interrupt, a caller that died)
 * raises an exception once; after that the script has a number of slices left for its rescue
 * and ensure clauses. A kill comes when they are used up, when memory goes beyond its hard limit,
 * when the C stack is used up, or when mruby calls abort(): the coroutine never runs again, and the
 * heap is all that is left of the interpreter. Then only slice_fini and heap_close may be called.
 *
 * One `struct slice` per interpreter; one job at a time. Functions are for the thread that holds
 * the interpreter's running slice, where not said otherwise.
 */
#ifndef RUBEAM_SLICE_H
#define RUBEAM_SLICE_H

#include "coroutine.h"
#include "heap.h"
#include "status.h"
#include "watchdog.h"

#include <mruby.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stop { STOP_NONE, STOP_TIMEOUT, STOP_INTERRUPT, STOP_ABANDON };

enum slice_end {
  SLICE_RETURNED,  /* the job is done; its coroutine is given back */
  SLICE_PREEMPTED, /* it gave way, and wants to go on */
  SLICE_WAITING,   /* it waits until `wake_at`; or for a stop */
  SLICE_KILLED     /* see `killed`: the interpreter is gone */
};

enum kill {
  KILL_NONE,
  KILL_STUBBORN, /* went on for too long after it had been stopped */
  KILL_MEMORY,
  KILL_STACK,
  KILL_ABORT, /* mruby called abort() */
  KILL_EXIT   /* slice_exit */
};

struct slice {
  mrb_state *mrb;                 /* [const after open] */
  struct heap *heap;              /* [const] */
  struct watched watched;         /* see there */
  struct coroutine *job;          /* [slice] NULL between jobs */
  void (*body)(void *);           /* [slice] of the job */
  void *argument;                 /* [slice] */
  const _Atomic unsigned *others; /* [const] who waits for the pool's threads: see watchdog.h */
  size_t memory_limit; /* [const] soft: beyond it comes NoMemoryError; the heap's is hard */
  unsigned grace;      /* [const] slices after a stop */
  struct RClass *timeout_class, *interrupt_class; /* [const after open] what a stop raises */
  _Atomic int stop;                 /* [any] enum stop, set by slice_stop, cleared by slice_ready */
  _Atomic bool ending;              /* [any] set by slice_cut_short */
  bool stop_raised;                 /* [slice] */
  unsigned deaf_slices;             /* [slice] since a stop that could not be raised yet */
  unsigned grace_left;              /* [slice] */
  bool on_scheduler;                /* [slice] the running slice is inside a driver callback */
  bool want_collection;             /* [slice] at the next instruction: look at the memory */
  bool stack_low;                   /* [slice] at the next instruction: SystemStackError */
  bool refused;                     /* [slice] the allocator's last answer was NULL */
  bool waiting;                     /* [slice] why the job was switched out */
  size_t collect_at;                /* [slice] bytes in use from which the memory is looked at */
  size_t tidy_at;                   /* [slice] bytes in use from which slice_tidy collects */
  uintptr_t stack_soft, stack_hard; /* [slice] of the job's stack */
  int64_t wake_at;                  /* [slice] of a job that waits, ns */
  int64_t ran_ns;                   /* [slice] how long the job has run, about */
  enum kill killed;                 /* [slice] */
  int64_t exit_status;              /* [slice] of KILL_EXIT */
  char said[512];                   /* [slice] what mruby wrote to stderr; see slice_say */
  size_t said_length;               /* [slice] */
  _Atomic uint64_t slices, preemptions; /* [slice writes, any reads] */
  _Atomic uint64_t
      time_ns; /* [slice writes, any reads] in slices: of short ones about, see slice.c */
};

/* Prepares *slice for an interpreter to be opened in `heap` (whose limit is the hard limit on
 * memory). The slice is what mrb_open_allocf gets as its user data, with slice_allocate; the caller
 * then calls slice_attach with the state. No job may be started before. `waiting`: see watchdog.h.
 */
void slice_init(struct slice *slice, struct heap *heap, size_t memory_limit, int64_t slice_ns,
                unsigned grace, const _Atomic unsigned *waiting);
void slice_attach(struct slice *slice, mrb_state *mrb, struct RClass *timeout_class,
                  struct RClass *interrupt_class);

/* Gives the coroutine of an unfinished job back without running it again. Leaves the heap alone. */
void slice_fini(struct slice *slice);

/* The allocator of the interpreter: mrb_allocf, with a struct slice as user data. */
void *slice_allocate(mrb_state *mrb, void *block, size_t bytes, void *user);

/* A job may wait in the middle while another one runs on its stack, above it. What is the lower
 * one's alone is kept here meanwhile. */
struct slice_level {
  enum stop stop;
  bool stop_raised;
  unsigned deaf_slices, grace_left;
  int64_t ran_ns;
};

/* Another job begins upon the one that waits; afterwards the lower one's is put back. With both,
 * nobody may call slice_stop at the same time. */
void slice_push(struct slice *slice, struct slice_level *lower);
void slice_pop(struct slice *slice, const struct slice_level *lower);

/* Forgets the stop and all else of the job before. A stop that comes from now on is for the next
 * one, started or not. */
void slice_ready(struct slice *slice);

/* Prepares a job: `body` is called with `argument` on a stack of its own by the first slice_run.
 * It must not let an exception of mruby out. STATUS_NO_MEMORY: no stack could be had. */
MUST_CHECK enum status slice_start(struct slice *slice, void (*body)(void *), void *argument);

/* Runs the job for a slice on the calling thread. STATUS_NO_MEMORY: this thread can't run
 * jobs for lack of memory (and nothing has happened). */
MUST_CHECK enum status slice_run(struct slice *slice, bool on_scheduler, enum slice_end *end);

/* The same for the job that opens the interpreter: nobody watches it (there is no state yet to set
 * a hook in), so it runs to its end. */
enum slice_end slice_run_unwatched(struct slice *slice);

/* Asks the present job to stop. Any thread; the job hears of it at its next slice, so whoever has
 * it queued must see to that (a running slice is asked to end). The first reason counts. */
void slice_stop(struct slice *slice, enum stop why);

/* No slice is wanted any more: one that runs, or begins just now, ends at its next safe point. Any
 * thread. */
void slice_cut_short(struct slice *slice);
enum stop slice_stopped(const struct slice *slice);

/* The slice that runs on this thread, NULL if none. */
struct slice *slice_current(void);

/* --- called by the job itself, on its coroutine --- */

/* Keeps what mruby writes to stderr (its compiler tells some errors in no other way), as much as
 * fits into `said`. The link makes stdio's functions come here: see stdio_guard.c. */
void slice_say(struct slice *slice, const char *text, size_t length);

/* A safe point in C code that allocates nothing and runs no Ruby for long: gives way if asked to,
 * raises what is due to be raised. */
void slice_checkpoint(struct slice *slice);

/* The same for code that no exception may leave: raises nothing. True: something is due to be raised,
 * so the code should come to its end, and call slice_checkpoint then. */
bool slice_pass(struct slice *slice);

/* Collects what is garbage; raises NoMemoryError if more is in use than may be all the same. Not on a
 * scheduler: gives way first. */
void slice_look_at_memory(struct slice *slice);

/* Raises SystemStackError if less than `bytes` of stack are left. */
void slice_need_stack(struct slice *slice, size_t bytes);

/* Before what takes long and has no safe points, or blocks the thread: from a scheduler the job moves to
 * the pool first. Raises nothing: a stop that comes meanwhile is raised at the next safe point. */
void slice_leave_scheduler(struct slice *slice);

/* At the end of a job: gives back what a large one has left behind, so that the interpreter is
 * small again while it is idle. Not on a scheduler; a job that never left it was small. */
void slice_tidy(struct slice *slice);

/* Switches the job out until `at` (now_ns()); comes back early only to raise for a stop. */
void slice_wait(struct slice *slice, int64_t at);

/* Switches the job out once, as one that waits until `at`. It comes back when whoever holds it runs
 * it again, for whatever reason: the caller looks why, and never counts on the time. */
void slice_pause(struct slice *slice, int64_t at);

/* Has the job been told to stop, and must it still hear of it? At the next safe point it does. */
bool slice_stop_is_due(const struct slice *slice);

/* How long a job that has been stopped may still wait for anything, in nanoseconds; INT64_MAX for
 * one that has not. */
int64_t slice_patience(const struct slice *slice);

/* For the job: it ends here and now, and the interpreter with it. */
_Noreturn void slice_exit(struct slice *slice, int64_t status);

#endif
