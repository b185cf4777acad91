/* The watchdog's thread, the slots of the threads that it watches, and the timers. See watchdog.h.
 *
 * Looking. A slice of the pool says when it began, so the thread sleeps until the first of them is
 * over. A slice in a driver callback is too short to ask the clock: the thread looks every LOOK_NS
 * while such slices come, and one that it sees for the second time after STAY_NS is asked. When
 * none has come for LINGER_NS, it looks for them no more: it says so in `asleep`, then looks once
 * more. A thread that enters a slice stores its job, then reads `asleep` (both sequentially
 * consistent): one of the two sees the other, so no job runs unwatched. It lingers so that calls
 * which come one after the other do not each pay for a wake-up.
 *
 * Locks: `lock` (timers, sleep), a slot's lock (leaf). Neither is held while anything is called,
 * but for timer->retain under `lock`.
 */
#include "watchdog.h"

#include "preempt.h"

#include <errno.h>
#include <mruby.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS   INT64_C(1000000)
#define STAY_NS   INT64_C(500000)
#define LINGER_NS INT64_C(10000000)
#define NEVER     INT64_MAX

/* What is over so soon is over: one look for several. Of a short slice, a tenth. */
#define SLACK_NS INT64_C(100000)

/* One thread that runs slices. Slots live until the last watchdog_stop: by then no thread is inside
 * one, and each finds a new one if there is a next start (`generation`). */
struct slot {
  struct slot *next;               /* [const] */
  struct preempt_target target;    /* its thread */
  struct watched *_Atomic running; /* [its thread writes; any reads] */
  _Atomic uint64_t entries;        /* [its thread writes] slices begun */
  _Atomic uint64_t calls;          /* [its thread writes] of them those that do not know when */
  atomic_flag lock;                /* held for a few instructions */
  bool signalled;                  /* [its lock] preempt_thread was called in this slice */
  uint64_t seen;                   /* [its lock] entries when it was last looked at */
  int64_t since;                   /* [its lock] when that slice began, or was first seen */
  int64_t asked_at;                /* [its lock] 0: not asked yet */
};

static struct {
  pthread_mutex_t lock;
  pthread_cond_t wake; /* with CLOCK_MONOTONIC */
  pthread_t thread;
  unsigned users;              /* [lock] */
  bool stopping;               /* [lock] */
  _Atomic bool asleep;         /* [any] the thread does not look for slices in callbacks */
  _Atomic int64_t until;       /* [any] when it will look again; 0: it looks just now */
  struct slot *_Atomic slots;  /* [lock to add] */
  _Atomic uint64_t generation; /* [lock to write] of the slots */
  struct timer **heap;         /* [lock] binary heap by `at`; place = index + 1 */
  size_t timers;               /* [lock] set ones */
  size_t reserved, capacity;   /* [lock] places */
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
  struct slot *slot;
  uint64_t generation;
} mine;

int64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- slots --- */

/* A spin lock: held for a handful of instructions by either side. Yielding covers the case that its
 * holder lost the processor just then. */
static void slot_lock(struct slot *slot)
{
  while (atomic_flag_test_and_set_explicit(&slot->lock, memory_order_acquire)) sched_yield();
}

static void slot_unlock(struct slot *slot)
{
  atomic_flag_clear_explicit(&slot->lock, memory_order_release);
}

__attribute__((noinline)) static struct slot *new_slot(void)
{
  struct slot *slot = calloc(1, sizeof *slot);
  if (!slot) return NULL;
  preempt_enter_thread(&slot->target);
  atomic_flag_clear(&slot->lock);
  pthread_mutex_lock(&dog.lock);
  slot->next = atomic_load(&dog.slots);
  atomic_store(&dog.slots, slot);
  mine.slot = slot;
  mine.generation = atomic_load(&dog.generation);
  pthread_mutex_unlock(&dog.lock);
  return slot;
}

/* Never inlined: the address of a thread-local variable must not be kept over a switch of stacks,
 * after which another thread may run. */
__attribute__((noinline)) static struct slot *my_slot(void)
{
  if (mine.slot && mine.generation == atomic_load_explicit(&dog.generation, memory_order_relaxed))
    return mine.slot;
  return new_slot();
}

/* The thread holds the lock while it looks: it sees what was stored before, or is woken. */
__attribute__((noinline)) void watchdog_notice(void)
{
  pthread_mutex_lock(&dog.lock);
  pthread_cond_signal(&dog.wake);
  pthread_mutex_unlock(&dog.lock);
}

/* When is a slice over that knows when it began? */
static int64_t end_of(const struct watched *watched)
{
  bool alone = watched->waiting && atomic_load(watched->waiting) == 0;
  return watched->began +
         (alone && watched->slice_ns < WATCHDOG_ALONE_NS ? WATCHDOG_ALONE_NS : watched->slice_ns);
}

static void add_one(_Atomic uint64_t *counter) /* of this thread */
{
  uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

enum status watchdog_enter(struct watched *watched)
{
  struct slot *slot = my_slot();
  if (!slot) return STATUS_NO_MEMORY;
  add_one(&slot->entries);
  if (watched->began == 0) add_one(&slot->calls);
  atomic_store(&slot->running, watched);
  if (watched->began == 0 ? atomic_load(&dog.asleep) : end_of(watched) < atomic_load(&dog.until))
    watchdog_notice();
  return STATUS_OK;
}

void watchdog_leave(struct watched *watched)
{
  struct slot *slot = my_slot();
  slot_lock(slot);
  atomic_store_explicit(&slot->running, NULL, memory_order_relaxed);
  bool signalled = slot->signalled;
  slot->signalled = false;
  slot_unlock(slot);
  if (__builtin_expect(signalled, 0)) preempt_settle(&slot->target);
  atomic_store_explicit(&watched->asked, false, memory_order_relaxed);
}

/* [slot's lock] */
static void meet(struct slot *slot, const struct watched *watched, int64_t now)
{
  uint64_t entries = atomic_load_explicit(&slot->entries, memory_order_relaxed);
  if (entries == slot->seen) return;
  slot->seen = entries;
  slot->since = watched->began ? watched->began : now;
  slot->asked_at = 0;
}

/* mruby reads it plainly, before each instruction: an aligned pointer is read whole. */
__attribute__((noinline)) static void store_hook(const struct watched *watched)
{
  __atomic_store_n((void **)(void *)&watched->mrb->code_fetch_hook,
                   *(void *const *)(const void *)&watched->hook, __ATOMIC_RELAXED);
}

/* [slot's lock] The second time it is in C code that passes no safe point. */
static void ask(struct slot *slot, struct watched *watched, int64_t now)
{
  if (slot->asked_at != 0) {
    slot->signalled = true;
    preempt_thread(&slot->target);
  }
  slot->asked_at = now;
  atomic_store_explicit(&watched->asked, true, memory_order_relaxed);
  store_hook(watched);
}

/* [slot's lock] When is the slice to be asked, or asked again? */
static int64_t due(const struct slot *slot, const struct watched *watched)
{
  int64_t stay = watched->slice_ns - LOOK_NS; /* it may have been there for a whole look */
  int64_t least = watched->slice_ns / 2 < STAY_NS ? watched->slice_ns / 2 : STAY_NS;
  if (slot->asked_at != 0) return slot->asked_at + (watched->began ? LOOK_NS : STAY_NS);
  if (watched->began != 0) return end_of(watched);
  return slot->since + (stay > least ? stay : least);
}

static int64_t slack(const struct watched *watched)
{
  int64_t tenth = watched->slice_ns / 10;
  return tenth < SLACK_NS ? tenth : SLACK_NS;
}

/* When to look at this slot again. */
static int64_t look_at(struct slot *slot, int64_t now)
{
  int64_t next = NEVER;
  if (!atomic_load(&slot->running)) return NEVER;
  slot_lock(slot);
  struct watched *watched = atomic_load(&slot->running); /* it may be the next one by now */
  if (watched) {
    meet(slot, watched, now);
    if (due(slot, watched) <= now + slack(watched)) ask(slot, watched, now);
    next = due(slot, watched);
  }
  slot_unlock(slot);
  return next;
}

/* When to look again; `calls`: how many slices in callbacks there have been. */
static int64_t look_at_all(int64_t now, uint64_t *calls)
{
  int64_t next = NEVER;
  *calls = 0;
  for (struct slot *slot = atomic_load(&dog.slots); slot; slot = slot->next) {
    int64_t at = look_at(slot, now);
    if (at < next) next = at;
    *calls += atomic_load_explicit(&slot->calls, memory_order_relaxed);
  }
  return next;
}

void watchdog_ask(struct watched *watched)
{
  bool asked = false;
  atomic_thread_fence(memory_order_seq_cst);
  for (struct slot *slot = atomic_load(&dog.slots); slot && !asked; slot = slot->next) {
    if (atomic_load(&slot->running) != watched) continue;
    slot_lock(slot);
    if (atomic_load(&slot->running) == watched) {
      int64_t now = now_ns();
      meet(slot, watched, now);
      if (slot->asked_at == 0) ask(slot, watched, now);
      asked = true;
    }
    slot_unlock(slot);
  }
  if (asked) watchdog_notice(); /* to look after it, should it not heed */
}

/* --- timers: a binary heap --- */

static void place(struct timer *timer, size_t i)
{
  dog.heap[i] = timer;
  timer->place = i + 1;
}

static void sift_up(struct timer *timer, size_t i)
{
  for (; i > 0 && dog.heap[(i - 1) / 2]->at > timer->at; i = (i - 1) / 2)
    place(dog.heap[(i - 1) / 2], i);
  place(timer, i);
}

static void sift_down(struct timer *timer, size_t i)
{
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= dog.timers) break;
    if (child + 1 < dog.timers && dog.heap[child + 1]->at < dog.heap[child]->at) child++;
    if (dog.heap[child]->at >= timer->at) break;
    place(dog.heap[child], i);
    i = child;
  }
  place(timer, i);
}

static void take_out(struct timer *timer)
{
  size_t i = timer->place - 1;
  struct timer *last = dog.heap[--dog.timers];
  timer->place = 0;
  if (last == timer) return;
  place(last, i);
  sift_up(last, i);
  sift_down(last, last->place - 1);
}

enum status watchdog_reserve(void)
{
  enum status status = STATUS_OK;
  pthread_mutex_lock(&dog.lock);
  if (dog.reserved == dog.capacity) {
    size_t capacity = dog.capacity ? dog.capacity * 2 : 64;
    struct timer **heap = realloc(dog.heap, capacity * sizeof *heap);
    if (heap) {
      dog.heap = heap;
      dog.capacity = capacity;
    } else {
      status = STATUS_NO_MEMORY;
    }
  }
  if (!status) dog.reserved++;
  pthread_mutex_unlock(&dog.lock);
  return status;
}

void watchdog_release(void)
{
  pthread_mutex_lock(&dog.lock);
  dog.reserved--;
  pthread_mutex_unlock(&dog.lock);
}

void watchdog_set(struct timer *timer, int64_t at)
{
  pthread_mutex_lock(&dog.lock);
  if (!timer->place || timer->at != at) {
    if (timer->place) take_out(timer);
    timer->at = at;
    sift_up(timer, dog.timers++);
    if (dog.heap[0] == timer) pthread_cond_signal(&dog.wake);
  }
  pthread_mutex_unlock(&dog.lock);
}

void watchdog_cancel(struct timer *timer)
{
  pthread_mutex_lock(&dog.lock);
  if (timer->place) take_out(timer);
  pthread_mutex_unlock(&dog.lock);
}

/* Called and returns with the lock held. */
static void ring_due(int64_t now)
{
  while (dog.timers && dog.heap[0]->at <= now) {
    struct timer *timer = dog.heap[0];
    take_out(timer);
    timer->retain(timer);
    pthread_mutex_unlock(&dog.lock);
    timer->fire(timer);
    pthread_mutex_lock(&dog.lock);
  }
}

/* --- the thread --- */

static void wait_until(int64_t at)
{
  if (at == NEVER) {
    pthread_cond_wait(&dog.wake, &dog.lock);
    return;
  }
  struct timespec t = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
  pthread_cond_timedwait(&dog.wake, &dog.lock, &t);
}

static void *watch(void *unused)
{
  (void)unused;
  int64_t linger_until = 0;
  uint64_t calls_before = 0;
  pthread_mutex_lock(&dog.lock);
  while (!dog.stopping) {
    int64_t now = now_ns();
    ring_due(now);
    uint64_t calls;
    int64_t next = look_at_all(now, &calls);
    if (calls != calls_before) linger_until = now + LINGER_NS;
    calls_before = calls;
    bool asleep = now >= linger_until;
    if (!asleep && next > now + LOOK_NS) next = now + LOOK_NS;
    if (dog.timers && dog.heap[0]->at < next) next = dog.heap[0]->at;
    atomic_store(&dog.until, next);
    atomic_store(&dog.asleep, asleep);
    bool missed = look_at_all(now, &calls) < next || (asleep && calls != calls_before);
    if (!missed && !dog.stopping) wait_until(next);
    atomic_store(&dog.asleep, false);
    atomic_store(&dog.until, 0);
  }
  pthread_mutex_unlock(&dog.lock);
  return NULL;
}

/* [lock] */
static enum status start_thread(void)
{
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&dog.wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  dog.stopping = false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&dog.thread, NULL, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) return STATUS_NO_MEMORY;
  pthread_setname_np(dog.thread, "rubeam_watchdog");
  return STATUS_OK;
}

enum status watchdog_start(void)
{
  pthread_mutex_lock(&dog.lock);
  enum status status = dog.users ? STATUS_OK : start_thread();
  if (!status) dog.users++;
  pthread_mutex_unlock(&dog.lock);
  return status;
}

void watchdog_stop(void)
{
  pthread_mutex_lock(&dog.lock);
  bool last = --dog.users == 0;
  if (last) {
    dog.stopping = true;
    pthread_cond_signal(&dog.wake);
  }
  pthread_mutex_unlock(&dog.lock);
  if (!last) return;
  pthread_join(dog.thread, NULL);
  pthread_cond_destroy(&dog.wake);
  atomic_fetch_add(&dog.generation, 1);
  for (struct slot *slot = atomic_load(&dog.slots), *next; slot; slot = next) {
    next = slot->next;
    free(slot);
  }
  atomic_store(&dog.slots, NULL);
  free(dog.heap);
  dog.heap = NULL;
  dog.timers = dog.capacity = 0;
}
