/* Counting what is on its way: see flow.h. */
#include "flow.h"

#include <stdint.h>

void flow_sent(struct flow *flow, size_t bytes)
{
  atomic_fetch_add(&flow->bytes, bytes + FLOW_MESSAGE);
  atomic_fetch_add(&flow->messages, 1);
  atomic_fetch_add(&flow->sum->bytes, bytes + FLOW_MESSAGE);
}

void flow_taken(struct flow *flow, size_t bytes)
{
  size_t sent = atomic_load(&flow->bytes), taken;
  do taken = bytes < sent ? bytes : sent;
  while (!atomic_compare_exchange_weak(&flow->bytes, &sent, sent - taken));
  atomic_fetch_sub(&flow->sum->bytes, taken);
  if (taken == sent) atomic_store(&flow->messages, 0);
}

void flow_taken_all(struct flow *flow) { flow_taken(flow, SIZE_MAX); }

bool flow_exceeds(const struct flow *flow, const struct flow_limit *limit)
{
  size_t bytes = atomic_load(&flow->bytes);
  return bytes > limit->most ||
         (bytes > limit->least && atomic_load(&flow->sum->bytes) > limit->all);
}
