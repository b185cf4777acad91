/* The life of a job: for an interpreter's files only (interp_state.h). */
#ifndef RUBEAM_INTERP_RUN_H
#define RUBEAM_INTERP_RUN_H

#include "interp_state.h"

/* Carries out the current job's request. [job's stack] */
void interp_carry_out(struct interp *interp);

/* Starts a job on an interpreter that is IDLE, and so the port's: runs its first slice, or has the
 * pool do it. Then the job is not the caller's any more. [port] */
void interp_start(struct interp *interp, struct job *job, enum way way, struct answer *answer);

/* The port, which has moved it from WAITING to INLINE, runs a slice of the current job. `direct`: the
 * callback is that of the process that waits for the job, so that the answer may be returned. [port] */
void interp_run_here(struct interp *interp, enum way way, bool direct, struct answer *answer);

/* Something that was no job was killed in the midst of Ruby: ends the interpreter, which is IDLE. [port] */
void interp_end_killed(struct interp *interp);

/* May a slice that begins with these bytes run in a callback? [holder, or lock in WAITING] */
bool interp_may_run_here(const struct interp *interp, const struct job *job);

#endif
