/* What the fuzzers share: a check that ends the run, and decisions read from the input.
 *
 * A fuzzer is a program of libFuzzer (https://llvm.org/docs/LibFuzzer.html) that is called with bytes, and
 * must end in the same way for the same bytes. It finds a fault when a `must` does not hold, a sanitizer
 * has something to say, or the process ends.
 */
#ifndef RUBEAM_FUZZ_HARNESS_H
#define RUBEAM_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's, see there; the second is ours to have. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *count, char ***arguments);

/* Says what does not hold, and ends the process, so that libFuzzer keeps the input. Any thread or stack. */
_Noreturn void fuzz_fail(const char *file, int line, const char *what);
#define must(condition)                                                                            \
  do {                                                                                             \
    if (!(condition)) fuzz_fail(__FILE__, __LINE__, #condition);                                   \
  } while (0)

/* The input, from which a fuzzer takes its decisions. At the end of it all of them are 0. */
struct input {
  const uint8_t *at, *end;
};

static inline size_t input_left(const struct input *input)
{
  return (size_t)(input->end - input->at);
}

static inline uint8_t input_byte(struct input *input)
{
  return input->at < input->end ? *input->at++ : 0;
}

/* The next `bytes`, or as many as there are; not copied. */
static inline const uint8_t *input_bytes(struct input *input, size_t *bytes)
{
  const uint8_t *at = input->at;
  if (*bytes > input_left(input)) *bytes = input_left(input);
  input->at += *bytes;
  return at;
}

/* A block of exactly that size, so that a byte read beyond it is seen. For free(). */
uint8_t *fuzz_copy(const void *bytes, size_t length);

#endif
