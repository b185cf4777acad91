/* What the parts of an interpreter share: see ruby.h. */
#include "ruby.h"

#include <mruby/error.h>

/* Encoding recurses without allocating (which is where a stack is looked after), and its buffer
 * uses malloc, in which a stack must not overflow: for a term of the greatest depth, and malloc. */
#define FRAME_STACK ((size_t)1536 << 10)

struct ruby *ruby_of(mrb_state *mrb) { return mrb->ud; }

struct framing {
  struct ruby *ruby;
  void (*put)(struct ruby *, const void *);
  const void *data;
};

static mrb_value write_frame(mrb_state *mrb, void *data)
{
  const struct framing *framing = data;
  (void)mrb;
  framing->put(framing->ruby, framing->data);
  return mrb_nil_value();
}

void ruby_frame(struct ruby *ruby, void (*put)(struct ruby *, const void *), const void *data)
{
  mrb_state *mrb = ruby->mrb;
  struct framing framing = {ruby, put, data};
  slice_need_stack(ruby->slice, FRAME_STACK);
  if (ruby->framing)
    mrb_raise(mrb, E_RUNTIME_ERROR, "a to_erl can't send or call: its own term is being made");
  mrb_bool failed = FALSE;
  buffer_clear(&ruby->frame);
  ruby->framing = true;
  mrb_value error = mrb_protect_error(mrb, write_frame, &framing, &failed);
  ruby->framing = false;
  if (failed) mrb_exc_raise(mrb, error);
}
