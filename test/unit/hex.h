/* Bytes in the sources of tests: hexadecimal with spaces, and 'text' between quotes. */
#ifndef RUBEAM_TEST_HEX_H
#define RUBEAM_TEST_HEX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Reads them into `bytes`, and tells how many there are. */
static inline size_t hex_to_bytes(const char *text, uint8_t *bytes)
{
  size_t length = 0;
  for (; *text != '\0'; text++) {
    unsigned byte;
    if (*text == ' ') continue;
    if (*text == '\'') {
      for (text++; *text != '\''; text++) bytes[length++] = (uint8_t)*text;
      continue;
    }
    assert_int_equal(sscanf(text, "%2x", &byte), 1);
    bytes[length++] = (uint8_t)byte;
    text++;
  }
  return length;
}

#endif
