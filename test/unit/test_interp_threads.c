/* Tests of an interpreter whose pool has threads of its own: whatever happens at the same time,
 * each request is answered once. */
#include "interp_fixture.h"
#include "job_fixture.h"
#include "process_size.h"
#include "sanitizers.h"
#include "seed.h"
#include "terms.h"
#include "waiting.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One thread is the port, as the VM's scheduler is; the pool has threads of its own, or is lent
 * some. Each request has a reference of its own, so that each message tells what it answers. */
enum { REQUESTS = 6000, CALLERS = 5 };

struct story {
  enum way way;
  uintptr_t caller;
  bool addressed; /* a message will be sent, unless it is answered at once */
  bool dropped;   /* its port was closed, its token was never claimed */
  uint64_t token; /* not claimed yet */
  _Atomic int answers;
  _Atomic bool silenced; /* abandoned: nothing may come any more */
  bool died;             /* the caller did: nothing need come */
};

static struct {
  struct story story[REQUESTS + 1];
  _Atomic int late, doubled, strange;
} tale;

static void note_strange(const char *what)
{
  if (tale.strange++ < 5) print_error("strange: %s\n", what);
}

static void count_answer(unsigned id, uintptr_t caller)
{
  if (id == 0 || id > REQUESTS) {
    note_strange("an id that was not sent");
    return;
  }
  struct story *story = &tale.story[id];
  if (story->silenced) tale.late++;
  if (story->caller != caller) note_strange("another caller");
  if (++story->answers > 1) tale.doubled++;
}

static void tale_to_owner(void *data, const uint8_t *frame, size_t length)
{
  (void)data;
  unsigned id;
  char *text = term_text(frame, length);
  if (sscanf(text, "{reply,&%u,", &id) == 1)
    count_answer(id, 0);
  else if (strncmp(text, "{output,", 8) != 0 && strncmp(text, "{exit,", 6) != 0 &&
           strncmp(text, "{reply,undefined,", 17) != 0)
    note_strange(text);
  free(text);
}

static void tale_to_caller(void *data, uintptr_t caller, const uint8_t *frame, size_t length)
{
  (void)data;
  unsigned id = 0;
  char *text = term_text(frame, length);
  (void)sscanf(text, "{reply,&%u,", &id);
  count_answer(id, caller);
  free(text);
}

static void tale_answer(void *data, uintptr_t caller, struct piece id_term, struct piece result)
{
  (void)data;
  unsigned id = 0;
  char *text = term_text(id_term.bytes, id_term.length);
  (void)sscanf(text, "&%u", &id);
  count_answer(id, caller);
  free(text);
  text = term_text(result.bytes, result.length);
  if (text[0] != '{') note_strange(text);
  free(text);
}

static const struct transport tale_transport = {
    .to_owner = tale_to_owner,
    .last = tale_to_owner,
    .to_caller = tale_to_caller,
    .answer = tale_answer,
    .post = home_post,
    .output = tale_to_owner,
    .reading = home_reading,
    .is_deaf = home_is_deaf,
    .taken = home_taken,
    .event = home_event,
    .tend = home_tend,
    .gone = home_gone,
    .name = "tale",
};

struct loose {
  struct port *port;
  struct random random;
  unsigned next; /* the id of the next request */
  _Atomic bool over;
  pthread_t lenders[2];
};

static void *lend_until_over(void *data)
{
  struct loose *loose = data;
  while (!loose->over)
    if (!pool_run_one(loose->port->pool)) pause_us(50);
  return NULL;
}

static const char *some_code(struct random *random)
{
  static const char *const codes[] = {"1 + 2",
                                      "raise 'x'",
                                      "sleep 0.0005",
                                      "sleep 0.002",
                                      "sleep",
                                      "loop {}",
                                      "print 'x'; 1",
                                      "'x' * 5000",
                                      "x = (x || 0) + 1",
                                      "3000.times { |i| i.to_s }",
                                      "Object.new",
                                      "begin; sleep; ensure; 1; end",
                                      "begin; loop {}; rescue Exception; 2; end",
                                      "loop { begin; loop {}; rescue Exception; end }",
                                      "a = [1] * 1000; a.map { |i| i + 1 }.size"};
  if (random_below(random, 150) == 0) return "exit 3";
  return codes[random_below(random, sizeof codes / sizeof *codes)];
}

static void close_again(struct loose *loose)
{
  struct port *port = loose->port;
  close_interp(port);
  must_become(port->home.gone == 1);
  assert_int_equal(port->home.gone, 1);
  for (unsigned id = 1; id < loose->next; id++) {
    struct story *story = &tale.story[id];
    if (story->token) story->dropped = true;
    if (story->way == WAY_FRAME) story->dropped = true;
    story->token = 0;
  }
}

static void claim_one(struct loose *loose, unsigned id)
{
  struct port *port = loose->port;
  struct story *story = &tale.story[id];
  char text[20];
  (void)snprintf(text, sizeof text, "&%u", id);
  story->addressed = true;
  claim(port, story->caller, story->token, text);
  story->token = 0;
  if (port->answer.kind == ANSWER_NOW) {
    count_answer(id, story->caller);
    if (strstr(port->text, "no such token")) note_strange(port->text);
  } else {
    assert_int_equal(port->answer.kind, ANSWER_LATER);
  }
}

static void send_one(struct loose *loose)
{
  struct port *port = loose->port;
  struct random *random = &loose->random;
  unsigned id = loose->next++;
  struct story *story = &tale.story[id];
  char text[10000], options[40] = "";
  if (random_below(random, 3) == 0)
    (void)snprintf(options, sizeof options, ", #{timeout => %d}", (int)random_below(random, 6));
  (void)snprintf(text, sizeof text, "{eval, &%u, `%s%s%0*d`%s}", id, some_code(random), "\n#",
                 random_below(random, 4) == 0 ? 8200 : 1, 0, options);
  story->way = ways[random_below(random, WAYS)];
  story->caller = story->way == WAY_FRAME ? 0 : 1 + random_below(random, CALLERS);
  story->addressed = story->way != WAY_REQUEST;
  ask(port, story->way, story->caller, text);
  if (port->answer.kind == ANSWER_NOW) count_answer(id, story->caller);
  if (port->answer.kind == ANSWER_LATER && story->way == WAY_REQUEST)
    story->token = port->answer.token;
  if (story->token && random_below(random, 4) > 0) claim_one(loose, id);
}

/* One of the last requests, the newer the likelier. */
static unsigned some_id(struct loose *loose)
{
  size_t back = 1 + random_below(&loose->random, 1 + random_below(&loose->random, 40));
  return back < loose->next ? loose->next - (unsigned)back : 1;
}

static void silence(struct story *story) { story->silenced = true; }

static void do_something(struct loose *loose)
{
  struct port *port = loose->port;
  struct random *random = &loose->random;
  unsigned id = some_id(loose);
  struct story *story = &tale.story[id];
  uintptr_t caller = 1 + random_below(random, CALLERS);
  char text[60];
  switch (random_below(random, 24)) {
  case 0:
    if (story->token) claim_one(loose, id);
    break;
  case 1:
  case 2:
    (void)snprintf(text, sizeof text, "{interrupt, &%u}", id);
    ask(port, WAY_FRAME, 0, text);
    break;
  case 3:
  case 4: ask(port, WAY_CONTROL, caller, "interrupt"); break;
  case 5:
    if (story->way != WAY_ASYNC && !(story->way == WAY_REQUEST && story->addressed)) break;
    (void)snprintf(text, sizeof text, "&%u", id);
    abandon(port, story->caller, text);
    silence(story);
    break;
  case 6:
    if (random_below(random, 8) > 0) break;
    interp_caller_gone(port->interp, caller);
    for (unsigned i = 1; i < loose->next; i++)
      if (tale.story[i].caller == caller) {
        tale.story[i].died = true; /* what is on its way is not waited for */
        tale.story[i].token = 0;
      }
    break;
  case 7: ask(port, WAY_CONTROL, caller, "{info, &999999}"); break;
  case 8:
    ask(port, WAY_FRAME, 0, "{eval, `$cast = 1`}"); /* refused when the queue is full */
    break;
  case 9: pause_us((long)random_below(random, 2000)); break;
  case 10:
    if (random_below(random, 20) > 0 && !interp_tend(port->interp)) break;
    close_again(loose);
    open_interp(port, &tale_transport);
    break;
  default: send_one(loose); break;
  }
}

static void let_loose(enum pool_form form)
{
  struct loose *loose = calloc(1, sizeof *loose);
  assert_non_null(loose);
  memset(&tale, 0, sizeof tale);
  loose->random = random_seeded();
  loose->next = 1;
  loose->port = new_port(form, 2, "max_atoms=100 queue_limit=12 grace=2 slice=600");
  struct port *port = loose->port;
  for (size_t i = 0; i < 2 && form == POOL_ASYNC; i++)
    assert_int_equal(pthread_create(&loose->lenders[i], NULL, lend_until_over, loose), 0);
  open_interp(port, &tale_transport);
  unsigned requests = TEST_UNDER_TSAN ? REQUESTS / 4 : REQUESTS;
  while (loose->next < requests) do_something(loose);
  close_again(loose);
  loose->over = true;
  for (size_t i = 0; i < 2 && form == POOL_ASYNC; i++) pthread_join(loose->lenders[i], NULL);
  free_port(port);
  unsigned missing = 0;
  for (unsigned id = 1; id < loose->next; id++) {
    struct story *story = &tale.story[id];
    if (story->answers == 0 && !story->dropped && !story->silenced && !story->died && missing++ < 5)
      print_error("&%u, way %d, was never answered\n", id, (int)story->way);
  }
  free(loose);
  assert_int_equal(missing, 0);
  assert_int_equal(tale.doubled, 0);
  assert_int_equal(tale.late, 0);
  assert_int_equal(tale.strange, 0);
}

static void whatever_happens_beside_two_workers_each_request_is_answered_once(void **state)
{
  (void)state;
  let_loose(POOL_THREADS);
}

static void whatever_happens_beside_two_lent_threads_each_request_is_answered_once(void **state)
{
  (void)state;
  let_loose(POOL_ASYNC);
}

static void many_interpreters_share_the_workers(void **state)
{
  (void)state;
  enum { PORTS = 12 };
  struct port *ports[PORTS];
  struct pool *pool = NULL;
  assert_int_equal(pool_open(POOL_THREADS, 2, interp_run, &pool), STATUS_OK);
  for (size_t i = 0; i < PORTS; i++) {
    ports[i] = new_port(POOL_ASYNC, 0, "slice=1000");
    pool_close(ports[i]->pool);
    ports[i]->pool = pool;
    open_interp(ports[i], &home_transport);
  }
  for (size_t i = 0; i < PORTS; i++) {
    char text[200];
    (void)snprintf(text, sizeof text,
                   "{eval, &1, `s = %d; 60000.times { |i| s = (s * 31 + i) %% 1000003 }; s`}",
                   (int)i);
    ask(ports[i], WAY_ASYNC, CALLER, text);
    ask(ports[i], WAY_ASYNC, CALLER, "{eval, &2, `loop {}`}");
  }
  for (size_t i = 0; i < PORTS; i++) {
    long sum = (long)i;
    char wanted[60];
    for (long k = 0; k < 60000; k++) sum = (sum * 31 + k) % 1000003;
    (void)snprintf(wanted, sizeof wanted, "answer 77 &1 {ok,%ld}", sum);
    must_hear(ports[i], wanted);
  }
  for (size_t i = 0; i < PORTS; i++) {
    close_interp(ports[i]); /* in the middle of a loop, which ends with its slice */
    must_hear(ports[i], "answer 77 &2 {error,closed}");
    must_become(ports[i]->home.gone == 1);
  }
  pool_close(pool);
  for (size_t i = 0; i < PORTS; i++) {
    ports[i]->pool = NULL;
    free_port(ports[i]);
  }
}

/* Signal stacks, for instance, belong to threads that are gone. At first each round leaves stacks of
 * coroutines, which wait for other jobs: they become so many and not more. */
static void a_pool_that_is_closed_leaves_no_memory_behind(void **state)
{
  (void)state;
  if (TEST_UNDER_ASAN || TEST_UNDER_TSAN) skip(); /* they keep what is freed */
  size_t before = 0;
  for (int round = 0; round < 400; round++) {
    if (round == 200) before = mapped_bytes();
    struct port *port = open_port_with(POOL_THREADS, 2, "");
    ask(port, WAY_ASYNC, CALLER, in_pool("&1", "1"));
    must_hear(port, "answer 77 &1 {ok,1}");
    close_port(port);
  }
  size_t after = mapped_bytes();
  if (after > before + ((size_t)4 << 20))
    fail_msg("%zu KB more after 200 times", (after - before) >> 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(whatever_happens_beside_two_workers_each_request_is_answered_once),
      TEST(whatever_happens_beside_two_lent_threads_each_request_is_answered_once),
      TEST(many_interpreters_share_the_workers),
      TEST(a_pool_that_is_closed_leaves_no_memory_behind),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
