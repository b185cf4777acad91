/* Ending by its own will: see ruby_exit.h. */
#include "ruby_exit.h"

#include "ruby_keep.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/string.h>
#include <mruby/variable.h>

static mrb_sym status_name(mrb_state *mrb) { return mrb_intern_lit(mrb, "@status"); }

int64_t ruby_exit_status(mrb_state *mrb, mrb_value exception)
{
  mrb_value status = mrb_iv_get(mrb, exception, status_name(mrb));
  return mrb_integer_p(status) ? mrb_integer(status) : 0;
}

/* true, false, or a number. */
static mrb_int to_status(mrb_state *mrb, mrb_value given)
{
  return mrb_true_p(given) ? 0 : mrb_false_p(given) ? 1 : mrb_as_int(mrb, given);
}

static bool is_status(mrb_value value)
{
  return mrb_true_p(value) || mrb_false_p(value) || mrb_integer_p(value);
}

/* SystemExit.new(status = true, message = "exit"), where the status may be left out. */
static mrb_value exit_initialize(mrb_state *mrb, mrb_value self)
{
  const mrb_value *given;
  mrb_int count;
  mrb_get_args(mrb, "*", &given, &count);
  bool has_status = count > 0 && is_status(given[0]);
  mrb_int rest = count - (has_status ? 1 : 0);
  if (rest > 1) mrb_argnum_error(mrb, count, 0, 2);
  mrb_value message = rest > 0 ? given[count - 1] : mrb_str_new_lit(mrb, "exit");
  mrb_iv_set(mrb, self, status_name(mrb),
             mrb_int_value(mrb, has_status ? to_status(mrb, given[0]) : 0));
  mrb_exc_mesg_set(mrb, mrb_exc_ptr(self), message);
  return self;
}

static mrb_value exit_status(mrb_state *mrb, mrb_value self)
{
  return mrb_int_value(mrb, (mrb_int)ruby_exit_status(mrb, self));
}

static mrb_value exit_success(mrb_state *mrb, mrb_value self)
{
  return mrb_bool_value(ruby_exit_status(mrb, self) == 0);
}

_Noreturn static void raise_exit(mrb_state *mrb, mrb_int status, mrb_value message)
{
  mrb_value exception = mrb_exc_new_str(mrb, ruby_of(mrb)->exit_class, message);
  mrb_iv_set(mrb, exception, status_name(mrb), mrb_int_value(mrb, status));
  mrb_exc_raise(mrb, exception);
}

static mrb_value kernel_exit(mrb_state *mrb, mrb_value self)
{
  mrb_value given = mrb_true_value();
  (void)self;
  mrb_get_args(mrb, "|o", &given);
  raise_exit(mrb, to_status(mrb, given), mrb_str_new_lit(mrb, "exit"));
}

static mrb_value kernel_exit_now(mrb_state *mrb, mrb_value self)
{
  mrb_value given = mrb_false_value();
  (void)self;
  mrb_get_args(mrb, "|o", &given);
  slice_exit(ruby_of(mrb)->slice, to_status(mrb, given));
}

static mrb_value kernel_abort(mrb_state *mrb, mrb_value self)
{
  mrb_value message = mrb_nil_value();
  mrb_get_args(mrb, "|S", &message);
  if (mrb_nil_p(message)) raise_exit(mrb, 1, mrb_str_new_lit(mrb, "exit"));
  mrb_funcall(mrb, self, "warn", 1, message);
  raise_exit(mrb, 1, message);
}

static mrb_value kernel_at_exit(mrb_state *mrb, mrb_value self)
{
  mrb_value block;
  (void)self;
  mrb_get_args(mrb, "&", &block);
  if (mrb_nil_p(block)) mrb_raise(mrb, E_ARGUMENT_ERROR, "called without block");
  mrb_ary_push(mrb, mrb_obj_value(ruby_of(mrb)->at_exit), block);
  return block;
}

bool ruby_exit_take_block(struct ruby *ruby, mrb_value *block)
{
  if (RARRAY_LEN(mrb_obj_value(ruby->at_exit)) == 0) return false;
  *block = mrb_ary_pop(ruby->mrb, mrb_obj_value(ruby->at_exit));
  mrb_gc_protect(ruby->mrb, *block);
  return true;
}

void ruby_exit_init(struct ruby *ruby)
{
  mrb_state *mrb = ruby->mrb;
  struct RClass *kernel = mrb->kernel_module;
  ruby->at_exit = ruby_keep_array(mrb, "rubeam at_exit");
  ruby->exit_class = mrb_define_class(mrb, "SystemExit", mrb->eException_class);
  ruby_keep(mrb, "rubeam exit", ruby->exit_class);
  mrb_define_method(mrb, ruby->exit_class, "initialize", exit_initialize, MRB_ARGS_OPT(2));
  mrb_define_method(mrb, ruby->exit_class, "status", exit_status, MRB_ARGS_NONE());
  mrb_define_method(mrb, ruby->exit_class, "success?", exit_success, MRB_ARGS_NONE());
  mrb_define_module_function(mrb, kernel, "exit", kernel_exit, MRB_ARGS_OPT(1));
  mrb_define_module_function(mrb, kernel, "exit!", kernel_exit_now, MRB_ARGS_OPT(1));
  mrb_define_module_function(mrb, kernel, "abort", kernel_abort, MRB_ARGS_OPT(1));
  mrb_define_module_function(mrb, kernel, "at_exit", kernel_at_exit, MRB_ARGS_BLOCK());
}
