/* Tests of driver/job.c.
 *
 * The module is compiled in here, and its buffers with it, with allocators that fail when they are
 * told to; the linker then takes these functions and not the library's. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static struct {
  size_t calls, fail_from; /* fail_from: the first call that fails, 0 for none */
} memory;

static bool is_refused(void)
{
  memory.calls++;
  return memory.fail_from != 0 && memory.calls >= memory.fail_from;
}

static void *test_malloc(size_t bytes) { return is_refused() ? NULL : malloc(bytes); }
static void *test_realloc(void *block, size_t bytes)
{
  return is_refused() ? NULL : realloc(block, bytes);
}

#define malloc(bytes)         test_malloc(bytes)
#define realloc(block, bytes) test_realloc(block, bytes)
#include "buffer.c"
#include "job.c"
#undef malloc
#undef realloc

#include "etf.h"
#include "terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX_FRAME ((size_t)1 << 20)

static int let_memory_be(void **state)
{
  (void)state;
  memory.calls = memory.fail_from = 0;
  return 0;
}

/* A job of the frame, which is written as text, parsed as the interpreter does it. */
static struct job *job_of(const char *text)
{
  struct options options;
  const char *why = "";
  options_default(&options);
  struct bytes frame = term_bytes(text);
  struct job *job = job_open(frame.at, frame.length, MAX_FRAME);
  assert_non_null(job);
  free(frame.at); /* a job has its own copy */
  enum status status = request_parse(job->bytes, job->length, &options, &job->request, &why);
  if (status) fail_msg("%s: %s", text, why);
  return job;
}

/* The head with an answer behind it is one term. */
static void must_have_head(const struct job *job, const char *wanted)
{
  struct bytes frame = {malloc(job->head.length + 4), job->head.length + 4};
  assert_non_null(frame.at);
  memcpy(frame.at, job->head.bytes, job->head.length);
  memcpy(frame.at + job->head.length, "w\2ok", 4);
  must_be_term(frame.at, frame.length, wanted);
  free(frame.at);
}

static void must_reply(const struct job *job, const char *wanted)
{
  assert_int_equal(buffer_status(&job->reply), STATUS_OK);
  must_be_term(job->reply.bytes, job->reply.length, wanted);
}

/* --- opening --- */

static void a_new_job_holds_a_copy_of_the_frame_and_nothing_else(void **state)
{
  (void)state;
  struct job *job = job_open((const uint8_t *)"abc", 3, MAX_FRAME);
  assert_non_null(job);
  assert_int_equal(job->length, 3);
  assert_memory_equal(job->bytes, "abc", 3);
  assert_null(job->next);
  assert_int_equal(job->route, ROUTE_NONE);
  assert_int_equal(job->caller, 0);
  assert_int_equal(job->timeout_ns, 0);
  assert_true(job->deadline == INT64_MAX);
  assert_false(job->started);
  assert_false(job->replying);
  assert_int_equal(job->outcome, OUTCOME_OK);
  assert_int_equal(job->reply.length, 0);
  assert_int_equal(job->reply.limit, MAX_FRAME);
  job_close(job);
}

static void frames_of_any_length_are_copied(void **state)
{
  (void)state;
  static const size_t lengths[] = {
      0, 1, JOB_INLINE_BYTES - 1, JOB_INLINE_BYTES, JOB_INLINE_BYTES + 1, 100000};
  uint8_t bytes[100000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    struct bytes frame = bytes_copy(bytes, lengths[i]);
    struct job *job = job_open(frame.at, frame.length, MAX_FRAME);
    free(frame.at);
    assert_non_null(job);
    assert_int_equal(job->length, lengths[i]);
    assert_memory_equal(job->bytes, bytes, lengths[i]);
    assert_int_equal(job->bytes == job->first, lengths[i] <= JOB_INLINE_BYTES);
    job_close(job);
  }
}

static void a_job_of_no_bytes_needs_no_pointer(void **state)
{
  (void)state;
  struct job *job = job_open(NULL, 0, MAX_FRAME);
  assert_non_null(job);
  assert_int_equal(job->length, 0);
  assert_true(job_reopen(job, NULL, 0));
  job_close(job);
  job_close(NULL);
}

static void a_job_that_is_opened_again_has_forgotten_everything(void **state)
{
  (void)state;
  static const size_t lengths[] = {3, JOB_INLINE_BYTES + 1, 5, JOB_INLINE_BYTES + 9, 0};
  struct job *job = job_open((const uint8_t *)"xyz", 3, MAX_FRAME);
  assert_non_null(job);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    job->next = job;
    job->caller = 5;
    job->token = 6;
    job->timeout_ns = 7;
    job->deadline = 8;
    job->started = job->replying = true;
    job->exit_status = 9;
    job->request.has_id = false;
    assert_true(job_route(job, ROUTE_OWNER));
    job_fail(job, "timeout");
    uint8_t bytes[JOB_INLINE_BYTES + 9] = {(uint8_t)i};
    assert_true(job_reopen(job, bytes, lengths[i]));
    assert_int_equal(job->length, lengths[i]);
    if (lengths[i]) assert_memory_equal(job->bytes, bytes, lengths[i]);
    assert_null(job->next);
    assert_int_equal(job->route, ROUTE_NONE);
    assert_int_equal(job->caller, 0);
    assert_int_equal(job->token, 0);
    assert_int_equal(job->timeout_ns, 0);
    assert_true(job->deadline == INT64_MAX);
    assert_false(job->started || job->replying);
    assert_int_equal(job->outcome, OUTCOME_OK);
    assert_int_equal(job->exit_status, 0);
    assert_int_equal(job->reply.length, 0);
    assert_int_equal(job->prefix.length, 0);
    assert_int_equal(job->head.length, 1); /* the version byte */
    assert_int_equal(job->address.length, 0);
  }
  job_close(job);
}

static void a_reply_that_failed_is_good_again_after_opening_again(void **state)
{
  (void)state;
  struct job *job = job_open((const uint8_t *)"xyz", 3, 64);
  assert_non_null(job);
  uint8_t much[100] = {0};
  buffer_put(&job->reply, much, sizeof much);
  assert_int_equal(buffer_status(&job->reply), STATUS_TOO_LARGE);
  assert_true(job_reopen(job, (const uint8_t *)"abc", 3));
  assert_int_equal(buffer_status(&job->reply), STATUS_OK);
  job_close(job);
}

/* --- routes --- */

static void the_owner_gets_a_reply_frame_with_the_id(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, {my, `id`}, `x`}");
  assert_true(job_route(job, ROUTE_OWNER));
  assert_int_equal(job->route, ROUTE_OWNER);
  must_have_head(job, "{reply,{my,\"id\"},ok}");
  job_close(job);
}

static void a_caller_of_control_gets_the_same_frame(void **state)
{
  (void)state;
  struct job *job = job_of("{call, -5, f, []}");
  assert_true(job_route(job, ROUTE_CONTROL));
  assert_int_equal(job->route, ROUTE_CONTROL);
  must_have_head(job, "{reply,-5,ok}");
  job_close(job);
}

static void a_frame_without_an_id_is_answered_with_undefined(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, `x`}");
  assert_true(job_route(job, ROUTE_OWNER));
  must_have_head(job, "{reply,undefined,ok}");
  assert_true(job_route(job, ROUTE_CONTROL));
  must_have_head(job, "{reply,undefined,ok}");
  job_close(job);
}

static void a_cast_is_answered_with_the_last_frame(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, `x`}");
  assert_true(job_route(job, ROUTE_CAST));
  must_have_head(job, "{exit,ok}");
  job_close(job);
}

static void what_a_token_or_nobody_waits_for_is_the_bare_result(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  must_have_head(job, "ok");
  assert_true(job_route(job, ROUTE_NONE));
  must_have_head(job, "ok");
  job_close(job);
}

static void a_message_to_a_caller_has_the_id_as_address_and_the_bare_result(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, [alias, ref], `x`}");
  assert_true(job_route(job, ROUTE_CALLER));
  must_have_head(job, "ok");
  must_be_term(job->address.bytes, job->address.length, "[alias,ref]");
  job_close(job);
}

static void a_route_can_be_changed(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, `x`}");
  assert_true(job_route(job, ROUTE_CAST));
  job_fail(job, "timeout");
  must_reply(job, "{exit,{error,timeout}}");
  assert_true(job_route(job, ROUTE_OWNER));
  job_fail(job, "timeout");
  must_reply(job, "{reply,undefined,{error,timeout}}");
  assert_true(job_route(job, ROUTE_TOKEN));
  job_fail(job, "timeout");
  must_reply(job, "{error,timeout}");
  job_close(job);
}

static void an_id_of_a_megabyte_is_carried_too(void **state)
{
  (void)state;
  enum { LENGTH = 1000000 };
  char *text = malloc(LENGTH + 100), *wanted = malloc(LENGTH + 100);
  assert_non_null(text);
  assert_non_null(wanted);
  (void)snprintf(text, LENGTH + 100, "{eval, `%0*d`, `x`}", LENGTH, 0);
  (void)snprintf(wanted, LENGTH + 100, "{reply,\"%0*d\",ok}", LENGTH, 0);
  struct job *job = job_of(text);
  assert_true(job_route(job, ROUTE_OWNER));
  must_have_head(job, wanted);
  assert_true(job_route(job, ROUTE_CALLER));
  (void)snprintf(wanted, LENGTH + 100, "\"%0*d\"", LENGTH, 0);
  must_be_term(job->address.bytes, job->address.length, wanted);
  job_close(job);
  free(text);
  free(wanted);
}

/* --- claims --- */

static void a_claim_turns_a_token_into_a_message(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  struct bytes id = term_bytes("{ref, 1000}");
  assert_true(job_claim(job, (struct piece){id.at + 1, id.length - 1}));
  free(id.at); /* a job has its own copy */
  assert_int_equal(job->route, ROUTE_CALLER);
  must_be_term(job->address.bytes, job->address.length, "{ref,1000}");
  must_have_head(job, "ok");
  job_fail(job, "timeout");
  must_reply(job, "{error,timeout}");
  must_be_term(job->address.bytes, job->address.length, "{ref,1000}");
  job_close(job);
}

static void a_claim_does_not_change_an_answer_that_has_begun(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  struct piece head = job->head;
  buffer_put(&job->reply, head.bytes, head.length);
  struct bytes id = term_bytes("`a long one, so that no buffer inside of the job is large enough: "
                               "............................................................."
                               "............................................................."
                               "............................................................."
                               "............................................................`");
  assert_true(job_claim(job, (struct piece){id.at + 1, id.length - 1}));
  assert_ptr_equal(job->head.bytes, head.bytes);
  assert_int_equal(job->head.length, 1);
  buffer_put(&job->reply, "w\2ok", 4);
  must_reply(job, "ok");
  free(id.at);
  job_close(job);
}

/* --- errors --- */

static void a_failure_is_an_atom(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_OWNER));
  job_fail(job, "memory_limit");
  must_reply(job, "{reply,7,{error,memory_limit}}");
  assert_int_equal(job->outcome, OUTCOME_ERROR);
  job_close(job);
}

static void a_refusal_says_why(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_CONTROL));
  job_refuse(job, "no such thing");
  must_reply(job, "{reply,7,{error,{bad_request,\"no such thing\"}}}");
  job_close(job);
}

static void an_error_of_ours_looks_like_one_of_rubys(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  job_raise(job, "too large");
  must_reply(job, "{error,#{class=>\"RuntimeError\",message=>\"too large\",backtrace=>[]}}");
  assert_int_equal(job->outcome, OUTCOME_ERROR);
  job_close(job);
}

static void an_error_takes_the_place_of_what_has_been_written(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_OWNER));
  uint8_t much[5000] = {0};
  for (int i = 0; i < 3; i++) {
    buffer_put(&job->reply, much, sizeof much);
    job_fail(job, "timeout");
    must_reply(job, "{reply,7,{error,timeout}}");
    job_refuse(job, "x");
    must_reply(job, "{reply,7,{error,{bad_request,\"x\"}}}");
    job_raise(job, "y");
    job_fail(job, "busy");
    must_reply(job, "{reply,7,{error,busy}}");
  }
  job_close(job);
}

static void an_error_takes_the_place_of_an_answer_that_was_too_large(void **state)
{
  (void)state;
  struct job *job = job_open((const uint8_t *)"x", 1, 100);
  assert_non_null(job);
  assert_true(job_route(job, ROUTE_TOKEN));
  uint8_t much[5000] = {0};
  buffer_put(&job->reply, much, sizeof much);
  assert_int_equal(buffer_status(&job->reply), STATUS_TOO_LARGE);
  job_fail(job, "memory_limit");
  must_reply(job, "{error,memory_limit}");
  job_close(job);
}

/* What is said must be said whole: a reason before any route is set is a term too. */
static void a_job_without_a_route_answers_with_a_term_all_the_same(void **state)
{
  (void)state;
  struct job *job = job_open(NULL, 0, MAX_FRAME);
  assert_non_null(job);
  job_refuse(job, "x");
  must_reply(job, "{error,{bad_request,\"x\"}}");
  job_close(job);
}

/* --- no memory --- */

static void opening_fails_when_there_is_no_memory(void **state)
{
  (void)state;
  uint8_t large[JOB_INLINE_BYTES + 1] = {0};
  memory.fail_from = 1;
  assert_null(job_open(large, 5, MAX_FRAME));
  assert_null(job_open(large, sizeof large, MAX_FRAME));
  memory.calls = 0;
  memory.fail_from = 2;
  assert_null(job_open(large, sizeof large, MAX_FRAME));
}

static void opening_again_fails_when_there_is_no_memory_and_leaves_an_empty_job(void **state)
{
  (void)state;
  uint8_t large[JOB_INLINE_BYTES + 1] = {0};
  struct job *job = job_open(large, sizeof large, MAX_FRAME);
  assert_non_null(job);
  memory.calls = 0;
  memory.fail_from = 1;
  assert_false(job_reopen(job, large, sizeof large));
  assert_int_equal(job->length, 0);
  memory.fail_from = 0;
  assert_true(job_reopen(job, large, sizeof large));
  job_close(job);
}

static void a_claim_without_memory_leaves_the_token(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  uint8_t id[BUFFER_INLINE + 10] = "m\0\0\1\5";
  memory.calls = 0;
  memory.fail_from = 1;
  assert_false(job_claim(job, (struct piece){id, sizeof id}));
  assert_int_equal(job->route, ROUTE_TOKEN);
  memory.fail_from = 0;
  must_have_head(job, "ok");
  job_fail(job, "timeout");
  must_reply(job, "{error,timeout}");
  job_close(job);
}

static void a_claim_that_failed_can_be_made_again(void **state)
{
  (void)state;
  struct job *job = job_of("{eval, 7, `x`}");
  assert_true(job_route(job, ROUTE_TOKEN));
  uint8_t id[5 + 261] = "m\0\0\1\5";
  memory.calls = 0;
  memory.fail_from = 1;
  assert_false(job_claim(job, (struct piece){id, sizeof id}));
  memory.fail_from = 0;
  assert_true(job_claim(job, (struct piece){id, sizeof id}));
  assert_int_equal(job->route, ROUTE_CALLER);
  assert_int_equal(job->address.length, sizeof id + 1);
  assert_memory_equal(job->address.bytes + 1, id, sizeof id);
  job_close(job);
}

static void a_route_with_a_long_id_fails_when_there_is_no_memory(void **state)
{
  (void)state;
  char text[400];
  (void)snprintf(text, sizeof text, "{eval, `%0300d`, `x`}", 0);
  struct job *job = job_of(text);
  static const enum route routes[] = {ROUTE_OWNER, ROUTE_CONTROL, ROUTE_CALLER};
  for (size_t i = 0; i < 3; i++) {
    memory.calls = 0;
    memory.fail_from = 1;
    assert_false(job_route(job, routes[i]));
    memory.fail_from = 0;
    assert_true(job_route(job, routes[i]));
    assert_true(job_reopen(job, (const uint8_t *)"x", 1));
    job_close(job);
    job = job_of(text);
  }
  job_close(job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, let_memory_be, let_memory_be)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_new_job_holds_a_copy_of_the_frame_and_nothing_else),
      TEST(frames_of_any_length_are_copied),
      TEST(a_job_of_no_bytes_needs_no_pointer),
      TEST(a_job_that_is_opened_again_has_forgotten_everything),
      TEST(a_reply_that_failed_is_good_again_after_opening_again),
      TEST(the_owner_gets_a_reply_frame_with_the_id),
      TEST(a_caller_of_control_gets_the_same_frame),
      TEST(a_frame_without_an_id_is_answered_with_undefined),
      TEST(a_cast_is_answered_with_the_last_frame),
      TEST(what_a_token_or_nobody_waits_for_is_the_bare_result),
      TEST(a_message_to_a_caller_has_the_id_as_address_and_the_bare_result),
      TEST(a_route_can_be_changed),
      TEST(an_id_of_a_megabyte_is_carried_too),
      TEST(a_claim_turns_a_token_into_a_message),
      TEST(a_claim_does_not_change_an_answer_that_has_begun),
      TEST(a_failure_is_an_atom),
      TEST(a_refusal_says_why),
      TEST(an_error_of_ours_looks_like_one_of_rubys),
      TEST(an_error_takes_the_place_of_what_has_been_written),
      TEST(an_error_takes_the_place_of_an_answer_that_was_too_large),
      TEST(a_job_without_a_route_answers_with_a_term_all_the_same),
      TEST(opening_fails_when_there_is_no_memory),
      TEST(opening_again_fails_when_there_is_no_memory_and_leaves_an_empty_job),
      TEST(a_claim_without_memory_leaves_the_token),
      TEST(a_claim_that_failed_can_be_made_again),
      TEST(a_route_with_a_long_id_fails_when_there_is_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
