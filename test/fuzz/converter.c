/* See converter.h. */
#include "converter.h"

#include "harness.h"
#include "term_types.h"

#include <mruby/error.h>

#include <stdlib.h>
#include <string.h>

#define INPUTS            5000 /* that an interpreter serves */
#define INPUTS_COLLECTION 500  /* between full collections */

struct converter converter;

static void (*when_opened)(void);
static unsigned inputs;

/* --- protected calls --- */

static void must_be_a_refusal(mrb_value exception)
{
  must(mrb_obj_is_kind_of(converter.mrb, exception, converter.context.types->term_error));
}

static mrb_value decode_body(mrb_state *mrb, void *reader)
{
  return term_decode(mrb, reader, &converter.context);
}

bool to_ruby(struct etf_reader *reader, mrb_value *value)
{
  mrb_bool failed;
  int arena = mrb_gc_arena_save(converter.mrb);
  *value = mrb_protect_error(converter.mrb, decode_body, reader, &failed);
  if (failed) must_be_a_refusal(*value);
  must(failed || mrb_gc_arena_save(converter.mrb) <= arena + 1);
  return !failed;
}

static mrb_value encode_body(mrb_state *mrb, void *value)
{
  term_encode(mrb, &converter.out, *(mrb_value *)value, &converter.context);
  return mrb_nil_value();
}

bool to_erlang(mrb_value value)
{
  mrb_bool failed;
  buffer_clear(&converter.out);
  int arena = mrb_gc_arena_save(converter.mrb);
  mrb_value exception = mrb_protect_error(converter.mrb, encode_body, &value, &failed);
  if (failed) must_be_a_refusal(exception);
  must(failed || mrb_gc_arena_save(converter.mrb) == arena);
  return !failed;
}

void check_written(void)
{
  size_t length = converter.out.length;
  uint8_t *copy = fuzz_copy(converter.out.bytes, length);
  struct etf_reader reader = {copy, copy + length}, whole = reader;
  mrb_value value;
  must(etf_skip(&whole) == STATUS_OK && whole.at == whole.end);
  must(to_ruby(&reader, &value) && reader.at == reader.end);
  must(to_erlang(value));
  must(converter.out.length == length && memcmp(converter.out.bytes, copy, length) == 0);
  free(copy);
}

/* --- interpreters --- */

static void open_mruby(void)
{
  converter.mrb = mrb_open();
  must(converter.mrb != NULL);
  term_init(converter.mrb);
  converter.context = (struct term_context){.types = term_types(converter.mrb)};
  if (when_opened) when_opened();
  mrb_gc_arena_restore(converter.mrb, 0);
}

void converter_start(void (*opened)(void))
{
  when_opened = opened;
  buffer_init(&converter.out, CONVERTED_BYTES);
  open_mruby();
}

void converter_begin(bool collect)
{
  if (++inputs % INPUTS == 0) {
    mrb_close(converter.mrb);
    open_mruby();
  }
  converter.mrb->gc.disabled = FALSE;
  if (inputs % INPUTS_COLLECTION == 0) mrb_full_gc(converter.mrb);
  converter.mrb->gc.disabled = !collect;
}

void converter_end(void) { mrb_gc_arena_restore(converter.mrb, 0); }
