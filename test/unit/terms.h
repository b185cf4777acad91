/* Terms as text, in both directions, by libei: what the tests give to the core and get from it is
 * written and read by code that is not the core's own.
 *
 * The text is Erlang's, but for binaries, which are written "…" or, so that Ruby code with quotes
 * needs no escapes, `…`: {eval, 1, `puts "hi"`}; <Term> is a binary that holds the encoded term, <> an empty one.
 * A reference is &5. term_text writes binaries as
 * "…" with \xHH for what can't be printed, lists of small integers as lists, and no spaces.
 */
#ifndef RUBEAM_TEST_TERMS_H
#define RUBEAM_TEST_TERMS_H

#include <ctype.h>
#include <ei.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A block of malloc's, of exactly that length, so that ASan sees each byte read beyond. */
struct bytes {
  uint8_t *at;
  size_t length;
};

static inline struct bytes bytes_copy(const void *from, size_t length)
{
  struct bytes bytes = {malloc(length ? length : 1), length};
  if (!bytes.at) abort();
  if (length) memcpy(bytes.at, from, length);
  return bytes;
}

/* --- from text --- */

static inline void put_term(ei_x_buff *out, const char **at);

static inline char skip_spaces(const char **at)
{
  while (isspace((unsigned char)**at)) ++*at;
  return **at;
}

/* Up to `end`, which is not part of it; \n and \xHH are known. */
static inline char *read_quoted(const char **at, char end, size_t *length)
{
  char *text = malloc(strlen(*at) + 1);
  if (!text) abort();
  *length = 0;
  while (**at != end) {
    if (**at == '\0') fail_msg("no %c in a term's text", end);
    char next = *(*at)++;
    if (next == '\\' && end != '`') {
      char escaped = *(*at)++;
      next = escaped;
      if (escaped == 'n') next = '\n';
      if (escaped == 'x') {
        char digits[3] = {(*at)[0], (*at)[1], 0};
        next = (char)strtol(digits, NULL, 16);
        *at += 2;
      }
    }
    text[(*length)++] = next;
  }
  ++*at;
  text[*length] = '\0';
  return text;
}

static inline int count_terms(const char *at, char end)
{
  ei_x_buff scratch;
  int count = 0;
  ei_x_new(&scratch);
  while (skip_spaces(&at) != end) {
    put_term(&scratch, &at);
    count++;
    if (skip_spaces(&at) == ',') at++;
    if (strncmp(at, "=>", 2) == 0) at += 2;
  }
  ei_x_free(&scratch);
  return count;
}

static inline void put_terms(ei_x_buff *out, const char **at, char end)
{
  while (skip_spaces(at) != end) {
    put_term(out, at);
    if (skip_spaces(at) == ',') ++*at;
    if (strncmp(*at, "=>", 2) == 0) *at += 2;
  }
  ++*at;
}

static inline void put_word(ei_x_buff *out, const char **at)
{
  size_t length = 0;
  char *quoted = NULL;
  const char *word = *at;
  if (*word == '\'') {
    ++*at;
    word = quoted = read_quoted(at, '\'', &length);
  } else {
    while (isalnum((unsigned char)word[length]) || word[length] == '_') length++;
    if (length == 0) fail_msg("no term: %s", word);
    *at += length;
  }
  ei_x_encode_atom_len(out, word, (int)length);
  free(quoted);
}

static inline void put_number(ei_x_buff *out, const char **at)
{
  char *end, *real_end;
  long long number = strtoll(*at, &end, 10);
  double real = strtod(*at, &real_end);
  if (real_end > end)
    ei_x_encode_double(out, real);
  else
    ei_x_encode_longlong(out, number);
  *at = real_end > end ? real_end : end;
}

static inline void put_term(ei_x_buff *out, const char **at)
{
  size_t length;
  char *text, first = skip_spaces(at);
  if (first == '-' || isdigit((unsigned char)first)) {
    put_number(out, at);
  } else if (first == '"' || first == '`') {
    ++*at;
    text = read_quoted(at, first, &length);
    ei_x_encode_binary(out, text, (int)length);
    free(text);
  } else if (first == '{') {
    ++*at;
    ei_x_encode_tuple_header(out, count_terms(*at, '}'));
    put_terms(out, at, '}');
  } else if (first == '&') {
    ++*at;
    uint8_t reference[14] = {ERL_NEWER_REFERENCE_EXT, 0, 1, 119, 1, 'n', 0, 0, 0, 7};
    uint32_t number = htobe32((uint32_t)strtoul(*at, (char **)(uintptr_t)at, 10));
    memcpy(reference + 10, &number, sizeof number);
    ei_x_append_buf(out, (const char *)reference, sizeof reference);
  } else if (first == '#') {
    *at += 2;
    ei_x_encode_map_header(out, count_terms(*at, '}') / 2);
    put_terms(out, at, '}');
  } else if (first == '<') {
    ei_x_buff inner;
    ++*at;
    ei_x_new_with_version(&inner);
    bool empty = skip_spaces(at) == '>';
    put_terms(&inner, at, '>');
    ei_x_encode_binary(out, inner.buff, empty ? 0 : inner.index);
    ei_x_free(&inner);
  } else if (first == '[') {
    ++*at;
    int count = count_terms(*at, ']');
    if (count > 0) ei_x_encode_list_header(out, count);
    put_terms(out, at, ']');
    ei_x_encode_empty_list(out);
  } else {
    put_word(out, at);
  }
}

/* The caller frees `at`. With the version byte. */
static inline struct bytes term_bytes(const char *text)
{
  ei_x_buff out;
  ei_x_new_with_version(&out);
  put_term(&out, &text);
  if (skip_spaces(&text) != '\0') fail_msg("left over behind a term: %s", text);
  struct bytes bytes = bytes_copy(out.buff, (size_t)out.index);
  ei_x_free(&out);
  return bytes;
}

/* --- to text --- */

struct text {
  char *at;
  size_t length, capacity;
};

static inline void __attribute__((format(printf, 2, 3)))
say(struct text *text, const char *format, ...)
{
  char piece[2100];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(piece, sizeof piece, format, arguments);
  va_end(arguments);
  if (text->capacity - text->length <= (size_t)length) {
    text->capacity = 2 * text->capacity + (size_t)length + 64;
    text->at = realloc(text->at, text->capacity);
    if (!text->at) abort();
  }
  memcpy(text->at + text->length, piece, (size_t)length + 1);
  text->length += (size_t)length;
}

static inline bool say_term(struct text *text, const char *bytes, int *index, int depth);

static inline bool say_binary(struct text *text, const char *bytes, int *index, int size)
{
  long length;
  char *content = malloc((size_t)size + 1);
  if (!content) abort();
  bool good = ei_decode_binary(bytes, index, content, &length) == 0;
  say(text, "\"");
  for (long i = 0; good && i < length; i++) {
    unsigned char byte = (unsigned char)content[i];
    if (byte == '\n')
      say(text, "\\n");
    else if (byte == '"' || byte == '\\' || !isprint(byte))
      say(text, "\\x%02X", byte);
    else
      say(text, "%c", byte);
  }
  say(text, "\"");
  free(content);
  return good;
}

static inline bool say_many(struct text *text, const char *bytes, int *index, int count, int depth)
{
  for (int i = 0; i < count; i++) {
    if (i > 0) say(text, ",");
    if (!say_term(text, bytes, index, depth + 1)) return false;
  }
  return true;
}

static inline bool say_map(struct text *text, const char *bytes, int *index, int depth)
{
  int count;
  if (ei_decode_map_header(bytes, index, &count) != 0) return false;
  say(text, "#{");
  for (int i = 0; i < count; i++) {
    if (i > 0) say(text, ",");
    if (!say_term(text, bytes, index, depth + 1)) return false;
    say(text, "=>");
    if (!say_term(text, bytes, index, depth + 1)) return false;
  }
  say(text, "}");
  return true;
}

static inline bool say_list(struct text *text, const char *bytes, int *index, int depth)
{
  int count;
  if (ei_decode_list_header(bytes, index, &count) != 0) return false;
  say(text, "[");
  if (!say_many(text, bytes, index, count, depth)) return false;
  int type, size;
  if (count > 0) {
    if (ei_get_type(bytes, index, &type, &size) != 0) return false;
    if (type == ERL_NIL_EXT) {
      if (ei_decode_list_header(bytes, index, &count) != 0) return false;
    } else {
      say(text, "|");
      if (!say_term(text, bytes, index, depth + 1)) return false;
    }
  }
  say(text, "]");
  return true;
}

static inline bool say_string(struct text *text, const char *bytes, int *index, int size)
{
  char *content = malloc((size_t)size + 1);
  if (!content) abort();
  bool good = ei_decode_string(bytes, index, content) == 0;
  say(text, "[");
  for (int i = 0; good && i < size; i++)
    say(text, i > 0 ? ",%d" : "%d", (int)(unsigned char)content[i]);
  say(text, "]");
  free(content);
  return good;
}

static inline bool say_atom(struct text *text, const char *bytes, int *index)
{
  char name[MAXATOMLEN_UTF8];
  if (ei_decode_atom_as(bytes, index, name, sizeof name, ERLANG_UTF8, NULL, NULL) != 0)
    return false;
  bool plain = islower((unsigned char)name[0]) != 0;
  for (const char *c = name; *c && plain; c++) plain = isalnum((unsigned char)*c) || *c == '_';
  say(text, plain ? "%s" : "'%s'", name);
  return true;
}

static inline bool say_number(struct text *text, const char *bytes, int *index, int type)
{
  long long number;
  unsigned long long large;
  double real;
  if (type == ERL_FLOAT_EXT || type == NEW_FLOAT_EXT) {
    if (ei_decode_double(bytes, index, &real) != 0) return false;
    say(text, "%.17g", real);
  } else if (ei_decode_longlong(bytes, index, &number) == 0) {
    say(text, "%lld", number);
  } else if (ei_decode_ulonglong(bytes, index, &large) == 0) {
    say(text, "%llu", large);
  } else {
    say(text, "#big");
    return ei_skip_term(bytes, index) == 0;
  }
  return true;
}

static inline bool say_term(struct text *text, const char *bytes, int *index, int depth)
{
  int type, size, arity;
  if (depth > 2000 || ei_get_type(bytes, index, &type, &size) != 0) return false;
  switch (type) {
  case ERL_SMALL_INTEGER_EXT:
  case ERL_INTEGER_EXT:
  case ERL_SMALL_BIG_EXT:
  case ERL_LARGE_BIG_EXT:
  case ERL_FLOAT_EXT:
  case NEW_FLOAT_EXT: return say_number(text, bytes, index, type);
  case ERL_ATOM_EXT:
  case ERL_SMALL_ATOM_EXT:
  case ERL_ATOM_UTF8_EXT:
  case ERL_SMALL_ATOM_UTF8_EXT: return say_atom(text, bytes, index);
  case ERL_BINARY_EXT: return say_binary(text, bytes, index, size);
  case ERL_STRING_EXT: return say_string(text, bytes, index, size);
  case ERL_NIL_EXT:
  case ERL_LIST_EXT: return say_list(text, bytes, index, depth);
  case ERL_MAP_EXT: return say_map(text, bytes, index, depth);
  case ERL_SMALL_TUPLE_EXT:
  case ERL_LARGE_TUPLE_EXT:
    if (ei_decode_tuple_header(bytes, index, &arity) != 0) return false;
    say(text, "{");
    if (!say_many(text, bytes, index, arity, depth)) return false;
    say(text, "}");
    return true;
  case ERL_NEW_REFERENCE_EXT:
  case ERL_NEWER_REFERENCE_EXT: {
    erlang_ref reference;
    if (ei_decode_ref(bytes, index, &reference) != 0) return false;
    say(text, "&%u", reference.n[0]);
    return true;
  }
  default: say(text, "#other<%c>", type); return ei_skip_term(bytes, index) == 0;
  }
}

/* The caller frees it. Bytes that are not exactly one term, version byte first, give text that is
 * none ("not a term: …"): libei trusts what it reads, so this is for what the core wrote only. */
static inline char *term_text(const void *bytes, size_t length)
{
  struct text text = {NULL, 0, 0};
  /* Zeros behind it: what ei reads beyond a term that is cut off. */
  char *copy = calloc(1, length + 4096);
  if (!copy) abort();
  if (length) memcpy(copy, bytes, length);
  int version, index = 0;
  bool good = length > 1 && ei_decode_version(copy, &index, &version) == 0 &&
              say_term(&text, copy, &index, 0) && (size_t)index == length;
  free(copy);
  if (!good) {
    free(text.at);
    text = (struct text){NULL, 0, 0};
    say(&text, "not a term:");
    for (size_t i = 0; i < length && i < 200; i++) say(&text, " %u", ((const uint8_t *)bytes)[i]);
  }
  return text.at;
}

/* Exactly this text? */
#define must_be_term(bytes, length, wanted)                                                        \
  do {                                                                                             \
    char *got_text = term_text((bytes), (length));                                                 \
    if (strcmp(got_text, (wanted)) != 0) print_error("term: %s\nwant: %s\n", got_text, (wanted));  \
    bool is_that_term = strcmp(got_text, (wanted)) == 0;                                           \
    free(got_text);                                                                                \
    assert_true(is_that_term);                                                                     \
  } while (0)

/* Does the text match a pattern in which * stands for any characters? */
static inline bool text_like(const char *text, const char *pattern)
{
  for (; *pattern && *pattern != '*'; pattern++, text++)
    if (*pattern != *text) return false;
  if (!*pattern) return !*text;
  for (pattern++;; text++) {
    if (text_like(text, pattern)) return true;
    if (!*text) return false;
  }
}

#define must_be_like(text, pattern)                                                                \
  do {                                                                                             \
    const char *shown_text = (text);                                                               \
    if (!text_like(shown_text, (pattern)))                                                         \
      fail_msg("got:  %s\nlike: %s\n", shown_text, (pattern));                                     \
  } while (0)

#endif
