/* Tests of driver/slice.c: jobs that give way, wait, and go on, alone and on other threads. What
 * stops a job is in test_slice_stop.c, what it may use in test_slice_limits.c.
 *
 * The module is compiled in here, so that what it asks of the system can be refused; the linker
 * then takes these functions and not the library's. */
#include "coroutine.h"
#include "fault.h"
#include "watchdog.h"

#include <stdbool.h>

static struct {
  bool no_coroutine, no_signal_stack, no_slot;
} system_lacks;

static enum status test_coroutine_open(struct coroutine **out)
{
  return system_lacks.no_coroutine ? STATUS_NO_MEMORY : coroutine_open(out);
}

static enum status test_fault_enter_thread(void)
{
  return system_lacks.no_signal_stack ? STATUS_NO_MEMORY : fault_enter_thread();
}

static enum status test_watchdog_enter(struct watched *watched)
{
  return system_lacks.no_slot ? STATUS_NO_MEMORY : watchdog_enter(watched);
}

#define coroutine_open(out)     test_coroutine_open(out)
#define fault_enter_thread()    test_fault_enter_thread()
#define watchdog_enter(watched) test_watchdog_enter(watched)
#include "slice.c"
#undef coroutine_open
#undef fault_enter_thread
#undef watchdog_enter

#include "job_fixture.h"
#include "sanitizers.h"
#include "seed.h"
#include "slice_fixture.h"
#include "waiting.h"

#include <mruby/variable.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int begin(void **state)
{
  memset(&system_lacks, 0, sizeof system_lacks);
  return begin_watched_jobs(state);
}

/* --- a job --- */

static void a_job_returns_within_its_first_slice(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "6 * 7");
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "42");
  assert_null(world->slice.job);
  assert_int_equal(world->slice.slices, 1);
  assert_int_equal(world->slice.preemptions, 0);
  assert_int_equal(world->slice.killed, KILL_NONE);
  close_world(world);
}

static void jobs_run_one_after_the_other_and_share_the_interpreter(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  job_must_give(world, "$x = 5", "5");
  job_must_raise(world, "raise ArgumentError, 'no'", "ArgumentError: no");
  job_must_give(world, "$x + 1", "6");
  assert_int_equal(world->slice.slices, 3);
  close_world(world);
}

static void an_interpreter_is_opened_on_a_thread_that_is_not_watched(void **state)
{
  (void)state;
  /* So a slice of no time at all does no harm there. */
  struct world *world = open_world(16 * MB, 0, 3);
  world_must_be_usable(world);
  close_world(world);
}

static void starting_fails_without_a_stack_and_can_be_tried_again(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  system_lacks.no_coroutine = true;
  slice_ready(&world->slice);
  assert_int_equal(slice_start(&world->slice, job_body, world), STATUS_NO_MEMORY);
  assert_null(world->slice.job);
  system_lacks.no_coroutine = false;
  world_must_be_usable(world);
  close_world(world);
}

static void a_thread_that_cannot_run_jobs_says_so_and_another_goes_on(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  start_job(world, "$go = false; loop { break if $go }; 5");
  assert_int_equal(run_slice(world), SLICE_PREEMPTED);
  enum slice_end end_before = world->end;
  system_lacks.no_signal_stack = true;
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_NO_MEMORY);
  system_lacks.no_signal_stack = false;
  system_lacks.no_slot = true;
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_NO_MEMORY);
  system_lacks.no_slot = false;
  assert_int_equal(world->end, end_before);
  assert_int_equal(world->slice.slices, 1);
  assert_int_equal(run_slice(world), SLICE_PREEMPTED);
  mrb_gv_set(world->mrb, mrb_intern_lit(world->mrb, "$go"), mrb_true_value());
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "5");
  close_world(world);
}

static void opening_without_a_signal_stack_is_a_kill(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  system_lacks.no_signal_stack = true;
  start_job(world, "1");
  assert_int_equal(slice_run_unwatched(&world->slice), SLICE_KILLED);
  assert_int_equal(world->slice.killed, KILL_MEMORY);
  close_world(world);
}

static bool current_was_right;

static mrb_value look_at_current(mrb_state *mrb, mrb_value self)
{
  (void)self;
  current_was_right = slice_current() == &world_of(mrb)->slice;
  return mrb_nil_value();
}

static void the_current_slice_is_the_one_that_runs_on_this_thread(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  define_in_world(world, "look", look_at_current, MRB_ARGS_NONE());
  assert_null(slice_current());
  job_must_give(world, "look", "nil");
  assert_true(current_was_right);
  assert_null(slice_current());
  close_world(world);
}

/* --- giving way --- */

/* Whether a job overruns its slice is chance, the more so on a busy machine: again until it has. */
static void again_until_preempted(struct world *world, void (*run_it)(struct world *),
                                  uint64_t times)
{
  int64_t give_up_at = test_now_ns() + (int64_t)WAIT_SECONDS * 1000000000;
  do {
    if (test_now_ns() > give_up_at) fail_msg("never gave way");
    run_it(world);
  } while (world->slice.preemptions < times);
}

static void an_endless_loop_gives_way_slice_after_slice(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  static const char *const loops[] = {"loop {}",
                                      "while true; end",
                                      "i = 0; i += 1 while true",
                                      "def f; yield; end; f { redo }",
                                      "begin; raise; rescue; retry; end",
                                      "1.upto(Float::INFINITY) { }"};
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
    start_job(world, loops[i]);
    uint64_t before = world->slice.preemptions;
    for (int k = 0; k < 5; k++) assert_int_equal(run_slice(world), SLICE_PREEMPTED);
    assert_int_equal(world->slice.preemptions - before, 5);
    slice_stop(&world->slice, STOP_TIMEOUT);
    assert_int_equal(finish_job(world), SLICE_RETURNED);
    assert_string_equal(world->result, "Late: timeout");
    world_must_be_usable(world);
  }
  close_world(world);
}

static char *source_text;

static void compile_source(struct world *world)
{
  start_job(world, source_text);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "[1, \"two\", :three, 4.0]");
}

static void the_compiler_gives_way(void **state)
{
  (void)state;
  struct world *world = open_world(256 * MB, MILLISECOND, 3);
  source_text = long_source(1000000, "x = [1, 'two', :three, 4.0]\n", "x");
  again_until_preempted(world, compile_source, 3);
  free(source_text);
  world_must_be_usable(world);
  close_world(world);
}

static void allocate_in_c(struct world *world)
{
  job_must_give(world, "s = 'a'; 20000.times { s = s.succ }; s", "\"acog\"");
  job_must_give(world, "('x' * 200000).split('').size", "200000");
  job_must_give(world, "(1..30000).map { |i| i.to_s }.join.size", "138894");
}

static void methods_in_c_that_allocate_give_way(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, MILLISECOND, 3);
  again_until_preempted(world, allocate_in_c, 1);
  world_must_be_usable(world);
  close_world(world);
}

/* They neither allocate nor fetch instructions: see preempt.h. */
static void multiply_and_search(struct world *world)
{
  job_must_give(world, "a = 3 ** 400_000; (a * a) % 1_000_007", "14632");
  job_must_give(world, "s = 'a' * 20_000; s.index('a' * 10_000 + 'b')", "nil");
}

static void long_functions_in_c_that_pass_no_safe_point_give_way_too(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip(); /* it delays signals to where it likes */
  struct world *world = open_world(64 * MB, MILLISECOND, 3);
  again_until_preempted(world, multiply_and_search, 20);
  world_must_be_usable(world);
  close_world(world);
}

static void a_stop_ends_a_long_function_in_c_when_it_returns_or_its_patience_is_over(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip();
  struct world *world = open_world(64 * MB, MILLISECOND, 100000);
  start_job(world, "a = 3 ** 100_000; mark; 3.times { a = a * a }; a > 5");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  world_must_be_usable(world);
  close_world(world);
  world = open_world(64 * MB, MILLISECOND, 1);
  start_job(world, "a = 3 ** 1_000_000; mark; 30.times { a = a * a }; a > 5");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  enum slice_end end_of = finish_job(world);
  if (end_of == SLICE_KILLED) assert_int_equal(world->slice.killed, KILL_STUBBORN);
  close_world(world);
}

/* --- slices that are alone --- */

static const _Atomic unsigned nobody = 0;

/* Its slices have their threads for themselves. */
static struct world *open_alone(int64_t slice_ns)
{
  struct world *world = open_world(16 * MB, slice_ns, 100000);
  world->slice.others = &nobody;
  return world;
}

static void a_slice_that_is_alone_may_be_long_and_is_over_all_the_same(void **state)
{
  (void)state;
  struct world *world = open_alone(MILLISECOND);
  start_job(world, "loop {}");
  for (int i = 0; i < 3; i++) {
    int64_t before = world->slice.ran_ns;
    assert_int_equal(run_slice(world), SLICE_PREEMPTED);
    /* What is nearly over is over, for the watchdog. */
    assert_true(world->slice.ran_ns - before >= WATCHDOG_ALONE_NS - MILLISECOND);
  }
  close_world(world);
}

static bool next_slice_is_short(struct world *world)
{
  int64_t before = world->slice.ran_ns;
  assert_int_equal(run_slice(world), SLICE_PREEMPTED);
  return world->slice.ran_ns - before < WATCHDOG_ALONE_NS / 2;
}

static void a_slice_for_whose_thread_somebody_waits_is_not_alone(void **state)
{
  (void)state;
  static const _Atomic unsigned somebody = 1;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  world->slice.others = &somebody;
  start_job(world, "loop {}");
  must_become(next_slice_is_short(world)); /* on a busy machine some are long */
  close_world(world);
}

static void the_slices_of_a_job_that_has_been_stopped_are_not_longer_when_it_is_alone(void **state)
{
  (void)state;
  struct world *world = open_alone(MILLISECOND);
  start_job(world, "begin; mark; loop {}; rescue Exception; end; loop {}");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  must_become(next_slice_is_short(world));
  assert_true(world->slice.stop_raised);
  close_world(world);
}

/* A thread that runs slices of a job which is never asked to give way by the watchdog itself. */
struct runner {
  pthread_t thread;
  struct world *world;
  bool to_the_end; /* of the job; else one slice */
  _Atomic bool over;
};

static void *run_slices(void *data)
{
  struct runner *runner = data;
  struct world *world = runner->world;
  enum status status;
  do status = slice_run(&world->slice, false, &world->end);
  while (!status && world->end == SLICE_PREEMPTED && runner->to_the_end);
  fault_leave_thread();
  runner->over = true;
  return status ? NULL : data;
}

static void start_runner(struct runner *runner, struct world *world, bool to_the_end)
{
  runner->world = world;
  runner->to_the_end = to_the_end;
  runner->over = false;
  assert_int_equal(pthread_create(&runner->thread, NULL, run_slices, runner), 0);
}

static void must_end(struct runner *runner, enum slice_end wanted)
{
  void *result = NULL;
  must_become(runner->over);
  pthread_join(runner->thread, &result);
  assert_ptr_equal(result, runner);
  assert_int_equal(runner->world->end, wanted);
}

static void a_slice_that_runs_is_cut_short(void **state)
{
  (void)state;
  static const char *const loops[] = {"mark; loop {}", "mark; while true; end",
                                      "mark; loop { 'x' * 10000 }"};
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
    struct world *world = open_alone(NOT_ASKED);
    struct runner runner;
    start_job(world, loops[i]);
    start_runner(&runner, world, false);
    must_become(world->marked);
    assert_false(runner.over);
    slice_cut_short(&world->slice);
    must_end(&runner, SLICE_PREEMPTED);
    close_world(world);
  }
}

static void each_slice_that_begins_after_it_is_to_be_cut_short_ends_at_once(void **state)
{
  (void)state;
  struct world *world = open_alone(NOT_ASKED);
  struct runner runner;
  start_job(world, "loop {}");
  slice_cut_short(&world->slice);
  for (int i = 1; i <= 3; i++) {
    start_runner(&runner, world, false);
    must_end(&runner, SLICE_PREEMPTED);
    assert_int_equal(world->slice.preemptions, i);
  }
  close_world(world);
}

static void a_slice_is_cut_short_whenever_it_begins(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct world *world = open_alone(NOT_ASKED);
  struct runner runner;
  start_job(world, "loop {}");
  for (int i = 0; i < 300; i++) {
    world->slice.ending = false;
    start_runner(&runner, world, false);
    if (i % 8) pause_us((long)random_below(&random, 100));
    slice_cut_short(&world->slice);
    must_end(&runner, SLICE_PREEMPTED);
  }
  assert_int_equal(slice_stopped(&world->slice), STOP_NONE);
  close_world(world);
}

static void a_stop_is_heard_by_a_slice_that_is_alone(void **state)
{
  (void)state;
  struct world *world = open_alone(NOT_ASKED);
  struct runner runner;
  start_job(world, "mark; loop {}");
  start_runner(&runner, world, true);
  must_become(world->marked);
  assert_false(runner.over);
  slice_stop(&world->slice, STOP_INTERRUPT);
  must_end(&runner, SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  world_must_be_usable(world);
  close_world(world);
}

static void a_stop_is_heard_whenever_the_slice_begins(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct world *world = open_alone(NOT_ASKED);
  struct runner runner;
  for (int i = 0; i < 300; i++) {
    start_job(world, "loop {}");
    start_runner(&runner, world, true);
    if (i % 8) pause_us((long)random_below(&random, 400)); /* it compiles, or runs */
    slice_stop(&world->slice, STOP_TIMEOUT);
    must_end(&runner, SLICE_RETURNED);
    assert_string_equal(world->result, "Late: timeout");
  }
  world_must_be_usable(world);
  close_world(world);
}

/* --- how long a job has run --- */

static void the_time_that_a_job_runs_is_added_up_until_the_next_is_made_ready(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  for (int round = 0; round < 2; round++) {
    start_job(world, "loop {}");
    assert_int_equal(world->slice.ran_ns, 0);
    int64_t most = 0;
    for (int i = 0; i < 5; i++) {
      int64_t before = world->slice.ran_ns, began = now_ns();
      assert_int_equal(run_slice(world), SLICE_PREEMPTED);
      most += now_ns() - began;
      assert_true(world->slice.ran_ns > before);
      pause_us(1000); /* does not count */
      assert_true(world->slice.ran_ns <= most);
    }
    slice_stop(&world->slice, STOP_TIMEOUT);
    (void)finish_job(world);
    assert_true(world->slice.ran_ns > 0);
    slice_ready(&world->slice);
    assert_int_equal(world->slice.ran_ns, 0);
  }
  close_world(world);
}

static void the_time_that_a_job_waits_is_not_counted(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "wait_ms(20)");
  int64_t most = 0;
  do {
    int64_t began = now_ns();
    run_slice(world);
    most += now_ns() - began;
    pause_us(25000);
  } while (world->end == SLICE_WAITING);
  assert_int_equal(world->end, SLICE_RETURNED);
  assert_true(world->slice.ran_ns <= most);
  close_world(world);
}

static void a_slice_on_a_scheduler_counts_as_a_whole_one(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  start_job(world, "loop {}");
  for (int i = 1; i <= 3; i++) {
    assert_int_equal(slice_run(&world->slice, true, &world->end), STATUS_OK);
    assert_int_equal(world->end, SLICE_PREEMPTED);
    assert_int_equal(world->slice.ran_ns, i * MILLISECOND);
  }
  close_world(world);
}

/* --- on other threads --- */

static void *run_one_slice(void *data)
{
  struct world *world = data;
  enum status status = slice_run(&world->slice, false, &world->end);
  fault_leave_thread();
  return status ? NULL : data;
}

static void on_a_new_thread_each(struct world *world)
{
  do {
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run_one_slice, world), 0);
    pthread_join(thread, &result);
    assert_non_null(result);
  } while (world->end == SLICE_PREEMPTED || world->end == SLICE_WAITING);
}

static void compute_on_threads(struct world *world)
{
  long sum = 0;
  for (long i = 0; i < 400000; i++) sum = (sum * 31 + i) % 1000003;
  char wanted[40];
  (void)snprintf(wanted, sizeof wanted, "%ld", sum);
  start_job(world, "s = 0; 400000.times { |i| s = (s * 31 + i) % 1000003 }; s");
  on_a_new_thread_each(world);
  assert_string_equal(world->result, wanted);
}

static void a_job_that_goes_on_on_another_thread_each_slice_computes_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  again_until_preempted(world, compute_on_threads, 6);
  world_must_be_usable(world);
  close_world(world);
}

static void compile_on_threads(struct world *world)
{
  start_job(world, source_text);
  on_a_new_thread_each(world);
  assert_string_equal(world->result, "[1, \"b2\"]");
}

static void a_compiler_that_goes_on_on_another_thread_each_slice_compiles_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(256 * MB, 600000, 3);
  source_text = long_source(600000, "x = { a: [1, \"b#{2}\"], c: ->(d) { d } }\n", "x[:a]");
  again_until_preempted(world, compile_on_threads, 6);
  free(source_text);
  world_must_be_usable(world);
  close_world(world);
}

static void long_functions_in_c_that_go_on_on_another_thread_compute_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  start_job(world,
            "a = 3 ** 400_000; [(a * a) % 1_000_007, GC.start, ('a' * 20_000).index('a' * 10_000 + "
            "'b')]");
  on_a_new_thread_each(world);
  assert_string_equal(world->result, "[14632, nil, nil]");
  world_must_be_usable(world);
  close_world(world);
}

static void exceptions_fibers_and_strings_survive_the_change_of_threads(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  start_job(world, "n = 0\n"
                   "f = Fiber.new { loop { begin; raise 'x' + n.to_s; rescue => e; Fiber.yield "
                   "e.message; ensure; n += 1; end } }\n"
                   "out = ''\n"
                   "5000.times { out = out[0, 4] + f.resume }\n"
                   "[n, out]");
  on_a_new_thread_each(world);
  assert_string_equal(world->result, "[4999, \"x0x1x4999\"]");
  world_must_be_usable(world);
  close_world(world);
}

/* --- waiting --- */

static void a_job_that_waits_is_switched_out_until_its_time(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "wait_ms 3600_000; 5");
  int64_t before = now_ns();
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_true(world->slice.wake_at >= before + 3600000 * MILLISECOND);
  assert_true(world->slice.wake_at <= now_ns() + 3600000 * MILLISECOND);
  /* Woken too early it goes on waiting. */
  assert_int_equal(run_slice(world), SLICE_WAITING);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  start_job(world, "wait_ms 1; 5");
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "5");
  assert_int_equal(world->slice.preemptions, 0);
  close_world(world);
}

static void a_wait_without_end_ends_with_a_stop(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "begin; wait_ms(-1); ensure; $cleaned = true; end");
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_true(world->slice.wake_at == INT64_MAX);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  job_must_give(world, "$cleaned", "true");
  close_world(world);
}

static void a_wait_for_a_time_that_is_past_does_not_give_way(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "100.times { wait_ms 0 }; 6");
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "6");
  close_world(world);
}

static void a_job_that_has_been_stopped_does_not_wait_any_more(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "begin; wait_ms(-1); rescue Exception; wait_ms(-1); wait_ms 3600_000; end; 7");
  assert_int_equal(run_slice(world), SLICE_WAITING);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "7");
  close_world(world);
}

static void a_fiber_may_wait(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start_job(world, "Fiber.new { wait_ms 1; Fiber.yield 1; 2 }.resume");
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "1");
  world_must_be_usable(world);
  close_world(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_job_returns_within_its_first_slice),
      TEST(jobs_run_one_after_the_other_and_share_the_interpreter),
      TEST(an_interpreter_is_opened_on_a_thread_that_is_not_watched),
      TEST(starting_fails_without_a_stack_and_can_be_tried_again),
      TEST(a_thread_that_cannot_run_jobs_says_so_and_another_goes_on),
      TEST(opening_without_a_signal_stack_is_a_kill),
      TEST(the_current_slice_is_the_one_that_runs_on_this_thread),
      TEST(an_endless_loop_gives_way_slice_after_slice),
      TEST(the_compiler_gives_way),
      TEST(methods_in_c_that_allocate_give_way),
      TEST(long_functions_in_c_that_pass_no_safe_point_give_way_too),
      TEST(a_stop_ends_a_long_function_in_c_when_it_returns_or_its_patience_is_over),
      TEST(a_slice_that_is_alone_may_be_long_and_is_over_all_the_same),
      TEST(a_slice_for_whose_thread_somebody_waits_is_not_alone),
      TEST(the_slices_of_a_job_that_has_been_stopped_are_not_longer_when_it_is_alone),
      TEST(a_slice_that_runs_is_cut_short),
      TEST(each_slice_that_begins_after_it_is_to_be_cut_short_ends_at_once),
      TEST(a_slice_is_cut_short_whenever_it_begins),
      TEST(a_stop_is_heard_by_a_slice_that_is_alone),
      TEST(a_stop_is_heard_whenever_the_slice_begins),
      TEST(the_time_that_a_job_runs_is_added_up_until_the_next_is_made_ready),
      TEST(the_time_that_a_job_waits_is_not_counted),
      TEST(a_slice_on_a_scheduler_counts_as_a_whole_one),
      TEST(a_job_that_goes_on_on_another_thread_each_slice_computes_the_same),
      TEST(a_compiler_that_goes_on_on_another_thread_each_slice_compiles_the_same),
      TEST(long_functions_in_c_that_go_on_on_another_thread_compute_the_same),
      TEST(exceptions_fibers_and_strings_survive_the_change_of_threads),
      TEST(a_job_that_waits_is_switched_out_until_its_time),
      TEST(a_wait_without_end_ends_with_a_stop),
      TEST(a_wait_for_a_time_that_is_past_does_not_give_way),
      TEST(a_job_that_has_been_stopped_does_not_wait_any_more),
      TEST(a_fiber_may_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
