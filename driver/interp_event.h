/* Events: what became of each request and of the interpreter, for whoever observes it (the option
 * `events`). For an interpreter's files only (interp_state.h).
 *
 * An event is noted where the end is decided, under the lock, and sent where no lock is held. One that
 * there is no memory for is lost.
 *
 *   {request, Kind, Target, Outcome, Duration, Memory}
 *       eval | cast | call | compile | load | message; the method of a call, else nil; ok | error | exit |
 *       timeout | interrupted | abandoned | killed | memory_limit | stack_overflow | aborted | closed | busy; ns
 *       since it arrived; bytes in use at the last slice's end
 *   {exit, Reason, Memory}
 *       an exit status, an atom as in the outcomes, or error: a cast's exception
 */
#ifndef RUBEAM_INTERP_EVENT_H
#define RUBEAM_INTERP_EVENT_H

#include "interp_state.h"

struct event {
  struct event *next;
  size_t length;
  uint8_t frame[];
};

/* [lock] The job's request has ended so. Nothing without the option. */
void event_note(struct interp *interp, const struct job *job, const char *outcome);

/* [lock] The interpreter has ended: for this reason, or with this exit status if it is NULL. Told once: before the
 * answer to the request that ended it, so that who has that, and closes, is too late. */
void event_note_exit(struct interp *interp, const char *reason, int64_t status);

/* Sends what was noted. Without a lock; any thread. */
void event_send(struct interp *interp);

/* Frees what was noted. [the last reference] */
void event_drop(struct interp *interp);

#endif
