/* How far a sender is ahead of a receiver: what has been sent, and of what nobody has said yet that it was
 * taken. So a script that sends faster than others read can be made to wait.
 *
 * Any thread, without a lock: the counts may be a little late, and are never wrong in the end.
 */
#ifndef RUBEAM_FLOW_H
#define RUBEAM_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What a message counts beside its bytes; the same number stands in erlang/rubeam_transport.erl. */
#define FLOW_MESSAGE 64

/* All flows of one kind together. */
struct flow_sum {
  _Atomic size_t bytes;
};

struct flow {
  struct flow_sum *sum;
  _Atomic size_t bytes, messages;
};

/* How much may be on its way, in bytes: of one flow; of all together, but each may have the least. */
struct flow_limit {
  size_t most, all, least;
};

void flow_sent(struct flow *flow, size_t bytes);  /* a message of so many bytes */
void flow_taken(struct flow *flow, size_t bytes); /* so many, or what is counted if that is less */
void flow_taken_all(struct flow *flow);
bool flow_exceeds(const struct flow *flow, const struct flow_limit *limit);

#endif
