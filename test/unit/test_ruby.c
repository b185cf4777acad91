/* Tests of driver/ruby.c and driver/ruby_api.c: requests carried out in an interpreter, without the
 * interpreter's queue and life around it. */
#include "ruby.h"

#include "faults.h"
#include "job_fixture.h"
#include "sanitizers.h"
#include "terms.h"
#include "waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MB ((size_t)1 << 20)

/* --- a session with an interpreter --- */

struct session {
  struct options options;
  struct heap *heap;
  struct slice slice;
  struct ruby ruby;
  struct atoms *atoms;
  enum status opened;
  /* the job */
  struct request request;
  struct buffer reply;
  enum outcome outcome;
  int64_t exit_status;
  enum slice_end end;
  bool may_be_killed;
  int arena; /* the garbage collector's, after the answer */
  /* what the host has got */
  struct text out, err;
  struct text frames; /* each as text, with a space behind it */
};

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

static const struct ruby_host host = {host_output, host_frame};

static void open_body(void *data)
{
  struct session *session = data;
  session->opened =
      ruby_open(&session->ruby, &session->slice, &session->options, &host, session, session->atoms);
}

static struct session *open_session_with(const char *text)
{
  struct session *session = calloc(1, sizeof *session);
  const char *bad;
  assert_non_null(session);
  install_fault_handler();
  assert_int_equal(options_parse(text, &session->options, &bad), STATUS_OK);
  assert_int_equal(atoms_open((size_t)session->options.max_atoms, &session->atoms), STATUS_OK);
  size_t limit = (size_t)session->options.memory_limit;
  assert_int_equal(heap_open(limit + 8 * MB, &session->heap), STATUS_OK);
  slice_init(&session->slice, session->heap, limit, (int64_t)session->options.slice_us * 1000,
             (unsigned)session->options.grace_slices, NULL);
  buffer_init(&session->reply, (size_t)session->options.max_frame);
  session->opened = STATUS_NO_MEMORY;
  assert_int_equal(slice_start(&session->slice, open_body, session), STATUS_OK);
  assert_int_equal(slice_run_unwatched(&session->slice), SLICE_RETURNED);
  assert_int_equal(session->opened, STATUS_OK);
  return session;
}

static struct session *open_session(void) { return open_session_with(""); }

static void close_session(struct session *session)
{
  slice_fini(&session->slice);
  ruby_close(&session->ruby);
  heap_close(session->heap);
  atoms_close(session->atoms);
  buffer_fini(&session->reply);
  free(session->out.at);
  free(session->err.at);
  free(session->frames.at);
  free(session);
}

static void answer_body(void *data)
{
  static const uint8_t version = 131;
  struct session *session = data;
  session->outcome = ruby_answer(&session->ruby, &session->request, (struct piece){&version, 1},
                                 &session->reply, &session->exit_status);
  session->arena = mrb_gc_arena_save(session->ruby.mrb);
}

static void start(struct session *session, struct bytes frame)
{
  const char *why = "";
  enum status status =
      request_parse(frame.at, frame.length, &session->options, &session->request, &why);
  if (status) fail_msg("bad request: %s", why);
  buffer_clear(&session->reply);
  slice_ready(&session->slice);
  assert_int_equal(slice_start(&session->slice, answer_body, session), STATUS_OK);
}

static void finish(struct session *session)
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

/* Runs slices until the code has printed something, and is switched out behind it. */
static void run_to_output(struct session *session)
{
  session->out.length = 0;
  while (session->out.length == 0) {
    assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    assert_in_range(session->end, SLICE_PREEMPTED, SLICE_WAITING);
  }
}

static void request(struct session *session, struct bytes frame)
{
  start(session, frame);
  finish(session);
  free(frame.at);
}

/* {eval, 1, Code, Opts}; `options` may be NULL. */
static struct bytes eval_frame(const char *code, const char *options)
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

static void eval_with(struct session *session, const char *code, const char *options)
{
  request(session, eval_frame(code, options));
}

static void eval(struct session *session, const char *code) { eval_with(session, code, NULL); }

/* The reply of the last request as text. It lives until the next one. */
static const char *reply_text(struct session *session)
{
  static char *text;
  free(text);
  text = NULL;
  if (session == NULL) return NULL;
  text = term_text(session->reply.bytes, session->reply.length);
  return text;
}

static void must_have_replied(struct session *session, const char *what, const char *pattern)
{
  assert_int_equal(buffer_status(&session->reply), STATUS_OK);
  const char *text = reply_text(session);
  if (!text_like(text, pattern)) fail_msg("%s\ngave: %s\nlike: %s\n", what, text, pattern);
  reply_text(NULL);
}

/* `wanted` as term_text writes it, * for anything. */
static void must_give(struct session *session, const char *code, const char *wanted)
{
  char *pattern = malloc(strlen(wanted) + 10);
  assert_non_null(pattern);
  (void)sprintf(pattern, "{ok,%s}", wanted);
  eval(session, code);
  must_have_replied(session, code, pattern);
  assert_int_equal(session->outcome, OUTCOME_OK);
  free(pattern);
}

/* `class` and the pattern of its message. */
static void must_raise(struct session *session, const char *code, const char *class,
                       const char *message)
{
  char pattern[2000];
  (void)snprintf(pattern, sizeof pattern, "{error,#{class=>\"%s\",message=>\"%s\",backtrace=>[*]}}",
                 class, message);
  eval(session, code);
  must_have_replied(session, code, pattern);
  assert_int_equal(session->outcome, OUTCOME_ERROR);
}

static void call(struct session *session, const char *target_and_arguments)
{
  char text[2000];
  (void)snprintf(text, sizeof text, "{call, 1, %s}", target_and_arguments);
  request(session, term_bytes(text));
}

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
  char pattern[2000];
  (void)snprintf(pattern, sizeof pattern, "{error,#{class=>\"%s\",message=>\"%s\",backtrace=>[*]}}",
                 class, message);
  call(session, target_and_arguments);
  must_have_replied(session, target_and_arguments, pattern);
}

static void must_be_text(struct text *text, const char *wanted)
{
  assert_string_equal(text->at ? text->at : "", wanted);
  text->length = 0;
  if (text->at) text->at[0] = '\0';
}

/* What the code prints, and that nothing else comes. */
static void must_print(struct session *session, const char *code, const char *out)
{
  char whole[500];
  (void)snprintf(whole, sizeof whole, "%s; 0", code);
  eval(session, whole);
  if (session->outcome != OUTCOME_OK) fail_msg("%s: %s", code, reply_text(session));
  must_be_text(&session->out, out);
  must_be_text(&session->err, "");
}

static void must_be_usable(struct session *session)
{
  assert_true(heap_check(session->heap));
  must_give(session, "[1, 2].map { |i| i * 2 }", "[2,4]");
  /* Names no variable of the session's: it may have as many as it can. */
  must_give(session, "[1].map { begin; raise 'x'; rescue => e; e.message; end }", "[\"x\"]");
}

static int end(void **state)
{
  reply_text(NULL);
  return end_watched_jobs(state);
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
  start(session, frame);
  session->request.from_vm = true;
  finish(session);
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
  start(session, frame);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish(session);
  must_have_replied(session, "loop", "{error,#{class=>\"Erlang::Timeout\",message=>\"timeout\"*}}");
  start(session, frame);
  slice_stop(&session->slice, STOP_INTERRUPT);
  finish(session);
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
  start(session, frame);
  run_to_output(session);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish(session);
  must_have_replied(session, "Slow", "{error,#{class=>\"Slow\",message=>\"(can't be told*}}");
  free(frame.at);
  must_be_usable(session);
  close_session(session);
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
    request(session, term_bytes(text.at));
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
  request(session, bytes_copy(bytes, sizeof bytes - 1));
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
  request(session, bytes_copy(improper, sizeof improper - 1));
  must_have_replied(session, "improper", "{error,#{class=>\"Erlang::TermError\",*improper list*}}");
  static const char bits[] = "\x83h\4w\4calla\1w\5countl\0\0\0\1M\0\0\0\1\3\xe0j";
  request(session, bytes_copy(bits, sizeof bits - 1));
  must_have_replied(session, "bits", "{error,#{class=>\"Erlang::TermError\",*}}");
  must_be_usable(session);
  close_session(session);
}

/* --- output --- */

static void puts_writes_lines(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "puts 'a'", "a\n");
  must_print(session, "puts \"a\\n\"", "a\n");
  must_print(session, "puts", "\n");
  must_print(session, "puts ''", "\n");
  must_print(session, "puts nil", "\n");
  must_print(session, "puts 1, :two, 3.5, nil, true", "1\ntwo\n3.5\n\ntrue\n");
  must_print(session, "puts ['a', ['b', [nil, 'c']], []]", "a\nb\n\nc\n");
  must_print(session, "puts []", ""); /* as Ruby 3.1 does */
  must_print(session, "puts [[], 1]", "1\n");
  must_print(session, "puts [1, [2, 3]], 4", "1\n2\n3\n4\n");
  must_print(session, "class S; def to_s = 'mine'; end; puts S.new", "mine\n");
  must_print(session, "class N; def to_s = 5; end; puts N.new.to_s.class", "Integer\n");
  close_session(session);
}

static void puts_of_an_array_that_contains_itself_ends(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "a = [1]; a << a; puts a", "ArgumentError", "array nested too deep for puts");
  must_be_text(&session->out, "");
  must_print(session, "a = 'x'; 200.times { a = [a] }; puts a", "x\n");
  must_be_usable(session);
  close_session(session);
}

static void print_p_printf_and_putc_write_as_they_do_in_ruby(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "print 'a', 1, nil, :b", "a1b");
  must_print(session, "print", "");
  must_print(session, "p 'a', nil, [1]", "\"a\"\nnil\n[1]\n");
  must_print(session, "p", "");
  must_give(session, "[p, p(1), p(1, 2)]", "[nil,1,[1,2]]");
  must_be_text(&session->out, "1\n1\n2\n");
  must_print(session, "printf('%05d|%s', 42, 'x')", "00042|x");
  must_print(session, "printf", "");
  must_print(session, "putc 'abc'; putc 65; putc 256 + 66", "aAB");
  must_give(session, "[putc('q'), putc(65), puts, print, printf('')]", "[\"q\",65,nil,nil,nil]");
  must_be_text(&session->out, "qA\n");
  must_raise(session, "putc nil", "TypeError", "*");
  must_raise(session, "printf('%d')", "ArgumentError", "*");
  must_print(session, "print \"a\\0b\\xff\"",
             "a"); /* the host got it all: say() shows up to the 0 */
  close_session(session);
}

static void the_streams_have_the_methods_of_an_io(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_print(session, "$stdout << 'a' << 1 << nil << \"\\n\"", "a1\n");
  must_give(session, "$stdout.write('abc', 1, nil)", "4");
  must_be_text(&session->out, "abc1");
  must_give(session, "$stdout.write", "0");
  must_print(session, "$stdout.puts 'x', ['y']; $stdout.print 1; $stdout.printf('%d', 2)",
             "x\ny\n12");
  must_print(session, "STDOUT.putc 'z'; $stdout.flush.fsync << 'f'", "zf");
  must_give(session, "[$stdout.sync, $stdout.sync = true, $stdout.tty?, $stdout.isatty]",
            "[true,true,false,false]");
  must_give(session, "[$stdout.fileno, $stderr.fileno, $stdout.inspect, $stderr.inspect]",
            "[1,2,\"#<IO:<STDOUT>>\",\"#<IO:<STDERR>>\"]");
  must_raise(session, "IO.new", "NoMethodError", "*");
  must_raise(session, "IO.allocate", "*", "*");
  must_be_usable(session);
  close_session(session);
}

static void stderr_is_another_stream(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "$stderr.puts 'e'; warn 'w', 2; warn; STDERR << 's'; 1", "1");
  must_be_text(&session->out, "");
  must_be_text(&session->err, "e\nw\n2\ns");
  close_session(session);
}

static void output_goes_where_the_standard_streams_point(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Sink; attr_reader :got; def initialize = @got = ''; "
            "def write(*a) = a.each { |x| @got << x.to_s }; "
            "def puts(*a) = write(*a, \"\\n\"); def print(*a) = write(*a); end; 1",
            "1");
  must_give(session, "$stdout = Sink.new; puts 'a'; print 'b'; p :c; printf('%d', 4); $stdout.got",
            "\"a\\nb:c\\n4\"");
  must_be_text(&session->out, "");
  must_give(session, "$stderr = $stdout; warn 'w'; $stdout.got", "*w\\n\"");
  must_be_text(&session->err, "");
  must_print(session, "$stdout = STDOUT; puts 'back'", "back\n");
  must_raise(session, "$stdout = nil; puts 1", "*", "*");
  must_raise(session, "$stdout = 5; p 1", "*", "*");
  must_print(session, "$stdout = STDERR; $stdout = STDOUT; puts 'again'", "again\n");
  close_session(session);
}

static void objects_that_make_trouble_when_printed_do_no_harm(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "class R; def to_s = raise('to_s'); end; puts 1, R.new, 2", "RuntimeError",
             "to_s");
  must_be_text(&session->out, ""); /* all or nothing */
  must_raise(session, "class I; def inspect = raise('inspect'); end; p I.new", "RuntimeError",
             "inspect");
  must_give(session,
            "class A; def to_s = nil; def inspect = 5; end; puts A.new; p A.new; print A.new; 1",
            "1");
  assert_true(session->out.length > 0);
  session->out.length = 0;
  must_give(session,
            "class Grow; def to_s; $a.concat([1] * 1000); $a.clear; GC.start; 'g'; end; end; "
            "$a = [Grow.new, Grow.new, 'z']; puts $a; 1",
            "1");
  session->out.length = 0;
  must_give(session, "$b = [Grow.new] * 3; print(*$b); $stdout.write(*$b)", "3");
  must_be_text(&session->out, "gggggg");
  must_be_usable(session);
  close_session(session);
}

/* --- responses --- */

static void send_response_sends_a_frame(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "send_response(5)", "true");
  must_give(session, "send_response([:a, 'b', nil]); send_response({}); 7", "7");
  must_be_text(&session->frames, "{response,5} {response,[a,\"b\",nil]} {response,#{}} ");
  must_give(session, "3.times { |i| send_response(i) }; 1", "1");
  must_be_text(&session->frames, "{response,0} {response,1} {response,2} ");
  must_raise(session, "send_response", "ArgumentError", "*");
  must_raise(session, "send_response(1, 2)", "ArgumentError", "*");
  must_be_text(&session->frames, "");
  close_session(session);
}

static void a_response_without_a_form_in_erlang_is_an_error_and_sends_nothing(void **state)
{
  (void)state;
  struct session *session = open_session_with("max_frame=1000");
  must_raise(session, "send_response([1, Object.new])", "Erlang::TermError", "*");
  must_raise(session, "send_response('x' * 2000)", "Erlang::TermError", "*");
  must_be_text(&session->frames, "");
  must_give(session, "send_response(1)", "true");
  must_be_text(&session->frames, "{response,1} ");
  close_session(session);
}

static void a_response_inside_of_its_own_to_erl_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Nest; def to_erl; send_response(1); end; end; "
            "class Fails; def to_erl = raise('to_erl'); end; 1",
            "1");
  must_raise(session, "send_response([0, Nest.new])", "RuntimeError",
             "send_response inside of its own to_erl");
  must_be_text(&session->frames, "");
  must_give(session, "send_response(2)", "true");
  must_be_text(&session->frames, "{response,2} ");
  must_raise(session, "send_response(Fails.new)", "RuntimeError", "to_erl");
  must_give(session, "send_response(3)", "true");
  must_be_text(&session->frames, "{response,3} ");
  /* While the reply is made it is another frame, and may. */
  must_give(session, "[5, Nest.new]", "[5,true]");
  must_be_text(&session->frames, "{response,1} ");
  must_give(session,
            "class Rescues; def to_erl; send_response(1); rescue => e; e.message; end; "
            "end; send_response(Rescues.new)",
            "true");
  must_be_text(&session->frames, "{response,\"send_response inside of its own to_erl\"} ");
  close_session(session);
}

static void a_response_left_by_a_stop_does_not_block_the_next(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "class Long; def to_erl; print 1; loop {}; end; end; 1", "1");
  struct bytes frame = eval_frame("send_response([1, Long.new])", NULL);
  start(session, frame);
  run_to_output(session);
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish(session);
  must_have_replied(session, "Long", "{error,#{class=>\"Erlang::Timeout\"*}}");
  free(frame.at);
  must_give(session, "send_response(2)", "true");
  must_be_text(&session->frames, "{response,2} ");
  close_session(session);
}

static void a_response_that_is_left_by_a_fiber_does_not_block_the_next(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class Leaves; def to_erl = throw(:out); end; catch(:out) { "
            "send_response(Leaves.new) }; send_response(1)",
            "true");
  must_be_text(&session->frames, "{response,1} ");
  must_give(session,
            "class Yields; def to_erl = Fiber.yield(5); end; "
            "f = Fiber.new { send_response(Yields.new) }; (f.resume rescue 0); "
            "begin; send_response(2); rescue => e; e.message; end; 1",
            "1");
  session->frames.length = 0;
  must_give(session, "send_response(3)", "true");
  must_be_text(&session->frames, "{response,3} ");
  close_session(session);
}

static void in_line_mode_a_response_is_a_line(void **state)
{
  (void)state;
  struct session *session = open_session_with("packet=line");
  must_give(session, "send_response([1, 'two'])", "true");
  must_be_text(&session->out, "[1, \"two\"]\n");
  must_be_text(&session->frames, "");
  close_session(session);
}

static void in_line_mode_an_error_is_printed(void **state)
{
  (void)state;
  struct session *session = open_session_with("packet=line");
  eval(session, "\nraise ArgumentError, 'no'");
  assert_int_equal(session->outcome, OUTCOME_ERROR);
  must_be_text(&session->err, "(eval):2: no (ArgumentError)\n");
  eval(session, "1 +");
  must_be_like(session->err.at, "(eval):1: (eval):1:*syntax error*(SyntaxError)\n");
  close_session(session);
}

/* --- sleeping --- */

static void sleep_waits_and_tells_the_seconds(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "sleep 0", "0");
  must_give(session, "sleep 0.002", "0");
  must_give(session, "Kernel.sleep(0)", "0");
  int64_t before = test_now_ns();
  must_give(session, "sleep 0.05", "0");
  assert_true(test_now_ns() - before >= 50000000);
  must_raise(session, "sleep(-1)", "ArgumentError", "time interval must not be negative");
  must_raise(session, "sleep('1')", "TypeError", "*");
  must_raise(session, "sleep(nil)", "TypeError", "*");
  must_raise(session, "sleep(0.0 / 0.0)", "ArgumentError", "*");
  static const char *const long_ones[] = {"sleep", "sleep 1e300", "sleep Float::INFINITY",
                                          "sleep 2 ** 62", "sleep 1_000_000"};
  for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
    struct bytes frame = eval_frame(long_ones[i], NULL);
    start(session, frame);
    do assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    while (session->end == SLICE_PREEMPTED);
    assert_int_equal(session->end, SLICE_WAITING);
    assert_true(session->slice.wake_at > now_ns() + INT64_C(100000) * 1000000000);
    slice_stop(&session->slice, STOP_INTERRUPT);
    finish(session);
    must_have_replied(session, long_ones[i], "{error,#{class=>\"Erlang::Interrupt\"*}}");
    free(frame.at);
  }
  must_be_usable(session);
  close_session(session);
}

/* --- what is not there, and what cannot be broken --- */

static void ruby_has_no_way_out_of_the_vm(void **state)
{
  (void)state;
  struct session *session = open_session();
  static const char *const codes[] = {"File",           "Dir",
                                      "Process",        "Socket",
                                      "TCPSocket",      "Signal",
                                      "IO.popen('ls')", "IO.sysopen('x')",
                                      "system('ls')",   "fork",
                                      "exec('ls')",     "`ls`",
                                      "open('x')",      "require 'x'",
                                      "load 'x'",       "exit!",
                                      "trap('INT') {}", "ENV",
                                      "ARGF",           "STDIN",
                                      "gets",           "$stdin.read",
                                      "at_exit {}",     "abort",
                                      "spawn('ls')",    "ObjectSpace._id2ref(1)",
                                      "Task",           "srand.foo",
                                      "Kernel.fork"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    eval(session, codes[i]);
    if (session->outcome != OUTCOME_ERROR) fail_msg("%s: %s", codes[i], reply_text(session));
  }
  must_be_usable(session);
  close_session(session);
}

/* Code that takes away or redefines what ruby.c itself uses: whatever the answer, it is one, and the
 * next request is answered. */
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

static void opening_in_a_heap_that_is_too_small_fails_or_works_and_never_crashes(void **state)
{
  (void)state;
  size_t least = 0;
  for (size_t limit = 4096; limit < 2 * MB && !least; limit += limit / 7) {
    struct session *session = calloc(1, sizeof *session);
    assert_non_null(session);
    install_fault_handler();
    options_default(&session->options);
    assert_int_equal(atoms_open(10, &session->atoms), STATUS_OK);
    assert_int_equal(heap_open(limit, &session->heap), STATUS_OK);
    slice_init(&session->slice, session->heap, limit, 1000000, 5, NULL);
    buffer_init(&session->reply, 1000);
    buffer_init(&session->ruby.frame, 1000);
    session->opened = STATUS_NO_MEMORY;
    assert_int_equal(slice_start(&session->slice, open_body, session), STATUS_OK);
    enum slice_end ended = slice_run_unwatched(&session->slice);
    if (ended == SLICE_RETURNED && session->opened == STATUS_OK) least = limit;
    if (ended != SLICE_RETURNED) assert_int_equal(ended, SLICE_KILLED);
    close_session(session);
  }
  assert_in_range(least, 100000, 2 * MB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end)

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
      TEST(exit_is_its_own_outcome_with_a_status),
      TEST(a_call_calls_a_method_of_the_main_object),
      TEST(a_call_may_name_a_class_or_a_module),
      TEST(any_number_of_arguments_arrives),
      TEST(arguments_survive_a_collection_while_others_are_read),
      TEST(method_names_that_are_remembered_are_told_apart),
      TEST(arguments_without_a_form_in_ruby_are_an_error),
      TEST(puts_writes_lines),
      TEST(puts_of_an_array_that_contains_itself_ends),
      TEST(print_p_printf_and_putc_write_as_they_do_in_ruby),
      TEST(the_streams_have_the_methods_of_an_io),
      TEST(stderr_is_another_stream),
      TEST(output_goes_where_the_standard_streams_point),
      TEST(objects_that_make_trouble_when_printed_do_no_harm),
      TEST(send_response_sends_a_frame),
      TEST(a_response_without_a_form_in_erlang_is_an_error_and_sends_nothing),
      TEST(a_response_inside_of_its_own_to_erl_is_an_error),
      TEST(a_response_left_by_a_stop_does_not_block_the_next),
      TEST(a_response_that_is_left_by_a_fiber_does_not_block_the_next),
      TEST(in_line_mode_a_response_is_a_line),
      TEST(in_line_mode_an_error_is_printed),
      TEST(sleep_waits_and_tells_the_seconds),
      TEST(ruby_has_no_way_out_of_the_vm),
      TEST(code_that_breaks_ruby_itself_is_answered),
      TEST(ten_thousand_evals_leave_nothing_behind),
      TEST(whatever_an_eval_does_it_leaves_nothing_behind),
      TEST(calls_leave_nothing_behind),
      TEST(opening_in_a_heap_that_is_too_small_fails_or_works_and_never_crashes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
