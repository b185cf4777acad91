/* Tests of driver/request.c. Frames are written by libei or by hand, never by the core's own
 * writer, but for the random ones. */
#include "request.h"

#include "seed.h"
#include "terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct options defaults(void)
{
  struct options options;
  options_default(&options);
  return options;
}

static enum status parse(struct bytes frame, const struct options *options, struct request *request,
                         const char **why)
{
  memset(request, 0x5a, sizeof *request);
  *why = NULL;
  return request_parse(frame.at, frame.length, options, request, why);
}

/* The caller frees the frame, in which the request's pieces lie. */
static struct bytes must_parse(const char *text, struct request *request)
{
  struct bytes frame = term_bytes(text);
  struct options options = defaults();
  const char *why;
  enum status status = parse(frame, &options, request, &why);
  if (status) fail_msg("%s: status %d, %s", text, (int)status, why);
  return frame;
}

static void must_refuse_bytes(struct bytes frame, const struct options *options, enum status wanted,
                              const char *wanted_why)
{
  struct request request;
  const char *why;
  enum status status = parse(frame, options, &request, &why);
  assert_int_equal(status, wanted);
  assert_non_null(why);
  assert_string_equal(why, wanted_why);
}

static void must_refuse_with(const struct options *options, const char *text, enum status status,
                             const char *why)
{
  struct bytes frame = term_bytes(text);
  must_refuse_bytes(frame, options, status, why);
  free(frame.at);
}

static void must_refuse(const char *text, const char *why)
{
  struct options options = defaults();
  must_refuse_with(&options, text, STATUS_MALFORMED, why);
}

/* A piece that is an encoded term, as text. */
static void must_be_piece(struct piece piece, const char *wanted)
{
  struct bytes term = {malloc(piece.length + 1), piece.length + 1};
  assert_non_null(term.at);
  term.at[0] = 131;
  memcpy(term.at + 1, piece.bytes, piece.length);
  must_be_term(term.at, term.length, wanted);
  free(term.at);
}

static void must_say(struct piece piece, const char *wanted)
{
  assert_int_equal(piece.length, strlen(wanted));
  if (piece.length > 0) assert_memory_equal(piece.bytes, wanted, piece.length);
}

static void must_have_id(const struct request *request, const char *id)
{
  assert_true(request->has_id);
  must_be_piece(request->id, id);
}

static void must_have_no_options(const struct request *request)
{
  assert_false(request->has_timeout);
  assert_int_equal(request->file.length, 0);
  assert_int_equal(request->line, 1);
  assert_false(request->from_vm);
}

/* --- the forms --- */

static void an_eval_without_an_id_is_a_cast(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{eval, `x = 1`}", &request);
  assert_int_equal(request.kind, REQUEST_EVAL);
  assert_false(request.has_id);
  must_say(request.code, "x = 1");
  must_have_no_options(&request);
  free(frame.at);
}

static void an_eval_has_id_and_code(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{eval, 7, `1 + 2`}", &request);
  assert_int_equal(request.kind, REQUEST_EVAL);
  must_have_id(&request, "7");
  must_say(request.code, "1 + 2");
  must_have_no_options(&request);
  free(frame.at);
}

static void code_may_be_empty_and_hold_any_byte(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{eval, 7, \"\"}", &request);
  must_say(request.code, "");
  free(frame.at);
  frame = must_parse("{eval, 7, \"\\x00\\xff\\x80\"}", &request);
  assert_int_equal(request.code.length, 3);
  assert_memory_equal(request.code.bytes, "\0\xff\x80", 3);
  free(frame.at);
}

static void compile_and_load_have_id_and_code(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{compile, 7, `1 + 2`}", &request);
  assert_int_equal(request.kind, REQUEST_COMPILE);
  must_have_id(&request, "7");
  must_say(request.code, "1 + 2");
  must_have_no_options(&request);
  free(frame.at);
  frame = must_parse("{compile, 7, `x`, #{timeout => 5, file => `f`, line => 6}}", &request);
  assert_int_equal(request.timeout_ms, 5);
  must_say(request.file, "f");
  assert_int_equal(request.line, 6);
  free(frame.at);
  frame = must_parse("{load, {a, 7}, \"RBC1\\x00\"}", &request);
  assert_int_equal(request.kind, REQUEST_LOAD);
  must_have_id(&request, "{a,7}");
  assert_int_equal(request.code.length, 5);
  must_have_no_options(&request);
  free(frame.at);
  frame = must_parse("{load, 7, ``, #{timeout => infinity}}", &request);
  assert_true(request.has_timeout);
  free(frame.at);
}

static void bytecode_may_be_longer_than_source_but_not_than_a_frame(void **state)
{
  (void)state;
  struct options options = defaults();
  struct request request;
  const char *why;
  options.max_source = 3;
  struct bytes frame = term_bytes("{load, 7, `four`}");
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_OK);
  free(frame.at);
  frame = term_bytes("{compile, 7, `four`}");
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_TOO_LARGE);
  assert_string_equal(why, "the code is longer than max_source");
  free(frame.at);
}

static void an_eval_takes_timeout_file_and_line(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame =
      must_parse("{eval, 7, `x`, #{timeout => 500, file => `a.rb`, line => 30}}", &request);
  must_have_id(&request, "7");
  assert_true(request.has_timeout);
  assert_int_equal(request.timeout_ms, 500);
  must_say(request.file, "a.rb");
  assert_int_equal(request.line, 30);
  free(frame.at);
}

#define UNKNOWN_OPTION                                                                             \
  "an unknown option; there are timeout, for eval and compile file and line, "                     \
  "and for eval bindings and value"

static void an_eval_takes_bindings_as_they_are(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse(
      "{eval, 7, `x`, #{bindings => #{a => [1], `_b9Z` => #{c => d}}, line => 2}}", &request);
  struct bytes wanted = term_bytes("#{a => [1], `_b9Z` => #{c => d}}");
  assert_int_equal(request.bindings.length, wanted.length - 1);
  assert_memory_equal(request.bindings.bytes, wanted.at + 1, wanted.length - 1);
  assert_int_equal(request.line, 2);
  free(wanted.at);
  free(frame.at);
  frame = must_parse("{eval, 7, `x`, #{bindings => #{}}}", &request);
  assert_int_equal(request.bindings.length, 5);
  free(frame.at);
}

static void bindings_must_be_names_of_local_variables(void **state)
{
  (void)state;
  static const char *const bad[] = {"[]",
                                    "[{a, 1}]",
                                    "1",
                                    "nil",
                                    "#{1 => 2}",
                                    "#{`` => 1}",
                                    "#{`A` => 1}",
                                    "#{`9a` => 1}",
                                    "#{`a b` => 1}",
                                    "#{`a?` => 1}",
                                    "#{`@a` => 1}",
                                    "#{`$a` => 1}",
                                    "#{self => 1}",
                                    "#{a => 1, `end` => 2}",
                                    "#{[a] => 1}",
                                    "#{`a\n` => 1}",
                                    "#{`__FILE__` => 1}",
                                    "#{{a} => 1}"};
  char text[400], name[REQUEST_NAME_BYTES + 2];
  struct request request;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    (void)snprintf(text, sizeof text, "{eval, 1, `x`, #{bindings => %s}}", bad[i]);
    must_refuse(text, "bindings must be a map whose keys are names of local variables");
  }
  must_refuse("{call, 1, f, [], #{bindings => #{}}}", UNKNOWN_OPTION);
  memset(name, 'a', sizeof name);
  name[sizeof name - 1] = '\0';
  (void)snprintf(text, sizeof text, "{eval, 1, `x`, #{bindings => #{`%s` => 1}}}", name);
  must_refuse(text, "bindings must be a map whose keys are names of local variables");
  (void)snprintf(text, sizeof text, "{eval, 1, `x`, #{bindings => #{`%s` => 1}}}", name + 1);
  free(must_parse(text, &request).at);
}

/* A scheduler reads them: so their names are not even looked at. */
static void too_many_bindings_are_refused_before_they_are_read(void **state)
{
  (void)state;
  static const char before[] = "{eval, 1, `x`, #{bindings => #{";
  struct options options = defaults();
  for (int count = REQUEST_BINDINGS; count <= REQUEST_BINDINGS + 1; count++) {
    bool fits = count <= REQUEST_BINDINGS;
    char text[20 * (REQUEST_BINDINGS + 5)];
    size_t length = (size_t)snprintf(text, sizeof text, "%s", before);
    for (int i = 0; i < count; i++)
      length += (size_t)snprintf(text + length, sizeof text - length, "%s`%s%d` => 1",
                                 i ? ", " : "", fits ? "n" : "No", i);
    (void)snprintf(text + length, sizeof text - length, "}}}");
    struct request request;
    if (fits)
      free(must_parse(text, &request).at);
    else
      must_refuse_with(&options, text, STATUS_TOO_LARGE,
                       "more bindings than a session can have variables");
  }
}

static void an_eval_may_be_told_to_have_no_value(void **state)
{
  (void)state;
  struct request request;
  free(must_parse("{eval, 7, `x`, #{value => false}}", &request).at);
  assert_true(request.no_value);
  free(must_parse("{eval, 7, `x`, #{value => true}}", &request).at);
  assert_false(request.no_value);
  free(must_parse("{eval, 7, `x`}", &request).at);
  assert_false(request.no_value);
  must_refuse("{eval, 7, `x`, #{value => nil}}", "value must be true or false");
  must_refuse("{eval, 7, `x`, #{value => `true`}}", "value must be true or false");
  must_refuse("{call, 1, f, [], #{value => false}}", UNKNOWN_OPTION);
}

static void each_option_may_be_given_alone_or_none(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{eval, 7, `x`, #{}}", &request);
  must_have_no_options(&request);
  free(frame.at);
  frame = must_parse("{eval, 7, `x`, #{file => `b`}}", &request);
  assert_false(request.has_timeout);
  must_say(request.file, "b");
  assert_int_equal(request.line, 1);
  free(frame.at);
  frame = must_parse("{eval, 7, `x`, #{line => 2}}", &request);
  assert_int_equal(request.line, 2);
  assert_int_equal(request.file.length, 0);
  free(frame.at);
  frame = must_parse("{call, 7, f, [], #{}}", &request);
  must_have_no_options(&request);
  free(frame.at);
}

static void a_call_has_id_method_and_arguments(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{call, {a, 1}, add, [1000, x, `two`]}", &request);
  assert_int_equal(request.kind, REQUEST_CALL);
  must_have_id(&request, "{a,1}");
  assert_int_equal(request.receiver.length, 0);
  must_say(request.method, "add");
  must_be_piece(request.arguments, "[1000,x,\"two\"]");
  must_have_no_options(&request);
  free(frame.at);
}

static void a_method_may_be_named_by_an_atom_or_a_binary(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{call, 7, `empty?`, []}", &request);
  must_say(request.method, "empty?");
  must_be_piece(request.arguments, "[]");
  free(frame.at);
  frame = must_parse("{call, 7, '[]=', []}", &request);
  must_say(request.method, "[]=");
  free(frame.at);
}

static void a_call_may_name_a_constant_as_receiver(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{call, 7, {`A::B`, sqrt}, [2]}", &request);
  must_say(request.receiver, "A::B");
  must_say(request.method, "sqrt");
  free(frame.at);
  frame = must_parse("{call, 7, {'Math', `sqrt`}, [2], #{timeout => 1}}", &request);
  must_say(request.receiver, "Math");
  must_say(request.method, "sqrt");
  assert_true(request.has_timeout);
  assert_int_equal(request.timeout_ms, 1);
  free(frame.at);
}

static void arguments_that_are_all_bytes_are_a_list_too(void **state)
{
  (void)state;
  /* What term_to_binary makes of [1,2]: STRING_EXT. */
  static const uint8_t bytes[] = {131, 104, 4, 119, 4,   'c', 'a', 'l', 'l', 97,
                                  7,   119, 1, 'f', 107, 0,   2,   1,   2};
  struct bytes frame = bytes_copy(bytes, sizeof bytes);
  struct options options = defaults();
  struct request request;
  const char *why;
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_OK);
  must_be_piece(request.arguments, "[1,2]");
  free(frame.at);
}

static void an_interrupt_names_a_request_or_none(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{interrupt, `that one`}", &request);
  assert_int_equal(request.kind, REQUEST_INTERRUPT);
  must_have_id(&request, "\"that one\"");
  free(frame.at);
  frame = must_parse("interrupt", &request);
  assert_int_equal(request.kind, REQUEST_INTERRUPT);
  assert_false(request.has_id);
  free(frame.at);
}

static void an_info_has_an_id(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{info, 5}", &request);
  assert_int_equal(request.kind, REQUEST_INFO);
  must_have_id(&request, "5");
  free(frame.at);
}

static void a_form_may_be_written_with_any_encoding_of_atoms_and_tuples(void **state)
{
  (void)state;
  /* {eval, 7, <<"x">>} with LARGE_TUPLE_EXT and each of the four kinds of atoms. */
  static const uint8_t atoms[][8] = {{100, 0, 4, 'e', 'v', 'a', 'l'},
                                     {115, 4, 'e', 'v', 'a', 'l'},
                                     {118, 0, 4, 'e', 'v', 'a', 'l'},
                                     {119, 4, 'e', 'v', 'a', 'l'}};
  static const size_t lengths[] = {7, 6, 7, 6};
  struct options options = defaults();
  for (size_t i = 0; i < 4; i++) {
    uint8_t bytes[40] = {131, 105, 0, 0, 0, 3};
    memcpy(bytes + 6, atoms[i], lengths[i]);
    memcpy(bytes + 6 + lengths[i], (const uint8_t[]){97, 7, 109, 0, 0, 0, 1, 'x'}, 8);
    struct bytes frame = bytes_copy(bytes, 6 + lengths[i] + 8);
    struct request request;
    const char *why;
    assert_int_equal(parse(frame, &options, &request, &why), STATUS_OK);
    assert_int_equal(request.kind, REQUEST_EVAL);
    must_say(request.code, "x");
    free(frame.at);
  }
}

static void a_message_a_call_that_is_taken_and_one_that_returns_are_known(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{message, {a, 1}}", &request);
  assert_int_equal(request.kind, REQUEST_MESSAGE);
  assert_true(request_is_cast(&request) && !request.has_id);
  must_be_piece(request.value, "{a,1}");
  free(frame.at);
  frame = must_parse("{take, {3, 4}}", &request);
  assert_int_equal(request.kind, REQUEST_TAKE);
  assert_int_equal(request.call_number, 4);
  free(frame.at);
  for (int i = 0; i < 2; i++) {
    frame =
        must_parse(i ? "{return, {3, 5}, {error, [x]}}" : "{return, {3, 5}, {ok, [x]}}", &request);
    assert_int_equal(request.kind, REQUEST_RETURN);
    assert_int_equal(request.call_number, 5);
    assert_int_equal(request.failed, i == 1);
    must_be_piece(request.value, "[x]");
    free(frame.at);
  }
}

static void a_call_or_its_result_of_another_shape_is_refused(void **state)
{
  (void)state;
  static const char *const ids[] = {"5", "{1}", "{1, 2, 3}", "{1, a}", "{1, 0}", "[1, 2]"};
  static const char *const results[] = {"5", "ok", "{ok}", "{ok, 1, 2}", "{okay, 1}", "[ok, 1]"};
  char text[60];
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    (void)snprintf(text, sizeof text, "{take, %s}", ids[i]);
    must_refuse(text, "the CallId is not one of a {call, CallId, Name, Args}");
  }
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    (void)snprintf(text, sizeof text, "{return, {1, 1}, %s}", results[i]);
    must_refuse(text, "the result of a call must be {ok, Value} or {error, Term}");
  }
}

static void bytes_that_were_read_or_passed_on_are_a_number(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{read, 0}", &request);
  assert_int_equal(request.kind, REQUEST_READ);
  assert_int_equal(request.taken, 0);
  assert_false(request.has_id || request_has_result(&request));
  free(frame.at);
  frame = must_parse("{sent, 9223372036854775807}", &request);
  assert_int_equal(request.kind, REQUEST_SENT);
  assert_true(request.taken == INT64_MAX);
  assert_false(request.has_id || request_has_result(&request));
  free(frame.at);
  static const char *const bad[] = {"{read, -1}", "{sent, -1}",  "{read, a}",
                                    "{sent, []}", "{read, `1`}", "{sent, 1.5}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    must_refuse(bad[i], "not a number of bytes");
}

/* --- frames in frames --- */

static void a_frame_within_a_call_is_that_request_and_the_number_of_the_call(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame =
      must_parse("{within, {{any, `id`}, 8}, <{eval, 7, `x`, #{timeout => 5}}>}", &request);
  assert_int_equal(request.kind, REQUEST_EVAL);
  assert_int_equal(request.within, 8);
  assert_int_equal(request.timeout_ms, 5);
  assert_false(request.accept);
  must_have_id(&request, "7");
  must_say(request.code, "x");
  free(frame.at);
  frame = must_parse("{within, {undefined, 1}, <{message, [a]}>}", &request);
  assert_true(request_is_cast(&request) && request.within == 1);
  must_be_piece(request.value, "[a]");
  free(frame.at);
  frame = must_parse("{eval, 1, `x`}", &request);
  assert_true(request.within == 0 && !request.accept);
  free(frame.at);
}

static void a_frame_to_be_accepted_is_that_request_and_an_id_beside(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum request_kind kind;
  } forms[] = {
      {"{accept, {7, 8}, <{eval, `x`}>}", REQUEST_EVAL},
      {"{accept, {7, 8}, <{message, x}>}", REQUEST_MESSAGE},
      {"{accept, {7, 8}, <{return, {1, 1}, {ok, 1}}>}", REQUEST_RETURN},
      {"{accept, {7, 8}, <{take, {1, 1}}>}", REQUEST_TAKE},
      {"{accept, {7, 8}, <{interrupt, 1}>}", REQUEST_INTERRUPT},
      {"{accept, {7, 8}, <interrupt>}", REQUEST_INTERRUPT},
      {"{accept, {7, 8}, <{read, 1}>}", REQUEST_READ},
      {"{accept, {7, 8}, <{sent, 1}>}", REQUEST_SENT},
  };
  struct request request;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    struct bytes frame = must_parse(forms[i].text, &request);
    assert_int_equal(request.kind, forms[i].kind);
    assert_true(request.accept && request.within == 0);
    must_be_piece(request.accept_id, "{7,8}");
    free(frame.at);
  }
}

/* The Id of what is refused is that of the accept, which is told for it. */
static void must_refuse_accept(const char *text, enum status wanted, const char *why)
{
  struct options options = defaults();
  struct request request;
  const char *said;
  options.max_source = 100;
  struct bytes frame = term_bytes(text);
  assert_int_equal(parse(frame, &options, &request, &said), wanted);
  assert_string_equal(said, why);
  assert_true(request.accept);
  must_be_piece(request.accept_id, "[9]");
  free(frame.at);
}

static void what_has_a_result_is_not_to_be_accepted_besides(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{accept, [9], <{eval, 1, `x`}>}",    "{accept, [9], <{call, 1, f, []}>}",
      "{accept, [9], <{compile, 1, `x`}>}", "{accept, [9], <{load, 1, `x`}>}",
      "{accept, [9], <{info, 1}>}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    must_refuse_accept(texts[i], STATUS_MALFORMED,
                       "a request with a result needs no {accept, Id, Frame}");
}

static void a_frame_in_a_frame_is_refused_as_it_would_be_alone(void **state)
{
  (void)state;
  must_refuse_accept("{accept, [9], <{eval, x}>}", STATUS_MALFORMED, "the code must be a binary");
  must_refuse_accept("{accept, [9], <>}", STATUS_TRUNCATED,
                     "the frame is not a term in the external format");
  must_refuse_accept("{accept, [9], `abc`}", STATUS_MALFORMED,
                     "the frame is not a term in the external format");
  must_refuse_accept("{accept, [9], <{message, a} b>}", STATUS_MALFORMED,
                     "bytes are left over behind the term");
  must_refuse_accept("{accept, [9], {eval, `x`}}", STATUS_MALFORMED,
                     "the frame of another one must be a binary");
  char code[200], text[300];
  memset(code, 'x', 101);
  code[101] = 0;
  (void)snprintf(text, sizeof text, "{accept, [9], <{eval, `%s`}>}", code);
  must_refuse_accept(text, STATUS_TOO_LARGE, "the code is longer than max_source");
  must_refuse("{within, {1, 1}, [<interrupt>]}", "the frame of another one must be a binary");
  must_refuse("{within, {1, 1}, <{info, 1} 2>}", "bytes are left over behind the term");
  static const char *const ids[] = {"5", "{1}", "{1, 2, 3}", "{1, a}", "{1, 0}", "[1, 2]"};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    (void)snprintf(text, sizeof text, "{within, %s, <{info, 1}>}", ids[i]);
    must_refuse(text, "the CallId is not one of a {call, CallId, Name, Args}");
  }
}

static void the_id_of_what_is_refused_within_a_call_is_told(void **state)
{
  (void)state;
  struct options options = defaults();
  struct request request;
  const char *why;
  struct bytes frame = term_bytes("{within, {1, 1}, <{eval, [7], x}>}");
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_MALFORMED);
  must_have_id(&request, "[7]");
  free(frame.at);
  frame = term_bytes("{within, {1, 1}, [7]}");
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_MALFORMED);
  assert_false(request.has_id);
  free(frame.at);
}

/* --- what is refused, and why --- */

#define UNKNOWN                                                                                    \
  "no known request; there are {eval, Code}, {eval, Id, Code}, {eval, Id, Code, Opts}, "           \
  "{call, Id, Target, Args}, {call, Id, Target, Args, Opts}, {compile, Id, Code}, "                \
  "{compile, Id, Code, Opts}, {load, Id, Bytecode}, {load, Id, Bytecode, Opts}, "                  \
  "{message, Term}, {owner, Id, Pid}, {take, CallId}, {return, CallId, Result}, "                  \
  "{interrupt, Id}, {info, Id}, {read, Bytes}, {sent, Bytes}, {within, CallId, Frame} and "        \
  "{accept, Id, Frame}"

static void what_is_no_known_form_is_refused_with_those_that_there_are(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "7",
      "`eval`",
      "[]",
      "#{}",
      "eval",
      "{}",
      "{eval}",
      "{eval, 1, `x`, #{}, 4}",
      "{call, 1, f}",
      "{call, 1, f, [], #{}, 6}",
      "{interrupt}",
      "{interrupt, 1, 2}",
      "{info}",
      "{info, 1, 2}",
      "{message, `term`, 1}",
      "{return, {1, 1}}",
      "{take, 1, 2}",
      "{`eval`, 1, `x`}",
      "{evaluate, 1, `x`}",
      "{eva, 1, `x`}",
      "{'Eval', 1, `x`}",
      "{{eval, 1}, `x`}",
      "[eval, 1, `x`]",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) must_refuse(texts[i], UNKNOWN);
}

static void frames_hold_no_frame_that_holds_a_frame(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{within, {1, 1}, <{within, {1, 1}, <{info, 1}>}>}",
      "{within, {1, 1}, <{accept, 1, <{eval, `x`}>}>}",
      "{accept, 1, <{within, {1, 1}, <{eval, `x`}>}>}",
      "{accept, 1, <{accept, 1, <{eval, `x`}>}>}",
      "{accept, 1}",
      "{accept, 1, <interrupt>, 2}",
      "{within, {1, 1}}",
      "{within, {1, 1}, <interrupt>, 2}",
      "{read}",
      "{read, 1, 2}",
      "{sent}",
      "{sent, 1, 2}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) must_refuse(texts[i], UNKNOWN);
}

static void code_that_is_no_binary_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {"{eval, x}",        "{eval, 1, x}",     "{eval, 1, [`x`]}",
                                      "{eval, 1, 5}",     "{eval, 1, [65]}",  "{eval, 1, {`x`}}",
                                      "{eval, 1, #{}}",   "{eval, `x`, nil}", "{eval, 1, 1.5}",
                                      "{eval, 1, x, #{}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    must_refuse(texts[i], "the code must be a binary");
}

static void a_target_of_another_shape_is_refused(void **state)
{
  (void)state;
  static const char *const tuples[] = {"{call, 1, {}, []}", "{call, 1, {a}, []}",
                                       "{call, 1, {a, b, c}, []}"};
  for (size_t i = 0; i < sizeof tuples / sizeof *tuples; i++)
    must_refuse(tuples[i], "the target must be Name or {Constant, Name}");
  static const char *const constants[] = {"{call, 1, {1, b}, []}", "{call, 1, {``, b}, []}",
                                          "{call, 1, {{a, b}, b}, []}", "{call, 1, {[], b}, []}"};
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    must_refuse(constants[i], "the constant of the target must be an atom or a binary");
  static const char *const names[] = {"{call, 1, 5, []}",      "{call, 1, ``, []}",
                                      "{call, 1, '', []}",     "{call, 1, [f], []}",
                                      "{call, 1, {a, 5}, []}", "{call, 1, {a, {b, c}}, []}"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    must_refuse(names[i], "the target must be Name or {Constant, Name}, with atoms or binaries");
}

static void a_name_may_have_1020_bytes_and_no_more(void **state)
{
  (void)state;
  char text[1100];
  for (int length = 1019; length <= 1021; length++) {
    (void)snprintf(text, sizeof text, "{call, 1, `%0*d`, []}", length, 0);
    if (length > 1020) {
      must_refuse(text, "the target must be Name or {Constant, Name}, with atoms or binaries");
      continue;
    }
    struct request request;
    struct bytes frame = must_parse(text, &request);
    assert_int_equal(request.method.length, length);
    free(frame.at);
  }
}

static void a_name_in_latin_1_is_told_to_be_that(void **state)
{
  (void)state;
  static const uint8_t bytes[] = {131, 104, 4, 119, 4, 'c', 'a',  'l',
                                  'l', 97,  1, 100, 0, 1,   0xe9, 106};
  struct bytes frame = bytes_copy(bytes, sizeof bytes);
  struct options options = defaults();
  struct request request;
  const char *why = "";
  assert_int_equal(request_parse(frame.at, sizeof bytes, &options, &request, &why), STATUS_OK);
  assert_true(request.method_latin1);
  assert_int_equal(request.method.length, 1);
  assert_int_equal(request.method.bytes[0], 0xe9);
  free(frame.at);
}

static void arguments_that_are_no_list_are_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {"{call, 1, f, 5}",   "{call, 1, f, nil}",
                                      "{call, 1, f, {1}}", "{call, 1, f, #{}}",
                                      "{call, 1, f, `x`}", "{call, 1, f, `x`, #{}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    must_refuse(texts[i], "the arguments must be a list");
}

static void an_improper_list_of_arguments_is_refused(void **state)
{
  (void)state;
  /* {call, 1, f, [2|3]} */
  static const uint8_t bytes[] = {131, 104, 4,   119, 4, 'c', 'a', 'l', 'l', 97, 1, 119,
                                  1,   'f', 108, 0,   0, 0,   1,   97,  2,   97, 3};
  struct bytes frame = bytes_copy(bytes, sizeof bytes);
  struct options options = defaults();
  must_refuse_bytes(frame, &options, STATUS_MALFORMED, "the arguments must be a proper list");
  free(frame.at);
}

static void options_that_are_no_map_are_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {"{eval, 1, `x`, []}", "{eval, 1, `x`, [{timeout, 5}]}",
                                      "{eval, 1, `x`, 5}", "{call, 1, f, [], {timeout, 5}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    must_refuse(texts[i], "the options of a request must be a map");
}

static void other_requests_have_fewer_options(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{compile, 1, `x`, #{bindings => #{}}}", "{load, 1, `x`, #{bindings => #{}}}",
      "{load, 1, `x`, #{file => `x`}}", "{load, 1, `x`, #{line => 3}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) must_refuse(texts[i], UNKNOWN_OPTION);
  must_refuse("{load, 1, 2}", "the bytecode must be a binary");
  must_refuse("{load, 1, `x`, []}", "the options of a request must be a map");
  must_refuse("{compile, 1, [`x`]}", "the code must be a binary");
  must_refuse("{load, `x`}", UNKNOWN);
  must_refuse("{compile, `x`}", UNKNOWN);
}

static void an_unknown_option_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{eval, 1, `x`, #{timeouts => 5}}", "{eval, 1, `x`, #{`timeout` => 5}}",
      "{eval, 1, `x`, #{{} => 5}}",       "{eval, 1, `x`, #{[1] => 5}}",
      "{eval, 1, `x`, #{#{} => 5}}",      "{eval, 1, `x`, #{timeout => 5, 6 => 7}}",
      "{call, 1, f, [], #{file => `x`}}", "{call, 1, f, [], #{line => 3}}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) must_refuse(texts[i], UNKNOWN_OPTION);
}

static void a_timeout_is_milliseconds_up_to_2_to_the_40_or_infinity(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    uint64_t ms;
  } good[] = {{"{eval, 1, `x`, #{timeout => 0}}", 0},
              {"{eval, 1, `x`, #{timeout => 1}}", 1},
              {"{eval, 1, `x`, #{timeout => 1099511627776}}", UINT64_C(1) << 40},
              {"{eval, 1, `x`, #{timeout => infinity}}", REQUEST_NO_TIMEOUT},
              {"{call, 1, f, [], #{timeout => infinity}}", REQUEST_NO_TIMEOUT}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    struct request request;
    struct bytes frame = must_parse(good[i].text, &request);
    assert_true(request.has_timeout);
    assert_true(request.timeout_ms == good[i].ms);
    free(frame.at);
  }
  static const char *const bad[] = {
      "{eval, 1, `x`, #{timeout => -1}}",
      "{eval, 1, `x`, #{timeout => 1099511627777}}",
      "{eval, 1, `x`, #{timeout => 9223372036854775807}}",
      "{eval, 1, `x`, #{timeout => 1.0}}",
      "{eval, 1, `x`, #{timeout => `5`}}",
      "{eval, 1, `x`, #{timeout => undefined}}",
      "{eval, 1, `x`, #{timeout => [5]}}",
      "{eval, 1, `x`, #{timeout => {5}}}",
      "{call, 1, f, [], #{timeout => nil}}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    must_refuse(bad[i], "timeout must be milliseconds or infinity");
}

static void a_timeout_that_is_a_big_integer_is_refused(void **state)
{
  (void)state;
  /* 2^64 + 5: would be 5 if it were cut off. */
  static const uint8_t bytes[] = {
      131, 104, 4,   119, 4,   'e', 'v', 'a', 'l', 97,  1, 109, 0, 0, 0, 0, 116, 0, 0, 0, 1,
      119, 7,   't', 'i', 'm', 'e', 'o', 'u', 't', 110, 9, 0,   5, 0, 0, 0, 0,   0, 0, 0, 1};
  struct bytes frame = bytes_copy(bytes, sizeof bytes);
  struct options options = defaults();
  must_refuse_bytes(frame, &options, STATUS_MALFORMED, "timeout must be milliseconds or infinity");
  free(frame.at);
}

static void a_file_is_a_binary_of_1_to_4096_bytes_without_a_0(void **state)
{
  (void)state;
  char text[4200];
  for (int length = 4095; length <= 4097; length++) {
    (void)snprintf(text, sizeof text, "{eval, 1, `x`, #{file => `%0*d`}}", length, 0);
    if (length > 4096) {
      must_refuse(text, "file must be a binary of 1 to 4096 bytes, none of them 0");
      continue;
    }
    struct request request;
    struct bytes frame = must_parse(text, &request);
    assert_int_equal(request.file.length, length);
    free(frame.at);
  }
  static const char *const bad[] = {
      "{eval, 1, `x`, #{file => ``}}",    "{eval, 1, `x`, #{file => \"a\\x00b\"}}",
      "{eval, 1, `x`, #{file => a}}",     "{eval, 1, `x`, #{file => [97]}}",
      "{eval, 1, `x`, #{file => [`a`]}}", "{eval, 1, `x`, #{file => \"\\x00\"}}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    must_refuse(bad[i], "file must be a binary of 1 to 4096 bytes, none of them 0");
}

static void a_line_is_an_integer_from_1_to_60000(void **state)
{
  (void)state;
  struct request request;
  struct bytes frame = must_parse("{eval, 1, `x`, #{line => 60000}}", &request);
  assert_int_equal(request.line, 60000);
  free(frame.at);
  static const char *const bad[] = {
      "{eval, 1, `x`, #{line => 0}}",   "{eval, 1, `x`, #{line => 60001}}",
      "{eval, 1, `x`, #{line => -1}}",  "{eval, 1, `x`, #{line => 4294967297}}",
      "{eval, 1, `x`, #{line => 1.0}}", "{eval, 1, `x`, #{line => `1`}}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    must_refuse(bad[i], "line must be an integer from 1 to 60000");
}

/* --- limits --- */

static void code_may_be_as_long_as_max_source_and_no_longer(void **state)
{
  (void)state;
  struct options options = defaults();
  options.max_source = 5;
  struct bytes frame = term_bytes("{eval, 1, `12345`}");
  struct request request;
  const char *why;
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_OK);
  free(frame.at);
  must_refuse_with(&options, "{eval, 1, `123456`}", STATUS_TOO_LARGE,
                   "the code is longer than max_source");
}

static void a_frame_may_be_as_long_as_max_frame_and_no_longer(void **state)
{
  (void)state;
  struct options options = defaults();
  struct bytes frame = term_bytes("{eval, 1, `12345`}");
  struct request request;
  const char *why;
  options.max_frame = frame.length;
  assert_int_equal(parse(frame, &options, &request, &why), STATUS_OK);
  options.max_frame = frame.length - 1;
  must_refuse_bytes(frame, &options, STATUS_TOO_LARGE, "the frame is longer than max_frame");
  free(frame.at);
}

static void of_a_frame_that_is_too_long_no_byte_is_read(void **state)
{
  (void)state;
  struct options options = defaults();
  struct request request;
  const char *why = NULL;
  options.max_frame = 64;
  assert_int_equal(request_parse(NULL, SIZE_MAX, &options, &request, &why), STATUS_TOO_LARGE);
  assert_string_equal(why, "the frame is longer than max_frame");
  assert_false(request.has_id);
}

/* --- what is no term --- */

static void an_empty_frame_is_refused(void **state)
{
  (void)state;
  struct options options = defaults();
  struct bytes frame = bytes_copy("", 0);
  must_refuse_bytes(frame, &options, STATUS_TRUNCATED,
                    "the frame is not a term in the external format");
  free(frame.at);
}

static void a_frame_without_the_version_byte_is_refused(void **state)
{
  (void)state;
  struct options options = defaults();
  struct bytes frame = term_bytes("{eval, 1, `x`}");
  frame.at[0] = 130;
  must_refuse_bytes(frame, &options, STATUS_MALFORMED,
                    "the frame is not a term in the external format");
  free(frame.at);
}

static void a_compressed_term_is_refused(void **state)
{
  (void)state;
  struct options options = defaults();
  static const uint8_t bytes[] = {131, 80, 0, 0, 0, 5, 0x78, 0x9c, 0, 0};
  struct bytes frame = bytes_copy(bytes, sizeof bytes);
  must_refuse_bytes(frame, &options, STATUS_UNSUPPORTED, "a compressed term; send it uncompressed");
  free(frame.at);
}

static void bytes_behind_the_term_are_refused(void **state)
{
  (void)state;
  struct options options = defaults();
  static const char *const texts[] = {
      "{eval, `x`}", "{eval, 1, `x`}", "{call, 1, f, [1]}", "{call, 1, f, [1], #{}}",
      "{info, 1}",   "{interrupt, 1}", "interrupt"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct bytes term = term_bytes(texts[i]);
    struct bytes frame = {malloc(term.length + 1), term.length + 1};
    assert_non_null(frame.at);
    memcpy(frame.at, term.at, term.length);
    frame.at[term.length] = 106;
    must_refuse_bytes(frame, &options, STATUS_MALFORMED, "bytes are left over behind the term");
    free(frame.at);
    free(term.at);
  }
}

static void what_is_refused_behind_the_id_tells_the_id(void **state)
{
  (void)state;
  static const char *const with[] = {
      "{eval, {my, id}, x}",     "{eval, {my, id}, `x`, 5}", "{eval, {my, id}, `x`, #{line => 0}}",
      "{call, {my, id}, 5, []}", "{call, {my, id}, f, 5}",   "{call, {my, id}, f, [], #{x => 1}}"};
  static const char *const without[] = {"{eval, x}", "{}", "5", "{evil, {my, id}, x}", "{info}"};
  struct options options = defaults();
  for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
    struct bytes frame = term_bytes(with[i]);
    struct request request;
    const char *why;
    assert_int_equal(parse(frame, &options, &request, &why), STATUS_MALFORMED);
    must_have_id(&request, "{my,id}");
    free(frame.at);
  }
  for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
    struct bytes frame = term_bytes(without[i]);
    struct request request;
    const char *why;
    assert_int_equal(parse(frame, &options, &request, &why), STATUS_MALFORMED);
    assert_false(request.has_id);
    free(frame.at);
  }
}

/* --- ids --- */

/* 131, {Name, Id, …} with the bytes of a term as Id, before and behind them what is given. */
static struct bytes around_id(const char *before, size_t before_length, const uint8_t *id,
                              size_t id_length, const char *behind, size_t behind_length)
{
  struct bytes frame = {malloc(before_length + id_length + behind_length),
                        before_length + id_length + behind_length};
  if (!frame.at) abort();
  memcpy(frame.at, before, before_length);
  memcpy(frame.at + before_length, id, id_length);
  if (behind_length) memcpy(frame.at + before_length + id_length, behind, behind_length);
  return frame;
}

static const struct form {
  const char *before;
  size_t before_length;
  const char *behind;
  size_t behind_length;
} forms[] = {
    {"\x83h\x03w\x04"
     "eval",
     9, "m\0\0\0\1x", 6},
    {"\x83h\x04w\x04"
     "eval",
     9, "m\0\0\0\1xt\0\0\0\1w\4linea\5", 19},
    {"\x83h\x04w\x04"
     "call",
     9, "w\1fj", 4},
    {"\x83h\x05w\x04"
     "call",
     9, "w\1fl\0\0\0\1a\2jt\0\0\0\0", 16},
    {"\x83h\x02w\x04info", 9, "", 0},
    {"\x83h\x02w\x09interrupt", 14, "", 0},
};
#define FORMS (sizeof forms / sizeof *forms)

static void must_give_back_id(const uint8_t *id, size_t id_length)
{
  struct options options = defaults();
  for (size_t i = 0; i < FORMS; i++) {
    struct bytes frame = around_id(forms[i].before, forms[i].before_length, id, id_length,
                                   forms[i].behind, forms[i].behind_length);
    struct request request;
    const char *why;
    enum status status = parse(frame, &options, &request, &why);
    if (status) fail_msg("form %zu: status %d, %s", i, (int)status, why);
    assert_true(request.has_id);
    assert_int_equal(request.id.length, id_length);
    assert_memory_equal(request.id.bytes, id, id_length);
    free(frame.at);
  }
}

static void ids_of_every_kind_come_back_byte_for_byte(void **state)
{
  (void)state;
#define ID(text)                                                                                   \
  {                                                                                                \
    text, sizeof(text) - 1                                                                         \
  }
  static const struct {
    const char *bytes;
    size_t length;
  } ids[] = {
      ID("a\5"),                       /* SMALL_INTEGER */
      ID("b\xff\xff\xff\xff"),         /* INTEGER */
      ID("b\0\0\0\5"),                 /* not the shortest form */
      ID("n\x09\1\0\0\0\0\0\0\0\0\1"), /* SMALL_BIG */
      ID("o\0\0\0\3\0\1\2\3"),         /* LARGE_BIG */
      ID("n\3\0\5\0\0"),               /* a big that is small, with zeros */
      ID("F\x3f\xf8\0\0\0\0\0\0"),     /* NEW_FLOAT */
      ID("c1.50000000000000000000e+00\0\0\0\0\0"),
      ID("d\0\2ok"),
      ID("s\2ok"),
      ID("v\0\2ok"),
      ID("w\2ok"),
      ID("w\0"),
      ID("d\0\1\xe9"), /* latin-1 */
      ID("w\2\xc3\xa9"),
      ID("m\0\0\0\0"),
      ID("m\0\0\0\3a\0b"),
      ID("M\0\0\0\1\3\xe0"), /* BIT_BINARY */
      ID("k\0\3abc"),        /* STRING */
      ID("j"),
      ID("l\0\0\0\1a\1j"),
      ID("l\0\0\0\1a\1a\2"), /* improper */
      ID("h\0"),
      ID("h\2a\1a\2"),
      ID("i\0\0\0\1a\1"),
      ID("t\0\0\0\0"),
      ID("t\0\0\0\1a\1h\1a\2"),
      ID("gw\1n\0\0\0\1\0\0\0\2\3"),           /* PID */
      ID("Xw\1n\0\0\0\1\0\0\0\2\0\0\0\3"),     /* NEW_PID */
      ID("fw\1n\0\0\0\1\3"),                   /* PORT */
      ID("Yw\1n\0\0\0\1\0\0\0\3"),             /* NEW_PORT */
      ID("xw\1n\0\0\0\0\0\0\0\1\0\0\0\3"),     /* V4_PORT */
      ID("r\0\1w\1n\3\0\0\0\1"),               /* NEW_REFERENCE */
      ID("Z\0\2w\1n\0\0\0\3\0\0\0\1\0\0\0\2"), /* NEWER_REFERENCE */
      ID("qw\1mw\1fa\1"),                      /* EXPORT */
  };
#undef ID
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
    must_give_back_id((const uint8_t *)ids[i].bytes, ids[i].length);
}

static void ids_made_at_random_come_back_byte_for_byte(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct buffer id;
  buffer_init(&id, 1 << 20);
  for (int i = 0; i < 2000; i++) {
    buffer_clear(&id);
    random_term(&random, &id, 4);
    assert_int_equal(buffer_status(&id), STATUS_OK);
    must_give_back_id(id.bytes, id.length);
  }
  buffer_fini(&id);
}

static void an_id_nested_a_million_deep_is_no_problem(void **state)
{
  (void)state;
  enum { DEPTH = 1000000 };
  uint8_t *id = malloc(2 * DEPTH + 1);
  assert_non_null(id);
  for (size_t i = 0; i < DEPTH; i++) memcpy(id + 2 * i, "h\1", 2);
  id[2 * DEPTH] = 'j';
  must_give_back_id(id, 2 * DEPTH + 1);
  free(id);
}

/* --- hostile frames --- */

static bool within(struct piece piece, struct bytes frame)
{
  return piece.length == 0 ||
         (piece.bytes >= frame.at && piece.bytes - frame.at <= (ptrdiff_t)frame.length &&
          piece.length <= frame.length - (size_t)(piece.bytes - frame.at));
}

/* What holds for any frame. ASan sees what is read beyond it. */
static enum status try_frame(struct bytes frame, const struct options *options)
{
  struct request request;
  const char *why;
  enum status status = parse(frame, options, &request, &why);
  if (status) {
    assert_non_null(why);
    assert_true(strlen(why) > 0);
  }
  if (request.has_id) assert_true(request.id.length > 0 && within(request.id, frame));
  if (status) return status;
  assert_true(within(request.code, frame));
  assert_true(within(request.accept_id, frame));
  if (request.accept) {
    assert_true(request.accept_id.length > 0 && request.within == 0);
    assert_false(request_has_result(&request));
  }
  if (request.kind != REQUEST_LOAD) assert_true(request.code.length <= options->max_source);
  assert_true(within(request.receiver, frame));
  assert_true(within(request.method, frame));
  assert_true(within(request.arguments, frame));
  assert_true(within(request.file, frame) && request.file.length <= 4096);
  assert_in_range(request.line, 1, 60000);
  switch (request.kind) {
  case REQUEST_EVAL: break;
  case REQUEST_CALL: assert_true(request.has_id && request.method.length > 0); break;
  case REQUEST_INTERRUPT: break;
  case REQUEST_COMPILE:
  case REQUEST_LOAD:
  case REQUEST_INFO: assert_true(request.has_id); break;
  case REQUEST_READ:
  case REQUEST_SENT: break;
  case REQUEST_OWNER: assert_true(request.has_id); /* fallthrough */
  case REQUEST_MESSAGE:
    assert_true(within(request.value, frame) && request.value.length > 0);
    break;
  case REQUEST_TAKE: assert_true(request.call_number > 0); break;
  case REQUEST_RETURN:
    assert_true(request.call_number > 0);
    assert_true(within(request.value, frame) && request.value.length > 0);
    break;
  }
  return status;
}

static const char *const good_frames[] = {
    "{eval, `x = 1`}",
    "{eval, 7, `x = 1`}",
    "{eval, {a, [1, 2, `three`], #{b => 4.5}}, `x = 1`, #{timeout => 5, file => `f`, line => 6}}",
    "{eval, 7, `x`, #{bindings => #{a => 1, `b` => [c]}}}",
    "{call, 7, f, []}",
    "{call, 7, f, [1, 1000, nil, {a, b}, [c, [d]], #{e => f}, 1.5, `g`]}",
    "{call, 7, {`A::B`, f}, [1], #{timeout => infinity}}",
    "{compile, 7, `x = 1`, #{timeout => 5, file => `f`, line => 6}}",
    "{load, 7, `bytes`, #{timeout => 5}}",
    "{message, [a, {1, `b`}]}",
    "{take, {3, 4}}",
    "{return, {3, 4}, {ok, [1, a]}}",
    "{return, {3, 4}, {error, #{class => error}}}",
    "{interrupt, 7}",
    "interrupt",
    "{info, `who`}",
    "{read, 5000}",
    "{sent, 0}",
    "{within, {{a, 1}, 5}, <{eval, 7, `x`, #{timeout => 5}}>}",
    "{within, {undefined, 5}, <{return, {3, 4}, {ok, [1, a]}}>}",
    "{accept, {a, 1}, <{eval, `x`}>}",
    "{accept, [], <interrupt>}",
};
#define GOOD_FRAMES (sizeof good_frames / sizeof *good_frames)

static void every_truncation_of_a_good_frame_is_an_error(void **state)
{
  (void)state;
  struct options options = defaults();
  for (size_t i = 0; i < GOOD_FRAMES; i++) {
    struct bytes frame = term_bytes(good_frames[i]);
    assert_int_equal(try_frame(frame, &options), STATUS_OK);
    for (size_t length = 0; length < frame.length; length++) {
      struct bytes cut = {malloc(length ? length : 1), length};
      assert_non_null(cut.at);
      memcpy(cut.at, frame.at, length);
      assert_int_not_equal(try_frame(cut, &options), STATUS_OK);
      free(cut.at);
    }
    free(frame.at);
  }
}

static void counts_that_promise_more_than_there_is_are_errors(void **state)
{
  (void)state;
  static const char *const frames[] = {"\x83i\xff\xff\xff\xff",
                                       "\x83h\x03w\x04"
                                       "evall\xff\xff\xff\xff",
                                       "\x83h\x03w\x04"
                                       "evala\7m\xff\xff\xff\xff",
                                       "\x83h\x04w\x04"
                                       "evala\7mAAAA",
                                       "\x83h\x04w\x04"
                                       "calla\7w\1fl\xff\xff\xff\xff"};
  struct options options = defaults();
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
    struct bytes frame = bytes_copy(frames[i], strlen(frames[i]));
    assert_int_not_equal(try_frame(frame, &options), STATUS_OK);
    free(frame.at);
  }
}

static void mutate(struct random *random, uint8_t *bytes, size_t *length, size_t room)
{
  static const uint8_t tags[] = {131, 80,  97,  98,  99,  70,  100, 115, 118, 119, 109, 77,  107,
                                 106, 108, 104, 105, 116, 103, 88,  102, 89,  120, 101, 114, 90,
                                 110, 111, 112, 113, 117, 121, 82,  0,   1,   2,   255};
  size_t at = random_below(random, *length ? *length : 1);
  switch (random_below(random, 6)) {
  case 0: bytes[at] = (uint8_t)random_next(random); break;
  case 1: bytes[at] = tags[random_below(random, sizeof tags)]; break;
  case 2: bytes[at] = (uint8_t)(bytes[at] + (random_next(random) & 1 ? 1 : -1)); break;
  case 3: *length = at; break;
  case 4:
    if (*length + 4 > room) break;
    memmove(bytes + at + 4, bytes + at, *length - at);
    *length += 4;
    break;
  case 5:
    if (*length - at < 3) break;
    memmove(bytes + at, bytes + at + 2, *length - at - 2);
    *length -= 2;
    break;
  }
}

static void a_million_frames_at_random_or_nearly_right_do_no_harm(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct options options = defaults();
  options.max_source = 4;
  struct bytes good[GOOD_FRAMES];
  uint8_t bytes[512];
  unsigned right = 0;
  for (size_t i = 0; i < GOOD_FRAMES; i++) good[i] = term_bytes(good_frames[i]);
  for (int i = 0; i < 1000000; i++) {
    struct bytes from = good[random_below(&random, GOOD_FRAMES)];
    size_t length = from.length;
    if (i % 8 == 0) {
      length = random_below(&random, 64);
      for (size_t k = 0; k < length; k++) bytes[k] = (uint8_t)random_next(&random);
      if (length > 0) bytes[0] = 131;
    } else {
      memcpy(bytes, from.at, length);
      size_t times = 1 + random_below(&random, 3);
      for (; times > 0; times--) mutate(&random, bytes, &length, sizeof bytes);
    }
    struct bytes frame = bytes_copy(bytes, length);
    if (try_frame(frame, &options) == STATUS_OK) right++;
    free(frame.at);
  }
  for (size_t i = 0; i < GOOD_FRAMES; i++) free(good[i].at);
  assert_true(right > 1000); /* or nothing behind the first error would have been tried */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_eval_without_an_id_is_a_cast),
      cmocka_unit_test(an_eval_has_id_and_code),
      cmocka_unit_test(code_may_be_empty_and_hold_any_byte),
      cmocka_unit_test(compile_and_load_have_id_and_code),
      cmocka_unit_test(a_message_a_call_that_is_taken_and_one_that_returns_are_known),
      cmocka_unit_test(a_call_or_its_result_of_another_shape_is_refused),
      cmocka_unit_test(bytes_that_were_read_or_passed_on_are_a_number),
      cmocka_unit_test(a_frame_within_a_call_is_that_request_and_the_number_of_the_call),
      cmocka_unit_test(a_frame_to_be_accepted_is_that_request_and_an_id_beside),
      cmocka_unit_test(what_has_a_result_is_not_to_be_accepted_besides),
      cmocka_unit_test(a_frame_in_a_frame_is_refused_as_it_would_be_alone),
      cmocka_unit_test(the_id_of_what_is_refused_within_a_call_is_told),
      cmocka_unit_test(frames_hold_no_frame_that_holds_a_frame),
      cmocka_unit_test(bytecode_may_be_longer_than_source_but_not_than_a_frame),
      cmocka_unit_test(an_eval_takes_timeout_file_and_line),
      cmocka_unit_test(an_eval_takes_bindings_as_they_are),
      cmocka_unit_test(bindings_must_be_names_of_local_variables),
      cmocka_unit_test(too_many_bindings_are_refused_before_they_are_read),
      cmocka_unit_test(an_eval_may_be_told_to_have_no_value),
      cmocka_unit_test(each_option_may_be_given_alone_or_none),
      cmocka_unit_test(a_call_has_id_method_and_arguments),
      cmocka_unit_test(a_method_may_be_named_by_an_atom_or_a_binary),
      cmocka_unit_test(a_call_may_name_a_constant_as_receiver),
      cmocka_unit_test(arguments_that_are_all_bytes_are_a_list_too),
      cmocka_unit_test(an_interrupt_names_a_request_or_none),
      cmocka_unit_test(an_info_has_an_id),
      cmocka_unit_test(a_form_may_be_written_with_any_encoding_of_atoms_and_tuples),
      cmocka_unit_test(what_is_no_known_form_is_refused_with_those_that_there_are),
      cmocka_unit_test(code_that_is_no_binary_is_refused),
      cmocka_unit_test(a_target_of_another_shape_is_refused),
      cmocka_unit_test(a_name_may_have_1020_bytes_and_no_more),
      cmocka_unit_test(a_name_in_latin_1_is_told_to_be_that),
      cmocka_unit_test(arguments_that_are_no_list_are_refused),
      cmocka_unit_test(an_improper_list_of_arguments_is_refused),
      cmocka_unit_test(options_that_are_no_map_are_refused),
      cmocka_unit_test(other_requests_have_fewer_options),
      cmocka_unit_test(an_unknown_option_is_refused),
      cmocka_unit_test(a_timeout_is_milliseconds_up_to_2_to_the_40_or_infinity),
      cmocka_unit_test(a_timeout_that_is_a_big_integer_is_refused),
      cmocka_unit_test(a_file_is_a_binary_of_1_to_4096_bytes_without_a_0),
      cmocka_unit_test(a_line_is_an_integer_from_1_to_60000),
      cmocka_unit_test(code_may_be_as_long_as_max_source_and_no_longer),
      cmocka_unit_test(a_frame_may_be_as_long_as_max_frame_and_no_longer),
      cmocka_unit_test(of_a_frame_that_is_too_long_no_byte_is_read),
      cmocka_unit_test(an_empty_frame_is_refused),
      cmocka_unit_test(a_frame_without_the_version_byte_is_refused),
      cmocka_unit_test(a_compressed_term_is_refused),
      cmocka_unit_test(bytes_behind_the_term_are_refused),
      cmocka_unit_test(what_is_refused_behind_the_id_tells_the_id),
      cmocka_unit_test(ids_of_every_kind_come_back_byte_for_byte),
      cmocka_unit_test(ids_made_at_random_come_back_byte_for_byte),
      cmocka_unit_test(an_id_nested_a_million_deep_is_no_problem),
      cmocka_unit_test(every_truncation_of_a_good_frame_is_an_error),
      cmocka_unit_test(counts_that_promise_more_than_there_is_are_errors),
      cmocka_unit_test(a_million_frames_at_random_or_nearly_right_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
