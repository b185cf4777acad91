/* Slices: see slice.h. What runs where: everything here runs on the thread that holds the slice,
 * and all but slice_run, slice_start and slice_fini on the job's own stack. slice_stop is the
 * exception.
 *
 * Memory. Up to memory_limit all is well. mruby starts collections by the number of objects, not
 * by their bytes, so from `collect_at` on the allocator asks for a look at the next instruction:
 * there a full collection runs (never on a scheduler: the job first moves to the pool), and if
 * the live data alone is over the limit, NoMemoryError is raised. A large request that does not
 * fit under the limit is refused at once: those come from strings, arrays and hashes, and mruby
 * handles a refused one well. Small ones it does not (about one refused one in twenty crashes it,
 * most in the compiler), so they are given up to the hard limit, and there the job is killed.
 */
#include "slice.h"

#include "fault.h"

#include <mruby/error.h>
#include <mruby/irep.h>
#include <string.h>

/* Requests of this size and more may be refused. */
#define LARGE_REQUEST ((size_t)256 << 10)

/* A job that starts with its memory used up may take this much more before NoMemoryError. */
#define COLLECT_ROOM ((size_t)1 << 20)

/* Look at the memory after this much growth, at least. */
#define COLLECT_STEP ((size_t)4 << 20)

/* A job that leaves more than this behind is followed by a collection. */
#define TIDY_FROM ((size_t)8 << 20)

/* How many graces C code has to come to an instruction, where a stop can be raised: some seconds,
 * for which it shares the pool like any other job. */
#define DEAF_GRACES 100

/* Stack left: below the first, SystemStackError at the next instruction; below the second, the
 * kill. The second leaves room for any function of libc that mruby calls, so that a stack does not
 * overflow inside of one while it holds a lock of the whole process. */
#define STACK_SOFT ((size_t)1 << 20)
#define STACK_HARD ((size_t)192 << 10)

static struct slice *slice_of(mrb_state *mrb) { return mrb->allocf_ud; }

/* Never inlined: see coroutine.h on thread-local variables. */
static _Thread_local struct slice *current;
__attribute__((noinline)) struct slice *slice_current(void) { return current; }
__attribute__((noinline)) static void set_current(struct slice *slice) { current = slice; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The watchdog stores it as well. */
static void store_hook(mrb_state *mrb, void *hook)
{
  __atomic_store_n((void **)(void *)&mrb->code_fetch_hook, hook, __ATOMIC_RELAXED);
}

static void set_hook(struct slice *slice)
{
  if (!slice->mrb) return; /* being opened: nothing of its start-up code is to be interrupted */
  store_hook(slice->mrb, *(void **)(void *)&slice->watched.hook);
}

_Noreturn static void die(struct slice *slice, enum kill why)
{
  slice->killed = why;
  coroutine_abandon(slice->job, COROUTINE_CAUSE_KILL);
}

void slice_exit(struct slice *slice, int64_t status)
{
  slice->exit_status = status;
  die(slice, KILL_EXIT);
}

/* A new one: mruby's own, made beforehand, loses its message at the first full collection. */
_Noreturn static void raise_stack_error(struct slice *slice)
{
  mrb_state *mrb = slice->mrb;
  mrb_exc_raise(mrb, mrb_exc_new_lit(mrb, mrb_obj_class(mrb, mrb_obj_value(mrb->stack_err)),
                                     "stack level too deep"));
}

/* Back to slice_run; returns when the job's next slice begins. */
static void give_way(struct slice *slice) { coroutine_suspend(slice->job); }

/* Called where mruby enters its VM, or a protected call: see the Makefile on rubeam_setjmp.
 * Recursions that allocate nothing come by here, so all C code that Ruby calls finds STACK_HARD
 * bytes of stack: room for functions of libc and erts that hold locks, and for a signal's frame. */
__attribute__((used)) void slice_check_stack(void);
void slice_check_stack(void)
{
  struct slice *slice = slice_current();
  if (slice && slice->job && (uintptr_t)__builtin_frame_address(0) < slice->stack_hard &&
      coroutine_current() == slice->job)
    die(slice, KILL_STACK);
}

/* --- memory --- */

static void plan_collection(struct slice *slice)
{
  size_t used = heap_used(slice->heap);
  size_t step = used / 2 > COLLECT_STEP ? used / 2 : COLLECT_STEP;
  slice->collect_at = smaller(used + step, slice->memory_limit);
  if (slice->collect_at < used) slice->collect_at = used;
}

void slice_look_at_memory(struct slice *slice)
{
  mrb_state *mrb = slice->mrb;
  slice_leave_scheduler(slice);
  slice->want_collection = false;
  mrb_full_gc(mrb);
  plan_collection(slice);
  if (heap_used(slice->heap) <= slice->memory_limit) return;
  slice->collect_at = heap_used(slice->heap) + LARGE_REQUEST;
  mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
}

/* mruby could not be served within the hard limit, or a large request not within the soft one. */
__attribute__((noinline)) static void *refuse(struct slice *slice, size_t bytes)
{
  if (bytes < LARGE_REQUEST && slice->job) die(slice, KILL_MEMORY);
  /* mruby answers the first NULL with a full collection and asks again. */
  if (slice->on_scheduler && slice->job && !slice->refused) give_way(slice);
  slice->refused = !slice->refused;
  return NULL;
}

/* Would the block, once it has grown to `bytes`, be too much? (While it moves there are two of it,
 * up to the hard limit.) */
static bool exceeds(struct slice *slice, void *block, size_t bytes)
{
  size_t others = heap_used(slice->heap) - heap_block_bytes(slice->heap, block);
  return others >= slice->memory_limit || bytes > slice->memory_limit - others;
}

void *slice_allocate(mrb_state *mrb, void *block, size_t bytes, void *user)
{
  struct slice *slice = user;
  (void)mrb;
  if (bytes == 0) return heap_resize(slice->heap, block, 0);
  if (slice->job) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (__builtin_expect(here < slice->stack_soft, 0)) {
      if (here < slice->stack_hard) die(slice, KILL_STACK);
      slice->stack_low = true;
      set_hook(slice);
    }
    if (__builtin_expect(atomic_load_explicit(&slice->watched.asked, memory_order_relaxed), 0))
      give_way(slice);
  }
  if (__builtin_expect(bytes >= LARGE_REQUEST, 0)) {
    /* Filling it will take long: not on a scheduler. */
    slice_leave_scheduler(slice);
    if (exceeds(slice, block, bytes)) return refuse(slice, bytes);
  }
  void *fresh = heap_resize(slice->heap, block, bytes);
  if (__builtin_expect(!fresh, 0)) return refuse(slice, bytes);
  slice->refused = false;
  if (__builtin_expect(heap_used(slice->heap) > slice->collect_at, 0) && slice->job) {
    slice->want_collection = true;
    set_hook(slice);
  }
  return fresh;
}

/* --- instructions --- */

static void raise_stop(struct slice *slice)
{
  bool timeout = slice_stopped(slice) == STOP_TIMEOUT;
  slice->stop_raised = true;
  mrb_raise(slice->mrb, timeout ? slice->timeout_class : slice->interrupt_class,
            timeout ? "timeout" : "interrupted");
}

bool slice_stop_is_due(const struct slice *slice)
{
  return slice_stopped(slice) != STOP_NONE && !slice->stop_raised;
}

/* Gives way first, then raises: a stop is noticed at the start of a slice. */
void slice_checkpoint(struct slice *slice)
{
  if (!slice->job) return; /* while the interpreter is being opened */
  if (atomic_load_explicit(&slice->watched.asked, memory_order_relaxed)) give_way(slice);
  if (slice_stop_is_due(slice)) raise_stop(slice);
  if (slice->stack_low) {
    /* Noticed in an allocation, perhaps that of the last such exception, and left since. */
    slice->stack_low = false;
    if ((uintptr_t)__builtin_frame_address(0) < slice->stack_soft) raise_stack_error(slice);
  }
  if (slice->want_collection) slice_look_at_memory(slice);
}

bool slice_pass(struct slice *slice)
{
  if (!slice->job) return false;
  if (atomic_load_explicit(&slice->watched.asked, memory_order_relaxed)) give_way(slice);
  return slice_stop_is_due(slice);
}

/* mruby's code_fetch_hook: called before the instruction at `pc`, once, since it takes itself out.
 * An exception raised here must look like one of the instruction before: mruby finds the rescue
 * clause by ci->pc, which a frame just pushed does not have yet (vm.c, cipush). */
static void on_instruction(mrb_state *mrb, const mrb_irep *irep, const mrb_code *pc,
                           void *registers)
{
  (void)irep;
  (void)registers;
  store_hook(mrb, NULL);
  mrb->c->ci->pc = pc;
  slice_checkpoint(slice_of(mrb));
}

void slice_need_stack(struct slice *slice, size_t bytes)
{
  if (coroutine_room(slice->job) < bytes) raise_stack_error(slice);
}

void slice_leave_scheduler(struct slice *slice)
{
  if (slice->job && slice->on_scheduler) give_way(slice);
}

void slice_tidy(struct slice *slice)
{
  if (slice->on_scheduler || heap_used(slice->heap) <= slice->tidy_at) return;
  mrb_full_gc(slice->mrb);
  plan_collection(slice);
  size_t used = heap_used(slice->heap);
  slice->tidy_at = used + used / 2 > TIDY_FROM ? used + used / 2 : TIDY_FROM;
  heap_trim(slice->heap);
}

void slice_wait(struct slice *slice, int64_t at)
{
  if (!slice->job) return;
  /* A script that has been stopped does not wait any more: its grace runs. */
  while (!slice_stop_is_due(slice) && !slice->stop_raised && now_ns() < at) slice_pause(slice, at);
  slice_checkpoint(slice);
}

void slice_pause(struct slice *slice, int64_t at)
{
  slice->waiting = true;
  slice->wake_at = at;
  give_way(slice);
  slice->waiting = false;
}

int64_t slice_patience(const struct slice *slice)
{
  return slice->stop_raised ? slice->grace * slice->watched.slice_ns : INT64_MAX;
}

/* --- from outside of the job --- */

void slice_init(struct slice *slice, struct heap *heap, size_t memory_limit, int64_t slice_ns,
                unsigned grace, const _Atomic unsigned *waiting)
{
  *slice = (struct slice){.heap = heap,
                          .memory_limit = memory_limit,
                          .grace = grace,
                          .collect_at = SIZE_MAX,
                          .tidy_at = TIDY_FROM};
  slice->watched.slice_ns = slice_ns;
  slice->others = waiting;
  slice->watched.hook = (void (*)(struct mrb_state *, const struct mrb_irep *, const uint8_t *,
                                  void *))on_instruction;
}

void slice_attach(struct slice *slice, mrb_state *mrb, struct RClass *timeout_class,
                  struct RClass *interrupt_class)
{
  slice->mrb = slice->watched.mrb = mrb;
  slice->timeout_class = timeout_class;
  slice->interrupt_class = interrupt_class;
  plan_collection(slice);
}

void slice_fini(struct slice *slice)
{
  if (slice->job) coroutine_close(slice->job);
  slice->job = NULL;
}

/* The first thing that runs on the job's stack. */
static void enter(void *data)
{
  struct slice *slice = data;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t bottom = here - coroutine_room(slice->job);
  slice->stack_soft = bottom + STACK_SOFT;
  slice->stack_hard = bottom + STACK_HARD;
  slice->body(slice->argument);
}

void slice_ready(struct slice *slice)
{
  slice->stop_raised = slice->waiting = slice->refused = slice->stack_low = false;
  slice->grace_left = slice->grace;
  slice->deaf_slices = 0;
  slice->ran_ns = 0;
  /* What is full, or nearly, must be possible to empty: a short job may free before it is refused. */
  if (slice->heap && heap_used(slice->heap) + COLLECT_ROOM > slice->memory_limit)
    slice->collect_at = heap_used(slice->heap) + COLLECT_ROOM;
  atomic_store_explicit(&slice->stop, STOP_NONE, memory_order_relaxed);
}

void slice_push(struct slice *slice, struct slice_level *lower)
{
  *lower = (struct slice_level){.stop = slice_stopped(slice),
                                .stop_raised = slice->stop_raised,
                                .deaf_slices = slice->deaf_slices,
                                .grace_left = slice->grace_left,
                                .ran_ns = slice->ran_ns};
  slice_ready(slice);
}

void slice_pop(struct slice *slice, const struct slice_level *lower)
{
  slice->stop_raised = lower->stop_raised;
  slice->deaf_slices = lower->deaf_slices;
  slice->grace_left = lower->grace_left;
  slice->ran_ns = lower->ran_ns;
  atomic_store(&slice->stop, (int)lower->stop);
}

enum status slice_start(struct slice *slice, void (*body)(void *), void *argument)
{
  struct coroutine *job;
  enum status status = coroutine_open(&job);
  if (status) return status;
  coroutine_start(job, enter, slice);
  slice->job = job;
  slice->body = body;
  slice->argument = argument;
  return STATUS_OK;
}

static enum slice_end job_over(struct slice *slice, enum slice_end end)
{
  coroutine_close(slice->job);
  slice->job = NULL;
  return end;
}

/* A slice has ended of a job that is to stop. One that has heard of it has its grace for rescue and
 * ensure; one that has not is in C code, which can't help it: it has longer. */
static bool patience_is_over(struct slice *slice)
{
  if (!slice->stop_raised) return slice->deaf_slices++ >= DEAF_GRACES * slice->grace;
  return slice->grace_left-- == 0;
}

static enum slice_end after(struct slice *slice, enum coroutine_state state)
{
  switch (state) {
  case COROUTINE_RETURNED: return job_over(slice, SLICE_RETURNED);
  case COROUTINE_ABANDONED:
    if (coroutine_cause(slice->job) == COROUTINE_CAUSE_STACK) slice->killed = KILL_STACK;
    if (coroutine_cause(slice->job) == COROUTINE_CAUSE_ABORT) slice->killed = KILL_ABORT;
    return job_over(slice, SLICE_KILLED);
  case COROUTINE_SUSPENDED:
    if (slice_stopped(slice) != STOP_NONE && patience_is_over(slice)) {
      slice->killed = KILL_STUBBORN;
      return job_over(slice, SLICE_KILLED);
    }
    if (slice->waiting) return SLICE_WAITING;
    atomic_fetch_add_explicit(&slice->preemptions, 1, memory_order_relaxed);
    return SLICE_PREEMPTED;
  }
  return SLICE_KILLED;
}

enum slice_end slice_run_unwatched(struct slice *slice)
{
  if (fault_enter_thread()) {
    slice->killed = KILL_MEMORY;
    return job_over(slice, SLICE_KILLED);
  }
  slice->on_scheduler = false;
  enum slice_end end;
  do { /* a signal that was meant for the job before may come late: see preempt.h */
    set_current(slice);
    enum coroutine_state state = coroutine_resume(slice->job);
    set_current(NULL);
    end = after(slice, state);
  } while (end == SLICE_PREEMPTED);
  return end;
}

/* Of what others read while it runs: only the holder adds. */
static void add(_Atomic uint64_t *total, uint64_t more)
{
  atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + more,
                        memory_order_relaxed);
}

/* Most inline slices are shorter than looking at the clock twice. One in so many is timed, and counts for
 * those before it. */
#define TIMED 64

/* When the slice began, for `note_time`; 0: nobody looked. */
static int64_t look_at_clock(const struct slice *slice, bool on_scheduler)
{
  bool timed =
      !on_scheduler || atomic_load_explicit(&slice->slices, memory_order_relaxed) % TIMED == 0;
  return timed ? now_ns() : 0;
}

static void note_time(struct slice *slice, bool on_scheduler, int64_t began, enum slice_end end)
{
  int64_t whole = slice->watched.slice_ns, time = began ? now_ns() - began : 0;
  slice->ran_ns += on_scheduler ? whole : time;
  if (on_scheduler && end == SLICE_PREEMPTED)
    time = whole;
  else if (on_scheduler && atomic_load_explicit(&slice->slices, memory_order_relaxed) > 0)
    time *= TIMED;
  add(&slice->time_ns, (uint64_t)time);
  add(&slice->slices, 1);
}

enum status slice_run(struct slice *slice, bool on_scheduler, enum slice_end *end)
{
  struct watched *watched = &slice->watched;
  store_hook(slice->mrb, NULL);
  int64_t began = look_at_clock(slice, on_scheduler);
  watched->began = on_scheduler ? 0 : began;
  /* The grace of one that has been stopped is counted in slices of the usual length. */
  watched->waiting = slice_stopped(slice) == STOP_NONE ? slice->others : NULL;
  enum status status = fault_enter_thread();
  if (!status) status = watchdog_enter(watched);
  if (status) return status;
  slice->on_scheduler = on_scheduler;
  if (atomic_load(&slice->ending))
    atomic_store_explicit(&watched->asked, true, memory_order_relaxed);
  if (slice_stop_is_due(slice) || slice->want_collection || slice->stack_low ||
      atomic_load_explicit(&watched->asked, memory_order_relaxed))
    set_hook(slice);
  set_current(slice);
  enum coroutine_state state = coroutine_resume(slice->job);
  set_current(NULL);
  watchdog_leave(watched);
  *end = after(slice, state);
  note_time(slice, on_scheduler, began, *end);
  return STATUS_OK;
}

void slice_say(struct slice *slice, const char *text, size_t length)
{
  length = smaller(length, sizeof slice->said - slice->said_length);
  memcpy(slice->said + slice->said_length, text, length);
  slice->said_length += length;
}

void slice_stop(struct slice *slice, enum stop why)
{
  int none = STOP_NONE;
  if (atomic_compare_exchange_strong(&slice->stop, &none, why)) watchdog_ask(&slice->watched);
}

enum stop slice_stopped(const struct slice *slice)
{
  return (enum stop)atomic_load(&slice->stop); /* not relaxed: see watchdog_ask */
}

void slice_cut_short(struct slice *slice)
{
  atomic_store(&slice->ending, true);
  watchdog_ask(&slice->watched);
}
