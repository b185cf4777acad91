/* Tests of driver/flow.c. */
#include "flow.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct flow_limit limit = {.most = 1000, .all = 3000, .least = 300};

static void what_is_sent_counts_until_it_is_taken(void **state)
{
  (void)state;
  struct flow_sum sum = {0};
  struct flow flow = {.sum = &sum};
  flow_sent(&flow, 1000 - FLOW_MESSAGE);
  assert_int_equal(flow.bytes, 1000);
  assert_int_equal(flow.messages, 1);
  assert_false(flow_exceeds(&flow, &limit));
  flow_sent(&flow, 0);
  assert_true(flow_exceeds(&flow, &limit));
  flow_taken(&flow, FLOW_MESSAGE);
  assert_false(flow_exceeds(&flow, &limit));
  assert_int_equal(flow.messages, 2); /* which of them, nobody knows */
  flow_taken(&flow, 1000);
  assert_int_equal(flow.messages, 0);
  assert_int_equal(flow.bytes, 0);
  assert_int_equal(sum.bytes, 0);
}

static void no_more_is_taken_than_was_sent(void **state)
{
  (void)state;
  struct flow_sum sum = {0};
  struct flow one = {.sum = &sum}, other = {.sum = &sum};
  flow_sent(&one, 100);
  flow_sent(&other, 200);
  flow_taken(&one, 5000);
  assert_int_equal(one.bytes, 0);
  assert_int_equal(sum.bytes, 200 + FLOW_MESSAGE);
  flow_taken_all(&one);
  flow_taken_all(&other);
  assert_int_equal(sum.bytes, 0);
}

static void together_they_have_a_limit_and_each_has_the_least(void **state)
{
  (void)state;
  struct flow_sum sum = {0};
  struct flow flows[5];
  for (int i = 0; i < 5; i++) {
    flows[i] = (struct flow){.sum = &sum};
    flow_sent(&flows[i], 700 - FLOW_MESSAGE);
  }
  assert_true(flow_exceeds(&flows[0], &limit)); /* 700 of 3500 */
  flow_taken(&flows[0], 400);
  assert_false(flow_exceeds(&flows[0], &limit));
  assert_true(flow_exceeds(&flows[1], &limit));
  flow_taken_all(&flows[4]);
  assert_false(flow_exceeds(&flows[1], &limit));
}

static void *send_and_take(void *data)
{
  struct flow *flow = data;
  for (int i = 0; i < 100000; i++) {
    flow_sent(flow, 10);
    if (i % 7 == 0) flow_taken(flow, 1000);
  }
  return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
  (void)state;
  struct flow_sum sum = {0};
  struct flow flow = {.sum = &sum};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, send_and_take, &flow), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(flow.bytes, sum.bytes);
  flow_taken_all(&flow);
  assert_int_equal(sum.bytes, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sent_counts_until_it_is_taken),
      cmocka_unit_test(no_more_is_taken_than_was_sent),
      cmocka_unit_test(together_they_have_a_limit_and_each_has_the_least),
      cmocka_unit_test(nothing_is_lost_between_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
