/* Sessions: see ruby_fixture.h. */
#include "ruby_fixture.h"

#include "faults.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- opening --- */

static void host_output(void *context, bool error_stream, const char *bytes, size_t length)
{
  struct session *session = context;
  struct text *text = error_stream ? &session->err : &session->out;
  for (size_t at = 0; at < length; at += 1000)
    say(text, "%.*s", (int)(length - at < 1000 ? length - at : 1000), bytes + at);
}

static void host_frame(void *context, const uint8_t *frame, size_t length)
{
  struct session *session = context;
  char *text = term_text(frame, length);
  say(&session->frames, "%s ", text);
  free(text);
}

static struct ruby_called host_call(void *context, struct piece body)
{
  (void)context;
  (void)body;
  return (struct ruby_called){.how = RUBY_CALL_NOBODY};
}

static void host_owner(void *context, struct buffer *out)
{
  (void)context;
  (void)out;
}

static enum sent host_send(void *context, const uint8_t *frame, size_t length)
{
  host_frame(context, frame, length);
  return SENT;
}

static void host_call_read(void *context) { (void)context; }

static enum sent host_may_print(void *context)
{
  (void)context;
  return SENT;
}

static const struct ruby_host host = {host_may_print, host_output, host_frame, host_call,
                                      host_call_read, host_owner,  host_send};

static void open_body(void *data)
{
  struct session *session = data;
  session->opened =
      ruby_open(&session->ruby, &session->slice, &session->options, &host, session, session->atoms);
}

struct session *new_session(const char *options)
{
  struct session *session = calloc(1, sizeof *session);
  const char *bad;
  assert_non_null(session);
  install_fault_handler();
  assert_int_equal(options_parse(options, &session->options, &bad), STATUS_OK);
  assert_int_equal(atoms_open((size_t)session->options.max_atoms, &session->atoms), STATUS_OK);
  buffer_init(&session->reply, (size_t)session->options.max_frame);
  return session;
}

enum slice_end try_to_open(struct session *session, size_t heap_bytes)
{
  const struct options *options = &session->options;
  assert_int_equal(heap_open(heap_bytes, &session->heap), STATUS_OK);
  slice_init(&session->slice, session->heap, (size_t)options->memory_limit,
             (int64_t)options->slice_us * 1000, (unsigned)options->grace_slices, NULL);
  session->opened = STATUS_NO_MEMORY;
  assert_int_equal(slice_start(&session->slice, open_body, session), STATUS_OK);
  return slice_run_unwatched(&session->slice);
}

void open_interpreter(struct session *session)
{
  size_t more = (size_t)8 << 20;
  assert_int_equal(try_to_open(session, (size_t)session->options.memory_limit + more),
                   SLICE_RETURNED);
  assert_int_equal(session->opened, STATUS_OK);
}

struct session *open_session_with(const char *options)
{
  struct session *session = new_session(options);
  open_interpreter(session);
  return session;
}

struct session *copy_session(struct ruby_image *image, const char *text)
{
  struct session *session = new_session(text);
  const struct options *options = &session->options;
  size_t limit = (size_t)options->memory_limit + ((size_t)8 << 20);
  assert_int_equal(ruby_image_heap(image, limit, &session->heap), STATUS_OK);
  slice_init(&session->slice, session->heap, (size_t)options->memory_limit,
             (int64_t)options->slice_us * 1000, (unsigned)options->grace_slices, NULL);
  ruby_image_use(image, &session->ruby, &session->slice, options, &host, session, session->atoms);
  session->opened = STATUS_OK;
  return session;
}

struct session *open_session(void) { return open_session_with(""); }

void close_session(struct session *session)
{
  slice_fini(&session->slice);
  ruby_close(&session->ruby);
  heap_close(session->heap);
  atoms_close(session->atoms);
  buffer_fini(&session->reply);
  free(session->text);
  free(session->out.at);
  free(session->err.at);
  free(session->frames.at);
  free(session);
}

/* --- requests --- */

struct bytes eval_frame(const char *code, const char *options)
{
  ei_x_buff out;
  ei_x_new_with_version(&out);
  ei_x_encode_tuple_header(&out, options ? 4 : 3);
  ei_x_encode_atom(&out, "eval");
  ei_x_encode_long(&out, 1);
  ei_x_encode_binary(&out, code, (int)strlen(code));
  if (options) put_term(&out, &options);
  struct bytes bytes = bytes_copy(out.buff, (size_t)out.index);
  ei_x_free(&out);
  return bytes;
}

void answer_request(void *data)
{
  static const uint8_t version = 131;
  struct session *session = data;
  session->outcome = ruby_answer(&session->ruby, &session->request, (struct piece){&version, 1},
                                 &session->reply, &session->exit_status);
  session->arena = mrb_gc_arena_save(session->ruby.mrb);
}

void start_request(struct session *session, struct bytes frame)
{
  const char *why = "";
  enum status status =
      request_parse(frame.at, frame.length, &session->options, &session->request, &why);
  if (status) fail_msg("bad request: %s", why);
  buffer_clear(&session->reply);
  slice_ready(&session->slice);
  assert_int_equal(slice_start(&session->slice, answer_request, session), STATUS_OK);
}

void finish_request(struct session *session)
{
  int slices = 0;
  do {
    if (slices++ == 200 && session->may_be_killed) slice_stop(&session->slice, STOP_TIMEOUT);
    assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    if (session->end == SLICE_WAITING) pause_us(200);
  } while (session->end == SLICE_PREEMPTED || session->end == SLICE_WAITING);
  if (session->end == SLICE_KILLED && session->may_be_killed) return;
  assert_int_equal(session->end, SLICE_RETURNED);
  assert_int_equal(session->arena, 0);
  assert_ptr_equal(session->ruby.mrb->c, session->ruby.mrb->root_c);
  assert_ptr_equal(session->ruby.mrb->c->ci, session->ruby.mrb->c->cibase);
}

void run_request_to_output(struct session *session)
{
  session->out.length = 0;
  while (session->out.length == 0) {
    assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    assert_in_range(session->end, SLICE_PREEMPTED, SLICE_WAITING);
  }
}

void run_request(struct session *session, struct bytes frame)
{
  start_request(session, frame);
  finish_request(session);
  free(frame.at);
}

void eval_with(struct session *session, const char *code, const char *options)
{
  run_request(session, eval_frame(code, options));
}

void eval(struct session *session, const char *code) { eval_with(session, code, NULL); }

void call(struct session *session, const char *target_and_arguments)
{
  char text[2000];
  (void)snprintf(text, sizeof text, "{call, 1, %s}", target_and_arguments);
  run_request(session, term_bytes(text));
}

/* --- what came of it --- */

const char *reply_text(struct session *session)
{
  free(session->text);
  session->text = term_text(session->reply.bytes, session->reply.length);
  return session->text;
}

void must_have_replied(struct session *session, const char *what, const char *pattern)
{
  assert_int_equal(buffer_status(&session->reply), STATUS_OK);
  const char *text = reply_text(session);
  if (!text_like(text, pattern)) fail_msg("%s\ngave: %s\nlike: %s\n", what, text, pattern);
}

void must_give(struct session *session, const char *code, const char *wanted)
{
  char *pattern = malloc(strlen(wanted) + 10);
  assert_non_null(pattern);
  (void)sprintf(pattern, "{ok,%s}", wanted);
  eval(session, code);
  must_have_replied(session, code, pattern);
  assert_int_equal(session->outcome, OUTCOME_OK);
  free(pattern);
}

void must_have_raised(struct session *session, const char *what, const char *class,
                      const char *message)
{
  char pattern[2000];
  (void)snprintf(pattern, sizeof pattern, "{error,#{class=>\"%s\",message=>\"%s\",backtrace=>[*]}}",
                 class, message);
  must_have_replied(session, what, pattern);
  assert_int_equal(session->outcome, OUTCOME_ERROR);
}

void must_raise(struct session *session, const char *code, const char *class, const char *message)
{
  eval(session, code);
  must_have_raised(session, code, class, message);
}

void must_be_text(struct text *text, const char *wanted)
{
  assert_string_equal(text->at ? text->at : "", wanted);
  text->length = 0;
  if (text->at) text->at[0] = '\0';
}

void must_be_usable(struct session *session)
{
  assert_true(heap_check(session->heap));
  must_give(session, "[1, 2].map { |i| i * 2 }", "[2,4]");
  /* Names no variable of the session's: it may have as many as it can. */
  must_give(session, "[1].map { begin; raise 'x'; rescue => e; e.message; end }", "[\"x\"]");
}
