/* Opening and closing: see ruby_open.h. What has something for Ruby to find is listed in `prepare`. */
#include "ruby_open.h"

#include "ruby_api.h"
#include "ruby_erlang.h"
#include "ruby_exit.h"
#include "ruby_inside.h"
#include "ruby_json.h"
#include "ruby_regexp.h"
#include "ruby_require.h"

#include <mruby/error.h>
#include <mruby/istruct.h>
#include <mruby/variable.h>
#include <string.h>

/* mruby-random keeps its generator in an instance variable of Random that code can't name. */
static void *seeds_of(mrb_state *mrb)
{
  mrb_value random = mrb_obj_value(mrb_class_get(mrb, "Random"));
  return mrb_istruct_ptr(mrb_iv_get(mrb, random, mrb_intern_lit(mrb, "mruby_Random")));
}

static mrb_value prepare(mrb_state *mrb, void *data)
{
  struct ruby *ruby = data;
  ruby_compile_open(&ruby->compiler, mrb, ruby->slice);
  term_init(mrb);
  ruby->terms.types = term_types(mrb);
  struct RClass *erlang = mrb_module_get(mrb, "Erlang");
  ruby_api_init(ruby, erlang);
  ruby_exit_init(ruby);
  ruby_erlang_init(ruby, erlang);
  ruby_inside_init(ruby, erlang);
  ruby_require_init(ruby);
  ruby_json_init(ruby);
  ruby_regexp_init(ruby);
  ruby->seeds = seeds_of(mrb);
  return mrb_nil_value();
}

static void checkpoint(void *slice) { slice_checkpoint(slice); }

void ruby_attach(struct ruby *ruby, struct slice *slice, const struct options *options,
                 const struct ruby_host *host, void *context, struct atoms *atoms)
{
  ruby->slice = ruby->compiler.slice = slice;
  ruby->options = options;
  ruby->host = host;
  ruby->context = context;
  ruby->terms.atoms = atoms;
  ruby->terms.cache = &ruby->atoms_cache;
  ruby->terms.depth = (uint32_t)options->max_depth;
  ruby->terms.checkpoint = checkpoint;
  ruby->terms.checkpoint_data = slice;
  buffer_init(&ruby->frame, options->max_frame);
}

void ruby_detach(struct ruby *ruby)
{
  ruby->slice = ruby->compiler.slice = NULL;
  ruby->options = NULL;
  ruby->host = NULL;
  ruby->context = NULL;
  ruby->terms = (struct term_context){.types = ruby->terms.types};
  memset(&ruby->frame, 0, sizeof ruby->frame);
}

enum status ruby_open(struct ruby *ruby, struct slice *slice, const struct options *options,
                      const struct ruby_host *host, void *context, struct atoms *atoms)
{
  memset(ruby, 0, sizeof *ruby);
  ruby_attach(ruby, slice, options, host, context, atoms);
  mrb_state *mrb = mrb_open_allocf(slice_allocate, slice);
  if (!mrb) return STATUS_NO_MEMORY;
  ruby->mrb = mrb;
  mrb->ud = ruby;
  mrb_bool failed = FALSE;
  mrb_protect_error(mrb, prepare, ruby, &failed);
  mrb_gc_arena_restore(mrb, 0);
  return failed ? STATUS_NO_MEMORY : STATUS_OK;
}

void ruby_close(struct ruby *ruby)
{
  if (ruby->frame.bytes) buffer_fini(&ruby->frame); /* else it was never opened */
}
