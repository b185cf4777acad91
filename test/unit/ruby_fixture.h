/* A session: an interpreter with ruby_answer.c above it, without interpreter.c's queue and life around it,
 * and one request after the other carried out in it by slices on the test's own thread.
 *
 * A test that opens one needs the watchdog: see job_fixture.h. */
#ifndef RUBEAM_TEST_RUBY_FIXTURE_H
#define RUBEAM_TEST_RUBY_FIXTURE_H

#include "heap.h"
#include "options.h"
#include "request.h"
#include "ruby_answer.h"
#include "ruby_image.h"
#include "ruby_open.h"
#include "slice.h"
#include "terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
  struct options options;
  struct heap *heap;
  struct slice slice;
  struct ruby ruby;
  struct atoms *atoms;
  enum status opened;
  /* the job */
  struct request request;
  struct buffer reply;
  enum outcome outcome;
  int64_t exit_status;
  enum slice_end end;
  bool may_be_killed; /* finish_request stops it after many slices, and takes a kill for an end */
  int arena;          /* the garbage collector's, after the answer */
  char *text;         /* of the last reply: see reply_text */
  /* what the host has got */
  struct text out, err;
  struct text frames; /* each as text, with a space behind it */
};

/* --- opening --- */

/* A session with these options ("" for the defaults), and a fresh interpreter in it. */
struct session *open_session(void);
struct session *open_session_with(const char *options);
void close_session(struct session *session);

/* The same in steps, for a test that changes something in between: first without Ruby… */
struct session *new_session(const char *options);

/* …and the interpreter, in a heap of so many bytes. session->opened says whether ruby_open has
 * worked, if the job returned; close_session is right in any case. */
enum slice_end try_to_open(struct session *session, size_t heap_bytes);

/* The interpreter, in a heap of the size that it has in the driver; it must open. */
void open_interpreter(struct session *session);

/* A session whose interpreter is a copy. Its atoms are not the image's: nothing of them is in there. */
struct session *copy_session(struct ruby_image *image, const char *options);

/* --- requests --- */

/* {eval, 1, Code, Options}; `options` may be NULL. The caller frees the bytes. */
struct bytes eval_frame(const char *code, const char *options);

/* Parses the frame, whose bytes must stay until the end, and starts a job for it. */
void start_request(struct session *session, struct bytes frame);

/* The body of such a job, with the session as argument. */
void answer_request(void *session);

/* Runs slices to the end of the job, after which Ruby must be as it was before. */
void finish_request(struct session *session);

/* Runs slices until the code has printed something, and is switched out behind it. */
void run_request_to_output(struct session *session);

/* Start and finish; frees the frame. */
void run_request(struct session *session, struct bytes frame);

/* An eval; `options` as text, or NULL. */
void eval(struct session *session, const char *code);
void eval_with(struct session *session, const char *code, const char *options);

/* A call: "add, [1, 2]" or "{`Math`, sqrt}, [4]". */
void call(struct session *session, const char *target_and_arguments);

/* --- what came of it --- */

/* The last reply as text. It lives until the next call of this. */
const char *reply_text(struct session *session);

/* The last reply is like the pattern (* is anything). `what` is told if it is not. */
void must_have_replied(struct session *session, const char *what, const char *pattern);

/* The last reply is an error of this class, with a message like that. */
void must_have_raised(struct session *session, const char *what, const char *class,
                      const char *message);

/* The same for an eval: its value, or its exception's class and message. */
void must_give(struct session *session, const char *code, const char *wanted);
void must_raise(struct session *session, const char *code, const char *class, const char *message);

/* The output or the frames are exactly this; they are empty afterwards. */
void must_be_text(struct text *text, const char *wanted);

/* Whatever came before, Ruby runs. */
void must_be_usable(struct session *session);

#endif
