/* Values of Ruby, as terms, and back.
 *
 * Promised and checked: whatever Ruby has becomes one whole term, that is read, and written again as the
 * same bytes; or it is refused, with Erlang::TermError. So it is with values that hold themselves,
 * and with objects whose to_erl changes what is being converted or collects garbage. Nothing is left in
 * mruby's arena.
 *
 * The input: one byte (1: with the garbage collector), then a recipe. See `make`. */
#include "converter.h"
#include "harness.h"
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/compile.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <string.h>

#define DEPTH 12 /* of a recipe */

static mrb_state *mrb;
static mrb_value made; /* the class */

struct recipe {
  struct input *input;
  mrb_value known[8]; /* what was made lately, to be used again: shared, or cyclic */
  size_t count;
};

static mrb_value make(struct recipe *recipe, unsigned depth);

static mrb_value make_many(struct recipe *recipe, unsigned depth)
{
  mrb_value array = mrb_ary_new(mrb);
  size_t count = input_byte(recipe->input) % 12u;
  recipe->known[recipe->count++ % 8] = array;
  for (size_t i = 0; i < count; i++) mrb_ary_push(mrb, array, make(recipe, depth));
  return array;
}

static mrb_value make_hash(struct recipe *recipe, unsigned depth)
{
  mrb_value hash = mrb_hash_new(mrb);
  size_t count = input_byte(recipe->input) % 40u;
  recipe->known[recipe->count++ % 8] = hash;
  for (size_t i = 0; i < count && input_left(recipe->input) > 0; i++) {
    mrb_value key = make(recipe, depth);
    mrb_hash_set(mrb, hash, key, make(recipe, depth));
  }
  return hash;
}

static mrb_value make_text(struct recipe *recipe, bool symbol)
{
  size_t length = input_byte(recipe->input);
  const char *text = (const char *)input_bytes(recipe->input, &length);
  return symbol ? mrb_symbol_value(mrb_intern(mrb, text, length))
                : mrb_str_new(mrb, text, (mrb_int)length);
}

static mrb_value make_number(struct recipe *recipe, bool integer)
{
  union {
    uint8_t bytes[8];
    int64_t integer;
    double number;
  } as = {{0}};
  size_t length = 8;
  const uint8_t *bytes = input_bytes(recipe->input, &length);
  if (length > 0) memcpy(as.bytes, bytes, length);
  return integer ? mrb_int_value(mrb, as.integer) : mrb_float_value(mrb, as.number);
}

static mrb_value make(struct recipe *recipe, unsigned depth)
{
  uint8_t what = input_byte(recipe->input);
  if (depth == 0) return mrb_fixnum_value(what);
  switch (what % 16) {
  case 0: return mrb_nil_value();
  case 1: return mrb_bool_value(what & 16);
  case 2: return mrb_fixnum_value((int8_t)input_byte(recipe->input));
  case 3: return make_number(recipe, true);
  case 4: return make_number(recipe, false);
  case 5: return make_text(recipe, false);
  case 6: return make_text(recipe, true);
  case 7:
  case 8: return make_many(recipe, depth - 1);
  case 9: return tuple_from_array(converter.context.types, make_many(recipe, depth - 1));
  case 10: return make_hash(recipe, depth - 1);
  case 11: { /* a large integer */
    mrb_value shift = mrb_fixnum_value(input_byte(recipe->input) * 8);
    return mrb_funcall(mrb, make_number(recipe, true), "<<", 1, shift);
  }
  case 12: { /* an object whose to_erl gives what comes next, and empties it now and then */
    mrb_value arguments[] = {make(recipe, depth - 1), mrb_fixnum_value(what >> 4)};
    return mrb_funcall_argv(mrb, made, mrb_intern_lit(mrb, "new"), 2, arguments);
  }
  case 13:
    return recipe->count > 0 ? recipe->known[what / 16u % (recipe->count < 8 ? recipe->count : 8)]
                             : mrb_ary_new(mrb);
  case 14: return mrb_obj_new(mrb, mrb->object_class, 0, NULL);
  default: return mrb_symbol_value(mrb_intern_cstr(mrb, what & 16 ? "true" : "nil"));
  }
}

static mrb_value make_body(mrb_state *m, void *recipe)
{
  (void)m;
  return make(recipe, DEPTH);
}

static void open_mruby(void)
{
  static const char code[] = "class Made\n"
                             "  def initialize(value, what) = (@value, @what = value, what)\n"
                             "  def to_erl\n"
                             "    @value.clear if @what == 1 && @value.respond_to?(:clear)\n"
                             "    @value << 1 if @what == 2 && @value.is_a?(Array)\n"
                             "    GC.start if @what == 3\n"
                             "    raise Erlang::TermError, 'no' if @what == 4\n"
                             "    @value\n"
                             "  end\n"
                             "end\n"
                             "Made";
  mrb = converter.mrb;
  made = mrb_load_string(mrb, code);
  must(!mrb->exc);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  converter_start(open_mruby);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, data + size};
  struct recipe recipe = {.input = &input};
  mrb_bool failed;
  converter_begin(input_byte(&input) & 1);
  mrb_value value = mrb_protect_error(mrb, make_body, &recipe, &failed);
  mrb_gc_protect(mrb, value);
  if (!failed && to_erlang(value))
    check_written(); /* else it cannot be made: a Hash as its own key */
  converter_end();
  return 0;
}
