/* The Ruby classes Erlang::Tuple, Pid, Reference, Port and Fun.
 *
 * A tuple is a frozen RArray of a class of its own, which is not a subclass of Array. So it is
 * cheap, takes part in destructuring (`tag, value = tuple`, `|a, b|`: mruby's VM looks for an array
 * there and never calls to_ary), and still is no Array to `is_a?`, `case` and as a key of a Hash.
 * Pid and the like wrap the bytes of their encoding, which Ruby can't reach.
 *
 * Guarantees: whatever Ruby code does (allocate, dup, remove the constants, find objects through
 * ObjectSpace), no object comes about that crashes a method here or the converters: each checks
 * what it was given. The classes are held by global variables whose names Ruby can't write. Thread:
 * the interpreter's.
 */
#include "term_types.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include <assert.h>
#include <string.h>

/* --- Tuple ---------------------------------------------------------------------------------- */

mrb_value tuple_from_array(const struct term_types *types, mrb_value array)
{
  mrb_ary_ptr(array)->c = types->tuple;
  MRB_SET_FROZEN_FLAG(mrb_ary_ptr(array));
  return array;
}

bool tuple_is(mrb_state *mrb, const struct term_types *types, mrb_value array)
{
  const struct RClass *class = mrb_ary_ptr(array)->c;
  if (class == mrb->array_class) return false;
  return class == types->tuple || mrb_obj_is_kind_of(mrb, array, types->tuple);
}

static bool is_tuple(mrb_state *mrb, mrb_value value)
{
  return mrb_array_p(value) && tuple_is(mrb, term_types(mrb), value);
}

/* Methods may be called on anything (define_method with a method of Tuple's, say). */
static void check_tuple(mrb_state *mrb, mrb_value self)
{
  if (!is_tuple(mrb, self)) mrb_raise(mrb, E_TYPE_ERROR, "not an Erlang::Tuple");
}

static mrb_value tuple_create(mrb_state *mrb, mrb_value class)
{
  const mrb_value *values;
  mrb_int count;
  (void)class;
  mrb_get_args(mrb, "*!", &values, &count);
  return tuple_from_array(term_types(mrb), mrb_ary_new_from_values(mrb, count, values));
}

static mrb_value tuple_to_a(mrb_state *mrb, mrb_value self)
{
  check_tuple(mrb, self);
  return mrb_ary_new_from_values(mrb, RARRAY_LEN(self), RARRAY_PTR(self));
}

static mrb_value tuple_size(mrb_state *mrb, mrb_value self)
{
  check_tuple(mrb, self);
  return mrb_int_value(mrb, RARRAY_LEN(self));
}

/* With a range or two arguments: what the array would give. */
static mrb_value tuple_get(mrb_state *mrb, mrb_value self)
{
  const mrb_value *arguments;
  mrb_int count;
  mrb_get_args(mrb, "*!", &arguments, &count);
  check_tuple(mrb, self);
  if (count == 1 && mrb_fixnum_p(arguments[0])) {
    return mrb_ary_entry(self, mrb_fixnum(arguments[0]));
  }
  return mrb_funcall_argv(mrb, tuple_to_a(mrb, self), mrb_intern_lit(mrb, "[]"), count, arguments);
}

/* Elements are compared by Ruby code, which can't change a frozen tuple, but may be wild enough to
 * have reached the array all the same: so no pointer is kept. */
static mrb_value compare(mrb_state *mrb, mrb_value self,
                         bool (*same)(mrb_state *, mrb_value, mrb_value))
{
  mrb_value other = mrb_get_arg1(mrb);
  check_tuple(mrb, self);
  if (!is_tuple(mrb, other) || RARRAY_LEN(self) != RARRAY_LEN(other)) return mrb_false_value();
  for (mrb_int i = 0; i < RARRAY_LEN(self); i++)
    if (!same(mrb, mrb_ary_entry(self, i), mrb_ary_entry(other, i))) return mrb_false_value();
  return mrb_true_value();
}

static mrb_value tuple_equal(mrb_state *mrb, mrb_value self)
{
  return compare(mrb, self, mrb_equal);
}

static mrb_value tuple_eql(mrb_state *mrb, mrb_value self) { return compare(mrb, self, mrb_eql); }

static mrb_value tuple_inspect(mrb_state *mrb, mrb_value self)
{
  mrb_value text = mrb_str_new_lit(mrb, "Erlang::Tuple[");
  check_tuple(mrb, self);
  int arena = mrb_gc_arena_save(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(self); i++) {
    if (i > 0) mrb_str_cat_lit(mrb, text, ", ");
    mrb_str_cat_str(mrb, text, mrb_inspect(mrb, mrb_ary_entry(self, i)));
    mrb_gc_arena_restore(mrb, arena);
  }
  mrb_str_cat_lit(mrb, text, "]");
  return text;
}

/* --- Pid, Reference, Port, Fun -------------------------------------------------------------- */

static void free_opaque(mrb_state *mrb, void *data) { mrb_free(mrb, data); }

static const mrb_data_type opaque_type = {"Erlang term", free_opaque};

mrb_value opaque_new(mrb_state *mrb, const struct term_types *types, const struct etf_item *item)
{
  struct RClass *class = types->fun;
  if (item->kind == ETF_PID) class = types->pid;
  if (item->kind == ETF_PORT) class = types->port;
  if (item->kind == ETF_REFERENCE) class = types->reference;
  /* The object first: if there is no memory for the bytes, it is empty, and no one's harm. */
  struct RData *object = mrb_data_object_alloc(mrb, class, NULL, &opaque_type);
  struct opaque *opaque = mrb_malloc(mrb, sizeof *opaque + item->length);
  opaque->kind = item->kind;
  opaque->length = item->length;
  memcpy(opaque->bytes, item->bytes, item->length);
  object->data = opaque;
  MRB_SET_FROZEN_FLAG(object);
  return mrb_obj_value(object);
}

const struct opaque *opaque_of(mrb_state *mrb, mrb_value value)
{
  return mrb_data_check_get_ptr(mrb, value, &opaque_type);
}

static const struct opaque *check_opaque(mrb_state *mrb, mrb_value self)
{
  const struct opaque *opaque = opaque_of(mrb, self);
  if (!opaque) mrb_raise(mrb, E_TYPE_ERROR, "not a term that came from Erlang");
  return opaque;
}

static mrb_value opaque_equal(mrb_state *mrb, mrb_value self)
{
  const struct opaque *a = check_opaque(mrb, self);
  const struct opaque *b = opaque_of(mrb, mrb_get_arg1(mrb));
  bool equal = false;
  if (b && etf_equal(a->bytes, a->length, b->bytes, b->length, &equal) != STATUS_OK) equal = false;
  return mrb_bool_value(equal);
}

static mrb_value opaque_hash(mrb_state *mrb, mrb_value self)
{
  const struct opaque *opaque = check_opaque(mrb, self);
  uint64_t hash = 0;
  if (etf_hash(opaque->bytes, opaque->length, 0, &hash) != STATUS_OK) hash = 0;
  return mrb_fixnum_value((mrb_int)(hash >> 2));
}

/* #<Erlang::Pid rubeam@host 85.0>, as much as a reader of a log may want to know. */
static mrb_value opaque_inspect(mrb_state *mrb, mrb_value self)
{
  const struct opaque *opaque = check_opaque(mrb, self);
  if (opaque->kind == ETF_FUN) return mrb_str_new_lit(mrb, "#<Erlang::Fun>");
  struct etf_item item = {.kind = opaque->kind, .bytes = opaque->bytes, .length = opaque->length};
  struct etf_identity identity;
  etf_identify(&item, &identity);
  const char *name = opaque->kind == ETF_PID    ? "Pid"
                     : opaque->kind == ETF_PORT ? "Port"
                                                : "Reference";
  mrb_value text = mrb_format(mrb, "#<Erlang::%s %l", name, identity.node, identity.node_length);
  for (size_t i = 0; i < identity.count; i++) {
    mrb_str_cat_cstr(mrb, text, i == 0 ? " " : ".");
    mrb_str_cat_str(mrb, text, mrb_format(mrb, "%i", (mrb_int)identity.words[i]));
  }
  mrb_str_cat_lit(mrb, text, ">");
  return text;
}

/* --- Definitions ---------------------------------------------------------------------------- */

static mrb_value itself(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  return self;
}

static struct RClass *define(mrb_state *mrb, struct RClass *erlang, const char *name,
                             struct RClass *super, const char *hold)
{
  struct RClass *class = mrb_define_class_under(mrb, erlang, name, super);
  mrb_gv_set(mrb, mrb_intern_cstr(mrb, hold), mrb_obj_value(class));
  return class;
}

void term_set_instance_type(struct RClass *class, enum mrb_vtype type)
{
#pragma GCC diagnostic push /* the macro has a ~ of a signed number in it */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
  MRB_SET_INSTANCE_TT(class, type);
#pragma GCC diagnostic pop
}

/* What never changes, and can't be made from nothing. */
static struct RClass *define_value(mrb_state *mrb, struct RClass *erlang, const char *name,
                                   const char *hold, enum mrb_vtype type)
{
  struct RClass *class = define(mrb, erlang, name, mrb->object_class, hold);
  term_set_instance_type(class, type);
  mrb_undef_class_method(mrb, class, "new");
  mrb_undef_class_method(mrb, class, "allocate");
  mrb_define_method(mrb, class, "dup", itself, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "clone", itself, MRB_ARGS_NONE());
  return class;
}

static struct RClass *define_opaque(mrb_state *mrb, struct RClass *erlang, const char *name,
                                    const char *hold)
{
  struct RClass *class = define_value(mrb, erlang, name, hold, MRB_TT_CDATA);
  mrb_define_method(mrb, class, "==", opaque_equal, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, class, "eql?", opaque_equal, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, class, "hash", opaque_hash, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "inspect", opaque_inspect, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "to_s", opaque_inspect, MRB_ARGS_NONE());
  return class;
}

static struct RClass *define_tuple(mrb_state *mrb, struct RClass *erlang)
{
  struct RClass *class = define_value(mrb, erlang, "Tuple", "erlang_tuple", MRB_TT_ARRAY);
  /* Enumerable's hash is the one of an array with the same elements, which is fine: they aren't
   * eql?. Array's own each is Ruby code that asks for length and [] alone, so it serves here, and
   * other than a C function it lets a block switch fibers. */
  struct RClass *array = mrb->array_class;
  mrb_sym each = mrb_intern_lit(mrb, "each");
  mrb_include_module(mrb, class, mrb_module_get(mrb, "Enumerable"));
  mrb_define_method_raw(mrb, class, each, mrb_method_search_vm(mrb, &array, each));
  mrb_define_class_method(mrb, class, "[]", tuple_create, MRB_ARGS_ANY());
  mrb_define_method(mrb, class, "[]", tuple_get, MRB_ARGS_ANY());
  mrb_define_method(mrb, class, "size", tuple_size, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "length", tuple_size, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "to_a", tuple_to_a, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "to_ary", tuple_to_a, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "==", tuple_equal, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, class, "eql?", tuple_eql, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, class, "inspect", tuple_inspect, MRB_ARGS_NONE());
  mrb_define_method(mrb, class, "to_s", tuple_inspect, MRB_ARGS_NONE());
  return class;
}

static void free_types(mrb_state *mrb, void *data)
{
  struct term_types *types = data;
  if (types) mrb_free(mrb, types->names);
  mrb_free(mrb, types);
}

static const mrb_data_type types_type = {"Erlang types", free_types};

void term_init(mrb_state *mrb)
{
  int arena = mrb_gc_arena_save(mrb);
  struct RClass *erlang = mrb_define_module(mrb, "Erlang");
  struct RClass *nameless = mrb_class_new(mrb, mrb->object_class);
  term_set_instance_type(nameless, MRB_TT_CDATA);
  struct RData *holder = mrb_data_object_alloc(mrb, nameless, NULL, &types_type);
  struct term_types *types = mrb_calloc(mrb, 1, sizeof *types);
  holder->data = types;
  types->names = term_names_new(mrb);
  types->tuple = define_tuple(mrb, erlang);
  types->pid = define_opaque(mrb, erlang, "Pid", "erlang_pid");
  types->reference = define_opaque(mrb, erlang, "Reference", "erlang_reference");
  types->port = define_opaque(mrb, erlang, "Port", "erlang_port");
  types->fun = define_opaque(mrb, erlang, "Fun", "erlang_fun");
  struct RClass *error =
      mrb_define_class_under(mrb, erlang, "Error", mrb_class_get(mrb, "StandardError"));
  types->term_error = define(mrb, erlang, "TermError", error, "erlang_term_error");
  types->to_erl = mrb_intern_lit(mrb, "to_erl");
  mrb_gv_set(mrb, mrb_intern_lit(mrb, "erlang_types"), mrb_obj_value(holder));
  mrb_gc_arena_restore(mrb, arena);
}

const struct term_types *term_types(mrb_state *mrb)
{
  mrb_value holder = mrb_gv_get(mrb, mrb_intern_lit(mrb, "erlang_types"));
  const struct term_types *types = mrb_data_check_get_ptr(mrb, holder, &types_type);
  assert(types);
  return types;
}
