/* See script.h. */
#include "script.h"

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

void run_script(const void *code, size_t length)
{
  replies = exits = 0;
  port_open(OPTIONS, hear);
  eval(1, code, length);
  bool ended = interp_tend(port_interp());
  must(ended == (exits == 1));
  if (!ended) {
    eval(2, "1 + 1", 5);
    must(right);
  }
  port_close();
}
