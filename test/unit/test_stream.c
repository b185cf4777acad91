/* Tests of driver/stream.c: what an owner sends, in whatever pieces, is requests of its interpreter. */
#include "stream.h"

#include "interp_fixture.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct heard {
  size_t requests;
  enum answer_kind last;
};

static void hear(void *context, const struct answer *answer)
{
  struct heard *heard = context;
  heard->requests++;
  heard->last = answer->kind;
}

static bool feed(struct stream *stream, const void *bytes, size_t length)
{
  struct bytes copy = bytes_copy(bytes, length); /* so that ASan sees what is read beyond it */
  bool good = stream_feed(stream, copy.at, copy.length);
  free(copy.at);
  return good;
}

/* The frame with its length before it. */
static struct bytes with_head(size_t head, const char *text)
{
  struct bytes frame = term_bytes(text);
  struct bytes whole = {malloc(head + frame.length), head + frame.length};
  assert_non_null(whole.at);
  for (size_t i = 0; i < head; i++) whole.at[i] = (uint8_t)(frame.length >> (8 * (head - 1 - i)));
  memcpy(whole.at + head, frame.at, frame.length);
  free(frame.at);
  return whole;
}

static void frames_are_requests_wherever_they_are_cut(void **state)
{
  (void)state;
  static const struct {
    const char *options;
    size_t head;
  } forms[] = {{"packet=1", 1}, {"packet=2", 2}, {"packet=4", 4}};
  for (size_t f = 0; f < 3; f++) {
    struct port *port = open_port(forms[f].options);
    struct heard heard = {0};
    struct stream stream;
    stream_init(&stream, &port->options, port->interp, hear, &heard);
    struct bytes frame = with_head(forms[f].head, "{eval, 1, `$n = ($n || 0) + 1`}");
    for (size_t at = 0; at <= frame.length; at++) {
      char reply[40];
      assert_true(feed(&stream, frame.at, at));
      assert_int_equal(heard.requests, at < frame.length ? 2 * at : 2 * at + 1);
      assert_true(feed(&stream, frame.at + at, frame.length - at));
      (void)snprintf(reply, sizeof reply, "owner {reply,1,{ok,%zu}}", 2 * at + 1);
      must_hear(port, reply);
      assert_true(feed(&stream, frame.at, frame.length));
      (void)snprintf(reply, sizeof reply, "owner {reply,1,{ok,%zu}}", 2 * at + 2);
      must_hear(port, reply);
    }
    assert_int_equal(heard.requests, 2 * (frame.length + 1));
    assert_int_equal(heard.last, ANSWER_NONE);
    stream_fini(&stream);
    free(frame.at);
    close_port(port);
  }
}

static void each_piece_is_a_frame_where_nothing_is_cut(void **state)
{
  (void)state;
  struct port *port = open_port("max_frame=100");
  struct stream stream;
  stream_init(&stream, &port->options, port->interp, NULL, NULL);
  struct bytes frame = with_head(0, "{eval, 1, `2`}");
  assert_true(feed(&stream, frame.at, frame.length));
  must_hear(port, "owner {reply,1,{ok,2}}");
  assert_true(feed(&stream, frame.at, 3));
  must_hear(port, "owner {reply,undefined,{error,{bad_request,*}}}");
  uint8_t long_one[101] = {131};
  assert_true(feed(&stream, long_one, sizeof long_one)); /* the next one is just the next */
  must_hear(port,
            "owner {reply,undefined,{error,{bad_request,\"a frame longer than max_frame\"}}}");
  assert_true(feed(&stream, frame.at, frame.length));
  must_hear(port, "owner {reply,1,{ok,2}}");
  stream_fini(&stream);
  free(frame.at);
  close_port(port);
}

static void lines_are_evals_without_an_id(void **state)
{
  (void)state;
  struct port *port = open_port("packet=line");
  struct heard heard = {0};
  struct stream stream;
  stream_init(&stream, &port->options, port->interp, hear, &heard);
  static const char text[] = "a = 1\n\nprint a + 1\nprint 'no end'";
  for (size_t i = 0; i + 1 < sizeof text; i++) assert_true(feed(&stream, text + i, 1));
  must_hear(port, "text 2");
  assert_int_equal(heard.requests, 3);
  assert_true(feed(&stream, "\nprint a\n", 9));
  must_hear(port, "text no end");
  must_hear(port, "text 1");
  stream_fini(&stream);
  close_port(port);
}

static void a_frame_that_is_too_long_is_told_and_ends_the_stream(void **state)
{
  (void)state;
  struct port *port = open_port("packet=4 max_frame=100");
  struct heard heard = {0};
  struct stream stream;
  stream_init(&stream, &port->options, port->interp, hear, &heard);
  struct bytes frame = with_head(4, "{eval, 1, `2`}");
  uint8_t bytes[200];
  memcpy(bytes, frame.at, frame.length);
  memcpy(bytes + frame.length, "\0\0\0\x65", 4);
  assert_false(feed(&stream, bytes, frame.length + 4));
  must_hear(port, "owner {reply,1,{ok,2}}");
  must_hear(port,
            "owner {reply,undefined,{error,{bad_request,\"a frame longer than max_frame\"}}}");
  assert_false(feed(&stream, frame.at, frame.length));
  must_hear(port, "owner {reply,undefined,{error,{bad_request,*}}}");
  assert_int_equal(heard.requests, 1);
  stream_fini(&stream);
  free(frame.at);
  close_port(port);
}

static void a_line_that_is_too_long_ends_the_stream_without_a_frame(void **state)
{
  (void)state;
  struct port *port = open_port("packet=line max_frame=100");
  struct stream stream;
  char line[102];
  memset(line, ' ', sizeof line);
  line[100] = '\n';
  stream_init(&stream, &port->options, port->interp, NULL, NULL);
  assert_true(feed(&stream, line, 101));
  line[100] = ' ';
  assert_false(feed(&stream, line, 101));
  stream_fini(&stream);
  close_port(port);
}

static void what_was_never_opened_can_be_closed(void **state)
{
  (void)state;
  struct stream stream;
  memset(&stream, 0, sizeof stream);
  stream_fini(&stream);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_requests_wherever_they_are_cut),
      cmocka_unit_test(each_piece_is_a_frame_where_nothing_is_cut),
      cmocka_unit_test(lines_are_evals_without_an_id),
      cmocka_unit_test(a_frame_that_is_too_long_is_told_and_ends_the_stream),
      cmocka_unit_test(a_line_that_is_too_long_ends_the_stream_without_a_frame),
      cmocka_unit_test(what_was_never_opened_can_be_closed),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
