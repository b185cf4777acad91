/* Tests of driver/term_types.c: the classes that Ruby sees. */
#include "hex.h"
#include "term_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- Tuples ----------------------------------------------------------------------------------- */

static void tuples_behave(void **state)
{
  static const char *const truths[] = {
      "$t = Erlang::Tuple[:response, 27, 'x']; $t.is_a?(Erlang::Tuple) && $t[0] == :response",
      "$t[1] == 27 && $t[-1] == 'x' && $t[3] == nil && $t[-4] == nil",
      "$t[1..2] == [27, 'x'] && $t[0, 2] == [:response, 27]",
      "$t.size == 3 && $t.length == 3 && Erlang::Tuple[].size == 0",
      "$t.to_a == [:response, 27, 'x'] && $t.to_a.class == Array && !$t.to_a.frozen?",
      "$t.to_a << 1; $t.size == 3",
      "a, b, c = $t; a == :response && b == 27 && c == 'x'",
      "a, *b = $t; a == :response && b == [27, 'x']",
      "a, (b, c), d = Erlang::Tuple[1, Erlang::Tuple[2, 3], 4]; [a, b, c, d] == [1, 2, 3, 4]",
      "[Erlang::Tuple[1, 2]].map { |x, y| x + y } == [3]",
      "[*$t] == $t.to_a",
      "def three(a, b, c); [c, b, a]; end; three(*$t) == ['x', 27, :response]",
      "$t.each { |x| x }.equal?($t) && $t.map { |x| x.class } == [Symbol, Integer, String]",
      "$t.include?(27) && $t.first == :response && $t.to_a.last == 'x' && "
      "$t.each_with_index.to_a[1] == [27, 1]",
      "$t.each.next == :response",
      "f = Fiber.new { $t.each { |x| Fiber.yield x }; :end }; [f.resume, f.resume, f.resume, "
      "f.resume] == $t.to_a + [:end]",
      "$t == Erlang::Tuple[:response, 27, 'x'] && $t.eql?(Erlang::Tuple[:response, 27, 'x'])",
      "$t.hash == Erlang::Tuple[:response, 27, 'x'].hash",
      "Erlang::Tuple[1] == Erlang::Tuple[1.0] && !Erlang::Tuple[1].eql?(Erlang::Tuple[1.0])",
      "!($t == $t.to_a) && !$t.eql?($t.to_a) && !($t == nil) && !($t == Erlang::Tuple[1])",
      "t = Erlang::Tuple; t[1] != t[1, 2] && t[1, 2] != t[1] && t[1, nil] != t[1] && t[1] != t[1, "
      "nil]",
      "!$t.is_a?(Array) && !(Array === $t)",
      "case $t when Array then false when Erlang::Tuple then true end",
      "{Erlang::Tuple[1] => 2}[Erlang::Tuple[1]] == 2 && {Erlang::Tuple[1] => 2}[[1]] == nil",
      "h = {}; 100.times { |i| h[Erlang::Tuple[i, 'k']] = i }; h[Erlang::Tuple[42, 'k']] == 42",
      "h = {}; 100.times { |i| h[[i]] = :a; h[Erlang::Tuple[i]] = :t }; h.size == 200 && h[[5]] == "
      ":a",
      "$t.inspect == 'Erlang::Tuple[:response, 27, \"x\"]' && $t.to_s == $t.inspect",
      "\"#{Erlang::Tuple[]}\" == 'Erlang::Tuple[]'",
      "$t.frozen? && $t.dup.equal?($t) && $t.clone.equal?($t)",
      "Erlang::Tuple[1, 2].sum == 3 && Erlang::Tuple[3, 1, 2].sort == [1, 2, 3]",
      "begin; Erlang::Tuple.new; rescue NoMethodError; true; end",
      "begin; Erlang::Tuple.allocate; rescue NoMethodError; true; end",
      "begin; $t[0] = 1; rescue NoMethodError; true; end",
      "begin; $t << 1; rescue NoMethodError; true; end",
      "begin; $t.instance_variable_set(:@x, 1); rescue => e; true; end",
      "x = Erlang::Tuple[1, a = []]; a << x; x.inspect.size > 0",
      "class Pair < Erlang::Tuple; end; Pair[1, 2] == Erlang::Tuple[1, 2]",
  };
  (void)state;
  for (size_t i = 0; i < COUNT(truths); i++) must_be_true(truths[i]);
}

static void tuples_survive_all_that_ruby_can_do_to_them(void **state)
{
  static const char *const codes[] = {
      "$x = Kernel.instance_method(:dup).bind(Erlang::Tuple[1, 2, 3, 4]).call",
      "$x = Kernel.instance_method(:clone).bind(Erlang::Tuple[1, 2, 3, 4]).call",
      "$x = Class.instance_method(:new).bind(Erlang::Tuple).call",
      "$x = Class.instance_method(:allocate).bind(Erlang::Tuple).call",
      "class Erlang::Tuple; def self.allocate; super; end; end; $x = Erlang::Tuple.allocate",
      "$x = Class.new(Erlang::Tuple) { def self.make; allocate; end }",
      "$x = Array.instance_method(:push).bind(Erlang::Tuple[1, 2]).call(3)",
      "$x = Array.instance_method(:clear).bind(Erlang::Tuple[1, 2]).call",
      "$x = [1, 2].replace(Erlang::Tuple[3, 4, 5, 6, 7]); $x << 8",
      "$x = [].concat(Erlang::Tuple[3, 4, 5, 6, 7]); $x << 8",
      "$x = Erlang::Tuple[*(0..20)]; y = $x[3, 15]; y << 1; $x",
      "$x = Erlang::Tuple[1, 2]; class << $x; def size; 9; end; end; $x",
      "$x = Erlang::Tuple.instance_method(:size).bind([1]).call",
      "$x = Erlang::Tuple[1]; "
      "Object.instance_method(:initialize_copy).bind($x).call(Erlang::Tuple[2])",
      "class Foo; define_method(:sz, &Erlang::Tuple[1].method(:size).to_proc); end; $x = "
      "Foo.new.sz",
      "$x = Erlang::Tuple[1, 2].instance_exec { to_a }",
      "ObjectSpace.each_object(Array) { |a| a.freeze }; $x = Erlang::Tuple[1]",
      "Erlang.send(:remove_const, :Tuple); GC.start; $x = 1",
      "Object.send(:remove_const, :Erlang); GC.start; ObjectSpace.each_object(Array) { |a| a.clear "
      "rescue 0 }; GC.start; $x = 1",
  };
  (void)state;
  for (size_t i = 0; i < COUNT(codes); i++) {
    char code[1000];
    (void)fixture_close(NULL);
    (void)fixture_open(NULL);
    print_message("  %s\n", codes[i]);
    (void)snprintf(code, sizeof code,
                   "begin; %s; rescue Exception => e; $x = e.class.to_s; end; $x", codes[i]);
    mrb_value value = in_ruby(code);
    (void)encode_value(value);
    (void)in_ruby("begin; $x.inspect; $x.hash; $x == $x; $x.to_a; rescue Exception; end; GC.start");
    /* the converters go on as before */
    uint8_t bytes[50];
    size_t length = hex_to_bytes("68 02 61 01 58 77 01 'n' 00000001 00000002 00000003", bytes);
    value = decode_bytes(bytes, length);
    assert_string_equal(fixture.problem, "");
    assert_true(encode_value(value));
    assert_memory_equal(fixture.out.bytes, bytes, length);
  }
}

/* --- Pids and the like ------------------------------------------------------------------------ */

static void opaque_terms_behave(void **state)
{
  static const char *const truths[] = {
      "$pid.is_a?(Erlang::Pid) && $port.is_a?(Erlang::Port) && $ref.is_a?(Erlang::Reference) && "
      "$fun.is_a?(Erlang::Fun)",
      "$pid == $old && $pid.eql?($old) && $pid.hash == $old.hash && !$pid.equal?($old)",
      "$pid != $other && $pid != 1 && !($pid == nil) && $pid != $port",
      "{$pid => 1}[$old] == 1 && {$pid => 1}[$other] == nil",
      "h = {}; 50.times { |i| h[i] = i }; h[$pid] = :yes; h[$ref] = :ref; h[$old] == :yes && "
      "h[$ref] == :ref",
      "$pid.inspect == '#<Erlang::Pid n 1.2>' && $pid.to_s == $pid.inspect && \"#{$fun}\" == "
      "'#<Erlang::Fun>'",
      "$pid.dup.equal?($pid) && $pid.clone.equal?($pid) && $pid.frozen?",
      "[Erlang::Pid, Erlang::Port, Erlang::Reference, Erlang::Fun].all? { |c| begin; c.new; rescue "
      "NoMethodError; true; end }",
      "[Erlang::Pid, Erlang::Port, Erlang::Reference, Erlang::Fun].all? { |c| begin; c.allocate; "
      "rescue NoMethodError; true; end }",
      "begin; $pid.instance_variable_set(:@x, 1); rescue FrozenError; true; end",
      "Erlang::TermError.superclass == Erlang::Error && Erlang::Error.superclass == StandardError",
  };
  static const char *const names[] = {"$pid", "$old", "$other", "$port", "$ref", "$fun"};
  static const char *const terms[] = {"58 77 01 'n' 00000001 00000002 00000003",
                                      "67 64 0001 'n' 00000001 00000002 03",
                                      "58 77 01 'n' 00000002 00000002 00000003",
                                      "59 77 01 'n' 00000001 00000003",
                                      "5a 0003 77 01 'n' 00000003 000000010000000200000003",
                                      "71 77 05 'lists' 77 03 'map' 61 02"};
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++) {
    uint8_t bytes[100];
    size_t length = hex_to_bytes(terms[i], bytes);
    mrb_value value = decode_bytes(bytes, length);
    set_global(names[i], value);
    assert_true(encode_value(value)); /* back as it came */
    assert_int_equal(fixture.out.length, length);
    assert_memory_equal(fixture.out.bytes, bytes, length);
  }
  for (size_t i = 0; i < COUNT(truths); i++) must_be_true(truths[i]);
}

static void opaque_objects_without_a_term_are_harmless(void **state)
{
  static const char *const codes[] = {
      "$x = Kernel.instance_method(:dup).bind($pid).call",
      "$x = Kernel.instance_method(:clone).bind($pid).call",
      "$x = Class.instance_method(:new).bind(Erlang::Pid).call",
      "$x = Class.instance_method(:allocate).bind(Erlang::Fun).call",
      "class Erlang::Port; def self.allocate; super; end; end; $x = Erlang::Port.allocate",
      "class Sub < Erlang::Pid; def self.make; allocate; end; end; $x = Sub.make",
      ("$x = Kernel.instance_method(:dup).bind($pid).call; "
       "Object.instance_method(:initialize_copy).bind($x).call($pid); $x"),
  };
  (void)state;
  for (size_t i = 0; i < COUNT(codes); i++) {
    uint8_t bytes[50];
    char code[1000];
    size_t length = hex_to_bytes("58 77 01 'n' 00000001 00000002 00000003", bytes);
    set_global("$pid", decode_bytes(bytes, length));
    (void)snprintf(code, sizeof code, "begin; %s; rescue Exception => e; $x = e; end", codes[i]);
    (void)in_ruby(code);
    if (!encode_value(in_ruby("$x"))) must_contain(fixture.problem, "has no form in Erlang");
    (void)in_ruby("begin; $x.inspect; rescue TypeError; end\n"
                  "begin; $x.hash; rescue TypeError; end\n"
                  "begin; $x == $pid; rescue TypeError; end\n"
                  "$pid == $x; GC.start");
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      RUBY_TEST(tuples_behave),
      RUBY_TEST(tuples_survive_all_that_ruby_can_do_to_them),
      RUBY_TEST(opaque_terms_behave),
      RUBY_TEST(opaque_objects_without_a_term_are_harmless),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
