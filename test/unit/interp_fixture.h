/* A port: an interpreter, the pool that runs its jobs, and a transport that records what is sent
 * and can be made to block, so that a job stands still in a phase that else is over in a moment.
 *
 * Most tests use a pool of the form `async` and run its slices themselves, one after the other:
 * then nothing happens by chance. All need the watchdog: see job_fixture.h. */
#ifndef RUBEAM_TEST_INTERP_FIXTURE_H
#define RUBEAM_TEST_INTERP_FIXTURE_H

#include "interpreter.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- the transport --- */

/* What may be held back: a thread that sends such a message waits until the gate is opened. */
enum gate { GATE_OUTPUT = 1, GATE_REPLY = 2, GATE_EXIT = 4 };

struct home {
  pthread_mutex_t lock;
  char *messages
      [4000]; /* [lock] "owner {reply,…}", "caller 7 {…}", "answer 7 &1 {…}", "text …", "event …" */
  size_t count, taken;     /* [lock] */
  _Atomic int gates;       /* closed ones */
  _Atomic int tickets;     /* so many messages pass all the same */
  _Atomic int held;        /* at which a thread waits */
  _Atomic int posting;     /* enum sent: what home_post does */
  _Atomic int reading;     /* enum reading: what home_reading says */
  _Atomic int tends, gone; /* how often these were called */
};

extern const struct transport home_transport;

/* Those of its functions that another transport may want. */
enum sent home_post(void *home, const uint8_t *frame, size_t length);
void home_output(void *home, const uint8_t *bytes, size_t length);
enum reading home_reading(void *home);
bool home_is_deaf(void *home, uintptr_t caller);
void home_taken(void *home, bool output, uint64_t bytes);
void home_event(void *home, const uint8_t *frame, size_t length);
void home_tend(void *home);
void home_gone(void *home);

/* --- a port --- */

struct port {
  struct home home;
  struct options options;
  struct atoms *atoms;
  struct pool *pool;
  struct interp *interp;
  struct answer answer; /* the last one */
  char *text;           /* its bytes as text */
};

/* A port with a pool of its own, and an interpreter that sends through home_transport. */
struct port *open_port_with(enum pool_form form, unsigned workers, const char *options);

/* The same, but slices run when the test says so. They are long, so that what ought to be done in
 * the first one is; what must overrun one names a shorter. */
struct port *open_port(const char *options);

/* Closes all. What was sent must have been looked at before. */
void close_port(struct port *port);

/* In steps: a port without an interpreter; an interpreter for it, once or again and again; the end
 * of the interpreter, which may take a while (home.gone); and of all else, which waits for that. */
struct port *new_port(enum pool_form form, unsigned workers, const char *options);
void open_interp(struct port *port, const struct transport *transport);
void close_interp(struct port *port);
void free_port(struct port *port);

/* --- requests --- */

/* The four ways, and the caller whom the functions below know. */
#define WAYS   4
#define CALLER 77
extern const enum way ways[WAYS];

/* Sends a request: as text, or as bytes. What is returned is in port->answer and port->text. */
void ask(struct port *port, enum way way, uintptr_t caller, const char *text);
void ask_bytes(struct port *port, enum way way, uintptr_t caller, const uint8_t *bytes,
               size_t length);

/* {eval, Id, Code} whose code is too long to run inline: it waits in the pool, not begun. The text
 * lives until the next call. */
char *in_pool(const char *id, const char *code);

/* Sends a request of CALLER's that is answered with a token. */
uint64_t token_of(struct port *port, const char *text);

void claim(struct port *port, uintptr_t caller, uint64_t token, const char *id);
void abandon(struct port *port, uintptr_t caller, const char *id);

/* --- slices --- */

/* Runs all slices that wait in the pool, and counts them. */
size_t drain(struct port *port);

/* Runs slices until the code has printed something. */
void run_to_output(struct port *port);

/* A thread that lends itself to the pool for as long as there is work. */
struct lender {
  pthread_t thread;
  struct port *port;
};

void start_lender(struct lender *lender, struct port *port);

/* Sends &1, and has it stand in the middle of a slice on the lender's thread: its output is held
 * back. `rest` is the code that it goes on with. */
void start_held(struct lender *lender, struct port *port, enum way way, const char *rest);

/* Opens all gates, and waits until the lender has no more work. */
void let_go(struct lender *lender);

/* --- what came of it --- */

/* Is there a message that must_hear has not taken? */
bool has_message(struct port *port);

/* Takes the next message, waiting for it: it must be like the pattern (* is anything). */
void must_hear(struct port *port, const char *pattern);
void must_hear_nothing(struct port *port);

/* What the last request has returned: this kind, and for ANSWER_NOW this text. */
void must_be_answered(struct port *port, enum answer_kind kind, const char *pattern);

/* The last request, with the id &1, was answered at once, whichever way it came. */
void must_be_answered_now(struct port *port, enum way way, const char *result);

/* The last request was accepted; a token is claimed with the id. */
void must_be_accepted(struct port *port, enum way way, const char *id);

/* The next message is the answer to a request that came this way, of the owner or of CALLER. */
void must_hear_late(struct port *port, enum way way, const char *id, const char *result);

/* It has no job, and takes the next one. */
void must_be_idle(struct port *port);

/* --- calls of Erlang functions --- */

#define OTHER 78 /* a process that is not CALLER */

/* The last request was answered with the call of this function: its id, as text, until the next of
 * these. */
const char *must_call(struct port *port, const char *name_and_arguments);

/* The next message is this call: its id. `to` is as in must_hear, up to the term. */
const char *must_hear_call(struct port *port, const char *to, const char *name_and_arguments);

/* Sends {return, …} and {take, …} for the call with this id. */
void give_back(struct port *port, enum way way, uintptr_t from, const char *id, const char *result);
void take(struct port *port, uintptr_t handler, const char *id);

/* The last of them came for a call that nobody waits for any more. */
void must_be_gone(struct port *port);

#endif
