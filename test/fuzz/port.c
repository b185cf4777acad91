/* See port.h. */
#include "port.h"

#include "coroutine.h"
#include "etf.h"
#include "fault.h"
#include "harness.h"
#include "preempt.h"
#include "watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* So long a thread may take for what it has begun. */
#define PATIENCE_NS INT64_C(10000000000)

static struct {
  pthread_mutex_t lock; /* held while the ear hears */
  port_ear *ear;
  struct pool *pool;
  struct atoms *atoms;
  struct interp *interp;
  struct options options;
  _Atomic bool gone;
  size_t stacks, memory; /* before it was opened */
} port = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Of ASan; gcc comes without its header (sanitizer/allocator_interface.h). */
size_t __sanitizer_get_current_allocated_bytes(void);

/* --- the transport --- */

static struct piece without_version(const uint8_t *bytes, size_t length)
{
  must(etf_check(bytes, length) == STATUS_OK);
  return (struct piece){bytes + 1, length - 1};
}

static void hear(enum heard heard, uintptr_t caller, struct piece id, struct piece message)
{
  must(!port.gone);
  pthread_mutex_lock(&port.lock);
  port.ear(heard, caller, id, message);
  pthread_mutex_unlock(&port.lock);
}

static void to_owner(void *home, const uint8_t *frame, size_t length)
{
  must(home == &port);
  hear(HEARD_OWNER, 0, (struct piece){NULL, 0}, without_version(frame, length));
}

static void to_caller(void *home, uintptr_t caller, const uint8_t *frame, size_t length)
{
  must(home == &port);
  hear(HEARD_CALLER, caller, (struct piece){NULL, 0}, without_version(frame, length));
}

static void answer(void *home, uintptr_t caller, struct piece id, struct piece result)
{
  must(home == &port);
  hear(HEARD_ANSWER, caller, without_version(id.bytes, id.length),
       without_version(result.bytes, result.length));
}

static enum sent post(void *home, const uint8_t *frame, size_t length)
{
  must(home == &port);
  must(etf_check(frame, length) == STATUS_OK);
  return SENT_NEVER;
}

static void output(void *home, const uint8_t *bytes, size_t length)
{
  if (port.options.packet != PACKET_LINE) to_owner(home, bytes, length);
}

static enum reading reading(void *home)
{
  must(home == &port);
  return READING;
}

static bool is_deaf(void *home, uintptr_t caller)
{
  must(home == &port);
  return caller == 0;
}

static void taken(void *home, bool printed, uint64_t bytes)
{
  (void)printed, (void)bytes;
  must(home == &port);
}

static void tend(void *home) { must(home == &port); }

static void gone(void *home)
{
  must(home == &port);
  must(!atomic_exchange(&port.gone, true));
}

static void event(void *home, const uint8_t *frame, size_t length)
{
  must(home == &port);
  must(etf_check(frame, length) == STATUS_OK);
}

static const struct transport transport = {
    .to_owner = to_owner,
    .last = to_owner,
    .to_caller = to_caller,
    .answer = answer,
    .post = post,
    .output = output,
    .reading = reading,
    .is_deaf = is_deaf,
    .taken = taken,
    .event = event,
    .tend = tend,
    .gone = gone,
    .name = "fuzz",
};

/* --- */

static size_t stacks_in_use(void)
{
  struct coroutine_figures figures = coroutine_pool_figures();
  return figures.mapped - figures.pooled;
}

static void hear_nothing(enum heard heard, uintptr_t caller, struct piece id, struct piece message)
{
  (void)heard;
  (void)caller;
  (void)id;
  (void)message;
}

/* The first interpreters are opened here, for a cast that needs what the process takes once for all (libc
 * reads the time zone), so that it is not counted later. */
void port_start(void)
{
  static const uint8_t cast[] = "\x83h\x02w\x04"
                                "evalm\0\0\0\x11"
                                "Time.now.to_s + 1";
  struct answer none;
  preempt_install();
  fault_install(); /* libFuzzer puts no handler where there is one */
  must(watchdog_start() == STATUS_OK);
  must(pool_open(POOL_ASYNC, 0, interp_run, &port.pool) == STATUS_OK);
  for (int i = 0; i < 2; i++) {
    port_open("", hear_nothing);
    port.memory = SIZE_MAX;
    port_request(WAY_FRAME, 0, cast, sizeof cast - 1, &none);
    while (interp_is_busy(port.interp)) (void)port_run();
    port_close();
  }
}

void port_open(const char *options, port_ear *ear)
{
  const char *bad;
  must(port.interp == NULL);
  port.stacks = stacks_in_use();
  port.memory = __sanitizer_get_current_allocated_bytes();
  port.ear = ear;
  port.gone = false;
  must(options_parse(options, &port.options, &bad) == STATUS_OK);
  must(atoms_open((size_t)port.options.max_atoms, &port.atoms) == STATUS_OK);
  must(interp_open(&port.options, &transport, &port, port.pool, port.atoms, NULL, &port.interp) ==
       STATUS_OK);
}

struct interp *port_interp(void) { return port.interp; }

void port_request(enum way way, uintptr_t caller, const uint8_t *frame, size_t length,
                  struct answer *out)
{
  uint8_t *copy = fuzz_copy(frame, length);
  (void)interp_tend(port.interp); /* as the driver does when it has copied the last answer */
  interp_request(port.interp, way, caller, copy, length, out);
  free(copy);
}

bool port_run(void) { return pool_run_one(port.pool); }

struct piece port_answer(const struct answer *out)
{
  must(out->kind == ANSWER_NOW);
  return without_version(out->bytes, out->length);
}

void port_close(void)
{
  int64_t give_up_at = now_ns() + PATIENCE_NS;
  struct pool_figures figures;
  interp_close(port.interp);
  port.interp = NULL;
  while (!port.gone) { /* a timer that rings just now holds it, or the pool a slice */
    if (!port_run()) (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    must(now_ns() < give_up_at);
  }
  must(!port_run());
  pool_figures(port.pool, &figures);
  must(figures.queued[RANK_URGENT] + figures.queued[RANK_YOUNG] + figures.queued[RANK_OLD] == 0);
  must(stacks_in_use() == port.stacks);
  atoms_close(port.atoms);
  must(__sanitizer_get_current_allocated_bytes() <= port.memory);
}
