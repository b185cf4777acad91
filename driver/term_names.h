/* Names that came before: texts of keys and atoms, as frozen Strings and as Symbols.
 *
 * Maps of the same kind have the same keys. One String for all of them saves making and collecting it again
 * for each; as it is frozen (a Hash freezes its String keys anyway) only equal? can tell. mruby's own search for
 * a symbol takes longer than all else that is to do for one.
 *
 * What is remembered is kept as long as the interpreter: some hundred short Strings. Thread: the
 * interpreter's.
 */
#ifndef RUBEAM_TERM_NAMES_H
#define RUBEAM_TERM_NAMES_H

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the longest name that is remembered */
#define TERM_NAME_BYTES 30

struct term_names;

/* Keeps an empty one. While the interpreter is opened, protected: raises NoMemoryError. */
struct term_names *term_names_new(mrb_state *mrb);

/* A frozen String of these bytes. It is safe from garbage collection until the next call of one of these
 * functions; beyond that the caller protects it. Raises NoMemoryError. */
mrb_value term_names_string(mrb_state *mrb, struct term_names *names, const void *text,
                            size_t length);

/* A counter that grows whenever Strings are remembered no longer. While it stays as it is, so does each
 * String of at least one and at most TERM_NAME_BYTES bytes that term_names_string has given, and it is
 * safe from garbage collection. */
const uint64_t *term_names_forgotten(const struct term_names *names);

/* A symbol that is remembered, and that is ASCII. False: there is none. */
bool term_names_find_symbol(struct term_names *names, const void *text, size_t length,
                            mrb_sym *symbol);

/* As mrb_intern. */
mrb_sym term_names_symbol(mrb_state *mrb, struct term_names *names, const void *text,
                          size_t length);

#endif
