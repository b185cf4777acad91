/* The core without a VM: requests straight into interp_request, with a transport that does nothing.
 *
 *   core_bench NAME COUNT     does the work COUNT times, and prints the nanoseconds of one
 *
 * Under `valgrind --tool=callgrind` it counts instructions: the difference of two counts is free of
 * what opening and closing cost, and does not depend on the machine's load. See bench_core.erl. */
#include "atoms.h"
#include "buffer.h"
#include "etf.h"
#include "interpreter.h"
#include "options.h"
#include "pool.h"
#include "watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char prelude[] = "def add(x, y)\n"
                              "  x + y\n"
                              "end\n"
                              "def take(bytes)\n"
                              "  bytes.bytesize\n"
                              "end\n"
                              "def fib(n)\n"
                              "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
                              "end\n";

static struct interp *interp;
static struct options options;
static struct pool *pool;
static struct atoms *atoms;

static void fail(const char *what)
{
  fprintf(stderr, "core_bench: %s\n", what);
  exit(1);
}

/* --- a transport that does nothing --- */

static void to_owner(void *home, const uint8_t *frame, size_t length)
{
  (void)home;
  (void)frame;
  (void)length;
}

static void to_caller(void *home, uintptr_t caller, const uint8_t *frame, size_t length)
{
  (void)home;
  (void)caller;
  (void)frame;
  (void)length;
}

static void answer_message(void *home, uintptr_t caller, struct piece id, struct piece result)
{
  (void)home;
  (void)caller;
  (void)id;
  (void)result;
}

static enum sent post(void *home, const uint8_t *frame, size_t length)
{
  (void)home;
  (void)frame;
  (void)length;
  return SENT;
}

static enum reading reading(void *home)
{
  (void)home;
  return READING;
}

static bool is_deaf(void *home, uintptr_t caller)
{
  (void)home;
  (void)caller;
  return true;
}

static void tend(void *home) { (void)home; }
static void gone(void *home) { (void)home; }

static const struct transport transport = {
    .to_owner = to_owner,
    .to_caller = to_caller,
    .answer = answer_message,
    .post = post,
    .output = to_owner,
    .reading = reading,
    .is_deaf = is_deaf,
    .event = to_owner,
    .tend = tend,
    .gone = gone,
    .name = "bench",
};

/* --- requests --- */

static struct buffer call_request, take_request, eval_request, cast_request, fib_request;

static void put_word(struct buffer *buffer, const char *word)
{
  etf_put_atom(buffer, word, strlen(word));
}

static void begin(struct buffer *buffer, uint32_t arity, const char *word)
{
  buffer_init(buffer, 4096);
  etf_put_version(buffer);
  etf_put_tuple(buffer, arity);
  put_word(buffer, word);
}

static void make_eval(struct buffer *buffer, const char *code)
{
  begin(buffer, 3, "eval");
  etf_put_nil(buffer);
  etf_put_binary(buffer, code, strlen(code));
}

static void make_requests(void)
{
  static char kilobyte[1000];
  memset(kilobyte, 'x', sizeof kilobyte);
  begin(&call_request, 4, "call");
  etf_put_nil(&call_request);
  put_word(&call_request, "add");
  etf_put_list(&call_request, 2);
  etf_put_integer(&call_request, 1000);
  etf_put_integer(&call_request, 2000);
  etf_put_nil(&call_request);
  begin(&take_request, 4, "call");
  etf_put_nil(&take_request);
  put_word(&take_request, "take");
  etf_put_list(&take_request, 1);
  etf_put_binary(&take_request, kilobyte, sizeof kilobyte);
  etf_put_nil(&take_request);
  make_eval(&eval_request, "1+2");
  make_eval(&fib_request, "fib(27)");
  begin(&cast_request, 2, "eval");
  etf_put_binary(&cast_request, "1+2", 3);
  if (buffer_status(&call_request) || buffer_status(&take_request) ||
      buffer_status(&eval_request) || buffer_status(&cast_request) || buffer_status(&fib_request))
    fail("no memory");
}

/* It must have been done at once: what goes to the pool is not counted here. */
static void request(const struct buffer *request, enum answer_kind wanted)
{
  struct answer answer;
  interp_request(interp, WAY_REQUEST, 1, request->bytes, request->length, &answer);
  if (answer.kind != wanted) fail("another kind of answer");
}

static void do_call(void) { request(&call_request, ANSWER_NOW); }
static void do_take(void) { request(&take_request, ANSWER_NOW); }
static void do_eval(void) { request(&eval_request, ANSWER_NOW); }
static void do_fib(void) { request(&fib_request, ANSWER_NOW); }
static void do_cast(void) { request(&cast_request, ANSWER_ACCEPTED); }

static void do_open(void)
{
  struct interp *other;
  if (interp_open(&options, &transport, NULL, pool, atoms, &other)) fail("interp_open");
  interp_close(other);
}

static const struct work {
  const char *name;
  void (*once)(void);
} works[] = {{"call", do_call}, {"take", do_take}, {"eval", do_eval},
             {"cast", do_cast}, {"fib", do_fib},   {"open", do_open}};

static const struct work *find(const char *name)
{
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    if (!strcmp(works[i].name, name)) return &works[i];
  fail("no such work");
  return NULL;
}

static int64_t clock_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
  struct buffer prelude_request;
  if (argc != 3) fail("core_bench NAME COUNT");
  const struct work *work = find(argv[1]);
  long count = atol(argv[2]);
  options_default(&options);
  options.slice_us = 100000; /* valgrind is slow, and a slice is measured in time */
  if (watchdog_start() || pool_open(POOL_THREADS, 1, interp_run, &pool) ||
      atoms_open(ATOMS_LIMIT, &atoms) ||
      interp_open(&options, &transport, NULL, pool, atoms, &interp))
    fail("could not open");
  make_requests();
  make_eval(&prelude_request, prelude);
  request(&prelude_request, ANSWER_NOW);
  int64_t start = clock_ns();
  for (long i = 0; i < count; i++) work->once();
  printf("%lld\n", (long long)(clock_ns() - start) / (count > 0 ? count : 1));
  interp_close(interp);
  pool_close(pool);
  watchdog_stop();
  atoms_close(atoms);
  return 0;
}
