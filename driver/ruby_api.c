/* Kernel and IO functions that Ruby code expects, over the host of the interpreter: see ruby_api.h.
 *
 * Output goes where $stdout and $stderr point, as in Ruby; the two standard ones hand their bytes
 * to the host. Nothing here reaches a file or a stream of the process.
 */
#include "ruby_api.h"

#include "etf.h"
#include "float_text.h"
#include "ruby_keep.h"

#include <math.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/string.h>
#include <mruby/variable.h>

/* Sending takes locks of the VM: a stack must not overflow there either. */
#define OUTPUT_STACK ((size_t)512 << 10)

/* How long a script waits that prints faster than its owner reads, before it asks again. */
#define READER_NS INT64_C(1000000)

#define FAR_AWAY_S 1e9 /* the longest sleep, about 30 years: what is beyond would overflow */

/* --- output --- */

static mrb_sym error_stream_mark(mrb_state *mrb) { return mrb_intern_lit(mrb, "__error_stream"); }

/* Until the owner has read what was printed before. */
static void await_reader(struct ruby *ruby)
{
  enum sent sent;
  slice_need_stack(ruby->slice, OUTPUT_STACK);
  while ((sent = ruby->host->may_print(ruby->context)) == SENT_LATER)
    slice_wait(ruby->slice, now_ns() + READER_NS);
  if (sent == SENT_NEVER)
    mrb_raise(ruby->mrb, mrb_class_get(ruby->mrb, "IOError"),
              "too much is printed to an owner that waits for this request and reads nothing");
}

static void emit(mrb_state *mrb, mrb_value stream, mrb_value text)
{
  struct ruby *ruby = ruby_of(mrb);
  bool errors = mrb_test(mrb_iv_get(mrb, stream, error_stream_mark(mrb)));
  if (RSTRING_LEN(text) == 0) return;
  await_reader(ruby);
  ruby->host->output(ruby->context, errors, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
}

/* to_s, as it is by C for the common kinds. */
static mrb_value to_text(mrb_state *mrb, mrb_value value)
{
  mrb_value text = mrb_string_p(value) ? value : mrb_obj_as_string(mrb, value);
  return mrb_string_p(text) ? text : mrb_any_to_s(mrb, value);
}

/* The elements of an array may be arrays, and itself be among them: as deep as a term may be. */
static void add_lines(mrb_state *mrb, mrb_value text, mrb_value value, unsigned depth)
{
  if (mrb_array_p(value)) {
    if (depth > 256) mrb_raise(mrb, E_ARGUMENT_ERROR, "array nested too deep for puts");
    for (mrb_int i = 0; i < RARRAY_LEN(value); i++) {
      int arena = mrb_gc_arena_save(mrb);
      add_lines(mrb, text, RARRAY_PTR(value)[i], depth + 1);
      mrb_gc_arena_restore(mrb, arena);
    }
    return;
  }
  mrb_value line = to_text(mrb, value);
  mrb_str_cat_str(mrb, text, line);
  mrb_int length = RSTRING_LEN(line);
  if (length == 0 || RSTRING_PTR(line)[length - 1] != '\n') mrb_str_cat_lit(mrb, text, "\n");
}

static mrb_value io_puts(mrb_state *mrb, mrb_value self)
{
  const mrb_value *values;
  mrb_int count;
  mrb_get_args(mrb, "*", &values, &count);
  mrb_value text = mrb_str_new_capa(mrb, 64);
  mrb_value all = mrb_ary_new_from_values(mrb, count, values); /* to_s may move the arguments */
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++) add_lines(mrb, text, RARRAY_PTR(all)[i], 0);
  if (count == 0) mrb_str_cat_lit(mrb, text, "\n");
  emit(mrb, self, text);
  return mrb_nil_value();
}

static mrb_value join_texts(mrb_state *mrb)
{
  const mrb_value *values;
  mrb_int count;
  mrb_get_args(mrb, "*", &values, &count);
  if (count == 1 && mrb_string_p(values[0])) return values[0];
  mrb_value text = mrb_str_new_capa(mrb, 64);
  mrb_value all = mrb_ary_new_from_values(mrb, count, values);
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++)
    mrb_str_cat_str(mrb, text, to_text(mrb, RARRAY_PTR(all)[i]));
  return text;
}

static mrb_value io_print(mrb_state *mrb, mrb_value self)
{
  emit(mrb, self, join_texts(mrb));
  return mrb_nil_value();
}

static mrb_value io_write(mrb_state *mrb, mrb_value self)
{
  mrb_value text = join_texts(mrb);
  emit(mrb, self, text);
  return mrb_int_value(mrb, RSTRING_LEN(text));
}

static mrb_value io_append(mrb_state *mrb, mrb_value self)
{
  emit(mrb, self, to_text(mrb, mrb_get_arg1(mrb)));
  return self;
}

static mrb_value io_putc(mrb_state *mrb, mrb_value self)
{
  mrb_value what = mrb_get_arg1(mrb);
  char byte;
  if (mrb_string_p(what)) {
    emit(mrb, self, mrb_str_substr(mrb, what, 0, 1));
  } else {
    byte = (char)(mrb_as_int(mrb, what) & 0xff);
    emit(mrb, self, mrb_str_new(mrb, &byte, 1));
  }
  return what;
}

static mrb_value format_text(mrb_state *mrb)
{
  const mrb_value *values;
  mrb_int count;
  mrb_get_args(mrb, "*", &values, &count);
  if (count == 0) return mrb_str_new(mrb, NULL, 0);
  return mrb_funcall_argv(mrb, mrb_top_self(mrb), mrb_intern_lit(mrb, "format"), count, values);
}

static mrb_value io_printf(mrb_state *mrb, mrb_value self)
{
  emit(mrb, self, to_text(mrb, format_text(mrb)));
  return mrb_nil_value();
}

static mrb_value io_self(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  return self;
}

static mrb_value io_true(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  (void)self;
  return mrb_true_value();
}

static mrb_value io_false(mrb_state *mrb, mrb_value self)
{
  (void)mrb;
  (void)self;
  return mrb_false_value();
}

static mrb_value io_assign_sync(mrb_state *mrb, mrb_value self)
{
  (void)self;
  return mrb_get_arg1(mrb);
}

static mrb_value io_fileno(mrb_state *mrb, mrb_value self)
{
  return mrb_fixnum_value(mrb_test(mrb_iv_get(mrb, self, error_stream_mark(mrb))) ? 2 : 1);
}

static mrb_value io_inspect(mrb_state *mrb, mrb_value self)
{
  bool errors = mrb_test(mrb_iv_get(mrb, self, error_stream_mark(mrb)));
  return mrb_str_new_cstr(mrb, errors ? "#<IO:<STDERR>>" : "#<IO:<STDOUT>>");
}

static mrb_value standard_output(mrb_state *mrb)
{
  return mrb_gv_get(mrb, mrb_intern_lit(mrb, "$stdout"));
}

/* Kernel's functions are those of whatever $stdout is. */
static mrb_value kernel_puts(mrb_state *mrb, mrb_value self)
{
  const mrb_value *values;
  mrb_int count;
  (void)self;
  mrb_get_args(mrb, "*", &values, &count);
  return mrb_funcall_argv(mrb, standard_output(mrb), mrb_intern_lit(mrb, "puts"), count, values);
}

static mrb_value kernel_print(mrb_state *mrb, mrb_value self)
{
  const mrb_value *values;
  mrb_int count;
  (void)self;
  mrb_get_args(mrb, "*", &values, &count);
  return mrb_funcall_argv(mrb, standard_output(mrb), mrb_intern_lit(mrb, "print"), count, values);
}

static mrb_value kernel_putc(mrb_state *mrb, mrb_value self)
{
  (void)self;
  mrb_value what = mrb_get_arg1(mrb);
  return mrb_funcall_argv(mrb, standard_output(mrb), mrb_intern_lit(mrb, "putc"), 1, &what);
}

static mrb_value kernel_printf(mrb_state *mrb, mrb_value self)
{
  (void)self;
  mrb_value text = format_text(mrb);
  mrb_funcall_argv(mrb, standard_output(mrb), mrb_intern_lit(mrb, "write"), 1, &text);
  return mrb_nil_value();
}

static mrb_value kernel_p(mrb_state *mrb, mrb_value self)
{
  const mrb_value *values;
  mrb_int count;
  (void)self;
  mrb_get_args(mrb, "*", &values, &count);
  mrb_value all = mrb_ary_new_from_values(mrb, count, values);
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++) {
    mrb_value line = mrb_str_dup(mrb, to_text(mrb, mrb_inspect(mrb, RARRAY_PTR(all)[i])));
    mrb_str_cat_lit(mrb, line, "\n");
    mrb_funcall_argv(mrb, standard_output(mrb), mrb_intern_lit(mrb, "write"), 1, &line);
  }
  if (count == 0) return mrb_nil_value();
  return count == 1 ? mrb_ary_entry(all, 0) : all;
}

static mrb_value kernel_warn(mrb_state *mrb, mrb_value self)
{
  const mrb_value *values;
  mrb_int count;
  (void)self;
  mrb_get_args(mrb, "*", &values, &count);
  if (count > 0)
    mrb_funcall_argv(mrb, mrb_gv_get(mrb, mrb_intern_lit(mrb, "$stderr")),
                     mrb_intern_lit(mrb, "puts"), count, values);
  return mrb_nil_value();
}

static void define_output(mrb_state *mrb)
{
  static const struct {
    const char *name;
    mrb_func_t function;
    mrb_aspec arguments;
  } methods[] = {
      {"puts", io_puts, MRB_ARGS_ANY()},      {"print", io_print, MRB_ARGS_ANY()},
      {"write", io_write, MRB_ARGS_ANY()},    {"<<", io_append, MRB_ARGS_REQ(1)},
      {"putc", io_putc, MRB_ARGS_REQ(1)},     {"printf", io_printf, MRB_ARGS_ANY()},
      {"flush", io_self, MRB_ARGS_NONE()},    {"fsync", io_self, MRB_ARGS_NONE()},
      {"sync", io_true, MRB_ARGS_NONE()},     {"sync=", io_assign_sync, MRB_ARGS_REQ(1)},
      {"tty?", io_false, MRB_ARGS_NONE()},    {"isatty", io_false, MRB_ARGS_NONE()},
      {"fileno", io_fileno, MRB_ARGS_NONE()}, {"inspect", io_inspect, MRB_ARGS_NONE()},
  };
  struct RClass *io = mrb_define_class(mrb, "IO", mrb->object_class);
  MRB_UNDEF_ALLOCATOR(io);
  mrb_undef_class_method(mrb, io, "new");
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    mrb_define_method(mrb, io, methods[i].name, methods[i].function, methods[i].arguments);

  mrb_value out = mrb_obj_value(mrb_obj_alloc(mrb, MRB_TT_OBJECT, io));
  mrb_value errors = mrb_obj_value(mrb_obj_alloc(mrb, MRB_TT_OBJECT, io));
  mrb_iv_set(mrb, errors, error_stream_mark(mrb), mrb_true_value());
  mrb_define_global_const(mrb, "STDOUT", out);
  mrb_define_global_const(mrb, "STDERR", errors);
  mrb_gv_set(mrb, mrb_intern_lit(mrb, "$stdout"), out);
  mrb_gv_set(mrb, mrb_intern_lit(mrb, "$stderr"), errors);

  struct RClass *kernel = mrb->kernel_module;
  mrb_define_method(mrb, kernel, "puts", kernel_puts, MRB_ARGS_ANY());
  mrb_define_method(mrb, kernel, "print", kernel_print, MRB_ARGS_ANY());
  mrb_define_method(mrb, kernel, "putc", kernel_putc, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, kernel, "printf", kernel_printf, MRB_ARGS_ANY());
  mrb_define_method(mrb, kernel, "p", kernel_p, MRB_ARGS_ANY());
  mrb_define_method(mrb, kernel, "warn", kernel_warn, MRB_ARGS_ANY());
}

/* --- the protocol --- */

static void put_response(struct ruby *ruby, const void *data)
{
  const mrb_value *value = data;
  etf_put_version(&ruby->frame);
  etf_put_tuple(&ruby->frame, 2);
  etf_put_atom(&ruby->frame, "response", 8);
  term_encode(ruby->mrb, &ruby->frame, *value, &ruby->terms);
}

static mrb_value kernel_send_response(mrb_state *mrb, mrb_value self)
{
  struct ruby *ruby = ruby_of(mrb);
  mrb_value value = mrb_get_arg1(mrb);
  (void)self;
  if (ruby->options->packet == PACKET_LINE) {
    mrb_value line = mrb_str_dup(mrb, to_text(mrb, mrb_inspect(mrb, value)));
    mrb_str_cat_lit(mrb, line, "\n");
    await_reader(ruby);
    ruby->host->output(ruby->context, false, RSTRING_PTR(line), (size_t)RSTRING_LEN(line));
    return mrb_true_value();
  }
  await_reader(ruby);
  ruby_frame(ruby, put_response, &value);
  ruby->host->frame(ruby->context, ruby->frame.bytes, ruby->frame.length);
  return mrb_true_value();
}

/* --- time --- */

static mrb_value kernel_sleep(mrb_state *mrb, mrb_value self)
{
  mrb_value given = mrb_nil_value();
  (void)self;
  int64_t began = now_ns();
  if (mrb_get_args(mrb, "|o", &given) == 0) {
    slice_wait(ruby_of(mrb)->slice, INT64_MAX);
  } else {
    mrb_float seconds = mrb_as_float(mrb, given);
    if (isnan(seconds) || seconds < 0)
      mrb_raise(mrb, E_ARGUMENT_ERROR, "time interval must not be negative");
    if (seconds > FAR_AWAY_S) seconds = FAR_AWAY_S;
    slice_wait(ruby_of(mrb)->slice, began + (int64_t)(seconds * 1e9));
  }
  double slept = (double)(now_ns() - began) / 1e9;
  return mrb_int_value(mrb, (mrb_int)(slept + 0.5));
}

/* --- what mruby shows too much of --- */

/* Without those that no code can say: see ruby_keep.h. */
mrb_value ruby_global_variables(mrb_state *mrb, mrb_value self)
{
  mrb_value all = mrb_f_global_variables(mrb, self), named = mrb_ary_new(mrb);
  for (mrb_int i = 0; i < RARRAY_LEN(all); i++) {
    const char *name = mrb_sym_name(mrb, mrb_symbol(RARRAY_PTR(all)[i]));
    if (name && name[0] == '$') mrb_ary_push(mrb, named, RARRAY_PTR(all)[i]);
  }
  return named;
}

void ruby_api_init(struct ruby *ruby, struct RClass *erlang)
{
  mrb_state *mrb = ruby->mrb;
  struct RClass *exception = mrb->eException_class;
  struct RClass *kernel = mrb->kernel_module;

  /* Not StandardErrors: a bare `rescue` must not swallow a stop. */
  struct RClass *timeout = mrb_define_class_under(mrb, erlang, "Timeout", exception);
  struct RClass *interrupt = mrb_define_class_under(mrb, erlang, "Interrupt", exception);
  slice_attach(ruby->slice, mrb, timeout, interrupt);
  ruby_keep(mrb, "rubeam timeout", timeout);
  ruby_keep(mrb, "rubeam interrupt", interrupt);

  define_output(mrb);
  mrb_define_class(mrb, "IOError", E_STANDARD_ERROR);
  float_text_init(mrb);
  mrb_define_method(mrb, kernel, "send_response", kernel_send_response, MRB_ARGS_REQ(1));
  mrb_define_module_function(mrb, kernel, "sleep", kernel_sleep, MRB_ARGS_OPT(1));
  mrb_define_module_function(mrb, kernel, "global_variables", ruby_global_variables,
                             MRB_ARGS_NONE());
}
