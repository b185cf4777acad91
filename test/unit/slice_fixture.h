/* A world: an mruby in a slice and a heap, without all that ruby_open.c adds, and one job after the
 * other that runs a piece of code in it.
 *
 * Its Ruby has two functions more: `mark` notes that the code has come there, and `wait_ms N` waits
 * (for ever, if N is negative). A test that opens a world needs the watchdog: see job_fixture.h. */
#ifndef RUBEAM_TEST_SLICE_FIXTURE_H
#define RUBEAM_TEST_SLICE_FIXTURE_H

#include "heap.h"
#include "slice.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MB          ((size_t)1 << 20)
#define MILLISECOND INT64_C(1000000)
#define NOT_ASKED   (INT64_C(3600) * 1000000000) /* as a slice: no job is ever asked to give way */

struct world {
  struct heap *heap;
  struct slice slice;
  mrb_state *mrb;
  enum slice_end end;  /* of the last slice */
  _Atomic bool marked; /* Ruby has called `mark` */
  /* the job */
  const char *code;
  size_t code_length;
  void (*hook)(mrb_state *, const mrb_irep *, const mrb_code *, mrb_value *); /* set as it begins */
  bool raised;
  char result[4000]; /* the value inspected, or "Class: message" */
};

/* `memory_limit` in bytes; `grace` in slices. */
struct world *open_world(size_t memory_limit, int64_t slice_ns, unsigned grace);
void close_world(struct world *world);

/* The world whose mruby this is. */
struct world *world_of(mrb_state *mrb);

/* Gives its Ruby one more function. */
void define_in_world(struct world *world, const char *name, mrb_func_t function,
                     mrb_aspec arguments);

/* --- jobs --- */

/* Starts a job that runs the code, which must stay until its end. */
void start_job(struct world *world, const char *code);

/* The body of such a job, with the world as argument. */
void job_body(void *world);

/* One slice on this thread; how it ended is in world->end too. */
enum slice_end run_slice(struct world *world);

/* Runs slices until the job has come by its `mark`, and is switched out behind it. */
void run_to_mark(struct world *world);

/* Runs slices to the end of the job. */
enum slice_end finish_job(struct world *world);

/* Start and finish. */
enum slice_end run_job(struct world *world, const char *code);

/* Runs the code: it must give this value (as `inspect` shows it), raise something like this, or be
 * killed for this reason. */
void job_must_give(struct world *world, const char *code, const char *wanted);
void job_must_raise(struct world *world, const char *code, const char *pattern);
void job_must_be_killed(struct world *world, const char *code, enum kill why);

/* It is as good as new: no frame, no fiber is left over, and Ruby runs. */
void world_must_be_usable(struct world *world);

/* About `length` bytes of source text: `piece` again and again, then `last`. While it is compiled
 * mruby fetches no instruction. The caller frees it. */
char *long_source(size_t length, const char *piece, const char *last);

#endif
