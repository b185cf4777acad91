/* The Ruby of one interpreter: the state that its parts share, and what each of them needs.
 *
 * The parts are the other files ruby_*.c, and regexp.c: they know this file, it knows none of them.
 * Above them stand ruby_open.h, which calls each once, and ruby_answer.h, which carries out requests.
 * (Below are the compiler of evals and the converters of terms, which know nothing of an interpreter.)
 *
 * Who calls: the thread that holds the running slice, on the job's stack.
 */
#ifndef RUBEAM_RUBY_H
#define RUBEAM_RUBY_H

#include "buffer.h"
#include "options.h"
#include "request.h"
#include "ruby_compile.h"
#include "slice.h"
#include "term.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Classes of JSON, kept whatever Ruby code does to the constants. */
struct ruby_json {
  struct RClass *parser_error, *nesting_error, *generator_error, *state;
};

/* What ruby_require.c knows; not to be found by Ruby code. */
struct ruby_require {
  struct RArray *directories; /* Strings */
  struct RHash *loaded;       /* real path => true: what is loaded, or being loaded */
  struct RClass *load_error;
};

/* A method's name that was called before. */
#define RUBY_NAMES 16
struct ruby_name {
  mrb_sym symbol;
  uint8_t length; /* 0: none */
  char text[27];
};

struct regexp_compiler;
struct regexp_search;
struct ruby_regexps;

struct ruby {
  mrb_state *mrb;
  struct slice *slice;
  const struct options *options; /* [const] */
  const struct ruby_host *host;  /* [const] */
  void *context;                 /* [const] the host's */
  struct ruby_compiler compiler;
  void *seeds;               /* the random generator's state: four 32-bit numbers */
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
  struct ruby_regexps *regexps;            /* ruby_regexp.h's, in the heap; NULL: not yet */
  struct RClass *regexp_error;             /* RegexpError */
  struct regexp_compiler *regexp_compiler; /* regexp.c's, while a regexp is compiled */
  struct regexp_search *regexp_search;     /* … and the search that was begun last */
};

/* The struct ruby of a state, for functions that Ruby calls. */
struct ruby *ruby_of(mrb_state *mrb);

/* Makes a frame in ruby->frame: `put` writes it, and may raise. Must be protected: raises that, and
 * RuntimeError inside of the to_erl of another frame. */
void ruby_frame(struct ruby *ruby, void (*put)(struct ruby *, const void *), const void *data);

#endif
