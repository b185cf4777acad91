/* Tests of driver/ruby_bytecode.c, and of the requests compile and load. */
#include "etf.h"
#include "job_fixture.h"
#include "ruby_bytecode.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* {Name, 1, Bytes, #{…}} */
static void request_with(struct session *session, const char *name, const void *bytes,
                         size_t length, const char *options)
{
  struct buffer frame;
  struct bytes given = term_bytes(options);
  buffer_init(&frame, SIZE_MAX / 2);
  etf_put_version(&frame);
  etf_put_tuple(&frame, 4);
  etf_put_atom(&frame, name, strlen(name));
  etf_put_integer(&frame, 1);
  etf_put_binary(&frame, bytes, length);
  etf_put_raw(&frame, given.at + 1, given.length - 1);
  start_request(session, (struct bytes){frame.bytes, frame.length});
  finish_request(session);
  buffer_fini(&frame);
  free(given.at);
}

/* The bytecode of the code; the caller frees it. */
static struct bytes compiled_with(struct session *session, const char *code, const char *options)
{
  request_with(session, "compile", code, strlen(code), options);
  assert_int_equal(session->outcome, OUTCOME_OK);
  struct etf_reader reader = {session->reply.bytes, session->reply.bytes + session->reply.length};
  uint32_t arity;
  struct etf_item item;
  assert_int_equal(etf_begin(&reader), STATUS_OK);
  assert_int_equal(etf_enter_tuple(&reader, &arity), STATUS_OK);
  assert_int_equal(etf_next(&reader, &item), STATUS_OK);
  assert_int_equal(etf_next(&reader, &item), STATUS_OK);
  assert_int_equal(item.kind, ETF_BINARY);
  struct bytes code_bytes = {malloc(item.length), item.length};
  assert_non_null(code_bytes.at);
  memcpy(code_bytes.at, item.bytes, item.length);
  return code_bytes;
}

static struct bytes compiled(struct session *session, const char *code)
{
  return compiled_with(session, code, "#{}");
}

static void load(struct session *session, struct bytes code)
{
  request_with(session, "load", code.at, code.length, "#{}");
}

static void what_was_compiled_here_runs_there(void **state)
{
  (void)state;
  static const struct {
    const char *code, *wanted;
  } cases[] = {
      {"1 + 2", "{ok,3}"},
      {"", "{ok,nil}"},
      {"def add(a, b = 2) = a + b\nadd(1)", "{ok,3}"},
      {"x = [1, 2.5, 'three', :four, 2 ** 80]\nx.map { |y| [y] }.flatten.size", "{ok,5}"},
      {"class K; attr_accessor :a; def initialize(a) = @a = a; end; K.new(7).a", "{ok,7}"},
      {"[__FILE__, __LINE__]", "{ok,[\"(eval)\",1]}"},
      {"f = lambda { |n| n < 2 ? n : f.call(n - 1) + f.call(n - 2) }\nf.call(10)", "{ok,55}"}};
  struct session *here = open_session();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bytes code = compiled(here, cases[i].code);
    struct session *there = open_session();
    for (int times = 0; times < 3; times++) {
      load(there, code);
      must_have_replied(there, cases[i].code, cases[i].wanted);
    }
    must_be_usable(there);
    close_session(there);
    free(code.at);
  }
  must_be_usable(here);
  close_session(here);
}

static void compiling_runs_nothing_and_adds_no_variables(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "mine = 1", "1");
  free(compiled(session, "$ran = 1; other = 2; mine").at);
  must_give(session, "[$ran, local_variables]", "[nil,[mine]]");
  close_session(session);
}

static void a_program_has_variables_of_its_own(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "x = 1", "1");
  struct bytes code = compiled(session, "x = (x || 0) + 10; $x = x; x");
  load(session, code);
  must_have_replied(session, "own", "{ok,10}");
  must_give(session, "[x, $x]", "[1,10]");
  free(code.at);
  close_session(session);
}

static void errors_tell_the_file_and_the_line(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes code =
      compiled_with(session, "def f\n  raise 'no'\nend\nf", "#{file => `lib/f.rb`, line => 10}");
  load(session, code);
  must_have_replied(session, "raises",
                    "{error,#{class=>\"RuntimeError\",message=>\"no\","
                    "backtrace=>[\"lib/f.rb:11:in f\",\"lib/f.rb:13\"]}}");
  free(code.at);
  request_with(session, "compile", "\n1 +", 4, "#{file => `lib/f.rb`}");
  must_have_raised(session, "syntax", "SyntaxError", "lib/f.rb:2:*");
  request_with(session, "compile", "yield", 5, "#{file => `lib/f.rb`}");
  must_have_raised(session, "yield", "SyntaxError", "lib/f.rb:1: *yield*");
  must_be_usable(session);
  close_session(session);
}

static void every_damage_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes code = compiled(session, "$ran = 1; [1, 2.5, 'three', :four].map { |x| x.to_s }");
  for (size_t i = 0; i < code.length; i++)
    for (int bit = 0; bit < 8; bit++) {
      code.at[i] ^= (uint8_t)(1 << bit);
      load(session, code);
      must_have_raised(session, "a bit", "LoadError", "*bytecode*");
      code.at[i] ^= (uint8_t)(1 << bit);
    }
  for (size_t length = 0; length < code.length; length++) {
    load(session, (struct bytes){code.at, length});
    must_have_raised(session, "cut", "LoadError", "*bytecode*");
  }
  struct bytes longer = {calloc(1, code.length + 8), code.length};
  assert_non_null(longer.at);
  memcpy(longer.at, code.at, code.length);
  for (longer.length++; longer.length <= code.length + 8; longer.length++) {
    load(session, longer);
    must_have_raised(session, "longer", "LoadError", "the bytecode is damaged");
  }
  free(longer.at);
  must_give(session, "$ran", "nil");
  load(session, code);
  must_give(session, "$ran", "1");
  free(code.at);
  close_session(session);
}

static void what_is_something_else_is_told_apart(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes code = compiled(session, "1");
  load(session, (struct bytes){(uint8_t *)(uintptr_t) "1 + 2", 5});
  must_have_raised(session, "source", "LoadError", "this is no bytecode of rubeam:compile");
  load(session, (struct bytes){code.at + BYTECODE_HEAD, code.length - BYTECODE_HEAD});
  must_have_raised(session, "RITE", "LoadError", "this is no bytecode of rubeam:compile");
  code.at[7] ^= 1;
  load(session, code);
  must_have_raised(session, "build", "LoadError", "*another build: compile it again");
  free(code.at);
  must_be_usable(session);
  close_session(session);
}

static void without_memory_nothing_is_half_loaded(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=3000000");
  struct bytes code = compiled(session, "def grown = 1\n'x' * 1000");
  for (int i = 0; i < 20; i++) {
    eval(session, "$full = []; $full << 'x' * 3000 while true");
    load(session, code);
    if (session->outcome != OUTCOME_OK) must_give(session, "$full = nil; GC.start; 1", "1");
  }
  must_give(session, "$full = nil; GC.start; 1", "1");
  load(session, code);
  assert_int_equal(session->outcome, OUTCOME_OK);
  must_give(session, "grown", "1");
  free(code.at);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_jobs, end_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(what_was_compiled_here_runs_there),
      TEST(compiling_runs_nothing_and_adds_no_variables),
      TEST(a_program_has_variables_of_its_own),
      TEST(errors_tell_the_file_and_the_line),
      TEST(every_damage_is_an_error),
      TEST(what_is_something_else_is_told_apart),
      TEST(without_memory_nothing_is_half_loaded),
  };
  return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
