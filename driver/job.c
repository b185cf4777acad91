/* Jobs as data. See job.h. */
#include "job.h"

#include "etf.h"

#include <stdlib.h>
#include <string.h>

/* An address never grows beyond what a frame's id may be; the limit is there for the buffer. */
#define PREFIX_LIMIT ((size_t)1 << 31)

/* Of a reply or a prefix: kept for the next job. */
#define KEPT_BYTES ((size_t)4096)

static bool take_bytes(struct job *job, const uint8_t *bytes, size_t length)
{
  job->bytes = length <= sizeof job->first ? job->first : malloc(length);
  job->length = job->bytes ? length : 0;
  if (job->length) memcpy(job->bytes, bytes, length);
  return job->bytes != NULL;
}

static void drop_bytes(struct job *job)
{
  if (job->bytes != job->first) free(job->bytes);
  job->bytes = NULL;
}

struct job *job_open(const uint8_t *bytes, size_t length, size_t max_frame)
{
  struct job *job = malloc(sizeof *job);
  if (!job) return NULL;
  job->bytes = NULL;
  job->call = NULL;
  buffer_init(&job->reply, max_frame);
  buffer_init(&job->prefix, PREFIX_LIMIT);
  if (job_reopen(job, bytes, length)) return job;
  job_close(job);
  return NULL;
}

bool job_reopen(struct job *job, const uint8_t *bytes, size_t length)
{
  drop_bytes(job);
  buffer_clear(&job->reply);
  buffer_clear(&job->prefix);
  job->next = NULL;
  job->caller = 0;
  job->token = 0;
  job->address = (struct piece){NULL, 0};
  job->timeout_ns = 0;
  job->deadline = INT64_MAX;
  job->framed = job->started = job->begun = job->done = job->replying = false;
  job->outer = NULL;
  job->within = 0;
  if (job->call) erlang_call_clear(job->call);
  job->outcome = OUTCOME_OK;
  job->exit_status = 0;
  return job_route(job, ROUTE_NONE) && take_bytes(job, bytes, length);
}

void job_close(struct job *job)
{
  if (!job) return;
  drop_bytes(job);
  erlang_call_close(job->call);
  buffer_fini(&job->reply);
  buffer_fini(&job->prefix);
  free(job);
}

bool job_is_large(const struct job *job)
{
  return job->length > sizeof job->first || job->reply.capacity > KEPT_BYTES ||
         job->prefix.capacity > KEPT_BYTES ||
         (job->call && (job->call->result || job->call->frame.capacity > KEPT_BYTES));
}

/* Answers that are addressed have no prefix: the buffer is free for the address. */
static bool set_address(struct job *job, struct piece id)
{
  buffer_clear(&job->prefix);
  etf_put_version(&job->prefix);
  etf_put_raw(&job->prefix, id.bytes, id.length);
  if (buffer_status(&job->prefix) != STATUS_OK) {
    buffer_clear(&job->prefix); /* nothing else was in it, and another try may go well */
    return false;
  }
  job->address = (struct piece){job->prefix.bytes, job->prefix.length};
  return true;
}

bool job_route(struct job *job, enum route route)
{
  static const uint8_t version = 131;
  struct buffer *prefix = &job->prefix;
  job->route = route;
  job->head = (struct piece){&version, 1};
  buffer_clear(prefix);
  switch (route) {
  case ROUTE_NONE:
  case ROUTE_TOKEN: return true;
  case ROUTE_CALLER: return set_address(job, job->request.id);
  case ROUTE_CAST:
    etf_put_version(prefix);
    etf_put_tuple(prefix, 2);
    etf_put_atom(prefix, "exit", 4);
    break;
  case ROUTE_OWNER:
  case ROUTE_CONTROL:
    etf_put_version(prefix);
    etf_put_tuple(prefix, 3);
    etf_put_atom(prefix, "reply", 5);
    if (job->request.has_id)
      etf_put_raw(prefix, job->request.id.bytes, job->request.id.length);
    else
      etf_put_atom(prefix, "undefined", 9);
    break;
  }
  job->head = (struct piece){prefix->bytes, prefix->length};
  return buffer_status(prefix) == STATUS_OK;
}

bool job_claim(struct job *job, struct piece id)
{
  if (!set_address(job, id)) return false;
  job->route = ROUTE_CALLER;
  return true;
}

static void begin_error(struct job *job)
{
  buffer_clear(&job->reply);
  buffer_put(&job->reply, job->head.bytes, job->head.length);
  etf_put_tuple(&job->reply, 2);
  etf_put_atom(&job->reply, "error", 5);
  job->outcome = OUTCOME_ERROR;
}

void job_fail(struct job *job, const char *name)
{
  begin_error(job);
  etf_put_atom(&job->reply, name, strlen(name));
}

void job_refuse(struct job *job, const char *why)
{
  begin_error(job);
  etf_put_tuple(&job->reply, 2);
  etf_put_atom(&job->reply, "bad_request", 11);
  etf_put_binary(&job->reply, why, strlen(why));
}

void job_raise(struct job *job, const char *message)
{
  begin_error(job);
  etf_put_map(&job->reply, 3);
  etf_put_atom(&job->reply, "class", 5);
  etf_put_binary(&job->reply, "RuntimeError", 12);
  etf_put_atom(&job->reply, "message", 7);
  etf_put_binary(&job->reply, message, strlen(message));
  etf_put_atom(&job->reply, "backtrace", 9);
  etf_put_nil(&job->reply);
}
