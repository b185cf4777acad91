/* Objects that are kept and not found: see ruby_keep.h. */
#include "ruby_keep.h"

#include <mruby/array.h>
#include <mruby/variable.h>

void ruby_keep(mrb_state *mrb, const char *name, void *object)
{
  mrb_gv_set(mrb, mrb_intern_cstr(mrb, name), mrb_obj_value(object));
}

struct RArray *ruby_keep_array(mrb_state *mrb, const char *name)
{
  struct RArray *array = mrb_ary_ptr(mrb_ary_new(mrb));
  array->c = NULL; /* what has no class is mruby's own: ObjectSpace.each_object passes it by */
  ruby_keep(mrb, name, array);
  return array;
}
