/* Tests of driver/ruby_answer.c: evals and calls, the names that live from one to the next, and what is
 * left of them in memory. Errors are in test_ruby_answer_errors.c, what Ruby code can call in
 * test_ruby_api.c. */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void must_call(struct session *session, const char *target_and_arguments, const char *wanted)
{
  char pattern[2000];
  (void)snprintf(pattern, sizeof pattern, "{ok,%s}", wanted);
  call(session, target_and_arguments);
  must_have_replied(session, target_and_arguments, pattern);
}

static void must_fail_to_call(struct session *session, const char *target_and_arguments,
                              const char *class, const char *message)
{
  call(session, target_and_arguments);
  must_have_raised(session, target_and_arguments, class, message);
}

/* --- values --- */

static void an_eval_replies_with_its_value(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "1 + 2", "3");
  must_give(session, "", "nil");
  must_give(session, "# nothing\n", "nil");
  must_give(session, "nil", "nil");
  must_give(session, "[1, 2.5, 'x', :y, nil, true, false, { 'k' => [] }]",
            "[1,2.5,\"x\",y,nil,true,false,#{\"k\"=>[]}]");
  must_give(session, "Erlang::Tuple[1, :a]", "{1,a}");
  must_give(session, "x = 5 # a comment without a newline", "5");
  must_give(session, "\"a\\0b\xff\"", "\"a\\x00b\\xFF\"");
  must_give(session, "'\xc3\xa9'.size", "1");
  must_give(session, "__FILE__ + __LINE__.to_s", "\"(eval)1\"");
  close_session(session);
}

static void the_reply_begins_with_the_prefix(void **state)
{
  (void)state;
  struct session *session = open_session();
  eval(session, "7");
  assert_memory_equal(session->reply.bytes, "\x83h\2w\2oka\7", session->reply.length);
  assert_int_equal(session->reply.length, 9);
  close_session(session);
}

static void a_value_that_has_no_form_in_erlang_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "Object.new", "Erlang::TermError", "Object has no form in Erlang*");
  must_raise(session, "[1, ->() {}]", "Erlang::TermError", "Proc has no form*");
  must_raise(session, "0.0 / 0.0", "Erlang::TermError", "NaN*");
  must_raise(session, "a = []; a << a", "Erlang::TermError", "nested deeper than 256 levels*");
  must_be_usable(session);
  close_session(session);
}

static void new_atoms_from_ruby_are_counted_and_end_at_the_limit(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_atoms=3");
  must_give(session, "[:aa, :bb, :cc]", "[aa,bb,cc]");
  must_give(session, "[:aa, :bb, :cc]", "[aa,bb,cc]");
  must_raise(session, ":dd", "Erlang::TermError", "dd would be an atom more than the 3 *");
  must_be_usable(session);
  close_session(session);
}

/* Only the VM's own encoding proves that an atom is there. */
static void atoms_in_arguments_count_only_if_the_vm_has_not_encoded_them(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_atoms=1");
  must_give(session, "def same(x) = x", "same");
  struct bytes frame = term_bytes("{call, 1, same, [[one, two, three]]}");
  start_request(session, frame);
  session->request.from_vm = true;
  finish_request(session);
  must_have_replied(session, "from_vm", "{ok,[one,two,three]}");
  free(frame.at);
  must_fail_to_call(session, "same, [[four]]", "Erlang::TermError", "four would be *");
  close_session(session);
}

/* --- one session --- */

static void local_variables_live_from_eval_to_eval(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "a = 1", "1");
  must_give(session, "b = a + 1; c, (d, *e) = 3, [4, 5, 6]", "[3,[4,5,6]]");
  must_give(session, "[a, b, c, d, e]", "[1,2,3,4,[5,6]]");
  must_give(session, "a += 10; b ||= 99; f ||= 7; [a, b, f]", "[11,2,7]");
  must_give(session, "for i in [1, 2] do g = i end; [i, g]", "[2,2]");
  must_give(session, "if false then never = 1 end", "nil");
  must_give(session, "[never, a]", "[nil,11]");
  must_give(session, "begin; raise 'x'; rescue => err; end; err.message", "\"x\"");
  must_give(session, "err.message", "\"x\"");
  must_give(session, "local_variables.include?(:a)", "true");
  must_give(session, "binding.local_variable_get(:a)", "11");
  must_give(session, "eval('a + 1')", "12");
  close_session(session);
}

static void what_an_eval_has_assigned_before_it_failed_stays(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "x = 1; y = 2; raise 'no'; x = 3", "RuntimeError", "no");
  must_give(session, "[x, y]", "[1,2]");
  must_raise(session, "z = 5; )", "SyntaxError", "*");
  must_raise(session, "z", "NoMethodError", "undefined method 'z'");
  close_session(session);
}

static void variables_of_a_block_stay_its_own(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "[1].each { |i| inner = i; outer = inner }; 1", "1");
  must_raise(session, "inner", "NoMethodError", "*'inner'*");
  must_raise(session, "outer", "NoMethodError", "*'outer'*");
  must_give(session, "t = 0; [1, 2].each { |i| t += i }; t", "3");
  must_give(session, "t", "3");
  close_session(session);
}

static void closures_see_later_values_and_change_them(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "x = 1; get = ->() { x }; set = ->(v) { x = v }; 0", "0");
  must_give(session, "x = 2; get.call", "2");
  must_give(session, "set.call(3); [x, get.()]", "[3,3]");
  must_give(session, "later = 7; more = ->() { [x, later] }; 0", "0");
  must_give(session, "x = 4; later = 8; [more.call, get.call]", "[[4,8],4]");
  must_give(session, "count = 0; up = proc { count += 1 }; 3.times(&up); count", "3");
  must_give(session, "up.call; count", "4");
  /* The scope grows many times over, and the closures still see it. */
  for (int i = 0; i < 100; i++) {
    char code[80], wanted[20];
    (void)snprintf(code, sizeof code, "v%d = x = %d; get.call", i, i);
    (void)snprintf(wanted, sizeof wanted, "%d", i);
    must_give(session, code, wanted);
  }
  must_give(session, "GC.start; set.call(5); [x, get.call, v0, v99, count]", "[5,5,0,99,4]");
  close_session(session);
}

static void constants_globals_methods_and_classes_live_on(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "LIMIT = 5; $g = 6; @i = 7", "7");
  must_give(session, "def add(a, b) = a + b", "add");
  must_give(session, "class Point; attr_reader :x; def initialize(x) = @x = x; end", "*");
  must_give(session, "module Deep; module Er; HERE = 1; def self.f(x) = x + HERE; end; end", "*");
  must_give(session, "p = Point.new(9); 0", "0");
  must_give(session, "[LIMIT, $g, @i, add(1, 2), p.x, Deep::Er.f(1)]", "[5,6,7,3,9,2]");
  must_give(session, "class Point; def y = x + 1; end; p.y", "10");
  must_give(session, "self.to_s", "\"main\"");
  must_give(session, "def self.own = 1; own", "1");
  close_session(session);
}

static void a_method_defined_at_the_top_does_not_see_local_variables(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "hidden = 1; def look = hidden", "look");
  must_raise(session, "look", "NoMethodError", "*'hidden'*");
  close_session(session);
}

static void a_class_has_its_own_names_whatever_the_session_variables_are_called(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "x = 1; size = 2; 0", "0");
  must_give(session,
            "class Point; attr_reader :x; def initialize(v) = @x = v; def next_x = x + 1; "
            "def each = yield(x); end; 0",
            "0");
  must_give(session, "[Point.new(10).next_x, Point.new(20).each { |v| v }]", "[11,20]");
  must_give(session, "class Array; def twice = size * 2; end; [1, 2, 3].twice", "6");
  must_give(session, "module Names; def self.x = 5; def self.get = x; end; Names.get", "5");
  must_raise(session, "class Bare; x; end", "NoMethodError", "*'x'*");
  close_session(session);
}

static void a_fiber_goes_on_in_a_later_eval(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "n = 0; f = Fiber.new { loop { n += 1; Fiber.yield n } }; f.resume", "1");
  must_give(session, "f.resume", "2");
  must_give(session, "n = 10; f.resume", "11");
  must_give(session, "e = [1, 2, 3].each; e.next", "1");
  must_give(session, "[e.next, e.next]", "[2,3]");
  must_raise(session, "e.next", "StopIteration", "*");
  must_raise(session, "Fiber.yield 1", "FiberError", "*");
  close_session(session);
}

static void control_flow_out_of_the_code_is_the_end_of_the_eval(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const char *const codes[] = {
      "return 5",
      "[1].each { return 5 }",
      "proc { return 5 }.call",
      "->() { return 5 }.call",
      "define_method(:r) { return 5 } rescue 5",
      "$kept = proc { return 6 }; 5",
      "$kept.call",
      "def r2 = yield; r2 { return 5 }",
      "def r3; [1].each { |x| return x }; end; r3",
      "loop { break 5 }",
      "$b = proc { break 5 }; $b.call rescue 5",
      "proc { next 5 }.call",
      "next 5",
      "break 5",
      "redo",
      "retry",
      "throw :nobody",
      "catch(:a) { throw :a, 5 }",
      "Fiber.new { return 5 }.resume",
      "Fiber.new { [1].each { break 5 } }.resume",
      "begin; return 5; ensure; $ensured = true; end",
      "eval('return 5')",
      "instance_eval { return 5 }",
      "begin; raise 'a'; ensure; return 5; end",
      "$b.call",
      "yield",
      "super",
      "def s = super; s",
      "binding.eval('return 5')",
      "$x = binding; $x.eval('x = 1')",
      "$x.eval('x')",
      "BEGIN { 1 }",
      "alias $new $stdout",
      "undef nothing",
      "class << self; return 5; end",
      "while true do return 5 end",
      "class Ret; return 5; end",
      "[3, 1].sort { |a, b| return 5 }",
      "{ 1 => 2 }.each { |k, v| break v }",
      "Object.new.instance_exec(1) { |x| break x }",
      "__method__",
  };
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
      eval(session, codes[i]);
      if (session->outcome != OUTCOME_OK && session->outcome != OUTCOME_ERROR)
        fail_msg("%s: outcome %d", codes[i], (int)session->outcome);
      must_have_replied(session, codes[i], "{*}");
      session->out.length = session->err.length = 0;
      must_be_usable(session);
    }
  must_give(session, "return 5; 6", "5");
  must_give(session, "[1].each { break 7 }", "7");
  close_session(session);
}

static void more_names_than_a_session_may_have_are_a_clear_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  char code[60];
  int added = 0;
  for (; added < 400; added++) {
    (void)snprintf(code, sizeof code, "name%d = %d", added, added);
    eval(session, code);
    if (session->outcome != OUTCOME_OK) break;
  }
  assert_in_range(added, 200, 255);
  must_have_replied(session, code,
                    "{error,#{class=>\"RuntimeError\",message=>\"*too many local variables*\"*}}");
  (void)snprintf(code, sizeof code, "name0 + name%d", added - 1);
  char wanted[20];
  (void)snprintf(wanted, sizeof wanted, "%d", added - 1);
  must_give(session, code, wanted);
  must_be_usable(session);
  must_give(session, "def f; a = 1; b = 2; a + b; end; f", "3");
  must_give(session, "name0 = 17; [1].each { |own| name0 += own }; name0", "18");
  close_session(session);
}

static void a_single_eval_with_too_many_names_is_a_clear_error_too(void **state)
{
  (void)state;
  static const int counts[] = {241, 255, 256, 257, 300, 2000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    struct session *session = open_session();
    struct text code = {NULL, 0, 0};
    for (int k = 0; k < counts[i]; k++) say(&code, "name%d = %d\n", k, k);
    eval(session, code.at);
    assert_int_equal(session->outcome, OUTCOME_ERROR);
    must_have_replied(session, "names", "{error,#{*too many local variables*}}");
    free(code.at);
    must_be_usable(session);
    close_session(session);
  }
}

/* --- exit --- */

static void must_exit(struct session *session, const char *code, int64_t status)
{
  eval(session, code);
  if (session->outcome != OUTCOME_EXIT) fail_msg("%s: outcome %d", code, (int)session->outcome);
  assert_int_equal(session->exit_status, status);
  assert_int_equal(session->reply.length, 1);
}

static void exit_is_its_own_outcome_with_a_status(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_exit(session, "exit", 0);
  must_exit(session, "exit(3)", 3);
  must_exit(session, "exit(true)", 0);
  must_exit(session, "exit(false)", 1);
  must_exit(session, "exit(-1)", -1);
  must_exit(session, "Kernel.exit(4)", 4);
  must_exit(session, "begin; exit(5); rescue => e; 1; end", 5);
  must_exit(session, "begin; exit(5); ensure; $done = 1; end", 5);
  must_exit(session, "Fiber.new { exit(6) }.resume", 6);
  must_exit(session, "[1].each { exit(7) }", 7);
  must_exit(session, "raise SystemExit", 0);
  must_exit(session, "class Mine < SystemExit; end; raise Mine", 0);
  must_give(session, "begin; exit(8); rescue SystemExit => e; [e.status, e.success?]; end",
            "[8,false]");
  must_give(session, "begin; exit; rescue SystemExit => e; [e.status, e.success?]; end",
            "[0,true]");
  must_raise(session, "exit('x')", "TypeError", "*");
  must_raise(session, "exit(nil)", "TypeError", "*");
  must_raise(session, "exit(1, 2)", "ArgumentError", "*");
  must_be_usable(session);
  call(session, "exit, [9]");
  assert_int_equal(session->outcome, OUTCOME_EXIT);
  assert_int_equal(session->exit_status, 9);
  close_session(session);
}

/* --- calls --- */

static void a_call_calls_a_method_of_the_main_object(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "def add(a, b) = a + b", "add");
  must_give(session, "def count(*all) = all.size", "count");
  must_give(session, "def opt(a, b = 2) = [a, b]", "opt");
  must_give(session, "def none = 5", "none");
  must_call(session, "add, [1000, 2000]", "3000");
  must_call(session, "`add`, [`a`, `b`]", "\"ab\"");
  must_call(session, "none, []", "5");
  must_call(session, "opt, [1]", "[1,2]");
  must_call(session, "opt, [1, #{a => 1}]", "[1,#{a=>1}]");
  must_fail_to_call(session, "add, [1]", "ArgumentError", "wrong number of arguments*");
  must_fail_to_call(session, "missing, [1]", "NoMethodError", "undefined method 'missing'*");
  must_fail_to_call(session, "add, [1, `x`]", "TypeError", "*");
  must_call(session, "'to_s', []", "\"main\"");
  close_session(session);
}

static void a_call_may_name_a_class_or_a_module(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "module A; VALUE = 5; class B; def self.f(x) = [self.to_s, x]; end; end", "*");
  must_call(session, "{`Math`, sqrt}, [4]", "2");
  must_call(session, "{`A::B`, f}, [1]", "[\"A::B\",1]");
  must_call(session, "{'A::B', `f`}, [2]", "[\"A::B\",2]");
  must_call(session, "{`A::VALUE`, `+`}, [1]", "6");
  must_call(session, "{`Object`, name}, []", "\"Object\"");
  must_fail_to_call(session, "{`Nowhere`, f}, []", "NameError", "uninitialized constant Nowhere");
  must_fail_to_call(session, "{`A::No`, f}, []", "NameError", "uninitialized constant A::No");
  must_fail_to_call(session, "{`A::VALUE::X`, f}, []", "TypeError", "5 is not a class or module");
  static const char *const odd[] = {"a",         "A::",   "::A", "::",   ":",   "A:::B", "A::::B",
                                    "A:B",       "$x",    "@x",  "A.B",  " A",  "A ",    "\\x00",
                                    "A::B\\x00", "\\xff", "nil", "self", "A::b"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    char target[100];
    (void)snprintf(target, sizeof target, "{\"%s\", f}, []", odd[i]);
    call(session, target);
    if (session->outcome != OUTCOME_ERROR) fail_msg("%s: %s", odd[i], reply_text(session));
    must_be_usable(session);
  }
  close_session(session);
}

static void any_number_of_arguments_arrives(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "def count(*all) = [all.size, all.first, all.last]", "count");
  must_give(session, "def last_of(a, *rest, &b) = [b.nil?, rest.last]", "last_of");
  static const int counts[] = {0, 1, 2, 7, 8, 9, 14, 15, 16, 17, 100, 254, 255, 256, 5000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    struct text text = {NULL, 0, 0};
    char wanted[60];
    int count = counts[i];
    say(&text, "{call, 1, count, [");
    for (int k = 0; k < count; k++) say(&text, "%s%d", k ? "," : "", 1000 + k);
    say(&text, "]}");
    run_request(session, term_bytes(text.at));
    if (count > 0)
      (void)snprintf(wanted, sizeof wanted, "{ok,[%d,1000,%d]}", count, 999 + count);
    else
      (void)snprintf(wanted, sizeof wanted, "{ok,[0,nil,nil]}");
    must_have_replied(session, "count", wanted);
    free(text.at);
  }
  must_call(session, "last_of, [1, 2, 3]", "[true,3]");
  /* STRING_EXT */
  static const uint8_t bytes[] = "\x83h\4w\4calla\1w\5countk\0\3abc";
  run_request(session, bytes_copy(bytes, sizeof bytes - 1));
  must_have_replied(session, "count", "{ok,[3,97,99]}");
  close_session(session);
}

static void arguments_survive_a_collection_while_others_are_read(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "GC.interval_ratio = 100; def same(*all) = all", "same");
  for (int i = 0; i < 200; i++)
    must_call(session, "same, [`a`, [`b`, {`c`, #{`d` => `e`}}], `f`, [[[`g`]]], 1.5, #{x => `y`}]",
              "[\"a\",[\"b\",{\"c\",#{\"d\"=>\"e\"}}],\"f\",[[[\"g\"]]],1.5,#{x=>\"y\"}]");
  must_give(session, "def grab(*all) = (GC.start; all)", "grab");
  must_call(session, "grab, [`a`, [`b`], `c`]", "[\"a\",[\"b\"],\"c\"]");
  close_session(session);
}

static void method_names_that_are_remembered_are_told_apart(void **state)
{
  (void)state;
  struct session *session = open_session();
  /* More than are remembered, some with the same first and last letter and length. */
  for (int i = 0; i < 60; i++) {
    char code[120];
    (void)snprintf(code, sizeof code, "def m%02dm = %d; def a_rather_long_name_of_a_method%d = %d",
                   i, i, i, i + 1000);
    eval(session, code);
    assert_int_equal(session->outcome, OUTCOME_OK);
  }
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < 60; i++) {
      char target[80], wanted[20];
      (void)snprintf(target, sizeof target, "m%02dm, []", i);
      (void)snprintf(wanted, sizeof wanted, "%d", i);
      must_call(session, target, wanted);
      (void)snprintf(target, sizeof target, "a_rather_long_name_of_a_method%d, []", i);
      (void)snprintf(wanted, sizeof wanted, "%d", i + 1000);
      must_call(session, target, wanted);
    }
  must_give(session, "def m01m = :new", "m01m");
  must_call(session, "m01m, []", "new");
  close_session(session);
}

static void arguments_without_a_form_in_ruby_are_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "def count(*all) = all.size", "count");
  static const char improper[] = "\x83h\4w\4calla\1w\5countl\0\0\0\1l\0\0\0\1a\1a\2j";
  run_request(session, bytes_copy(improper, sizeof improper - 1));
  must_have_replied(session, "improper", "{error,#{class=>\"Erlang::TermError\",*improper list*}}");
  static const char bits[] = "\x83h\4w\4calla\1w\5countl\0\0\0\1M\0\0\0\1\3\xe0j";
  run_request(session, bytes_copy(bits, sizeof bits - 1));
  must_have_replied(session, "bits", "{error,#{class=>\"Erlang::TermError\",*}}");
  must_be_usable(session);
  close_session(session);
}

/* --- memory --- */

/* Bytes in use after everything that can go has gone. */
static size_t live_bytes(struct session *session)
{
  mrb_full_gc(session->ruby.mrb);
  mrb_full_gc(session->ruby.mrb);
  return heap_used(session->heap);
}

/* mruby has its objects in pages of 1,024, and none is given back that has one in it. */
#define GC_PAGE ((size_t)49200)

static void must_not_leak(struct session *session, const char *code, int times)
{
  for (int i = 0; i < 300; i++) eval(session, code);
  size_t before = live_bytes(session);
  for (int i = 0; i < times; i++) {
    eval(session, code);
    session->out.length = session->err.length = session->frames.length = 0;
  }
  size_t after = live_bytes(session);
  if (after > before + 2 * GC_PAGE)
    fail_msg("%s: %zu bytes more after %d times", code, after - before, times);
}

static void ten_thousand_evals_leave_nothing_behind(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_not_leak(session, "x = 1 + 2", 10000);
  must_not_leak(session, "y = [x, 'two', { three: 3.0 }].map { |i| i }; nil", 10000);
  must_be_usable(session);
  close_session(session);
}

static void whatever_an_eval_does_it_leaves_nothing_behind(void **state)
{
  (void)state;
  static const char *const codes[] = {
      "raise ArgumentError, 'no'",
      "f = ->(n) { n }; f.call(1)",
      "1 + ",
      "x = 1\n'abc",
      "yield",
      "nil.foo",
      "Object.new",
      "exit 3",
      "throw :x",
      "def again(a, b = 1, *c, d: 2, &e) = [a, b, c, d]; again(1)",
      "class Again; def f = 1; end; Again.new.f",
      "puts 'x', [1, nil]; p 1; warn 'w'; printf('%d', 1)",
      "send_response([1, 'two'])",
      "begin; send_response(Object.new); rescue => e; 1; end",
      "Fiber.new { Fiber.yield 1; 2 }.resume",
      "e = [1, 2].each; e.next",
      "eval('1 + 1')",
      "catch(:a) { throw :a, 5 }",
      "[3, 1, 2].sort.each_slice(2).to_a",
      "'a,b'.split(',').join('-').gsub('a') { 'c' }",
      "(2 ** 200).to_s",
      "sleep 0",
      "'x' * 300_000",
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    struct session *session = open_session();
    must_not_leak(session, codes[i], 3000);
    close_session(session);
  }
}

static void calls_leave_nothing_behind(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "def same(*all) = all", "same");
  for (int round = 0; round < 2; round++) {
    size_t before = 0;
    for (int i = 0; i < 2000; i++) {
      if (i == 300) before = live_bytes(session);
      if (round == 0)
        must_call(session, "same, [1, `two`, [three], #{four => {5}}]", "*");
      else
        must_fail_to_call(session, "{`Math`, sqrt}, [`x`]", "TypeError", "*");
    }
    assert_true(live_bytes(session) <= before + GC_PAGE);
  }
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(an_eval_replies_with_its_value),
      TEST(the_reply_begins_with_the_prefix),
      TEST(a_value_that_has_no_form_in_erlang_is_an_error),
      TEST(new_atoms_from_ruby_are_counted_and_end_at_the_limit),
      TEST(atoms_in_arguments_count_only_if_the_vm_has_not_encoded_them),
      TEST(local_variables_live_from_eval_to_eval),
      TEST(what_an_eval_has_assigned_before_it_failed_stays),
      TEST(variables_of_a_block_stay_its_own),
      TEST(closures_see_later_values_and_change_them),
      TEST(constants_globals_methods_and_classes_live_on),
      TEST(a_method_defined_at_the_top_does_not_see_local_variables),
      TEST(a_class_has_its_own_names_whatever_the_session_variables_are_called),
      TEST(a_fiber_goes_on_in_a_later_eval),
      TEST(control_flow_out_of_the_code_is_the_end_of_the_eval),
      TEST(more_names_than_a_session_may_have_are_a_clear_error),
      TEST(a_single_eval_with_too_many_names_is_a_clear_error_too),
      TEST(exit_is_its_own_outcome_with_a_status),
      TEST(a_call_calls_a_method_of_the_main_object),
      TEST(a_call_may_name_a_class_or_a_module),
      TEST(any_number_of_arguments_arrives),
      TEST(arguments_survive_a_collection_while_others_are_read),
      TEST(method_names_that_are_remembered_are_told_apart),
      TEST(arguments_without_a_form_in_ruby_are_an_error),
      TEST(ten_thousand_evals_leave_nothing_behind),
      TEST(whatever_an_eval_does_it_leaves_nothing_behind),
      TEST(calls_leave_nothing_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
