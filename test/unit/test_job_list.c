/* Tests of driver/job_list.c.
 *
 * The module is compiled in here, with a job_close that counts; the linker then takes these
 * functions and not the library's. */
#include "job.h"

static size_t closed;

static void test_job_close(struct job *job)
{
  closed++;
  job_close(job);
}

#define job_close(job) test_job_close(job)
#include "job_list.c"
#undef job_close

#include "seed.h"
#include "terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CALLER  77
#define ALL     SIZE_MAX
#define NO_JOBS ((struct job_list){NULL, NULL, 0})

/* A job of the frame, which is written as text, parsed as the interpreter does it. */
static struct job *job_of(const char *text, enum route route, uintptr_t caller)
{
  struct options options;
  const char *why = "";
  options_default(&options);
  struct bytes frame = term_bytes(text);
  struct job *job = job_open(frame.at, frame.length, 1000);
  assert_non_null(job);
  free(frame.at);
  if (request_parse(job->bytes, job->length, &options, &job->request, &why)) fail_msg("%s", why);
  assert_true(job_route(job, route));
  job->caller = caller;
  return job;
}

static struct job *plain_job(void)
{
  struct job *job = job_open(NULL, 0, 1000);
  assert_non_null(job);
  return job;
}

/* The list is what the array says, and all its links are right. */
static void must_be(const struct job_list *list, struct job *const *jobs, size_t length)
{
  const struct job *job = list->first, *last = NULL;
  for (size_t i = 0; i < length; i++) {
    assert_ptr_equal(job, jobs[i]);
    last = job;
    job = job->next;
  }
  assert_null(job);
  assert_ptr_equal(list->last, last);
  assert_int_equal(list->length, length);
}

static bool is_caller(const struct job *job, const void *caller)
{
  return job->caller == *(const uintptr_t *)caller;
}

static bool is_odd(const struct job *job, const void *unused)
{
  (void)unused;
  return job->caller % 2 == 1;
}

static bool is_none(const struct job *job, const void *unused)
{
  (void)job;
  (void)unused;
  return false;
}

/* `count` jobs, whose callers are 0, 1, 2 … */
static struct job_list list_of(struct job **jobs, size_t count)
{
  struct job_list list = NO_JOBS;
  for (size_t i = 0; i < count; i++) {
    jobs[i] = plain_job();
    jobs[i]->caller = i;
    job_list_append(&list, jobs[i]);
  }
  must_be(&list, jobs, count);
  return list;
}

/* --- in and out --- */

static void jobs_come_out_in_the_order_in_which_they_came(void **state)
{
  (void)state;
  struct job *jobs[5];
  struct job_list list = list_of(jobs, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_ptr_equal(job_list_take_first(&list), jobs[i]);
    assert_null(jobs[i]->next);
    must_be(&list, jobs + i + 1, 4 - i);
    job_close(jobs[i]);
  }
  assert_null(job_list_take_first(&list));
  must_be(&list, NULL, 0);
}

static void an_empty_list_has_no_job_and_can_be_filled_again(void **state)
{
  (void)state;
  struct job_list list = NO_JOBS, out = NO_JOBS;
  struct job *job = plain_job();
  for (int i = 0; i < 3; i++) {
    assert_null(job_list_take_first(&list));
    assert_null(job_list_find(&list, job_is_any, NULL));
    job_list_move(&list, &out, ALL, job_is_any, NULL);
    job_list_drop(&list);
    must_be(&list, NULL, 0);
    must_be(&out, NULL, 0);
    job_list_append(&list, job);
    must_be(&list, &job, 1);
    assert_ptr_equal(job_list_take_first(&list), job);
  }
  job_close(job);
}

static void a_job_that_comes_with_a_next_one_is_the_last_all_the_same(void **state)
{
  (void)state;
  struct job *jobs[2];
  struct job_list list = list_of(jobs, 1);
  jobs[1] = plain_job();
  jobs[1]->next = jobs[0];
  job_list_append(&list, jobs[1]);
  must_be(&list, jobs, 2);
  job_list_drop(&list);
}

static void any_job_can_be_taken_out(void **state)
{
  (void)state;
  for (size_t count = 1; count <= 4; count++)
    for (size_t which = 0; which < count; which++) {
      struct job *jobs[4];
      struct job_list list = list_of(jobs, count);
      struct job *taken = jobs[which];
      job_list_take(&list, taken);
      assert_null(taken->next);
      memmove(&jobs[which], &jobs[which + 1], (count - which - 1) * sizeof *jobs);
      must_be(&list, jobs, count - 1);
      jobs[count - 1] = taken;
      job_list_append(&list, taken); /* the list has a right end */
      must_be(&list, jobs, count);
      job_list_drop(&list);
    }
}

static void the_first_that_fits_is_found_and_stays(void **state)
{
  (void)state;
  struct job *jobs[6];
  struct job_list list = list_of(jobs, 6);
  assert_ptr_equal(job_list_find(&list, job_is_any, NULL), jobs[0]);
  assert_ptr_equal(job_list_find(&list, is_odd, NULL), jobs[1]);
  for (uintptr_t i = 0; i < 6; i++) assert_ptr_equal(job_list_find(&list, is_caller, &i), jobs[i]);
  assert_null(job_list_find(&list, is_none, NULL));
  must_be(&list, jobs, 6);
  job_list_drop(&list);
}

/* --- moving --- */

static void those_that_fit_move_to_the_end_of_the_other_list_in_their_order(void **state)
{
  (void)state;
  struct job *jobs[6], *others[2];
  struct job_list list = list_of(jobs, 6), out = list_of(others, 2);
  job_list_move(&list, &out, ALL, is_odd, NULL);
  must_be(&list, (struct job *[]){jobs[0], jobs[2], jobs[4]}, 3);
  must_be(&out, (struct job *[]){others[0], others[1], jobs[1], jobs[3], jobs[5]}, 5);
  job_list_move(&list, &out, ALL, is_none, NULL);
  must_be(&list, (struct job *[]){jobs[0], jobs[2], jobs[4]}, 3);
  job_list_move(&list, &out, ALL, job_is_any, NULL);
  must_be(&list, NULL, 0);
  assert_int_equal(out.length, 8);
  job_list_drop(&out);
}

static void no_more_are_moved_than_may_be(void **state)
{
  (void)state;
  for (size_t most = 0; most <= 4; most++) {
    struct job *jobs[6];
    struct job_list list = list_of(jobs, 6), out = NO_JOBS;
    job_list_move(&list, &out, most, is_odd, NULL);
    size_t moved = most < 3 ? most : 3;
    must_be(&out, (struct job *[]){jobs[1], jobs[3], jobs[5]}, moved);
    assert_int_equal(list.length, 6 - moved);
    job_list_move(&list, &out, ALL, is_odd, NULL); /* the others are there still */
    must_be(&out, (struct job *[]){jobs[1], jobs[3], jobs[5]}, 3);
    must_be(&list, (struct job *[]){jobs[0], jobs[2], jobs[4]}, 3);
    job_list_drop(&list);
    job_list_drop(&out);
  }
}

/* For each set of jobs that fit. */
static void moving_leaves_both_lists_whole_whatever_fits(void **state)
{
  (void)state;
  enum { JOBS = 6 };
  for (unsigned fits = 0; fits < 1u << JOBS; fits++) {
    struct job *jobs[JOBS], *stay[JOBS], *go[JOBS];
    size_t staying = 0, going = 0;
    struct job_list list = list_of(jobs, JOBS), out = NO_JOBS;
    for (unsigned i = 0; i < JOBS; i++) {
      jobs[i]->caller = fits >> i & 1;
      if (fits & 1u << i)
        go[going++] = jobs[i];
      else
        stay[staying++] = jobs[i];
    }
    job_list_move(&list, &out, ALL, is_odd, NULL);
    must_be(&list, stay, staying);
    must_be(&out, go, going);
    job_list_drop(&list);
    job_list_drop(&out);
  }
}

static void dropping_closes_each_job_once(void **state)
{
  (void)state;
  struct job *jobs[7];
  struct job_list list = list_of(jobs, 7);
  closed = 0;
  job_list_drop(&list);
  assert_int_equal(closed, 7);
  must_be(&list, NULL, 0);
  job_list_drop(&list);
  assert_int_equal(closed, 7);
}

/* Two lists against two plain arrays. */
enum { JOBS = 40 };

struct model {
  struct job *jobs[JOBS];
  size_t length;
};

static struct job *take_from(struct model *model, size_t at)
{
  struct job *job = model->jobs[at];
  model->length--;
  memmove(&model->jobs[at], &model->jobs[at + 1], (model->length - at) * sizeof *model->jobs);
  return job;
}

static void any_sequence_of_operations_keeps_the_order(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct job_list lists[2] = {NO_JOBS, NO_JOBS};
  struct model models[2] = {{.length = 0}, {.length = 0}}, outside = {.length = 0};
  while (outside.length < JOBS) {
    outside.jobs[outside.length] = plain_job();
    outside.length++;
  }
  for (int step = 0; step < 100000; step++) {
    size_t which = random_below(&random, 2), what = random_below(&random, 10);
    struct job_list *list = &lists[which], *other = &lists[1 - which];
    struct model *model = &models[which], *far = &models[1 - which];
    if (what < 5) {
      if (outside.length == 0) continue;
      struct job *job = take_from(&outside, random_below(&random, outside.length));
      job->caller = random_below(&random, 8);
      job_list_append(list, job);
      model->jobs[model->length++] = job;
    } else if (what < 7) {
      struct job *first = job_list_take_first(list);
      assert_ptr_equal(first, model->length ? model->jobs[0] : NULL);
      if (first) outside.jobs[outside.length++] = take_from(model, 0);
    } else if (what < 8) {
      uintptr_t caller = random_below(&random, 8);
      size_t at = 0;
      while (at < model->length && model->jobs[at]->caller != caller) at++;
      struct job *job = job_list_find(list, is_caller, &caller);
      assert_ptr_equal(job, at < model->length ? model->jobs[at] : NULL);
      if (!job) continue;
      job_list_take(list, job);
      outside.jobs[outside.length++] = take_from(model, at);
    } else {
      size_t most = random_below(&random, 6);
      job_list_move(list, other, most, is_odd, NULL);
      for (size_t i = 0; i < model->length && most > 0;) {
        if (model->jobs[i]->caller % 2 == 0) {
          i++;
          continue;
        }
        far->jobs[far->length++] = take_from(model, i);
        most--;
      }
    }
    for (size_t i = 0; i < 2; i++) must_be(&lists[i], models[i].jobs, models[i].length);
  }
  job_list_drop(&lists[0]);
  job_list_drop(&lists[1]);
  for (size_t i = 0; i < outside.length; i++) job_close(outside.jobs[i]);
}

/* --- the tests of a job --- */

static void every_job_is_any_job(void **state)
{
  (void)state;
  struct job *job = plain_job();
  assert_true(job_is_any(job, NULL));
  job_close(job);
}

static void a_job_is_known_by_its_caller_and_the_owners_by_none(void **state)
{
  (void)state;
  struct job *asked = job_of("{eval, &1, `1`}", ROUTE_CALLER, CALLER);
  struct job *framed = job_of("{eval, 1, `1`}", ROUTE_OWNER, 0);
  const uintptr_t caller = CALLER, other = CALLER + 1, none = 0;
  assert_true(job_has_caller(asked, &caller));
  assert_false(job_has_caller(asked, &other));
  assert_false(job_has_caller(asked, &none));
  assert_false(job_has_caller(framed, &caller));
  assert_false(job_has_caller(framed, &none));
  job_close(asked);
  job_close(framed);
}

/* An encoded term without its version byte, in memory of exactly its length. */
static struct piece piece_of(const char *text)
{
  struct bytes term = term_bytes(text);
  uint8_t *copy = malloc(term.length - 1);
  assert_non_null(copy);
  memcpy(copy, term.at + 1, term.length - 1);
  struct piece piece = {copy, term.length - 1};
  free(term.at);
  return piece;
}

static void free_piece(struct piece piece) { free((void *)(uintptr_t)piece.bytes); }

static bool has_id(const struct job *job, const char *text)
{
  struct piece id = piece_of(text);
  bool has = job_has_id(job, &id);
  free_piece(id);
  return has;
}

static void a_job_is_known_by_the_id_of_its_request(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, {a, `id`, 5}, `1`}", ROUTE_OWNER, 0);
  assert_true(has_id(job, "{a, `id`, 5}"));
  assert_false(has_id(job, "{a, `id`, 6}"));
  assert_false(has_id(job, "{a, `id`}"));
  assert_false(has_id(job, "a"));
  struct piece part = job->request.id; /* the same bytes, but not all of them */
  part.length--;
  assert_false(job_has_id(job, &part));
  job_close(job);
  /* A cast has no id, and so not an empty one either. */
  job = job_of("{eval, `1`}", ROUTE_CAST, 0);
  assert_false(has_id(job, "a"));
  assert_false(job_has_id(job, &job->request.id));
  job_close(job);
}

static bool has_address(const struct job *job, uintptr_t caller, const char *id)
{
  struct job_address address = {.caller = caller, .id = piece_of(id)};
  bool has = job_has_address(job, &address);
  free_piece(address.id);
  return has;
}

static void a_job_is_known_by_the_address_of_its_answer(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, &1, `1`}", ROUTE_CALLER, CALLER);
  assert_true(has_address(job, CALLER, "&1"));
  assert_false(has_address(job, CALLER, "&2"));
  assert_false(has_address(job, CALLER, "a"));
  assert_false(has_address(job, CALLER + 1, "&1"));
  job_close(job);
}

static void a_token_has_an_address_once_it_is_claimed(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, &1, `1`}", ROUTE_TOKEN, CALLER);
  assert_false(has_address(job, CALLER, "&1"));
  struct piece id = piece_of("&2");
  assert_true(job_claim(job, id));
  free_piece(id);
  assert_true(has_address(job, CALLER, "&2"));
  assert_false(has_address(job, CALLER, "&1"));
  job_close(job);
}

static void only_answers_that_are_messages_have_an_address(void **state)
{
  (void)state;
  static const enum route routes[] = {ROUTE_NONE, ROUTE_CAST, ROUTE_OWNER, ROUTE_CONTROL,
                                      ROUTE_TOKEN};
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
    struct job *job = job_of("{eval, &1, `1`}", routes[i], CALLER);
    assert_false(has_address(job, CALLER, "&1"));
    job_close(job);
  }
  struct job *job = job_of("{eval, &1, `1`}", ROUTE_CALLER, CALLER);
  job->route = ROUTE_NONE; /* as when it is abandoned */
  assert_false(has_address(job, CALLER, "&1"));
  job_close(job);
}

static void a_job_is_late_from_its_deadline_on(void **state)
{
  (void)state;
  struct job *job = plain_job();
  const int64_t before = 999, now = 1000, after = 1001, ever = INT64_MAX - 1;
  assert_false(job_is_late(job, &ever)); /* it has no deadline yet */
  job->deadline = 1000;
  assert_false(job_is_late(job, &before));
  assert_true(job_is_late(job, &now));
  assert_true(job_is_late(job, &after));
  job_close(job);
}

static void a_job_is_known_by_its_token_to_its_caller_until_it_is_claimed(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, &1, `1`}", ROUTE_TOKEN, CALLER);
  job->token = 5;
  const struct job_address right = {.caller = CALLER, .token = 5};
  const struct job_address others = {.caller = CALLER + 1, .token = 5};
  const struct job_address wrong = {.caller = CALLER, .token = 6};
  assert_true(job_has_token(job, &right));
  assert_false(job_has_token(job, &others));
  assert_false(job_has_token(job, &wrong));
  struct piece id = piece_of("&2");
  assert_true(job_claim(job, id));
  free_piece(id);
  assert_false(job_has_token(job, &right));
  job_close(job);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(jobs_come_out_in_the_order_in_which_they_came),
      cmocka_unit_test(an_empty_list_has_no_job_and_can_be_filled_again),
      cmocka_unit_test(a_job_that_comes_with_a_next_one_is_the_last_all_the_same),
      cmocka_unit_test(any_job_can_be_taken_out),
      cmocka_unit_test(the_first_that_fits_is_found_and_stays),
      cmocka_unit_test(those_that_fit_move_to_the_end_of_the_other_list_in_their_order),
      cmocka_unit_test(no_more_are_moved_than_may_be),
      cmocka_unit_test(moving_leaves_both_lists_whole_whatever_fits),
      cmocka_unit_test(dropping_closes_each_job_once),
      cmocka_unit_test(any_sequence_of_operations_keeps_the_order),
      cmocka_unit_test(every_job_is_any_job),
      cmocka_unit_test(a_job_is_known_by_its_caller_and_the_owners_by_none),
      cmocka_unit_test(a_job_is_known_by_the_id_of_its_request),
      cmocka_unit_test(a_job_is_known_by_the_address_of_its_answer),
      cmocka_unit_test(a_token_has_an_address_once_it_is_claimed),
      cmocka_unit_test(only_answers_that_are_messages_have_an_address),
      cmocka_unit_test(a_job_is_late_from_its_deadline_on),
      cmocka_unit_test(a_job_is_known_by_its_token_to_its_caller_until_it_is_claimed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
