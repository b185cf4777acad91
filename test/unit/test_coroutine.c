/* Tests of driver/coroutine.c. Assertions stand outside of the bodies that run on coroutines: a
 * failed one jumps to cmocka's frames, on another stack. */
#include "coroutine.h"

#include "process_size.h"
#include "valgrind_macros.h"

#include <alloca.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#define NO_ASAN    __attribute__((no_sanitize_address, noinline))
#else
#define UNDER_ASAN 0
#define NO_ASAN    __attribute__((noinline))
#endif

#define KB ((size_t)1024)

static struct coroutine *open_one(void)
{
  struct coroutine *co = NULL;
  assert_int_equal(coroutine_open(&co), STATUS_OK);
  assert_non_null(co);
  return co;
}

static int start_empty(void **state)
{
  (void)state;
  coroutine_pool_trim(0);
  return coroutine_pool_figures().mapped == 0 ? 0 : -1;
}

/* Each test gives back all it opened. */
static int all_is_closed(void **state)
{
  (void)state;
  struct coroutine_figures figures = coroutine_pool_figures();
  return figures.mapped == figures.pooled ? 0 : -1;
}

/* Runs `body` in a child process; returns its exit status, or 1000 and the signal that ended it. */
static int in_child(int (*body)(void))
{
  (void)fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The compiler may keep pthread_self() across a switch: see the warning in coroutine.h. */
__attribute__((noinline)) static pthread_t this_thread(void)
{
  __asm__ volatile("" ::: "memory");
  return pthread_self();
}

/* What most bodies get. */
struct job {
  struct coroutine *co;
  int step;
  uintptr_t where; /* an address on the coroutine's stack */
  struct coroutine *seen;
};

/* --- the life --- */

static void note(void *argument)
{
  struct job *job = argument;
  char here = 0;
  job->step++;
  job->where = (uintptr_t)&here;
  job->seen = coroutine_current();
}

static void a_body_runs_on_its_own_stack_and_returns(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  coroutine_start(job.co, note, &job);
  assert_int_equal(job.step, 0);
  assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
  assert_int_equal(job.step, 1);
  if (!UNDER_ASAN) /* there, variables may be elsewhere */
    assert_in_range(job.where, coroutine_bottom(job.co),
                    coroutine_bottom(job.co) + COROUTINE_STACK_BYTES);
  assert_int_equal(coroutine_cause(job.co), COROUTINE_CAUSE_NONE);
  coroutine_close(job.co);
}

static void the_current_coroutine_is_known_on_it_and_only_there(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  assert_null(coroutine_current());
  coroutine_start(job.co, note, &job);
  assert_null(coroutine_current());
  (void)coroutine_resume(job.co);
  assert_ptr_equal(job.seen, job.co);
  assert_null(coroutine_current());
  coroutine_close(job.co);
}

static void count_to_three(void *argument)
{
  struct job *job = argument;
  for (int i = 0; i < 3; i++) {
    job->step++;
    coroutine_suspend(job->co);
  }
}

static void a_suspended_body_goes_on_where_it_was(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  coroutine_start(job.co, count_to_three, &job);
  for (int i = 1; i <= 3; i++) {
    assert_int_equal(coroutine_resume(job.co), COROUTINE_SUSPENDED);
    assert_int_equal(job.step, i);
    assert_null(coroutine_current());
  }
  assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
  coroutine_close(job.co);
}

static void one_coroutine_can_be_started_again_and_again(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  for (int i = 1; i <= 100; i++) {
    coroutine_start(job.co, note, &job);
    assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
    assert_int_equal(job.step, i);
  }
  coroutine_close(job.co);
}

__attribute__((noinline)) static void abandon_deeply(struct job *job, int depth)
{
  volatile char frame[200];
  frame[0] = frame[199] = (char)depth;
  if (depth > 0)
    abandon_deeply(job, depth - 1);
  else if (job->co != NULL)
    coroutine_abandon(job->co, COROUTINE_CAUSE_KILL);
  job->step += frame[0]; /* never */
}

static void die_deep(void *argument) { abandon_deeply(argument, 50); }

static void an_abandoned_coroutine_comes_back_with_its_cause_and_can_be_started_again(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  for (int i = 0; i < 10; i++) {
    coroutine_start(job.co, die_deep, &job);
    assert_int_equal(coroutine_cause(job.co), COROUTINE_CAUSE_NONE);
    assert_int_equal(coroutine_resume(job.co), COROUTINE_ABANDONED);
    assert_int_equal(coroutine_cause(job.co), COROUTINE_CAUSE_KILL);
    assert_int_equal(job.step, 0);
    assert_null(coroutine_current());
  }
  coroutine_start(job.co, note, &job);
  assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
  assert_int_equal(job.step, 1);
  coroutine_close(job.co);
}

static void a_coroutine_from_the_pool_has_no_cause(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  coroutine_start(job.co, die_deep, &job);
  (void)coroutine_resume(job.co);
  coroutine_close(job.co);
  struct coroutine *again = open_one();
  assert_ptr_equal(again, job.co);
  assert_int_equal(coroutine_cause(again), COROUTINE_CAUSE_NONE);
  coroutine_close(again);
}

/* Leaves much of its stack poisoned under ASan, when it is dropped. */
__attribute__((noinline)) static void wait_deeply(struct job *job, int depth)
{
  char frame[100];
  memset(frame, depth, sizeof frame);
  if (depth == 0)
    coroutine_suspend(job->co);
  else
    wait_deeply(job, depth - 1);
  job->step += frame[5];
}

static void wait_in_the_deep(void *argument) { wait_deeply(argument, 100); }

/* A frame without red zones, where others had theirs. memset() is checked all the same. */
NO_ASAN static void use_stack_unchecked(void *argument)
{
  struct job *job = argument;
  char big[64 * 1024];
  memset(big, 1, sizeof big);
  __asm__ volatile("" ::"r"(big) : "memory");
  job->step = big[100] + big[sizeof big - 1];
}

static void a_suspended_coroutine_can_be_dropped_and_its_stack_used_again(void **state)
{
  (void)state;
  for (int i = 0; i < 10; i++) {
    struct job job = {.co = open_one()};
    coroutine_start(job.co, wait_in_the_deep, &job);
    assert_int_equal(coroutine_resume(job.co), COROUTINE_SUSPENDED);
    struct coroutine *dropped = job.co;
    coroutine_close(job.co);
    assert_int_equal(job.step, 0);
    job.co = open_one();
    assert_ptr_equal(job.co, dropped);
    coroutine_start(job.co, use_stack_unchecked, &job);
    assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
    assert_int_equal(job.step, 2);
    coroutine_close(job.co);
  }
}

static void the_stack_of_an_abandoned_coroutine_can_be_used_again(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  coroutine_start(job.co, die_deep, &job);
  assert_int_equal(coroutine_resume(job.co), COROUTINE_ABANDONED);
  coroutine_start(job.co, use_stack_unchecked, &job);
  assert_int_equal(coroutine_resume(job.co), COROUTINE_RETURNED);
  assert_int_equal(job.step, 2);
  coroutine_close(job.co);
}

static void a_started_coroutine_can_be_closed_before_it_runs(void **state)
{
  (void)state;
  struct job job = {.co = open_one()};
  coroutine_start(job.co, note, &job);
  coroutine_close(job.co);
  assert_int_equal(job.step, 0);
  coroutine_close(open_one()); /* and one that was never started */
}

struct pair {
  struct job outer, inner;
  enum coroutine_state first, second;
  struct coroutine *between;
};

static void run_inner(void *argument)
{
  struct pair *pair = argument;
  coroutine_start(pair->inner.co, count_to_three, &pair->inner);
  pair->first = coroutine_resume(pair->inner.co);
  pair->between = coroutine_current();
  coroutine_suspend(pair->outer.co);
  pair->second = coroutine_resume(pair->inner.co);
}

static void a_coroutine_can_resume_another(void **state)
{
  (void)state;
  struct pair pair = {.outer.co = open_one(), .inner.co = open_one()};
  coroutine_start(pair.outer.co, run_inner, &pair);
  assert_int_equal(coroutine_resume(pair.outer.co), COROUTINE_SUSPENDED);
  assert_int_equal(pair.first, COROUTINE_SUSPENDED);
  assert_ptr_equal(pair.between, pair.outer.co);
  assert_int_equal(coroutine_resume(pair.outer.co), COROUTINE_RETURNED);
  assert_int_equal(pair.second, COROUTINE_SUSPENDED);
  assert_int_equal(pair.inner.step, 2);
  coroutine_close(pair.outer.co);
  coroutine_close(pair.inner.co);
}

/* --- what survives a switch --- */

/* Twelve integers and twelve doubles that live across a call: in callee-saved registers, as far as
 * there are any, and on the stack. */
#define TWELVE(each)                                                                               \
  each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9) each(10) each(11)
#define LOAD(n)                                                                                    \
  uint64_t i##n = seed * (n + 3) + n;                                                              \
  double d##n = (double)(int)(seed % 1000) / 8 + n;                                                \
  __asm__ volatile("" : "+r"(i##n));
#define CHECK(n)                                                                                   \
  __asm__ volatile("" : "+r"(i##n));                                                               \
  good &= i##n == seed * (n + 3) + n && d##n == (double)(int)(seed % 1000) / 8 + n;

__attribute__((noinline)) static bool
values_survive(uint64_t seed, void (*call)(struct coroutine *), struct coroutine *co)
{
  bool good = true;
  TWELVE(LOAD)
  call(co);
  TWELVE(CHECK)
  return good;
}

struct survivor {
  struct coroutine *co;
  bool good;
};

static void survive(void *argument)
{
  struct survivor *survivor = argument;
  for (uint64_t i = 0; i < 1000; i++)
    survivor->good &= values_survive(i * 0x9e3779b97f4a7c15u, coroutine_suspend, survivor->co);
}

static void resume(struct coroutine *co) { (void)coroutine_resume(co); }

static void integers_and_doubles_survive_switches_on_both_sides(void **state)
{
  (void)state;
  struct survivor survivor = {.co = open_one(), .good = true};
  coroutine_start(survivor.co, survive, &survivor);
  for (uint64_t i = 0; i < 1000; i++)
    assert_true(values_survive(i * 0xc2b2ae3d27d4eb4fu, resume, survivor.co));
  assert_int_equal(coroutine_resume(survivor.co), COROUTINE_RETURNED);
  assert_true(survivor.good);
  coroutine_close(survivor.co);
}

struct jumper {
  struct coroutine *co;
  jmp_buf target;
  int jumps;
};

__attribute__((noinline)) static void throw(struct jumper * jumper, int depth)
{
  volatile char frame[64];
  frame[0] = (char)depth;
  if (depth > 0) {
    throw(jumper, depth - 1);
  } else if (jumper->co != NULL) {
    coroutine_suspend(jumper->co);
    longjmp(jumper->target, 1);
  }
  jumper->jumps += frame[0]; /* never */
}

static void jump(void *argument)
{
  struct jumper *jumper = argument;
  for (volatile int i = 0; i < 100; i++) {
    if (setjmp(jumper->target) == 0)
      throw(jumper, 20);
    else
      jumper->jumps++;
  }
}

static void longjmp_inside_of_a_coroutine_works_across_switches(void **state)
{
  (void)state;
  struct jumper jumper = {.co = open_one()};
  coroutine_start(jumper.co, jump, &jumper);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(jumper.jumps, i ? i - 1 : 0);
    assert_int_equal(coroutine_resume(jumper.co), COROUTINE_SUSPENDED);
  }
  assert_int_equal(coroutine_resume(jumper.co), COROUTINE_RETURNED);
  assert_int_equal(jumper.jumps, 100);
  coroutine_close(jumper.co);
}

static void count_frames(void *argument)
{
  int *frames = argument;
  void *addresses[64];
  *frames = backtrace(addresses, 64);
}

static void unwinding_ends_at_the_coroutines_entry(void **state)
{
  (void)state;
  int frames = 0;
  struct coroutine *co = open_one();
  coroutine_start(co, count_frames, &frames);
  (void)coroutine_resume(co);
  assert_in_range(frames, 2, 5); /* the body, the entry, and what a sanitizer has between */
  coroutine_close(co);
}

/* --- threads --- */

#define THREADS    4
#define COROUTINES 16
#define ROUNDS     1000

struct wanderer {
  struct coroutine *co;
  pthread_t last;
  int moves, steps;
  bool good;
};

struct travel {
  pthread_barrier_t round;
  struct wanderer wanderer[COROUTINES];
  enum coroutine_state end[COROUTINES];
};

struct guide {
  struct travel *travel;
  int number;
};

static void noop(struct coroutine *co) { coroutine_suspend(co); }

static void wander(void *argument)
{
  struct wanderer *self = argument;
  for (; self->steps < ROUNDS - 1; self->steps++) {
    pthread_t now = this_thread();
    if (self->steps > 0 && !pthread_equal(now, self->last)) self->moves++;
    self->last = now;
    if (coroutine_current() != self->co) self->good = false;
    if (!values_survive((uint64_t)self->steps * 77, noop, self->co)) self->good = false;
  }
}

/* In each round every coroutine runs on the thread next to the one it ran on before. */
static void *lead(void *argument)
{
  struct guide *guide = argument;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < COROUTINES; i++) {
      if ((i + round) % THREADS == guide->number)
        guide->travel->end[i] = coroutine_resume(guide->travel->wanderer[i].co);
    }
    (void)pthread_barrier_wait(&guide->travel->round);
  }
  return NULL;
}

static void coroutines_move_between_threads_thousands_of_times(void **state)
{
  (void)state;
  struct travel travel;
  struct guide guides[THREADS];
  pthread_t threads[THREADS];
  memset(&travel, 0, sizeof travel);
  assert_int_equal(pthread_barrier_init(&travel.round, NULL, THREADS), 0);
  for (int i = 0; i < COROUTINES; i++) {
    travel.wanderer[i] = (struct wanderer){.co = open_one(), .good = true};
    coroutine_start(travel.wanderer[i].co, wander, &travel.wanderer[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    guides[i] = (struct guide){&travel, i};
    assert_int_equal(pthread_create(&threads[i], NULL, lead, &guides[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < COROUTINES; i++) {
    assert_int_equal(travel.end[i], COROUTINE_RETURNED);
    assert_true(travel.wanderer[i].good);
    assert_int_equal(travel.wanderer[i].moves, ROUNDS - 2);
    coroutine_close(travel.wanderer[i].co);
  }
  (void)pthread_barrier_destroy(&travel.round);
}

static void *open_and_close_many(void *argument)
{
  bool *good = argument;
  struct coroutine *mine[8];
  int runs = 0;
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < 8; i++) {
      if (coroutine_open(&mine[i]) != STATUS_OK) return NULL;
      struct job job = {.co = mine[i]};
      coroutine_start(mine[i], note, &job);
      if (coroutine_resume(mine[i]) == COROUTINE_RETURNED) runs += job.step;
    }
    for (int i = 0; i < 8; i++) coroutine_close(mine[i]);
    if (round % 50 == 0) coroutine_pool_trim(2);
  }
  *good = runs == 200 * 8;
  return NULL;
}

static void the_pool_serves_several_threads(void **state)
{
  (void)state;
  pthread_t threads[THREADS];
  bool good[THREADS] = {false};
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, open_and_close_many, &good[i]), 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (int i = 0; i < THREADS; i++) assert_true(good[i]);
  assert_true(coroutine_pool_figures().mapped <= THREADS * 8);
}

/* --- the stack --- */

#define FRAME_BYTES 4000 /* and up to 800 more */

struct depth {
  struct coroutine *co;
  size_t first, last;
  bool wait; /* at the deepest point */
};

/* Without ASan, which would have the array elsewhere. */
NO_ASAN static int descend(struct depth *depth, int frames)
{
  char frame[FRAME_BYTES];
  memset(frame, frames | 1, sizeof frame);
  __asm__ volatile("" ::"r"(frame) : "memory");
  depth->last = coroutine_room(depth->co);
  if (frames == 0 && depth->wait) coroutine_suspend(depth->co);
  return frames == 0 ? 0 : descend(depth, frames - 1) + frame[0];
}

static void use_room(void *argument)
{
  struct depth *depth = argument;
  depth->first = coroutine_room(depth->co);
  (void)descend(depth, 100);
}

static void the_room_is_what_is_left_of_the_stack(void **state)
{
  (void)state;
  struct depth depth = {.co = open_one()};
  coroutine_start(depth.co, use_room, &depth);
  (void)coroutine_resume(depth.co);
  assert_in_range(depth.first, COROUTINE_STACK_BYTES - 16 * KB, COROUTINE_STACK_BYTES);
  assert_in_range(depth.first - depth.last, 100 * FRAME_BYTES, 100 * (FRAME_BYTES + 800));
  assert_int_equal(coroutine_room(depth.co), 0); /* we are not on it */
  coroutine_close(depth.co);
}

static void use_nearly_all(void *argument)
{
  struct depth *depth = argument;
  (void)descend(depth, (int)((COROUTINE_STACK_BYTES - 64 * KB) / (FRAME_BYTES + 800)));
}

static void nearly_all_of_the_stack_can_be_used(void **state)
{
  (void)state;
  struct depth depth = {.co = open_one()};
  coroutine_start(depth.co, use_nearly_all, &depth);
  assert_int_equal(coroutine_resume(depth.co), COROUTINE_RETURNED);
  assert_in_range(depth.last, 1, COROUTINE_STACK_BYTES / 5);
  coroutine_close(depth.co);
}

static const void *at(uintptr_t address) { return (const void *)address; }

static void the_guard_lies_right_below_the_stack(void **state)
{
  (void)state;
  struct coroutine *co = open_one();
  uintptr_t bottom = coroutine_bottom(co);
  assert_true(coroutine_guards(co, at(bottom - 1)));
  assert_true(coroutine_guards(co, at(bottom - COROUTINE_GUARD_BYTES)));
  assert_false(coroutine_guards(co, at(bottom - COROUTINE_GUARD_BYTES - 1)));
  assert_false(coroutine_guards(co, at(bottom)));
  assert_false(coroutine_guards(co, at(bottom + COROUTINE_STACK_BYTES)));
  assert_false(coroutine_guards(co, NULL));
  assert_false(coroutine_guards(co, at(UINTPTR_MAX)));
  coroutine_close(co);
}

/* Pages of [from, from + bytes) that are in memory. */
static size_t resident(uintptr_t from, size_t bytes)
{
  static unsigned char there[COROUTINE_STACK_BYTES / 4096];
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = bytes / page, count = 0;
  assert_int_equal(mincore((void *)from, bytes, there), 0);
  for (size_t i = 0; i < pages; i++) count += there[i] & 1;
  return count;
}

static size_t deep_pages(const struct coroutine *co)
{
  return resident(coroutine_bottom(co), COROUTINE_STACK_BYTES - COROUTINE_KEPT_BYTES);
}

static size_t kept_pages(const struct coroutine *co)
{
  return resident(coroutine_bottom(co) + COROUTINE_STACK_BYTES - COROUTINE_KEPT_BYTES,
                  COROUTINE_KEPT_BYTES);
}

static void use_two_megabytes(void *argument)
{
  struct depth *depth = argument;
  (void)descend(depth, 500);
}

static void a_stack_that_grew_gives_its_deep_pages_back_when_closed(void **state)
{
  (void)state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < 3; i++) { /* the mark is fresh again for the next user */
    struct depth depth = {.co = open_one()};
    coroutine_start(depth.co, use_two_megabytes, &depth);
    assert_int_equal(coroutine_resume(depth.co), COROUTINE_RETURNED);
    assert_true(deep_pages(depth.co) * page > 1024 * KB);
    coroutine_close(depth.co);
    assert_int_equal(coroutine_pool_figures().pooled, 1);
    assert_int_equal(deep_pages(depth.co), 0);
    assert_int_equal(kept_pages(depth.co) * page, COROUTINE_KEPT_BYTES);
  }
}

static void use_hundred_kilobytes(void *argument)
{
  struct depth *depth = argument;
  (void)descend(depth, 25);
}

/* A page that no stack pointer ever came to is touched from outside. Would the system have been
 * asked to take the deep pages, it would be gone. */
static void closing_a_stack_that_did_not_grow_asks_the_system_nothing(void **state)
{
  (void)state;
  struct depth depth = {.co = open_one(), .wait = true};
  coroutine_start(depth.co, use_two_megabytes, &depth); /* that it did before does not count */
  (void)coroutine_resume(depth.co);
  coroutine_close(depth.co);
  depth = (struct depth){.co = open_one()};
  coroutine_start(depth.co, use_hundred_kilobytes, &depth);
  (void)coroutine_resume(depth.co);
  *(volatile char *)coroutine_bottom(depth.co) = 1;
  assert_int_equal(deep_pages(depth.co), 1);
  coroutine_close(depth.co);
  assert_int_equal(deep_pages(depth.co), 1);
}

static void a_dropped_stack_that_grew_gives_its_deep_pages_back(void **state)
{
  (void)state;
  struct depth depth = {.co = open_one(), .wait = true};
  coroutine_start(depth.co, use_two_megabytes, &depth);
  assert_int_equal(coroutine_resume(depth.co), COROUTINE_SUSPENDED);
  assert_true(deep_pages(depth.co) > 0);
  coroutine_close(depth.co);
  assert_int_equal(deep_pages(depth.co), 0);
}

/* A frame with a variable over all of the marks, which nobody writes. */
NO_ASAN static void leap_and_wait(void *argument)
{
  struct depth *depth = argument;
  volatile char *block = alloca(1024 * KB);
  block[0] = 1;
  __asm__ volatile("" ::"r"(block) : "memory");
  if (depth->wait) coroutine_suspend(depth->co);
  coroutine_abandon(depth->co, COROUTINE_CAUSE_KILL);
}

static void where_a_stack_is_left_for_good_its_depth_is_known(void **state)
{
  (void)state;
  for (int wait = 0; wait <= 1; wait++) {
    struct depth depth = {.co = open_one(), .wait = wait == 1};
    coroutine_start(depth.co, leap_and_wait, &depth);
    (void)coroutine_resume(depth.co);
    assert_true(deep_pages(depth.co) > 0);
    coroutine_close(depth.co);
    assert_int_equal(deep_pages(depth.co), 0);
  }
}

/* --- the pool --- */

static void the_stack_closed_last_is_the_next_one_opened(void **state)
{
  (void)state;
  struct coroutine *one = open_one(), *two = open_one();
  assert_int_equal(coroutine_pool_figures().mapped, 2);
  assert_int_equal(coroutine_pool_figures().pooled, 0);
  coroutine_close(one);
  coroutine_close(two);
  assert_int_equal(coroutine_pool_figures().mapped, 2);
  assert_int_equal(coroutine_pool_figures().pooled, 2);
  assert_ptr_equal(open_one(), two);
  assert_ptr_equal(open_one(), one);
  assert_int_equal(coroutine_pool_figures().mapped, 2);
  coroutine_close(one);
  coroutine_close(two);
}

static void *close_it(void *argument)
{
  coroutine_close(argument);
  return NULL;
}

/* The thread's own place outlives it. */
static void a_stack_that_an_ended_thread_closed_is_still_counted_and_trimmed(void **state)
{
  (void)state;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, close_it, open_one()), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(coroutine_pool_figures().mapped, 1);
  assert_int_equal(coroutine_pool_figures().pooled, 1);
  coroutine_pool_trim(1);
  assert_int_equal(coroutine_pool_figures().mapped, 1);
  coroutine_pool_trim(0);
  assert_int_equal(coroutine_pool_figures().mapped, 0);
  assert_int_equal(coroutine_pool_figures().pooled, 0);
}

static void the_pool_keeps_only_so_many(void **state)
{
  (void)state;
  static struct coroutine *all[COROUTINE_POOL_LIMIT + 10];
  for (size_t i = 0; i < COROUTINE_POOL_LIMIT + 10; i++) all[i] = open_one();
  for (size_t i = 0; i < COROUTINE_POOL_LIMIT + 10; i++) coroutine_close(all[i]);
  /* And one that this thread has for itself. */
  assert_int_equal(coroutine_pool_figures().mapped, COROUTINE_POOL_LIMIT + 1);
  assert_int_equal(coroutine_pool_figures().pooled, COROUTINE_POOL_LIMIT + 1);
  coroutine_pool_trim(COROUTINE_POOL_LIMIT);
  assert_int_equal(coroutine_pool_figures().mapped, COROUTINE_POOL_LIMIT);
  coroutine_pool_trim(3);
  assert_int_equal(coroutine_pool_figures().mapped, 3);
  assert_int_equal(coroutine_pool_figures().pooled, 3);
}

static void trimming_unmaps_and_leaves_what_is_in_use(void **state)
{
  (void)state;
  struct coroutine *used = open_one(), *pooled = open_one();
  uintptr_t gone = coroutine_bottom(pooled);
  coroutine_close(pooled);
  coroutine_pool_trim(0);
  assert_int_equal(coroutine_pool_figures().mapped, 1);
  assert_int_equal(coroutine_pool_figures().pooled, 0);
  unsigned char there[1];
  assert_int_equal(mincore((void *)gone, 4096, there), -1);
  struct job job = {.co = used};
  coroutine_start(used, note, &job);
  assert_int_equal(coroutine_resume(used), COROUTINE_RETURNED);
  coroutine_close(used);
}

static void ten_thousand_suspended_coroutines_commit_little(void **state)
{
  (void)state;
  size_t count = 10000;
  if (UNDER_TSAN) count = 1000;          /* it has room for 8,128 fibers and threads */
  if (RUNNING_ON_VALGRIND) count = 1000; /* its table of mappings ends at 30,000 */
  if (count != 10000) print_message("%zu coroutines only, for the tool's limits\n", count);
  struct job *jobs = calloc(count, sizeof *jobs);
  assert_non_null(jobs);
  size_t before = resident_bytes();
  for (size_t i = 0; i < count; i++) {
    jobs[i].co = open_one();
    coroutine_start(jobs[i].co, count_to_three, &jobs[i]);
    assert_int_equal(coroutine_resume(jobs[i].co), COROUTINE_SUSPENDED);
  }
  size_t each = (resident_bytes() - before) / count;
  assert_int_equal(coroutine_pool_figures().mapped, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(coroutine_resume(jobs[i].co), COROUTINE_SUSPENDED);
    assert_int_equal(jobs[i].step, 2);
    coroutine_close(jobs[i].co);
  }
  free(jobs);
  assert_int_equal(coroutine_pool_figures().mapped, COROUTINE_POOL_LIMIT + 1);
  print_message("%zu bytes in memory for each\n", each);
  if (!UNDER_TSAN && !UNDER_ASAN && !RUNNING_ON_VALGRIND) assert_in_range(each, 1, 12 * KB);
}

/* --- failures --- */

static bool limit(int resource, rlim_t value)
{
  struct rlimit limits;
  if (getrlimit((__rlimit_resource_t)resource, &limits) != 0) return false;
  limits.rlim_cur = value;
  return setrlimit((__rlimit_resource_t)resource, &limits) == 0;
}

/* 0 if opening fails under the limit, changes nothing, and works again without it. */
static int open_fails_under(int resource)
{
  struct coroutine *co = NULL;
  struct rlimit before;
  size_t space = mapped_bytes();
  if (getrlimit((__rlimit_resource_t)resource, &before) != 0 || !limit(resource, 4096)) return 1;
  enum status status = coroutine_open(&co);
  if (!limit(resource, before.rlim_cur)) return 2;
  if (status != STATUS_NO_MEMORY || co != NULL) return 3;
  if (coroutine_pool_figures().mapped != 0) return 4;
  if (mapped_bytes() > space + COROUTINE_STACK_BYTES / 2) return 5;
  return coroutine_open(&co) == STATUS_OK ? 0 : 6;
}

static int open_fails_without_address_space(void) { return open_fails_under(RLIMIT_AS); }
static int open_fails_without_data_space(void) { return open_fails_under(RLIMIT_DATA); }

static void opening_without_address_space_is_no_memory(void **state)
{
  (void)state;
  assert_int_equal(in_child(open_fails_without_address_space), 0);
}

/* Reserving succeeds then, making it writable does not (RLIMIT_DATA counts it since Linux 4.7). */
static void opening_gives_the_mapping_back_when_it_cannot_be_made_writable(void **state)
{
  (void)state;
  if (RUNNING_ON_VALGRIND || UNDER_TSAN) {
    print_message("skipped: valgrind keeps the limit to itself, TSan itself fails under it\n");
    skip();
  }
  assert_int_equal(in_child(open_fails_without_data_space), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_empty, all_is_closed)
  const struct CMUnitTest tests[] = {
      TEST(a_body_runs_on_its_own_stack_and_returns),
      TEST(the_current_coroutine_is_known_on_it_and_only_there),
      TEST(a_suspended_body_goes_on_where_it_was),
      TEST(one_coroutine_can_be_started_again_and_again),
      TEST(an_abandoned_coroutine_comes_back_with_its_cause_and_can_be_started_again),
      TEST(a_coroutine_from_the_pool_has_no_cause),
      TEST(a_suspended_coroutine_can_be_dropped_and_its_stack_used_again),
      TEST(the_stack_of_an_abandoned_coroutine_can_be_used_again),
      TEST(a_started_coroutine_can_be_closed_before_it_runs),
      TEST(a_coroutine_can_resume_another),
      TEST(integers_and_doubles_survive_switches_on_both_sides),
      TEST(longjmp_inside_of_a_coroutine_works_across_switches),
      TEST(unwinding_ends_at_the_coroutines_entry),
      TEST(coroutines_move_between_threads_thousands_of_times),
      TEST(the_pool_serves_several_threads),
      TEST(the_room_is_what_is_left_of_the_stack),
      TEST(nearly_all_of_the_stack_can_be_used),
      TEST(the_guard_lies_right_below_the_stack),
      TEST(a_stack_that_grew_gives_its_deep_pages_back_when_closed),
      TEST(closing_a_stack_that_did_not_grow_asks_the_system_nothing),
      TEST(a_dropped_stack_that_grew_gives_its_deep_pages_back),
      TEST(where_a_stack_is_left_for_good_its_depth_is_known),
      TEST(the_stack_closed_last_is_the_next_one_opened),
      TEST(a_stack_that_an_ended_thread_closed_is_still_counted_and_trimmed),
      TEST(the_pool_keeps_only_so_many),
      TEST(trimming_unmaps_and_leaves_what_is_in_use),
      TEST(ten_thousand_suspended_coroutines_commit_little),
      TEST(opening_without_address_space_is_no_memory),
      TEST(opening_gives_the_mapping_back_when_it_cannot_be_made_writable),
  };
  return cmocka_run_group_tests_name("coroutine", tests, NULL, NULL);
}
