/* Tests of driver/ruby_answer.c: how an error is told, whatever the code has done to Ruby before. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- errors --- */

static void an_error_has_class_message_and_backtrace(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "def f\n  raise ArgumentError, 'no'\nend\n\ndef g = f\n\ng\n");
  must_have_replied(session, "f",
                    "{error,#{class=>\"ArgumentError\",message=>\"no\",backtrace=>["
                    "\"(eval):2:in f\",\"(eval):5:in g\",\"(eval):7\"]}}");
  must_raise(session, "raise 'x'", "RuntimeError", "x");
  must_raise(session, "nil.foo", "NoMethodError", "undefined method 'foo'*");
  must_raise(session, "1 / 0", "ZeroDivisionError", "divided by 0");
  must_raise(session, "class Mine < StandardError; end; raise Mine", "Mine", "Mine");
  must_raise(session, "module M; class E < Exception; end; end; raise M::E, 'deep'", "M::E",
             "deep");
  must_raise(session, "raise Class.new(StandardError), 'anonymous'", "#<Class:*", "anonymous");
  must_raise(session, "raise Exception, 'any'", "Exception", "any");
  must_raise(session, "throw :nobody", "UncaughtThrowError", "uncaught throw :nobody");
  must_raise(session, "Integer('x')", "ArgumentError", "*");
  must_raise(session, "5.freeze; 'a'.freeze << 'b'", "FrozenError", "*");
  close_session(session);
}

static void file_and_line_are_those_of_the_request(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval_with(session, "\nraise 'x'", "#{file => `my/file.rb`, line => 40}");
  must_have_replied(session, "x", "{error,#{*,backtrace=>[\"my/file.rb:41\"]}}");
  eval_with(session, "[__FILE__, __LINE__]", "#{file => `a b`, line => 60000}");
  must_have_replied(session, "x", "{ok,[\"a b\",60000]}");
  eval(session, "[__FILE__, __LINE__]");
  must_have_replied(session, "x", "{ok,[\"(eval)\",1]}");
  eval_with(session, "def f = raise('y')", "#{file => `f.rb`, line => 7}");
  eval(session, "f");
  must_have_replied(session, "f", "{error,#{*,backtrace=>[\"f.rb:7:in f\",\"(eval):1\"]}}");
  eval_with(session, "x = ", "#{file => `bad.rb`, line => 9}");
  must_have_replied(session, "x",
                    "{error,#{class=>\"SyntaxError\",message=>\"bad.rb:9:*\","
                    "backtrace=>[\"bad.rb:9\"]}}");
  close_session(session);
}

static void a_syntax_error_says_where_and_what(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "x = 1\ny = = 2\n");
  must_have_replied(session, "syntax",
                    "{error,#{class=>\"SyntaxError\",message=>\"(eval):2:5: syntax error, "
                    "unexpected '='*\",backtrace=>[\"(eval):2\"]}}");
  static const char *const codes[] = {
      "def",     "1 +",          "end",    "(",        "'unterminated", "\"#{",
      "foo(1, ", "class x; end", "@1 = 2", "$ = 1",    "1 = 2",         "def f(a, a) = 1",
      "[1, 2",   "{ 1 => }",     "\x01",   "<<X\nabc", "%w(",           "?",
      "x y z)",  "if true",      "begin",  "case 1"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    must_raise(session, codes[i], "SyntaxError", "(eval):*");
    must_be_usable(session);
  }
  must_be_text(&session->err, "");
  close_session(session);
}

static void code_that_parses_and_cannot_be_compiled_says_why(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "1\nyield", "SyntaxError", "(eval):2: *yield*");
  must_be_text(&session->err, "");
  must_raise(session, "break", "*", "*");
  must_raise(session, "retry", "*", "*");
  must_be_usable(session);
  close_session(session);
}

static void what_mruby_warns_of_goes_to_stderr(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "class Dup; def a; end; end; alias_method(:zz, :puts) rescue 0; 1");
  assert_int_equal(session->outcome, OUTCOME_OK);
  assert_int_equal(session->slice.said_length, 0);
  close_session(session);
}

static void exceptions_that_make_trouble_when_they_are_asked_are_told_all_the_same(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const struct {
    const char *body, *message;
  } messages[] = {
      {"raise 'again'", "(can't be told: it raises)"},
      {"exit", "(can't be told: it raises)"},
      {"throw :x", "(can't be told: it raises)"},
      {"nil", "nil"},
      {"42", "42"},
      {"[1, 'two']", "[1, \\x22two\\x22]"},
      {"Object.new", "#<Object:*>"},
      {"o = Object.new; def o.inspect = 5; o", "#<*"},
      {"o = Object.new; def o.inspect = raise; o", "(can't be told: it raises)"},
      {"''", ""},
      {"\"a\\0b\\xff\"", "a\\x00b\\xFF"},
      {"message", "(can't be told: it raises)"}, /* for ever */
      {"self", "*"},
  };
  for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
    char code[300];
    (void)snprintf(code, sizeof code,
                   "c = Class.new(StandardError) { def message\n%s\nend }; raise c",
                   messages[i].body);
    must_raise(session, code, "#<Class:*", messages[i].message);
    must_be_usable(session);
  }
  must_raise(session, "class Odd < StandardError; def backtrace = 5; end; raise Odd", "Odd", "Odd");
  must_raise(session, "class Od2 < StandardError; def self.name = raise; end; raise Od2", "Od2",
             "*");
  must_raise(session, "class Od3 < StandardError; def self.to_s = 5; end; raise Od3, 'x'", "*",
             "x");
  must_raise(session, "e = RuntimeError.new('x'); e.set_backtrace([1, 2]) rescue 0; raise e", "*",
             "*");
  must_raise(session, "class Od4 < StandardError; undef message; end; raise Od4", "Od4", "*");
  must_raise(session, "class Od5 < StandardError; def class = raise; end; raise Od5, 'y'", "Od5",
             "y");
  close_session(session);
}

static void a_huge_message_is_cut_off(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "raise 'x' * 1_000_000");
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  const char *text = reply_text(session);
  must_be_like(text, "{error,#{class=>\"RuntimeError\",message=>\"xxx*\",backtrace=>[*]}}");
  assert_in_range(strlen(text), 65536, 65536 + 200);
  close_session(session);
}

/* mruby keeps pointers into the code until it is first asked: see corrections/backtraces.sed. */
static void the_backtrace_of_an_error_outlives_the_code_that_raised_it(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "$errors = []; 0", "0");
  for (int line = 1; line <= 20; line++) {
    char options[100];
    (void)snprintf(options, sizeof options, "#{file => `gone.rb`, line => %d}", line);
    eval_with(session, "begin; raise 'x'; rescue => e; $errors << e; end; e = nil; 0", options);
    must_have_replied(session, "gone.rb", "{ok,0}");
  }
  must_give(session, "GC.start; 100.times { |i| eval(\"[#{i}, 'abc' * 9]\") }; GC.start; 0", "0");
  must_give(session, "$errors.map { |e| e.backtrace } == (1..20).map { |n| [\"gone.rb:#{n}\"] }",
            "true");
  must_give(session, "$errors = nil; GC.start; 0", "0");
  close_session(session);
}

static void a_long_backtrace_is_cut_off(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "def f(n) = n == 0 ? raise('deep') : f(n - 1)\nf(5000)");
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  const char *text = reply_text(session);
  size_t lines = 0;
  for (const char *at = text; (at = strstr(at, "(eval):")); at++) lines++;
  assert_int_equal(lines, 100);
  must_be_usable(session);
  eval(session, "def g(n) = g(n + 1)\ng(0)");
  must_have_replied(session, "g", "{error,#{class=>\"SystemStackError\"*}}");
  must_be_usable(session);
  close_session(session);
}

static void a_reply_that_does_not_fit_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_frame=1000");
  must_raise(session, "'x' * 2000", "Erlang::TermError", "the term has more than 1000 bytes");
  must_give(session, "('x' * 900).size", "900");
  /* An error that does not fit either is the caller's affair. */
  eval(session, "raise 'x' * 2000");
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  assert_int_equal(buffer_status(&session->reply), STATUS_TOO_LARGE);
  must_be_usable(session);
  close_session(session);
}

static void too_little_memory_is_its_own_outcome(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=16000000");
  eval(session, "a = []; loop { a << 'x' * 1000 }");
  assert_int_equal(session->outcome, OUTCOME_NO_MEMORY);
  assert_int_equal(session->reply.length, 1); /* the prefix alone */
  must_give(session, "a = nil", "nil");
  eval(session, "'x' * 100_000_000");
  assert_int_equal(session->outcome, OUTCOME_NO_MEMORY);
  must_be_usable(session);
  must_raise(session, "raise NoMemoryError, 'mine'", "NoMemoryError", "mine");
  close_session(session);
}

static void a_stop_is_an_outcome_like_any_exception(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes frame = eval_frame("loop {}", NULL);
  start_request(session, frame);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish_request(session);
  must_have_replied(session, "loop", "{error,#{class=>\"Erlang::Timeout\",message=>\"timeout\"*}}");
  start_request(session, frame);
  slice_stop(&session->slice, STOP_INTERRUPT);
  finish_request(session);
  must_have_replied(session, "loop",
                    "{error,#{class=>\"Erlang::Interrupt\",message=>\"interrupted\"*}}");
  free(frame.at);
  must_give(session,
            "[Erlang::Timeout.ancestors.include?(StandardError), "
            "Erlang::Interrupt.superclass == Exception]",
            "[false,true]");
  must_be_usable(session);
  close_session(session);
}

static void a_message_that_takes_for_ever_is_stopped(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes frame =
      eval_frame("class Slow < StandardError; def message; print 1; loop {}; end; end; "
                 "raise Slow",
                 NULL);
  start_request(session, frame);
  run_request_to_output(session);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish_request(session);
  must_have_replied(session, "Slow", "{error,#{class=>\"Slow\",message=>\"(can't be told*}}");
  free(frame.at);
  must_be_usable(session);
  close_session(session);
}

/* --- what cannot be broken --- */

/* Code that takes away or redefines what ruby_answer.c itself uses: whatever the answer, it is one, and
 * the next request is answered. */
static void code_that_breaks_ruby_itself_is_answered(void **state)
{
  (void)state;
  static const char *const codes[] = {
      "Object.send(:remove_const, :SyntaxError)",
      "Object.send(:remove_const, :SystemExit)",
      "Object.send(:remove_const, :ArgumentError)",
      "Object.send(:remove_const, :Erlang)",
      "Object.send(:remove_const, :IO); Object.send(:remove_const, :STDOUT)",
      "Object.send(:remove_const, :NoMemoryError)",
      "Object.send(:remove_const, :String); Object.send(:remove_const, :Array)",
      "class Exception; undef message; undef backtrace; undef inspect; end",
      "class Exception; def message = raise; end",
      "class Exception; def self.new(*) = raise; end",
      "class Exception; def self.exception(*) = 5; def exception(*) = 6; end",
      "class Exception; def set_backtrace(*) = raise; end",
      "class Exception; def initialize(*) = nil; end",
      "class String; def to_s = 5; def inspect = nil; def size = -1; end",
      "class Object; def inspect = raise; def to_s = nil; def ==(o) = raise; end",
      "class BasicObject; def method_missing(*) = loop { break }; end",
      "module Kernel; def raise(*) = nil; def puts(*) = raise; end",
      "class Array; def each = nil; def [](*) = raise; def first = 5; end",
      "class Hash; def [](k) = raise; def each = nil; end",
      "class Integer; def +(o) = 0; def ==(o) = true; end",
      "class Symbol; def to_s = nil; end",
      "class Proc; def call(*) = nil; def binding = nil; end",
      "class << self; def method_missing(*) = 5; undef send_response; end",
      "class Class; def new(*) = nil; def allocate = nil; end",
      "class Module; def name = raise; def to_s = raise; def inspect = 5; end",
      "ObjectSpace.each_object { |o| o.freeze rescue 0 }",
      "ObjectSpace.each_object(Class) { |c| c.freeze rescue 0 }",
      "ObjectSpace.each_object(Binding) { |b| b.local_variable_set(:zz, 1) }",
      "ObjectSpace.each_object { |o| o.instance_variables.each { |v| "
      "o.remove_instance_variable(v) rescue 0 } rescue 0 }",
      "global_variables.each { |g| eval(\"#{g} = nil\") rescue 0 }",
      "binding.local_variables.each { |v| binding.local_variable_set(v, 5) }",
      "GC.disable; 1000.times { 'x' * 100 }",
      "GC.generational_mode = false; GC.interval_ratio = 0; GC.step_ratio = 0; GC.start",
      "GC.interval_ratio = 1_000_000; GC.step_ratio = 1; GC.start",
      "Object.freeze; main = self; main.freeze",
      "undef initialize rescue 0; Object.send(:undef_method, :class) rescue 0",
      "Erlang::Timeout.instance_eval { def new(*) = nil }",
      "Erlang.send(:remove_const, :Timeout); Erlang.send(:remove_const, :Interrupt)",
      "class SystemExit; def status = 'x'; end; begin; exit(1); rescue SystemExit => e; "
      "e.instance_variable_set(:@status, 'x'); end; $e = e",
      "$e.instance_variable_set(:@status, Object.new); raise $e",
      "Struct.new('a') rescue 0; Struct.new(:a).new(1)",
  };
  static const char *const then[] = {"raise 'x'",
                                     "1 +",
                                     "yield",
                                     "puts [1]; p 'x'; sleep 0; warn 'x'",
                                     "exit 2",
                                     "loop { raise }",
                                     "send_response([1, :two, 'x'])",
                                     "7"};
  struct session *all = open_session();
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct session *alone = open_session();
    for (int both = 0; both < 2; both++) {
      /* Alone, and on top of all that came before. */
      struct session *session = both ? all : alone;
      session->may_be_killed = true; /* or be stopped: where all are equal, loops do not end */
      session->end = SLICE_RETURNED;
      eval(session, codes[i]);
      for (size_t k = 0; k < sizeof then / sizeof *then && session->end != SLICE_KILLED; k++)
        eval(session, then[k]);
      if (session->end != SLICE_KILLED) call(session, "to_s, [1, `x`]");
      if (session->end != SLICE_KILLED) call(session, "{`Math`, sqrt}, [4]");
      if (session->end != SLICE_KILLED) {
        must_have_replied(session, codes[i], "{*}");
        assert_true(heap_check(session->heap));
      } else if (both) {
        close_session(all);
        all = open_session();
      }
    }
    close_session(alone);
  }
  close_session(all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(an_error_has_class_message_and_backtrace),
      TEST(file_and_line_are_those_of_the_request),
      TEST(a_syntax_error_says_where_and_what),
      TEST(code_that_parses_and_cannot_be_compiled_says_why),
      TEST(what_mruby_warns_of_goes_to_stderr),
      TEST(exceptions_that_make_trouble_when_they_are_asked_are_told_all_the_same),
      TEST(a_huge_message_is_cut_off),
      TEST(the_backtrace_of_an_error_outlives_the_code_that_raised_it),
      TEST(a_long_backtrace_is_cut_off),
      TEST(a_reply_that_does_not_fit_is_an_error),
      TEST(too_little_memory_is_its_own_outcome),
      TEST(a_stop_is_an_outcome_like_any_exception),
      TEST(a_message_that_takes_for_ever_is_stopped),
      TEST(code_that_breaks_ruby_itself_is_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
