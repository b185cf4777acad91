/* Tests of driver/term_decode.c and term_encode.c: code that means no good, long conversions, and
 * memory that is not there. */
#include "hex.h"
#include "random_terms.h"
#include "term_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Objects that become the value, or what the block gives, that they were made with. */
#define CLASS_K "class K; def initialize(x); @x = x; end; def to_erl; @x; end; end"
#define CLASS_T                                                                                    \
  "class T; def initialize(&block); @block = block; end; def to_erl; @block.call(self); end; end"

/* --- Equal keys ------------------------------------------------------------------------------- */

static const struct {
  const char *code;
  bool duplicate;
} key_cases[] = {
    {"{true => 1, :true => 2}", true},
    {"{:false => 1, false => 2}", true},
    {"{nil => 1, :nil => 2}", true},
    {"{:true => 1, :false => 2}", false},
    {"{1 => 1, 1.0 => 2}", false},
    {"{0.0 => 1, [0.0] => 2, Erlang::Tuple[0.0] => 3}", false},
    {"{[true] => 1, [:true] => 2}", true},
    {"{[1] => 1, Erlang::Tuple[1] => 2}", false},
    {"{{1 => 2, 3 => 4} => 1, {3 => 4, 1 => 2} => 2}", false},
    {"{K.new(1) => 1, 1 => 2}", true},
    {"{K.new(0.0) => 1, -0.0 => 2}", true},
    {"{K.new([{1 => 0.0}]) => 1, [{1 => -0.0}] => 2}", true},
    {"{K.new(:a) => 1, K.new('a') => 2, K.new([]) => 3}", false},
    {"{K.new('a') => 1, 1 => 1, 2 => 2, 'a' => 2}", true},
    {"{K.new({1 => 2, 3 => 4}) => 1, {3 => 4, 1 => 2} => 2}", true},
    {"{K.new(2 ** 100) => 1, 2 ** 100 => 2}", true},
    {"h = {}; 500.times { |i| h[[i]] = i }; h", false},
    {"h = {}; 500.times { |i| h[[i]] = i }; h[K.new([77])] = 1; h", true},
    {"h = {}; 20.times { |i| h[[i]] = i }; h[K.new([19])] = 1; h", true},
    {"h = {K.new([0]) => 1}; 32.times { |i| h[[i]] = i }; h", true},
    {"[1, {2 => {true => 1, :true => 2}}]", true},
    /* a hash whose keys were changed behind its back */
    {"k = [1]; h = {k => 1, [2] => 2}; k[0] = 2; h", true},
};

static void keys_that_become_equal_are_an_error(void **state)
{
  (void)state;
  (void)in_ruby(CLASS_K);
  for (size_t i = 0; i < COUNT(key_cases); i++) {
    print_message("  %s\n", key_cases[i].code);
    mrb_value value = in_ruby(key_cases[i].code);
    bool good = encode_value(value);
    if (key_cases[i].duplicate) {
      assert_false(good);
      must_contain(fixture.problem, "Erlang::TermError: two keys of a Hash become the same term");
    } else {
      assert_string_equal(fixture.problem, "");
      assert_true(good);
    }
  }
}

static void maps_too_large_to_compare_count_as_equal_keys(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  (void)in_ruby(CLASS_K);
  (void)in_ruby("$a = {}; $b = {}; 20000.times { |i| $a[i] = i; $b[19999 - i] = 19999 - i }");
  assert_false(encode_value(in_ruby("{$a => 1, K.new($b) => 2}")));
  must_contain(fixture.problem, "two keys");
  assert_true(encode_value(in_ruby("$b[5] = 6; {$a => 1, K.new($b) => 2}"))); /* other hashes */
}

/* --- to_erl ----------------------------------------------------------------------------------- */

static const struct {
  const char *code, *hex, *message; /* either of the two */
} to_erls[] = {
    {"T.new { 5 }", "61 05", NULL},
    {"T.new { [T.new { :a }] }", "6c 00000001 77 01 'a' 6a", NULL},
    {"T.new { T.new { T.new { nil } } }", "77 03 'nil'", NULL},
    {"Erlang::Tuple[T.new { 1 }, {T.new { 2 } => T.new { 3 }}]",
     "68 02 61 01 74 00000001 61 02 61 03", NULL},
    {"class << Object; def to_erl; :object; end; end; Object", "77 06 'object'", NULL},
    {"x = 1..2; class Range; def to_erl; [first, last]; end; end; x", "6c 00000002 61 01 61 02 6a",
     NULL},
    {"T.new { raise 'mine' }", NULL, "RuntimeError: mine"},
    {"[1, {2 => T.new { raise TypeError, 'mine' }}]", NULL, "TypeError: mine"},
    {"T.new { |t| t }", NULL, "Erlang::TermError: to_erl of T leads from object to object"},
    {"x = nil; y = T.new { x }; x = T.new { y }", NULL, "to_erl of T leads from object to object"},
#ifndef MRB_GC_STRESS
    {"T.new { |t| [t] }", NULL, "nested deeper than 256 levels"},
#endif
    {"T.new { 0.0 / 0.0 }", NULL, "NaN has no form"},
    {"T.new { Object.new.singleton_class }", NULL, NULL},
    {"T.new { Time.now }", NULL, "Time has no form in Erlang"},
    {"class U; undef_method :to_s; def to_erl(x); x; end; end; U.new", NULL, "ArgumentError"},
    /* it changes what is being written */
    {"$a = [1, T.new { $a.clear; 2 }, 3]", NULL, "changed by a to_erl"},
    {"$a = [1, T.new { $a << 4; 2 }, 3]", NULL, "changed by a to_erl"},
    {"$a = [1, T.new { $a << 4; 2 }]", "6c 00000002 61 01 61 02 6a", NULL},
    {"$a = [1, T.new { $a.replace([7, 8, 9]); 2 }, 3]", "6c 00000003 61 01 61 02 61 09 6a", NULL},
    {"$a = [[[T.new { $a.clear; GC.start; 100.times { |i| [i] }; 2 }, 5], 6], 7]", NULL,
     "changed by a to_erl"},
    {"$h = {1 => T.new { $h.clear; GC.start; 2 }, 3 => 'four', [5] => [6]}",
     "74 00000003 61 01 61 02 61 03 6d 00000004 'four' 6c 00000001 61 05 6a 6c 00000001 61 06 6a",
     NULL},
    {"$h = {1 => T.new { 100.times { |i| $h[i] = i }; 2 }, 3 => 4}",
     "74 00000002 61 01 61 02 61 03 61 04", NULL},
    {"$h = {1 => 1, 2 => 2, T.new { $h.delete(2); 9 } => 5, 3 => 3}",
     "74 00000004 61 01 61 01 61 02 61 02 61 09 61 05 61 03 61 03", NULL},
    {"$a = [T.new { ObjectSpace.each_object(Array) { |a| a.clear rescue 0 }; 1 }, 2]", NULL,
     "changed by a to_erl"},
    {"{T.new { ObjectSpace.each_object(Array) { |a| a.clear rescue 0 }; 1 } => 1, 2 => 2}", NULL,
     "changed by a to_erl"},
    /* … and takes away what is just being written. In a method, whose registers are wiped. */
    {"def a; $a = [[T.new { $a[0] = nil; GC.start; $b = (0..99).map { [9, 9] }; 2 }, 5], 7]; end; "
     "a",
     "6c 00000002 6c 00000002 61 02 61 05 6a 61 07 6a", NULL},
    {"def b; $a = [{1 => T.new { $a[0] = nil; GC.start; $b = (0..99).map { {9 => 9} }; 2 }}, 7]; "
     "end; b",
     "6c 00000002 74 00000001 61 01 61 02 61 07 6a", NULL},
    {"def c; $h = {T.new { $h.clear; ObjectSpace.each_object(Array) { |a| a.clear rescue 0 }\n"
     "GC.start; $b = nil; 99.times { |i| 'y' * 30 }; 1 } => 'x' * 30}; end; c",
     "74 00000001 61 01 6d 0000001e 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", NULL},
    {"T.new { GC.start; 'a' * 100 + 'b' }", NULL, NULL},
};

static void to_erl_may_do_what_it_wants(void **state)
{
  (void)state;
  (void)in_ruby(CLASS_T);
  for (size_t i = 0; i < COUNT(to_erls); i++) {
    uint8_t bytes[500];
    print_message("  %s\n", to_erls[i].code);
    int arena = mrb_gc_arena_save(fixture.mrb);
    mrb_value value = in_ruby(to_erls[i].code);
    mrb_gc_arena_restore(fixture.mrb, arena);
    mrb_gc_protect(fixture.mrb, value);
    mrb_full_gc(fixture.mrb); /* wipes the stack: only what is held is held from here on */
    bool good = encode_value(value);
    if (to_erls[i].hex) {
      size_t length = hex_to_bytes(to_erls[i].hex, bytes);
      assert_string_equal(fixture.problem, "");
      assert_int_equal(fixture.out.length, length);
      assert_memory_equal(fixture.out.bytes, bytes, length);
    } else if (to_erls[i].message) {
      assert_false(good);
      must_contain(fixture.problem, to_erls[i].message);
    } else if (good) {
      struct etf_reader reader = {fixture.out.bytes, fixture.out.bytes + fixture.out.length};
      assert_int_equal(etf_skip(&reader), STATUS_OK);
      assert_ptr_equal(reader.at, reader.end);
    }
  }
}

static void long_chains_of_objects_with_to_erl_are_written(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  /* each level is counted anew: only from object straight to object there is a limit */
  assert_true(encode_value(
      in_ruby("class L; def initialize(n); @n = n; end\n"
              "  def to_erl; @n == 0 ? nil : Erlang::Tuple[@n, L.new(@n - 1)]; end; end\n"
              "L.new(200)")));
  assert_false(encode_value(in_ruby("L.new(300)")));
  must_contain(fixture.problem, "nested deeper");
}

/* --- Methods of keys that run while a map is read --------------------------------------------- */

static void hash_and_eql_of_keys_may_do_what_they_want(void **state)
{
  static const char *const codes[] = {
      "class Array; def hash; raise 'mine'; end; end",
      "class Array; def hash; nil; end; end",
      "class Array; def hash; 2 ** 100; end; end",
      "class Array; def hash; ObjectSpace.each_object(Array) { |a| a.clear rescue 0 }; 1; end; end",
      "class Array; def hash; ObjectSpace.each_object(Array) { |a| a.freeze rescue 0 }; 1; end; "
      "end",
      "class Array; def eql?(x); ObjectSpace.each_object(Hash) { |h| h.clear rescue 0 }; true; "
      "end; end",
      "class Array; def hash; GC.start; 5; end; end",
      "class Array; def eql?(x); true; end; end",
      "class Erlang::Pid; def hash; raise 'mine'; end; def eql?(x); raise 'mine'; end; end",
  };
  (void)state;
  for (size_t i = 0; i < COUNT(codes); i++) {
    (void)fixture_close(NULL);
    (void)fixture_open(NULL);
    struct random random = {11};
    (void)in_ruby(codes[i]);
    for (int round = 0; round < ROUNDS(30); round++) {
      struct buffer buffer;
      buffer_init(&buffer, 1 << 20);
      etf_put_list(&buffer, 2);
      etf_put_map(&buffer, 40);
      for (int j = 0; j < 40; j++) {
        etf_put_list(&buffer, 2);
        etf_put_integer(&buffer, j);
        random_term(&random, &buffer, 2);
        etf_put_nil(&buffer);
        random_term(&random, &buffer, 3);
      }
      etf_put_integer(&buffer, 1);
      etf_put_nil(&buffer);
      int arena = mrb_gc_arena_save(fixture.mrb);
      struct etf_reader reader = {buffer.bytes, buffer.bytes + buffer.length};
      mrb_value value = protected_call(decode_body, &reader);
      if (fixture.problem[0] == '\0') (void)encode_value(value);
      mrb_gc_arena_restore(fixture.mrb, arena);
      buffer_fini(&buffer);
    }
  }
}

/* --- Checkpoints ------------------------------------------------------------------------------ */

static size_t checkpoints;
static uintptr_t lowest; /* address of a local variable in any of them */

static void checkpoint(void *data)
{
  volatile char here = 0;
  if ((uintptr_t)&here < lowest) lowest = (uintptr_t)&here;
  checkpoints++;
  if (data) mrb_raise(data, mrb_class_get(data, "RuntimeError"), "stopped");
}

static void long_conversions_have_checkpoints(void **state)
{
  static const char *const codes[] = {"(0...100000).to_a",
                                      "Erlang::Tuple[*(0...100000)]",
                                      "h = {}; 50000.times { |i| h[i] = i }; h",
                                      "h = {}; 50000.times { |i| h[[i]] = [i] }; h",
                                      "[[[]] * 1000] * 50",
                                      "['a'] * 100000"};
  (void)state;
  NOT_UNDER_STRESS();
  for (size_t i = 0; i < COUNT(codes); i++) {
    mrb_value value = in_ruby(codes[i]);
    fixture.context.checkpoint = checkpoint;
    fixture.context.checkpoint_data = NULL;
    checkpoints = 0;
    assert_true(encode_value(value));
    assert_in_range(checkpoints, 40, 20000); /* a large map has more */
    checkpoints = 0;
    (void)decode_bytes(fixture.out.bytes, fixture.out.length);
    assert_string_equal(fixture.problem, "");
    assert_in_range(checkpoints, 40, 20000); /* a large map has more */
    fixture.context.checkpoint_data = fixture.mrb;
    size_t length = fixture.out.length;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memcpy(bytes, fixture.out.bytes, length);
    assert_false(encode_value(value));
    assert_string_equal(fixture.problem, "RuntimeError: stopped");
    (void)decode_bytes(bytes, length);
    assert_string_equal(fixture.problem, "RuntimeError: stopped");
    free(bytes);
    fixture.context.checkpoint = NULL;
  }
}

static void collect_some(void *data)
{
  struct random *random = data;
  for (size_t i = random_below(random, 6); i > 0; i--) mrb_incremental_gc(fixture.mrb);
}

static void collections_in_the_middle_lose_nothing(void **state)
{
  static const char *const codes[] = {
      "(0...40000).map { |i| i.to_s * 12 }",
      "(0...10000).map { |i| [i.to_s * 12, [i.to_s] * 9, {i => i.to_s * 12}] }",
      "h = {}; 10000.times { |i| h[i.to_s] = [i.to_s * 12] * 10 }; h",
      "Erlang::Tuple[*(0...20000).map { |i| Erlang::Tuple[i.to_s * 12, 1.5, 2 ** 70] }]"};
  (void)state;
  NOT_UNDER_STRESS();
  struct random random = {12};
  for (size_t i = 0; i < COUNT(codes); i++) {
    fixture.context.checkpoint = NULL;
    assert_true(encode_value(in_ruby(codes[i])));
    size_t length = fixture.out.length;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memcpy(bytes, fixture.out.bytes, length);
    fixture.context.checkpoint = collect_some;
    fixture.context.checkpoint_data = &random;
    for (int round = 0; round < ROUNDS(20); round++) {
      int arena = mrb_gc_arena_save(fixture.mrb);
      mrb_value value = decode_bytes(bytes, length);
      assert_string_equal(fixture.problem, "");
      assert_true(encode_value(value));
      assert_int_equal(fixture.out.length, length);
      assert_memory_equal(fixture.out.bytes, bytes, length);
      mrb_gc_arena_restore(fixture.mrb, arena);
    }
    free(bytes);
  }
}

static void short_conversions_have_none(void **state)
{
  (void)state;
  fixture.context.checkpoint = checkpoint;
  checkpoints = 0;
  assert_true(encode_value(in_ruby("[1] * 1000")));
  (void)decode_bytes(fixture.out.bytes, fixture.out.length);
  assert_int_equal(checkpoints, 0);
}

static void a_level_takes_little_stack(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  char base = 0;
  fixture.context.depth = TERM_DEPTH_MOST;
  fixture.context.checkpoint = checkpoint;
  static const char *const wraps[] = {"[$x]", "{1 => $x}", "{$x => 1}"};
  for (size_t i = 0; i < COUNT(wraps); i++) {
    char code[200];
    /* mruby asks a key that is a hash for its hash, which recurses in Ruby: fewer levels there */
    unsigned levels = i == 2 ? 50 : TERM_DEPTH_MOST - 2;
    (void)snprintf(code, sizeof code, "$x = [1] * 2000; %u.times { $x = %s }; $x", levels,
                   wraps[i]);
    mrb_value value = in_ruby(code);
    lowest = UINTPTR_MAX;
    assert_true(encode_value(value));
    print_message("  %s: writing %zu bytes a level", wraps[i],
                  ((uintptr_t)&base - lowest) / levels);
#if !defined(__SANITIZE_ADDRESS__)
    if (i < 2) assert_true((uintptr_t)&base - lowest < levels * 1024 + 8192);
#endif
    lowest = UINTPTR_MAX;
    (void)decode_bytes(fixture.out.bytes, fixture.out.length);
    assert_string_equal(fixture.problem, "");
    print_message(", reading %zu\n", ((uintptr_t)&base - lowest) / levels);
#if !defined(__SANITIZE_ADDRESS__)
    if (i < 2) assert_true((uintptr_t)&base - lowest < levels * 1024 + 8192);
#endif
  }
}

/* --- Memory that is not there ----------------------------------------------------------------- */

static size_t allocations, fail_from; /* the first that fails; 0: none does */

/* All blocks are in a ring, since mruby itself loses some when an allocation fails. */
struct block {
  struct block *before, *after;
};

static struct block ring = {&ring, &ring};

static void *allocate(mrb_state *mrb, void *old, size_t bytes, void *data)
{
  struct block *block = old ? (struct block *)old - 1 : NULL;
  (void)mrb;
  (void)data;
  if (bytes > 0 && fail_from > 0 && ++allocations >= fail_from) return NULL;
  if (block) {
    block->before->after = block->after;
    block->after->before = block->before;
  }
  if (bytes == 0) {
    free(block);
    return NULL;
  }
  block = realloc(block, sizeof *block + bytes);
  assert_non_null(block);
  block->before = &ring;
  block->after = ring.after;
  ring.after->before = block;
  ring.after = block;
  return block + 1;
}

/* From the n-th allocation on, all fail until the conversion has ended. What comes about is an
 * exception, or the value: never a crash, and the interpreter goes on. */
static void failing_allocations_are_exceptions(void **state)
{
  static const char *const codes[] = {
      "(0...300).map { |i| [i, i.to_s * 10] }",
      "Erlang::Tuple[:a, Erlang::Tuple[*(0...100)], 'x' * 1000, 2 ** 3000, 1.5]",
      "h = {}; 100.times { |i| h[i] = {i.to_s => i * 1.5} }; h",
      "{[1] => 2, true => 3, 'x' => {[4] => [5]}}",
  };
  (void)state;
  NOT_UNDER_STRESS();
  mrb_close(fixture.mrb);
  fixture.mrb = mrb_open_allocf(allocate, NULL);
  assert_non_null(fixture.mrb);
  term_init(fixture.mrb);
  fixture.context = (struct term_context){.types = term_types(fixture.mrb)};
  for (size_t i = 0; i < COUNT(codes); i++) {
    fail_from = 0;
    set_global("$x", in_ruby(codes[i]));
    assert_true(encode_value(in_ruby("$x")));
    size_t length = fixture.out.length, failures = 0;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memcpy(bytes, fixture.out.bytes, length);
    for (size_t from = 1;; from++) {
      struct etf_reader reader = {bytes, bytes + length};
      mrb_bool failed;
      int arena = mrb_gc_arena_save(fixture.mrb);
      mrb_value value = in_ruby("$x");
      allocations = 0;
      fail_from = from;
      (void)mrb_protect_error(fixture.mrb, decode_body, &reader, &failed);
      bool decoded = !failed;
      size_t of_decode = allocations;
      allocations = 0;
      buffer_clear(&fixture.out);
      (void)mrb_protect_error(fixture.mrb, encode_body, &value, &failed);
      bool encoded = !failed;
      fail_from = 0;
      mrb_gc_arena_restore(fixture.mrb, arena);
      failures += (decoded ? 0u : 1u) + (encoded ? 0u : 1u);
      if (encoded) {
        bool equal = false;
        assert_int_equal(etf_equal(fixture.out.bytes, fixture.out.length, bytes, length, &equal),
                         STATUS_OK);
        assert_true(equal);
      }
      if (of_decode < from && allocations < from) break; /* it needed fewer */
    }
    print_message("  %zu failures\n", failures);
    assert_true(failures > 0);
    free(bytes);
  }
  mrb_close(fixture.mrb);
  while (ring.after != &ring) (void)allocate(NULL, ring.after + 1, 0, NULL);
  fixture.mrb = mrb_open(); /* for fixture_close */
}

static void *no_memory(void *data, void *block, size_t bytes)
{
  (void)data;
  if (bytes == 0) free(block);
  return NULL;
}

static void no_memory_for_the_buffer_is_an_error(void **state)
{
  (void)state;
  buffer_fini(&fixture.out);
  buffer_init_with(&fixture.out, 1 << 20, no_memory, NULL);
  assert_true(encode_value(in_ruby("'a' * 100")));
  assert_false(encode_value(in_ruby("'a' * 1000")));
  assert_string_equal(fixture.problem, "Erlang::TermError: there is no memory for the term");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      RUBY_TEST(keys_that_become_equal_are_an_error),
      RUBY_TEST(maps_too_large_to_compare_count_as_equal_keys),
      RUBY_TEST(to_erl_may_do_what_it_wants),
      RUBY_TEST(long_chains_of_objects_with_to_erl_are_written),
      RUBY_TEST(hash_and_eql_of_keys_may_do_what_they_want),
      RUBY_TEST(long_conversions_have_checkpoints),
      RUBY_TEST(collections_in_the_middle_lose_nothing),
      RUBY_TEST(short_conversions_have_none),
      RUBY_TEST(a_level_takes_little_stack),
      RUBY_TEST(failing_allocations_are_exceptions),
      RUBY_TEST(no_memory_for_the_buffer_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
