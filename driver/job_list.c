/* Lists of jobs. See job_list.h. */
#include "job_list.h"

#include <string.h>

static bool same(struct piece a, struct piece b)
{
  return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

bool job_is_any(const struct job *job, const void *unused)
{
  (void)job;
  (void)unused;
  return true;
}

bool job_has_caller(const struct job *job, const void *caller)
{
  return job->caller == *(const uintptr_t *)caller && job->caller != 0;
}

bool job_has_id(const struct job *job, const void *id)
{
  return job->request.has_id && same(job->request.id, *(const struct piece *)id);
}

bool job_has_address(const struct job *job, const void *data)
{
  const struct job_address *address = data;
  if (job->route != ROUTE_CALLER || job->caller != address->caller) return false;
  return same((struct piece){job->address.bytes + 1, job->address.length - 1}, address->id);
}

bool job_is_late(const struct job *job, const void *now)
{
  return job->deadline <= *(const int64_t *)now;
}

bool job_has_token(const struct job *job, const void *data)
{
  const struct job_address *wanted = data;
  return job->route == ROUTE_TOKEN && job->token == wanted->token && job->caller == wanted->caller;
}

void job_list_append(struct job_list *list, struct job *job)
{
  job->next = NULL;
  if (list->last)
    list->last->next = job;
  else
    list->first = job;
  list->last = job;
  list->length++;
}

struct job *job_list_take_first(struct job_list *list)
{
  struct job *job = list->first;
  if (!job) return NULL;
  list->first = job->next;
  if (!list->first) list->last = NULL;
  list->length--;
  job->next = NULL;
  return job;
}

struct job *job_list_find(const struct job_list *list, job_test *test, const void *data)
{
  struct job *job = list->first;
  while (job && !test(job, data)) job = job->next;
  return job;
}

/* `before` is NULL for the first. */
static void take_after(struct job_list *list, struct job *before, struct job *job)
{
  if (before)
    before->next = job->next;
  else
    list->first = job->next;
  if (list->last == job) list->last = before;
  list->length--;
  job->next = NULL;
}

void job_list_take(struct job_list *list, struct job *job)
{
  struct job *before = NULL;
  for (struct job *each = list->first; each != job; each = each->next) before = each;
  take_after(list, before, job);
}

void job_list_move(struct job_list *list, struct job_list *out, size_t most, job_test *test,
                   const void *data)
{
  struct job *before = NULL, *next;
  for (struct job *job = list->first; job && most > 0; job = next) {
    next = job->next;
    if (test(job, data)) {
      take_after(list, before, job);
      job_list_append(out, job);
      most--;
    } else {
      before = job;
    }
  }
}

void job_list_drop(struct job_list *list)
{
  for (struct job *job; (job = job_list_take_first(list));) job_close(job);
}
