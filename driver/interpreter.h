/* An interpreter: one mruby behind one port, its queue of requests, and the life of its jobs.
 *
 * States (who may run Ruby is decided by them alone; `interp_move` in interp_state.c is the only
 * function that changes them, and checks this table):
 *
 *   state     the current job …                 held by           next
 *   IDLE      there is none                     the port          INLINE, READY, ENDED
 *   INLINE    runs in a driver callback         the port          IDLE, READY, WAITING, ENDED
 *   READY     waits in the pool's queue         the pool          POOL
 *   POOL      runs on a pool thread             that thread       IDLE, READY, WAITING, ENDED
 *   WAITING   sleeps, or waits for an Erlang    nobody            READY, INLINE
 *             function (interp_call.h)
 *   ENDED     (and Ruby's memory) is gone       nobody
 *
 * "The port" is the port's own thread of the moment: all functions marked [port] are called with
 * the port's lock held, so one at a time. Whoever holds the interpreter touches its mruby;
 * everybody else may look at the queue and the state under `lock` only. The lock is never held
 * while Ruby runs or a message is sent. IDLE is left by the port alone, so the port needs no lock
 * to see it.
 *
 * What becomes of a job at each end, in each phase (in more words: docs/lifecycle.md; held and
 * tried, cell by cell: phases_SUITE, lifecycle_SUITE):
 *
 *   end               queued           READY, POOL             WAITING           being answered
 *   interp_close      `closed`         `closed`; freed at the  `closed`          it arrives
 *                                      end of the slice
 *   caller dies       dropped          STOP_ABANDON            woken, the same   it goes nowhere
 *   interp_abandon    dropped          STOP_ABANDON            woken, the same   is waited for
 *   interrupt (Id)    `interrupted`    STOP_INTERRUPT          woken, the same   nothing
 *   its time is over  `timeout`        STOP_TIMEOUT            woken, the same   nothing
 *   the kill          –                end_interp; the queue   –                 –
 *                                      is answered `closed`
 *
 * In INLINE nothing comes in between: the callback has the port's lock. Unloading and reloading
 * close every port first. Nothing waits for a halt but, in the form `async`, the VM for slices that
 * have begun.
 *
 * Counted references: one of the port (until interp_close), one of the pool (READY and POOL), one
 * of a timer that rings. The last one frees. Lock order: `lock`, then the pool's or the watchdog's.
 */
#ifndef RUBEAM_INTERPRETER_H
#define RUBEAM_INTERPRETER_H

#include "atoms.h"
#include "options.h"
#include "pool.h"
#include "request.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interp;
struct ruby_image;
struct ruby_frozen;

enum reading {
  READING,
  READING_BEHIND,    /* who prints should wait, unless the owner waits for that one */
  READING_FAR_BEHIND /* nothing more may be printed */
};

/* Where an interpreter lives, as it sees it. All functions may be called on any thread, without a
 * lock held, also after interp_close; `home` must live until `gone`. A message that can't be
 * delivered is the transport's affair: nobody is left to be told. */
struct transport {
  /* Frames go out with the version byte first, without a length. (With PACKET_LINE there are none.) */
  void (*to_owner)(void *home, const uint8_t *frame, size_t length);
  /* The same with {exit, Reason}, after which the owner is to get nothing; `tend` follows. */
  void (*last)(void *home, const uint8_t *frame, size_t length);
  void (*to_caller)(void *home, uintptr_t caller, const uint8_t *frame, size_t length);
  /* The message {Id, Result}; both encoded, version byte first. Id is a reference. */
  void (*answer)(void *home, uintptr_t caller, struct piece id, struct piece result);
  /* {send, To, Term}: a term for a process or a registered name, to be sent on. SENT_NEVER: there is
   * nobody for that, and the owner gets the frame. */
  enum sent (*post)(void *home, const uint8_t *frame, size_t length);
  /* What Ruby printed, or has given to send_response: a frame to the owner, or with PACKET_LINE the
   * text as it is. */
  void (*output)(void *home, const uint8_t *bytes, size_t length);
  /* Does the owner read that? Ruby asks before it prints more. */
  enum reading (*reading)(void *home);
  /* Does this caller (0: who sends frames), while it waits for an answer, not read what the owner gets? */
  bool (*is_deaf)(void *home, uintptr_t caller);
  /* Somebody says that so many bytes of that were taken: output (else: of what was posted). REQUEST_TAKEN_NEVER:
   * nothing more will be, until more is. [port] */
  void (*taken)(void *home, bool output, uint64_t bytes);
  /* An event of interp_event.h, with the option `events` only. */
  void (*event)(void *home, const uint8_t *frame, size_t length);
  /* Have interp_tend called on the port's own thread soon. */
  void (*tend)(void *home);
  /* The interpreter is freed, and does not use `home` again. */
  void (*gone)(void *home);
  const char *name; /* for info: "driver" */
  bool from_vm;     /* frames, too, come from the VM's own encoder: the VM has the atoms in them */
};

/* How a frame came in, which decides how it is answered. */
enum way {
  WAY_FRAME,   /* from or for the owner: each answer is a frame to the owner */
  WAY_CONTROL, /* the answer is a frame: returned, or if it is late sent to the caller */
  WAY_REQUEST, /* the answer is {ok, V} or {error, E}: returned, or a token to claim it with */
  WAY_ASYNC    /* the answer is always the message {Id, Result} to the caller */
};

enum answer_kind {
  ANSWER_NONE, /* nothing to return: sent already, or nobody waits */
  /* `bytes` is the answer, encoded; valid until the next call for this interpreter. Or it is
   * {call, CallId, Name, Args}: the job wants the caller to run this function first. */
  ANSWER_NOW,
  ANSWER_LATER, /* WAY_REQUEST: `token` claims it. WAY_CONTROL: it will be sent */
  ANSWER_ACCEPTED /* WAY_REQUEST of what has no result (a cast, a message, an interrupt, a take, a return): the
                   * answer is `ok`. (For frames there is {accept, Id, Frame}.) */
};

struct answer {
  enum answer_kind kind;
  const uint8_t *bytes;
  size_t length;
  uint64_t token;
  bool ran_long;     /* it took a whole inline slice */
  bool watch_caller; /* the caller is to be monitored: see interp_caller_gone */
};

/* Opens an interpreter; [port]. Everything given must outlive it (`options` is copied), but for the image, which may be
 * NULL: then mruby is started anew, which takes ten times as long.
 * STATUS_NO_MEMORY: memory, address space or a thread could not be had; nothing is left. */
MUST_CHECK enum status interp_open(const struct options *options, const struct transport *transport,
                                   void *home, struct pool *pool, struct atoms *atoms,
                                   struct ruby_image *image, struct interp **out);

/* A copy of its memory, while it has nothing to do; [port]. Errors and `why` as of ruby_freeze; STATUS_UNSUPPORTED
 * also when it is busy, has ended, or is too large. */
MUST_CHECK enum status interp_freeze(struct interp *interp, struct ruby_frozen **frozen, char *why);

/* Closes it; [port]. Never waits for a slice: one that runs in the pool finishes first and then frees.
 * Every request that is not answered is answered `closed`. */
void interp_close(struct interp *interp);

/* Takes one frame; [port]. `caller` is 0 for WAY_FRAME. Never fails: what goes wrong is in the
 * answer. */
void interp_request(struct interp *interp, enum way way, uintptr_t caller, const uint8_t *bytes,
                    size_t length, struct answer *answer);

/* The answer to a request for which there is no memory: it needs none, and is returned in any way.
 * Any thread. */
void interp_no_memory(enum way way, struct answer *answer);

/* May an answer be addressed with this encoded term? A reference only: see the transport's
 * `answer`. */
bool interp_may_address(struct piece id);

/* Claims a token of `caller`; `id` is an encoded term, without a version byte; [port]. ANSWER_NOW,
 * or ANSWER_LATER: the answer will be sent as {Id, Result}. */
void interp_claim(struct interp *interp, uintptr_t caller, uint64_t token, struct piece id,
                  struct answer *answer);

/* Stops the caller's request that would be answered with {Id, …}; it is not answered any more once
 * this returns; [port]. */
void interp_abandon(struct interp *interp, uintptr_t caller, struct piece id);

/* The caller died: its requests are dropped, a running one is stopped; [port]. */
void interp_caller_gone(struct interp *interp, uintptr_t caller);

/* Calls `visit` for the caller of each request that is not about to be answered, some of them
 * several times; [port]. It must not call anything of the interpreter's. */
void interp_each_caller(struct interp *interp, void (*visit)(void *, uintptr_t), void *data);

/* To be called at the end of each callback, when the answer has been copied; [port]. Gives back
 * what a large request has left. True: the interpreter has ended, close its port. */
bool interp_tend(struct interp *interp);

/* How one has ended, once interp_tend has said so: NULL, and the status of its exit; or "killed", "memory_limit",
 * "stack_overflow", "aborted", or "error" for a cast that raised. */
const char *interp_end(const struct interp *interp, int64_t *status);

/* Does a job of it wait for the pool or run there? Or does it have a job at all? [port] */
bool interp_in_pool(struct interp *interp);
bool interp_is_busy(struct interp *interp);

/* The pool's `run`. */
void interp_run(struct task *task);

#endif
