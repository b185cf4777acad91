/* mruby alone in a C program: the limit for what Rubeam runs. Built as such a program would be,
 * with an mruby without debug hooks (the variant `plain`).
 *
 * A line "NAME COUNT" on standard input has the work NAME done COUNT times; the answer is a line
 * with the nanoseconds that took. Started by bench_ways.erl; ends when its standard input does. */
#include <mruby.h>
#include <mruby/compile.h>
#include <mruby/string.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The same that bench_ways.erl gives to Rubeam. */
static const char prelude[] = "def add(x, y)\n"
                              "  x + y\n"
                              "end\n"
                              "def fib(n)\n"
                              "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
                              "end\n";
static const char loop_code[] = "i = 0\n"
                                "while i < 10000\n"
                                "  i += 1\n"
                                "end\n"
                                "i\n";

static mrb_state *mrb;
static mrbc_context *context;

static void fail(const char *what)
{
  fprintf(stderr, "mruby_alone: %s\n", what);
  exit(1);
}

static void expect(mrb_value value, mrb_int wanted)
{
  if (mrb->exc || !mrb_integer_p(value) || mrb_integer(value) != wanted) fail("a wrong result");
}

static mrb_value eval(const char *code, size_t length)
{
  return mrb_load_nstring_cxt(mrb, code, length, context);
}

static mrb_value call(const char *method, mrb_int argc, mrb_int first, mrb_int second)
{
  mrb_value args[] = {mrb_fixnum_value(first), mrb_fixnum_value(second)};
  return mrb_funcall_argv(mrb, mrb_top_self(mrb), mrb_intern_cstr(mrb, method), argc, args);
}

static void do_eval(void) { expect(eval("1+2", 3), 3); }
static void do_loop(void) { expect(eval(loop_code, sizeof loop_code - 1), 10000); }
static void do_call(void) { expect(call("add", 2, 1000, 2000), 3000); }
static void do_fib(void) { expect(call("fib", 1, 27, 0), 196418); }
static void do_fib30(void) { expect(call("fib", 1, 30, 0), 832040); }

static void do_open(void)
{
  mrb_state *other = mrb_open();
  if (!other) fail("mrb_open");
  mrb_close(other);
}

static const struct work {
  const char *name;
  void (*once)(void);
} works[] = {{"eval", do_eval}, {"loop", do_loop},   {"call", do_call},
             {"fib", do_fib},   {"fib30", do_fib30}, {"open", do_open}};

static const struct work *find(const char *name)
{
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    if (!strcmp(works[i].name, name)) return &works[i];
  fail("no such work");
  return NULL;
}

static int64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(void)
{
  char name[16];
  long count;
  mrb = mrb_open();
  if (!mrb) fail("mrb_open");
  context = mrbc_context_new(mrb);
  eval(prelude, sizeof prelude - 1);
  if (mrb->exc) fail("the prelude");
  while (scanf("%15s %ld", name, &count) == 2) {
    const struct work *work = find(name);
    int arena = mrb_gc_arena_save(mrb);
    int64_t start = now_ns();
    for (long i = 0; i < count; i++) {
      work->once();
      mrb_gc_arena_restore(mrb, arena);
    }
    printf("%lld\n", (long long)(now_ns() - start));
    fflush(stdout);
  }
  return 0;
}
