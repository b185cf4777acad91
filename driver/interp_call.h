/* Erlang functions that a job calls, and the jobs that these ask for meanwhile: for an interpreter's
 * files only (interp_state.h).
 *
 * The job that calls is switched out, and waits (WAITING) without a thread. Its call goes to whoever
 * waits for the job's answer, in place of that answer, or as a frame to the owner. Whoever runs the
 * function takes the call, which makes it the handler, and returns a result. What the handler asks
 * of the interpreter meanwhile can't wait for the job, which waits for the handler: such a request runs
 * upon the job, on the same stack, and is over before the job goes on. Current is always the
 * uppermost one; `outer` leads down.
 *
 *   state of the call   who changes it                              to
 *   NONE                the job, on its stack                       MADE
 *   MADE                the holder, who sends it; a claim; a stop   TOLD, TAKEN; NONE
 *   TOLD                a take; a return; a stop                    TAKEN, RETURNED; NONE
 *   TAKEN               a return; the handler's death; a stop       RETURNED; NONE
 *   RETURNED            the job, on its stack                       NONE
 *
 * All of them under the lock. A return that comes while another job runs upon the caller, or
 * before the caller's holder has put it aside, is found by that holder, who looks (call_moves)
 * before it lets go.
 */
#ifndef RUBEAM_INTERP_CALL_H
#define RUBEAM_INTERP_CALL_H

#include "interp_state.h"

/* So many jobs may stand upon one another. Each takes some of the one stack. */
#define NESTED_MOST 64

/* What ruby_host's `call` does; the context is the interpreter. [job's stack] */
struct ruby_called interp_call(void *context, struct piece body);

/* What ruby_host's `call_read` does: the value that came is not needed any more. [job's stack] */
void interp_call_read(void *context);

/* The call that the current job has just made goes to who is to run it. [holder] `direct`: the port is in
 * the callback of the process that waits for the job; then *answer becomes the call. */
void call_tell(struct interp *interp, enum way way, bool direct, struct answer *answer);

/* [lock] Gives the call of the job, which has one, to the process that claims its answer. False: there
 * is no memory for it, and nothing has happened. */
bool call_hand_over(struct interp *interp, struct job *job, uintptr_t handler,
                    struct answer *answer);

/* The requests {take, …} and {return, …}. [port] Both take the job. */
void call_take(struct interp *interp, struct job *job, enum way way, struct answer *answer);
void call_return(struct interp *interp, struct job *job, enum way way, struct answer *answer);

/* [lock] The job whose call of that number somebody has, and has not returned; NULL: none. */
struct job *call_find(struct interp *interp, uint64_t number);

/* [lock] Which call has this process taken, and not returned yet? The uppermost job's; NULL: none. */
struct job *call_of_handler(struct interp *interp, uintptr_t handler);

/* [lock] The process is dead: calls that it has taken are over. */
void call_handler_gone(struct interp *interp, uintptr_t handler);

/* [lock] May one more job stand upon the current one, which waits for an Erlang function? */
bool call_may_nest(const struct interp *interp);

/* [lock] Such a job begins. call_may_nest was true. */
void call_nest(struct interp *interp, struct job *job);

/* [lock] The current job is over, and is not current any more: the one under it is, if there is one. */
void call_unnest(struct interp *interp);

/* [lock] Can the current job, which waits for an Erlang function, go on, or one upon it begin? */
bool call_moves(struct interp *interp);

#endif
