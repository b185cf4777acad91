/* Ruby programs that are well formed, and call mruby's methods with whatever there is.
 *
 * Any bytes, as fuzz_ruby has them, are seldom a program. Here the input chooses among the rules of a small
 * grammar: values of each kind, in a few variables, are sent each method with each other, with blocks that
 * change what is being walked over, in fibers and methods and rescue clauses, and with the garbage collector
 * as it likes. What is promised of the program is said in script.h.
 *
 * FUZZ_SHOW in the environment: the program is written to stdout. */
#include "harness.h"
#include "port.h"
#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Words, each with a space behind it. */
static const char values[] =
    "2**53 2.0**53 2**62+255 2.0**62+512 -(2**63) 1e300 1.0/0 (1..2.0**53) "
    "nil true 0 1 -1 2**62 2**64 1.5 0.0/0 \"\" \"abc\" \"\\xff\\u{3c0}x\" \"x\"*300 "
    "[\"a\",\"b\",\"c\"] [1,2,3] [] (0..40).to_a {} {1=>2,:a=>\"b\"} "
    "(0..20).map{|i|[i,i.to_s]}.to_h 1..3 (1..) \"a\"..\"e\" :sym Object.new Class.new "
    "Module.new Struct.new(:x,:y) Struct.new(:x).new(1) Set.new([1,2,3]) proc{|x|x} "
    "lambda{|x|x} Fiber.new{|x|Fiber.yield(x);2} [1,2,3].each (1..3).lazy Rational(1,3) "
    "Complex(1,2) Time.at(0) Random.new(3) binding method(:puts) "
    "Array.instance_method(:push) RuntimeError.new(\"m\") Hash.new{|h,k|h[k]=k} self "
    "Erlang::Tuple[1,2] Comparable String Array Hash Integer Data.define(:q) "
    "Enumerator.new{|y|y<<1;y<<2} catch(:t){1} ";

static const char methods[] =
    "push pop shift unshift insert concat clear replace fill map! select! reject! keep_if "
    "delete_if sort! sort_by! reverse! rotate! uniq! flatten! compact! slice! delete "
    "delete_at each each_with_index map select inject zip product combination permutation "
    "transpose pack unpack unpack1 sort sort_by min max sum uniq flatten join inspect to_s "
    "to_a to_h hash eql? == <=> dup clone freeze [] []= first last take drop take_while "
    "values_at dig fetch store merge merge! update each_pair keys values key? rehash "
    "default default= default_proc compare_by_identity transform_values! transform_keys! "
    "any? all? find group_by partition each_slice each_cons cycle step upto downto times << "
    ">> + - * / % ** & | ^ ~ -@ coerce divmod pow gcd lcm bit_length digits to_i to_f to_r "
    "to_c round floor ceil truncate chr ord sub sub! gsub gsub! tr tr! tr_s squeeze count "
    "index rindex byteindex prepend slice byteslice setbyte getbyte bytes chars lines "
    "each_char each_line each_byte split rpartition start_with? end_with? upcase! "
    "capitalize! swapcase! succ! next center ljust chomp! chop! strip! lstrip reverse hex "
    "oct to_sym intern crypt encoding force_encoding valid_encoding? b scan =~ casecmp new "
    "allocate call yield curry arity parameters to_proc bind unbind owner receiver name "
    "source_location super_method instance_variable_set instance_variable_get "
    "instance_variables remove_instance_variable define_method alias_method remove_method "
    "undef_method const_set const_get remove_const constants include extend include? "
    "ancestors instance_methods methods singleton_class singleton_methods "
    "define_singleton_method send __send__ public_send respond_to? method instance_method "
    "class_eval instance_eval instance_exec class_exec module_function private public "
    "attr_accessor class_variable_set class_variable_get class_variables resume transfer "
    "alive? peek rewind size with_index with_object lazy force eager raise exception "
    "message full_message backtrace set_backtrace local_variable_set local_variable_get "
    "local_variables eval members each_entry to_set add subset? superset? subtract union "
    "disjoint? to_enum enum_for tap then itself instance_of? kind_of? nil? object_id equal? "
    "display frozen? initialize initialize_copy superclass subclasses inherited rationalize "
    "real imaginary abs polar rect rand srand shuffle! sample year month yday utc localtime "
    "mktime gm ";

static const char operators[] = "+ - * / % ** << >> & | <=> == < >= === =~ ";
static const char assignments[] = "+= ||= <<= &&= **= -= ";
static const char parents[] = "Object Array String Hash StandardError Struct.new(:x) ";
static const char own_methods[] =
    "to_s inspect == hash eql? coerce each <=> method_missing to_str to_ary initialize "
    "to_erl to_proc === call ";

static struct input input;
static char text[16384];
static size_t length;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int more = vsnprintf(text + length, sizeof text - length, format, arguments);
  va_end(arguments);
  length += (size_t)more;
  if (length >= sizeof text)
    length = sizeof text - 1; /* cut off: a syntax error, which is a case too */
}

/* One of the words: that to which the next two bytes of the input lead. */
static void put_word(const char *words, size_t size)
{
  size_t at = (size_t)input_byte(&input) * 256;
  at = (at + input_byte(&input)) % (size - 1);
  while (at > 0 && words[at - 1] != ' ') at--;
  put("%.*s", (int)strcspn(words + at, " "), words + at);
}
#define PUT_WORD(words) put_word(words, sizeof(words))

static void expression(int depth);
static void statement(int depth);

static char variable(void) { return (char)('a' + input_byte(&input) % 4); }

/* Writes the rule with what stands for a `%` and a letter. e, s: an expression, a statement, one level deeper;
 * E, S: two levels. The others: see below. */
static void write_rule(const char *rule, int depth)
{
  for (; *rule; rule++) {
    if (*rule != '%') {
      put("%c", *rule);
      continue;
    }
    switch (*++rule) {
    case 'e': expression(depth - 1); break;
    case 'E': expression(depth - 2); break;
    case 's': statement(depth - 1); break;
    case 'S': statement(depth - 2); break;
    case 'v': put("%c", variable()); break;
    case 'l': PUT_WORD(values); break;
    case 'o': PUT_WORD(operators); break;
    case 'a': PUT_WORD(assignments); break;
    case 'p': PUT_WORD(parents); break;
    case 'm': PUT_WORD(own_methods); break;
    case 'n': put("%u", input_byte(&input) % 3u); break;
    }
  }
}

static void call(int depth)
{
  uint8_t form = input_byte(&input);
  int count = form % 4;
  put("(");
  expression(depth - 1);
  put(")%s__send__(:\"", form & 64 ? "&." : ".");
  PUT_WORD(methods);
  put("\"");
  for (int i = 0; i < count; i++) {
    put(", ");
    expression(depth - 1);
  }
  if (form % 16 == 7) write_rule(", *%E", depth);
  if (form % 16 == 11) write_rule(", **%E", depth);
  if (form % 16 == 15) write_rule(", &%E", depth);
  put(")");
  if (form % 16 == 4 || form % 16 == 9) write_rule(" { |x, y| %S }", depth);
  if (form % 16 == 8 || form % 16 == 13) write_rule(" { |x, y| %S; %S }", depth);
}

static void expression(int depth)
{
  static const char *const rules[] = {
      "%v",
      "%v",
      "%v",
      "%l",
      "%l",
      "%l",
      "(%e %o %e)",
      "(%e %o %e)",
      "(%e..%e)",
      "(%e...%E)",
      "[%e, *%E, %E]",
      "{ %E => %e, k: %E }",
      "\"#{%e}\"",
      "(%e ? %e : %e)",
      "->(x = %E, *y, z: 1, &w) { %s }",
      "Fiber.new { |x| %s; Fiber.yield(%E); %S }",
      "Class.new(%p) { def %m(*x) = %E }.new",
      "(begin; %s; rescue => e; %E; ensure; %S; end)",
  };
  uint8_t which = input_byte(&input);
  if (depth <= 0)
    write_rule(which % 2 ? "%v" : "%l", 0);
  else if (which >= 128)
    call(depth);
  else
    write_rule(rules[which % (sizeof rules / sizeof *rules)], depth);
}

static void statement(int depth)
{
  static const char *const rules[] = {
      "%v = %e",
      "%v = %e",
      "%v = %e",
      "%e",
      "%e",
      "%e",
      "%v, *%v = %e",
      "%v %a %e",
      "break if rand(3) == 0",
      "next %E",
      "GC.start",
      "throw :t, %E",
      "for x in %e do %s end",
      "%s while (n = (n || 0) + 1) < 5",
      "case %e when %E, *%E then %s else %S end",
      "def self.m%n(x = 1, *y, k: 2, **z, &w); %s; end",
      "m%n(%E)",
      "eval(%E.to_s)",
      "@%v = %e",
      "raise %E",
  };
  uint8_t which = input_byte(&input);
  if (depth <= 0)
    write_rule("%v.inspect", 0);
  else
    write_rule(rules[which % (sizeof rules / sizeof *rules)], depth);
}

static void write_program(void)
{
  length = 0;
  if (input_byte(&input) & 1) put("GC.interval_ratio = 110\n");
  write_rule("a = %l\nb = %l\nc = %l\nd = %l\n", 1);
  for (int i = 0; i < 12 && input_left(&input) > 0; i++)
    write_rule("2.times { begin; %s; rescue Exception; end }\n", 4);
  put("[a, b, c, d].inspect\n");
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  port_start();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  input = (struct input){data, data + size};
  write_program();
  if (getenv("FUZZ_SHOW")) must(write(STDOUT_FILENO, text, length) == (ssize_t)length);
  run_script(text, length);
  return 0;
}
