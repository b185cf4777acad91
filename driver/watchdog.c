/* The watchdog's thread, the slots of the threads that it watches, and the timers. See watchdog.h.
 *
 * Sleeping. While a slice runs the thread looks at all slots twice in the time of a slice, and asks
 * the jobs that it has seen running twice: so a slice is between one half and one whole of its time.
 * When nothing has run for LINGER_TICKS looks, it waits without a period: it says so in
 * `asleep`, then looks once more. A thread that enters a slice stores its job, then reads `asleep`
 * (both sequentially consistent): one of the two sees the other, so no job runs unwatched. It lingers
 * so that calls which come one after the other do not each pay for a wake-up.
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

#define TICK_NS      INT64_C(500000)
#define LINGER_TICKS 20
#define NEVER        INT64_MAX

/* One thread that runs slices. Slots live until the last watchdog_stop: by then no thread is inside
 * one, and each finds a new one if there is a next start (`generation`). */
struct slot {
  struct slot *next;               /* [const] */
  pthread_t thread;                /* [const] */
  bool signalled;                  /* [its lock] preempt_thread was called in this slice */
  struct watched *_Atomic running; /* [its thread writes; watchdog reads] */
  atomic_flag lock;                /* held for a few instructions: see leave and look_at */
  _Atomic uint64_t entries;        /* [its thread writes] slices begun */
  uint64_t seen;                   /* [watchdog] entries at the last look */
  int64_t since;                   /* [watchdog] when that slice was first seen */
};

static struct {
  pthread_mutex_t lock;
  pthread_cond_t wake; /* with CLOCK_MONOTONIC */
  pthread_t thread;
  unsigned users;              /* [lock] */
  bool stopping;               /* [lock] */
  _Atomic bool asleep;         /* [any] the thread waits with no look at slots to come */
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
  slot->thread = pthread_self();
  preempt_enter_thread();
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

__attribute__((noinline)) static void wake_up(void)
{
  pthread_mutex_lock(&dog.lock);
  pthread_cond_signal(&dog.wake);
  pthread_mutex_unlock(&dog.lock);
}

enum status watchdog_enter(struct watched *watched)
{
  struct slot *slot = my_slot();
  if (!slot) return STATUS_NO_MEMORY;
  uint64_t entries = atomic_load_explicit(&slot->entries, memory_order_relaxed);
  atomic_store_explicit(&slot->entries, entries + 1, memory_order_relaxed);
  atomic_store(&slot->running, watched);
  if (atomic_load(&dog.asleep)) wake_up();
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
  if (__builtin_expect(signalled, 0)) preempt_settle();
  atomic_store_explicit(&watched->asked, false, memory_order_relaxed);
}

/* True while the slot's thread runs a slice. */
static bool look_at(struct slot *slot, int64_t now)
{
  if (!atomic_load(&slot->running)) return false;
  slot_lock(slot);
  struct watched *watched = atomic_load_explicit(&slot->running, memory_order_relaxed);
  uint64_t entries = atomic_load_explicit(&slot->entries, memory_order_relaxed);
  if (watched && entries != slot->seen) {
    slot->seen = entries;
    slot->since = now;
  }
  if (watched && now - slot->since >= watched->slice_ns - TICK_NS) {
    /* Asked a look ago, and still there: in C code that passes no safe point. */
    if (atomic_exchange_explicit(&watched->asked, true, memory_order_relaxed)) {
      slot->signalled = true;
      preempt_thread(slot->thread);
    }
    __atomic_store_n((void **)(void *)&watched->mrb->code_fetch_hook,
                     *(void **)(void *)&watched->hook, __ATOMIC_RELAXED);
  }
  slot_unlock(slot);
  return watched != NULL;
}

static bool look_at_all(int64_t now)
{
  bool running = false;
  for (struct slot *slot = atomic_load(&dog.slots); slot; slot = slot->next)
    if (look_at(slot, now)) running = true;
  return running;
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
  int idle = 0;
  pthread_mutex_lock(&dog.lock);
  while (!dog.stopping) {
    int64_t now = now_ns();
    ring_due(now);
    idle = look_at_all(now) ? 0 : idle + 1;
    int64_t next = dog.timers ? dog.heap[0]->at : NEVER;
    if (idle < LINGER_TICKS) {
      wait_until(next < now + TICK_NS ? next : now + TICK_NS);
      continue;
    }
    atomic_store(&dog.asleep, true);
    if (!look_at_all(now) && !dog.stopping) wait_until(next);
    atomic_store(&dog.asleep, false);
    idle = LINGER_TICKS - 1; /* one look, then back to sleep if only a timer rang */
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
