/* See harness.h. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the sanitizers are told. malloc may give NULL: that is a case that the core handles. A signal stack
 * is what fault.c brings: the handler that ASan has for SIGSEGV stays the one behind ours, and tells of
 * every fault that is not the guard of a job's stack. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "use_sigaltstack=0:allocator_may_return_null=1:quarantine_size_mb=16:malloc_context_size="
         "8";
}

/* In the driver the linker's --wrap sends the calls of abort() to __wrap_abort, which calls this where no
 * job runs. Here only the core and mruby are wrapped (see the Makefile), so its other name is missing. */
_Noreturn void __real_abort(void);
_Noreturn void __real_abort(void) { abort(); }

static void say(const char *text)
{
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* then nobody listens */
}

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
  char digits[12];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + line % 10);
  } while ((line /= 10) > 0);
  say("\n");
  say(file);
  say(":");
  say(digits + at);
  say(": does not hold: ");
  say(what);
  say("\n");
  abort();
}

uint8_t *fuzz_copy(const void *bytes, size_t length)
{
  uint8_t *copy = malloc(length > 0 ? length : 1);
  must(copy != NULL);
  if (length > 0) memcpy(copy, bytes, length);
  return copy;
}
