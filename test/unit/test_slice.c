/* Tests of driver/slice.c, and of driver/stdio_guard.c: jobs of mruby, without ruby.c.
 *
 * The module is compiled in here, so that what it asks of the system can be refused; the linker then
 * takes these functions and not the library's. */
#include "coroutine.h"
#include "fault.h"
#include "watchdog.h"

#include <alloca.h>
#include <stdbool.h>
#include <stdlib.h>

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

#include "faults.h"
#include "job_fixture.h"
#include "preempt.h"
#include "sanitizers.h"
#include "seed.h"
#include "terms.h"
#include "waiting.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/compile.h>
#include <mruby/debug.h>
#include <mruby/proc.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MB          ((size_t)1 << 20)
#define NOT_ASKED   (INT64_C(3600) * 1000000000) /* as a slice: no job is ever asked to give way */
#define MILLISECOND INT64_C(1000000)

/* --- an interpreter --- */

struct world {
  struct heap *heap;
  struct slice slice;
  mrb_state *mrb;
  size_t memory_limit;
  enum slice_end end;
  _Atomic bool marked; /* Ruby has called `mark` */
  /* the job */
  const char *code;
  size_t code_length;
  bool raised;
  char result[4000]; /* the value inspected, or "Class: message" */
  /* what happens at the n-th instruction, if `at` is not 0 */
  uint64_t instructions, at;
  bool give_way; /* not a stop; and at each one from there on */
  int stop_line;
};

static struct world *world_of(mrb_state *mrb) { return mrb->ud; }

static mrb_value ruby_wait_ms(mrb_state *mrb, mrb_value self)
{
  mrb_int ms;
  (void)self;
  mrb_get_args(mrb, "i", &ms);
  slice_wait(&world_of(mrb)->slice, ms < 0 ? INT64_MAX : now_ns() + ms * MILLISECOND);
  return mrb_nil_value();
}

static mrb_value ruby_mark(mrb_state *mrb, mrb_value self)
{
  (void)self;
  world_of(mrb)->marked = true;
  return mrb_nil_value();
}

static mrb_value ruby_checkpoint(mrb_state *mrb, mrb_value self)
{
  (void)self;
  slice_checkpoint(&world_of(mrb)->slice);
  return mrb_nil_value();
}

static mrb_value ruby_abort(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  (void)self;
  abort();
}

static mrb_value ruby_need_stack(mrb_state *mrb, mrb_value self)
{
  mrb_int bytes;
  (void)self;
  mrb_get_args(mrb, "i", &bytes);
  slice_need_stack(&world_of(mrb)->slice, (size_t)bytes);
  return mrb_true_value();
}

__attribute__((noinline)) static int dig(int depth)
{
  volatile char frame[2000];
  frame[0] = frame[1999] = (char)depth;
  return depth > 1000000 ? 0 : dig(depth + 1) + frame[0];
}

static mrb_value ruby_dig(mrb_state *mrb, mrb_value self)
{
  (void)self;
  (void)mrb;
  return mrb_fixnum_value(dig(0));
}

/* Runs the block with so many bytes less of stack. */
static mrb_value ruby_burn(mrb_state *mrb, mrb_value self)
{
  mrb_int bytes;
  mrb_value block;
  (void)self;
  mrb_get_args(mrb, "i&", &bytes, &block);
  volatile char *burnt = alloca((size_t)bytes);
  for (mrb_int i = 0; i < bytes; i += 4096) burnt[i] = 1;
  return mrb_yield(mrb, block, mrb_nil_value());
}

static mrb_value prepare(mrb_state *mrb, void *data)
{
  struct world *world = data;
  struct RClass *exception = mrb->eException_class, *kernel = mrb->kernel_module;
  mrb_define_method(mrb, kernel, "wait_ms", ruby_wait_ms, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, kernel, "mark", ruby_mark, MRB_ARGS_NONE());
  mrb_define_method(mrb, kernel, "checkpoint", ruby_checkpoint, MRB_ARGS_NONE());
  mrb_define_method(mrb, kernel, "abort", ruby_abort, MRB_ARGS_NONE());
  mrb_define_method(mrb, kernel, "need_stack", ruby_need_stack, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, kernel, "dig", ruby_dig, MRB_ARGS_NONE());
  mrb_define_method(mrb, kernel, "burn", ruby_burn, MRB_ARGS_REQ(1) | MRB_ARGS_BLOCK());
  slice_attach(&world->slice, mrb, mrb_define_class(mrb, "Late", exception),
               mrb_define_class(mrb, "Stopped", exception));
  return mrb_nil_value();
}

static void open_body(void *data)
{
  struct world *world = data;
  mrb_bool failed = FALSE;
  world->mrb = mrb_open_allocf(slice_allocate, &world->slice);
  if (!world->mrb) return;
  world->mrb->ud = world;
  mrb_protect_error(world->mrb, prepare, world, &failed);
  mrb_gc_arena_restore(world->mrb, 0);
  if (failed) world->mrb = NULL;
}

static struct world *open_world_with(size_t memory_limit, int64_t slice_ns, unsigned grace,
                                     const _Atomic unsigned *waiting)
{
  struct world *world = calloc(1, sizeof *world);
  assert_non_null(world);
  install_fault_handler();
  preempt_install();
  world->memory_limit = memory_limit;
  assert_int_equal(heap_open(memory_limit + 8 * MB, &world->heap), STATUS_OK);
  slice_init(&world->slice, world->heap, memory_limit, slice_ns, grace, waiting);
  assert_int_equal(slice_start(&world->slice, open_body, world), STATUS_OK);
  assert_int_equal(slice_run_unwatched(&world->slice), SLICE_RETURNED);
  assert_non_null(world->mrb);
  return world;
}

static struct world *open_world(size_t memory_limit, int64_t slice_ns, unsigned grace)
{
  return open_world_with(memory_limit, slice_ns, grace, NULL);
}

static void close_world(struct world *world)
{
  slice_fini(&world->slice);
  heap_close(world->heap);
  free(world);
}

/* --- jobs --- */

static mrb_value load(mrb_state *mrb, void *data)
{
  struct world *world = data;
  mrb_ccontext *context = mrb_ccontext_new(mrb);
  mrb_ccontext_filename(mrb, context, "t");
  mrb_value value = mrb_load_nstring_cxt(mrb, world->code, world->code_length, context);
  mrb_ccontext_free(mrb, context);
  if (mrb->exc) {
    mrb_value exception = mrb_obj_value(mrb->exc);
    mrb->exc = NULL;
    mrb_exc_raise(mrb, exception);
  }
  return mrb_inspect(mrb, value);
}

static mrb_value describe(mrb_state *mrb, void *data)
{
  mrb_value exception = *(mrb_value *)data;
  return mrb_format(mrb, "%C: %v", mrb_obj_class(mrb, exception),
                    mrb_funcall(mrb, exception, "message", 0));
}

static void count_instruction(mrb_state *mrb, const mrb_irep *irep, const mrb_code *pc,
                              mrb_value *registers)
{
  struct world *world = world_of(mrb);
  if (++world->instructions < world->at) return;
  if (world->give_way) {
    atomic_store(&world->slice.watched.asked, true);
    world->slice.watched.hook(mrb, irep, pc, registers);
    mrb->code_fetch_hook = count_instruction;
  } else {
    world->stop_line = mrb_debug_get_line(mrb, irep, (uint32_t)(pc - irep->iseq));
    slice_stop(&world->slice, STOP_TIMEOUT);
    world->slice.watched.hook(mrb, irep, pc, registers);
  }
}

static void job_body(void *data)
{
  struct world *world = data;
  mrb_state *mrb = world->mrb;
  mrb_bool failed = FALSE;
  if (world->at) mrb->code_fetch_hook = count_instruction;
  mrb_value value = mrb_protect_error(mrb, load, world, &failed);
  world->raised = failed;
  if (failed) {
    mrb_bool again = FALSE;
    mrb_gc_protect(mrb, value);
    value = mrb_protect_error(mrb, describe, &value, &again);
  }
  if (world->at) mrb->code_fetch_hook = NULL;
  (void)snprintf(world->result, sizeof world->result, "%s",
                 mrb_string_p(value) ? RSTRING_PTR(value) : "?");
  mrb_gc_arena_restore(mrb, 0);
}

static void start(struct world *world, const char *code)
{
  world->code = code;
  world->code_length = strlen(code);
  world->result[0] = '\0';
  world->raised = false;
  world->marked = false;
  slice_ready(&world->slice);
  assert_int_equal(slice_start(&world->slice, job_body, world), STATUS_OK);
}

static enum slice_end run_slice(struct world *world)
{
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_null(slice_current());
  return world->end;
}

/* Runs slices until the job has come by its `mark`, and is switched out behind it. */
static void run_to_mark(struct world *world)
{
  do {
    run_slice(world);
    if (world->end == SLICE_RETURNED || world->end == SLICE_KILLED)
      fail_msg("ended: %s", world->result);
  } while (!world->marked);
}

/* Runs slices to the end of the job. */
static enum slice_end finish(struct world *world)
{
  while (run_slice(world) == SLICE_PREEMPTED || world->end == SLICE_WAITING)
    if (world->end == SLICE_WAITING) pause_us(200);
  return world->end;
}

static enum slice_end run(struct world *world, const char *code)
{
  start(world, code);
  return finish(world);
}

static void must_give(struct world *world, const char *code, const char *wanted)
{
  assert_int_equal(run(world, code), SLICE_RETURNED);
  if (world->raised) fail_msg("%s: raised %s", code, world->result);
  assert_string_equal(world->result, wanted);
}

static void must_raise(struct world *world, const char *code, const char *wanted)
{
  assert_int_equal(run(world, code), SLICE_RETURNED);
  assert_true(world->raised);
  must_be_like(world->result, wanted);
}

/* It is as good as new: no frame, no fiber is left over, and Ruby runs. */
static void must_be_usable(struct world *world)
{
  assert_null(world->slice.job);
  assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  assert_ptr_equal(world->mrb->c->ci, world->mrb->c->cibase);
  assert_int_equal(mrb_gc_arena_save(world->mrb), 0);
  assert_true(heap_check(world->heap));
  must_give(world, "[1, 2, 3].map { |i| i * 2 }", "[2, 4, 6]");
  must_give(world, "begin; raise 'x'; rescue => e; e.message; ensure; 2; end", "\"x\"");
  must_give(world, "f = Fiber.new { Fiber.yield 1; 2 }; [f.resume, f.resume]", "[1, 2]");
}

static void must_be_killed(struct world *world, const char *code, enum kill why)
{
  assert_int_equal(run(world, code), SLICE_KILLED);
  assert_int_equal(world->slice.killed, why);
  assert_null(world->slice.job);
}

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
  start(world, "6 * 7");
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
  must_give(world, "$x = 5", "5");
  must_raise(world, "raise ArgumentError, 'no'", "ArgumentError: no");
  must_give(world, "$x + 1", "6");
  assert_int_equal(world->slice.slices, 3);
  close_world(world);
}

static void an_interpreter_is_opened_on_a_thread_that_is_not_watched(void **state)
{
  (void)state;
  /* So a slice of no time at all does no harm there. */
  struct world *world = open_world(16 * MB, 0, 3);
  must_be_usable(world);
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
  must_be_usable(world);
  close_world(world);
}

static void a_thread_that_cannot_run_jobs_says_so_and_another_goes_on(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  start(world, "$go = false; loop { break if $go }; 5");
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
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "5");
  close_world(world);
}

static void opening_without_a_signal_stack_is_a_kill(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  system_lacks.no_signal_stack = true;
  start(world, "1");
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
  mrb_define_method(world->mrb, world->mrb->kernel_module, "look", look_at_current,
                    MRB_ARGS_NONE());
  assert_null(slice_current());
  must_give(world, "look", "nil");
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
    start(world, loops[i]);
    uint64_t before = world->slice.preemptions;
    for (int k = 0; k < 5; k++) assert_int_equal(run_slice(world), SLICE_PREEMPTED);
    assert_int_equal(world->slice.preemptions - before, 5);
    slice_stop(&world->slice, STOP_TIMEOUT);
    assert_int_equal(finish(world), SLICE_RETURNED);
    assert_string_equal(world->result, "Late: timeout");
    must_be_usable(world);
  }
  close_world(world);
}

/* Source text that is one long expression: its compiler runs no instruction. */
static char *long_source(size_t length, const char *piece, const char *last)
{
  char *source = malloc(length + 100);
  assert_non_null(source);
  size_t at = 0, step = strlen(piece);
  for (; at + step < length; at += step) memcpy(source + at, piece, step);
  (void)snprintf(source + at, 100, "%s", last);
  return source;
}

static char *source_text;

static void compile_source(struct world *world)
{
  start(world, source_text);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "[1, \"two\", :three, 4.0]");
}

static void the_compiler_gives_way(void **state)
{
  (void)state;
  struct world *world = open_world(256 * MB, MILLISECOND, 3);
  source_text = long_source(1000000, "x = [1, 'two', :three, 4.0]\n", "x");
  again_until_preempted(world, compile_source, 3);
  free(source_text);
  must_be_usable(world);
  close_world(world);
}

static void allocate_in_c(struct world *world)
{
  must_give(world, "s = 'a'; 20000.times { s = s.succ }; s", "\"acog\"");
  must_give(world, "('x' * 200000).split('').size", "200000");
  must_give(world, "(1..30000).map { |i| i.to_s }.join.size", "138894");
}

static void methods_in_c_that_allocate_give_way(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, MILLISECOND, 3);
  again_until_preempted(world, allocate_in_c, 1);
  must_be_usable(world);
  close_world(world);
}

/* They neither allocate nor fetch instructions: see preempt.h. */
static void multiply_and_search(struct world *world)
{
  must_give(world, "a = 3 ** 400_000; (a * a) % 1_000_007", "14632");
  must_give(world, "s = 'a' * 20_000; s.index('a' * 10_000 + 'b')", "nil");
}

static void long_functions_in_c_that_pass_no_safe_point_give_way_too(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip(); /* it delays signals to where it likes */
  struct world *world = open_world(64 * MB, MILLISECOND, 3);
  again_until_preempted(world, multiply_and_search, 20);
  must_be_usable(world);
  close_world(world);
}

static void a_stop_ends_a_long_function_in_c_when_it_returns_or_its_patience_is_over(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip();
  struct world *world = open_world(64 * MB, MILLISECOND, 100000);
  start(world, "a = 3 ** 100_000; mark; 3.times { a = a * a }; a > 5");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  must_be_usable(world);
  close_world(world);
  world = open_world(64 * MB, MILLISECOND, 1);
  start(world, "a = 3 ** 1_000_000; mark; 30.times { a = a * a }; a > 5");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  enum slice_end end_of = finish(world);
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
  start(world, "loop {}");
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
  start(world, "loop {}");
  must_become(next_slice_is_short(world)); /* on a busy machine some are long */
  close_world(world);
}

static void the_slices_of_a_job_that_has_been_stopped_are_not_longer_when_it_is_alone(void **state)
{
  (void)state;
  struct world *world = open_alone(MILLISECOND);
  start(world, "begin; mark; loop {}; rescue Exception; end; loop {}");
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
    start(world, loops[i]);
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
  start(world, "loop {}");
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
  start(world, "loop {}");
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
  start(world, "mark; loop {}");
  start_runner(&runner, world, true);
  must_become(world->marked);
  assert_false(runner.over);
  slice_stop(&world->slice, STOP_INTERRUPT);
  must_end(&runner, SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  must_be_usable(world);
  close_world(world);
}

static void a_stop_is_heard_whenever_the_slice_begins(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct world *world = open_alone(NOT_ASKED);
  struct runner runner;
  for (int i = 0; i < 300; i++) {
    start(world, "loop {}");
    start_runner(&runner, world, true);
    if (i % 8) pause_us((long)random_below(&random, 400)); /* it compiles, or runs */
    slice_stop(&world->slice, STOP_TIMEOUT);
    must_end(&runner, SLICE_RETURNED);
    assert_string_equal(world->result, "Late: timeout");
  }
  must_be_usable(world);
  close_world(world);
}

/* --- how long a job has run --- */

static void the_time_that_a_job_runs_is_added_up_until_the_next_is_made_ready(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  for (int round = 0; round < 2; round++) {
    start(world, "loop {}");
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
    (void)finish(world);
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
  start(world, "wait_ms(20)");
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
  start(world, "loop {}");
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

static void a_job_that_goes_on_on_another_thread_each_slice_computes_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  long sum = 0;
  for (long i = 0; i < 400000; i++) sum = (sum * 31 + i) % 1000003;
  char wanted[40];
  (void)snprintf(wanted, sizeof wanted, "%ld", sum);
  int64_t give_up_at = test_now_ns() + (int64_t)WAIT_SECONDS * 1000000000;
  do {
    start(world, "s = 0; 400000.times { |i| s = (s * 31 + i) % 1000003 }; s");
    on_a_new_thread_each(world);
    assert_string_equal(world->result, wanted);
  } while (world->slice.preemptions <= 5 && test_now_ns() < give_up_at);
  assert_true(world->slice.preemptions > 5);
  must_be_usable(world);
  close_world(world);
}

static void a_compiler_that_goes_on_on_another_thread_each_slice_compiles_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(256 * MB, 600000, 3);
  char *source = long_source(600000, "x = { a: [1, \"b#{2}\"], c: ->(d) { d } }\n", "x[:a]");
  int64_t give_up_at = test_now_ns() + (int64_t)WAIT_SECONDS * 1000000000;
  do {
    start(world, source);
    on_a_new_thread_each(world);
    assert_string_equal(world->result, "[1, \"b2\"]");
  } while (world->slice.preemptions <= 5 && test_now_ns() < give_up_at);
  assert_true(world->slice.preemptions > 5);
  free(source);
  must_be_usable(world);
  close_world(world);
}

static void long_functions_in_c_that_go_on_on_another_thread_compute_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  start(world,
        "a = 3 ** 400_000; [(a * a) % 1_000_007, GC.start, ('a' * 20_000).index('a' * 10_000 + "
        "'b')]");
  on_a_new_thread_each(world);
  assert_string_equal(world->result, "[14632, nil, nil]");
  must_be_usable(world);
  close_world(world);
}

static void exceptions_fibers_and_strings_survive_the_change_of_threads(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, 600000, 3);
  start(world, "n = 0\n"
               "f = Fiber.new { loop { begin; raise 'x' + n.to_s; rescue => e; Fiber.yield "
               "e.message; ensure; n += 1; end } }\n"
               "out = ''\n"
               "5000.times { out = out[0, 4] + f.resume }\n"
               "[n, out]");
  on_a_new_thread_each(world);
  assert_string_equal(world->result, "[4999, \"x0x1x4999\"]");
  must_be_usable(world);
  close_world(world);
}

/* --- stops --- */

static void a_stop_raises_once_what_its_reason_says(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  static const struct {
    enum stop why;
    const char *wanted;
  } stops[] = {{STOP_TIMEOUT, "Late: timeout"},
               {STOP_INTERRUPT, "Stopped: interrupted"},
               {STOP_ABANDON, "Stopped: interrupted"}};
  for (size_t i = 0; i < 3; i++) {
    start(world, "loop {}");
    assert_int_equal(run_slice(world), SLICE_PREEMPTED);
    slice_stop(&world->slice, stops[i].why);
    assert_int_equal(slice_stopped(&world->slice), stops[i].why);
    assert_int_equal(finish(world), SLICE_RETURNED);
    assert_string_equal(world->result, stops[i].wanted);
    must_be_usable(world);
  }
  start(world, "begin; mark; loop {}; rescue Exception; end; 100000.times { }; :went_on");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, ":went_on");
  close_world(world);
}

static void of_two_stops_the_first_reason_counts(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start(world, "loop {}");
  assert_int_equal(run_slice(world), SLICE_PREEMPTED);
  slice_stop(&world->slice, STOP_TIMEOUT);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(slice_stopped(&world->slice), STOP_TIMEOUT);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  close_world(world);
}

static void a_stop_is_forgotten_with_its_job(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start(world, "loop {}");
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish(world), SLICE_RETURNED);
  slice_ready(&world->slice);
  assert_int_equal(slice_stopped(&world->slice), STOP_NONE);
  must_be_usable(world);
  /* A stop for a job that is not started yet is heard too. */
  world->code = "loop {}";
  world->code_length = strlen(world->code);
  slice_ready(&world->slice);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(slice_start(&world->slice, job_body, world), STATUS_OK);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  close_world(world);
}

static void a_rescue_of_standard_errors_does_not_catch_a_stop(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start(world, "begin; mark; loop {}; rescue => e; :caught; end");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  close_world(world);
}

static void a_rescue_of_exception_may_go_on_until_its_grace_is_over(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 5);
  start(world, "begin; mark; loop {}; rescue Exception; end; loop {}");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  int slices = 0;
  while (run_slice(world) == SLICE_PREEMPTED) slices++;
  assert_int_equal(world->end, SLICE_KILLED);
  assert_int_equal(world->slice.killed, KILL_STUBBORN);
  assert_true(slices >= 5); /* more if it took long until the stop was raised */
  close_world(world);
}

static void scripts_that_fight_a_stop_are_killed(void **state)
{
  (void)state;
  static const char *const codes[] = {
      "loop { begin; mark; loop {}; rescue Exception; end }",
      "begin; mark; loop {}; ensure; loop {}; end",
      "def f; begin; mark; loop {}; ensure; f; end; end; f",
      "while true; begin; mark; wait_ms(-1); rescue Exception; retry; end; end",
      "f = Fiber.new { begin; mark; loop {}; ensure; loop {}; end }; f.resume",
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *world = open_world(16 * MB, MILLISECOND, 3);
    start(world, codes[i]);
    run_to_mark(world);
    slice_stop(&world->slice, STOP_INTERRUPT);
    assert_int_equal(finish(world), SLICE_KILLED);
    assert_int_equal(world->slice.killed, KILL_STUBBORN);
    close_world(world);
  }
}

/* Every way in which mruby runs code. A line that begins a clause has its name behind it. */
static const char program[] =
    "$log = []\n"
    "class Thing\n"
    "  attr_accessor :a\n"
    "  def initialize(a, b = a + 1, *rest, key: 3, &block)\n"
    "    @a = a + b + key\n"
    "    block.call(rest) if block\n"
    "  end\n"
    "  def method_missing(name, *args) = [name, args]\n"
    "  def <=>(other) = a <=> other.a\n"
    "  include Comparable\n"
    "end\n"
    "def each_of(n)\n"
    "  i = 0\n"
    "  while i < n\n"
    "    yield i\n"
    "    i += 1\n"
    "  end\n"
    "end\n"
    "def work\n"
    "  $log << :enter\n"
    "  begin\n"
    "    $log << :in\n" /* 22 */
    "    things = [3, 1, 2].map { |n| Thing.new(n, key: n) { |r| r } }\n"
    "    s = things.sort.map(&:a).inject { |x, y| x + y }\n"
    "    each_of(3) { |n| next if n == 0; s += n; break if n == 1 }\n"
    "    f = Fiber.new { |x| y = Fiber.yield(x + 1); y * 2 }\n"
    "    s += f.resume(1) + f.resume(5)\n"
    "    s += catch(:out) { each_of(9) { |n| throw :out, n if n == 2 } }\n"
    "    s += Thing.new(1).missing(1, 2).size\n"
    "    h = { 'k' => s, sym: \"#{s} #{h}\" }\n"
    "    h.each { |k, v| s += v.to_s.size }\n"
    "    e = [1, 2, 3].each\n"
    "    s += e.next + e.next\n"
    "    begin\n"
    "      raise ArgumentError, 'mine'\n"
    "    rescue TypeError, ArgumentError => mine\n"
    "      s += mine.message.size\n"
    "    else\n"
    "      s = 0\n"
    "    ensure\n"
    "      s += 1\n"
    "    end\n"
    "    begin\n"
    "      s += nil\n"
    "    rescue\n"
    "      s += 2\n"
    "    end\n"
    "    s += [1, [2, 3]].then { |(a, (b, c))| a + b + c }\n"
    "    s += define_singleton_method(:later) { |z| z + 1 } ? later(1) : 0\n"
    "    case s\n"
    "    when String then s = 1\n"
    "    when 0..10 then s = 2\n"
    "    else s\n"
    "    end\n" /* 54 */
    "  rescue => error\n"
    "    $log << :rescued\n"
    "  ensure\n" /* 57 */
    "    $log << :ensure\n"
    "    $log << :done\n" /* 59 */
    "  end\n"
    "  $log << :after\n"
    "  s\n"
    "end\n"
    "begin\n"
    "  work\n"
    "ensure\n"
    "  $log << :outer\n" /* 67 */
    "end\n";

static size_t count_word(const char *text, const char *word)
{
  size_t count = 0;
  for (; (text = strstr(text, word)); text += strlen(word)) count++;
  return count;
}

/* At each single instruction: what a stop does there is what an exception of the code itself would do. */
static void must_have_left_in_order(const char *log, int line)
{
  size_t in = count_word(log, ":in,") + count_word(log, ":in]"),
         ensure = count_word(log, ":ensure");
  size_t done = count_word(log, ":done"), outer = count_word(log, ":outer");
  size_t after = count_word(log, ":after"), enter = count_word(log, ":enter");
  bool once = count_word(log, ":rescued") == 0 && ensure <= 1 && done <= ensure && outer <= 1;
  bool inside = in == 1 && after == 0 && line < 55; /* in the body, or a method it called */
  bool left = !inside || (ensure == 1 && done == 1);
  bool outermost = !enter || line >= 66 || outer == 1;
  if (!once || !left || !outermost) fail_msg("stopped before line %d: %s", line, log);
}

static void a_stop_at_each_instruction_runs_each_ensure_once_and_no_rescue(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  uint64_t at = 1;
  for (;; at++) {
    must_give(world, "$log = nil", "nil");
    world->instructions = 0;
    world->at = at;
    assert_int_equal(run(world, program), SLICE_RETURNED);
    world->at = 0;
    if (world->instructions < at) break; /* it has ended before */
    if (!world->raised || strcmp(world->result, "Late: timeout") != 0)
      fail_msg("instruction %d, line %d: %s", (int)at, world->stop_line, world->result);
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
    assert_ptr_equal(world->mrb->c->ci, world->mrb->c->cibase);
    assert_int_equal(run(world, "$log"), SLICE_RETURNED);
    must_have_left_in_order(world->result, world->stop_line);
    if (at % 50 == 0) must_be_usable(world);
  }
  assert_true(at > 400); /* or the hook has not been called */
  must_give(world, "$log", "[:enter, :in, :ensure, :done, :after, :outer]");
  must_be_usable(world);
  close_world(world);
}

static void a_stop_at_each_instruction_is_caught_by_a_rescue_of_exception(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  static const char code[] = "$x = 0\n"
                             "def f(a, b = 2) = a + b\n"
                             "begin\n"
                             "  $x = 1\n"
                             "  [1, 2].each { |i| $y = f(i) }\n"
                             "  Fiber.new { $y = f(3) }.resume\n"
                             "  $x = 2\n"
                             "rescue Exception => e\n"
                             "  $x = e.class\n"
                             "end\n"
                             "$z = $x\n";
  uint64_t at = 1, caught = 0;
  for (;; at++) {
    world->instructions = 0;
    world->at = at;
    assert_int_equal(run(world, code), SLICE_RETURNED);
    world->at = 0;
    if (world->instructions < at) break;
    bool inside = world->stop_line > 4 && world->stop_line < 8;
    if (inside && (world->raised || strcmp(world->result, "Late") != 0))
      fail_msg("instruction %d, line %d: %s", (int)at, world->stop_line, world->result);
    caught += inside;
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  }
  assert_true(caught > 20);
  must_be_usable(world);
  close_world(world);
}

static void a_job_that_gives_way_at_each_instruction_computes_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  char wanted[sizeof world->result];
  assert_int_equal(run(world, program), SLICE_RETURNED);
  memcpy(wanted, world->result, sizeof wanted);
  world->at = 1;
  world->give_way = true;
  start(world, program);
  assert_int_equal(finish(world), SLICE_RETURNED);
  world->at = 0;
  assert_string_equal(world->result, wanted);
  assert_true(world->slice.preemptions > 400);
  must_be_usable(world);
  close_world(world);
}

/* A slice that is asked from its beginning ends at the first allocation. */
static enum slice_end run_to_an_allocation(struct world *world)
{
  atomic_store(&world->slice.watched.asked, true);
  return run_slice(world);
}

static void a_job_that_gives_way_at_each_allocation_computes_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  char wanted[sizeof world->result];
  assert_int_equal(run(world, program), SLICE_RETURNED);
  memcpy(wanted, world->result, sizeof wanted);
  uint64_t before = world->slice.preemptions;
  start(world, program);
  while (run_to_an_allocation(world) == SLICE_PREEMPTED) {
  }
  assert_int_equal(world->end, SLICE_RETURNED);
  assert_string_equal(world->result, wanted);
  assert_true(world->slice.preemptions - before > 200);
  must_be_usable(world);
  close_world(world);
}

static void a_stop_that_comes_in_the_allocator_is_raised_at_the_next_instruction(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  for (int at = 1;; at += 13) {
    must_give(world, "$log = nil", "nil");
    start(world, program);
    for (int i = 0; i < at && run_to_an_allocation(world) == SLICE_PREEMPTED;) i++;
    if (world->end == SLICE_RETURNED) break;
    slice_stop(&world->slice, STOP_TIMEOUT);
    assert_int_equal(finish(world), SLICE_RETURNED);
    if (!world->raised) continue; /* the last allocations are those of `inspect` */
    assert_string_equal(world->result, "Late: timeout");
    assert_int_equal(run(world, "$log"), SLICE_RETURNED);
    if (count_word(world->result, ":in") > 0)
      assert_int_equal(count_word(world->result, ":ensure"), 1);
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  }
  must_be_usable(world);
  close_world(world);
}

static void a_checkpoint_in_c_gives_way_and_raises(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  must_give(world, "checkpoint", "nil");
  /* Called by a method of C's; instructions are not looked at here. */
  start(world, "$a = 1; checkpoint; $a = 2");
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  must_be_usable(world);
  close_world(world);
}

/* --- waiting --- */

static void a_job_that_waits_is_switched_out_until_its_time(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start(world, "wait_ms 3600_000; 5");
  int64_t before = now_ns();
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_true(world->slice.wake_at >= before + 3600000 * MILLISECOND);
  assert_true(world->slice.wake_at <= now_ns() + 3600000 * MILLISECOND);
  /* Woken too early it goes on waiting. */
  assert_int_equal(run_slice(world), SLICE_WAITING);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  start(world, "wait_ms 1; 5");
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "5");
  assert_int_equal(world->slice.preemptions, 0);
  close_world(world);
}

static void a_wait_without_end_ends_with_a_stop(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start(world, "begin; wait_ms(-1); ensure; $cleaned = true; end");
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_true(world->slice.wake_at == INT64_MAX);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  must_give(world, "$cleaned", "true");
  close_world(world);
}

static void a_wait_for_a_time_that_is_past_does_not_give_way(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start(world, "100.times { wait_ms 0 }; 6");
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "6");
  close_world(world);
}

static void a_job_that_has_been_stopped_does_not_wait_any_more(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  start(world, "begin; wait_ms(-1); rescue Exception; wait_ms(-1); wait_ms 3600_000; end; 7");
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
  start(world, "Fiber.new { wait_ms 1; Fiber.yield 1; 2 }.resume");
  assert_int_equal(run_slice(world), SLICE_WAITING);
  assert_int_equal(finish(world), SLICE_RETURNED);
  assert_string_equal(world->result, "1");
  must_be_usable(world);
  close_world(world);
}

/* --- memory --- */

static void too_much_live_data_is_a_no_memory_error(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  static const char *const codes[] = {
      "a = []; loop { a << 'x' * 1000 }",
      "h = {}; i = 0; loop { h[i += 1] = [i] }",
      "a = nil; loop { a = [a] }",
      "a = []; loop { a << Object.new }",
      "s = ''; loop { s << 'xxxxxxxxxxxxxxxxxxxxxxx' }",
      "def f(a) = f([a, 'x' * 5000]); f(1)",
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    assert_int_equal(run(world, codes[i]), SLICE_RETURNED);
    assert_true(world->raised);
    /* The last one may run out of levels first. */
    if (strncmp(world->result, "SystemStackError", 16) != 0)
      must_be_like(world->result, "NoMemoryError: *");
    must_be_usable(world);
    mrb_full_gc(world->mrb);
    assert_true(heap_used(world->heap) < 4 * MB);
  }
  close_world(world);
}

static void a_script_may_rescue_a_no_memory_error_and_go_on(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  must_give(world,
            "r = begin; a = []; loop { a << 'x' * 1000 }; rescue NoMemoryError => e; a = nil; "
            "e.class; end; [r, ('y' * 1000000).size]",
            "[NoMemoryError, 1000000]");
  must_be_usable(world);
  close_world(world);
}

static void garbage_is_collected_before_it_is_too_much(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  /* 2 GB in all, of few and large objects, which mruby does not count. */
  must_give(world, "2000.times { 'x' * 1_000_000 }; 1", "1");
  must_give(world, "200000.times { 'x' * 1000 }; 1", "1");
  assert_true(heap_peak(world->heap) <= 17 * MB);
  close_world(world);
}

static void one_huge_request_is_a_no_memory_error_at_once(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  static const char *const codes[] = {"'x' * 1_000_000_000",    "'x' * 17_000_000",
                                      "[0] * 100_000_000",      "Array.new(2_000_000_000)",
                                      "'x'.ljust(100_000_000)", "a = [1] * 1_000_000; a * 100"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    assert_int_equal(run(world, codes[i]), SLICE_RETURNED);
    assert_true(world->raised);
    if (strncmp(world->result, "ArgumentError", 13) != 0)
      must_be_like(world->result, "NoMemoryError: *");
    must_be_usable(world);
  }
  assert_true(heap_peak(world->heap) <= 17 * MB);
  must_give(world, "('x' * 10_000_000).size", "10000000");
  close_world(world);
}

static void small_requests_beyond_the_hard_limit_are_the_kill(void **state)
{
  (void)state;
  struct world *world = open_world(2 * MB, MILLISECOND, 3);
  /* The compiler asks for many small blocks, and runs no instruction. */
  char *source = long_source(2000000, "[1,[2,[3]]];", "1");
  must_be_killed(world, source, KILL_MEMORY);
  free(source);
  close_world(world);
}

static void memory_of_a_job_on_a_scheduler_is_collected_elsewhere(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  start(world, "a = (1..400000).map { |i| i.to_s }; a.size");
  assert_int_equal(slice_run(&world->slice, true, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_PREEMPTED); /* nobody has asked: it was the memory */
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_RETURNED);
  assert_string_equal(world->result, "400000");
  start(world, "'x' * 100_000_000");
  assert_int_equal(slice_run(&world->slice, true, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_PREEMPTED);
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_RETURNED);
  must_be_like(world->result, "NoMemoryError: *");
  must_be_usable(world);
  close_world(world);
}

static void tidying_gives_back_what_a_large_job_has_left(void **state)
{
  (void)state;
  struct world *world = open_world(128 * MB, NOT_ASKED, 3);
  must_give(world, "a = (1..300000).map { |i| [i.to_s] }; a = nil; 1", "1");
  world->slice.on_scheduler = true;
  size_t used = heap_used(world->heap);
  slice_tidy(&world->slice);
  assert_int_equal(heap_used(world->heap), used);
  world->slice.on_scheduler = false;
  if (used > 8 * MB) {
    slice_tidy(&world->slice);
    assert_true(heap_used(world->heap) < 8 * MB);
  }
  must_be_usable(world);
  close_world(world);
}

/* --- the stack --- */

static void endless_recursion_is_a_system_stack_error(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, MILLISECOND, 3);
  static const char *const codes[] = {
      "h = Hash.new { |hh, k| hh[k + 1] }; h[0]",
      "def f(n) = f(n + 1); f(0)",
      "def g(&b) = g { b.call }; g { }",
      "class Loop; def to_s = \"#{self}\"; end; Loop.new.to_s",
      "class Rec; def ==(o) = o == self; end; Rec.new == Rec.new",
      "class In; def inspect = [self].inspect; end; In.new.inspect",
      "def method_missing(n, *a) = foo(n); foo",
      "a = [3, 1, 2]; s = ->() { a.sort { |x, y| s.call; 0 } }; s.call",
      "class Cmp; include Comparable; def <=>(o) = (self < o ? 1 : 2); end; Cmp.new < Cmp.new",
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *fresh = open_world(64 * MB, MILLISECOND, 3);
    must_raise(fresh, codes[i], "SystemStackError: *");
    must_be_usable(fresh);
    close_world(fresh);
  }
  must_be_usable(world);
  close_world(world);
}

static void
a_stack_that_is_nearly_used_up_is_a_system_stack_error_at_the_next_instruction(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  must_give(world, "burn(3_000_000) { burn(3_000_000) { [1, 'x' * 100].size } }", "2");
  must_raise(world, "burn(3_700_000) { burn(3_700_000) { x = [1, 'x' * 100]; x.size } }",
             "SystemStackError: *");
  must_be_usable(world);
  must_give(world,
            "begin; burn(3_700_000) { burn(3_700_000) { x = [1, 'x' * 100]; x.size } }; "
            "rescue SystemStackError => e; e.class; end",
            "SystemStackError");
  must_be_usable(world);
  close_world(world);
}

static void stack_that_c_needs_is_asked_for_beforehand(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  must_give(world, "need_stack 1_000_000", "true");
  must_raise(world, "need_stack 8_388_608", "SystemStackError: *");
  must_raise(world, "burn(3_700_000) { burn(3_000_000) { need_stack 1_800_000 } }",
             "SystemStackError: *");
  must_be_usable(world);
  close_world(world);
}

static void c_code_that_recurses_without_bound_is_the_kill(void **state)
{
  (void)state;
  if (TEST_UNDER_TSAN) skip(); /* its own stack of calls ends at 65,536 of them */
  static const char *const codes[] = {"Object.send(:remove_const, :NameError); Foo", "dig",
                                      "Fiber.new { dig }.resume",
                                      "begin; dig; ensure; $cleaned = true; end"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *world = open_world(64 * MB, NOT_ASKED, 3);
    must_be_killed(world, codes[i], KILL_STACK);
    close_world(world);
  }
}

static void source_that_is_nested_deep_does_no_harm(void **state)
{
  (void)state;
  static const struct {
    const char *piece, *last;
  } nests[] = {{"[", "1"},      {"(", "1"},     {"!", "1"},        {"-", "1"},
               {"a = ", "1"},   {"if 1;", "1"}, {"->{", "1"},      {"{1=>", "1"},
               {"f ", "1"},     {"\"#{", "1"},  {"def f;", ""},    {"class A;", ""},
               {"begin;", "1"}, {"x.", "y"},    {"a ? b : ", "1"}, {"%w", "("},
               {"x[", "1"},     {"1 + (", "1"}, {"[*", "1"},       {"case 1;when ", "1"}};
  for (size_t i = 0; i < sizeof nests / sizeof *nests; i++)
    for (size_t length = 3000; length <= 300000; length *= 10) {
      struct world *world = open_world(64 * MB, NOT_ASKED, 3);
      char *source = long_source(length, nests[i].piece, nests[i].last);
      enum slice_end end_of = run(world, source);
      if (end_of == SLICE_KILLED)
        assert_in_range(world->slice.killed, KILL_MEMORY, KILL_STACK);
      else
        must_be_usable(world);
      free(source);
      close_world(world);
    }
}

/* --- the other ends --- */

static void abort_is_the_kill(void **state)
{
  (void)state;
  static const char *const codes[] = {"abort", "Fiber.new { abort }.resume",
                                      "begin; abort; ensure; 1; end"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *world = open_world(16 * MB, NOT_ASKED, 3);
    must_be_killed(world, codes[i], KILL_ABORT);
    close_world(world);
  }
}

static void a_job_can_be_dropped_wherever_it_stands(void **state)
{
  (void)state;
  static const char *const codes[] = {"loop {}", "loop { 'x' * 100 }", "wait_ms(-1)",
                                      "begin; loop {}; ensure; abort; end",
                                      "f = Fiber.new { loop { } }; f.resume"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *world = open_world(16 * MB, MILLISECOND, 3);
    start(world, codes[i]);
    assert_in_range(run_slice(world), SLICE_PREEMPTED, SLICE_WAITING);
    close_world(world);
    world = open_world(16 * MB, MILLISECOND, 3);
    start(world, codes[i]);
    close_world(world); /* never begun */
  }
}

static void a_job_is_dropped_in_the_middle_of_the_compiler(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  start(world, program);
  for (int i = 0; i < 300; i++) assert_int_equal(run_to_an_allocation(world), SLICE_PREEMPTED);
  close_world(world);
}

/* --- stderr --- */

static void must_have_said(struct world *world, const char *pattern)
{
  char said[sizeof world->slice.said + 1];
  memcpy(said, world->slice.said, world->slice.said_length);
  said[world->slice.said_length] = '\0';
  world->slice.said_length = 0;
  must_be_like(said, pattern);
}

static void what_mruby_writes_to_stderr_is_kept(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  must_raise(world, "yield", "*");
  must_have_said(world, "*t:1:*yield*\n");
  must_raise(world, "x = 1\nx +* 2", "*");
  must_have_said(world, "*2:*syntax error*\n");
  must_give(world, "1", "1");
  must_have_said(world, "");
  close_world(world);
}

static void what_does_not_fit_of_it_is_cut_off(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  for (int i = 0; i < 40; i++) must_raise(world, "yield", "*");
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  slice_say(&world->slice, "more", 4);
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  world->slice.said_length = sizeof world->slice.said - 2;
  slice_say(&world->slice, "more", 4);
  assert_int_equal(world->slice.said_length, sizeof world->slice.said);
  assert_memory_equal(world->slice.said + sizeof world->slice.said - 2, "mo", 2);
  close_world(world);
}

/* The functions of stdio that the link sends to stdio_guard.c, each as C code on a job calls it. */
static void print_in_every_way(void *data)
{
  (void)data;
  static char large[700];
  memset(large, 'z', sizeof large - 1);
  assert_int_equal(fprintf(stderr, "%d%s", 12, "ab"), 4);
  assert_true(fputs("cd", stdout) >= 0);
  assert_int_equal(fputc('e', stderr), 'e');
  assert_int_equal((putc)('f', stderr), 'f');
  assert_int_equal(fwrite("ghij", 2, 2, stderr), 2);
  assert_int_equal(fprintf(stderr, "%s", large), 699);
}

static void every_way_to_print_is_caught_on_a_job(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  slice_ready(&world->slice);
  assert_int_equal(slice_start(&world->slice, print_in_every_way, NULL), STATUS_OK);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_memory_equal(world->slice.said, "12abcdefghij", 12);
  must_have_said(world, "12abcdefghijzzz*z");
  close_world(world);
}

static void outside_of_a_job_it_goes_nowhere(void **state)
{
  (void)state;
  print_in_every_way(NULL); /* into the test's output, if it were not for the guard */
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
      TEST(a_stop_raises_once_what_its_reason_says),
      TEST(of_two_stops_the_first_reason_counts),
      TEST(a_stop_is_forgotten_with_its_job),
      TEST(a_rescue_of_standard_errors_does_not_catch_a_stop),
      TEST(a_rescue_of_exception_may_go_on_until_its_grace_is_over),
      TEST(scripts_that_fight_a_stop_are_killed),
      TEST(a_stop_at_each_instruction_runs_each_ensure_once_and_no_rescue),
      TEST(a_stop_at_each_instruction_is_caught_by_a_rescue_of_exception),
      TEST(a_job_that_gives_way_at_each_instruction_computes_the_same),
      TEST(a_job_that_gives_way_at_each_allocation_computes_the_same),
      TEST(a_stop_that_comes_in_the_allocator_is_raised_at_the_next_instruction),
      TEST(a_checkpoint_in_c_gives_way_and_raises),
      TEST(a_job_that_waits_is_switched_out_until_its_time),
      TEST(a_wait_without_end_ends_with_a_stop),
      TEST(a_wait_for_a_time_that_is_past_does_not_give_way),
      TEST(a_job_that_has_been_stopped_does_not_wait_any_more),
      TEST(a_fiber_may_wait),
      TEST(too_much_live_data_is_a_no_memory_error),
      TEST(a_script_may_rescue_a_no_memory_error_and_go_on),
      TEST(garbage_is_collected_before_it_is_too_much),
      TEST(one_huge_request_is_a_no_memory_error_at_once),
      TEST(small_requests_beyond_the_hard_limit_are_the_kill),
      TEST(memory_of_a_job_on_a_scheduler_is_collected_elsewhere),
      TEST(tidying_gives_back_what_a_large_job_has_left),
      TEST(endless_recursion_is_a_system_stack_error),
      TEST(a_stack_that_is_nearly_used_up_is_a_system_stack_error_at_the_next_instruction),
      TEST(stack_that_c_needs_is_asked_for_beforehand),
      TEST(c_code_that_recurses_without_bound_is_the_kill),
      TEST(source_that_is_nested_deep_does_no_harm),
      TEST(abort_is_the_kill),
      TEST(a_job_can_be_dropped_wherever_it_stands),
      TEST(a_job_is_dropped_in_the_middle_of_the_compiler),
      TEST(what_mruby_writes_to_stderr_is_kept),
      TEST(what_does_not_fit_of_it_is_cut_off),
      TEST(every_way_to_print_is_caught_on_a_job),
      TEST(outside_of_a_job_it_goes_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
