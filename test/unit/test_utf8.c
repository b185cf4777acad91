/* Tests of driver/utf8.c. */
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_text_is_ascii_or_utf8_or_neither(void **state)
{
  static const struct {
    const char *text;
    enum utf8_kind kind;
  } cases[] = {
      {"", UTF8_ASCII},
      {"abc", UTF8_ASCII},
      {"0123456789abcdef", UTF8_ASCII},
      {"0123456789abcde\x7f", UTF8_ASCII},
      {"\xc3\xa4", UTF8_VALID},
      {"01234567\xe2\x82\xac", UTF8_VALID},
      {"\xf0\x9f\x98\x80 and more than that", UTF8_VALID},
      {"\xf4\x8f\xbf\xbf", UTF8_VALID},
      {"\xed\x9f\xbf\xee\x80\x80", UTF8_VALID},
      {"\x80", UTF8_INVALID},
      {"\xff", UTF8_INVALID},
      {"0123456789\xc3", UTF8_INVALID},
      {"\xc3(", UTF8_INVALID},
      {"\xc0\x80", UTF8_INVALID}, /* overlong */
      {"\xc1\xbf", UTF8_INVALID},
      {"\xe0\x9f\xbf", UTF8_INVALID},
      {"\xf0\x8f\xbf\xbf", UTF8_INVALID},
      {"\xed\xa0\x80", UTF8_INVALID},     /* a surrogate */
      {"\xf4\x90\x80\x80", UTF8_INVALID}, /* beyond Unicode */
      {"\xf5\x80\x80\x80", UTF8_INVALID},
      {"\xe2\x82", UTF8_INVALID},
      {"\xf0\x9f\x98", UTF8_INVALID},
      {"\xc3\xa4\xc3", UTF8_INVALID},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t length = strlen(cases[i].text);
    char *exact = malloc(length + 1); /* without the byte behind it, for the sanitizer */
    assert_non_null(exact);
    memcpy(exact + 1, cases[i].text, length);
    if (utf8_look_at(exact + 1, length) != cases[i].kind) fail_msg("%s", cases[i].text);
    assert_int_equal(utf8_is_ascii(exact + 1, length), cases[i].kind == UTF8_ASCII);
    free(exact);
  }
}

static void characters_are_counted_and_found(void **state)
{
  char text[1000];
  size_t begins[1000], length = 0, count = 0;
  (void)state;
  while (length < sizeof text - 4) {
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    const char *one = characters[(count * 7 + count / 5) % 4];
    begins[count++] = length;
    memcpy(text + length, one, strlen(one));
    length += strlen(one);
  }
  begins[count] = length;
  for (size_t i = 0; i <= count; i++) {
    assert_int_equal(utf8_characters(text, begins[i]), i);
    assert_int_equal(utf8_bytes(text, length, i), begins[i]);
  }
  assert_int_equal(utf8_bytes(text, length, count + 1), SIZE_MAX);
}

/* All numbers, as their characters, and each character cut short. */
static void a_character_has_a_length_and_a_number(void **state)
{
  (void)state;
  for (uint32_t code = 0; code < 0x110400; code++) {
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    uint8_t bytes[4] = {(uint8_t)code};
    for (size_t i = length - 1, rest = code; length > 1; i--, rest >>= 6) {
      bytes[i] = (uint8_t)(i > 0 ? 0x80 | (rest & 0x3f) : (0xf00u >> length & 0xf0) | rest);
      if (i == 0) break;
    }
    bool none = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
    assert_int_equal(utf8_character(bytes, bytes + length), none ? 0 : length);
    if (none) continue;
    assert_int_equal(utf8_code(bytes, length), code);
    if (length > 1) assert_int_equal(utf8_character(bytes, bytes + length - 1), 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_is_ascii_or_utf8_or_neither),
      cmocka_unit_test(characters_are_counted_and_found),
      cmocka_unit_test(a_character_has_a_length_and_a_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
