/* Tests of driver/options.c. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The promise of options.h and of docs/, on purpose not taken from options.c's own table. */
static const struct number {
  const char *key;
  size_t offset;
  uint64_t least, most, otherwise;
} numbers[] = {
    {"memory_limit", offsetof(struct options, memory_limit), 1048576, 4294967296, 67108864},
    {"timeout", offsetof(struct options, timeout_ms), 0, 1099511627776, 0},
    {"timeout_ms", offsetof(struct options, timeout_ms), 0, 1099511627776, 0},
    {"queue_limit", offsetof(struct options, queue_limit), 0, 16777216, 10000},
    {"max_frame", offsetof(struct options, max_frame), 64, 2147483648, 67108864},
    {"max_source", offsetof(struct options, max_source), 1, 1073741824, 4194304},
    {"max_depth", offsetof(struct options, max_depth), 1, 1024, 256},
    {"max_atoms", offsetof(struct options, max_atoms), 0, 1048576, 10000},
    {"slice", offsetof(struct options, slice_us), 50, 100000, 1000},
    {"slice_us", offsetof(struct options, slice_us), 50, 100000, 1000},
    {"grace", offsetof(struct options, grace_slices), 1, 1048576, 50},
    {"grace_slices", offsetof(struct options, grace_slices), 1, 1048576, 50},
};
#define NUMBERS (sizeof numbers / sizeof *numbers)

static uint64_t value_of(const struct options *options, const struct number *number)
{
  uint64_t value;
  memcpy(&value, (const char *)options + number->offset, sizeof value);
  return value;
}

static struct options must_parse(const char *text)
{
  struct options options;
  const char *bad = NULL;
  enum status status = options_parse(text, &options, &bad);
  if (status) fail_msg("%s: status %d at %s", text, (int)status, bad);
  return options;
}

/* The word that is wrong begins at `word` in the text; nothing is written. */
static void must_refuse_at(const char *text, enum status wanted, const char *word)
{
  struct options options, before;
  const char *bad = NULL;
  memset(&options, 0x5a, sizeof options);
  memcpy(&before, &options, sizeof before);
  enum status status = options_parse(text, &options, &bad);
  if (status != wanted) fail_msg("%s: status %d, not %d", text, (int)status, (int)wanted);
  assert_ptr_equal(bad, strstr(text, word));
  assert_memory_equal(&options, &before, sizeof before);
}

static void must_refuse(const char *text, enum status wanted)
{
  must_refuse_at(text, wanted, text);
}

static const char *with_number(const struct number *number, uint64_t value)
{
  static char text[80];
  (void)snprintf(text, sizeof text, "%s=%llu", number->key, (unsigned long long)value);
  return text;
}

static void must_be_default(const struct options *options)
{
  assert_false(options->manager);
  assert_int_equal(options->packet, PACKET_RAW);
  assert_int_equal(options->pool, POOL_AUTO);
  for (size_t i = 0; i < NUMBERS; i++)
    assert_int_equal(value_of(options, &numbers[i]), numbers[i].otherwise);
}

static void the_defaults_are_those_of_the_documentation(void **state)
{
  (void)state;
  struct options options;
  memset(&options, 0x5a, sizeof options);
  options_default(&options);
  must_be_default(&options);
}

static void an_empty_text_gives_the_defaults(void **state)
{
  (void)state;
  struct options options = must_parse("");
  must_be_default(&options);
  options = must_parse("    ");
  must_be_default(&options);
}

static void each_number_is_taken_at_its_least_and_at_its_most(void **state)
{
  (void)state;
  for (size_t i = 0; i < NUMBERS; i++) {
    struct options options = must_parse(with_number(&numbers[i], numbers[i].least));
    assert_int_equal(value_of(&options, &numbers[i]), numbers[i].least);
    options = must_parse(with_number(&numbers[i], numbers[i].most));
    assert_int_equal(value_of(&options, &numbers[i]), numbers[i].most);
  }
}

static void each_number_is_refused_beyond_its_range(void **state)
{
  (void)state;
  for (size_t i = 0; i < NUMBERS; i++) {
    must_refuse(with_number(&numbers[i], numbers[i].most + 1), STATUS_TOO_LARGE);
    if (numbers[i].least > 0)
      must_refuse(with_number(&numbers[i], numbers[i].least - 1), STATUS_TOO_LARGE);
  }
}

static void a_number_that_overflows_is_too_large_and_not_wrapped(void **state)
{
  (void)state;
  /* 2^64 + 5000 would be a good queue_limit if it were wrapped. */
  static const char *const values[] = {"18446744073709551615", "18446744073709551616",
                                       "18446744073709556616", "99999999999999999999999999999999",
                                       "000000000000000000000000000018446744073709556616"};
  char text[120];
  for (size_t n = 0; n < NUMBERS; n++)
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
      (void)snprintf(text, sizeof text, "%s=%s", numbers[n].key, values[i]);
      must_refuse(text, STATUS_TOO_LARGE);
    }
}

static void what_is_no_number_is_malformed(void **state)
{
  (void)state;
  static const char *const values[] = {"",    "x",   "-1",  "+1",       "1k",  "0x10", "1.5", "1,",
                                       "1_0", "1=1", "\t1", "\xc2\xb2", "one", "=",    "1\n"};
  char text[80];
  for (size_t n = 0; n < NUMBERS; n++)
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
      (void)snprintf(text, sizeof text, "%s=%s", numbers[n].key, values[i]);
      must_refuse(text, STATUS_MALFORMED);
    }
}

static void zeros_before_a_number_make_no_difference(void **state)
{
  (void)state;
  assert_int_equal(must_parse("queue_limit=00000000000000000000000000000000000000007").queue_limit,
                   7);
}

static void a_key_without_a_value_is_malformed(void **state)
{
  (void)state;
  for (size_t i = 0; i < NUMBERS; i++) must_refuse(numbers[i].key, STATUS_MALFORMED);
  must_refuse("packet", STATUS_MALFORMED);
  must_refuse("pool", STATUS_MALFORMED);
  must_refuse("packet=", STATUS_MALFORMED);
  must_refuse("pool=", STATUS_MALFORMED);
}

static void an_unknown_key_is_malformed(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "memory=1048576",
      "Memory_limit=1048576",
      "memory_limi=1048576",
      "memory_limits=1048576",
      "=1048576",
      "=",
      "timeout_us=1",
      "name=x",
      "\tqueue_limit=1",
      "manager=true",
      "managers",
      "manage",
      "manager=",
      "queue_limit\x01=1",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) must_refuse(texts[i], STATUS_MALFORMED);
}

static void the_packet_words_are_raw_1_2_4_and_line(void **state)
{
  (void)state;
  assert_int_equal(must_parse("packet=raw").packet, PACKET_RAW);
  assert_int_equal(must_parse("packet=1").packet, PACKET_1);
  assert_int_equal(must_parse("packet=2").packet, PACKET_2);
  assert_int_equal(must_parse("packet=4").packet, PACKET_4);
  assert_int_equal(must_parse("packet=line").packet, PACKET_LINE);
  static const char *const wrong[] = {"packet=0",  "packet=3",    "packet=8",    "packet=Raw",
                                      "packet=ra", "packet=raws", "packet=line2"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) must_refuse(wrong[i], STATUS_MALFORMED);
}

static void the_pool_words_are_auto_threads_and_async(void **state)
{
  (void)state;
  assert_int_equal(must_parse("pool=auto").pool, POOL_AUTO);
  assert_int_equal(must_parse("pool=threads").pool, POOL_THREADS);
  assert_int_equal(must_parse("pool=async").pool, POOL_ASYNC);
  static const char *const wrong[] = {"pool=1", "pool=thread", "pool=asyncs", "pool=Async"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) must_refuse(wrong[i], STATUS_MALFORMED);
}

static void the_word_manager_makes_a_manager(void **state)
{
  (void)state;
  struct options options = must_parse("manager");
  assert_true(options.manager);
  options.manager = false;
  must_be_default(&options);
  assert_true(must_parse(" queue_limit=1 manager packet=4").manager);
}

static void only_a_manager_is_told_of_the_fault_handler(void **state)
{
  (void)state;
  assert_true(must_parse("").fault_handler);
  assert_true(must_parse("manager").fault_handler);
  assert_true(must_parse("manager fault_handler=on").fault_handler);
  assert_false(must_parse("manager fault_handler=off").fault_handler);
  assert_false(must_parse("fault_handler=off manager").fault_handler);
  static const char *const wrong[] = {
      "fault_handler=off",      "fault_handler=on",         "queue_limit=1 fault_handler=on",
      "manager fault_handler=", "manager fault_handler=no", "manager fault_handler=of"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    must_refuse_at(wrong[i], STATUS_MALFORMED, "fault_handler");
}

static void several_keys_are_all_read_whatever_their_order_and_the_spaces(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "memory_limit=1048576 packet=4 timeout=5000 pool=async slice=2000",
      "slice=2000 pool=async timeout=5000 packet=4 memory_limit=1048576",
      "   slice_us=2000  pool=async    timeout_ms=5000 packet=4 memory_limit=1048576   ",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct options options = must_parse(texts[i]);
    assert_int_equal(options.memory_limit, 1048576);
    assert_int_equal(options.packet, PACKET_4);
    assert_int_equal(options.timeout_ms, 5000);
    assert_int_equal(options.pool, POOL_ASYNC);
    assert_int_equal(options.slice_us, 2000);
    assert_int_equal(options.queue_limit, 10000);
  }
}

static void the_load_path_is_the_text_itself(void **state)
{
  (void)state;
  static const char text[] = "packet=4 load_path=/a%20b:/c max_atoms=1";
  struct options options = must_parse(text);
  assert_ptr_equal(options.load_path.text, strstr(text, "/a"));
  assert_int_equal(options.load_path.length, strlen("/a%20b:/c"));
  assert_int_equal(must_parse("load_path=/a load_path=/bc").load_path.length, 3);
  assert_int_equal(must_parse("").load_path.length, 0);
  must_refuse_at("load_path=", STATUS_MALFORMED, "load_path=");
  must_refuse_at("packet=4 load_path=a", STATUS_MALFORMED, "load_path=a");
  must_refuse_at("load_path=/a%zz", STATUS_MALFORMED, "load_path=/a%zz");
}

static void of_a_key_given_twice_the_last_counts(void **state)
{
  (void)state;
  assert_int_equal(must_parse("timeout=1 timeout_ms=2 timeout=3").timeout_ms, 3);
  assert_int_equal(must_parse("packet=4 packet=raw").packet, PACKET_RAW);
}

static void the_word_that_is_wrong_is_pointed_at(void **state)
{
  (void)state;
  must_refuse_at("packet=4 quque_limit=1 timeout=5", STATUS_MALFORMED, "quque_limit");
  must_refuse_at("packet=4  timeout=5  max_depth=1025", STATUS_TOO_LARGE, "max_depth");
  must_refuse_at("packet=4 timeout=5x max_depth=9999", STATUS_MALFORMED, "timeout");
  must_refuse_at("packet=5 timeout=5x", STATUS_MALFORMED, "packet");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_are_those_of_the_documentation),
      cmocka_unit_test(an_empty_text_gives_the_defaults),
      cmocka_unit_test(each_number_is_taken_at_its_least_and_at_its_most),
      cmocka_unit_test(each_number_is_refused_beyond_its_range),
      cmocka_unit_test(a_number_that_overflows_is_too_large_and_not_wrapped),
      cmocka_unit_test(what_is_no_number_is_malformed),
      cmocka_unit_test(zeros_before_a_number_make_no_difference),
      cmocka_unit_test(a_key_without_a_value_is_malformed),
      cmocka_unit_test(an_unknown_key_is_malformed),
      cmocka_unit_test(the_packet_words_are_raw_1_2_4_and_line),
      cmocka_unit_test(the_pool_words_are_auto_threads_and_async),
      cmocka_unit_test(the_word_manager_makes_a_manager),
      cmocka_unit_test(only_a_manager_is_told_of_the_fault_handler),
      cmocka_unit_test(several_keys_are_all_read_whatever_their_order_and_the_spaces),
      cmocka_unit_test(the_load_path_is_the_text_itself),
      cmocka_unit_test(of_a_key_given_twice_the_last_counts),
      cmocka_unit_test(the_word_that_is_wrong_is_pointed_at),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
