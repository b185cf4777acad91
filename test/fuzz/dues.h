/* The model of fuzz_protocol: which answers are due. One table, with a lock of its own: answers also come
 * on the watchdog's thread. */
#ifndef RUBEAM_FUZZ_DUES_H
#define RUBEAM_FUZZ_DUES_H

#include "request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUE_ID_BYTES 700 /* as long as a frame may be */

enum due_kind {
  DUE_OWNER,   /* {reply, Id, _} to the owner */
  DUE_CALLER,  /* {reply, Id, _} to the caller */
  DUE_MESSAGE, /* {Id, _} to the caller */
  DUE_TOKEN    /* nothing by itself: the caller claims it */
};

struct due {
  enum due_kind kind;
  bool
      may; /* come or not: its caller died, or it is of a cast, which is answered only if it is stopped */
  uintptr_t caller;
  uint64_t token; /* 0: not known yet */
  size_t id_length;
  uint8_t id[DUE_ID_BYTES];
};

/* Forgets all. */
void dues_clear(void);

/* One more; `id` is copied. */
void due_add(enum due_kind kind, uintptr_t caller, struct piece id, bool may);

/* It has come: takes out one that is like this. False: none is due. */
bool due_take(enum due_kind kind, uintptr_t caller, struct piece id);

/* How many like this are due? */
size_t due_count(enum due_kind kind, uintptr_t caller, struct piece id);

/* Tokens: the one that was added last gets its number; the n-th of those that there are (false: there are
 * none); and the claim of one, which makes it a message. */
void due_set_token(uint64_t token);
bool due_find_token(unsigned n, struct due *out);
void due_claim(uint64_t token, struct piece id);

/* The claim was answered with a call: it is a token as before. And: the token is done with. False: there is
 * no such one. */
bool due_unclaim(uint64_t token, uintptr_t caller, struct piece id);
bool due_take_token(uint64_t token);

/* Does anybody wait for an answer of this kind? With `id`, for that one. Of the owner also what may come. */
bool due_is_awaited(enum due_kind kind, uintptr_t caller, const struct piece *id);

/* What its caller has given up must not come any more; of a caller that is dead anything may. */
void due_abandon(uintptr_t caller, struct piece id);
void due_caller_gone(uintptr_t caller);

/* The n-th message that is due: false if there is none. */
bool due_find_message(unsigned n, struct due *out);

/* All that is due to the owner, or kept for a claim, may be lost from now on: the port closes. */
void dues_closing(void);

/* Is there one that must still come? */
bool dues_left(void);

#endif
