/* mruby and the two converters of driver/term.h, for fuzz_terms and fuzz_values.
 *
 * mruby runs on malloc here, so that ASan knows each of its blocks. Between inputs only the interpreter is
 * kept, and that for some thousand of them: symbols are never freed. */
#ifndef RUBEAM_FUZZ_CONVERTER_H
#define RUBEAM_FUZZ_CONVERTER_H

#include "etf.h"
#include "term.h"

#include <mruby.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for what any input means; what is shared in a value many times over is more, and refused soon. */
#define CONVERTED_BYTES ((size_t)3000)

struct converter {
  mrb_state *mrb;
  struct term_context context;
  struct buffer out; /* what to_erlang wrote */
};
extern struct converter converter;

/* `opened` is called for each new interpreter; may be NULL. */
void converter_start(void (*opened)(void));

/* Before and after each input. Garbage is collected in between only if `collect` is set: so most inputs run
 * alike whenever they are run. */
void converter_begin(bool collect);
void converter_end(void);

/* Reads the term at the reader. False: it was refused, with Erlang::TermError and nothing else. */
bool to_ruby(struct etf_reader *reader, mrb_value *value);

/* Writes the value into converter.out. False: it was refused in the same way. */
bool to_erlang(mrb_value value);

/* What to_erlang has written is one term, that is read, and written again as the same bytes. */
void check_written(void);

#endif
