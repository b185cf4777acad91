/* The model of fuzz_protocol for calls of Erlang functions: who was told of which, and what may still become of
 * it. Calls are told by who runs Ruby, which is the fuzzer's thread alone: no lock.
 *
 * A call that was told may be over without a word: its job was stopped. Not before the job has run, though;
 * until then it is `fresh`. */
#ifndef RUBEAM_FUZZ_TOLD_H
#define RUBEAM_FUZZ_TOLD_H

#include "dues.h"

#include <stdbool.h>
#include <stdint.h>

struct told {
  enum due_kind kind; /* of the answer in whose place it came */
  uintptr_t caller;   /* of the job; 0: the owner */
  uint64_t token, number;
  uintptr_t handler; /* who has taken it; 0: nobody yet */
  bool over;         /* for sure */
  unsigned run;      /* how often something had run when it was told */
};

/* Forgets all. */
void told_clear(void);

/* Something of Ruby may run now: of no call is it known any more that it waits. */
void told_run(void);

/* One more; it must be a new one. `handler`: see above. */
struct told *told_add(enum due_kind kind, uintptr_t caller, uint64_t token, uint64_t number,
                      uintptr_t handler);

/* NULL: nobody was told of it. */
struct told *told_find(uint64_t number);

/* Does it wait for sure? */
bool told_is_fresh(const struct told *told);

/* The n-th, the last one first; NULL: there is none. */
struct told *told_nth(unsigned n);

/* A process is dead: what it has taken is over. */
void told_handler_gone(uintptr_t handler);

/* The job with this token is answered: its calls are over. */
void told_answered(uint64_t token);

#endif
