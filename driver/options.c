/* Reads the command string of a port. One table says what there is; no key is known elsewhere. */
#include "options.h"

#include <string.h>

enum kind { KIND_NUMBER, KIND_PACKET, KIND_POOL, KIND_SWITCH, KIND_LOAD_PATH };

struct key {
  const char *name;
  enum kind kind;
  size_t offset; /* of the uint64_t, for numbers; of the bool, for switches */
  uint64_t least, most, otherwise;
};

#define NUMBER(field, least, most, otherwise)                                                      \
  {                                                                                                \
#field, KIND_NUMBER, offsetof(struct options, field), least, most, otherwise                   \
  }

static const struct key keys[] = {
    NUMBER(memory_limit, 1u << 20, UINT64_C(1) << 32, 64u << 20),
    NUMBER(timeout_ms, 0, UINT64_C(1) << 40, 0),
    NUMBER(queue_limit, 0, 1u << 24, 10000),
    NUMBER(max_frame, 64, UINT64_C(1) << 31, 64u << 20),
    NUMBER(max_source, 1, UINT64_C(1) << 30, 4u << 20),
    NUMBER(max_depth, 1, 1024, 256),
    NUMBER(max_atoms, 0, 1u << 20, 10000),
    NUMBER(slice_us, 50, 100000, 1000),
    NUMBER(grace_slices, 1, 1u << 20, 50),
    NUMBER(template_id, 1, UINT32_MAX, 0),
    {"packet", KIND_PACKET, 0, 0, 0, 0},
    {"pool", KIND_POOL, 0, 0, 0, 0},
    {"fault_handler", KIND_SWITCH, offsetof(struct options, fault_handler), 0, 0, 0},
    {"events", KIND_SWITCH, offsetof(struct options, events), 0, 0, 0},
    {"specimen", KIND_SWITCH, offsetof(struct options, specimen), 0, 0, 0},
    {"load_path", KIND_LOAD_PATH, 0, 0, 0, 0},
};
#define KEYS (sizeof keys / sizeof *keys)

/* The names that users write need no unit; the fields' names carry it. */
static const struct {
  const char *written, *field;
} aliases[] = {{"timeout", "timeout_ms"},
               {"slice", "slice_us"},
               {"grace", "grace_slices"},
               {"template", "template_id"}};

static uint64_t *number(struct options *options, const struct key *key)
{
  return (uint64_t *)(void *)((char *)options + key->offset);
}

void options_default(struct options *options)
{
  *options = (struct options){.packet = PACKET_RAW, .pool = POOL_AUTO, .fault_handler = true};
  for (size_t i = 0; i < KEYS; i++)
    if (keys[i].kind == KIND_NUMBER) *number(options, &keys[i]) = keys[i].otherwise;
}

static bool word_is(const char *word, size_t length, const char *name)
{
  return strlen(name) == length && memcmp(word, name, length) == 0;
}

static const struct key *find_key(const char *word, size_t length)
{
  const char *name = NULL;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (word_is(word, length, aliases[i].written)) name = aliases[i].field;
  for (size_t i = 0; i < KEYS; i++)
    if (name ? strcmp(keys[i].name, name) == 0 : word_is(word, length, keys[i].name))
      return &keys[i];
  return NULL;
}

static enum status read_number(const char *at, size_t length, uint64_t *out)
{
  uint64_t value = 0;
  if (length == 0) return STATUS_MALFORMED;
  for (size_t i = 0; i < length; i++) {
    if (at[i] < '0' || at[i] > '9') return STATUS_MALFORMED;
    if (value > (UINT64_MAX - 9) / 10) return STATUS_TOO_LARGE;
    value = value * 10 + (uint64_t)(at[i] - '0');
  }
  *out = value;
  return STATUS_OK;
}

static enum status set_value(struct options *options, const struct key *key, const char *at,
                             size_t length)
{
  static const char *const packets[] = {"raw", "1", "2", "4", "line"};
  static const char *const pools[] = {"auto", "threads", "async"};
  uint64_t value = 0;
  enum status status;
  switch (key->kind) {
  case KIND_NUMBER:
    status = read_number(at, length, &value);
    if (status) return status;
    if (value < key->least || value > key->most) return STATUS_TOO_LARGE;
    *number(options, key) = value;
    return STATUS_OK;
  case KIND_PACKET:
    for (unsigned i = 0; i < sizeof packets / sizeof *packets; i++)
      if (word_is(at, length, packets[i])) {
        options->packet = (enum packet)i;
        return STATUS_OK;
      }
    return STATUS_MALFORMED;
  case KIND_POOL:
    for (unsigned i = 0; i < sizeof pools / sizeof *pools; i++)
      if (word_is(at, length, pools[i])) {
        options->pool = (enum pool_form)i;
        return STATUS_OK;
      }
    return STATUS_MALFORMED;
  case KIND_LOAD_PATH:
    options->load_path = (struct load_path){at, length};
    return load_path_check(options->load_path);
  case KIND_SWITCH:
    *(bool *)((char *)options + key->offset) = word_is(at, length, "on");
    return word_is(at, length, "on") || word_is(at, length, "off") ? STATUS_OK : STATUS_MALFORMED;
  }
  return STATUS_MALFORMED;
}

/* What the length before a frame can say. */
static uint64_t most_of_a_head(enum packet packet)
{
  return packet == PACKET_1 ? 0xff : packet == PACKET_2 ? 0xffff : UINT64_MAX;
}

enum status options_parse(const char *text, struct options *out, const char **bad)
{
  struct options options;
  const char *for_manager = NULL;
  options_default(&options);
  while (*(text += strspn(text, " "))) {
    size_t length = strcspn(text, " ");
    const char *equals = memchr(text, '=', length);
    enum status status = STATUS_MALFORMED;
    *bad = text;
    if (!equals) {
      if (!word_is(text, length, "manager")) return status;
      options.manager = true;
    } else {
      const struct key *key = find_key(text, (size_t)(equals - text));
      if (!key) return status;
      if (key->offset == offsetof(struct options, fault_handler)) for_manager = text;
      status = set_value(&options, key, equals + 1, length - (size_t)(equals + 1 - text));
      if (status) return status;
    }
    text += length;
  }
  if (for_manager && !options.manager) {
    *bad = for_manager;
    return STATUS_MALFORMED;
  }
  /* That has a load path, or none. */
  if (options.template_id != 0 && options.load_path.length != 0) {
    *bad = options.load_path.text - strlen("load_path=");
    return STATUS_MALFORMED;
  }
  uint64_t most = most_of_a_head(options.packet);
  if (options.max_frame > most) options.max_frame = most;
  *out = options;
  return STATUS_OK;
}
