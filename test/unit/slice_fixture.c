/* Worlds: see slice_fixture.h. */
#include "slice_fixture.h"

#include "faults.h"
#include "preempt.h"
#include "terms.h"
#include "waiting.h"

#include <mruby/class.h>
#include <mruby/compile.h>
#include <mruby/error.h>
#include <mruby/string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- an interpreter --- */

struct world *world_of(mrb_state *mrb) { return mrb->ud; }

static mrb_value ruby_wait_ms(mrb_state *mrb, mrb_value self)
{
  mrb_int ms;
  (void)self;
  mrb_get_args(mrb, "i", &ms);
  slice_wait(&world_of(mrb)->slice, ms < 0 ? INT64_MAX : now_ns() + ms * MILLISECOND);
  return mrb_nil_value();
}

static mrb_value ruby_mark(mrb_state *mrb, mrb_value self)
{
  (void)self;
  world_of(mrb)->marked = true;
  return mrb_nil_value();
}

static mrb_value prepare(mrb_state *mrb, void *data)
{
  struct world *world = data;
  struct RClass *exception = mrb->eException_class, *kernel = mrb->kernel_module;
  mrb_define_method(mrb, kernel, "wait_ms", ruby_wait_ms, MRB_ARGS_REQ(1));
  mrb_define_method(mrb, kernel, "mark", ruby_mark, MRB_ARGS_NONE());
  slice_attach(&world->slice, mrb, mrb_define_class(mrb, "Late", exception),
               mrb_define_class(mrb, "Stopped", exception));
  return mrb_nil_value();
}

static void open_body(void *data)
{
  struct world *world = data;
  mrb_bool failed = FALSE;
  world->mrb = mrb_open_allocf(slice_allocate, &world->slice);
  if (!world->mrb) return;
  world->mrb->ud = world;
  mrb_protect_error(world->mrb, prepare, world, &failed);
  mrb_gc_arena_restore(world->mrb, 0);
  if (failed) world->mrb = NULL;
}

struct world *open_world(size_t memory_limit, int64_t slice_ns, unsigned grace)
{
  struct world *world = calloc(1, sizeof *world);
  assert_non_null(world);
  install_fault_handler();
  preempt_install();
  assert_int_equal(heap_open(memory_limit + 8 * MB, &world->heap), STATUS_OK);
  slice_init(&world->slice, world->heap, memory_limit, slice_ns, grace, NULL);
  assert_int_equal(slice_start(&world->slice, open_body, world), STATUS_OK);
  assert_int_equal(slice_run_unwatched(&world->slice), SLICE_RETURNED);
  assert_non_null(world->mrb);
  return world;
}

void close_world(struct world *world)
{
  slice_fini(&world->slice);
  heap_close(world->heap);
  free(world);
}

void define_in_world(struct world *world, const char *name, mrb_func_t function,
                     mrb_aspec arguments)
{
  mrb_define_method(world->mrb, world->mrb->kernel_module, name, function, arguments);
}

/* --- jobs --- */

static mrb_value load(mrb_state *mrb, void *data)
{
  struct world *world = data;
  mrb_ccontext *context = mrb_ccontext_new(mrb);
  mrb_ccontext_filename(mrb, context, "t");
  mrb_value value = mrb_load_nstring_cxt(mrb, world->code, world->code_length, context);
  mrb_ccontext_free(mrb, context);
  if (mrb->exc) {
    mrb_value exception = mrb_obj_value(mrb->exc);
    mrb->exc = NULL;
    mrb_exc_raise(mrb, exception);
  }
  return mrb_inspect(mrb, value);
}

static mrb_value describe(mrb_state *mrb, void *data)
{
  mrb_value exception = *(mrb_value *)data;
  return mrb_format(mrb, "%C: %v", mrb_obj_class(mrb, exception),
                    mrb_funcall(mrb, exception, "message", 0));
}

void job_body(void *data)
{
  struct world *world = data;
  mrb_state *mrb = world->mrb;
  mrb_bool failed = FALSE;
  if (world->hook) mrb->code_fetch_hook = world->hook;
  mrb_value value = mrb_protect_error(mrb, load, world, &failed);
  world->raised = failed;
  if (failed) {
    mrb_bool again = FALSE;
    mrb_gc_protect(mrb, value);
    value = mrb_protect_error(mrb, describe, &value, &again);
  }
  if (world->hook) mrb->code_fetch_hook = NULL;
  (void)snprintf(world->result, sizeof world->result, "%s",
                 mrb_string_p(value) ? RSTRING_PTR(value) : "?");
  mrb_gc_arena_restore(mrb, 0);
}

void start_job(struct world *world, const char *code)
{
  world->code = code;
  world->code_length = strlen(code);
  world->result[0] = '\0';
  world->raised = false;
  world->marked = false;
  slice_ready(&world->slice);
  assert_int_equal(slice_start(&world->slice, job_body, world), STATUS_OK);
}

enum slice_end run_slice(struct world *world)
{
  assert_int_equal(slice_run(&world->slice, false, &world->end), STATUS_OK);
  assert_null(slice_current());
  return world->end;
}

void run_to_mark(struct world *world)
{
  do {
    run_slice(world);
    if (world->end == SLICE_RETURNED || world->end == SLICE_KILLED)
      fail_msg("ended: %s", world->result);
  } while (!world->marked);
}

enum slice_end finish_job(struct world *world)
{
  while (run_slice(world) == SLICE_PREEMPTED || world->end == SLICE_WAITING)
    if (world->end == SLICE_WAITING) pause_us(200);
  return world->end;
}

enum slice_end run_job(struct world *world, const char *code)
{
  start_job(world, code);
  return finish_job(world);
}

void job_must_give(struct world *world, const char *code, const char *wanted)
{
  assert_int_equal(run_job(world, code), SLICE_RETURNED);
  if (world->raised) fail_msg("%s: raised %s", code, world->result);
  assert_string_equal(world->result, wanted);
}

void job_must_raise(struct world *world, const char *code, const char *pattern)
{
  assert_int_equal(run_job(world, code), SLICE_RETURNED);
  assert_true(world->raised);
  must_be_like(world->result, pattern);
}

void job_must_be_killed(struct world *world, const char *code, enum kill why)
{
  assert_int_equal(run_job(world, code), SLICE_KILLED);
  assert_int_equal(world->slice.killed, why);
  assert_null(world->slice.job);
}

void world_must_be_usable(struct world *world)
{
  assert_null(world->slice.job);
  assert_ptr_equal(world->mrb->c, world->mrb->root_c);
  assert_ptr_equal(world->mrb->c->ci, world->mrb->c->cibase);
  assert_int_equal(mrb_gc_arena_save(world->mrb), 0);
  assert_true(heap_check(world->heap));
  job_must_give(world, "[1, 2, 3].map { |i| i * 2 }", "[2, 4, 6]");
  job_must_give(world, "begin; raise 'x'; rescue => e; e.message; ensure; 2; end", "\"x\"");
  job_must_give(world, "f = Fiber.new { Fiber.yield 1; 2 }; [f.resume, f.resume]", "[1, 2]");
}

char *long_source(size_t length, const char *piece, const char *last)
{
  char *source = malloc(length + 100);
  assert_non_null(source);
  size_t at = 0, step = strlen(piece);
  for (; at + step < length; at += step) memcpy(source + at, piece, step);
  (void)snprintf(source + at, 100, "%s", last);
  return source;
}
