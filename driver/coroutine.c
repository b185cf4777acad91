/* Coroutines, and the pool of their stacks. See coroutine.h.
 *
 * One mapping for each: the guard, the stack, and at the stack's upper end the struct coroutine.
 * The first frame and the struct share a page, so that one which does little costs one page.
 *
 * The life of a coroutine, and who walks each edge (all in `live`):
 *
 *     IDLE      -> READY      coroutine_start
 *     READY     -> RUNNING    coroutine_resume
 *     SUSPENDED -> RUNNING    coroutine_resume
 *     RUNNING   -> SUSPENDED  coroutine_suspend
 *     RUNNING   -> IDLE       run (the body returned), coroutine_abandon
 *     any but RUNNING -> IDLE coroutine_close
 *
 * No lock is held while a coroutine runs, and nothing is allocated but in coroutine_open(): leaving
 * one by a signal handler is safe for this file's own data. What the code on it held is lost.
 *
 * Left out: cleaning up what a dropped or abandoned coroutine had on its stack (its owner knows all
 * that can be there), and growing a stack.
 */
#include "coroutine.h"
#include "coroutine_switch.h"
#include "coroutine_tools.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define LARGEST_PAGE ((size_t)64 << 10)
_Static_assert(COROUTINE_STACK_BYTES % LARGEST_PAGE == 0, "whole pages");
_Static_assert(COROUTINE_GUARD_BYTES % LARGEST_PAGE == 0, "whole pages");
_Static_assert(COROUTINE_KEPT_BYTES % LARGEST_PAGE == 0, "whole pages");
_Static_assert(COROUTINE_KEPT_BYTES < COROUTINE_STACK_BYTES, "a part is kept");

/* See marks_are_written(). */
#define MARK_PAGE_BYTES 4096

enum life { IDLE, READY, RUNNING, SUSPENDED };

struct coroutine {
  struct context here; /* where it goes on; the first member, since run() gets its address */
  struct context resumer;
  enum life life;
  enum coroutine_state left; /* how it last came back to its resumer */
  enum coroutine_cause cause;
  bool grew; /* was deeper than the kept part when it was switched out */
  char *bottom;
  void (*body)(void *);
  void *argument;
  struct coroutine *next; /* in the pool */
  struct tools tools;
};

static struct {
  pthread_mutex_t lock;
  struct coroutine *first;          /* [lock] the one closed last: its pages are warm */
  struct coroutine_figures figures; /* [lock] */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Before the pool: the stack that a thread closed last waits for that thread alone, since a short
 * job would spend a good part of its time on the pool's lock. Threads share a place when there are
 * more of them than places; any thread may empty one. */
#define SPARES 64
static struct {
  _Alignas(64) struct coroutine *_Atomic stack;
} spares[SPARES];
static _Atomic unsigned threads_seen;
static COROUTINE_TLS unsigned thread_number; /* from 1 */

static COROUTINE_TLS struct coroutine *current;

static inline void live(struct coroutine *co, enum life next)
{
  static const unsigned char edges[] = {
      [IDLE] = 1 << READY | 1 << IDLE,
      [READY] = 1 << RUNNING | 1 << IDLE,
      [RUNNING] = 1 << SUSPENDED | 1 << IDLE,
      [SUSPENDED] = 1 << RUNNING | 1 << IDLE,
  };
  (void)edges;
  assert(edges[co->life] & 1 << next);
  co->life = next;
}

/* Called on the coroutine, or on a signal stack: then it may have been anywhere. */
static inline void note_depth(struct coroutine *co)
{
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uintptr_t top = coroutine_bottom(co) + COROUTINE_STACK_BYTES;
  if (top - here > COROUTINE_KEPT_BYTES) co->grew = true;
}

/* --- switching --- */

/* The outermost function on a coroutine. Must not have variables in memory: tools_leaving(). */
static _Noreturn void run(struct context *here)
{
  CONTEXT_NO_CALLER();
  struct coroutine *co = (struct coroutine *)here;
  tools_entered(&co->tools);
  co->body(co->argument);
  co->left = COROUTINE_RETURNED;
  live(co, IDLE);
  tools_leaving(&co->tools, true);
  context_switch(&co->here, &co->resumer);
  __builtin_unreachable();
}

void coroutine_start(struct coroutine *co, void (*body)(void *), void *argument)
{
  live(co, READY);
  co->cause = COROUTINE_CAUSE_NONE;
  co->body = body;
  co->argument = argument;
  tools_start(&co->tools);
  context_prepare(&co->here, co->bottom, co, run);
}

/* This and coroutine_suspend() must not be inlined: a switch changes all registers, and what is
 * around it would have to be saved and loaded. */
__attribute__((noinline)) enum coroutine_state coroutine_resume(struct coroutine *co)
{
  struct coroutine *outer = current;
  live(co, RUNNING);
  current = co;
  tools_entering(&co->tools);
  context_switch(&co->resumer, &co->here);
  /* The same thread as before: only what runs on `co` moves. */
  tools_left(&co->tools);
  current = outer;
  if (co->left == COROUTINE_SUSPENDED) return COROUTINE_SUSPENDED;
  tools_end(&co->tools);
  if (co->left == COROUTINE_ABANDONED) tools_forget_frames(&co->tools);
  return co->left;
}

__attribute__((noinline)) void coroutine_suspend(struct coroutine *co)
{
  note_depth(co);
  co->left = COROUTINE_SUSPENDED;
  live(co, SUSPENDED);
  tools_leaving(&co->tools, false);
  context_switch(&co->here, &co->resumer);
  tools_entered(&co->tools);
}

/* Must not have variables in memory: tools_leaving(). */
__attribute__((noinline)) _Noreturn void coroutine_abandon(struct coroutine *co,
                                                           enum coroutine_cause cause)
{
  note_depth(co);
  co->cause = cause;
  co->left = COROUTINE_ABANDONED;
  live(co, IDLE);
  tools_leaving(&co->tools, true);
  context_switch(&co->here, &co->resumer);
  __builtin_unreachable();
}

enum coroutine_cause coroutine_cause(const struct coroutine *co) { return co->cause; }

/* Behind the barrier, a compiler that sees this body cannot take two calls for one. */
__attribute__((noinline)) struct coroutine *coroutine_current(void)
{
  __asm__ volatile("" ::: "memory");
  return current;
}

/* --- the stack --- */

uintptr_t coroutine_bottom(const struct coroutine *co) { return (uintptr_t)co->bottom; }

__attribute__((noinline)) size_t coroutine_room(const struct coroutine *co)
{
  uintptr_t here = (uintptr_t)__builtin_frame_address(0), bottom = coroutine_bottom(co);
  return here - bottom < COROUTINE_STACK_BYTES ? here - bottom : 0;
}

bool coroutine_guards(const struct coroutine *co, const void *address)
{
  return coroutine_bottom(co) - (uintptr_t)address - 1 < COROUTINE_GUARD_BYTES;
}

typedef uint64_t words __attribute__((vector_size(16), may_alias));

/* A line of 64 bytes. */
static inline words line_of(const words *page, size_t number)
{
  const words *line = page + number * 4;
  return line[0] | line[1] | line[2] | line[3];
}

/* Whether the stack grew beyond its kept part between two switches: whether anything was written to
 * the marks, lines of 64 bytes in the last page of the kept part, which are zero as long as nobody
 * did. A stack that grows past them has frames there, and frames hold return addresses and saved
 * registers. What can hide the marks is variables that nobody wrote, and they would have to cover
 * each of them: in mruby's recursions up to half of the lines are zero, but not eight that are
 * unevenly spread (one mark of 256 bytes misses one time in ten). Should it happen, then the pages
 * stay until the next time: memory of one stack of COROUTINE_POOL_LIMIT. To ask the system at each
 * close costs more than the whole run of a short job. */
static bool marks_are_written(const words *mark_page)
{
  words any = line_of(mark_page, 0) | line_of(mark_page, 7) | line_of(mark_page, 17) |
              line_of(mark_page, 25) | line_of(mark_page, 35) | line_of(mark_page, 43) |
              line_of(mark_page, 54) | line_of(mark_page, 62);
  return (any[0] | any[1]) != 0;
}

static void give_back_deep_pages(struct coroutine *co)
{
  char *kept = co->bottom + COROUTINE_STACK_BYTES - COROUTINE_KEPT_BYTES;
  tools_will_use(kept, MARK_PAGE_BYTES);
  if (!co->grew && !marks_are_written((const words *)(const void *)kept)) return;
  (void)madvise(co->bottom, (size_t)(kept - co->bottom), MADV_DONTNEED);
  memset(kept, 0, MARK_PAGE_BYTES);
  co->grew = false;
}

static struct coroutine *map_stack(void)
{
  char *mapping = mmap(NULL, COROUTINE_GUARD_BYTES + COROUTINE_STACK_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) return NULL;
  char *bottom = mapping + COROUTINE_GUARD_BYTES;
  if (mprotect(bottom, COROUTINE_STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
    (void)munmap(mapping, COROUTINE_GUARD_BYTES + COROUTINE_STACK_BYTES);
    return NULL;
  }
  /* Or the first touch commits 2 MB, where huge pages are always on and the kernel is older than
   * 6.7 (from there on MAP_STACK says the same). Fails where there are none: nothing is lost. */
  (void)madvise(bottom, COROUTINE_STACK_BYTES, MADV_NOHUGEPAGE);
  size_t own = (sizeof(struct coroutine) + 63) & ~(size_t)63;
  char *top = bottom + COROUTINE_STACK_BYTES - own;
  struct coroutine *co = (struct coroutine *)(void *)top;
  co->bottom = bottom; /* all else is zero in fresh memory */
  tools_open(&co->tools, bottom, (size_t)(top - bottom));
  return co;
}

static void unmap_stack(struct coroutine *co)
{
  tools_close(&co->tools);
  (void)munmap(co->bottom - COROUTINE_GUARD_BYTES, COROUTINE_GUARD_BYTES + COROUTINE_STACK_BYTES);
}

/* --- the pool --- */

/* With the lock held. */
static struct coroutine *take(void)
{
  struct coroutine *co = pool.first;
  if (co == NULL) return NULL;
  pool.first = co->next;
  pool.figures.pooled--;
  return co;
}

/* The place of the calling thread. Not inlined: a switch must not come between finding and using
 * it. */
__attribute__((noinline)) static struct coroutine *_Atomic *my_spare(void)
{
  if (thread_number == 0) thread_number = atomic_fetch_add(&threads_seen, 1) + 1;
  return &spares[thread_number % SPARES].stack;
}

enum status coroutine_open(struct coroutine **out)
{
  struct coroutine *co = atomic_exchange_explicit(my_spare(), NULL, memory_order_acquire);
  if (co == NULL) {
    pthread_mutex_lock(&pool.lock);
    co = take();
    pthread_mutex_unlock(&pool.lock);
  }
  if (co == NULL) {
    co = map_stack();
    if (co == NULL) return STATUS_NO_MEMORY;
    pthread_mutex_lock(&pool.lock);
    pool.figures.mapped++;
    pthread_mutex_unlock(&pool.lock);
  }
  co->cause = COROUTINE_CAUSE_NONE;
  *out = co;
  return STATUS_OK;
}

static void put_into_pool(struct coroutine *co)
{
  pthread_mutex_lock(&pool.lock);
  bool keep = pool.figures.pooled < COROUTINE_POOL_LIMIT;
  if (keep) {
    co->next = pool.first;
    pool.first = co;
    pool.figures.pooled++;
  } else {
    pool.figures.mapped--;
  }
  pthread_mutex_unlock(&pool.lock);
  if (!keep) unmap_stack(co);
}

void coroutine_close(struct coroutine *co)
{
  assert(co->life != RUNNING);
  if (co->life != IDLE) {
    tools_drop(&co->tools);
    tools_forget_frames(&co->tools);
  }
  live(co, IDLE);
  give_back_deep_pages(co);
  co = atomic_exchange_explicit(my_spare(), co, memory_order_acq_rel);
  if (co != NULL) put_into_pool(co);
}

void coroutine_pool_trim(size_t keep)
{
  for (size_t i = 0; i < SPARES; i++) {
    struct coroutine *co = atomic_exchange(&spares[i].stack, NULL);
    if (co != NULL) put_into_pool(co);
  }
  for (;;) {
    struct coroutine *co = NULL;
    pthread_mutex_lock(&pool.lock);
    if (pool.figures.pooled > keep) co = take();
    if (co != NULL) pool.figures.mapped--;
    pthread_mutex_unlock(&pool.lock);
    if (co == NULL) return;
    unmap_stack(co);
  }
}

struct coroutine_figures coroutine_pool_figures(void)
{
  pthread_mutex_lock(&pool.lock);
  struct coroutine_figures figures = pool.figures;
  pthread_mutex_unlock(&pool.lock);
  for (size_t i = 0; i < SPARES; i++)
    if (atomic_load_explicit(&spares[i].stack, memory_order_relaxed) != NULL) figures.pooled++;
  return figures;
}
