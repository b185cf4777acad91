/* Tests of driver/float_text.c: Floats as text and text as Floats, in C and through Ruby. */
#include "float_text.h"
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mruby/numeric.h>

#include <cmocka.h>

static void must_be_written(double number, const char *wanted)
{
  char text[FLOAT_TEXT_BYTES];
  size_t length = float_text_write(number, text);
  assert_true(length < sizeof text);
  text[length] = '\0';
  assert_string_equal(text, wanted);
  if (isfinite(number)) assert_true(strtod(text, NULL) == number);
}

static void the_shortest_text_is_rubys(void **state)
{
  (void)state;
  must_be_written(0.0, "0.0");
  must_be_written(-0.0, "-0.0");
  must_be_written(0.1, "0.1");
  must_be_written(0.1 + 0.2, "0.30000000000000004");
  must_be_written(100.0, "100.0");
  must_be_written(-1.5, "-1.5");
  must_be_written(1e14, "100000000000000.0");
  must_be_written(123456789012345.6, "123456789012345.6");
  must_be_written(1e15, "1.0e+15");
  must_be_written(1e15 + 0.5, "1000000000000000.5");
  must_be_written(4503599627370497.5, "4.503599627370498e+15");
  must_be_written(1e100, "1.0e+100");
  must_be_written(0.0001, "0.0001");
  must_be_written(0.00012345, "0.00012345");
  must_be_written(0.00001, "1.0e-05");
  must_be_written(DBL_MAX, "1.7976931348623157e+308");
  must_be_written(DBL_MIN, "2.2250738585072014e-308");
  must_be_written(5e-324, "5.0e-324");
  must_be_written(-DBL_MAX, "-1.7976931348623157e+308");
  must_be_written(0x1p-44, "5.684341886080802e-14"); /* of its shortest, not the nearest one */
  must_be_written(9007199254740993.0, "9.007199254740992e+15");
  must_be_written(9999999999999998.0, "9.999999999999998e+15");
  must_be_written(1e16, "1.0e+16");
  must_be_written(NAN, "NaN");
  must_be_written(-NAN, "NaN");
  must_be_written(INFINITY, "Infinity");
  must_be_written(-INFINITY, "-Infinity");
}

static void numbers_of_all_sizes_are_read_as_they_were_written(void **state)
{
  (void)state;
  uint64_t bits = 1;
  for (int i = 0; i < 20000; i++) {
    bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    double number, read;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number)) continue;
    char text[FLOAT_TEXT_BYTES], *end;
    text[float_text_write(number, text)] = '\0';
    assert_true(mrb_read_float(text, &end, &read));
    assert_true(*end == '\0' && read == number);
  }
}

static void must_be_read(const char *text, double wanted, size_t length)
{
  double number;
  char *end;
  assert_int_equal(mrb_read_float(text, &end, &number), length > 0);
  if (number != wanted) fail_msg("%s: %g", text, number);
  assert_int_equal(end - text, length);
  assert_int_equal(mrb_read_float(text, NULL, &number), length > 0);
}

static void only_a_decimal_number_is_read(void **state)
{
  (void)state;
  must_be_read("1.5kg", 1.5, 3);
  must_be_read(" \t-2", -2, 4);
  must_be_read("+3e2", 300, 4);
  must_be_read("1e", 1, 1);
  must_be_read("1e+", 1, 1);
  must_be_read("1.", 1, 1);
  must_be_read(".5", 0.5, 2);
  must_be_read("0x1p3", 0, 1);
  must_be_read("1e400", INFINITY, 5);
  must_be_read("1e-400", 0, 6);
  must_be_read("", 0, 0);
  must_be_read("-", 0, 0);
  must_be_read(".", 0, 0);
  must_be_read("inf", 0, 0);
  must_be_read("nan", 0, 0);
  must_be_read("e5", 0, 0);
  char digits[2001];
  memset(digits, '1', 2000);
  digits[2000] = '\0';
  must_be_read(digits, INFINITY, 2000);
  digits[300] = 'x';
  must_be_read(digits, strtod(digits, NULL), 300);
}

static void must_be_formatted(double number, char form, int precision, char sign,
                              const char *wanted)
{
  char text[2000];
  int length = mrb_format_float(number, text, sizeof text, form, precision, sign);
  assert_string_equal(text, wanted);
  assert_int_equal(length, strlen(wanted));
}

static void numbers_are_formatted_as_c_does(void **state)
{
  (void)state;
  must_be_formatted(0.5, 'f', 0, 0, "0");
  must_be_formatted(1.25, 'f', 1, 0, "1.2");
  must_be_formatted(-1.5, 'f', 2, 0, "-1.50");
  must_be_formatted(1.5, 'e', 2, '+', "+1.50e+00");
  must_be_formatted(1.5, 'g', -1, ' ', " 1.5");
  must_be_formatted(1e10, 'G', 3, 0, "1E+10");
  must_be_formatted(1.0, (char)('g' | 0x80), 3, 0, "1.00");
  must_be_formatted(INFINITY, 'f', 2000, 0, "inf");
}

static void a_precision_beyond_all_digits_adds_zeros_and_what_does_not_fit_is_cut_off(void **state)
{
  (void)state;
  char text[3000];
  assert_int_equal(mrb_format_float(0.5, text, sizeof text, 'f', 1500, 0), 1502);
  assert_memory_equal(text, "0.500", 5);
  assert_string_equal(text + 1499, "000");
  assert_int_equal(mrb_format_float(0.5, text, sizeof text, 'e', 1500, 0), 1506);
  assert_string_equal(text + 1499, "000e-01");
  assert_int_equal(mrb_format_float(0.5, text, sizeof text, 'f', INT32_MAX, 0), sizeof text - 1);
  assert_int_equal(mrb_format_float(DBL_MAX, text, 10, 'f', 6, 0), 9);
  assert_int_equal(strlen(text), 9);
  assert_int_equal(mrb_format_float(1.5, text, 1, 'f', 6, 0), 0);
  text[0] = 'x';
  assert_int_equal(mrb_format_float(1.5, text, 0, 'f', 6, 0), 0);
  assert_int_equal(text[0], 'x');
}

static void ruby_uses_them(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "[0.1 + 0.2, 1e15, -0.0].map(&:to_s)",
            "[\"0.30000000000000004\",\"1.0e+15\",\"-0.0\"]");
  must_give(session, "[0.0 / 0, 1.0 / 0, -1.0 / 0].inspect", "\"[NaN, Infinity, -Infinity]\"");
  must_give(session, "['0.1'.to_f + '0.2'.to_f == 0.1 + 0.2, 5e-324 > 0]", "[true,true]");
  must_give(session, "format('%05.1f|%010.2f|%+06.1f|%-8.2f|', 9.5, -3.14159, 9.5, 1)",
            "\"009.5|-000003.14|+009.5|1.00    |\"");
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_shortest_text_is_rubys),
      TEST(numbers_of_all_sizes_are_read_as_they_were_written),
      TEST(only_a_decimal_number_is_read),
      TEST(numbers_are_formatted_as_c_does),
      TEST(a_precision_beyond_all_digits_adds_zeros_and_what_does_not_fit_is_cut_off),
      TEST(ruby_uses_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
