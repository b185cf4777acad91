/* Oniguruma in an interpreter: see regexp.h. */
#include "regexp.h"

#include "ruby.h"
#include "slice.h"

#include <pthread.h>
#include <setjmp.h>
#include <string.h>

/* --- what Oniguruma calls; the Makefile gives it these names --- */

void *regexp_malloc(size_t bytes);
void *regexp_calloc(size_t count, size_t bytes);
void *regexp_realloc(void *body, size_t bytes);
void regexp_free(void *body);
int regexp_must_end(void);

/* A block of Oniguruma's. Those of a regexp are in its ring. */
struct regexp_block {
  struct regexp_block *next, *previous; /* NULL: in none, as those of a search */
};

/* Of a compilation: where to go on when it gets no memory, and the ring of what it has. */
struct regexp_compiler {
  jmp_buf no_memory;
  struct regexp_block *ring;
};

static void leave_ring(struct regexp_block *block)
{
  if (!block->next) return;
  block->next->previous = block->previous;
  block->previous->next = block->next;
}

static void enter_ring(struct regexp_block *block, struct regexp_block *ring)
{
  block->next = ring ? ring->next : NULL;
  block->previous = ring;
  if (ring) ring->next = ring->next->previous = block;
}

/* While a regexp is compiled the limit is the soft one: NoMemoryError, rather than the kill. */
static bool is_full(const struct slice *slice)
{
  return heap_used(slice->heap) > slice->memory_limit;
}

/* Oniguruma's compiler does not survive a NULL (one in two ended in a fault when it was tried), so it
 * gets none. Its matcher does: it asks for a stack and for the places of groups. */
void *regexp_realloc(void *body, size_t bytes)
{
  struct slice *slice = slice_current();
  if (!slice || !slice->mrb) return NULL;
  struct regexp_compiler *compiler = ruby_of(slice->mrb)->regexp_compiler;
  struct regexp_block *block = body ? (struct regexp_block *)body - 1 : NULL, *fresh = NULL;
  bool ringed = block && block->next;
  if (bytes <= SIZE_MAX - sizeof *block && !(compiler && is_full(slice)))
    fresh = mrb_realloc_simple(slice->mrb, block, sizeof *block + bytes);
  if (!fresh) {
    if (compiler) longjmp(compiler->no_memory, 1);
    return NULL;
  }
  if (!block)
    enter_ring(fresh, compiler ? compiler->ring : NULL);
  else if (ringed)
    fresh->next->previous = fresh->previous->next = fresh;
  return fresh + 1;
}

void *regexp_malloc(size_t bytes) { return regexp_realloc(NULL, bytes); }

void *regexp_calloc(size_t count, size_t bytes)
{
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all)) all = SIZE_MAX;
  void *body = regexp_malloc(all);
  return body ? memset(body, 0, all) : NULL;
}

void regexp_free(void *body)
{
  struct slice *slice = slice_current();
  if (!slice || !slice->mrb || !body) return;
  struct regexp_block *block = (struct regexp_block *)body - 1;
  leave_ring(block);
  mrb_free(slice->mrb, block);
}

/* Never raises: Oniguruma must come to its end. */
int regexp_must_end(void)
{
  struct slice *slice = slice_current();
  if (slice_pass(slice)) return 1;
  return slice->ran_ns - ruby_of(slice->mrb)->regexp_search->began > REGEXP_NS;
}

/* --- setting up --- */

static void prepare(void)
{
  OnigEncoding encodings[] = {ONIG_ENCODING_UTF8, ONIG_ENCODING_ASCII};
  (void)onig_initialize(encodings, 2);
  (void)onig_set_retry_limit_in_match(REGEXP_RETRIES);
  (void)onig_set_retry_limit_in_search(REGEXP_RETRIES);
  (void)onig_set_parse_depth_limit(REGEXP_DEPTH);
  (void)onig_set_capture_num_limit(REGEXP_GROUPS);
  /* A call is a place on the stack of the match, which is in the heap and so limited. */
  (void)onig_set_subexp_call_max_nest_level(INT32_MAX);
}

/* The job that opens an interpreter is not switched out (slice_run_unwatched), so no other thread waits
 * here for longer than this takes. */
void regexp_prepare(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, prepare);
}

/* --- compiling --- */

/* A pattern as deep as may be takes this much stack, with AddressSanitizer too. */
#define COMPILE_STACK ((size_t)4 << 20)

static void give_back(mrb_state *mrb, struct regexp *regexp)
{
  struct regexp_block *ring = regexp->ring, *block = ring->next;
  while (block != ring) {
    struct regexp_block *next = block->next;
    mrb_free(mrb, block);
    block = next;
  }
  mrb_free(mrb, ring);
  mrb_free(mrb, regexp);
}

static struct regexp *prepare_regexp(mrb_state *mrb, const char *source, size_t length,
                                     unsigned options)
{
  struct regexp *regexp = mrb_malloc_simple(mrb, sizeof *regexp + length + 1);
  struct regexp_block *ring = mrb_malloc_simple(mrb, sizeof *ring);
  if (!regexp || !ring) {
    mrb_free(mrb, regexp);
    mrb_free(mrb, ring);
    return NULL;
  }
  ring->next = ring->previous = ring;
  regexp->ring = ring;
  regexp->options = options;
  regexp->length = length;
  memcpy(regexp->source, source, length);
  regexp->source[length] = '\0';
  return regexp;
}

/* onig_new, of which nothing but the ring is left when there is no memory. */
__attribute__((noinline)) static int compile(struct regexp_compiler **running,
                                             struct regexp *regexp, const char *pattern,
                                             size_t length, OnigErrorInfo *about)
{
  unsigned options = regexp->options;
  OnigOptionType given = (options & (REGEXP_IGNORECASE | REGEXP_EXTENDED | REGEXP_MULTILINE)) |
                         ONIG_OPTION_WORD_IS_ASCII | ONIG_OPTION_DIGIT_IS_ASCII |
                         ONIG_OPTION_SPACE_IS_ASCII;
  OnigEncoding encoding = options & REGEXP_NOENCODING ? ONIG_ENCODING_ASCII : ONIG_ENCODING_UTF8;
  struct regexp_compiler compiler = {.ring = regexp->ring};
  int result = ONIGERR_MEMORY;
  *running = &compiler; // cppcheck-suppress autoVariables ; not for longer than this call
  if (!setjmp(compiler.no_memory))
    result =
        onig_new(&regexp->engine, (const OnigUChar *)pattern, (const OnigUChar *)pattern + length,
                 given, encoding, ONIG_SYNTAX_RUBY, about);
  *running = NULL;
  return result;
}

static struct regexp *try_to_compile(mrb_state *mrb, const char *pattern, size_t pattern_length,
                                     const char *source, size_t length, unsigned options,
                                     char why[ONIG_MAX_ERROR_MESSAGE_LEN])
{
  OnigErrorInfo about = {0};
  struct regexp *regexp = prepare_regexp(mrb, source, length, options);
  if (!regexp) return NULL;
  struct regexp_compiler **running = &ruby_of(mrb)->regexp_compiler;
  int result = compile(running, regexp, pattern, pattern_length, &about);
  if (result == ONIG_NORMAL) return regexp;
  if (result != ONIGERR_MEMORY) (void)onig_error_code_to_str((OnigUChar *)why, result, &about);
  give_back(mrb, regexp);
  return NULL;
}

struct regexp *regexp_compile(mrb_state *mrb, const char *pattern, size_t pattern_length,
                              const char *source, size_t length, unsigned options,
                              char why[ONIG_MAX_ERROR_MESSAGE_LEN])
{
  struct slice *slice = slice_current();
  why[0] = '\0';
  slice_need_stack(slice, COMPILE_STACK);
  struct regexp *regexp =
      try_to_compile(mrb, pattern, pattern_length, source, length, options, why);
  if (regexp || why[0]) return regexp;
  slice_look_at_memory(slice); /* it may be full of garbage */
  return try_to_compile(mrb, pattern, pattern_length, source, length, options, why);
}

void regexp_close(mrb_state *mrb, struct regexp *regexp) { give_back(mrb, regexp); }

bool regexp_equal(const struct regexp *a, const struct regexp *b)
{
  return a->options == b->options && a->length == b->length &&
         memcmp(a->source, b->source, a->length) == 0;
}

/* --- searching --- */

/* Oniguruma, searching backward, wants a match to end before the position that it begins at. */
static int search_backward(const struct regexp *regexp, const OnigUChar *begin,
                           const OnigUChar *end, const OnigUChar *at, OnigRegion *region)
{
  bool bytes = regexp->options & REGEXP_NOENCODING;
  if (at == end)
    return onig_search(regexp->engine, begin, end, at, begin, region, ONIG_OPTION_NONE);
  for (;; at--) {
    if (!bytes && (*at & 0xc0) == 0x80) continue;
    int found = onig_match(regexp->engine, begin, end, at, region, ONIG_OPTION_NONE);
    if (found != ONIG_MISMATCH || at == begin) return found;
  }
}

enum regexp_result regexp_search(mrb_state *mrb, const struct regexp *regexp,
                                 struct regexp_search *search, const char *text, size_t length,
                                 size_t from, enum regexp_where where)
{
  const OnigUChar *begin = (const OnigUChar *)text, *end = begin + length, *at = begin + from;
  struct ruby *ruby = ruby_of(mrb);
  search->began = ruby->slice->ran_ns;
  ruby->regexp_search = search;
  OnigRegion *region = &search->region;
  int found = ONIG_MISMATCH;
  switch (where) {
  case REGEXP_HERE:
    found = onig_match(regexp->engine, begin, end, at, region, ONIG_OPTION_NONE);
    break;
  case REGEXP_FORWARD:
    found = onig_search(regexp->engine, begin, end, at, end, region, ONIG_OPTION_NONE);
    break;
  case REGEXP_BACKWARD: found = search_backward(regexp, begin, end, at, region); break;
  }
  search->began = 0;
  if (found >= 0) return REGEXP_FOUND;
  switch (found) {
  case ONIG_MISMATCH: return REGEXP_NOT_FOUND;
  case ONIGERR_RETRY_LIMIT_IN_MATCH_OVER:
  case ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER: return REGEXP_TOO_LONG;
  case ONIGERR_MEMORY:
  case ONIGERR_MATCH_STACK_LIMIT_OVER: return REGEXP_NO_MEMORY;
  default: return REGEXP_FAILED;
  }
}
