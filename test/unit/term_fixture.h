/* An interpreter of mruby for the tests of term, with a protected call for all that can raise. */
#ifndef RUBEAM_TERM_FIXTURE_H
#define RUBEAM_TERM_FIXTURE_H

#include "buffer.h"
#include "term.h"

#include <mruby.h>
#include <mruby/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fixture {
  mrb_state *mrb;
  struct term_context context; /* of all conversions; tests change it */
  struct buffer out;           /* what the last encode_value wrote */
  char problem[2000];          /* "Class: message" of the last exception; empty: there was none */
};

extern struct fixture fixture;

/* With a garbage collection at each allocation all is far slower; and mruby 3.3 can lose a value
 * where it makes a large arena smaller (mrb_gc_arena_shrink). Tests for which one of these is too
 * much are left out there, and others go fewer rounds. */
#ifdef MRB_GC_STRESS
#define NOT_UNDER_STRESS() skip()
#define ROUNDS(count)      ((count) / 100 + 1)
#elif defined(__SANITIZE_THREAD__) /* slow, and there is one thread */
#define NOT_UNDER_STRESS() (void)0
#define ROUNDS(count)      ((count) / 10 + 1)
#else
#define NOT_UNDER_STRESS() (void)0
#define ROUNDS(count)      (count)
#endif

/* A fresh interpreter before and after each test. */
int fixture_open(void **state);
int fixture_close(void **state);
#define RUBY_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

/* Runs `body`, and keeps an exception's text in fixture.problem. */
mrb_value protected_call(mrb_protect_error_func *body, void *data);

/* The value of a piece of Ruby. It must not raise. */
mrb_value in_ruby(const char *code);
void must_be_true(const char *code);

/* Sets a global variable of Ruby's, for code to look at. */
void set_global(const char *name, mrb_value value);

/* Encodes into fixture.out. False, and fixture.problem is set, if it raised. */
bool encode_value(mrb_value value);
mrb_value encode_body(mrb_state *mrb, void *value); /* the same for mrb_protect_error */

/* Decodes exactly these bytes, from a copy of their size. Undefined, and fixture.problem is set, if
 * it raised. */
mrb_value decode_bytes(const uint8_t *bytes, size_t length);
mrb_value decode_body(mrb_state *mrb, void *reader);

void must_contain(const char *text, const char *part);

#endif
