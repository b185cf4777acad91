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
#include "ruby_image.h"
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
                              "def count(all)\n"
                              "  all.size\n"
                              "end\n"
                              "def fib(n)\n"
                              "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
                              "end\n";

static struct interp *interp;
static struct options options;
static struct pool *pool;
static struct atoms *atoms;
static struct ruby_image *image;

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

static struct buffer call_request, take_request, map_request, maps_request, rows_request,
    eval_request, cast_request, fib_request;

static void put_word(struct buffer *buffer, const char *word)
{
  etf_put_atom(buffer, word, strlen(word));
}

static void begin(struct buffer *buffer, uint32_t arity, const char *word)
{
  buffer_init(buffer, 65536);
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

/* {call, [], count, [[Map, …]]} with a hundred maps of 13 pairs. */
static void make_maps(struct buffer *buffer, void (*put_pair)(struct buffer *, uint32_t, uint32_t))
{
  begin(buffer, 4, "call");
  etf_put_nil(buffer);
  put_word(buffer, "count");
  etf_put_list(buffer, 1);
  etf_put_list(buffer, 100);
  for (uint32_t map = 0; map < 100; map++) {
    etf_put_map(buffer, 13);
    for (uint32_t i = 0; i < 13; i++) put_pair(buffer, map, i);
  }
  etf_put_nil(buffer);
  etf_put_nil(buffer);
}

/* A binary and a small number, in the order in which the VM writes them. */
static void put_counted(struct buffer *buffer, uint32_t map, uint32_t i)
{
  static const uint32_t numbers[] = {1, 10, 11, 12, 13, 2, 3, 4, 5, 6, 7, 8, 9};
  char key[8];
  int length = snprintf(key, sizeof key, "key%u", (unsigned)numbers[i]);
  (void)map;
  etf_put_binary(buffer, key, (size_t)length);
  etf_put_integer(buffer, numbers[i]);
}

/* What a row of a table might have: an atom, and values of all kinds. */
static void put_field(struct buffer *buffer, uint32_t map, uint32_t i)
{
  enum kind { NUMBER, LARGE, TEXT, WORD, FLOAT, LIST };
  static const struct {
    const char *name;
    enum kind kind;
  } fields[13] = {{"active", WORD},  {"age", NUMBER}, {"city", TEXT},   {"country", TEXT},
                  {"email", TEXT},   {"id", LARGE},   {"name", TEXT},   {"phone", TEXT},
                  {"score", FLOAT},  {"seen", LARGE}, {"status", WORD}, {"tags", LIST},
                  {"visits", NUMBER}};
  char text[24];
  put_word(buffer, fields[i].name);
  switch (fields[i].kind) {
  case NUMBER: etf_put_integer(buffer, map); break;
  case LARGE: etf_put_integer(buffer, 1700000000 + map); break;
  case FLOAT: etf_put_float(buffer, map * 0.25); break;
  case WORD: put_word(buffer, map % 2 ? "true" : "closed"); break;
  case LIST:
    etf_put_list(buffer, 2);
    put_word(buffer, "new");
    etf_put_integer(buffer, map);
    etf_put_nil(buffer);
    break;
  case TEXT:
    (void)snprintf(text, sizeof text, "%s %u", fields[i].name, (unsigned)map * 7919);
    etf_put_binary(buffer, text, strlen(text));
  }
}

/* {call, [], count, [Map]} with a map of 6 pairs. */
static void make_map(struct buffer *buffer)
{
  begin(buffer, 4, "call");
  etf_put_nil(buffer);
  put_word(buffer, "count");
  etf_put_list(buffer, 1);
  etf_put_map(buffer, 6);
  for (uint32_t i = 0; i < 6; i++) put_counted(buffer, 0, i);
  etf_put_nil(buffer);
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
  make_map(&map_request);
  make_maps(&maps_request, put_counted);
  make_maps(&rows_request, put_field);
  make_eval(&eval_request, "1+2");
  make_eval(&fib_request, "fib(27)");
  begin(&cast_request, 2, "eval");
  etf_put_binary(&cast_request, "1+2", 3);
  if (buffer_status(&call_request) || buffer_status(&take_request) || buffer_status(&map_request) ||
      buffer_status(&maps_request) || buffer_status(&rows_request) ||
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
static void do_map(void) { request(&map_request, ANSWER_NOW); }
static void do_maps(void) { request(&maps_request, ANSWER_NOW); }
static void do_rows(void) { request(&rows_request, ANSWER_NOW); }
static void do_eval(void) { request(&eval_request, ANSWER_NOW); }
static void do_fib(void) { request(&fib_request, ANSWER_NOW); }
static void do_cast(void) { request(&cast_request, ANSWER_ACCEPTED); }

static void do_open(void)
{
  struct interp *other;
  if (interp_open(&options, &transport, NULL, pool, atoms, image, &other)) fail("interp_open");
  interp_close(other);
}

/* Not a copy. */
static void do_start(void)
{
  struct interp *other;
  if (interp_open(&options, &transport, NULL, pool, atoms, NULL, &other)) fail("interp_open");
  interp_close(other);
}

/* Into memory that no other one has left warm. */
static void do_hold(void)
{
  struct interp *other;
  if (interp_open(&options, &transport, NULL, pool, atoms, image, &other)) fail("interp_open");
}

static const struct work {
  const char *name;
  void (*once)(void);
} works[] = {{"call", do_call}, {"take", do_take},   {"map", do_map},   {"maps", do_maps},
             {"rows", do_rows}, {"eval", do_eval},   {"cast", do_cast}, {"fib", do_fib},
             {"open", do_open}, {"start", do_start}, {"hold", do_hold}};

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
      atoms_open(ATOMS_LIMIT, &atoms) || ruby_image_open(atoms, &image) ||
      interp_open(&options, &transport, NULL, pool, atoms, image, &interp))
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
  ruby_image_close(image);
  atoms_close(atoms);
  return 0;
}
