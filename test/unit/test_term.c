/* Tests of driver/term_decode.c, term_encode.c, term_big.c: what becomes what, what is refused. */
#include "hex.h"
#include "random_terms.h"
#include "term_fixture.h"

#include <mruby/numeric.h>
#include <mruby/string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ei.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- The table of terms ----------------------------------------------------------------------- */

/* Both ways: the code's value is written as these bytes, which are read as an equal value. */
static const struct {
  const char *code, *hex;
} both_ways[] = {
    {"0", "61 00"},
    {"255", "61 ff"},
    {"256", "62 00000100"},
    {"-1", "62 ffffffff"},
    {"2147483647", "62 7fffffff"},
    {"-2147483648", "62 80000000"},
    {"2147483648", "6e 04 00 00000080"},
    {"-2147483649", "6e 04 01 01000080"},
    {"2 ** 61", "6e 08 00 0000000000000020"},
    {"2 ** 62", "6e 08 00 0000000000000040"},
    {"2 ** 63 - 1", "6e 08 00 ffffffffffffff7f"},
    {"2 ** 63", "6e 08 00 0000000000000080"},
    {"2 ** 64 - 1", "6e 08 00 ffffffffffffffff"},
    {"2 ** 64", "6e 09 00 000000000000000001"},
    {"-(2 ** 62)", "6e 08 01 0000000000000040"},
    {"-(2 ** 63) + 1", "6e 08 01 ffffffffffffff7f"},
    {"-(2 ** 63) - 1", "6e 08 01 0100000000000080"},
    {"-(2 ** 64)", "6e 09 01 000000000000000001"},
    {"2 ** 128 - 1", "6e 10 00 ffffffffffffffffffffffffffffffff"},
    {"2 ** 96", "6e 0d 00 00000000000000000000000001"},
    {"1.5", "46 3ff8000000000000"},
    {"0.1", "46 3fb999999999999a"},
    {"-0.0", "46 8000000000000000"},
    {"1e308", "46 7fe1ccf385ebc8a0"},
    {"true", "77 04 'true'"},
    {"false", "77 05 'false'"},
    {"nil", "77 03 'nil'"},
    {":ok", "77 02 'ok'"},
    {":undefined", "77 09 'undefined'"},
    {":\"\"", "77 00"},
    {":\"a b\"", "77 03 'a b'"},
    {":\"Elixir.Some.Module\"", "77 12 'Elixir.Some.Module'"},
    {":\"\\u03c0\"", "77 02 cf80"},
    {"(\"\\u03c0\" * 200).to_sym", NULL},
    {"\"\"", "6d 00000000"},
    {"\"abc\"", "6d 00000003 'abc'"},
    {"\"\\x00\\xff\\xc3\"", "6d 00000003 00ffc3"},
    {"[]", "6a"},
    {"[1]", "6c 00000001 61 01 6a"},
    {"[1000, 2000]", "6c 00000002 62 000003e8 62 000007d0 6a"},
    {"[1, [2, []], nil]", "6c 00000003 61 01 6c 00000002 61 02 6a 6a 77 03 'nil' 6a"},
    {"Erlang::Tuple[]", "68 00"},
    {"Erlang::Tuple[:ok, 1]", "68 02 77 02 'ok' 61 01"},
    {"Erlang::Tuple[Erlang::Tuple[], []]", "68 02 68 00 6a"},
    {"Erlang::Tuple[*(0..4)]", "68 05 61 00 61 01 61 02 61 03 61 04"},
    {"Erlang::Tuple[*([1] * 255)]", NULL},
    {"Erlang::Tuple[*([1] * 256)]", NULL},
    {"{}", "74 00000000"},
    {"{1 => 2}", "74 00000001 61 01 61 02"},
    {"{:a => 1, \"a\" => [2]}", "74 00000002 77 01 'a' 61 01 6d 00000001 'a' 6c 00000001 61 02 6a"},
    {"{nil => true, 1.5 => false, true => nil}", NULL},
    {"{[1] => 1, {2 => 3} => 4, Erlang::Tuple[5] => 6, 2 ** 70 => 7}", NULL},
    {"(0...100).to_a.map { |i| [i, i.to_s] }.to_h", NULL},
};

static void values_are_written_as_in_the_table(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(both_ways); i++) {
    uint8_t bytes[500];
    print_message("  %s\n", both_ways[i].code);
    assert_true(encode_value(in_ruby(both_ways[i].code)));
    if (!both_ways[i].hex) continue;
    size_t length = hex_to_bytes(both_ways[i].hex, bytes);
    assert_int_equal(fixture.out.length, length);
    assert_memory_equal(fixture.out.bytes, bytes, length);
  }
}

static void what_was_written_is_read_as_an_equal_value(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(both_ways); i++) {
    print_message("  %s\n", both_ways[i].code);
    mrb_value value = in_ruby(both_ways[i].code);
    set_global("$value", value);
    assert_true(encode_value(value));
    mrb_value back = decode_bytes(fixture.out.bytes, fixture.out.length);
    assert_string_equal(fixture.problem, "");
    set_global("$back", back);
    must_be_true(
        "$back == $value && $back.class == $value.class && $back.inspect == $value.inspect");
  }
}

/* Encodings that others use: what they are read as, told by inspect. */
static const struct {
  const char *hex, *inspected;
} read_only[] = {
    {"6b 0003 01ff00", "[1, 255, 0]"},
    {"6b 0000", "[]"},
    {"64 0004 'caf' e9", ":\"caf\u00e9\""},
    {"64 0003 'nil'", "nil"},
    {"73 04 'true'", "true"},
    {"76 0005 'false'", "false"},
    {"63 '-1.50000000000000000000e+00' 00000000", "-1.5"},
    {"6e 02 01 ff 00", "-255"},
    {"69 00000002 61 01 61 02", "Erlang::Tuple[1, 2]"},
    {"6c 00000000 6a", "[]"},
    {"4d 00000001 08 41", "\"A\""},
    /* lists cons by cons, as libei's manual shows, and with a string as tail */
    {"6c 00000001 61 01 6c 00000001 61 02 6c 00000002 61 03 61 04 6a", "[1, 2, 3, 4]"},
    {"6c 00000001 61 01 6b 0002 0203", "[1, 2, 3]"},
    {"6c 00000001 6c 00000001 61 01 6a 6c 00000001 61 02 6a", "[[1], 2]"},
    /* equal keys: the last one wins */
    {"74 00000003 61 01 61 0a 61 02 61 0b 61 01 61 0c", "{1=>12, 2=>11}"},
    {"74 00000002 6d 00000001 'a' 61 0a 6d 00000001 'a' 61 0b", "{\"a\"=>11}"},
    {"74 00000003 6d 00000001 'b' 61 01 6d 00000001 'a' 61 02 6d 00000001 'b' 61 03",
     "{\"b\"=>3, \"a\"=>2}"},
    {"74 00000002 46 0000000000000000 61 01 46 8000000000000000 61 02", "{0.0=>2}"},
    {"58 77 0d 'nonode@nohost' 00000055 00000000 00000000", "#<Erlang::Pid nonode@nohost 85.0>"},
    {"59 77 01 'n' 00000005 00000000", "#<Erlang::Port n 5>"},
    {"5a 0003 64 0001 e9 00000000 000000010000000200000003", "#<Erlang::Reference \u00e9 1.2.3>"},
    {"71 77 05 'lists' 77 03 'map' 61 02", "#<Erlang::Fun>"},
};

static void other_encodings_are_read_too(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(read_only); i++) {
    uint8_t bytes[500];
    size_t length = hex_to_bytes(read_only[i].hex, bytes);
    mrb_value value = decode_bytes(bytes, length);
    assert_string_equal(fixture.problem, "");
    assert_string_equal(mrb_str_to_cstr(fixture.mrb, mrb_inspect(fixture.mrb, value)),
                        read_only[i].inspected);
  }
}

static void strings_read_are_the_users_own_and_can_be_changed(void **state)
{
  (void)state;
  uint8_t bytes[100];
  set_global("$x", decode_bytes(bytes, hex_to_bytes("6c 00000001 6d 00000001 'a' 6a", bytes)));
  must_be_true("$x[0] << 'b'; $x << 2; $x == ['ab', 2]");
  set_global("$x", decode_bytes(
                       bytes, hex_to_bytes("74 00000001 6d 00000001 'a' 6d 00000001 'b'", bytes)));
  must_be_true("$x['a'] << 'c'; $x['d'] = 1; $x == {'a' => 'bc', 'd' => 1}");
}

/* --- keys of maps --- */

/* A key out of a few, so that some come twice: Strings that begin alike, and other things. */
static void put_key(struct random *random, struct buffer *buffer, bool strings)
{
  static const char text[] = "\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  size_t length = random_below(random, 4) * 4 + random_below(random, 3);
  size_t which = strings ? 0 : random_below(random, 8);
  if (random_below(random, 8) == 0) length += 24;
  switch (which) {
  case 1: etf_put_integer(buffer, (int64_t)random_below(random, 3) - 1); break;
  case 2: etf_put_integer(buffer, INT64_MAX - (int64_t)random_below(random, 2)); break;
  case 3: etf_put_float(buffer, (double)random_below(random, 2)); break;
  case 4: etf_put_atom(buffer, "aaaaaaaa", 1 + random_below(random, 8)); break;
  case 5: etf_put_atom(buffer, "true", 4); break;
  case 6:
    etf_put_tuple(buffer, 1);
    etf_put_integer(buffer, (int64_t)random_below(random, 2));
    break;
  default: {
    char copy[64];
    memcpy(copy, text + random_below(random, 3), length);
    if (length > 0) copy[length - 1] = (char)('a' + random_below(random, 3));
    etf_put_binary(buffer, copy, length);
  }
  }
}

/* Pairs as a list of tuples and as a map, in some order: both must be the same Hash, keys in the same
 * order, made one by one or at once. */
static void a_map_is_what_its_pairs_make_one_by_one(void **state)
{
  (void)state;
  struct random random = {11};
  struct buffer list, map;
  buffer_init(&list, 1 << 20);
  buffer_init(&map, 1 << 20);
  for (int round = 0; round < ROUNDS(4000); round++) {
    uint32_t count = (uint32_t)(1 + random_below(&random, round % 3 ? 8 : 24));
    bool strings = random_below(&random, 2);
    int arena = mrb_gc_arena_save(fixture.mrb);
    buffer_clear(&list);
    buffer_clear(&map);
    etf_put_list(&list, count);
    etf_put_map(&map, count);
    for (uint32_t i = 0; i < count; i++) {
      etf_put_tuple(&list, 2);
      size_t key = list.length;
      put_key(&random, &list, strings);
      if (random_below(&random, 10) == 0) {
        etf_put_map(&list, 1); /* a map between the keys of another one */
        put_key(&random, &list, true);
      }
      etf_put_integer(&list, i);
      buffer_put(&map, list.bytes + key, list.length - key);
    }
    etf_put_nil(&list);
    set_global("$list", decode_bytes(list.bytes, list.length));
    assert_string_equal(fixture.problem, "");
    set_global("$map", decode_bytes(map.bytes, map.length));
    assert_string_equal(fixture.problem, "");
    must_be_true("h = {}; $list.each { |pair| h[pair[0]] = pair[1] }; "
                 "h == $map && h.keys == $map.keys && h.inspect == $map.inspect && "
                 "h.keys.all? { |k| $map[k] == h[k] } && "
                 "$map.keys.all? { |k| !k.is_a?(String) || k.frozen? }");
    mrb_gc_arena_restore(fixture.mrb, arena);
  }
  buffer_fini(&list);
  buffer_fini(&map);
}

static void equal_keys_of_several_maps_are_one_string(void **state)
{
  (void)state;
  uint8_t bytes[300];
  size_t length =
      hex_to_bytes("6c 00000002 74 00000002 6d 00000002 'k1' 61 01 6d 00000002 'k2' 61 02 "
                   "74 00000002 6d 00000002 'k1' 61 03 6d 00000002 'k2' 61 04 6a",
                   bytes);
  set_global("$maps", decode_bytes(bytes, length));
  must_be_true("$maps[0].keys.zip($maps[1].keys).all? { |a, b| a.equal?(b) && a.frozen? }");
  must_be_true("$maps[0].delete('k1'); $maps.inspect == '[{\"k2\"=>2}, {\"k1\"=>3, \"k2\"=>4}]'");
  /* Others take their places, and they are collected where nobody else has them. */
  for (int i = 0; i < 500; i++) {
    uint8_t map[] = {116, 0, 0, 0, 1, 109, 0, 0, 0, 3, 'k', (uint8_t)i, (uint8_t)(i >> 8), 97, 1};
    (void)decode_bytes(map, sizeof map);
    if (i % 50 == 0) must_be_true("GC.start; true");
  }
  set_global("$again", decode_bytes(bytes, length));
  must_be_true("$again == [{'k1' => 1, 'k2' => 2}, {'k1' => 3, 'k2' => 4}] && $maps[1]['k1'] == 3");
}

/* A map whose keys are those of `before` (encoded, one behind the other; `count` of them), but for what
 * happens to them: then `before` is changed too. */
struct kind {
  uint8_t bytes[24][80];
  size_t lengths[24];
  uint32_t count;
};

static void change_kind(struct random *random, struct kind *kind)
{
  struct buffer key;
  uint32_t at = (uint32_t)random_below(random, kind->count + 1);
  switch (random_below(random, 8)) {
  case 0: kind->count = at; return; /* shorter */
  case 1:                           /* twice the same */
    if (kind->count == 0 || at == kind->count) return;
    memcpy(kind->bytes[at], kind->bytes[0], sizeof kind->bytes[0]);
    kind->lengths[at] = kind->lengths[0];
    return;
  case 2:
  case 3: break;
  default: return;
  }
  if (at == 24) return;
  buffer_init(&key, sizeof kind->bytes[0]);
  put_key(random, &key, random_below(random, 2));
  memcpy(kind->bytes[at], key.bytes, key.length);
  kind->lengths[at] = key.length;
  if (at == kind->count) kind->count++;
  buffer_fini(&key);
}

/* `kinds` are those of the maps at this level, and of the levels below. */
static void put_map_of_kind(struct random *random, struct buffer *buffer, struct kind *kinds,
                            int levels)
{
  char text[40];
  size_t length;
  struct kind kind = kinds[0];
  change_kind(random, &kind);
  if (random_below(random, 2)) kinds[0] = kind;
  etf_put_map(buffer, kind.count);
  for (uint32_t i = 0; i < kind.count; i++) {
    buffer_put(buffer, kind.bytes[i], kind.lengths[i]);
    switch (random_below(random, 8)) {
    case 0:
      if (levels > 0) {
        put_map_of_kind(random, buffer, kinds + 1, levels - 1);
        break;
      }     /* fall through */
    case 1: /* new names: others are forgotten */
      etf_put_map(buffer, 1);
      length = (size_t)snprintf(text, sizeof text, "new %zu", random_below(random, 1000));
      etf_put_binary(buffer, text, length);
      etf_put_atom(buffer, text, length);
      break;
    case 2: etf_put_binary(buffer, "a text of more than a few bytes", 31); break;
    default: etf_put_integer(buffer, (int64_t)random_below(random, 1000));
    }
  }
}

/* Maps of the same kind, or almost, in a list: each must be what it is alone. */
static void maps_of_a_list_are_what_each_is_alone(void **state)
{
  (void)state;
  static struct kind kinds[5];
  struct random random = {13};
  struct buffer list, alone;
  buffer_init(&list, 1 << 20);
  buffer_init(&alone, 1 << 20);
  for (int round = 0; round < ROUNDS(3000); round++) {
    uint32_t count = (uint32_t)(2 + random_below(&random, 9));
    int arena = mrb_gc_arena_save(fixture.mrb);
    buffer_clear(&list);
    for (size_t i = 0; i < COUNT(kinds); i++) {
      kinds[i].count = 0;
      for (size_t j = random_below(&random, 150); j > 0; j--) change_kind(&random, &kinds[i]);
    }
    etf_put_list(&list, count);
    (void)in_ruby("$each = []");
    for (uint32_t i = 0; i < count; i++) {
      buffer_clear(&alone);
      put_map_of_kind(&random, &alone, kinds, 4);
      buffer_put(&list, alone.bytes, alone.length);
      set_global("$alone", decode_bytes(alone.bytes, alone.length));
      assert_string_equal(fixture.problem, "");
      (void)in_ruby("$each << $alone");
    }
    etf_put_nil(&list);
    set_global("$all", decode_bytes(list.bytes, list.length));
    assert_string_equal(fixture.problem, "");
    must_be_true("GC.start; $all == $each && $all.inspect == $each.inspect && "
                 "$all.all? { |m| m.keys.uniq.size == m.size && m.keys.all? { |k| m.key?(k) } }");
    mrb_gc_arena_restore(fixture.mrb, arena);
  }
  buffer_fini(&list);
  buffer_fini(&alone);
}

static void put_two_keys(struct buffer *buffer)
{
  etf_put_map(buffer, 2);
  etf_put_binary(buffer, "one key", 7);
  etf_put_integer(buffer, 1);
  etf_put_binary(buffer, "other", 5);
  etf_put_integer(buffer, 2);
}

static void collect(void *data)
{
  (void)data;
  mrb_full_gc(fixture.mrb);
}

/* A map that is soon garbage, then names that take the places of its own, and then one of its kind. */
static void keys_of_a_map_that_is_gone_are_read_anew(void **state)
{
  (void)state;
  struct buffer buffer;
  char text[40];
  buffer_init(&buffer, 1 << 20);
  etf_put_map(&buffer, 4);
  etf_put_binary(&buffer, "a", 1);
  put_two_keys(&buffer);
  etf_put_binary(&buffer, "a", 1);
  etf_put_integer(&buffer, 0);
  etf_put_binary(&buffer, "list", 4);
  etf_put_list(&buffer, 6000);
  for (int i = 0; i < 6000; i++) {
    int length = snprintf(text, sizeof text, "new name %d", i);
    etf_put_map(&buffer, 1);
    etf_put_binary(&buffer, text, (size_t)length);
    etf_put_binary(&buffer, text, (size_t)length);
  }
  etf_put_nil(&buffer);
  etf_put_binary(&buffer, "b", 1);
  put_two_keys(&buffer);
  fixture.context.checkpoint = collect;
  for (int round = 0; round < 3; round++) {
    set_global("$map", decode_bytes(buffer.bytes, buffer.length));
    assert_string_equal(fixture.problem, "");
    must_be_true(
        "GC.start; $map['b'].inspect == '{\"one key\"=>1, \"other\"=>2}' && "
        "$map['b']['one key'] == 1 && $map['b']['other'] == 2 && $map['list'].size == 6000");
  }
  buffer_fini(&buffer);
}

/* While keys of an inner map are compared, a later key of the outer one gets into it. */
static void a_key_that_a_method_has_put_there_is_not_there_twice(void **state)
{
  (void)state;
  uint8_t bytes[100];
  size_t length =
      hex_to_bytes("74 00000003 61 00 61 00 "
                   "61 01 74 00000002 6c 00000001 61 01 6a 61 01 6c 00000001 61 02 6a 61 02 "
                   "6d 00000002 'zz' 61 03",
                   bytes);
  (void)in_ruby(
      "class Array; alias old eql?; def eql?(other); return old(other) if $done; "
      "$done = true; ObjectSpace.each_object(Hash) { |h| (h.clear; h['zz'] = 0) if h[0] == 0 }; "
      "old(other); end; end");
  set_global("$map", decode_bytes(bytes, length));
  (void)in_ruby("class Array; alias eql? old; end");
  must_be_true("$done && $map.keys.count('zz') == 1 && $map['zz'] == 3 && $map[1].size == 2");
}

static void random_terms_survive_the_way_through_ruby(void **state)
{
  (void)state;
  struct random random = {7};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 24);
  for (int round = 0; round < ROUNDS(3000); round++) {
    bool equal = false;
    buffer_clear(&buffer);
    random_term(&random, &buffer, 5);
    int arena = mrb_gc_arena_save(fixture.mrb);
    mrb_value value = decode_bytes(buffer.bytes, buffer.length);
    assert_string_equal(fixture.problem, "");
    assert_true(encode_value(value));
    mrb_gc_arena_restore(fixture.mrb, arena);
    assert_int_equal(
        etf_equal(buffer.bytes, buffer.length, fixture.out.bytes, fixture.out.length, &equal),
        STATUS_OK);
    assert_true(equal);
  }
  buffer_fini(&buffer);
}

/* --- What can't be read ----------------------------------------------------------------------- */

static const struct {
  const char *hex, *message;
} unreadable[] = {
    {"4d 00000001 03 a0", "Erlang::TermError: a bit string has no form in Ruby"},
    {"68 01 4d 00000001 03 a0", "Erlang::TermError: a bit string has no form in Ruby"},
    {"6c 00000001 61 01 61 02", "Erlang::TermError: an improper list has no form in Ruby"},
    {"6c 00000001 61 01 74 00000000", "Erlang::TermError: an improper list has no form in Ruby"},
    {"6c 00000001 61 01 6c 00000001 61 02 61 03", "Erlang::TermError: an improper list"},
    {"46 7ff8000000000000", "Erlang::TermError: bytes that are no term"},
    {"ff", "Erlang::TermError: bytes that are no term"},
    {"77 01 ff", "Erlang::TermError: bytes that are no term"},
    {"52 00", "Erlang::TermError: a term in an encoding that is not supported"},
    {"", "Erlang::TermError: the bytes of a term end too early"},
    {"68 02 61 01", "Erlang::TermError: the bytes of a term end too early"},
    {"6c ffffffff 6a", "Erlang::TermError: the bytes of a term end too early"},
    {"69 ffffffff 6a", "Erlang::TermError: the bytes of a term end too early"},
    {"74 ffffffff 6a", "Erlang::TermError: the bytes of a term end too early"},
    {"6d ffffffff 00", "Erlang::TermError: the bytes of a term end too early"},
    {"6f ffffffff 00 00", "Erlang::TermError: the bytes of a term end too early"},
};

static void what_has_no_form_in_ruby_is_an_error_that_names_it(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(unreadable); i++) {
    uint8_t bytes[100];
    size_t length = hex_to_bytes(unreadable[i].hex, bytes);
    (void)decode_bytes(bytes, length);
    must_contain(fixture.problem, unreadable[i].message);
  }
}

static void every_truncation_of_random_terms_is_an_error(void **state)
{
  (void)state;
  struct random random = {8};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 24);
  for (int round = 0; round < ROUNDS(100); round++) {
    buffer_clear(&buffer);
    random_term(&random, &buffer, 4);
    for (size_t length = 0; length < buffer.length && length < 300; length++) {
      int arena = mrb_gc_arena_save(fixture.mrb);
      (void)decode_bytes(buffer.bytes, length);
      mrb_gc_arena_restore(fixture.mrb, arena);
      assert_string_equal(fixture.problem, "Erlang::TermError: the bytes of a term end too early");
    }
  }
  buffer_fini(&buffer);
}

static mrb_value decode_some_body(mrb_state *m, void *data)
{
  struct etf_reader *reader = data;
  while (reader->at < reader->end) (void)term_decode(m, reader, &fixture.context);
  return mrb_nil_value();
}

static void wrong_bytes_do_no_harm(void **state)
{
  (void)state;
  struct random random = {9};
  struct buffer buffer;
  buffer_init(&buffer, 1 << 24);
  for (int round = 0; round < ROUNDS(10000); round++) {
    buffer_clear(&buffer);
    random_term(&random, &buffer, 4);
    uint8_t *copy = malloc(buffer.length);
    assert_non_null(copy);
    memcpy(copy, buffer.bytes, buffer.length);
    for (int change = 0; change < 3; change++) {
      copy[random_below(&random, buffer.length)] = (uint8_t)random_next(&random);
      struct etf_reader reader = {copy, copy + buffer.length};
      int arena = mrb_gc_arena_save(fixture.mrb);
      (void)protected_call(decode_some_body, &reader);
      mrb_gc_arena_restore(fixture.mrb, arena);
    }
    free(copy);
  }
  buffer_fini(&buffer);
}

/* `levels` lists in one another, an empty one innermost. */
static void put_nested(struct buffer *buffer, size_t levels)
{
  for (size_t i = 1; i < levels; i++) etf_put_list(buffer, 1);
  for (size_t i = 0; i < levels; i++) etf_put_nil(buffer);
}

static void levels_are_bounded_both_ways(void **state)
{
  static const struct {
    uint32_t set, levels;
  } cases[] = {{0, TERM_DEPTH},
               {1, 1},
               {10, 10},
               {TERM_DEPTH_MOST, TERM_DEPTH_MOST},
               {1000000, TERM_DEPTH_MOST}};
  (void)state;
  NOT_UNDER_STRESS();
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct buffer buffer;
    char code[100], wanted[100];
    buffer_init(&buffer, 1 << 24);
    fixture.context.depth = cases[i].set;
    (void)snprintf(wanted, sizeof wanted, "nested deeper than %u levels", cases[i].levels);
    /* the innermost list is empty, and opens no level */
    put_nested(&buffer, cases[i].levels + 1);
    (void)decode_bytes(buffer.bytes, buffer.length);
    assert_string_equal(fixture.problem, "");
    buffer_clear(&buffer);
    put_nested(&buffer, cases[i].levels + 2);
    (void)decode_bytes(buffer.bytes, buffer.length);
    must_contain(fixture.problem, wanted);
    (void)snprintf(code, sizeof code, "$x = []; %u.times { $x = [$x] }; $x", cases[i].levels);
    assert_true(encode_value(in_ruby(code)));
    assert_false(encode_value(in_ruby("[$x]")));
    must_contain(fixture.problem, wanted);
    buffer_fini(&buffer);
  }
}

static void a_million_levels_are_an_error_both_ways(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  struct buffer buffer;
  buffer_init(&buffer, 1 << 24);
  put_nested(&buffer, 1000000);
  (void)decode_bytes(buffer.bytes, buffer.length);
  must_contain(fixture.problem, "nested deeper");
  buffer_fini(&buffer);
  assert_false(encode_value(in_ruby("$x = []; 100000.times { $x = [$x] }; $x")));
  must_contain(fixture.problem, "nested deeper");
  /* and a long list cons by cons is not deep */
  buffer_init(&buffer, 1 << 24);
  for (size_t i = 0; i < 100000; i++) {
    etf_put_list(&buffer, 1);
    etf_put_integer(&buffer, 1);
  }
  etf_put_nil(&buffer);
  set_global("$x", decode_bytes(buffer.bytes, buffer.length));
  must_be_true("$x.size == 100000 && $x.last == 1");
  buffer_fini(&buffer);
}

static void promises_of_elements_take_no_memory(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  /* 200 lists in one another, each of which claims all bytes that are left: 200 * 8 MB if each were
   * believed on its own */
  enum { BYTES = 1 << 20 };
  uint8_t *bytes = malloc(BYTES);
  assert_non_null(bytes);
  memset(bytes, 0x6a, BYTES);
  for (size_t i = 0; i < 200; i++) {
    uint32_t count = __builtin_bswap32((uint32_t)(BYTES - 5 * (i + 1) - 1));
    bytes[5 * i] = 0x6c;
    memcpy(bytes + 5 * i + 1, &count, 4);
  }
  int arena = mrb_gc_arena_save(fixture.mrb);
  (void)decode_bytes(bytes, BYTES);
  mrb_gc_arena_restore(fixture.mrb, arena);
  assert_string_equal(fixture.problem, "Erlang::TermError: the bytes of a term end too early");
  set_global("$x", mrb_nil_value());
  must_be_true("n = 0; ObjectSpace.each_object(Array) { n += 1 }; n < 1000");
  free(bytes);
}

static void many_elements_leave_the_arena_alone(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  assert_true(encode_value(in_ruby("$x = (0...50000).map { |i| [i.to_s, {i => [i]}] }")));
  mrb_value back = decode_bytes(fixture.out.bytes, fixture.out.length);
  assert_true(fixture.mrb->gc.arena_capa < 1000); /* nor was it large in between */
  set_global("$y", back);
  must_be_true("$x == $y");
}

/* --- What can't be written -------------------------------------------------------------------- */

static const struct {
  const char *code, *message;
} unwritable[] = {
    {"0.0 / 0.0", "Erlang::TermError: NaN has no form in Erlang"},
    {"1.0 / 0.0", "Erlang::TermError: an infinite Float has no form in Erlang"},
    {"[-1.0 / 0.0]", "Erlang::TermError: an infinite Float has no form in Erlang"},
    {"{1 => {2 => 0.0 / 0.0}}", "Erlang::TermError: NaN has no form in Erlang"},
    {"1..2", "Erlang::TermError: Range has no form in Erlang; give it a method to_erl"},
    {"Object.new", "Erlang::TermError: Object has no form in Erlang"},
    {"BasicObject.new", "Erlang::TermError: BasicObject has no form in Erlang"},
    {"Object", "Erlang::TermError: Class has no form in Erlang"},
    {"Kernel", "Erlang::TermError: Module has no form in Erlang"},
    {"proc { }", "Erlang::TermError: Proc has no form in Erlang"},
    {"RuntimeError.new('x')", "Erlang::TermError: RuntimeError has no form in Erlang"},
    {"Time.now", "Erlang::TermError: Time has no form in Erlang"},
    {"Rational(1, 2)", "Erlang::TermError: Rational has no form in Erlang"},
    {"Complex(1, 2)", "Erlang::TermError: Complex has no form in Erlang"},
    {"Struct.new(:a).new(1)", "has no form in Erlang"},
    {"Fiber.new { }", "Erlang::TermError: Fiber has no form in Erlang"},
    {"class Point; end; {a: [Point.new]}", "Erlang::TermError: Point has no form in Erlang"},
    {"a = []; a << a", "Erlang::TermError: nested deeper than 256 levels"},
    {"h = {}; h[1] = h", "Erlang::TermError: nested deeper than 256 levels"},
    {"a = []; a << Erlang::Tuple[a]", "Erlang::TermError: nested deeper than 256 levels"},
    {"('a' * 256).to_sym", "Erlang::TermError: a Symbol of more than 255 characters"},
    {"\"\\xff\".to_sym", "Erlang::TermError: a Symbol that isn't UTF-8"},
    {"1 << (8 * 65536)", "Erlang::TermError: an Integer of more than 65536 bytes"},
    {"-(1 << (8 * 200000))", "Erlang::TermError: an Integer of more than 65536 bytes"},
};

static void what_has_no_form_in_erlang_is_an_error_that_names_it(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  for (size_t i = 0; i < COUNT(unwritable); i++) {
    print_message("  %s\n", unwritable[i].code);
    assert_false(encode_value(in_ruby(unwritable[i].code)));
    must_contain(fixture.problem, unwritable[i].message);
  }
}

static void subclasses_are_written_as_what_they_are(void **state)
{
  static const struct {
    const char *code, *same;
  } cases[] = {
      {"class A < Array; end; a = A.new; a << 1; a", "[1]"},
      {"class H < Hash; end; h = H.new; h[1] = 2; h", "{1 => 2}"},
      {"class S < String; end; S.new('a')", "'a'"},
      {"a = [1]; def a.size; 7; end; a", "[1]"},
      {"h = Hash.new { |hash, key| hash[key] = 1 }; h[1]; h", "{1 => 1}"},
      {"h = Hash.new(5); h[1] = 1; h", "{1 => 1}"},
      {"[1, 2, 3].freeze", "[1, 2, 3]"},
      {"'abcdefghijklmnopqrstuvwxyz0123456789'[3, 30]", "'defghijklmnopqrstuvwxyz0123456'"},
      {"a = (0..40).to_a; a.shift; a", "(1..40).to_a"},
      {"h = {}; 50.times { |i| h[i] = i }; 49.times { |i| h.delete(i) }; h", "{49 => 49}"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint8_t bytes[500];
    assert_true(encode_value(in_ruby(cases[i].code)));
    size_t length = fixture.out.length;
    assert_true(length <= sizeof bytes);
    memcpy(bytes, fixture.out.bytes, length);
    assert_true(encode_value(in_ruby(cases[i].same)));
    assert_int_equal(fixture.out.length, length);
    assert_memory_equal(fixture.out.bytes, bytes, length);
  }
}

static void methods_that_are_redefined_make_no_difference(void **state)
{
  (void)state;
  (void)in_ruby(
      "class Symbol; def to_s; raise; end; def name; raise; end; end\n"
      "class String; def bytes; raise; end; def size; 99; end; def to_s; raise; end; end\n"
      "class Integer; def to_s; raise; end; def >>(n); raise; end; def -(n); raise; end; end\n"
      "class Array; def each; raise; end; def size; 99; end; def length; 99; end\n"
      "  def [](i); raise; end; def to_a; raise; end; end\n"
      "class Hash; def each; raise; end; def keys; raise; end; def values; raise; end\n"
      "  def [](k); raise; end; def size; 99; end; end\n"
      "class Float; def nan?; raise; end; def to_f; raise; end; end\n"
      "class NilClass; def to_a; raise; end; end\n"
      "class Object; def respond_to?(*x); raise; end; def class; raise; end; end\n"
      "class Erlang::Tuple; def to_a; raise; end; def size; 99; end; def [](i); raise; end; end\n"
      "class Erlang::TermError; def initialize(*x); raise; end; def message; raise; end; end");
  uint8_t bytes[500];
  size_t length =
      hex_to_bytes("68 06 77 02 'ok' 6d 00000001 'a' 6c 00000001 62 00000100 6a"
                   " 74 00000001 46 3ff8000000000000 77 03 'nil' 6e 09 01 010203040506070809"
                   " 58 77 01 'n' 00000001 00000002 00000003",
                   bytes);
  mrb_value value = decode_bytes(bytes, length);
  assert_string_equal(fixture.problem, "");
  assert_true(encode_value(value));
  assert_int_equal(fixture.out.length, length);
  assert_memory_equal(fixture.out.bytes, bytes, length);
  assert_false(
      encode_value(in_ruby("1..2"))); /* the error comes about, whatever its own text does */
}

static void a_full_buffer_is_an_error_that_names_its_size(void **state)
{
  (void)state;
  mrb_value value = in_ruby("[1, 'abc' * 100, {a: 2}, Erlang::Tuple[1.5], 2 ** 100]");
  assert_true(encode_value(value));
  size_t whole = fixture.out.length;
  for (size_t limit = 0; limit <= whole; limit++) {
    buffer_fini(&fixture.out);
    buffer_init(&fixture.out, limit);
    assert_int_equal(encode_value(value), limit == whole);
    if (limit < whole) {
      char wanted[100];
      (void)snprintf(wanted, sizeof wanted, "Erlang::TermError: the term has more than %zu bytes",
                     limit);
      assert_string_equal(fixture.problem, wanted);
    }
  }
}

static void a_structure_that_grows_without_end_is_an_error(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  buffer_fini(&fixture.out);
  buffer_init(&fixture.out, 1 << 20);
  /* 2 ** 60 elements, in 60 arrays */
  assert_false(encode_value(in_ruby("a = [1]; 60.times { a = [a, a] }; a")));
  must_contain(fixture.problem, "the term has more than 1048576 bytes");
}

/* --- Large integers --------------------------------------------------------------------------- */

static void big_integers_are_exact(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  static const size_t sizes[] = {8,   9,   12,  13,   15,   16,   17,   23,   24,   25,
                                 31,  32,  33,  63,   64,   65,   100,  127,  128,  129,
                                 255, 256, 257, 1000, 1023, 1024, 1025, 4096, 10240};
  struct random random = {10};
  for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
    static uint8_t magnitude[10240], term[10240 + 6];
    static char hex[2 * 10240 + 3];
    size_t length = sizes[i / 2], head;
    bool negative = i % 2;
    /* bytes of all kinds, and at times long runs of zeros and ones */
    for (size_t at = 0; at < length;) {
      size_t run = random_below(&random, 3) == 0 ? random_below(&random, 40) : 1;
      uint8_t byte = run > 1 ? (random_next(&random) & 1 ? 0 : 255) : (uint8_t)random_next(&random);
      for (; run > 0 && at < length; run--) magnitude[at++] = byte;
    }
    magnitude[length - 1] |= 0x80;
    buffer_clear(&fixture.out);
    etf_put_big(&fixture.out, negative, magnitude, length);
    head = fixture.out.length - length;
    memcpy(term, fixture.out.bytes, head);
    memcpy(term + head, magnitude, length);
    mrb_value value = decode_bytes(term, head + length);
    assert_string_equal(fixture.problem, "");
    /* mruby's own words for it */
    size_t at = 0;
    if (negative) hex[at++] = '-';
    for (size_t j = length; j > 0; j--) at += (size_t)sprintf(hex + at, "%02x", magnitude[j - 1]);
    assert_string_equal(mrb_str_to_cstr(fixture.mrb, mrb_integer_to_str(fixture.mrb, value, 16)),
                        hex);
    /* and back */
    assert_true(encode_value(value));
    assert_int_equal(fixture.out.length, head + length);
    assert_memory_equal(fixture.out.bytes, term, head + length);
  }
}

static void libei_reads_big_integers_that_ruby_calculated(void **state)
{
  static const struct {
    const char *code;
    bool negative;
    const char *magnitude;
  } cases[] = {
      {"10 ** 20", false, "\x00\x00\x10\x63\x2d\x5e\xc7\x6b\x05"},
      {"-(10 ** 20)", true, "\x00\x00\x10\x63\x2d\x5e\xc7\x6b\x05"},
      {"(2 ** 200) / (2 ** 128)", false, "\0\0\0\0\0\0\0\0\0\1"},
      {"(2 ** 200) & (2 ** 73 + 2 ** 200 - 1)", false, NULL},
      {"(2 ** 200 + 2 ** 70) % (2 ** 200)", false, "\0\0\0\0\0\0\0\0\x40"},
      {"(2 ** 200 + 2 ** 70) - (2 ** 200)", false, "\0\0\0\0\0\0\0\0\x40"},
      {"(2 ** 200 + 2 ** 70) & (2 ** 71 - 1)", false, "\0\0\0\0\0\0\0\0\x40"},
      {"(2 ** 200 + 2 ** 70) ^ (2 ** 200)", false, "\0\0\0\0\0\0\0\0\x40"},
      {"((2 ** 70) << 300) >> 300", false, "\0\0\0\0\0\0\0\0\x40"},
      {"-((2 ** 200 + 2 ** 70) ^ (2 ** 200))", true, "\0\0\0\0\0\0\0\0\x40"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    erlang_big *big = ei_alloc_big(100);
    int index = 0;
    assert_non_null(big);
    print_message("  %s\n", cases[i].code);
    mrb_value value = in_ruby(cases[i].code);
    assert_true(encode_value(value));
    if (ei_decode_big((const char *)fixture.out.bytes, &index, big) == 0 && cases[i].magnitude) {
      assert_int_equal(big->is_neg, cases[i].negative);
      assert_memory_equal(big->digits, cases[i].magnitude, big->arity);
      assert_int_equal(index, fixture.out.length);
    }
    mrb_value back = decode_bytes(fixture.out.bytes, fixture.out.length);
    set_global("$a", value);
    set_global("$b", back);
    must_be_true("$a.to_s == $b.to_s");
    ei_free_big(big);
  }
}

static void integers_of_the_greatest_size_are_read_and_written(void **state)
{
  (void)state;
  NOT_UNDER_STRESS();
  assert_true(encode_value(in_ruby("$x = (1 << (8 * 65536)) - 1")));
  assert_int_equal(fixture.out.length, 6 + 65536);
  set_global("$y", decode_bytes(fixture.out.bytes, fixture.out.length));
  must_be_true("$x == $y");
  uint8_t *bytes = calloc(1, 6 + 65537);
  assert_non_null(bytes);
  memcpy(bytes, "\x6f\x00\x01\x00\x01\x00", 6);
  bytes[6 + 65536] = 1;
  (void)decode_bytes(bytes, 6 + 65537);
  must_contain(fixture.problem, "an integer of more than 65536 bytes");
  free(bytes);
}

/* --- Atoms ------------------------------------------------------------------------------------ */

static void ruby_may_make_so_many_atoms(void **state)
{
  (void)state;
  static struct atoms_cache cache;
  struct atoms *atoms;
  struct atoms_figures figures;
  uint8_t bytes[100];
  memset(&cache, 0, sizeof cache);
  assert_int_equal(atoms_open(10, &atoms), STATUS_OK);
  fixture.context.atoms = atoms;
  fixture.context.cache = &cache;
  assert_true(encode_value(in_ruby("(0...10).map { |i| \"own_atom#{i}\".to_sym }")));
  assert_true(encode_value(in_ruby("[true, false, nil, :own_atom3, \"own_atom5\".to_sym] * 3")));
  assert_false(encode_value(in_ruby("[:own_atom1, :one_too_many]")));
  must_contain(
      fixture.problem,
      "Erlang::TermError: one_too_many would be an atom more than the 10 that Ruby may make");
  assert_false(encode_value(in_ruby(":true"))); /* it may be known, but nobody said so */
  /* from bytes that somebody sent nothing is learned … */
  size_t length = hex_to_bytes("68 03 77 02 'aa' 77 0a 'from_wire1' 64 0001 e9", bytes);
  mrb_value value = decode_bytes(bytes, length);
  assert_false(encode_value(value));
  atoms_figures(atoms, &figures);
  assert_int_equal(figures.known, 0);
  /* … but from the VM */
  fixture.context.atoms_exist = true;
  value = decode_bytes(bytes, length);
  assert_true(encode_value(value));
  fixture.context.atoms_exist = false;
  assert_true(encode_value(value));
  atoms_figures(atoms, &figures);
  assert_int_equal(figures.admitted, 10);
  assert_int_equal(figures.known, 3);
  atoms_close(atoms);
}

static void another_interpreter_asks_the_same_set(void **state)
{
  (void)state;
  static struct atoms_cache caches[2];
  struct atoms *atoms;
  memset(caches, 0, sizeof caches);
  assert_int_equal(atoms_open(1, &atoms), STATUS_OK);
  for (int i = 0; i < 2; i++) {
    fixture.context.atoms = atoms;
    fixture.context.cache = &caches[i];
    assert_true(encode_value(in_ruby(":shared_between_them")));
    assert_false(encode_value(in_ruby(":another")));
    (void)fixture_close(NULL);
    (void)fixture_open(NULL);
  }
  atoms_close(atoms);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      RUBY_TEST(values_are_written_as_in_the_table),
      RUBY_TEST(what_was_written_is_read_as_an_equal_value),
      RUBY_TEST(other_encodings_are_read_too),
      RUBY_TEST(strings_read_are_the_users_own_and_can_be_changed),
      RUBY_TEST(a_map_is_what_its_pairs_make_one_by_one),
      RUBY_TEST(maps_of_a_list_are_what_each_is_alone),
      RUBY_TEST(keys_of_a_map_that_is_gone_are_read_anew),
      RUBY_TEST(equal_keys_of_several_maps_are_one_string),
      RUBY_TEST(a_key_that_a_method_has_put_there_is_not_there_twice),
      RUBY_TEST(random_terms_survive_the_way_through_ruby),
      RUBY_TEST(what_has_no_form_in_ruby_is_an_error_that_names_it),
      RUBY_TEST(every_truncation_of_random_terms_is_an_error),
      RUBY_TEST(wrong_bytes_do_no_harm),
      RUBY_TEST(levels_are_bounded_both_ways),
      RUBY_TEST(a_million_levels_are_an_error_both_ways),
      RUBY_TEST(promises_of_elements_take_no_memory),
      RUBY_TEST(many_elements_leave_the_arena_alone),
      RUBY_TEST(what_has_no_form_in_erlang_is_an_error_that_names_it),
      RUBY_TEST(subclasses_are_written_as_what_they_are),
      RUBY_TEST(methods_that_are_redefined_make_no_difference),
      RUBY_TEST(a_full_buffer_is_an_error_that_names_its_size),
      RUBY_TEST(a_structure_that_grows_without_end_is_an_error),
      RUBY_TEST(big_integers_are_exact),
      RUBY_TEST(libei_reads_big_integers_that_ruby_calculated),
      RUBY_TEST(integers_of_the_greatest_size_are_read_and_written),
      RUBY_TEST(ruby_may_make_so_many_atoms),
      RUBY_TEST(another_interpreter_asks_the_same_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
