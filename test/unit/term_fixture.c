/* An interpreter of mruby for the tests of term. */
#include "term_fixture.h"

#include <mruby/compile.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture fixture;

int fixture_open(void **state)
{
  (void)state;
  fixture.mrb = mrb_open();
  assert_non_null(fixture.mrb);
  term_init(fixture.mrb);
  fixture.context = (struct term_context){.types = term_types(fixture.mrb)};
  buffer_init(&fixture.out, 64 << 20);
  return 0;
}

int fixture_close(void **state)
{
  (void)state;
  mrb_close(fixture.mrb);
  buffer_fini(&fixture.out);
  return 0;
}

static mrb_value describe(mrb_state *m, void *data)
{
  mrb_value *exception = data;
  mrb_value text = mrb_str_new_cstr(m, mrb_obj_classname(m, *exception));
  mrb_str_cat_lit(m, text, ": ");
  return mrb_str_append(m, text, mrb_funcall(m, *exception, "message", 0));
}

mrb_value protected_call(mrb_protect_error_func *body, void *data)
{
  mrb_bool failed;
  mrb_value value = mrb_protect_error(fixture.mrb, body, data, &failed);
  fixture.problem[0] = '\0';
  if (failed) {
    mrb_value text = mrb_protect_error(fixture.mrb, describe, &value, &failed);
    (void)snprintf(fixture.problem, sizeof fixture.problem, "%s",
                   !failed && mrb_string_p(text) ? mrb_str_to_cstr(fixture.mrb, text)
                                                 : "(no text)");
    return mrb_undef_value();
  }
  return value;
}

static mrb_value load(mrb_state *m, void *data)
{
  mrb_value value = mrb_load_string(m, data);
  if (m->exc) {
    mrb_value exception = mrb_obj_value(m->exc);
    m->exc = NULL;
    mrb_exc_raise(m, exception);
  }
  return value;
}

mrb_value in_ruby(const char *code)
{
  char copy[4000];
  assert_true(strlen(code) < sizeof copy);
  memcpy(copy, code, strlen(code) + 1);
  mrb_value value = protected_call(load, copy);
  if (fixture.problem[0] != '\0') fail_msg("%s\n  in: %s", fixture.problem, code);
  return value;
}

void must_be_true(const char *code)
{
  if (!mrb_true_p(in_ruby(code))) fail_msg("not true: %s", code);
}

mrb_value encode_body(mrb_state *m, void *data)
{
  mrb_value *value = data;
  term_encode(m, &fixture.out, *value, &fixture.context);
  return mrb_nil_value();
}

bool encode_value(mrb_value value)
{
  buffer_clear(&fixture.out);
  int arena = mrb_gc_arena_save(fixture.mrb);
  (void)protected_call(encode_body, &value);
  if (fixture.problem[0] != '\0') {
    mrb_gc_arena_restore(fixture.mrb, arena);
    return false;
  }
  assert_int_equal(mrb_gc_arena_save(fixture.mrb), arena);
  return true;
}

mrb_value decode_body(mrb_state *m, void *data)
{
  struct etf_reader *reader = data;
  return term_decode(m, reader, &fixture.context);
}

mrb_value decode_bytes(const uint8_t *bytes, size_t length)
{
  uint8_t *copy = malloc(length + 1);
  assert_non_null(copy);
  memcpy(copy + 1, bytes, length);
  struct etf_reader reader = {copy + 1, copy + 1 + length};
  int arena = mrb_gc_arena_save(fixture.mrb);
  mrb_value value = protected_call(decode_body, &reader);
  if (fixture.problem[0] == '\0') {
    assert_ptr_equal(reader.at, reader.end);
    assert_true(mrb_gc_arena_save(fixture.mrb) <= arena + 1);
  }
  free(copy);
  return value;
}

void set_global(const char *name, mrb_value value)
{
  mrb_gv_set(fixture.mrb, mrb_intern_cstr(fixture.mrb, name), value);
}

void must_contain(const char *text, const char *part)
{
  if (!strstr(text, part)) fail_msg("\"%s\" does not contain \"%s\"", text, part);
}
