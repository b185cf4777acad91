/* mruby's own tests with the job switched out at every n-th allocation, or every n-th instruction:
 * does each file give what it gives when nothing interrupts it? What it gives is told by
 * test/mruby/report.rb, and test/erlang/mruby_SUITE compares that with plain mruby.
 *
 * The files are those that `make setup` has fetched: build/mruby-VERSION, or MRUBY_SRC. */
#include "preempt.h"

#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"
#include "waiting.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of all runs of one test. Sanitizers and valgrind don't get to the last file in it. */
#define TIME_NS (INT64_C(8) * 1000000000)

#define HOUR_US UINT64_C(3600000000)

/* A run that gives way so often hangs: the longest file has some hundred thousand instructions. */
#define MANY_SLICES 50000000

/* --- files --- */

struct file {
  char *path;
  char *text;
  size_t length;
};

static struct file prelude, assert_rb, report;
static struct file tests[200];
static size_t test_count;

static struct file read_file(const char *path)
{
  struct file file = {.path = strdup(path)};
  FILE *stream = fopen(path, "rb");
  if (!stream) fail_msg("%s can't be read: tests run where make does, after make setup", path);
  size_t room = 0;
  ssize_t length = getdelim(&file.text, &room, '\0', stream); /* no test file has a NUL */
  file.length = length > 0 ? (size_t)length : 0;
  assert_true(feof(stream));
  (void)fclose(stream);
  return file;
}

static void free_file(struct file *file)
{
  free(file->path);
  free(file->text);
}

static void add_tests(const char *pattern)
{
  glob_t found;
  if (glob(pattern, 0, NULL, &found) != 0) return; /* a gem without tests */
  for (size_t i = 0; i < found.gl_pathc; i++) {
    assert_in_range(test_count, 0, sizeof tests / sizeof *tests - 1);
    tests[test_count++] = read_file(found.gl_pathv[i]);
  }
  globfree(&found);
}

/* The first that matches; it lives as long as `found`. */
static const char *find_one(const char *pattern, glob_t *found)
{
  if (glob(pattern, 0, NULL, found) != 0) fail_msg("there is no %s", pattern);
  return found->gl_pathv[0];
}

/* All variants have the same gems. */
static void add_tests_of_gems(const char *source)
{
  glob_t found;
  char line[100], pattern[1000];
  FILE *gems = fopen(find_one("build/mruby/*/mrbgems/active_gems.txt", &found), "r");
  assert_non_null(gems);
  while (fgets(line, sizeof line, gems)) {
    line[strcspn(line, "\n")] = '\0';
    (void)snprintf(pattern, sizeof pattern, "%s/mrbgems/%s/test/*.rb", source, line);
    add_tests(pattern);
  }
  (void)fclose(gems);
  globfree(&found);
}

static int read_all(void **state)
{
  glob_t found = {0};
  char path[1000];
  const char *source = getenv("MRUBY_SRC");
  if (!source || !*source) source = find_one("build/mruby-[0-9]*.[0-9]*[0-9]", &found);
  prelude = read_file("test/mruby/prelude.rb");
  report = read_file("test/mruby/report.rb");
  (void)snprintf(path, sizeof path, "%s/test/assert.rb", source);
  assert_rb = read_file(path);
  (void)snprintf(path, sizeof path, "%s/test/t/*.rb", source);
  add_tests(path);
  add_tests_of_gems(source);
  assert_true(test_count > 80);
  globfree(&found);
  return start_watchdog(state);
}

static int forget_all(void **state)
{
  (void)stop_watchdog(state);
  free_file(&prelude);
  free_file(&report);
  free_file(&assert_rb);
  for (size_t i = 0; i < test_count; i++) free_file(&tests[i]);
  return 0;
}

/* --- a session that is interrupted --- */

/* Of the one session that there is at a time. */
static struct {
  unsigned allocations, instructions; /* give way at each n-th; 0 is never */
  unsigned allocation, instruction;   /* since the last one */
  uint64_t slices;
} interrupts;

/* The slice's own hook takes itself out, and the begin of a slice takes out any: this one comes
 * back behind both. */
static void count_instruction(mrb_state *mrb, const mrb_irep *irep, const mrb_code *pc,
                              mrb_value *registers)
{
  struct slice *slice = mrb->allocf_ud;
  if (++interrupts.instruction >= interrupts.instructions) {
    interrupts.instruction = 0;
    atomic_store(&slice->watched.asked, true);
    slice->watched.hook(mrb, irep, pc, registers);
  }
  mrb->code_fetch_hook = count_instruction;
}

static void *allocate(mrb_state *mrb, void *block, size_t bytes, void *user)
{
  struct slice *slice = user;
  if (interrupts.allocations > 0 && bytes > 0 &&
      ++interrupts.allocation >= interrupts.allocations) {
    interrupts.allocation = 0;
    atomic_store(&slice->watched.asked, true);
  }
  void *fresh = slice_allocate(mrb, block, bytes, user);
  if (interrupts.instructions > 0 && !mrb->code_fetch_hook)
    mrb->code_fetch_hook = count_instruction;
  return fresh;
}

static struct session *open_interrupted(unsigned allocations, unsigned instructions)
{
  preempt_install();
  struct session *session = new_session("");
  session->options.slice_us = HOUR_US; /* nobody else asks it to give way */
  open_interpreter(session);
  memset(&interrupts, 0, sizeof interrupts);
  interrupts.allocations = allocations;
  interrupts.instructions = instructions;
  session->ruby.mrb->allocf = allocate;
  return session;
}

static void answer_interrupted(void *data)
{
  struct session *session = data;
  if (interrupts.instructions > 0) session->ruby.mrb->code_fetch_hook = count_instruction;
  answer_request(session);
}

/* The reply is the session's until the next eval. */
static void eval_file(struct session *session, const struct file *file)
{
  const char *name = strrchr(file->path, '/') + 1;
  session->request = (struct request){.kind = REQUEST_EVAL,
                                      .has_id = true,
                                      .code = {(const uint8_t *)file->text, file->length},
                                      .file = {(const uint8_t *)name, strlen(name)},
                                      .line = 1};
  buffer_clear(&session->reply);
  slice_ready(&session->slice);
  assert_int_equal(slice_start(&session->slice, answer_interrupted, session), STATUS_OK);
  do {
    assert_int_equal(slice_run(&session->slice, false, &session->end), STATUS_OK);
    if (session->end == SLICE_WAITING) pause_us(200);
    if (interrupts.slices++ > MANY_SLICES) fail_msg("%s does not end", file->path);
  } while (session->end == SLICE_PREEMPTED || session->end == SLICE_WAITING);
  if (session->end != SLICE_RETURNED)
    fail_msg("%s, with every %u. allocation, %u. instruction: killed, for reason %d", file->path,
             interrupts.allocations, interrupts.instructions, (int)session->slice.killed);
  assert_int_equal(buffer_status(&session->reply), STATUS_OK);
}

/* What report.rb says of the file, as the reply's bytes; the caller frees it. Adds to *slices. */
static char *run(const struct file *file, unsigned allocations, unsigned instructions,
                 size_t *length, uint64_t *slices)
{
  struct session *session = open_interrupted(allocations, instructions);
  eval_file(session, &prelude);
  eval_file(session, &assert_rb);
  eval_file(session, file);
  eval_file(session, &report);
  assert_true(heap_check(session->heap));
  *length = session->reply.length;
  *slices += interrupts.slices;
  char *bytes = malloc(*length + 1);
  assert_non_null(bytes);
  memcpy(bytes, session->reply.bytes, *length);
  bytes[*length] = '\0';
  close_session(session);
  return bytes;
}

/* {ok, Binary}: the text begins behind the version, the tuple, the atom and the binary's length. */
#define HEAD 12

static void must_give_the_same(const struct file *file, unsigned allocations, unsigned instructions,
                               uint64_t *slices)
{
  size_t wanted_length, length;
  uint64_t ignored = 0;
  char *wanted = run(file, 0, 0, &wanted_length, &ignored);
  char *got = run(file, allocations, instructions, &length, slices);
  assert_memory_equal(wanted, "\x83h\2w\2okm", 8);
  if (length != wanted_length || memcmp(wanted, got, length) != 0)
    fail_msg("%s, with every %u. allocation, %u. instruction:\n%s\nand without:\n%s", file->path,
             allocations, instructions, length > HEAD ? got + HEAD : "", wanted + HEAD);
  free(wanted);
  free(got);
}

/* All files with each n, as far as time allows. */
static void all_must_give_the_same(bool instructions)
{
  static const unsigned each[] = {1, 7, 2, 3, 5, 13, 31};
  int64_t end = test_now_ns() + TIME_NS;
  for (size_t n = 0; n < sizeof each / sizeof *each && test_now_ns() < end; n++) {
    uint64_t slices = 0;
    size_t done = 0;
    for (; done < test_count && test_now_ns() < end; done++)
      must_give_the_same(&tests[done], instructions ? 0 : each[n], instructions ? each[n] : 0,
                         &slices);
    print_message("every %u. %s: %zu of %zu files, %llu slices\n", each[n],
                  instructions ? "instruction" : "allocation", done, test_count,
                  (unsigned long long)slices);
  }
}

static void tests_of_mruby_that_give_way_in_the_allocator_give_the_same(void **state)
{
  (void)state;
  all_must_give_the_same(false);
}

static void tests_of_mruby_that_give_way_at_instructions_give_the_same(void **state)
{
  (void)state;
  all_must_give_the_same(true);
}

int main(void)
{
  const struct CMUnitTest all[] = {
      cmocka_unit_test(tests_of_mruby_that_give_way_in_the_allocator_give_the_same),
      cmocka_unit_test(tests_of_mruby_that_give_way_at_instructions_give_the_same),
  };
  return cmocka_run_group_tests(all, read_all, forget_all);
}
