/* The life of a job: for an interpreter's files only (interp_state.h). */
#ifndef RUBEAM_INTERP_RUN_H
#define RUBEAM_INTERP_RUN_H

#include "interp_state.h"

/* Starts a job on an interpreter that is IDLE, and so the port's: runs its first slice, or has the
 * pool do it. Then the job is not the caller's any more. [port] */
void interp_start(struct interp *interp, struct job *job, enum way way, struct answer *answer);

#endif
