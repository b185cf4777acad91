/* Tests of driver/ruby_image.c: is a copy of an interpreter what an interpreter is? (All others of the driver's are
 * copies, too: what Common Test does, it does with them.) */
#include "ruby_image.h"

#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mruby/gc.h>
#include <mruby/string.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct atoms *atoms;
static struct ruby_image *image;

static int begin(void **state)
{
  if (begin_watched_jobs(state)) return -1;
  if (atoms_open(1000, &atoms)) return -1;
  return ruby_image_open(atoms, &image) ? -1 : 0;
}

static int end(void **state)
{
  ruby_image_close(image);
  atoms_close(atoms);
  return end_watched_jobs(state);
}

static void an_image_is_made_of_two_that_are_alike(void **state)
{
  (void)state;
  assert_in_range(ruby_image_bytes(image), 50000, 500000);
  assert_in_range(ruby_image_pointers(image), 1000, ruby_image_bytes(image) / 16);
}

/* What they say of themselves, the same in each. */
static const char *const programs[] = {
    "Object.constants.sort.join(' ')",
    "Kernel.methods.sort.join(' ')",
    "String.instance_methods.sort.join(' ')",
    "Object.constants.sort.map { |c| Object.const_get(c) }.select { |c| c.is_a?(Module) }.map { "
    "|c| "
    "[c.name, c.ancestors.map(&:to_s), c.instance_methods(false).sort] }.inspect",
    "global_variables.sort.inspect",
    "local_variables.inspect",
    "GC.start; ObjectSpace.count_objects.reject { |k, _| k == :FREE || k == :TOTAL }.keys.size",
    "[1, 2.5, 'é', :sym, nil, true, 10**30, 1r/3, Complex(1, 2), 1..3].inspect",
    "[[3, 1, 2].sort, {a: 1}.to_a, 'ab'.upcase, 'a-b'.split('-'), [1, "
    "2].each_slice(1).to_a].inspect",
    "S = Struct.new(:a, :b); D = Data.define(:x); [S.new(1, 2), D.new(x: 3)].inspect",
    "require 'set'; Set.new([1, 2, 2]).size",
    "f = Fiber.new { |x| y = Fiber.yield(x + 1); y * 2 }; [f.resume(1), f.resume(5), f.alive?]",
    "e = [1, 2, 3].each; [e.next, e.next, e.next, (e.next rescue 'end')]",
    "(1..Float::INFINITY).lazy.map { |x| x * 2 }.first(3)",
    "catch(:a) { 10.times { |i| throw :a, i if i == 3 }; 0 }",
    "begin; raise ArgumentError, 'x'; rescue => e; [e.class, e.message, e.backtrace]; ensure; 1; "
    "end.inspect",
    "def deep(n) = n == 0 ? raise('deep') : deep(n - 1)\nbegin; deep(5); rescue => e; "
    "e.backtrace.size; end",
    "'2026-11-23' =~ /(?<y>\\d+)-(\\d+)/; [$~.pre_match, $~[:y], 'aXbX'.gsub(/x/i) { $&.succ "
    "}].inspect",
    "JSON.parse(JSON.generate({'a' => [1, nil, 2.5]})).inspect",
    "Time.at(0).utc.to_a.inspect",
    "srand(42); [rand(1000), rand(1000), Random.rand(1000), [1, 2, 3, 4, 5].shuffle]",
    "Random.new(7).rand(1000)",
    "h = {}; 100.times { |i| h[Object.new] = i; h[i] = i; h[i.to_s] = i; h[i.to_s.to_sym] = i }; "
    "h.size",
    "h = {}; [String, Array, Hash, Kernel, Comparable].each { |c| h[c] = c.name }; h[Kernel]",
    "class String; def shout = upcase + '!'; end; 'a'.shout",
    "module Kernel; alias old_format format; end; old_format('%05.2f|%-4s|%x', 3.14159, 'ab', 255)",
    "o = Object.new; def o.method_missing(n, *a) = [n, a]; def o.respond_to_missing?(*) = true; "
    "o.any(1)",
    "x = 5; add = ->(y) { x += y }; add.(3); binding.local_variable_get(:x)",
    "x",
    "define_method(:dm) { |a, b: 2| [a, b] } rescue self.class.class_eval { define_method(:dm) { "
    "|a, b: 2| [a, b] } }; dm(1)",
    "ObjectSpace.each_object(Class).map(&:to_s).sort.uniq.size",
    "[1.0.to_s, 1e100.to_s, -0.0.to_s, 0.1 + 0.2]",
    "Comparable.instance_method(:clamp).owner.name",
    "[Erlang::Tuple[1, 2], Erlang::Error.ancestors.include?(StandardError), "
    "Erlang::Timeout.superclass]",
    "at_exit { 1 }; Erlang.gc; Erlang.globals.keys.sort",
    "1/0",
    "nil.x",
    "def",
    "undefined_thing",
    "raise Exception, 'all'",
    "Integer('x')",
    "[].fetch(9)",
    "/(/",
    "JSON.parse('[')",
    "require 'nothing'",
};

static void a_copy_answers_as_one_that_was_started(void **state)
{
  (void)state;
  struct session *fresh = open_session(), *copy = copy_session(image, "");
  for (size_t i = 0; i < COUNT(programs); i++) {
    eval(fresh, programs[i]);
    char *wanted = strdup(reply_text(fresh));
    eval(copy, programs[i]);
    assert_string_equal(reply_text(copy), wanted);
    free(wanted);
    assert_true(heap_check(copy->heap));
  }
  must_be_usable(copy);
  close_session(copy);
  close_session(fresh);
}

static void copies_know_nothing_of_each_other(void **state)
{
  (void)state;
  struct session *one = copy_session(image, ""), *two = copy_session(image, "");
  must_give(one,
            "class Array; def first = 42; end; String.class_eval { undef_method :upcase }; "
            "Object.__send__(:remove_const, :JSON); $a = 1; b = 2; [1].first",
            "42");
  must_give(two, "[[2].first, 'a'.upcase, JSON.generate([]), $a, (b rescue 'none')]",
            "[2,\"A\",\"[]\",nil,\"none\"]");
  close_session(one);
  must_give(two, "GC.start; [[2].first, 'a'.upcase]", "[2,\"A\"]");
  struct session *three = copy_session(image, "");
  must_give(three, "[[2].first, 'a'.upcase, $a]", "[2,\"A\",nil]");
  close_session(three);
  close_session(two);
}

static void each_has_random_numbers_of_its_own(void **state)
{
  enum { COPIES = 20 };
  (void)state;
  char *seen[COPIES];
  for (size_t i = 0; i < COPIES; i++) {
    struct session *copy = copy_session(image, "");
    eval(copy, "[rand(1 << 30), Random.rand, Random.new.rand(1 << 30), [*1..20].shuffle, srand]");
    seen[i] = strdup(reply_text(copy));
    for (size_t before = 0; before < i; before++) assert_string_not_equal(seen[i], seen[before]);
    close_session(copy);
  }
  for (size_t i = 0; i < COPIES; i++) free(seen[i]);
}

/* What came with the image can be freed, and its blocks used again. */
static void what_came_with_it_is_memory_like_any_other(void **state)
{
  (void)state;
  struct session *copy = copy_session(image, "");
  eval(copy, "1");
  mrb_full_gc(copy->ruby.mrb);
  size_t before = heap_used(copy->heap);
  must_give(copy,
            "[:Complex, :Rational, :Set, :JSON, :Struct, :Data].each { |c| "
            "Object.__send__(:remove_const, c) }; nil",
            "nil");
  must_give(copy,
            "[Array, String, Hash, Kernel].each { |m| m.instance_methods(false).each { |n| "
            "m.class_eval { remove_method n } rescue nil } unless m == Array }; GC.start; nil",
            "nil");
  mrb_full_gc(copy->ruby.mrb);
  assert_true(heap_used(copy->heap) < before - 2000);
  assert_true(heap_check(copy->heap));
  must_give(copy, "a = []; 20000.times { |i| a << [i] }; a = nil; GC.start; 1", "1");
  assert_true(heap_check(copy->heap));
  close_session(copy);
}

static void limits_hold_in_a_copy(void **state)
{
  (void)state;
  struct heap *heap = NULL;
  assert_int_equal(ruby_image_heap(image, 65536, &heap), STATUS_NO_MEMORY);
  assert_null(heap);
  struct session *copy = copy_session(image, "memory_limit=2000000 max_depth=20 slice=100000");
  eval(copy, "a = []; loop { a << 'x' * 1000 }");
  assert_int_equal(copy->outcome, OUTCOME_NO_MEMORY);
  must_raise(copy, "a = 1; 30.times { a = [a] }; a", "Erlang::TermError", "*");
  must_be_usable(copy);
  close_session(copy);
}

static void collecting_all_the_time_finds_nothing_amiss(void **state)
{
  (void)state;
  struct session *copy = copy_session(image, "");
  for (int i = 0; i < 30; i++) {
    mrb_full_gc(copy->ruby.mrb);
    mrb_incremental_gc(copy->ruby.mrb);
    assert_true(heap_check(copy->heap));
    eval(copy, programs[(size_t)i % COUNT(programs)]);
  }
  close_session(copy);
}

static void *copy_and_close(void *data)
{
  (void)data;
  struct options options;
  options_default(&options);
  for (int i = 0; i < 200; i++) {
    struct heap *heap;
    struct slice slice;
    struct ruby ruby;
    if (ruby_image_heap(image, (size_t)8 << 20, &heap)) return image;
    slice_init(&slice, heap, (size_t)4 << 20, 1000000, 1, NULL);
    ruby_image_use(image, &ruby, &slice, &options, NULL, NULL, atoms);
    mrb_value text = mrb_str_new_cstr(ruby.mrb, "a copy");
    if (mrb_integer(mrb_funcall(ruby.mrb, text, "size", 0)) != 6) return image;
    mrb_full_gc(ruby.mrb);
    slice_fini(&slice);
    ruby_close(&ruby);
    heap_close(heap);
  }
  return NULL;
}

static void threads_may_copy_at_the_same_time(void **state)
{
  (void)state;
  pthread_t threads[3];
  for (size_t i = 0; i < COUNT(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, copy_and_close, NULL), 0);
  for (size_t i = 0; i < COUNT(threads); i++) {
    void *bad;
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
  }
}

/* --- ruby_slots.c --- */

enum { PAGE_HEAD = 32, SLOT = 48, SLOTS = 1024 };

struct visited {
  const char *page; /* mruby's pages are a list */
  size_t at, pages, wrong;
};

static int visit(mrb_state *mrb, struct RBasic *object, void *data)
{
  struct visited *visited = data;
  const char *wanted = visited->page + PAGE_HEAD + SLOT * visited->at;
  (void)mrb;
  visited->wrong += (const char *)object != wanted;
  if (++visited->at < SLOTS) return MRB_EACH_OBJ_OK;
  visited->at = 0;
  visited->pages++;
  memcpy(&visited->page, visited->page + sizeof(void *), sizeof visited->page);
  return MRB_EACH_OBJ_OK;
}

static void pages_are_as_the_settling_takes_them(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "$a = (1..5000).map { |i| [i] }; 1");
  mrb_full_gc(session->ruby.mrb);
  struct visited visited = {.page = (const char *)session->ruby.mrb->gc.heaps};
  mrb_objspace_each_objects(session->ruby.mrb, visit, &visited);
  assert_int_equal(visited.wrong, 0);
  assert_true(visited.pages > 4);
  assert_null(visited.page);
  close_session(session);
}

/* Two with the same objects, and garbage that was collected in different ways. */
static void history_is_not_seen(void **state)
{
  (void)state;
  char why[RUBY_IMAGE_WHY];
  struct ruby_frozen *frozen[2];
  struct ruby_image *made;
  struct session *sessions[2];
  for (size_t i = 0; i < 2; i++) {
    sessions[i] = copy_session(image, "");
    heap_clear_blocks(sessions[i]->heap);
    eval(sessions[i], "class Kept; def all = [1, 'two', :three, 4.0]; end; KEPT = Kept.new.all; 1");
    eval(sessions[i], "300.times { |n| Object.new; n.to_s * 9 }; ('x' * 30).size");
    for (int n = 0; i == 1 && n < 3; n++) {
      mrb_incremental_gc(sessions[i]->ruby.mrb);
      mrb_full_gc(sessions[i]->ruby.mrb);
    }
    eval(sessions[i], "1");
  }
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(ruby_freeze(&sessions[i]->ruby, &frozen[i], why), STATUS_OK);
  enum status status = ruby_image_make(frozen[0], frozen[1], &made, why);
  if (status) fail_msg("%s", why);
  for (size_t i = 0; i < 2; i++) {
    must_be_usable(sessions[i]); /* freezing changes nothing */
    assert_true(heap_check(sessions[i]->heap));
    close_session(sessions[i]);
    ruby_frozen_close(frozen[i]);
  }
  struct session *copy = copy_session(made, "");
  must_give(copy, "[KEPT, Kept.new.all == KEPT]", "[[1,\"two\",three,*],true]");
  for (int i = 0; i < 20; i++) {
    eval(copy, "a = (1..3000).map { |n| [n, n.to_s] }; a = nil; GC.start");
    assert_true(heap_check(copy->heap));
  }
  close_session(copy);
  ruby_image_close(made);
}

static void what_depends_on_its_place_is_refused(void **state)
{
  (void)state;
  char why[RUBY_IMAGE_WHY] = "";
  struct ruby_frozen *frozen = NULL;
  struct session *session = copy_session(image, "");
  eval(session, "$h = {}; 16.times { $h[Object.new] = 1 }; 20.times { |i| ($i ||= {})[i] = i }; 1");
  assert_int_equal(ruby_freeze(&session->ruby, &frozen, why), STATUS_OK);
  ruby_frozen_close(frozen);
  frozen = NULL;
  eval(session, "$h[Object.new] = 1");
  assert_int_equal(ruby_freeze(&session->ruby, &frozen, why), STATUS_UNSUPPORTED);
  assert_non_null(strstr(why, "16 entries"));
  assert_null(frozen);
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(an_image_is_made_of_two_that_are_alike),
      TEST(a_copy_answers_as_one_that_was_started),
      TEST(copies_know_nothing_of_each_other),
      TEST(each_has_random_numbers_of_its_own),
      TEST(what_came_with_it_is_memory_like_any_other),
      TEST(limits_hold_in_a_copy),
      TEST(collecting_all_the_time_finds_nothing_amiss),
      TEST(threads_may_copy_at_the_same_time),
      TEST(pages_are_as_the_settling_takes_them),
      TEST(history_is_not_seen),
      TEST(what_depends_on_its_place_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
