/* Tests of driver/port_out.c: frames to a pipe whose reader is busy, slow, or gone. */
#include "port_out.h"

#include "sanitizers.h"
#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a way out, and its keeper --- */

struct way {
  struct port_out out;
  int reader, writer;
  pthread_t keeper;
  _Atomic int asked; /* so often port_out_wait came back for that */
  _Atomic int last;  /* enum port_out_event: how it ended; -1: not yet */
};

enum kind { OWN_PIPE, SHARED_PIPE, SOCKET };
static const enum kind kinds[] = {OWN_PIPE, SHARED_PIPE, SOCKET};
#define KINDS 3

static void *keep(void *data)
{
  struct way *way = data;
  for (;;) {
    enum port_out_event event = port_out_wait(&way->out);
    if (event == PORT_OUT_ASKED) {
      atomic_fetch_add(&way->asked, 1);
      continue;
    }
    atomic_store(&way->last, (int)event);
    return NULL;
  }
}

static struct way *open_way(enum kind kind)
{
  struct way *way = calloc(1, sizeof *way);
  int ends[2];
  assert_non_null(way);
  (void)signal(SIGPIPE, SIG_IGN);
  if (kind == SOCKET)
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  else
    assert_int_equal(pipe(ends), 0);
  way->reader = ends[0];
  way->writer = ends[1];
  way->last = -1;
  port_out_init(&way->out, way->writer, kind == OWN_PIPE);
  return way;
}

static void start_keeper(struct way *way)
{
  assert_int_equal(pthread_create(&way->keeper, NULL, keep, way), 0);
}

/* What is left of it; the keeper has come back. */
static void free_way(struct way *way)
{
  if (way->reader >= 0) close(way->reader);
  close(way->writer);
  port_out_fini(&way->out);
  free(way);
}

/* Ends it when all is read: what came, of which there is not more. */
static void close_way(struct way *way)
{
  char byte;
  port_out_finish(&way->out);
  pthread_join(way->keeper, NULL);
  assert_int_equal(way->last, PORT_OUT_DONE);
  assert_int_equal(atomic_load(&way->out.waiting), 0);
  assert_int_equal(fcntl(way->reader, F_SETFL, O_NONBLOCK), 0);
  assert_int_equal(read(way->reader, &byte, 1), -1);
  assert_int_equal(errno, EAGAIN);
  free_way(way);
}

static void send_text(struct way *way, const char *head, const char *text)
{
  port_out_send(&way->out, (const uint8_t *)head, head ? strlen(head) : 0, (const uint8_t *)text,
                text ? strlen(text) : 0);
}

static void read_exactly(struct way *way, uint8_t *bytes, size_t length)
{
  while (length > 0) {
    ssize_t had = read(way->reader, bytes, length);
    assert_true(had > 0);
    bytes += had;
    length -= (size_t)had;
  }
}

static void must_read(struct way *way, const char *text)
{
  char bytes[100];
  size_t length = strlen(text);
  assert_true(length < sizeof bytes);
  read_exactly(way, (uint8_t *)bytes, length);
  assert_memory_equal(bytes, text, length);
}

/* --- the tests --- */

static void two_pieces_are_sent_as_one_and_either_may_be_empty(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++) {
    struct way *way = open_way(kinds[i]);
    start_keeper(way);
    send_text(way, "head ", "body ");
    send_text(way, NULL, "text ");
    send_text(way, "head", NULL);
    send_text(way, NULL, NULL);
    must_read(way, "head body text head");
    close_way(way);
  }
}

static void what_the_pipe_takes_needs_no_other_thread(void **state)
{
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct way *way = open_way(kinds[i]);
    send_text(way, "head ", "body");
    assert_int_equal(atomic_load(&way->out.waiting), 0);
    must_read(way, "head body");
    start_keeper(way);
    close_way(way);
  }
}

/* Large and small ones in turn, far more than a pipe holds. */
static size_t length_of(size_t n) { return n % 3 == 0 ? 100000 + n : n % 5; }

static void nobody_waits_for_the_reader_and_the_order_is_kept(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++)
    for (int late = 0; late < 2;
         late++) { /* the keeper is there from the beginning, or comes later */
      struct way *way = open_way(kinds[i]);
      uint8_t *bytes = malloc(200000), *again = malloc(200000);
      assert_true(bytes && again);
      if (!late) start_keeper(way);
      size_t sum = 0;
      for (size_t n = 0; n < 60; n++) {
        uint32_t head = (uint32_t)n;
        memset(bytes, (int)n, length_of(n));
        port_out_send(&way->out, (uint8_t *)&head, sizeof head, bytes, length_of(n));
        sum += sizeof head + length_of(n);
      }
      if (late) assert_in_range(atomic_load(&way->out.waiting), 1, sum);
      if (late) start_keeper(way);
      for (size_t n = 0; n < 60; n++) {
        uint32_t head;
        read_exactly(way, (uint8_t *)&head, sizeof head);
        assert_int_equal(head, n);
        memset(bytes, (int)n, length_of(n));
        read_exactly(way, again, length_of(n));
        if (length_of(n) > 0) assert_memory_equal(again, bytes, length_of(n));
      }
      close_way(way);
      free(bytes);
      free(again);
    }
}

struct sender {
  pthread_t thread;
  struct way *way;
  uint8_t number;
};

#define SENDERS 4
#define FRAMES  (TEST_UNDER_TSAN ? 500 : 3000)

static void *send_many(void *data)
{
  struct sender *sender = data;
  uint8_t bytes[3000];
  memset(bytes, sender->number, sizeof bytes);
  for (uint32_t n = 0; n < FRAMES; n++) {
    uint8_t head[8] = {sender->number};
    uint16_t length = n % 7 == 0 ? sizeof bytes : (uint16_t)(n % 100);
    memcpy(head + 2, &length, sizeof length);
    memcpy(head + 4, &n, sizeof n);
    port_out_send(&sender->way->out, head, sizeof head, bytes, length);
  }
  return NULL;
}

static void frames_of_many_threads_are_whole_and_each_one_s_in_order(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++) {
    struct way *way = open_way(kinds[i]);
    struct sender senders[SENDERS];
    uint32_t next[SENDERS] = {0};
    start_keeper(way);
    for (uint8_t s = 0; s < SENDERS; s++) {
      senders[s] = (struct sender){.way = way, .number = s};
      assert_int_equal(pthread_create(&senders[s].thread, NULL, send_many, &senders[s]), 0);
    }
    for (size_t n = 0; n < (size_t)SENDERS * FRAMES; n++) {
      uint8_t head[8], bytes[3000];
      uint16_t length;
      uint32_t number;
      read_exactly(way, head, sizeof head);
      memcpy(&length, head + 2, sizeof length);
      memcpy(&number, head + 4, sizeof number);
      assert_in_range(head[0], 0, SENDERS - 1);
      assert_int_equal(number, next[head[0]]++);
      read_exactly(way, bytes, length);
      for (size_t b = 0; b < length; b++) assert_int_equal(bytes[b], head[0]);
      if (n % 100 == 0) port_out_ask(&way->out);
    }
    for (size_t s = 0; s < SENDERS; s++) pthread_join(senders[s].thread, NULL);
    close_way(way);
  }
}

static void who_asks_is_heard_while_nothing_is_to_be_written(void **state)
{
  (void)state;
  struct way *way = open_way(OWN_PIPE);
  port_out_ask(&way->out); /* also before the keeper is there */
  start_keeper(way);
  must_become(way->asked == 1);
  port_out_ask(&way->out);
  must_become(way->asked == 2);
  close_way(way);
}

static void it_is_finished_when_all_is_written_and_what_comes_then_is_dropped(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++) {
    struct way *way = open_way(kinds[i]);
    uint8_t *bytes = calloc(1, 1000000);
    assert_non_null(bytes);
    start_keeper(way);
    port_out_send(&way->out, NULL, 0, bytes, 1000000);
    port_out_finish(&way->out);
    send_text(way, "dropped", "dropped");
    port_out_ask(&way->out);
    assert_int_equal(way->last, -1);
    read_exactly(way, bytes, 1000000);
    must_become(way->last == PORT_OUT_DONE);
    close_way(way);
    free(bytes);
  }
}

static bool is_writing(struct way *way)
{
  pthread_mutex_lock(&way->out.lock);
  bool writing = way->out.writing;
  pthread_mutex_unlock(&way->out.lock);
  return writing;
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++)
    for (int full = 0; full < 2; full++) { /* while the keeper waits for room, or before */
      struct way *way = open_way(kinds[i]);
      uint8_t *bytes = calloc(1, 1000000);
      assert_non_null(bytes);
      start_keeper(way);
      if (full) {
        port_out_send(&way->out, NULL, 0, bytes, 1000000);
        must_become(is_writing(way));
      }
      close(way->reader);
      way->reader = -1;
      send_text(way, "nobody", "reads");
      must_become(way->last == PORT_OUT_FAILED);
      assert_int_equal(atomic_load(&way->out.error), EPIPE);
      size_t waiting = atomic_load(&way->out.waiting);
      send_text(way, "this", "either");
      assert_int_equal(atomic_load(&way->out.waiting), waiting);
      assert_int_equal(port_out_wait(&way->out), PORT_OUT_FAILED); /* and so it stays */
      pthread_join(way->keeper, NULL);
      free_way(way);
      free(bytes);
    }
}

static void the_flags_of_a_pipe_that_others_have_are_left_alone(void **state)
{
  (void)state;
  for (size_t i = 0; i < KINDS; i++) {
    struct way *way = open_way(kinds[i]);
    assert_int_equal(fcntl(way->writer, F_GETFL) & O_NONBLOCK,
                     kinds[i] == OWN_PIPE ? O_NONBLOCK : 0);
    start_keeper(way);
    close_way(way);
  }
}

/* Some of a frame is in the pipe already when the rest has to wait. */
static void a_frame_that_fits_in_part_is_not_cut(void **state)
{
  (void)state;
  struct way *way = open_way(OWN_PIPE);
  size_t room = (size_t)fcntl(way->writer, F_GETPIPE_SZ);
  uint8_t *bytes = malloc(room + 5000), *again = malloc(room + 5000);
  assert_true(bytes && again);
  for (size_t n = 0; n < room + 5000; n++) bytes[n] = (uint8_t)(n * 7);
  port_out_send(&way->out, bytes, 10, bytes + 10, room - 100 - 10);
  assert_int_equal(atomic_load(&way->out.waiting), 0);
  port_out_send(&way->out, bytes + room - 100, 50, bytes + room - 50, 5050);
  assert_in_range(atomic_load(&way->out.waiting), 1, 5100);
  start_keeper(way);
  read_exactly(way, again, room + 5000);
  assert_memory_equal(again, bytes, room + 5000);
  close_way(way);
  free(bytes);
  free(again);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_pieces_are_sent_as_one_and_either_may_be_empty),
      cmocka_unit_test(what_the_pipe_takes_needs_no_other_thread),
      cmocka_unit_test(nobody_waits_for_the_reader_and_the_order_is_kept),
      cmocka_unit_test(frames_of_many_threads_are_whole_and_each_one_s_in_order),
      cmocka_unit_test(who_asks_is_heard_while_nothing_is_to_be_written),
      cmocka_unit_test(it_is_finished_when_all_is_written_and_what_comes_then_is_dropped),
      cmocka_unit_test(a_reader_that_is_gone_is_an_error),
      cmocka_unit_test(the_flags_of_a_pipe_that_others_have_are_left_alone),
      cmocka_unit_test(a_frame_that_fits_in_part_is_not_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
