/* How an interpreter answers: for its files only (interp_state.h).
 *
 * Exactly one place answers a request, decided under the lock. An answer that is being sent can't
 * be taken back, so who gives a request up (answer_forget) waits until it is sent: afterwards
 * nothing comes any more. A job whose answer is being sent is `replying`; it is current, or in
 * `telling`.
 */
#ifndef RUBEAM_INTERP_ANSWER_H
#define RUBEAM_INTERP_ANSWER_H

#include "interp_state.h"

/* A frame to the port's owner, if the port knows frames. Without the lock. */
void answer_owner(struct interp *interp, const uint8_t *frame, size_t length);

/* What is sent must fit into a frame: else the job's answer becomes an error that says so. To be
 * called before the bytes of an answer are used; answer_send and answer_give do. */
void answer_check(struct job *job);

/* Sends the answer that stands in the job. Without the lock; the job is the caller's alone, or
 * `replying`. */
void answer_send(struct interp *interp, struct job *job);

/* The answer stands in the job, which is nobody else's: returns it, or sends it. Keeps the job's
 * memory for the next one. [port] */
void answer_give(struct interp *interp, struct job *job, enum way way, struct answer *answer);

/* What the callback returns for a job that is not done yet. */
void answer_later(const struct job *job, enum way way, struct answer *answer);

/* [lock] Answers these jobs with {error, Name}, as soon as answer_tell is called without the lock.
 * Until then they can still be given up. Empties the list. */
void answer_fail(struct interp *interp, struct job_list *jobs, const char *name);

/* Sends what answer_fail has prepared. Without the lock. Another thread may be at it as well: with
 * `all`, returns only when it has sent what it took. */
void answer_tell(struct interp *interp, bool all);

#endif
