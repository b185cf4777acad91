/* mruby must never write to the standard streams of the process it lives in.
 *
 * A few places of it do: the compiler tells some errors with fprintf only, Struct.new warns. The
 * library is linked with --wrap for these functions, so that calls from inside of it come here:
 * on a job's stack the text goes to the job's slice, elsewhere it is dropped. Any thread. (abort()
 * is turned away in the same manner, by fault.c.)
 */
#include "slice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int __wrap_fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_fputs(const char *text, FILE *stream);
int __wrap_putc(int character, FILE *stream);
int __wrap_fputc(int character, FILE *stream);
size_t __wrap_fwrite(const void *items, size_t size, size_t count, FILE *stream);

static void say(const char *text, size_t length)
{
  struct slice *slice = slice_current();
  if (slice) slice_say(slice, text, length);
}

int __wrap_fprintf(FILE *stream, const char *format, ...)
{
  (void)stream;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length > 0) say(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
  return length;
}

int __wrap_fputs(const char *text, FILE *stream)
{
  (void)stream;
  say(text, strlen(text));
  return 1;
}

int __wrap_putc(int character, FILE *stream)
{
  (void)stream;
  char byte = (char)character;
  say(&byte, 1);
  return character;
}

int __wrap_fputc(int character, FILE *stream) { return __wrap_putc(character, stream); }

size_t __wrap_fwrite(const void *items, size_t size, size_t count, FILE *stream)
{
  (void)stream;
  say(items, size * count);
  return count;
}
