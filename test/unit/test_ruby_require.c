/* Tests of driver/ruby_require.c, with files in a directory of the test's own:
 *
 *   in/   the load path: lib, with a space in its name     out/   what must not be reached */
#include "job_fixture.h"
#include "ruby_fixture.h"
#include "sanitizers.h"
#include "waiting.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[PATH_MAX];

static const char *in_root(const char *name)
{
  static char path[2 * PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", root, name);
  return path;
}

/* Not with stdio: the link makes its output ours (stdio_guard.c). */
static void file(const char *name, const char *text)
{
  int out = open(in_root(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(out >= 0);
  assert_int_equal(write(out, text, strlen(text)), strlen(text));
  assert_int_equal(close(out), 0);
}

static void link_to(const char *name, const char *target)
{
  assert_int_equal(symlink(target, in_root(name)), 0);
}

static int make_root(void **state)
{
  static const char *const directories[] = {"my lib", "my lib/sub", "second", "out",
                                            "my lib/dir.rb"};
  char made[] = "/tmp/rubeam_require_XXXXXX";
  (void)state;
  if (!mkdtemp(made) || !realpath(made, root)) return -1;
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
    if (mkdir(in_root(directories[i]), 0700)) return -1;
  file("my lib/a.rb", "x = 5\n$x = x\ndef from_a = __FILE__\nmodule A; N = [__LINE__]; end\n");
  file("my lib/both.rb", "$both = 1");
  file("second/both.rb", "$both = 2");
  file("second/only.rb", "$only = 1");
  file("my lib/raises.rb", "$tries = ($tries || 0) + 1\nraise 'no' if $tries < 3\n");
  file("my lib/syntax.rb", "\ndef (");
  file("my lib/circle.rb", "$circle = (require 'sub/circle_2')\n");
  file("my lib/sub/circle_2.rb", "$circle_2 = (require 'circle')\n");
  file("my lib/sub/relative.rb",
       "$relative = [(require_relative '../a'), (require_relative 'near')]\n");
  file("my lib/sub/near.rb", "def far = require_relative('relative')\n");
  file("my lib/sub/escapes.rb", "require_relative '../../out/secret'\n");
  file("my lib/counts.rb", "$count = ($count || 0) + 1\n");
  file("my lib/long.rb", "#0123456789012345678901234567890123456789\n$long = 1\n");
  file("my lib/empty.rb", "");
  file("my lib/uses_y.rb", "y");
  file("my lib/itself.rb", "require 'itself'; load 'itself.rb' if false; $itself = 1");
  file("my lib/endless.rb", "load 'endless.rb'");
  file("my lib/plain", "$plain = 1");
  file("out/secret.rb", "$secret = 1");
  link_to("my lib/secret.rb", "../out/secret.rb");
  link_to("my lib/outside", "../out");
  link_to("my lib/same.rb", "counts.rb");
  link_to("my lib/nowhere.rb", "nothing");
  link_to("my lib/round.rb", "round.rb");
  link_to("my lib/zero.rb", "/dev/zero");
  return mkfifo(in_root("my lib/pipe.rb"), 0600);
}

static int remove_root(void **state)
{
  char command[PATH_MAX + 20];
  (void)state;
  (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command); /* NOLINT: a path of mkdtemp's */
}

static struct session *open_with(const char *more)
{
  char options[4 * PATH_MAX];
  (void)snprintf(options, sizeof options, "load_path=%s/my%%20lib:%s/second%s", root, root, more);
  return open_session_with(options);
}

static void must_not_load(struct session *session, const char *name)
{
  char code[PATH_MAX];
  for (unsigned i = 0; i < 2; i++) {
    (void)snprintf(code, sizeof code, "%s(\"%s\")", i == 0 ? "require" : "load", name);
    must_raise(session, code, "LoadError", "cannot load such file -- *");
  }
}

/* --- what is found --- */

static void a_file_is_loaded_once(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "[require('a'), require('a'), require('a.rb'), $x, A::N]",
            "[true,false,false,5,[4]]");
  must_give(session, "require 'same'; require 'counts'; $count", "1"); /* by its real path */
  must_give(session, "require 'empty'", "true");
  close_session(session);
}

static void a_file_has_its_own_variables_and_name(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "x = 1; require 'a'; [x, $x, from_a.end_with?('/my lib/a.rb')]", "[1,5,true]");
  must_raise(session, "load 'a.rb'; y = 2; load 'uses_y.rb'", "NoMethodError",
             "undefined method 'y'");
  close_session(session);
}

static void directories_are_looked_into_in_their_order(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "[require('both'), $both, require('only'), $only]", "[true,1,true,1]");
  close_session(session);
}

static void a_file_that_raises_is_not_remembered(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_raise(session, "require 'raises'", "RuntimeError", "no");
  must_raise(session, "require 'raises'", "RuntimeError", "no");
  must_give(session, "[require('raises'), require('raises'), $tries]", "[true,false,3]");
  must_raise(session, "require 'syntax'", "SyntaxError", "*my lib/syntax.rb:2:*");
  must_raise(session, "require 'syntax'", "SyntaxError", "*");
  close_session(session);
}

static void files_that_require_each_other_come_to_an_end(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "[require('circle'), $circle, $circle_2]", "[true,true,false]");
  must_give(session, "[require('itself'), $itself]", "[true,1]");
  close_session(session);
}

static void relative_is_relative_to_the_file_that_says_so(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "[require('sub/relative'), $relative, far]", "[true,[true,true],false]");
  must_raise(session, "require_relative 'a'", "LoadError", "cannot infer basepath");
  char options[3 * PATH_MAX];
  (void)snprintf(options, sizeof options, "#{file => `%s`}", in_root("my lib/main.rb"));
  eval_with(session, "require_relative 'counts'", options);
  must_have_replied(session, "an eval with a file", "{ok,true}");
  close_session(session);
}

static void load_runs_a_file_each_time(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(
      session,
      "[load('counts.rb'), load('counts.rb'), require('counts'), load('plain'), $count, $plain]",
      "[true,true,true,true,3,1]");
  must_raise(session, "load 'counts'", "LoadError", "cannot load such file -- counts");
  must_raise(session, "load 'counts.rb', true", "ArgumentError", "*");
  close_session(session);
}

static void what_is_built_in_is_there_already(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_give(session, "[require('json'), require('set')]", "[false,false]");
  must_raise(session, "require 'net/http'", "LoadError", "cannot load such file -- net/http");
  close_session(session);
}

/* --- what is not --- */

static void nothing_else_can_be_reached(void **state)
{
  static const char *const names[] = {"nothing",
                                      "secret",
                                      "outside/secret",
                                      "../out/secret",
                                      "dir",
                                      "dir.rb",
                                      "pipe",
                                      "zero",
                                      "nowhere",
                                      "round",
                                      "/etc/passwd",
                                      "sub",
                                      "",
                                      ".",
                                      "..",
                                      "/",
                                      "a\\0",
                                      "a.rb\\0.rb",
                                      "\\xff",
                                      "../../../../../etc/passwd",
                                      "outside/../my lib/../out/secret"};
  (void)state;
  struct session *session = open_with("");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) must_not_load(session, names[i]);
  must_raise(session, "require 'sub/escapes'", "LoadError", "*out/secret");
  must_raise(session, "require('x' * 100_000)", "LoadError", "*");
  must_raise(session, "require \"#{$:[0]}/a\"", "LoadError", "*"); /* absolute, though inside */
  must_raise(session, "require nil", "TypeError", "no implicit conversion of nil into String");
  must_give(session, "[$secret, $x]", "[nil,nil]");
  close_session(session);
}

static void without_a_load_path_there_is_no_file(void **state)
{
  (void)state;
  struct session *session = open_session();
  must_not_load(session, "a");
  must_give(session, "[$LOAD_PATH, $:, $LOADED_FEATURES, $\"]", "[[],[],[],[]]");
  close_session(session);
}

static void the_load_path_is_shown_and_can_not_be_changed(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_give(session, "$LOAD_PATH.map { |d| d.split('/')[-1] } + [$:.equal?($LOAD_PATH)]",
            "[\"my lib\",\"second\",true]");
  must_raise(session, "$: << '/etc'", "FrozenError", "*");
  must_raise(session, "$:[0] << 'x'", "FrozenError", "*");
  eval(session, "$: = $LOAD_PATH = ['/etc', '/']");
  must_not_load(session, "passwd");
  must_not_load(session, "etc/passwd");
  eval(session, "ObjectSpace.each_object(Array) { |a| a.clear unless a.frozen? }; "
                "ObjectSpace.each_object(String) { |s| s.replace('/etc') unless s.frozen? }");
  must_not_load(session, "passwd");
  must_give(session, "require 'only'", "true");
  must_give(session, "$LOADED_FEATURES.map { |d| d.split('/')[-1] }", "[\"only.rb\"]");
  must_raise(session, "$LOADED_FEATURES.clear", "FrozenError", "*");
  close_session(session);
}

static void a_file_may_be_as_long_as_max_source(void **state)
{
  (void)state;
  struct session *session = open_with(" max_source=52");
  must_give(session, "[require('long'), $long]", "[true,1]");
  close_session(session);
  session = open_with(" max_source=51");
  must_raise(session, "require 'long'", "LoadError", "long is longer than max_source");
  close_session(session);
}

/* --- how it ends --- */

static unsigned open_files(void)
{
  unsigned count = 0;
  DIR *directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  while (readdir(directory)) count++; /* NOLINT(concurrency-mt-unsafe) */
  (void)closedir(directory);
  return count;
}

static void no_file_stays_open(void **state)
{
  (void)state;
  unsigned before = open_files();
  struct session *session = open_with(" memory_limit=4000000");
  static const char *const codes[] = {"require 'a'",       "require 'nothing'", "require 'syntax'",
                                      "load 'raises.rb'",  "require 'pipe'",    "require 'dir'",
                                      "load 'endless.rb'", "require 'a'"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) eval(session, codes[i]);
  assert_int_equal(open_files(), before);
  close_session(session);
}

static void a_file_that_loads_itself_for_ever_is_an_error(void **state)
{
  (void)state;
  struct session *session = open_with("");
  must_raise(session, "load 'endless.rb'", "SystemStackError", "*");
  must_be_usable(session);
  close_session(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_watched_jobs, end_watched_jobs)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_file_is_loaded_once),
      TEST(a_file_has_its_own_variables_and_name),
      TEST(directories_are_looked_into_in_their_order),
      TEST(a_file_that_raises_is_not_remembered),
      TEST(files_that_require_each_other_come_to_an_end),
      TEST(relative_is_relative_to_the_file_that_says_so),
      TEST(load_runs_a_file_each_time),
      TEST(what_is_built_in_is_there_already),
      TEST(nothing_else_can_be_reached),
      TEST(without_a_load_path_there_is_no_file),
      TEST(the_load_path_is_shown_and_can_not_be_changed),
      TEST(a_file_may_be_as_long_as_max_source),
      TEST(no_file_stays_open),
      TEST(a_file_that_loads_itself_for_ever_is_an_error),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
