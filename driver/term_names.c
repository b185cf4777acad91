/* Names that came before: see term_names.h. A name has four places to be in. */
#include "term_names.h"

#include "ruby_keep.h"
#include "utf8.h"

#include <mruby/array.h>
#include <mruby/string.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Powers of two */
#define SETS 32
#define WAYS 4

/* What is looked for. `first` and `last` are the first and the last eight bytes, of a short one four, or fewer:
 * with the length, they are all that there is of up to so many bytes. */
#define SOUGHT_BYTES 16
#define HIGH_BITS    UINT64_C(0x8080808080808080)
struct sought {
  uint64_t first, last;
  const void *text;
  size_t length;
  bool symbol;
};

struct name {
  mrb_value value;
  uint64_t first, last;
  uint8_t length; /* 0: an empty place */
  bool symbol;
  char text[TERM_NAME_BYTES];
};

struct term_names {
  struct RArray *strings; /* keeps those of the names that are Strings, each at its place */
  uint64_t forgotten;     /* Strings whose place others have taken */
  uint8_t recent[SETS];   /* the way of each set that was used last */
  struct name names[SETS][WAYS];
};

struct term_names *term_names_new(mrb_state *mrb)
{
  struct RArray *strings = ruby_keep_array(mrb, "rubeam names");
  mrb_ary_resize(mrb, mrb_obj_value(strings),
                 (mrb_int)SETS * WAYS); /* so that it never grows later */
  struct term_names *names = mrb_calloc(mrb, 1, sizeof *names);
  names->strings = strings;
  return names;
}

/* `length` is not 0. */
static inline struct sought seek(const void *text, size_t length, bool symbol)
{
  struct sought sought = {.text = text, .length = length, .symbol = symbol};
  const uint8_t *bytes = text;
  uint32_t low, high;
  if (length >= sizeof sought.first) {
    memcpy(&sought.first, bytes, sizeof sought.first);
    memcpy(&sought.last, bytes + length - sizeof sought.last, sizeof sought.last);
  } else if (length >= sizeof low) {
    memcpy(&low, bytes, sizeof low);
    memcpy(&high, bytes + length - sizeof high, sizeof high);
    sought.first = low;
    sought.last = high;
  } else {
    sought.first = bytes[0];
    sought.last = (uint64_t)bytes[length / 2] << 8 | bytes[length - 1];
  }
  return sought;
}

static inline size_t set_of(const struct sought *sought)
{
  uint64_t mixed = sought->first * 31 + sought->last + sought->length;
  return (size_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SETS;
}

static inline bool is_it(const struct name *name, const struct sought *sought)
{
  return name->first == sought->first && name->last == sought->last &&
         name->length == sought->length && name->symbol == sought->symbol &&
         (sought->length <= SOUGHT_BYTES || memcmp(name->text, sought->text, sought->length) == 0);
}

/* A name that is remembered, or NULL. */
static inline const struct name *find(struct term_names *names, const struct sought *sought)
{
  size_t set = set_of(sought);
  const struct name *ways = names->names[set];
  uint8_t recent = names->recent[set];
  if (is_it(&ways[recent], sought)) return &ways[recent];
  for (uint8_t way = 0; way < WAYS; way++) {
    if (!is_it(&ways[way], sought)) continue;
    names->recent[set] = way;
    return &ways[way];
  }
  return NULL;
}

static void remember(mrb_state *mrb, struct term_names *names, const struct sought *sought,
                     mrb_value value)
{
  size_t set = set_of(sought);
  uint8_t way = (uint8_t)((names->recent[set] + 1) % WAYS);
  struct name *name = &names->names[set][way];
  if (name->length > 0 && !name->symbol) names->forgotten++;
  mrb_value kept = sought->symbol ? mrb_nil_value() : value;
  mrb_ary_set(mrb, mrb_obj_value(names->strings), (mrb_int)(set * WAYS + way), kept);
  *name = (struct name){.value = value,
                        .first = sought->first,
                        .last = sought->last,
                        .length = (uint8_t)sought->length,
                        .symbol = sought->symbol};
  memcpy(name->text, sought->text, sought->length);
  names->recent[set] = way;
}

static mrb_value new_string(mrb_state *mrb, const void *text, size_t length)
{
  mrb_value string = mrb_str_new(mrb, text, (mrb_int)length);
  MRB_SET_FROZEN_FLAG(mrb_str_ptr(string));
  return string;
}

mrb_value term_names_string(mrb_state *mrb, struct term_names *names, const void *text,
                            size_t length)
{
  if (length == 0 || length > TERM_NAME_BYTES) return new_string(mrb, text, length);
  struct sought sought = seek(text, length, false);
  const struct name *known = find(names, &sought);
  if (known) return known->value;
  mrb_value string = new_string(mrb, text, length);
  remember(mrb, names, &sought, string);
  return string;
}

const uint64_t *term_names_forgotten(const struct term_names *names) { return &names->forgotten; }

bool term_names_find_symbol(struct term_names *names, const void *text, size_t length,
                            mrb_sym *symbol)
{
  if (length == 0 || length > TERM_NAME_BYTES) return false;
  struct sought sought = seek(text, length, true);
  if ((sought.first | sought.last) & HIGH_BITS) return false;
  if (length > SOUGHT_BYTES && !utf8_is_ascii(text, length)) return false;
  const struct name *known = find(names, &sought);
  if (known) *symbol = mrb_symbol(known->value);
  return known != NULL;
}

mrb_sym term_names_symbol(mrb_state *mrb, struct term_names *names, const void *text, size_t length)
{
  if (length == 0 || length > TERM_NAME_BYTES) return mrb_intern(mrb, text, length);
  struct sought sought = seek(text, length, true);
  const struct name *known = find(names, &sought);
  if (known) return mrb_symbol(known->value);
  mrb_sym symbol = mrb_intern(mrb, text, length);
  remember(mrb, names, &sought, mrb_symbol_value(symbol));
  return symbol;
}
