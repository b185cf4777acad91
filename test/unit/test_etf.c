/* Tests of driver/etf.c, etf_write.c and etf_equal.c. libei is the judge where it can be one. */
#include "etf.h"
#include "hex.h"
#include "random_terms.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ei.h>

/* --- Helpers -------------------------------------------------------------------------------- */

/* Bytes in a block of their exact size, so that the sanitizer sees each read beyond. */
struct bytes {
  uint8_t *at;
  size_t length;
};

static struct bytes copy(const void *from, size_t length)
{
  struct bytes bytes = {malloc(length ? length : 1), length};
  assert_non_null(bytes.at);
  if (length == 0) { /* even the one byte that malloc needs must not be read */
    free(bytes.at);
    bytes.at = (uint8_t *)malloc(1) + 1;
  } else {
    memcpy(bytes.at, from, length);
  }
  return bytes;
}

static void drop(struct bytes bytes) { free(bytes.length ? bytes.at : bytes.at - 1); }

static struct bytes unhex(const char *text)
{
  uint8_t out[4096];
  size_t length = hex_to_bytes(text, out);
  assert_true(length <= sizeof out);
  return copy(out, length);
}

static struct etf_reader reader_of(struct bytes bytes)
{
  return (struct etf_reader){bytes.at, bytes.at + bytes.length};
}

static enum status skip_all(struct bytes bytes)
{
  struct etf_reader reader = reader_of(bytes);
  enum status status = etf_skip(&reader);
  if (!status) assert_ptr_equal(reader.at, reader.end);
  return status;
}

/* Reads what must be one item and no more. */
static struct etf_item item_of(struct bytes bytes)
{
  struct etf_reader reader = reader_of(bytes);
  struct etf_item item;
  assert_int_equal(etf_next(&reader, &item), STATUS_OK);
  assert_ptr_equal(reader.at, reader.end);
  return item;
}

static struct bytes contents(struct buffer *buffer)
{
  assert_int_equal(buffer_status(buffer), STATUS_OK);
  struct bytes bytes = copy(buffer->bytes, buffer->length);
  buffer_clear(buffer);
  return bytes;
}

/* --- Items ---------------------------------------------------------------------------------- */

/* Whole terms. `value` is the integer, or the length of the bytes, or the count. */
static const struct {
  const char *hex;
  enum etf_kind kind;
  int64_t value;
} good[] = {
    {"61 00", ETF_INTEGER, 0},
    {"61 ff", ETF_INTEGER, 255},
    {"62 00000100", ETF_INTEGER, 256},
    {"62 ffffffff", ETF_INTEGER, -1},
    {"62 80000000", ETF_INTEGER, INT32_MIN},
    {"6e 04 00 00000080", ETF_INTEGER, INT64_C(2147483648)},
    {"6e 00 00", ETF_INTEGER, 0},
    {"6e 01 01 00", ETF_INTEGER, 0},
    {"6e 03 01 05 00 00", ETF_INTEGER, -5},
    {"6f 00000002 01 ff 00", ETF_INTEGER, -255},
    {"6e 01 02 05", ETF_INTEGER, -5}, /* OTP reads any sign but 0 as a minus */
    {"6e 08 00 ffffffffffffff7f", ETF_INTEGER, INT64_MAX},
    {"6e 08 01 0000000000000080", ETF_INTEGER, INT64_MIN},
    {"6e 08 00 0000000000000080", ETF_BIG, 8},
    {"6e 08 01 0100000000000080", ETF_BIG, 8},
    {"6e 0a 00 00000000000000000100", ETF_BIG, 9},
    {"6f 00000009 01 010203040506070809", ETF_BIG, 9},
    {"46 3ff8000000000000", ETF_FLOAT, 0},
    {"46 8000000000000000", ETF_FLOAT, 0},
    {"63 '-1.50000000000000000000e+00' 00000000", ETF_FLOAT, 0},
    {"77 00", ETF_ATOM, 0},
    {"77 02 'ok'", ETF_ATOM, 2},
    {"76 0002 'ok'", ETF_ATOM, 2},
    {"73 02 'ok'", ETF_ATOM, 2},
    {"64 0002 'ok'", ETF_ATOM, 2},
    {"64 0004 'caf' e9", ETF_ATOM, 4},
    {"77 02 cf80", ETF_ATOM, 2},
    {"77 04 f48fbfbf", ETF_ATOM, 4},
    {"6d 00000000", ETF_BINARY, 0},
    {"6d 00000003 'abc'", ETF_BINARY, 3},
    {"4d 00000001 03 a0", ETF_BITSTRING, 1},
    {"4d 00000002 08 a0b0", ETF_BINARY, 2},
    {"4d 00000000 00", ETF_BINARY, 0},
    {"6b 0000", ETF_STRING, 0},
    {"6b 0003 010203", ETF_STRING, 3},
    {"6a", ETF_NIL, 0},
    {"6c 00000001 61 01 6a", ETF_LIST, 1},
    {"6c 00000002 61 01 6a 61 02", ETF_LIST, 2},
    {"6c 00000000 6a", ETF_LIST, 0},
    {"68 00", ETF_TUPLE, 0},
    {"68 02 61 01 6a", ETF_TUPLE, 2},
    {"69 00000001 68 01 6a", ETF_TUPLE, 1},
    {"74 00000000", ETF_MAP, 0},
    {"74 00000001 61 01 61 02", ETF_MAP, 1},
    {"67 64 0001 'n' 00000001 00000002 03", ETF_PID, 16 - 2},
    {"58 77 01 'n' 00000001 00000002 00000003", ETF_PID, 16},
    {"58 64 000d 'nonode@nohost' 00000009 00000000 00000000", ETF_PID, 29},
    {"66 73 01 'n' 00000001 03", ETF_PORT, 9},
    {"59 77 01 'n' 00000001 00000003", ETF_PORT, 12},
    {"78 76 0001 'n' 0000000000000001 00000003", ETF_PORT, 17},
    {"65 64 0001 'n' 00000001 03", ETF_REFERENCE, 10},
    {"72 0003 64 0001 'n' 03 000000010000000200000003", ETF_REFERENCE, 20},
    {"5a 0003 77 01 'n' 00000003 000000010000000200000003", ETF_REFERENCE, 22},
    {"5a 0005 77 01 'n' 00000003 0000000100000002000000030000000400000005", ETF_REFERENCE, 30},
    {"71 64 0005 'lists' 64 0003 'map' 61 02", ETF_FUN, 17},
    {"70 00000037 01 000102030405060708090a0b0c0d0e0f 0000002a 00000000 77 01 'm' 61 01 62 00329b0d"
     " 58 77 01 'n' 00000001 00000002 00000003",
     ETF_FUN, 55},
    {"70 00000040 01 000102030405060708090a0b0c0d0e0f 0000002a 00000002 77 01 'm' 61 01 62 00329b0d"
     " 58 77 01 'n' 00000001 00000002 00000003 6c 00000001 61 01 6a 6a",
     ETF_FUN, 64},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A closure with a free variable, which is another one, and so on. The caller frees it. */
static struct bytes nested_closures(size_t levels)
{
  struct bytes one =
      unhex("70 00000000 01 000102030405060708090a0b0c0d0e0f 0000002a 00000001 77 01 "
            "'m' 61 01 62 00329b0d 58 77 01 'n' 00000001 00000002 00000003");
  struct bytes all = {malloc(levels * one.length + 1), levels * one.length + 1};
  assert_non_null(all.at);
  for (size_t i = 0; i < levels; i++) {
    size_t size = all.length - i * one.length - 1;
    memcpy(all.at + i * one.length, one.at, one.length);
    for (int byte = 0; byte < 4; byte++)
      all.at[i * one.length + 1 + (size_t)byte] = (uint8_t)(size >> (24 - 8 * byte));
  }
  all.at[all.length - 1] = 106; /* [] */
  free(one.at);
  return all;
}

static void closures_may_be_nested_up_to_a_depth(void **state)
{
  (void)state;
  static const size_t levels[] = {1, 2, ETF_FUN_DEPTH, ETF_FUN_DEPTH + 1, 100000};
  for (size_t i = 0; i < COUNT(levels); i++) {
    struct bytes bytes = nested_closures(levels[i]);
    struct etf_reader reader = reader_of(bytes), skipped = reader;
    struct etf_item item;
    enum status wanted = levels[i] <= ETF_FUN_DEPTH ? STATUS_OK : STATUS_TOO_LARGE;
    assert_int_equal(etf_skip(&skipped), wanted);
    assert_int_equal(etf_next(&reader, &item), wanted);
    if (!wanted) assert_int_equal(item.length, bytes.length);
    free(bytes.at);
  }
}

/* Else what is a term where others follow would be none at the end of a frame. */
static void the_size_of_a_closure_must_be_right(void **state)
{
  (void)state;
  struct bytes bytes = nested_closures(2);
  struct bytes more = {calloc(1, bytes.length + 300), bytes.length + 300};
  assert_non_null(more.at);
  for (size_t level = 0; level < 2; level++)
    for (int wrong = 0; wrong < 256; wrong++) {
      uint8_t *size = &bytes.at[level * (bytes.length - 1) / 2 + 4], right = *size;
      *size = (uint8_t)wrong;
      memcpy(more.at, bytes.at, bytes.length);
      struct etf_reader reader = reader_of(more), skipped = reader;
      struct etf_item item;
      enum status wanted = wrong == right ? STATUS_OK : STATUS_MALFORMED;
      assert_int_equal(etf_skip(&skipped), wanted);
      assert_int_equal(etf_next(&reader, &item), wanted);
      *size = right;
    }
  free(more.at);
  free(bytes.at);
}

static void each_kind_of_term_is_read(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(good); i++) {
    struct bytes bytes = unhex(good[i].hex);
    struct etf_reader reader = reader_of(bytes);
    struct etf_item item;
    print_message("  %s\n", good[i].hex);
    assert_int_equal(etf_next(&reader, &item), STATUS_OK);
    assert_int_equal(item.kind, good[i].kind);
    switch (item.kind) {
    case ETF_INTEGER: assert_true(item.integer == good[i].value); break;
    case ETF_FLOAT:
    case ETF_NIL: break;
    case ETF_LIST:
    case ETF_TUPLE:
    case ETF_MAP: assert_int_equal(item.count, good[i].value); break;
    case ETF_BIG:
    case ETF_ATOM:
    case ETF_BINARY:
    case ETF_BITSTRING:
    case ETF_STRING: assert_int_equal(item.length, good[i].value); break;
    case ETF_PID:
    case ETF_PORT:
    case ETF_REFERENCE:
    case ETF_FUN: /* the complete encoding */
      assert_ptr_equal(item.bytes, bytes.at);
      assert_int_equal(item.length, bytes.length);
      break;
    }
    assert_int_equal(skip_all(bytes), STATUS_OK);
    drop(bytes);
  }
}

static void every_truncation_is_an_error_and_the_reader_stays(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(good); i++) {
    struct bytes whole = unhex(good[i].hex);
    for (size_t length = 0; length < whole.length; length++) {
      struct bytes part = copy(whole.at, length);
      struct etf_reader reader = reader_of(part);
      struct etf_item item;
      enum status status = etf_next(&reader, &item);
      if (status) assert_ptr_equal(reader.at, part.at);
      assert_int_equal(skip_all(part), STATUS_TRUNCATED);
      drop(part);
    }
    drop(whole);
  }
}

static const struct {
  const char *hex;
  enum status status;
} bad[] = {
    {"46 7ff0000000000000", STATUS_MALFORMED}, /* infinity */
    {"46 fff0000000000000", STATUS_MALFORMED},
    {"46 7ff8000000000000", STATUS_MALFORMED}, /* NaN */
    {"46 7ff0000000000001", STATUS_MALFORMED},
    {"63 '1.00000000000000000000e+999' 00000000", STATUS_MALFORMED},
    {"63 'nan' 00000000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"63 'inf' 00000000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"63 '0x1p3' 0000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"63 ' 1.5' 000000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"63 '1.5' 00 '1' 0000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"63 '1.5e+-----------------------+-+'", STATUS_MALFORMED},
    {"63 00000000000000000000000000000000000000000000000000000000000000", STATUS_MALFORMED},
    {"77 01 80", STATUS_MALFORMED},       /* not UTF-8: a continuation alone */
    {"77 02 c0af", STATUS_MALFORMED},     /* not the shortest form */
    {"77 03 e08080", STATUS_MALFORMED},   /* likewise */
    {"77 04 f0808080", STATUS_MALFORMED}, /* likewise */
    {"77 03 eda080", STATUS_MALFORMED},   /* a surrogate */
    {"77 04 f4908080", STATUS_MALFORMED}, /* beyond 10FFFF */
    {"77 04 f5808080", STATUS_MALFORMED},
    {"77 01 cf", STATUS_MALFORMED}, /* a character cut off */
    {"77 02 cf41", STATUS_MALFORMED},
    {"4d 00000001 09 a0", STATUS_MALFORMED},
    {"4d 00000001 00 a0", STATUS_MALFORMED},
    {"4d 00000000 03", STATUS_MALFORMED},
    {"5a 0000 77 01 'n' 00000003", STATUS_MALFORMED},
    {"5a 0006 77 01 'n' 00000003 000000000000000000000000000000000000000000000000",
     STATUS_MALFORMED},
    {"58 61 01 00000001 00000002 00000003 00", STATUS_MALFORMED}, /* a node that is no atom */
    {"71 61 01 77 01 'f' 61 02", STATUS_MALFORMED},
    {"71 77 01 'm' 61 01 61 02", STATUS_MALFORMED},
    {"71 77 01 'm' 77 01 'f' 6a", STATUS_MALFORMED},
    {"71 77 01 'm' 77 01 'f' 62 ffffffff", STATUS_MALFORMED},
    {"70 00000037 01 000102030405060708090a0b0c0d0e0f 0000002a 00000000 77 01 'm' 61 01 62 00329b0d"
     " 59 77 01 'n' 00000001 00000002 00000003",
     STATUS_MALFORMED}, /* a port where the pid should be */
    {"70 00000100 01 000102030405060708090a0b0c0d0e0f 0000002a 00000000 77 01 'm' 61 01 62 00329b0d"
     " 58 77 01 'n' 00000001 00000002 00000003",
     STATUS_TRUNCATED}, /* a size beyond the end */
    {"70 00000037 01 000102030405060708090a0b0c0d0e0f 0000002a 00000001 77 01 'm' 61 01 62 00329b0d"
     " 58 77 01 'n' 00000001 00000002 00000003",
     STATUS_TRUNCATED}, /* a free variable that isn't there */
    {"70 00000038 01 000102030405060708090a0b0c0d0e0f 0000002a 00000001 77 01 'm' 61 01 62 00329b0d"
     " 58 77 01 'n' 00000001 00000002 00000003 ff",
     STATUS_MALFORMED}, /* a free variable that is no term */
    {"ff", STATUS_MALFORMED},
    {"00", STATUS_MALFORMED},
    {"83 61 01", STATUS_MALFORMED},                    /* the version byte is for etf_begin */
    {"52 00", STATUS_UNSUPPORTED},                     /* ATOM_CACHE_REF */
    {"79 0000000000000000 61 01", STATUS_UNSUPPORTED}, /* LOCAL_EXT */
    {"75 00000000", STATUS_UNSUPPORTED},               /* FUN_EXT */
    {"6c ffffffff 6a", STATUS_TRUNCATED},
    {"69 ffffffff 6a", STATUS_TRUNCATED},
    {"74 ffffffff 6a 6a", STATUS_TRUNCATED},
    {"74 80000000 6a 6a", STATUS_TRUNCATED}, /* twice that is 0 in 32 bits */
    {"6d ffffffff 6a", STATUS_TRUNCATED},
    {"6f ffffffff 00 01", STATUS_TRUNCATED},
    {"6b ffff 6a", STATUS_TRUNCATED},
    {"6c 00000001 61 01", STATUS_TRUNCATED}, /* no tail */
    {"", STATUS_TRUNCATED},
};

static void what_is_no_term_is_refused_and_the_reader_stays(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct bytes bytes = unhex(bad[i].hex);
    struct etf_reader reader = reader_of(bytes);
    struct etf_item item;
    print_message("  %s\n", bad[i].hex);
    enum status status = etf_next(&reader, &item);
    if (status == STATUS_OK) status = skip_all(bytes); /* the head alone is good */
    assert_int_equal(status, bad[i].status);
    assert_int_equal(skip_all(bytes), bad[i].status);
    drop(bytes);
  }
}

static void atoms_of_latin1_are_flagged_and_converted(void **state)
{
  (void)state;
  struct bytes plain = unhex("64 0003 'abc'"), accented = unhex("73 04 'caf' e9");
  struct etf_item item = item_of(plain);
  assert_false(item.latin1);
  item = item_of(accented);
  assert_true(item.latin1);
  uint8_t utf8[2 * 4];
  assert_int_equal(etf_latin1_to_utf8(item.bytes, item.length, utf8), 5);
  assert_memory_equal(utf8, "caf\xc3\xa9", 5);
  drop(plain);
  drop(accented);
}

static void an_atom_has_at_most_255_characters(void **state)
{
  (void)state;
  uint8_t name[4 * 256];
  for (size_t i = 0; i < sizeof name; i++) name[i] = (uint8_t) "\xf0\x9f\x98\x80"[i % 4];
  assert_int_equal(etf_check_atom(name, 4 * 255), STATUS_OK);
  assert_int_equal(etf_check_atom(name, 4 * 256), STATUS_UNSUPPORTED);
  assert_int_equal(etf_check_atom(name, 4 * 255 - 1), STATUS_MALFORMED);
  memset(name, 'a', sizeof name);
  assert_int_equal(etf_check_atom(name, 255), STATUS_OK);
  assert_int_equal(etf_check_atom(name, 256), STATUS_UNSUPPORTED);
  assert_int_equal(etf_check_atom(name, 0), STATUS_OK);

  uint8_t encoded[3 + 256] = {118, 1, 0};
  memset(encoded + 3, 'a', 256);
  struct bytes bytes = copy(encoded, sizeof encoded);
  assert_int_equal(skip_all(bytes), STATUS_MALFORMED);
  bytes.at[0] = 100; /* the same in Latin-1 */
  assert_int_equal(skip_all(bytes), STATUS_MALFORMED);
  drop(bytes);
}

static void is_atom_compares_the_whole_name(void **state)
{
  (void)state;
  struct bytes bytes = unhex("77 04 'eval'"), binary = unhex("6d 00000004 'eval'");
  struct etf_item item = item_of(bytes);
  assert_true(etf_is_atom(&item, "eval"));
  assert_false(etf_is_atom(&item, "eva"));
  assert_false(etf_is_atom(&item, "evals"));
  assert_false(etf_is_atom(&item, "evol"));
  item = item_of(binary);
  assert_false(etf_is_atom(&item, "eval"));
  drop(bytes);
  drop(binary);
}

static void enter_tuple_moves_only_into_tuples(void **state)
{
  (void)state;
  uint32_t arity = 99;
  struct bytes bytes = unhex("68 02 61 01 6a");
  struct etf_reader reader = reader_of(bytes);
  assert_int_equal(etf_enter_tuple(&reader, &arity), STATUS_OK);
  assert_int_equal(arity, 2);
  assert_ptr_equal(reader.at, bytes.at + 2);
  assert_int_equal(etf_enter_tuple(&reader, &arity), STATUS_MALFORMED); /* at the integer */
  assert_ptr_equal(reader.at, bytes.at + 2);
  reader.at = reader.end;
  assert_int_equal(etf_enter_tuple(&reader, &arity), STATUS_TRUNCATED);
  drop(bytes);
}

static void begin_wants_the_version_and_no_compression(void **state)
{
  (void)state;
  static const struct {
    const char *hex;
    enum status begin, check;
  } cases[] = {
      {"83 6a", STATUS_OK, STATUS_OK},
      {"83", STATUS_OK, STATUS_TRUNCATED},
      {"", STATUS_TRUNCATED, STATUS_TRUNCATED},
      {"6a", STATUS_MALFORMED, STATUS_MALFORMED},
      {"84 6a", STATUS_MALFORMED, STATUS_MALFORMED},
      {"83 50 00000196 789c", STATUS_UNSUPPORTED, STATUS_UNSUPPORTED},
      {"83 6a 6a", STATUS_OK, STATUS_MALFORMED},
      {"83 6c 00000001 6a", STATUS_OK, STATUS_TRUNCATED},
      {"83 68 01 ff", STATUS_OK, STATUS_MALFORMED},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct bytes bytes = unhex(cases[i].hex);
    struct etf_reader reader = reader_of(bytes);
    assert_int_equal(etf_begin(&reader), cases[i].begin);
    assert_int_equal(reader.at - bytes.at, cases[i].begin == STATUS_OK);
    assert_int_equal(etf_check(bytes.at, bytes.length), cases[i].check);
    drop(bytes);
  }
}

/* --- Hostile bytes -------------------------------------------------------------------------- */

static void a_million_levels_are_skipped_without_recursion(void **state)
{
  (void)state;
  enum { LEVELS = 1000000 };
  struct bytes bytes = {malloc(6 * LEVELS + 1), 6 * LEVELS + 1};
  assert_non_null(bytes.at);
  for (size_t i = 0; i < LEVELS; i++) memcpy(bytes.at + 5 * i, "\x6c\0\0\0\1", 5);
  memset(bytes.at + 5 * LEVELS, 0x6a, LEVELS + 1);
  assert_int_equal(skip_all(bytes), STATUS_OK);
  bytes.length--;
  assert_int_equal(skip_all(bytes), STATUS_TRUNCATED);
  for (size_t i = 0; i < LEVELS; i++) memcpy(bytes.at + 2 * i, "\x68\1", 2);
  bytes.length = 2 * LEVELS + 1;
  bytes.at[2 * LEVELS] = 0x6a;
  assert_int_equal(skip_all(bytes), STATUS_OK);
  free(bytes.at);
}

/* All readers on the same bytes: none may read beyond, and a good answer must fit the others. */
static void try_all(const uint8_t *from, size_t length)
{
  struct bytes bytes = copy(from, length);
  struct etf_reader reader = reader_of(bytes), again = reader;
  struct etf_item item;
  uint64_t hash;
  bool equal;
  while (etf_next(&reader, &item) == STATUS_OK) assert_true(reader.at <= reader.end);
  if (etf_skip(&again) == STATUS_OK) {
    assert_true(again.at <= again.end);
    size_t whole = (size_t)(again.at - bytes.at);
    assert_int_equal(etf_equal(bytes.at, whole, bytes.at, whole, &equal), STATUS_OK);
    assert_true(equal);
    assert_int_equal(etf_hash(bytes.at, whole, 1, &hash), STATUS_OK);
  }
  if (etf_check(bytes.at, length) == STATUS_OK) assert_int_equal(bytes.at[0], 131);
  drop(bytes);
}

static void random_bytes_do_no_harm(void **state)
{
  static const uint8_t tags[] = {70,  77,  82,  88,  89,  90,  97,  98,  99,  100, 101,
                                 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112,
                                 113, 114, 115, 116, 117, 118, 119, 120, 121, 131};
  (void)state;
  struct random random = {1};
  uint8_t bytes[64];
  for (int round = 0; round < 1000000; round++) {
    size_t length = random_below(&random, sizeof bytes);
    for (size_t i = 0; i < length; i++) {
      uint64_t number = random_next(&random);
      /* bytes of all kinds lead nowhere; these are found in terms */
      bytes[i] = number & 1 ? tags[(number >> 8) % COUNT(tags)]
                            : (uint8_t)(number & 2 ? number >> 8 & 3 : number >> 8);
    }
    try_all(bytes, length);
  }
}

static void terms_with_wrong_bytes_do_no_harm(void **state)
{
  (void)state;
  struct random random = {2};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (int round = 0; round < 20000; round++) {
    random_term(&random, &buffer, 4);
    struct bytes bytes = contents(&buffer);
    for (int change = 0; change < 5; change++) {
      bytes.at[random_below(&random, bytes.length)] = (uint8_t)random_next(&random);
      try_all(bytes.at, bytes.length);
      try_all(bytes.at, random_below(&random, bytes.length));
    }
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void every_truncation_of_random_terms_is_an_error(void **state)
{
  (void)state;
  struct random random = {3};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (int round = 0; round < 300; round++) {
    random_term(&random, &buffer, 3);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(skip_all(bytes), STATUS_OK);
    for (size_t length = 0; length < bytes.length && length < 2000; length++) {
      struct bytes part = copy(bytes.at, length);
      assert_int_equal(skip_all(part), STATUS_TRUNCATED);
      drop(part);
    }
    drop(bytes);
  }
  buffer_fini(&buffer);
}

/* --- libei reads what we wrote -------------------------------------------------------------- */

static const int64_t integers[] = {0,
                                   1,
                                   255,
                                   256,
                                   -1,
                                   -255,
                                   65535,
                                   1 << 27,
                                   -(1 << 27) - 1,
                                   INT32_MAX,
                                   INT32_MIN,
                                   INT64_C(2147483648),
                                   INT64_C(-2147483649),
                                   INT64_C(1) << 40,
                                   INT64_MAX,
                                   INT64_MIN,
                                   INT64_MIN + 1};

static void libei_reads_our_integers(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 100);
  for (size_t i = 0; i < COUNT(integers); i++) {
    long long read;
    int index = 0;
    etf_put_integer(&buffer, integers[i]);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(ei_decode_longlong((const char *)bytes.at, &index, &read), 0);
    assert_true(read == integers[i]);
    assert_int_equal(index, bytes.length);
    assert_true(item_of(bytes).integer == integers[i]);
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void libei_reads_our_big_integers(void **state)
{
  (void)state;
  struct random random = {4};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (size_t length = 1; length < 1100; length += length < 20 ? 1 : 97) {
    uint8_t magnitude[1100 + 4] = {0};
    for (size_t i = 0; i < length; i++) magnitude[i] = (uint8_t)(1 + random_below(&random, 255));
    int type, size, index = 0;
    etf_put_big(&buffer, length & 1, magnitude, length + 2); /* with zeros at the end */
    struct bytes bytes = contents(&buffer);
    assert_int_equal(ei_get_type((const char *)bytes.at, &index, &type, &size), 0);
    struct etf_item item = item_of(bytes);
    if (length > 8) {
      erlang_big *big = ei_alloc_big((unsigned)size);
      assert_non_null(big);
      assert_int_equal(ei_decode_big((const char *)bytes.at, &index, big), 0);
      assert_int_equal(index, bytes.length);
      assert_int_equal(big->arity, length);
      assert_int_equal(big->is_neg, length & 1);
      assert_memory_equal(big->digits, magnitude, length);
      ei_free_big(big);
      assert_int_equal(item.kind, ETF_BIG);
      assert_int_equal(item.length, length);
      assert_memory_equal(item.bytes, magnitude, length);
    } else {
      int64_t wanted;
      assert_true(item.kind == ETF_BIG || etf_int64(length & 1, magnitude, length, &wanted));
      if (item.kind == ETF_INTEGER) assert_true(item.integer == wanted);
    }
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void libei_reads_our_floats(void **state)
{
  static const double floats[] = {0.0, -0.0, 1.5, -1e300, 5e-324, 1.7976931348623157e308, 0.1};
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 100);
  for (size_t i = 0; i < COUNT(floats); i++) {
    double read;
    int index = 0;
    etf_put_float(&buffer, floats[i]);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(ei_decode_double((const char *)bytes.at, &index, &read), 0);
    assert_memory_equal(&read, &floats[i], sizeof read);
    struct etf_item item = item_of(bytes);
    assert_memory_equal(&item.number, &floats[i], sizeof read);
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void libei_reads_our_atoms_and_binaries(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (size_t length = 0; length <= 1020; length += 4) {
    char name[1020 + 1], read[MAXATOMLEN_UTF8];
    long size;
    int index = 0;
    for (size_t i = 0; i < length; i++) name[i] = "\xf0\x9f\x98\x80"[i % 4];
    name[length] = '\0';
    etf_put_atom(&buffer, name, length);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(ei_decode_atom_as((const char *)bytes.at, &index, read, sizeof read,
                                       ERLANG_UTF8, NULL, NULL),
                     0);
    assert_string_equal(read, name);
    assert_int_equal(item_of(bytes).length, length);
    drop(bytes);

    index = 0;
    etf_put_binary(&buffer, name, length);
    bytes = contents(&buffer);
    assert_int_equal(ei_decode_binary((const char *)bytes.at, &index, read, &size), 0);
    assert_int_equal(size, length);
    assert_memory_equal(read, name, length);
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void libei_skips_our_random_terms(void **state)
{
  (void)state;
  struct random random = {5};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (int round = 0; round < 10000; round++) {
    int index = 0, version;
    etf_put_version(&buffer);
    random_term(&random, &buffer, 4);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(ei_decode_version((const char *)bytes.at, &index, &version), 0);
    assert_int_equal(ei_skip_term((const char *)bytes.at, &index), 0);
    assert_int_equal(index, bytes.length);
    assert_int_equal(etf_check(bytes.at, bytes.length), STATUS_OK);
    drop(bytes);
  }
  buffer_fini(&buffer);
}

static void heads_are_those_of_libei(void **state)
{
  static const uint32_t counts[] = {0, 1, 255, 256, 70000};
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 100);
  for (size_t i = 0; i < COUNT(counts); i++) {
    ei_x_buff x;
    assert_int_equal(ei_x_new(&x), 0);
    ei_x_encode_tuple_header(&x, counts[i]);
    ei_x_encode_map_header(&x, counts[i]);
    if (counts[i] > 0) ei_x_encode_list_header(&x, counts[i]);
    ei_x_encode_empty_list(&x);
    etf_put_tuple(&buffer, counts[i]);
    etf_put_map(&buffer, counts[i]);
    if (counts[i] > 0) etf_put_list(&buffer, counts[i]);
    etf_put_nil(&buffer);
    struct bytes bytes = contents(&buffer);
    assert_int_equal(bytes.length, x.index);
    assert_memory_equal(bytes.at, x.buff, bytes.length);
    ei_x_free(&x);
    drop(bytes);
  }
  buffer_fini(&buffer);
}

/* --- We read what libei wrote --------------------------------------------------------------- */

static struct etf_item read_ei(ei_x_buff *x, struct bytes *bytes)
{
  *bytes = copy(x->buff, (size_t)x->index);
  x->index = 0;
  return item_of(*bytes);
}

static void we_read_what_libei_writes(void **state)
{
  (void)state;
  ei_x_buff x;
  struct bytes bytes;
  struct etf_item item;
  assert_int_equal(ei_x_new(&x), 0);
  for (size_t i = 0; i < COUNT(integers); i++) {
    ei_x_encode_longlong(&x, integers[i]);
    item = read_ei(&x, &bytes);
    assert_int_equal(item.kind, ETF_INTEGER);
    assert_true(item.integer == integers[i]);
    drop(bytes);
  }
  ei_x_encode_ulonglong(&x, UINT64_MAX);
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_BIG);
  assert_memory_equal(item.bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  drop(bytes);
  ei_x_encode_double(&x, -0.1);
  assert_true(read_ei(&x, &bytes).number == -0.1);
  drop(bytes);
  ei_x_encode_atom(&x, "caf\xe9");
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_ATOM);
  drop(bytes);
  ei_x_encode_string(&x, "abc");
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_STRING);
  assert_memory_equal(item.bytes, "abc", 3);
  drop(bytes);
  ei_x_encode_bitstring(&x, "\xff\xff", 0, 11);
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_BITSTRING);
  assert_int_equal(item.bits, 3);
  assert_int_equal(item.length, 2);
  drop(bytes);
  ei_x_free(&x);
}

/* What is read without a call is what is read with one, and no more of it. */
static void the_quick_ways_read_the_same(void **state)
{
  (void)state;
  struct random random = {17};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (int round = 0; round < 20000; round++) {
    buffer_clear(&buffer);
    random_term(&random, &buffer, 1);
    size_t length = buffer.length;
    if (random_below(&random, 2)) length = random_below(&random, length + 1);
    if (length > 0 && random_below(&random, 4) == 0)
      buffer.bytes[random_below(&random, length < 6 ? length : 6)] = (uint8_t)random.state;
    uint8_t *bytes = malloc(length > 0 ? length : 1); /* so that what is beyond is seen */
    assert_non_null(bytes);
    if (length > 0) memcpy(bytes, buffer.bytes, length);
    struct etf_reader reader = {bytes, bytes + length}, quick;
    struct etf_item item = {0};
    int32_t integer;
    const uint8_t *at;
    size_t size;
    enum status status = etf_next(&reader, &item);
    quick = (struct etf_reader){bytes, bytes + length};
    if (etf_take_integer(&quick, &integer)) {
      assert_int_equal(status, STATUS_OK);
      assert_int_equal(item.kind, ETF_INTEGER);
      assert_int_equal(item.integer, integer);
      assert_ptr_equal(quick.at, reader.at);
    }
    quick = (struct etf_reader){bytes, bytes + length};
    if (etf_take_binary(&quick, &at, &size)) {
      assert_int_equal(status, STATUS_OK);
      assert_int_equal(item.kind, ETF_BINARY);
      assert_ptr_equal(item.bytes, at);
      assert_int_equal(item.length, size);
      assert_ptr_equal(quick.at, reader.at);
    }
    quick = (struct etf_reader){bytes, bytes + length};
    if (etf_take_atom(&quick, &at, &size)) { /* the name is not looked at */
      assert_true(at + size == quick.at && quick.at <= quick.end);
      if (!status) {
        assert_int_equal(item.kind, ETF_ATOM);
        assert_ptr_equal(item.bytes, at);
        assert_int_equal(item.length, size);
        assert_ptr_equal(quick.at, reader.at);
      }
    } else {
      assert_true(status || item.kind != ETF_ATOM || item.length == 0);
    }
    free(bytes);
  }
  buffer_fini(&buffer);
}

static void opaque_terms_of_libei_keep_their_parts(void **state)
{
  (void)state;
  ei_x_buff x;
  struct bytes bytes;
  struct etf_item item;
  struct etf_identity identity;
  erlang_pid pid = {.node = "a@b", .num = 7, .serial = 8, .creation = 9};
  erlang_port port = {.node = "a@b", .id = UINT64_C(1) << 40, .creation = 9};
  erlang_ref reference = {.node = "a@b", .len = 3, .n = {1, 2, 3}, .creation = 9};
  assert_int_equal(ei_x_new(&x), 0);
  ei_x_encode_pid(&x, &pid);
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_PID);
  etf_identify(&item, &identity);
  assert_int_equal(identity.words[0], 7);
  assert_int_equal(identity.words[1], 8);
  assert_int_equal(identity.count, 2);
  assert_int_equal(identity.creation, 9);
  assert_int_equal(identity.node_length, 3);
  assert_memory_equal(identity.node, "a@b", 3);
  drop(bytes);
  ei_x_encode_port(&x, &port);
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_PORT);
  etf_identify(&item, &identity);
  assert_true(identity.words[0] == UINT64_C(1) << 40);
  assert_int_equal(identity.count, 1);
  assert_int_equal(identity.creation, 9);
  drop(bytes);
  ei_x_encode_ref(&x, &reference);
  item = read_ei(&x, &bytes);
  assert_int_equal(item.kind, ETF_REFERENCE);
  etf_identify(&item, &identity);
  assert_int_equal(identity.count, 3);
  for (size_t i = 0; i < 3; i++) assert_int_equal(identity.words[i], i + 1);
  assert_int_equal(identity.creation, 9);
  drop(bytes);
  ei_x_free(&x);
}

/* --- Limits of the writer ------------------------------------------------------------------- */

static void what_does_not_fit_makes_the_buffer_fail(void **state)
{
  (void)state;
  uint8_t big[300];
  memset(big, 1, sizeof big);
  for (size_t limit = 0; limit < 700; limit++) {
    struct buffer buffer;
    buffer_init(&buffer, limit);
    etf_put_version(&buffer);
    etf_put_tuple(&buffer, 8);
    etf_put_integer(&buffer, 1);
    etf_put_integer(&buffer, 70000);
    etf_put_big(&buffer, true, big, sizeof big);
    etf_put_float(&buffer, 1.0);
    etf_put_atom(&buffer, "atom", 4);
    etf_put_list(&buffer, 1);
    etf_put_binary(&buffer, big, sizeof big);
    etf_put_nil(&buffer);
    etf_put_map(&buffer, 0);
    etf_put_raw(&buffer, (const uint8_t *)"\x6a", 1);
    assert_true(buffer.length <= limit);
    if (buffer_status(&buffer) == STATUS_OK)
      assert_int_equal(etf_check(buffer.bytes, buffer.length), STATUS_OK);
    else
      assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
    assert_int_equal(buffer_status(&buffer) == STATUS_OK, limit >= 648);
    buffer_fini(&buffer);
  }
}

static void lengths_beyond_the_format_make_the_buffer_fail(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 100);
  etf_put_binary(&buffer, "", (size_t)UINT32_MAX + 1); /* not read: it can't fit */
  assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
  assert_int_equal(buffer.length, 0);
  buffer_fini(&buffer);
}

/* --- Equality and hash ---------------------------------------------------------------------- */

static void check_equal(struct bytes a, struct bytes b, bool wanted)
{
  bool equal = !wanted;
  uint64_t hash_a, hash_b;
  assert_int_equal(etf_equal(a.at, a.length, b.at, b.length, &equal), STATUS_OK);
  assert_int_equal(equal, wanted);
  equal = !wanted;
  assert_int_equal(etf_equal(b.at, b.length, a.at, a.length, &equal), STATUS_OK);
  assert_int_equal(equal, wanted);
  assert_int_equal(etf_hash(a.at, a.length, 17, &hash_a), STATUS_OK);
  assert_int_equal(etf_hash(b.at, b.length, 17, &hash_b), STATUS_OK);
  assert_int_equal(hash_a == hash_b, wanted);
}

static void terms_are_equal_as_erlang_has_it(void **state)
{
  static const struct {
    const char *a, *b;
    bool equal;
  } pairs[] = {
      {"61 01", "62 00000001", true},
      {"61 01", "6e 01 00 01", true},
      {"61 01", "61 02", false},
      {"61 01", "46 3ff0000000000000", false}, /* 1 =:= 1.0 is false */
      {"46 0000000000000000", "46 8000000000000000", true},
      {"46 0000000000000000", "46 0000000000000001", false},
      {"6e 09 00 010203040506070809", "6f 00000009 00 010203040506070809", true},
      {"6e 09 00 010203040506070809", "6e 09 01 010203040506070809", false},
      {"77 02 'ok'", "76 0002 'ok'", true},
      {"77 02 'ok'", "64 0002 'ok'", true},
      {"77 02 'ok'", "77 02 'no'", false},
      {"77 02 'ok'", "6d 00000002 'ok'", false},
      {"77 03 'nil'", "6a", false},
      {"6d 00000001 'a'", "6d 00000002 'aa'", false},
      {"4d 00000001 03 a0", "4d 00000001 04 a0", false},
      {"4d 00000001 08 a0", "6d 00000001 a0", true},
      {"68 01 61 01", "6c 00000001 61 01 6a", false},
      {"68 01 61 01", "69 00000001 61 01", true},
      {"68 02 61 01 61 02", "68 02 61 02 61 01", false},
      {"68 02 68 01 61 01 6a", "68 02 68 01 6a 61 01", false},
      {"6c 00000001 61 01 6a", "6c 00000001 61 01 61 02", false},
      {"74 00000000", "6a", false},
      {"74 00000002 61 01 77 01 'a' 61 02 77 01 'b'", "74 00000002 61 02 77 01 'b' 61 01 77 01 'a'",
       true},
      {"74 00000002 61 01 77 01 'a' 61 02 77 01 'b'", "74 00000002 61 02 77 01 'a' 61 01 77 01 'b'",
       false},
      {"74 00000002 61 01 6a 61 02 6a", "74 00000002 61 01 6a 61 03 6a", false},
      {"74 00000001 61 01 6a", "74 00000002 61 01 6a 61 02 6a", false},
      {"74 00000001 61 01 61 02", "74 00000001 61 02 61 01", false},
      {"68 02 74 00000002 61 01 6a 61 02 6a 61 05", "68 02 74 00000002 61 02 6a 61 01 6a 61 05",
       true},
      {"68 02 74 00000002 61 01 6a 61 02 6a 61 05", "68 02 74 00000002 61 02 6a 61 01 6a 61 06",
       false},
      /* maps as keys of maps */
      {"74 00000002 74 00000002 61 01 6a 61 02 6a 61 09 61 03 6a",
       "74 00000002 61 03 6a 74 00000002 61 02 6a 61 01 6a 61 09", true},
      /* three keys turned around: the middle ones are looked for on both sides */
      {"74 00000003 61 01 61 0a 61 02 61 0b 61 03 61 0c",
       "74 00000003 61 03 61 0c 61 01 61 0a 61 02 61 0b", true},
      {"74 00000003 61 01 61 0a 61 02 61 0b 61 03 61 0c",
       "74 00000003 61 03 61 0c 61 02 61 0b 61 01 61 0a", true},
      /* all encodings of one pid, port and reference */
      {"58 77 01 'n' 00000001 00000002 00000003", "67 64 0001 'n' 00000001 00000002 03", true},
      {"58 77 02 c3a9 00000001 00000002 00000003", "58 64 0001 e9 00000001 00000002 00000003",
       true},
      {"58 77 01 'n' 00000001 00000002 00000003", "58 77 01 'n' 00000001 00000002 00000004", false},
      {"58 77 01 'n' 00000001 00000002 00000003", "58 77 01 'n' 00000001 00000003 00000003", false},
      {"58 77 01 'n' 00000001 00000002 00000003", "58 77 01 'm' 00000001 00000002 00000003", false},
      {"58 77 01 'n' 00000001 00000002 00000003", "58 77 02 'nn' 00000001 00000002 00000003",
       false},
      {"59 77 01 'n' 00000001 00000003", "78 77 01 'n' 0000000000000001 00000003", true},
      {"59 77 01 'n' 00000001 00000003", "66 77 01 'n' 00000001 03", true},
      {"59 77 01 'n' 00000001 00000003", "65 77 01 'n' 00000001 03", false}, /* a reference */
      {"65 77 01 'n' 00000001 03", "72 0001 77 01 'n' 03 00000001", true},
      {"72 0001 77 01 'n' 03 00000001", "5a 0001 77 01 'n' 00000003 00000001", true},
      {"5a 0001 77 01 'n' 00000003 00000001", "5a 0002 77 01 'n' 00000003 00000001 00000000",
       false},
      {"71 77 01 'm' 77 01 'f' 61 01", "71 77 01 'm' 77 01 'f' 61 02", false},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(pairs); i++) {
    struct bytes a = unhex(pairs[i].a), b = unhex(pairs[i].b);
    print_message("  %s | %s\n", pairs[i].a, pairs[i].b);
    check_equal(a, b, pairs[i].equal);
    drop(a);
    drop(b);
  }
}

static void random_terms_equal_themselves_only(void **state)
{
  (void)state;
  struct random random = {6};
  struct buffer buffer;
  struct bytes last = unhex("77 04 'none'");
  buffer_init(&buffer, 1 << 20);
  for (int round = 0; round < 3000; round++) {
    etf_put_tuple(&buffer, 2);
    etf_put_integer(&buffer, round); /* so that no two are the same */
    random_term(&random, &buffer, 4);
    struct bytes bytes = contents(&buffer), twin = copy(bytes.at, bytes.length);
    check_equal(bytes, twin, true);
    check_equal(bytes, last, false);
    drop(twin);
    drop(last);
    last = bytes;
  }
  drop(last);
  buffer_fini(&buffer);
}

/* A map of `count` integers, in the order given, to values of `size` bytes. */
static struct bytes big_map(uint32_t count, bool upwards, size_t size)
{
  struct buffer buffer;
  uint8_t value[1000] = {0};
  buffer_init(&buffer, 1 << 28);
  etf_put_map(&buffer, count);
  for (uint32_t i = 0; i < count; i++) {
    etf_put_integer(&buffer, upwards ? i : count - 1 - i);
    etf_put_binary(&buffer, value, size);
  }
  struct bytes bytes = contents(&buffer);
  buffer_fini(&buffer);
  return bytes;
}

static void equality_gives_up_before_it_takes_long(void **state)
{
  (void)state;
  static const struct {
    uint32_t count;
    size_t size;
    enum status status;
  } cases[] = {{100, 10, STATUS_OK},
               {5000, 10, STATUS_TOO_LARGE},
               {100000, 10, STATUS_TOO_LARGE},
               {3000, 1000, STATUS_TOO_LARGE}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct bytes up = big_map(cases[i].count, true, cases[i].size);
    struct bytes down = big_map(cases[i].count, false, cases[i].size);
    bool equal = false;
    uint64_t hash_up = 1, hash_down = 2;
    assert_int_equal(etf_equal(up.at, up.length, down.at, down.length, &equal), cases[i].status);
    assert_int_equal(equal, cases[i].status == STATUS_OK);
    assert_int_equal(etf_equal(up.at, up.length, up.at, up.length, &equal), STATUS_OK);
    assert_int_equal(etf_hash(up.at, up.length, 0, &hash_up), STATUS_OK);
    assert_int_equal(etf_hash(down.at, down.length, 0, &hash_down), STATUS_OK);
    assert_true(hash_up == hash_down);
    drop(up);
    drop(down);
  }
}

/* `count` ones, and another number at last. */
static struct bytes long_list(uint32_t count, uint8_t last)
{
  struct buffer buffer;
  buffer_init(&buffer, 1 << 28);
  etf_put_list(&buffer, count + 1);
  for (uint32_t i = 0; i < count; i++) etf_put_integer(&buffer, 1);
  etf_put_integer(&buffer, last);
  etf_put_nil(&buffer);
  struct bytes bytes = contents(&buffer);
  buffer_fini(&buffer);
  return bytes;
}

static void long_lists_that_differ_late_are_given_up_too(void **state)
{
  (void)state;
  for (uint32_t count = 10000; count <= 100000; count *= 10) {
    struct bytes a = long_list(count, 1), b = long_list(count, 2);
    bool equal = true;
    enum status wanted = count == 10000 ? STATUS_OK : STATUS_TOO_LARGE;
    assert_int_equal(etf_equal(a.at, a.length, b.at, b.length, &equal), wanted);
    assert_int_equal(equal, wanted != STATUS_OK);
    drop(a);
    drop(b);
  }
}

static struct bytes nested_maps(uint32_t levels, uint8_t innermost)
{
  struct buffer buffer;
  buffer_init(&buffer, 1 << 20);
  for (uint32_t i = 0; i < levels; i++) {
    etf_put_map(&buffer, 1);
    etf_put_nil(&buffer);
  }
  etf_put_integer(&buffer, innermost);
  struct bytes bytes = contents(&buffer);
  buffer_fini(&buffer);
  return bytes;
}

static void maps_are_compared_down_to_a_depth(void **state)
{
  (void)state;
  for (uint32_t levels = ETF_MAP_DEPTH; levels <= ETF_MAP_DEPTH + 1; levels++) {
    struct bytes a = nested_maps(levels, 1), b = nested_maps(levels, 2);
    enum status wanted = levels > ETF_MAP_DEPTH ? STATUS_TOO_LARGE : STATUS_OK;
    bool equal = true;
    uint64_t hash;
    assert_int_equal(etf_equal(a.at, a.length, b.at, b.length, &equal), wanted);
    assert_int_equal(equal, wanted != STATUS_OK);
    assert_int_equal(etf_hash(a.at, a.length, 0, &hash), wanted);
    drop(a);
    drop(b);
  }
}

static void comparing_what_is_no_term_is_an_error(void **state)
{
  (void)state;
  struct bytes a = unhex("68 02 61 01"), b = unhex("68 02 61 01 6a"), c = unhex("68 02 61 01 ff");
  bool equal;
  uint64_t hash;
  assert_int_equal(etf_equal(a.at, a.length, b.at, b.length, &equal), STATUS_TRUNCATED);
  assert_int_equal(etf_equal(b.at, b.length, c.at, c.length, &equal), STATUS_MALFORMED);
  assert_int_equal(etf_hash(a.at, a.length, 0, &hash), STATUS_TRUNCATED);
  assert_int_equal(etf_hash(c.at, c.length, 0, &hash), STATUS_MALFORMED);
  drop(a);
  drop(b);
  drop(c);
}

static void the_seed_changes_the_hash(void **state)
{
  (void)state;
  struct bytes bytes = unhex("68 02 61 01 6a");
  uint64_t one, two;
  assert_int_equal(etf_hash(bytes.at, bytes.length, 1, &one), STATUS_OK);
  assert_int_equal(etf_hash(bytes.at, bytes.length, 2, &two), STATUS_OK);
  assert_true(one != two);
  drop(bytes);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_kind_of_term_is_read),
      cmocka_unit_test(closures_may_be_nested_up_to_a_depth),
      cmocka_unit_test(the_size_of_a_closure_must_be_right),
      cmocka_unit_test(every_truncation_is_an_error_and_the_reader_stays),
      cmocka_unit_test(what_is_no_term_is_refused_and_the_reader_stays),
      cmocka_unit_test(atoms_of_latin1_are_flagged_and_converted),
      cmocka_unit_test(an_atom_has_at_most_255_characters),
      cmocka_unit_test(is_atom_compares_the_whole_name),
      cmocka_unit_test(enter_tuple_moves_only_into_tuples),
      cmocka_unit_test(begin_wants_the_version_and_no_compression),
      cmocka_unit_test(a_million_levels_are_skipped_without_recursion),
      cmocka_unit_test(random_bytes_do_no_harm),
      cmocka_unit_test(terms_with_wrong_bytes_do_no_harm),
      cmocka_unit_test(every_truncation_of_random_terms_is_an_error),
      cmocka_unit_test(libei_reads_our_integers),
      cmocka_unit_test(libei_reads_our_big_integers),
      cmocka_unit_test(libei_reads_our_floats),
      cmocka_unit_test(libei_reads_our_atoms_and_binaries),
      cmocka_unit_test(libei_skips_our_random_terms),
      cmocka_unit_test(heads_are_those_of_libei),
      cmocka_unit_test(we_read_what_libei_writes),
      cmocka_unit_test(the_quick_ways_read_the_same),
      cmocka_unit_test(opaque_terms_of_libei_keep_their_parts),
      cmocka_unit_test(what_does_not_fit_makes_the_buffer_fail),
      cmocka_unit_test(lengths_beyond_the_format_make_the_buffer_fail),
      cmocka_unit_test(terms_are_equal_as_erlang_has_it),
      cmocka_unit_test(random_terms_equal_themselves_only),
      cmocka_unit_test(equality_gives_up_before_it_takes_long),
      cmocka_unit_test(long_lists_that_differ_late_are_given_up_too),
      cmocka_unit_test(maps_are_compared_down_to_a_depth),
      cmocka_unit_test(comparing_what_is_no_term_is_an_error),
      cmocka_unit_test(the_seed_changes_the_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
