/* Tests of driver/slice.c: what ends a job against its will (stops, kills, and being dropped), and
 * that a job can be stopped and switched out at each single instruction and allocation. */
#include "job_fixture.h"
#include "sanitizers.h"
#include "slice_fixture.h"

#include <mruby/debug.h>
#include <mruby/irep.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    start_job(world, "loop {}");
    assert_int_equal(run_slice(world), SLICE_PREEMPTED);
    slice_stop(&world->slice, stops[i].why);
    assert_int_equal(slice_stopped(&world->slice), stops[i].why);
    assert_int_equal(finish_job(world), SLICE_RETURNED);
    assert_string_equal(world->result, stops[i].wanted);
    world_must_be_usable(world);
  }
  start_job(world, "begin; mark; loop {}; rescue Exception; end; 100000.times { }; :went_on");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, ":went_on");
  close_world(world);
}

static void of_two_stops_the_first_reason_counts(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start_job(world, "loop {}");
  assert_int_equal(run_slice(world), SLICE_PREEMPTED);
  slice_stop(&world->slice, STOP_TIMEOUT);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(slice_stopped(&world->slice), STOP_TIMEOUT);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  close_world(world);
}

static void a_stop_is_forgotten_with_its_job(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start_job(world, "loop {}");
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  slice_ready(&world->slice);
  assert_int_equal(slice_stopped(&world->slice), STOP_NONE);
  world_must_be_usable(world);
  /* A stop for a job that is not started yet is heard too. */
  world->code = "loop {}";
  world->code_length = strlen(world->code);
  slice_ready(&world->slice);
  slice_stop(&world->slice, STOP_INTERRUPT);
  assert_int_equal(slice_start(&world->slice, job_body, world), STATUS_OK);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Stopped: interrupted");
  close_world(world);
}

static void a_rescue_of_standard_errors_does_not_catch_a_stop(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 100000);
  start_job(world, "begin; mark; loop {}; rescue => e; :caught; end");
  run_to_mark(world);
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  close_world(world);
}

static void a_rescue_of_exception_may_go_on_until_its_grace_is_over(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 5);
  start_job(world, "begin; mark; loop {}; rescue Exception; end; loop {}");
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
    start_job(world, codes[i]);
    run_to_mark(world);
    slice_stop(&world->slice, STOP_INTERRUPT);
    assert_int_equal(finish_job(world), SLICE_KILLED);
    assert_int_equal(world->slice.killed, KILL_STUBBORN);
    close_world(world);
  }
}

/* --- at each point --- */

/* What happens at the n-th instruction of a job. */
static struct {
  uint64_t instructions, at;
  bool give_way; /* not a stop; and at each one from there on */
  int stop_line;
} counted;

static void count_instruction(mrb_state *mrb, const mrb_irep *irep, const mrb_code *pc,
                              mrb_value *registers)
{
  struct world *world = world_of(mrb);
  if (++counted.instructions < counted.at) return;
  if (counted.give_way) {
    atomic_store(&world->slice.watched.asked, true);
    world->slice.watched.hook(mrb, irep, pc, registers);
    mrb->code_fetch_hook = count_instruction;
  } else {
    counted.stop_line = mrb_debug_get_line(mrb, irep, (uint32_t)(pc - irep->iseq));
    slice_stop(&world->slice, STOP_TIMEOUT);
    world->slice.watched.hook(mrb, irep, pc, registers);
  }
}

/* For the jobs from now on, until world->hook is NULL again. */
static void count_to(struct world *world, uint64_t at, bool give_way)
{
  memset(&counted, 0, sizeof counted);
  counted.at = at;
  counted.give_way = give_way;
  world->hook = count_instruction;
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

/* At each single instruction a stop does what an exception of the code itself would do there. */
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
    job_must_give(world, "$log = nil", "nil");
    count_to(world, at, false);
    assert_int_equal(run_job(world, program), SLICE_RETURNED);
    world->hook = NULL;
    if (counted.instructions < at) break; /* it has ended before */
    if (!world->raised || strcmp(world->result, "Late: timeout") != 0)
      fail_msg("instruction %d, line %d: %s", (int)at, counted.stop_line, world->result);
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
    assert_ptr_equal(world->mrb->c->ci, world->mrb->c->cibase);
    assert_int_equal(run_job(world, "$log"), SLICE_RETURNED);
    must_have_left_in_order(world->result, counted.stop_line);
    if (at % 50 == 0) world_must_be_usable(world);
  }
  assert_true(at > 400); /* or the hook has not been called */
  job_must_give(world, "$log", "[:enter, :in, :ensure, :done, :after, :outer]");
  world_must_be_usable(world);
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
    count_to(world, at, false);
    assert_int_equal(run_job(world, code), SLICE_RETURNED);
    world->hook = NULL;
    if (counted.instructions < at) break;
    bool inside = counted.stop_line > 4 && counted.stop_line < 8;
    if (inside && (world->raised || strcmp(world->result, "Late") != 0))
      fail_msg("instruction %d, line %d: %s", (int)at, counted.stop_line, world->result);
    caught += inside;
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  }
  assert_true(caught > 20);
  world_must_be_usable(world);
  close_world(world);
}

static void a_job_that_gives_way_at_each_instruction_computes_the_same(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  char wanted[sizeof world->result];
  assert_int_equal(run_job(world, program), SLICE_RETURNED);
  memcpy(wanted, world->result, sizeof wanted);
  count_to(world, 1, true);
  start_job(world, program);
  assert_int_equal(finish_job(world), SLICE_RETURNED);
  world->hook = NULL;
  assert_string_equal(world->result, wanted);
  assert_true(world->slice.preemptions > 400);
  world_must_be_usable(world);
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
  assert_int_equal(run_job(world, program), SLICE_RETURNED);
  memcpy(wanted, world->result, sizeof wanted);
  uint64_t before = world->slice.preemptions;
  start_job(world, program);
  while (run_to_an_allocation(world) == SLICE_PREEMPTED) {
  }
  assert_int_equal(world->end, SLICE_RETURNED);
  assert_string_equal(world->result, wanted);
  assert_true(world->slice.preemptions - before > 200);
  world_must_be_usable(world);
  close_world(world);
}

static void a_stop_that_comes_in_the_allocator_is_raised_at_the_next_instruction(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  for (int at = 1;; at += 13) {
    job_must_give(world, "$log = nil", "nil");
    start_job(world, program);
    for (int i = 0; i < at && run_to_an_allocation(world) == SLICE_PREEMPTED;) i++;
    if (world->end == SLICE_RETURNED) break;
    slice_stop(&world->slice, STOP_TIMEOUT);
    assert_int_equal(finish_job(world), SLICE_RETURNED);
    if (!world->raised) continue; /* the last allocations are those of `inspect` */
    assert_string_equal(world->result, "Late: timeout");
    assert_int_equal(run_job(world, "$log"), SLICE_RETURNED);
    if (count_word(world->result, ":in") > 0)
      assert_int_equal(count_word(world->result, ":ensure"), 1);
    assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  }
  world_must_be_usable(world);
  close_world(world);
}

static mrb_value ruby_checkpoint(mrb_state *mrb, mrb_value self)
{
  (void)self;
  slice_checkpoint(&world_of(mrb)->slice);
  return mrb_nil_value();
}

static void a_checkpoint_in_c_gives_way_and_raises(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, NOT_ASKED, 3);
  define_in_world(world, "checkpoint", ruby_checkpoint, MRB_ARGS_NONE());
  job_must_give(world, "checkpoint", "nil");
  /* Called by a method of C's; instructions are not looked at here. */
  start_job(world, "$a = 1; checkpoint; $a = 2");
  slice_stop(&world->slice, STOP_TIMEOUT);
  assert_int_equal(run_slice(world), SLICE_RETURNED);
  assert_string_equal(world->result, "Late: timeout");
  world_must_be_usable(world);
  close_world(world);
}

/* --- the other ends --- */

static mrb_value ruby_abort(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  (void)self;
  abort();
}

static struct world *open_world_with_abort(int64_t slice_ns)
{
  struct world *world = open_world(16 * MB, slice_ns, 3);
  define_in_world(world, "abort", ruby_abort, MRB_ARGS_NONE());
  return world;
}

static void abort_is_the_kill(void **state)
{
  (void)state;
  static const char *const codes[] = {"abort", "Fiber.new { abort }.resume",
                                      "begin; abort; ensure; 1; end"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct world *world = open_world_with_abort(NOT_ASKED);
    job_must_be_killed(world, codes[i], KILL_ABORT);
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
    struct world *world = open_world_with_abort(MILLISECOND);
    start_job(world, codes[i]);
    assert_in_range(run_slice(world), SLICE_PREEMPTED, SLICE_WAITING);
    close_world(world);
    world = open_world_with_abort(MILLISECOND);
    start_job(world, codes[i]);
    close_world(world); /* never begun */
  }
}

static void a_job_is_dropped_in_the_middle_of_the_compiler(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  start_job(world, program);
  for (int i = 0; i < 300; i++) assert_int_equal(run_to_an_allocation(world), SLICE_PREEMPTED);
  close_world(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
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
      TEST(abort_is_the_kill),
      TEST(a_job_can_be_dropped_wherever_it_stands),
      TEST(a_job_is_dropped_in_the_middle_of_the_compiler),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
