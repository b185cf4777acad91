/* mruby's own tests in plain mruby: what Rubeam's results are compared with. Built with an mruby as
 * a program would embed it (the variant `plain`).
 *
 *   plain_tests PRELUDE ASSERT REPORT TEST...
 *
 * For each TEST a fresh state evaluates four files: PRELUDE, ASSERT, TEST, REPORT. Standard output
 * gets a line "BYTES NAME" and behind it so many bytes of text: a line "raised WHAT" for each file
 * that let an exception out, then the value of REPORT. Started by mruby_SUITE.erl. */
#include <mruby.h>
#include <mruby/class.h>
#include <mruby/compile.h>
#include <mruby/string.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what)
{
  fprintf(stderr, "plain_tests: %s\n", what);
  exit(1);
}

static char *read_file(const char *path, size_t *length)
{
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  long size = ftell(file);
  char *bytes = size < 0 ? NULL : malloc((size_t)size + 1);
  rewind(file);
  if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail(path);
  fclose(file);
  *length = (size_t)size;
  return bytes;
}

static const char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* In a scope of its own, as mruby's test program has it. */
static mrb_value eval_file(mrb_state *mrb, const char *path)
{
  size_t length;
  char *code = read_file(path, &length);
  mrbc_context *context = mrbc_context_new(mrb);
  mrbc_filename(mrb, context, base_name(path));
  context->capture_errors = TRUE;
  mrb_value value = mrb_load_nstring_cxt(mrb, code, length, context);
  mrbc_context_free(mrb, context);
  free(code);
  return value;
}

/* "Class: message" of the exception that is out, as mruby_SUITE.erl writes it; forgets it. */
static void tell_exception(mrb_state *mrb, FILE *out)
{
  mrb_value exception = mrb_obj_value(mrb->exc);
  mrb->exc = NULL;
  mrb_value message = mrb_funcall(mrb, exception, "message", 0);
  fprintf(out, "raised %s: %s\n", mrb_obj_classname(mrb, exception),
          mrb_string_p(message) ? mrb_str_to_cstr(mrb, message) : "");
  mrb->exc = NULL;
}

static void run(const char *files[4])
{
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  mrb_state *mrb = mrb_open();
  mrb_value value = mrb_nil_value();
  if (!out || !mrb) fail("no memory");
  for (int i = 0; i < 4; i++) {
    value = eval_file(mrb, files[i]);
    if (mrb->exc) tell_exception(mrb, out);
  }
  if (mrb_string_p(value)) fwrite(RSTRING_PTR(value), 1, (size_t)RSTRING_LEN(value), out);
  fclose(out);
  mrb_close(mrb);
  printf("%zu %s\n", length, files[2]);
  fwrite(text, 1, length, stdout);
  free(text);
}

int main(int count, char **arguments)
{
  if (count < 5) fail("usage: plain_tests PRELUDE ASSERT REPORT TEST...");
  for (int i = 4; i < count; i++)
    run((const char *[]){arguments[1], arguments[2], arguments[i], arguments[3]});
  return 0;
}
