/* Tests of driver/slice.c: what a job may use of memory and stack, and what comes beyond that. */
#include "job_fixture.h"
#include "sanitizers.h"
#include "slice_fixture.h"
#include "terms.h"

#include <alloca.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
    assert_int_equal(run_job(world, codes[i]), SLICE_RETURNED);
    assert_true(world->raised);
    /* The last one may run out of levels first. */
    if (strncmp(world->result, "SystemStackError", 16) != 0)
      must_be_like(world->result, "NoMemoryError: *");
    world_must_be_usable(world);
    mrb_full_gc(world->mrb);
    assert_true(heap_used(world->heap) < 4 * MB);
  }
  close_world(world);
}

static void a_script_may_rescue_a_no_memory_error_and_go_on(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  job_must_give(world,
                "r = begin; a = []; loop { a << 'x' * 1000 }; rescue NoMemoryError => e; a = nil; "
                "e.class; end; [r, ('y' * 1000000).size]",
                "[NoMemoryError, 1000000]");
  world_must_be_usable(world);
  close_world(world);
}

static void garbage_is_collected_before_it_is_too_much(void **state)
{
  (void)state;
  struct world *world = open_world(16 * MB, MILLISECOND, 3);
  /* 2 GB in all, of few and large objects, which mruby does not count. */
  job_must_give(world, "2000.times { 'x' * 1_000_000 }; 1", "1");
  job_must_give(world, "200000.times { 'x' * 1000 }; 1", "1");
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
    assert_int_equal(run_job(world, codes[i]), SLICE_RETURNED);
    assert_true(world->raised);
    if (strncmp(world->result, "ArgumentError", 13) != 0)
      must_be_like(world->result, "NoMemoryError: *");
    world_must_be_usable(world);
  }
  assert_true(heap_peak(world->heap) <= 17 * MB);
  job_must_give(world, "('x' * 10_000_000).size", "10000000");
  close_world(world);
}

static void small_requests_beyond_the_hard_limit_are_the_kill(void **state)
{
  (void)state;
  struct world *world = open_world(2 * MB, MILLISECOND, 3);
  /* The compiler asks for many small blocks, and runs no instruction. */
  char *source = long_source(2000000, "[1,[2,[3]]];", "1");
  job_must_be_killed(world, source, KILL_MEMORY);
  free(source);
  close_world(world);
}

static void memory_of_a_job_on_a_scheduler_is_collected_elsewhere(void **state)
{
  (void)state;
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  start_job(world, "a = (1..400000).map { |i| i.to_s }; a.size");
  assert_int_equal(slice_run(&world->slice, true, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_PREEMPTED); /* nobody has asked: it was the memory */
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_RETURNED);
  assert_string_equal(world->result, "400000");
  start_job(world, "'x' * 100_000_000");
  assert_int_equal(slice_run(&world->slice, true, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_PREEMPTED);
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_int_equal(world->end, SLICE_RETURNED);
  must_be_like(world->result, "NoMemoryError: *");
  world_must_be_usable(world);
  close_world(world);
}

static void tidying_gives_back_what_a_large_job_has_left(void **state)
{
  (void)state;
  struct world *world = open_world(128 * MB, NOT_ASKED, 3);
  job_must_give(world, "a = (1..300000).map { |i| [i.to_s] }; a = nil; 1", "1");
  world->slice.on_scheduler = true;
  size_t used = heap_used(world->heap);
  slice_tidy(&world->slice);
  assert_int_equal(heap_used(world->heap), used);
  world->slice.on_scheduler = false;
  if (used > 8 * MB) {
    slice_tidy(&world->slice);
    assert_true(heap_used(world->heap) < 8 * MB);
  }
  world_must_be_usable(world);
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
    job_must_raise(fresh, codes[i], "SystemStackError: *");
    world_must_be_usable(fresh);
    close_world(fresh);
  }
  world_must_be_usable(world);
  close_world(world);
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

/* A world whose Ruby has functions that use, and ask for, the stack of C. */
static struct world *open_deep_world(void)
{
  struct world *world = open_world(64 * MB, NOT_ASKED, 3);
  define_in_world(world, "need_stack", ruby_need_stack, MRB_ARGS_REQ(1));
  define_in_world(world, "dig", ruby_dig, MRB_ARGS_NONE());
  define_in_world(world, "burn", ruby_burn, MRB_ARGS_REQ(1) | MRB_ARGS_BLOCK());
  return world;
}

static void
a_stack_that_is_nearly_used_up_is_a_system_stack_error_at_the_next_instruction(void **state)
{
  (void)state;
  struct world *world = open_deep_world();
  job_must_give(world, "burn(3_000_000) { burn(3_000_000) { [1, 'x' * 100].size } }", "2");
  job_must_raise(world, "burn(3_700_000) { burn(3_700_000) { x = [1, 'x' * 100]; x.size } }",
                 "SystemStackError: *");
  world_must_be_usable(world);
  job_must_give(world,
                "begin; burn(3_700_000) { burn(3_700_000) { x = [1, 'x' * 100]; x.size } }; "
                "rescue SystemStackError => e; e.class; end",
                "SystemStackError");
  world_must_be_usable(world);
  close_world(world);
}

static void stack_that_c_needs_is_asked_for_beforehand(void **state)
{
  (void)state;
  struct world *world = open_deep_world();
  job_must_give(world, "need_stack 1_000_000", "true");
  job_must_raise(world, "need_stack 8_388_608", "SystemStackError: *");
  job_must_raise(world, "burn(3_700_000) { burn(3_000_000) { need_stack 1_800_000 } }",
                 "SystemStackError: *");
  world_must_be_usable(world);
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
    struct world *world = open_deep_world();
    job_must_be_killed(world, codes[i], KILL_STACK);
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
      enum slice_end end_of = run_job(world, source);
      if (end_of == SLICE_KILLED)
        assert_in_range(world->slice.killed, KILL_MEMORY, KILL_STACK);
      else
        world_must_be_usable(world);
      free(source);
      close_world(world);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
