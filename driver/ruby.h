/* The Ruby of one interpreter: its mruby state, and requests carried out in it.
 *
 * All evals of an interpreter share one scope, as `eval(cmd, binding)` in a standard Ruby would:
 * local variables live on, blocks and lambdas see the later values. (mruby allows such a scope
 * about 240 names.) A text that is evaluated again and again is compiled once: ruby_cache.h.
 *
 * Who calls: the thread that holds the running slice, on the job's stack; ruby_open likewise.
 * ruby_close runs no code of Ruby's: what Ruby has is in its heap, and goes with it.
 */
#ifndef RUBEAM_RUBY_H
#define RUBEAM_RUBY_H

#include "buffer.h"
#include "options.h"
#include "request.h"
#include "ruby_compile.h"
#include "ruby_json.h"
#include "ruby_regexp.h"
#include "ruby_require.h"
#include "slice.h"
#include "term.h"

#include <mruby.h>

/* What Ruby code asks of its surroundings. Called in the middle of Ruby code, without a lock; must
 * not raise. */
struct ruby_host {
  /* May more be printed, or given to send_response? SENT: yes; SENT_NEVER: the owner can't read, and
   * waits for this very request. Asked before `output` and `frame`. */
  enum sent (*may_print)(void *context);
  void (*output)(void *context, bool error_stream, const char *bytes, size_t length);
  void (*frame)(void *context, const uint8_t *frame, size_t length); /* encoded, with version */
  /* An Erlang function is called; `body` is Name and Args, encoded. The job is switched out until there
   * is something to tell. Other requests may have run on its stack meanwhile. */
  struct ruby_called (*call)(void *context, struct piece body);
  /* The value that it has given has been read. (Else it is freed with the next call.) */
  void (*call_read)(void *context);
  /* Appends the owner's pid, encoded, without version byte; nothing where nobody has told it. */
  void (*owner)(void *context, struct buffer *out);
  /* {send, To, Term} */
  enum sent (*send)(void *context, const uint8_t *frame, size_t length);
};

/* What came of a call. */
struct ruby_called {
  enum {
    RUBY_CALL_OK,        /* `value` is what the function has returned */
    RUBY_CALL_FAILED,    /* `value` is why it failed */
    RUBY_CALL_STOPPED,   /* a stop is to be raised */
    RUBY_CALL_NOBODY,    /* there is nobody, or nobody any more, to run it */
    RUBY_CALL_TOO_LARGE, /* the call is larger than a frame may be */
    RUBY_CALL_NO_MEMORY
  } how;
  struct piece value; /* encoded, without version byte; valid until call_read */
  bool from_vm;       /* as in a request */
};

/* A method's name that was called before. */
#define RUBY_NAMES 16
struct ruby_name {
  mrb_sym symbol;
  uint8_t length; /* 0: none */
  char text[27];
};

struct ruby {
  mrb_state *mrb;
  struct slice *slice;
  const struct options *options; /* [const] */
  const struct ruby_host *host;  /* [const] */
  void *context;                 /* [const] the host's */
  struct ruby_compiler compiler;
  struct RClass *exit_class; /* SystemExit */
  struct RArray *at_exit;    /* blocks, see ruby_exit.h; not to be found by Ruby code */
  struct RClass *call_error; /* Erlang::CallError */
  struct RArray *inbox;      /* see ruby_erlang.c; like at_exit */
  struct ruby_json json;
  struct ruby_require require;
  struct term_context terms;
  struct atoms_cache atoms_cache;
  struct buffer frame; /* in which frames of send_response are made; outside of the heap */
  bool framing;        /* one is being made */
  bool answering;      /* a request is being carried out; another may come upon it: interp_call.h */
  struct ruby_name names[RUBY_NAMES];
  struct ruby_regexps regexps;
};

/* How a request ended. */
enum outcome {
  OUTCOME_OK,        /* {ok, Value} is in the reply */
  OUTCOME_ERROR,     /* {error, Error} is in the reply */
  OUTCOME_NO_MEMORY, /* NoMemoryError; only the prefix is in the reply */
  OUTCOME_EXIT       /* SystemExit; `exit_status` says which */
};

/* Opens an interpreter in slice->heap and attaches it to the slice. Runs mruby's own start-up
 * code, no user code. Must be called on a coroutine: mruby calls abort() when it gets no memory.
 * STATUS_NO_MEMORY: the heap is too small for it. */
MUST_CHECK enum status ruby_open(struct ruby *ruby, struct slice *slice,
                                 const struct options *options, const struct ruby_host *host,
                                 void *context, struct atoms *atoms);

/* Carries out an eval or a call. `reply`, which is empty, gets the bytes of `prefix` and, for
 * OUTCOME_OK and OUTCOME_ERROR, {ok, Value} or {error, Error} after them, as far as memory is to be
 * had: see buffer_status. Never lets an exception out. `exit_status` is written for OUTCOME_EXIT.
 */
enum outcome ruby_answer(struct ruby *ruby, const struct request *request, struct piece prefix,
                         struct buffer *reply, int64_t *exit_status);

/* Frees what is not in the heap. Any thread, when no job is left. */
void ruby_close(struct ruby *ruby);

/* The struct ruby of a state, for functions that Ruby calls. */
struct ruby *ruby_of(mrb_state *mrb);

#endif
