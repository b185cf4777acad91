/* Regular expressions: Oniguruma in an interpreter. The classes that Ruby sees are ruby_regexp.c's.
 *
 * Oniguruma is compiled with us, not linked as a shared library, for two reasons. All that it
 * allocates comes from the heap of the interpreter that runs, so it counts for the memory limit, the
 * allocator is a safe point, and a killed interpreter gives everything back though no destructor
 * runs. And its code is in the section that the preempting signal may interrupt (preempt.h).
 *
 * The latter takes that it holds nothing which others need. It has no lock at all. Its variables
 * that are not constant are: switches that regexp_prepare sets once, before anybody compiles or
 * searches; the list of encodings that were prepared, of which ours need no preparing; tables of
 * user-defined properties and functions to be called at its end, which nothing here adds to (they
 * would be allocated in the heap of whoever came first); the text of onig_version(). Callouts,
 * which had tables too, are taken out (setup/oniguruma/regint.sed). So is nothing left that two
 * interpreters share and that changes.
 *
 * No pattern runs for ever. A search ends with REGEXP_TOO_LONG when it has gone back too often
 * (REGEXP_RETRIES) or has run for too long (REGEXP_NS), and when the job has been told to stop.
 *
 * Thread: who holds the running slice, on a job's stack.
 */
#ifndef RUBEAM_REGEXP_H
#define RUBEAM_REGEXP_H

#include "status.h"

#include <mruby.h>
#include <oniguruma.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice;
struct regexp_compiler;

/* How often a search may go back, at one position and altogether. What takes a second, or less. */
#define REGEXP_RETRIES 40000000ul

/* How long a search may run, in all of its slices; a fast one of a large text tries no position
 * twice and takes no notice. */
#define REGEXP_NS INT64_C(1000000000)

/* How deep a pattern may be nested: compiling recurses. */
#define REGEXP_DEPTH 4096

/* Groups of one pattern. Compiling takes a time that grows with their square, and can't be stopped. */
#define REGEXP_GROUPS 4096

/* As Ruby has them. */
enum regexp_option {
  REGEXP_IGNORECASE = 1,
  REGEXP_EXTENDED = 2,
  REGEXP_MULTILINE = 4,
  REGEXP_FIXEDENCODING = 16,
  REGEXP_NOENCODING = 32 /* matches bytes, whatever they are */
};

enum regexp_result {
  REGEXP_FOUND = 0,
  REGEXP_NOT_FOUND,
  REGEXP_TOO_LONG,
  REGEXP_NO_MEMORY,
  REGEXP_FAILED /* nothing else is known to happen */
};

struct regexp {
  OnigRegex engine;
  struct regexp_block *ring; /* what Oniguruma has allocated for it */
  unsigned options;          /* enum regexp_option */
  size_t length;
  char source[]; /* as it was given */
};

/* Once in a process; any thread, any number of times. */
void regexp_prepare(void);

/* Compiles `pattern`, which is kept as `source`, where they differ, in another spelling. NULL: the
 * reason, as text, is in `why`, which is empty for a lack of memory. Must be protected: it collects where
 * memory is lacking, and raises NoMemoryError if that does not help. */
struct regexp *regexp_compile(mrb_state *mrb, const char *pattern, size_t pattern_length,
                              const char *source, size_t length, unsigned options,
                              char why[ONIG_MAX_ERROR_MESSAGE_LEN]);

void regexp_close(mrb_state *mrb, struct regexp *regexp);

/* Are they written in the same way? */
bool regexp_equal(const struct regexp *a, const struct regexp *b);

/* One search, by the running job. */
struct regexp_search {
  int64_t began;     /* the job's time at the beginning; 0 afterwards */
  OnigRegion region; /* where the groups are, in bytes; valid until the next search */
  OnigRegion spare;  /* for who wants to know of the one before it */
};

/* Looks for a match that begins at `from` or later; earlier, if `backward`; just there, if `here`.
 * The text, no longer than INT_MAX, must be of the kind that the regexp is for. */
enum regexp_where { REGEXP_FORWARD, REGEXP_BACKWARD, REGEXP_HERE };
enum regexp_result regexp_search(mrb_state *mrb, const struct regexp *regexp,
                                 struct regexp_search *search, const char *text, size_t length,
                                 size_t from, enum regexp_where where);

#endif
