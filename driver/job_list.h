/* Lists of jobs, in the order in which they came, and the ways to find a job in one.
 *
 * Only data, like a job: whoever holds the list (see interp_state.h) may touch it. A job is in at
 * most one list, and belongs to whoever has the list.
 */
#ifndef RUBEAM_JOB_LIST_H
#define RUBEAM_JOB_LIST_H

#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_list {
  struct job *first, *last;
  size_t length;
};

/* Who is to be answered: `id` as in the request, or a token of ROUTE_TOKEN. */
struct job_address {
  uintptr_t caller;
  struct piece id; /* encoded, without version byte */
  uint64_t token;
};

/* Does this job have what `data` says? Each below says what it wants there. */
typedef bool job_test(const struct job *job, const void *data);

bool job_is_any(const struct job *job, const void *unused);
bool job_has_caller(const struct job *job, const void *caller);     /* uintptr_t */
bool job_has_id(const struct job *job, const void *id);             /* struct piece */
bool job_has_address(const struct job *job, const void *address);   /* struct job_address */
bool job_is_late(const struct job *job, const void *now);           /* int64_t */
bool job_has_token(const struct job *job, const void *token_owner); /* struct job_address */

void job_list_append(struct job_list *list, struct job *job);

/* NULL: it is empty. */
struct job *job_list_take_first(struct job_list *list);

/* The first for which `test` says yes; NULL: there is none. */
struct job *job_list_find(const struct job_list *list, job_test *test, const void *data);

/* Takes out this job, which is in the list. */
void job_list_take(struct job_list *list, struct job *job);

/* Moves all for which `test` says yes to the end of `out`, at most `most` of them. */
void job_list_move(struct job_list *list, struct job_list *out, size_t most, job_test *test,
                   const void *data);

/* Closes all jobs in it. */
void job_list_drop(struct job_list *list);

#endif
