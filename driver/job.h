/* A job: one request being carried out, from its arrival to its answer.
 *
 * It owns a copy of the request's bytes (the sender's are valid during a driver callback only), the
 * answer as it is being written, and where the answer goes. Only data: whoever holds the job may
 * touch it; who that is stands in interpreter.h.
 */
#ifndef RUBEAM_JOB_H
#define RUBEAM_JOB_H

#include "buffer.h"
#include "erlang_call.h"
#include "request.h"
#include "ruby_answer.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the answer goes. */
enum route {
  ROUTE_NONE,    /* nobody wants it (any more) */
  ROUTE_CAST,    /* {eval, Code}: nobody, but an error ends the interpreter */
  ROUTE_OWNER,   /* as a frame to the port's owner */
  ROUTE_CONTROL, /* as a frame to the caller */
  ROUTE_TOKEN,   /* kept until the caller claims it */
  ROUTE_CALLER   /* as the message {Id, Result} to the caller */
};

#define JOB_INLINE_BYTES 512

struct job {
  struct job *next;
  struct request request; /* points into `bytes` */
  enum route route;
  uintptr_t caller;     /* who asked, in the transport's terms; 0 for the owner's frames */
  uint64_t token;       /* names the job in its interpreter */
  struct piece head;    /* what `reply` begins with; set with the route */
  struct piece address; /* ROUTE_CALLER: the Id of the message, encoded, with version byte */
  int64_t arrived;      /* now_ns(), with the option `events` only */
  int64_t timeout_ns;   /* 0: none */
  int64_t deadline;     /* set once it waits for anything; INT64_MAX: none */
  bool framed;          /* it came as a frame, and is told of its calls by its Id */
  bool started;
  bool begun;        /* a slice of it has run */
  bool done;         /* it has ended, but its stack is also that of `outer` */
  bool replying;     /* its answer is on its way: nobody else may answer */
  struct job *outer; /* it runs upon that one, whose call it belongs to; NULL: upon none */
  uint64_t within;   /* the number of the call whose function has made this request; 0: none */
  struct erlang_call *call; /* of an Erlang function; NULL: it never made one */
  enum outcome outcome;
  int64_t exit_status;
  struct buffer reply;  /* head, then {ok, V} or {error, E} */
  struct buffer prefix; /* holds the head, if it is more than a version byte, or the address */
  uint8_t *bytes;       /* the request: `first`, or malloc'ed */
  size_t length;
  uint8_t first[JOB_INLINE_BYTES];
};

/* Makes a job of a frame (copied). NULL: no memory. */
struct job *job_open(const uint8_t *bytes, size_t length, size_t max_frame);

/* The same in the memory of a job that is over. False: no memory; the job is then empty. */
bool job_reopen(struct job *job, const uint8_t *bytes, size_t length);
void job_close(struct job *job);

/* Does it wait for an Erlang function? */
static inline bool job_calls(const struct job *job)
{
  return job->call && job->call->state != CALL_NONE;
}

/* Does it hold more memory than is worth keeping for the next one? */
bool job_is_large(const struct job *job);

/* Decides where the answer goes, and writes the bytes before it: for frames {reply, Id, …}, with
 * the request's id or `undefined`, for casts {exit, …}. ROUTE_CALLER takes the request's id as
 * address. False: no memory. */
bool job_route(struct job *job, enum route route);

/* Makes a job of ROUTE_TOKEN one of ROUTE_CALLER. `id` is encoded, without version byte; copied.
 * False: no memory; unchanged. */
bool job_claim(struct job *job, struct piece id);

/* Replaces the answer by {error, Name}, or {error, {bad_request, Why}}, or an error with the
 * class RuntimeError and the message. */
void job_fail(struct job *job, const char *name);
void job_refuse(struct job *job, const char *why);
void job_raise(struct job *job, const char *message);

#endif
