/* Regexp, MatchData, and what String does with them, as Ruby sees them. The engine is regexp.h's.
 *
 * The files, of which each calls those before it:
 *
 *   ruby_regexp_source.c    how a pattern is written
 *   ruby_regexp.c           regexps as objects
 *   ruby_regexp_text.c      the texts that are searched
 *   ruby_match.c            searching, and the last match
 *   ruby_match_data.c       the class MatchData, $~
 *   ruby_regexp_replace.c   methods of String: sub, gsub, scan …
 *   ruby_regexp_string.c    … and the others
 *   ruby_regexp_class.c     the class Regexp, and the literals
 *
 * A literal is compiled by mruby into a call of Regexp.compile each time that it is evaluated, so
 * what that makes is remembered by source and options, and shared: it is frozen.
 *
 * The last match is the interpreter's, not a frame's. $~ and what is made from it are no variables:
 * reading one asks here (ruby_match_data.c, __wrap_mrb_gv_get).
 *
 * A subject is searched in a frozen copy of the string, which shares its bytes until either of them
 * changes. So a block may do to the string what it likes.
 *
 * Thread: who holds the running slice, on a job's stack. All but the init may raise.
 */
#ifndef RUBEAM_RUBY_REGEXP_H
#define RUBEAM_RUBY_REGEXP_H

#include "regexp.h"
#include "ruby.h"
#include "ruby_regexp_source.h"
#include "utf8.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Literals that are remembered, how many places there are for each of them, and the longest source of one. */
#define RUBY_REGEXP_PLACES 64
#define RUBY_REGEXP_WAYS   4
#define RUBY_REGEXP_BYTES  1024

/* mruby's own methods of String, for all but regular expressions. */
struct ruby_string_methods {
  mrb_func_t aref, aset, index, rindex, byteindex, split, start_with;
};

/* A text of which something is known, as long as its bytes are there: see ruby_regexp_text.c. */
struct ruby_known_text {
  const char *bytes; /* NULL: none */
  size_t length;
  enum utf8_kind kind;
  size_t at, characters; /* a place in it, in bytes, and the characters before it */
};

/* Where what is kept is in ruby_regexps.kept. */
enum { RUBY_KEPT_MATCH, RUBY_KEPT_TEXT, RUBY_KEPT_LITERALS };

/* What an interpreter has of it, in its heap. */
struct ruby_regexps {
  struct RClass *regexp, *match;
  struct RArray *kept; /* what $~ is, a text, the literals; not to be found by Ruby code */
  uint64_t hashes[RUBY_REGEXP_PLACES];
  uint64_t used[RUBY_REGEXP_PLACES], uses; /* of all uses of literals, which was the last */
  struct ruby_known_text kept_text;        /* whose copy is in `kept` */
  struct ruby_known_text seen_text;        /* that was looked at last; its bytes may be gone */
  uint64_t bytes_seen; /* of texts, looked at or counted so far; for the tests */
  struct regexp_search search;
  mrb_sym last_name, text_name, regexp_name; /* $~; hidden instance variables of a MatchData */
  struct ruby_string_methods string;
};

/* Defines all of it. While the interpreter is opened, protected; raises NoMemoryError. */
void ruby_regexp_init(struct ruby *ruby);
void ruby_match_init(struct ruby *ruby);
void ruby_regexp_string_init(struct ruby *ruby);
void ruby_regexp_replace_init(struct ruby *ruby);

/* Methods, as a table. */
struct ruby_method {
  const char *name;
  mrb_func_t function;
  mrb_aspec arguments;
};
void ruby_define(mrb_state *mrb, struct RClass *class, const struct ruby_method *methods,
                 size_t count);

/* --- regular expressions --- */

/* NULL: it is none. */
const struct regexp *ruby_regexp_of(mrb_state *mrb, mrb_value value);

/* Raises TypeError. */
const struct regexp *ruby_regexp_check(mrb_state *mrb, mrb_value value);

/* A new one; an object of the class that has none yet becomes one. Raise RegexpError. */
mrb_value ruby_regexp_new(mrb_state *mrb, mrb_value source, unsigned options);
void ruby_regexp_compile(mrb_state *mrb, mrb_value object, mrb_value source, unsigned options);

/* --- searching --- */

struct ruby_subject {
  mrb_value text; /* frozen */
  enum utf8_kind kind;
  bool looked; /* `kind` is known */
};
struct ruby_subject ruby_subject(mrb_state *mrb, mrb_value string);
size_t ruby_subject_length(const struct ruby_subject *subject);
void ruby_look_at(mrb_state *mrb, struct ruby_subject *subject); /* `kind` is known then */

/* At the end of a request: no text is kept. Never raises. */
void ruby_forget_text(mrb_state *mrb);

/* Is there a match? Where, in bytes, is then in the region of ruby_regexps.search, until the next
 * search. `pattern` is a Regexp, or a String, which stands for itself. */
bool ruby_find(mrb_state *mrb, mrb_value pattern, struct ruby_subject *subject, size_t from,
               enum regexp_where where);

/* What was found is put aside for the next search, or back in its place. In between no Ruby code may
 * run: it may search. */
void ruby_swap_found(mrb_state *mrb);

/* The pattern of a method that takes either: a Regexp or a String. Raises TypeError. */
mrb_value ruby_pattern(mrb_state *mrb, mrb_value given);

/* Bytes from `at` on to the next character; 1 at the end. */
size_t ruby_step(mrb_state *mrb, mrb_value pattern, const struct ruby_subject *subject, size_t at);

/* self.replace(with). Raises FrozenError. */
void ruby_string_replace(mrb_state *mrb, mrb_value self, mrb_value with);

/* Positions in characters, and back; from the end if negative. -1: outside. */
mrb_int ruby_characters(mrb_state *mrb, struct ruby_subject *subject, size_t bytes);
mrb_int ruby_bytes(mrb_state *mrb, struct ruby_subject *subject, mrb_int characters);

/* --- matches --- */

/* The MatchData of what was found last, which becomes $~. */
mrb_value ruby_match_new(mrb_state *mrb, mrb_value pattern, const struct ruby_subject *subject);
void ruby_match_forget(mrb_state *mrb);               /* $~ is nil */
void ruby_match_set(mrb_state *mrb, mrb_value match); /* $~ is this */
mrb_value ruby_match_last(mrb_state *mrb);

/* A group's text or nil; the number of one that is named by whatever [] takes. */
mrb_value ruby_match_group(mrb_state *mrb, mrb_value match, mrb_int number);
mrb_int ruby_match_number(mrb_state *mrb, mrb_value match, mrb_value name);
bool ruby_is_match(mrb_state *mrb, mrb_value value);
struct ruby_subject ruby_match_subject(mrb_state *mrb, mrb_value value);
mrb_value ruby_match_pattern(mrb_state *mrb, mrb_value match); /* a Regexp or a String */
void ruby_match_copy(mrb_state *mrb, mrb_value copy, mrb_value value);
mrb_int ruby_match_count(mrb_state *mrb, mrb_value match);
bool ruby_match_range(mrb_state *mrb, mrb_value match, mrb_int number, size_t *begin, size_t *end);

/* Names of groups, in their order; `numbers` becomes a hash of arrays of them. */
mrb_value ruby_regexp_names(mrb_state *mrb, const struct regexp *regexp, mrb_value *numbers);

/* Searches, makes the match or forgets the last one; nil or the match. */
mrb_value ruby_match(mrb_state *mrb, mrb_value regexp, mrb_value string, mrb_int characters);

/* What `string` is for =~, match …: a String, or the name of a Symbol; nil: it is nil. */
mrb_value ruby_match_text(mrb_state *mrb, mrb_value string);

#endif
