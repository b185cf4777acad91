/* Tests of driver/load_path.c. */
#include "load_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct load_path path_of(const char *text) { return (struct load_path){text, strlen(text)}; }

static void must_take(struct load_path *path, const char *wanted)
{
  char directory[LOAD_PATH_BYTES];
  size_t length = 0;
  assert_true(load_path_take(path, directory, &length));
  assert_int_equal(length, strlen(wanted));
  assert_memory_equal(directory, wanted, length);
}

static void must_be_empty(struct load_path *path)
{
  char directory[LOAD_PATH_BYTES];
  size_t length = 0;
  assert_false(load_path_take(path, directory, &length));
}

static void directories_come_in_their_order(void **state)
{
  (void)state;
  struct load_path path = path_of("/a:/b/c:/a");
  assert_int_equal(load_path_check(path), STATUS_OK);
  must_take(&path, "/a");
  must_take(&path, "/b/c");
  must_take(&path, "/a");
  must_be_empty(&path);
  must_be_empty(&path);
}

static void an_empty_path_has_none(void **state)
{
  (void)state;
  struct load_path path = {NULL, 0};
  must_be_empty(&path);
}

static void bytes_may_be_hexadecimal(void **state)
{
  (void)state;
  struct load_path path = path_of("/my%20lib:/%3a%25%C3%bc:%2fetc");
  assert_int_equal(load_path_check(path), STATUS_OK);
  must_take(&path, "/my lib");
  must_take(&path, "/:%\xc3\xbc");
  must_take(&path, "/etc");
}

static void what_is_no_absolute_path_is_malformed(void **state)
{
  static const char *const texts[] = {
      "",    ":",    "a",     "a/b",  "/a:",   ":/a",    "/a::/b", "/a:b", "/a b",    "/a\nb",
      "/a%", "/a%4", "/a%g0", "/%0g", "/a%00", "/a%:/b", "%41/a",  "./a",  "/a:../b", "/a%2"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (load_path_check(path_of(texts[i])) != STATUS_MALFORMED) fail_msg("%s", texts[i]);
}

static void a_path_may_have_so_many_bytes(void **state)
{
  (void)state;
  char text[LOAD_PATH_BYTES + 3];
  memset(text, 'a', sizeof text);
  text[0] = '/';
  assert_int_equal(load_path_check((struct load_path){text, LOAD_PATH_BYTES}), STATUS_OK);
  assert_int_equal(load_path_check((struct load_path){text, LOAD_PATH_BYTES + 1}),
                   STATUS_TOO_LARGE);
  /* Of what it stands for */
  memcpy(text + 1, "%41", 3);
  assert_int_equal(load_path_check((struct load_path){text, LOAD_PATH_BYTES + 2}), STATUS_OK);
}

static void there_may_be_so_many(void **state)
{
  (void)state;
  size_t length = 3 * LOAD_PATH_MOST - 1;
  char text[3 * LOAD_PATH_MOST + 2];
  for (size_t i = 0; i < sizeof text; i++) text[i] = "/a:"[i % 3];
  assert_int_equal(load_path_check((struct load_path){text, length}), STATUS_OK);
  assert_int_equal(load_path_check((struct load_path){text, length + 3}), STATUS_TOO_LARGE);
}

/* Nothing behind the end is looked at. */
static void the_text_need_not_be_terminated(void **state)
{
  (void)state;
  static const char text[] = "/a%20:/b";
  for (size_t length = 1; length < sizeof text; length++) {
    char *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, text, length);
    struct load_path path = {copy, length};
    bool good = length != 3 && length != 4 && length != 6;
    assert_int_equal(load_path_check(path), good ? STATUS_OK : STATUS_MALFORMED);
    free(copy);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(directories_come_in_their_order),
      cmocka_unit_test(an_empty_path_has_none),
      cmocka_unit_test(bytes_may_be_hexadecimal),
      cmocka_unit_test(what_is_no_absolute_path_is_malformed),
      cmocka_unit_test(a_path_may_have_so_many_bytes),
      cmocka_unit_test(there_may_be_so_many),
      cmocka_unit_test(the_text_need_not_be_terminated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
