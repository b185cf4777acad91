/* Requests: frames to Ruby, read into what the interpreter works with (docs/protocol.md).
 *
 * Pure: no mruby, no state, any thread. Nothing is copied: a parsed request points into the
 * bytes that it was read from, and lives as long as they do.
 */
#ifndef RUBEAM_REQUEST_H
#define RUBEAM_REQUEST_H

#include "options.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum request_kind {
  REQUEST_EVAL,      /* code */
  REQUEST_CALL,      /* receiver (may be empty), method, arguments */
  REQUEST_COMPILE,   /* code */
  REQUEST_LOAD,      /* code: bytecode */
  REQUEST_MESSAGE,   /* value: for Ruby's Erlang.on_message */
  REQUEST_OWNER,     /* value: what Erlang.self is */
  REQUEST_TAKE,      /* call_number: whoever asks runs the function of this call */
  REQUEST_RETURN,    /* call_number, value: what an Erlang function has returned */
  REQUEST_INTERRUPT, /* id names the request to stop; without id: whichever runs */
  REQUEST_INFO,
  REQUEST_READ, /* bytes: the owner has read so many of what was printed */
  REQUEST_SENT  /* bytes: so many of what Erlang.send sends have been passed on */
};

/* Bytes inside of the frame; encoded terms are without the version byte. */
struct piece {
  const uint8_t *bytes;
  size_t length;
};

/* What became of a message of Ruby's. */
enum sent {
  SENT,
  SENT_LATER, /* nothing happened: too much is on its way; to be tried again a little later */
  SENT_NEVER  /* there is nobody to pass it on */
};

#define REQUEST_NAME_BYTES 255 /* of a local variable */
#define REQUEST_BINDINGS   240 /* of one eval; a session can have 239 variables */

#define REQUEST_TAKEN_NEVER UINT64_MAX /* {read, never} */

/* What {accept, Id, Frame} and {within, CallId, Frame} may have beside the frame, which itself may be as long as
 * max_frame says. */
#define REQUEST_ENVELOPE_BYTES ((size_t)1024)

#define REQUEST_NO_TIMEOUT UINT64_MAX /* `timeout => infinity` */

struct request {
  enum request_kind kind;
  bool from_vm; /* set by who knows: the VM itself encoded it, so it has the atoms in it */
  bool has_id;
  struct piece id;                     /* an encoded term */
  struct piece code;                   /* source text, or bytecode */
  struct piece receiver;               /* the name of a constant, "A::B"; empty: the main object */
  struct piece method;                 /* its name */
  bool receiver_latin1, method_latin1; /* else UTF-8; erts sends atoms that have it as ISO 8859-1 */
  struct piece arguments;              /* an encoded proper list */
  bool has_timeout;
  uint64_t timeout_ms;
  struct piece bindings; /* an encoded map of names of local variables; empty: none given */
  struct piece file;     /* empty: none given */
  unsigned line;         /* 1 where none was given */
  bool no_value;         /* `value => false`: the result is nil, whatever the code gives */
  uint64_t call_number;
  struct piece value;     /* an encoded term */
  bool failed;            /* REQUEST_RETURN: the value is that of {error, Value} */
  uint64_t taken;         /* READ, SENT: bytes; REQUEST_TAKEN_NEVER */
  uint64_t within;        /* the number of the call whose function makes this request; 0: none */
  bool accept;            /* `accept_id` is to hear at once whether the request is accepted */
  struct piece accept_id; /* an encoded term */
};

/* One that nobody waits for: {eval, Code}, {message, Term}. */
static inline bool request_is_cast(const struct request *request)
{
  return (request->kind == REQUEST_EVAL && !request->has_id) || request->kind == REQUEST_MESSAGE;
}

/* Does it have a result, which its Id is answered with? */
static inline bool request_has_result(const struct request *request)
{
  switch (request->kind) {
  case REQUEST_TAKE:
  case REQUEST_RETURN:
  case REQUEST_INTERRUPT:
  case REQUEST_READ:
  case REQUEST_SENT: return false;
  default: return !request_is_cast(request);
  }
}

/* Reads one frame, the version byte first. On failure *why says what was wrong, in words for the
 * sender, and *out has id and has_id set where the frame was good enough to tell (else
 * has_id is false).
 * STATUS_MALFORMED, STATUS_TRUNCATED: no term, or no known form. STATUS_TOO_LARGE: over a limit of
 * `options`. STATUS_UNSUPPORTED: a kind of term that is not accepted (compressed). */
MUST_CHECK enum status request_parse(const uint8_t *bytes, size_t length,
                                     const struct options *options, struct request *out,
                                     const char **why);

#endif
