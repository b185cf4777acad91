/* Tests of driver/regexp.c and what Ruby sees of it: limits, memory, and that nothing but the table of
 * test/regexp/cases.rb (which regexp_SUITE runs beside a standard Ruby) is left to be tried here. */
#include "job_fixture.h"
#include "regexp.h"
#include "ruby_fixture.h"
#include "ruby_regexp.h"

#include "sanitizers.h"
#include <mruby/array.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- limits --- */

static void a_pattern_that_goes_back_for_ever_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "('a' * 50) =~ /(a+)+b/", "RegexpError", "match takes too long: *");
  must_raise(session, "('a' * 50 + 'b').match?(/(a|a)*$/)", "RegexpError",
             "match takes too long: *");
  must_raise(session, "('a' * 50).gsub(/(a+)+b/, '')", "RegexpError", "match takes too long: *");
  must_raise(session, "('a' * 50).scan(/(a+)+b/) { }", "RegexpError", "*");
  must_raise(session, "('a' * 50).rindex(/(a+)+b/)", "RegexpError", "*");
  must_be_usable(session);
  close_session(session);
}

static void a_match_is_stopped_by_a_timeout(void **state)
{
  (void)state;
  struct session *session = open_session();
  struct bytes frame = eval_frame("('a' * 50) =~ /(a+)+b/", NULL);
  start_request(session, frame);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    assert_int_equal(session->end, SLICE_PREEMPTED);
  }
  slice_stop(&session->slice, STOP_TIMEOUT);
  finish_request(session);
  must_have_raised(session, "match", "Erlang::Timeout", "timeout");
  free(frame.at);
  must_be_usable(session);
  close_session(session);
}

static void patterns_may_be_nested_as_deep_as_the_limit_says(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "Regexp.new('(' * 2000 + ')' * 2000) =~ 'a'", "0");
  must_give(session, "Regexp.new('(?:a|' * 1300 + ')' * 1300) =~ 'a'", "0");
  must_give(session, "Regexp.new('[a' * 1000 + ']' * 1000) =~ 'a'", "0");
  must_raise(session, "Regexp.new('(' * 5000 + ')' * 5000)", "RegexpError", "*depth limit*");
  must_raise(session, "Regexp.new('(' * 500_000)", "RegexpError", "*");
  close_session(session);
}

/* --- memory --- */

/* At each of these limits a compilation ends at another place. */
static void a_pattern_that_finds_no_memory_leaves_nothing(void **state)
{
  static const char code[] = "Regexp.new('(?<x>[[:alpha:]]+|\\\\p{Greek}){2,9}(?:\\\\k<x>|(?<y>b)"
                             "\\\\g<y>)*[^a-zäö]?(?i:ß)'); 1";
  (void)state;
  struct session *session = open_session();
  size_t limit = session->slice.memory_limit;
  int failed = 0;
  must_give(session, code, "1");
  must_give(session, code, "1"); /* it is kept, compiled, from now on */
  must_give(session, "GC.start", "nil");
  size_t before = heap_used(session->heap);
  for (size_t more = 0; more < 40000; more += 112) {
    session->slice.memory_limit = heap_used(session->heap) + more;
    session->slice.collect_at = SIZE_MAX;
    eval(session, code);
    session->slice.memory_limit = limit;
    assert_in_range(session->outcome, OUTCOME_OK, OUTCOME_NO_MEMORY);
    if (session->outcome == OUTCOME_NO_MEMORY) failed++;
    if (more % 1120 == 0) must_give(session, "GC.start", "nil");
  }
  assert_in_range(failed, 20, 10000);
  must_give(session, "GC.start", "nil");
  assert_in_range(heap_used(session->heap), 0, before + 20000);
  must_be_usable(session);
  close_session(session);
}

static void a_match_that_finds_no_memory_raises(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=8388608");
  eval(session, "('ab' * 500_000) =~ /(?:(a)|(b))*\\z/");
  assert_int_equal(session->outcome, OUTCOME_NO_MEMORY);
  must_be_usable(session);
  close_session(session);
}

static void regexps_and_matches_are_collected(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=4194304");
  must_give(session, "3000.times { |i| Regexp.new(\"[[:alpha:]]#{i}\").match('x1') }; 1", "1");
  must_give(session, "3000.times { |i| /#{i}[a-z\\p{Han}]/ =~ 'x1' }; 1", "1");
  must_give(session, "3000.times { |i| ('x' * 1000).match(/x(x)(x)/) }; 1", "1");
  must_be_usable(session);
  close_session(session);
}

static void what_a_block_of_split_gives_is_collected(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=4194304");
  must_give(session, "n = 0; ('a,' * 10_000).split(/,/) { n += 1; 'x' * 1000 }; n", "10000");
  must_give(session, "('a,' * 10_000).split(/,/, &('x' * 1000).method(:+)).size", "20000");
  must_give(session, "('a,' * 10_000).split(',', &('x' * 1000).method(:+)).size", "20000");
  must_be_usable(session);
  close_session(session);
}

static void a_copy_of_a_match_that_fails_is_no_match(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "class MatchData; alias old initialize_copy; "
            "def initialize_copy(x) = ($copy = self; freeze; old(x)); end; "
            "begin; /b/.match('abc').dup; rescue => e; e.class.to_s; end",
            "*FrozenError*");
  must_raise(session, "$copy.pre_match", "TypeError", "uninitialized MatchData");
  close_session(session);
}

static void literals_are_made_once(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "a = 2.times.map { /b+/i }; a[0].equal?(a[1])", "true");
  must_give(session, "/b/.equal?(/b/i)", "false");
  must_give(session, "/b/.frozen? && !Regexp.new('b').frozen?", "true");
  must_give(session, "Regexp.new('b').equal?(Regexp.new('b'))", "false");
  /* Whatever three others there are, four have a place each. */
  must_give(session,
            "a = Regexp.compile('a'); (0...900).step(3).all? { |i| "
            "3.times { |k| Regexp.compile(\"x#{i + k}\") }; Regexp.compile('a').equal?(a) }",
            "true");
  must_give(session, "500.times { |i| /x#{i}/ =~ 'x0' or raise if i == 0 }; /b+/i =~ 'aB'", "*");
  close_session(session);
}

/* --- what a standard Ruby does otherwise, or not at all --- */

static void bytes_that_are_no_text_need_a_regexp_of_bytes(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_raise(session, "\"a\\xff\" =~ /a/", "ArgumentError", "invalid byte sequence in UTF-8");
  must_give(session, "\"a\\xff\" =~ /\\xff/n", "1");
  must_give(session, "\"a\\xffb\".scan(/[^a]/n).map(&:bytes)", "[[255],[98]]");
  must_give(session, "\"a\\xff\".sub('a', 'b').bytes", "[98,255]");
  must_give(session, "\"\\xe4b\".gsub(/\\xe4/n, 'ä')", "\"*b\"");
  close_session(session);
}

static void matches_take_part_in_patterns_of_later_versions(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "/(?<a>.)(?<b>.)?/.match('x').deconstruct_keys([:a])", "#{a=>\"x\"}");
  must_give(session, "/(.)(.)?/.match('x').deconstruct", "[\"x\",nil]");
  must_give(session, "'äb'.byteindex(/b/)", "2");
  must_give(session, "/(b)/.match('äb').byteoffset(1)", "[2,3]");
  must_give(session, "Regexp.new('a', 'im').options", "5");
  must_raise(session, "Regexp.new('a', 'q')", "ArgumentError", "unknown regexp option: q");
  close_session(session);
}

static void variables_of_a_match_are_no_global_variables(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "'ab' =~ /(b)/; global_variables.sort", "*$stderr*$stdout*");
  must_give(session, "$1", "\"b\"");
  must_give(session, "$x = 5; $y = nil; [$x, $y, $z, $12]", "[5,nil,nil,nil]");
  must_raise(session, "$~ = 5", "TypeError", "*");
  must_give(session, "$~ = nil; [$~, $1, $&]", "[nil,nil,nil]");
  close_session(session);
}

static void a_subject_of_a_megabyte_is_not_copied_for_each_match(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=8388608");
  must_give(session,
            "$s = 'abc ' * 500_000; $m = (0...1000).map { |i| $s.match(/\\w+/, i) }; $m.size",
            "1000");
  must_give(session, "$s << 'x'; $m[0].string.size", "2000000");
  close_session(session);
}

/* --- a text that is searched again and again --- */

/* Bytes that are looked at or counted for the code, after which $text is searched. */
static uint64_t bytes_seen(struct session *session, const char *code)
{
  uint64_t before = session->ruby.regexps->bytes_seen;
  must_give(session, code, "true");
  return session->ruby.regexps->bytes_seen - before;
}

static void a_text_that_is_searched_again_and_again_is_looked_through_twice(void **state)
{
  static const char *const texts[] = {"'if x1 == 25 then ' * 5000", "'wenn größe == 25 ' * 5000"};
  static const char *const searches[] = {
      "20_000.times { |i| /\\G#/.match($text, i) }; true",
      "20_000.times { |i| $text.match?(/\\G#/, i) }; true",
      ("at = 0; while (m = /\\G(?:\\p{Alpha}+|\\S+|\\s+)/.match($text, at)); "
       "at = m.end(0); m.begin(0); end; at == $text.size"),
      "at = 0; while (at = $text.index(/\\w+/, at + 1)); end; true",
      "20_000.times { |i| $text.index(/\\G#/, 80_000 - i) }; true",
  };
  (void)state;
  struct session *session = open_session();
  for (size_t t = 0; t < 2; t++) {
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++) {
      char code[100];
      (void)snprintf(code, sizeof code, "$text = %s; true", texts[t]);
      must_give(session, code, "true");
      /* Twice each byte for its kind, and a few times for the positions. */
      uint64_t seen = bytes_seen(session, searches[i]);
      if (seen > 700000) fail_msg("%s: %llu bytes", searches[i], (unsigned long long)seen);
    }
  }
  close_session(session);
}

static void a_text_is_kept_no_longer_than_its_request(void **state)
{
  (void)state;
  struct session *session = open_session();
  const struct ruby_regexps *regexps = session->ruby.regexps;
  must_give(session,
            "5.times { ('abc ' * 50).match?(/b/) }; $s = 'abc ' * 500; 5.times { $s =~ /b/ }", "5");
  assert_null(regexps->kept_text.bytes);
  assert_null(regexps->seen_text.bytes);
  assert_true(mrb_nil_p(RARRAY_PTR(mrb_obj_value(regexps->kept))[RUBY_KEPT_TEXT]));
  close_session(session);
}

static void a_text_that_has_changed_is_looked_through_anew(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "$s = 'abc ' * 50; 5.times { |i| $s.match?(/b/, i) }; $s.match?(/c/)", "true");
  must_give(session,
            "$s.setbyte(150, 255); begin; $s.match?(/c/); rescue ArgumentError => e; "
            "e.message; end",
            "\"invalid byte sequence in UTF-8\"");
  must_give(session,
            "$s = 'abc ' * 50; $t = $s.dup; 5.times { $t.match?(/b/) }; "
            "$t[1] = 'ä'; [$t.index(/c/), $s.index(/c/), $t.index(/c/, 3)]",
            "[2,2,6]");
  must_give(session,
            "$s.clear; GC.start; 100.times { |i| u = ('xyz' + i.chr) * 50; "
            "u.setbyte(7, 0xff) if i.odd?; "
            "3.times { u.match?(/z/) == i.even? or raise 'wrong' rescue i.odd? or raise } };"
            "GC.start; $t.index(/c/, 3)",
            "6");
  /* A frozen one, a part of another one, and one too large to be kept. */
  must_give(session,
            "f = ('ab' * 100).freeze; 5.times { f =~ /b/ }; g = f[1..-1]; "
            "5.times { g =~ /b/ }; [f =~ /b/, g =~ /b/, f.size, g.size]",
            "[1,0,200,199]");
  must_give(session,
            "h = 'ab' * 3_000_000; 3.times { h.match?(/c\\z/) }; h << 'c'; "
            "[h.match?(/c\\z/), h =~ /c/]",
            "[true,6000000]");
  close_session(session);
}

/* Positions in a text that is kept, there and back, and in copies of it that are not. */
static void positions_are_the_same_whatever_was_asked_for_before(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session,
            "$s = (0...300).map { |i| %w[a ä € 😀][i * 7 / 5 % 4] }.join; $seed = 1; "
            "def rand_at = ($seed = ($seed * 1103 + 12_345) % 65_536) % 301; "
            "3.times { $s.match?(/a/) }; "
            "(0...3000).all? { at = rand_at; from = rand_at; m = /\\G./.match($s, at); "
            "ok = at == 300 ? m.nil? : m.begin(0) == at && m[0] == $s[at]; "
            "found = $s.index(/€/, from); known = $s.chars[from..-1].index('€'); "
            "ok && found == (known && known + from) && "
            "$s.index(/\\G/, at - 301) == (at == 300 ? 299 : at == 0 ? nil : at - 1) }",
            "true");
  close_session(session);
}

/* The arena of protected objects has grown by then, and shrinks behind the last of the methods. Seen with
 * VARIANT=gcstress alone: mruby collected there, and freed what that method had returned. */
static void a_recursion_that_is_too_deep_tells_so(void **state)
{
  (void)state;
  struct session *session = open_session_with("memory_limit=268435456");
  must_raise(session, "def f(s) = s.gsub(/./) { f(s) }; f('abc')", "SystemStackError", "*");
  must_give(session, "1 + 1", "2");
  close_session(session);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pattern_that_goes_back_for_ever_is_an_error),
      cmocka_unit_test(a_match_is_stopped_by_a_timeout),
      cmocka_unit_test(patterns_may_be_nested_as_deep_as_the_limit_says),
      cmocka_unit_test(a_pattern_that_finds_no_memory_leaves_nothing),
      cmocka_unit_test(a_match_that_finds_no_memory_raises),
      cmocka_unit_test(regexps_and_matches_are_collected),
      cmocka_unit_test(what_a_block_of_split_gives_is_collected),
      cmocka_unit_test(a_copy_of_a_match_that_fails_is_no_match),
      cmocka_unit_test(literals_are_made_once),
      cmocka_unit_test(a_text_that_is_searched_again_and_again_is_looked_through_twice),
      cmocka_unit_test(a_text_is_kept_no_longer_than_its_request),
      cmocka_unit_test(a_text_that_has_changed_is_looked_through_anew),
      cmocka_unit_test(positions_are_the_same_whatever_was_asked_for_before),
      cmocka_unit_test(a_recursion_that_is_too_deep_tells_so),
      cmocka_unit_test(bytes_that_are_no_text_need_a_regexp_of_bytes),
      cmocka_unit_test(matches_take_part_in_patterns_of_later_versions),
      cmocka_unit_test(variables_of_a_match_are_no_global_variables),
      cmocka_unit_test(a_subject_of_a_megabyte_is_not_copied_for_each_match),
  };
  return cmocka_run_group_tests_name("regexp", tests, start_watchdog, stop_watchdog);
}
