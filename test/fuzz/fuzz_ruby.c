/* Ruby source text, in an interpreter with tight limits.
 *
 * Promised and checked, whatever the text does: it is answered, once, and within the time that its limits
 * allow; then the interpreter has ended and said so, or it answers `1 + 1`, once: with 2, or with an error,
 * since a text may break whatever its own interpreter needs. Nothing is left afterwards (port_close). That
 * includes the abort() calls of mruby and stacks that overflow, which end the interpreter alone.
 *
 * The input is the text. Each has an interpreter of its own, or what one breaks would be found by
 * another. */
#include "etf.h"
#include "harness.h"
#include "port.h"
#include "watchdog.h"

#include <time.h>

/* Memory for little more than mruby itself, which must be filled quickly under a sanitizer; short slices,
 * so that a text is switched out now and then; a short grace, which C functions get a hundredfold. */
#define OPTIONS "memory_limit=3000000 timeout=20 slice=200 grace=2 max_depth=64 max_frame=100000"

/* Far beyond what the limits allow; a slow machine is none of our business. */
#define PATIENCE_NS INT64_C(15000000000)

static unsigned replies, exits;
static bool right; /* the last reply was {ok, 2}, or an error */

static bool next_is(struct etf_reader *reader, const char *name)
{
  struct etf_item item;
  return etf_next(reader, &item) == STATUS_OK && etf_is_atom(&item, name);
}

static void hear(enum heard heard, uintptr_t caller, struct piece id, struct piece message)
{
  struct etf_reader reader = {message.bytes, message.bytes + message.length};
  struct etf_reader begin;
  struct etf_item item;
  uint32_t arity;
  (void)id;
  must(heard == HEARD_OWNER && caller == 0);
  must(exits == 0);
  must(etf_enter_tuple(&reader, &arity) == STATUS_OK);
  begin = reader;
  if (next_is(&reader, "exit")) {
    exits++;
    return;
  }
  reader = begin;
  if (!next_is(&reader, "reply")) return;
  replies++;
  must(etf_next(&reader, &item) == STATUS_OK && item.integer == replies);
  must(etf_enter_tuple(&reader, &arity) == STATUS_OK && arity == 2);
  must(etf_next(&reader, &item) == STATUS_OK);
  bool ok = etf_is_atom(&item, "ok");
  must(ok || etf_is_atom(&item, "error"));
  right = !ok ||
          (etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_INTEGER && item.integer == 2);
}

/* {eval, Id, Code} */
static void eval(int id, const void *code, size_t length)
{
  struct buffer frame;
  struct answer answer;
  buffer_init(&frame, length + 100);
  etf_put_version(&frame);
  etf_put_tuple(&frame, 3);
  etf_put_atom(&frame, "eval", 4);
  etf_put_integer(&frame, id);
  etf_put_binary(&frame, code, length);
  must(buffer_status(&frame) == STATUS_OK);
  port_request(WAY_FRAME, 0, frame.bytes, frame.length, &answer);
  must(answer.kind == ANSWER_NONE);
  buffer_fini(&frame);
  int64_t give_up_at = now_ns() + PATIENCE_NS;
  while (interp_is_busy(port_interp())) {
    if (!port_run()) (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL); /* it sleeps */
    must(now_ns() < give_up_at);
  }
  must(replies == (unsigned)id);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  port_start();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  replies = exits = 0;
  port_open(OPTIONS, hear);
  eval(1, data, size);
  bool ended = interp_tend(port_interp());
  must(ended == (exits == 1));
  if (!ended) {
    eval(2, "1 + 1", 5);
    must(right);
  }
  port_close();
  return 0;
}
