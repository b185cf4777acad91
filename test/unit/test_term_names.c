/* Tests of driver/term_names.c. */
#include "term_fixture.h"
#include "term_names.h"
#include "term_types.h"

#include <mruby/string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct term_names *names(void) { return term_types(fixture.mrb)->names; }

/* Of all lengths, those that are remembered and those that are too long, each differing from another one
 * in one byte. */
static void a_name_is_what_it_was_asked_for_however_long(void **state)
{
  (void)state;
  mrb_state *mrb = fixture.mrb;
  for (int round = 0; round < 3; round++) {
    for (size_t length = 0; length < TERM_NAME_BYTES + 10; length++) {
      for (size_t at = 0; at <= length; at++) {
        char text[TERM_NAME_BYTES + 10];
        int arena = mrb_gc_arena_save(mrb);
        memset(text, 'x', sizeof text);
        if (at < length) text[at] = (char)('a' + at % 20);
        mrb_value string = term_names_string(mrb, names(), text, length);
        assert_int_equal(RSTRING_LEN(string), length);
        assert_memory_equal(RSTRING_PTR(string), text, length);
        assert_true(mrb_frozen_p(mrb_str_ptr(string)));
        assert_int_equal(term_names_symbol(mrb, names(), text, length),
                         mrb_intern(mrb, text, length));
        mrb_gc_arena_restore(mrb, arena);
      }
    }
  }
}

static void a_name_that_came_before_is_the_same_object(void **state)
{
  (void)state;
  mrb_state *mrb = fixture.mrb;
  mrb_value first = term_names_string(mrb, names(), "name", 4);
  (void)term_names_symbol(mrb, names(), "name", 4);
  assert_ptr_equal(mrb_ptr(term_names_string(mrb, names(), "name", 4)), mrb_ptr(first));
  assert_ptr_not_equal(mrb_ptr(term_names_string(mrb, names(), "names", 5)), mrb_ptr(first));
}

static void a_symbol_is_found_if_it_came_before_and_is_ascii(void **state)
{
  (void)state;
  mrb_state *mrb = fixture.mrb;
  static const char *const others[] = {"\xc3\xa9", "abc\xc3\xa9", "abcdefgh\xc3\xa9",
                                       "abcdefgh\xc3\xa9zzzzzzzzz"};
  mrb_sym symbol = 0;
  char text[TERM_NAME_BYTES + 2] = "";
  for (size_t length = 0; length < sizeof text; length++) {
    memset(text, 'y', length);
    assert_false(term_names_find_symbol(names(), text, length, &symbol));
    (void)term_names_string(mrb, names(), text, length); /* is another thing */
    assert_false(term_names_find_symbol(names(), text, length, &symbol));
    mrb_sym made = term_names_symbol(mrb, names(), text, length);
    bool remembered = length > 0 && length <= TERM_NAME_BYTES;
    assert_int_equal(term_names_find_symbol(names(), text, length, &symbol), remembered);
    if (remembered) assert_int_equal(symbol, made);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    (void)term_names_symbol(mrb, names(), others[i], strlen(others[i]));
    assert_false(term_names_find_symbol(names(), others[i], strlen(others[i]), &symbol));
  }
}

/* While the counter stands still, what was given is given again. */
static void forgotten_strings_are_counted(void **state)
{
  (void)state;
  mrb_state *mrb = fixture.mrb;
  const uint64_t *forgotten = term_names_forgotten(names());
  char text[20];
  mrb_value first = term_names_string(mrb, names(), "first", 5);
  mrb_gc_protect(mrb, first);
  uint64_t before = *forgotten;
  bool again = true;
  for (int i = 0; i < 2000; i++) {
    int arena = mrb_gc_arena_save(mrb);
    int length = snprintf(text, sizeof text, "name %d", i);
    (void)term_names_string(mrb, names(), text, (size_t)length);
    uint64_t after = *forgotten;
    again = again && mrb_ptr(term_names_string(mrb, names(), "first", 5)) == mrb_ptr(first);
    if (after == before) assert_true(again);
    mrb_gc_arena_restore(mrb, arena);
  }
  assert_in_range(*forgotten - before, 1500, 4000);
}

/* Strings that nobody else has live as long as they are remembered, and not longer. */
static void what_is_forgotten_is_collected(void **state)
{
  (void)state;
  mrb_state *mrb = fixture.mrb;
  char text[20];
  mrb_full_gc(mrb);
  size_t before = mrb->gc.live;
  for (int i = 0; i < 5000; i++) {
    int arena = mrb_gc_arena_save(mrb);
    int length = snprintf(text, sizeof text, "name %d", i);
    (void)term_names_string(mrb, names(), text, (size_t)length);
    mrb_gc_arena_restore(mrb, arena);
    if (i % 500 == 0) mrb_full_gc(mrb);
    mrb_value again = term_names_string(mrb, names(), text, (size_t)length);
    assert_memory_equal(RSTRING_PTR(again), text, (size_t)length);
    mrb_gc_arena_restore(mrb, arena);
  }
  mrb_full_gc(mrb);
  assert_in_range(mrb->gc.live, 0, before + 200);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      RUBY_TEST(a_name_is_what_it_was_asked_for_however_long),
      RUBY_TEST(a_name_that_came_before_is_the_same_object),
      RUBY_TEST(a_symbol_is_found_if_it_came_before_and_is_ascii),
      RUBY_TEST(forgotten_strings_are_counted),
      RUBY_TEST(what_is_forgotten_is_collected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
