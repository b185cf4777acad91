/* Tests of driver/image.c. */
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct specimen specimen_of(const uint64_t *words, size_t count, uintptr_t place)
{
  return (struct specimen){.words = words,
                           .length = count * sizeof *words,
                           .place = place,
                           .place_length = count * sizeof *words};
}

static void pointers_are_found_and_moved(void **state)
{
  (void)state;
  const uint64_t one[] = {0, 0x10000, 7, 0x10018, UINT64_MAX, 0x10020};
  const uint64_t other[] = {0, 0x50000, 7, 0x50018, UINT64_MAX, 0x50020};
  struct specimen a = specimen_of(one, COUNT(one), 0x10000);
  struct specimen b = specimen_of(other, COUNT(other), 0x50000);
  struct image image;
  size_t odd;
  assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_OK);
  assert_int_equal(image.length, sizeof one);
  assert_int_equal(image.count, 3);
  const uint64_t wanted[] = {0, 0x7000, 7, 0x7018, UINT64_MAX, 0x7020};
  uint64_t copied[COUNT(one)];
  memcpy(copied, image.words, sizeof copied);
  image_move(&image, copied, 0x7000);
  assert_memory_equal(copied, wanted, sizeof wanted);
  /* …any number of times */
  memcpy(copied, image.words, sizeof copied);
  image_move(&image, copied, 0x10000);
  assert_memory_equal(copied, one, sizeof one);
  image_fini(&image);
}

/* What points into a place that is not this memory itself. */
static void words_may_be_elsewhere(void **state)
{
  (void)state;
  const uint64_t one[] = {0x10000, 1}, other[] = {0x50000, 1};
  struct specimen a = specimen_of(one, 2, 0x10000), b = specimen_of(other, 2, 0x50000);
  a.place_length = b.place_length = 0x1000;
  struct image image;
  size_t odd;
  assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_OK);
  assert_int_equal(image.count, 1);
  image_fini(&image);
}

static void what_is_no_pointer_and_not_the_same_is_refused(void **state)
{
  (void)state;
  static const struct {
    uint64_t one, other;
  } cases[] = {
      {1, 2},
      {0, 0x50000},
      {0x10000, 0x50008},             /* not the distance */
      {0x10000, 0x10008},             /* into the same place */
      {0x0ffff, 0x4ffff},             /* the distance, but before the places … */
      {0x10021, 0x50021},             /* … and behind them */
      {0x50000, 0x90000},             /* into the other's */
      {0x50000, 0x10000},             /* each into the other's */
      {0x10000u << 2, 0x50000u << 2}, /* a pointer in disguise */
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const uint64_t one[] = {0x10000, cases[i].one, 9, 9};
    const uint64_t other[] = {0x50000, cases[i].other, 9, 9};
    struct specimen a = specimen_of(one, 4, 0x10000), b = specimen_of(other, 4, 0x50000);
    struct image image = {.count = 77};
    size_t odd = 0;
    assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_MALFORMED);
    assert_int_equal(odd, 1);
    assert_int_equal(image.count, 77);
  }
}

static void lengths_must_be_the_same(void **state)
{
  (void)state;
  const uint64_t words[] = {1, 2, 3};
  struct specimen a = specimen_of(words, 3, 0x10000), b = specimen_of(words, 2, 0x50000);
  struct image image;
  size_t odd = 0;
  assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_MALFORMED);
  assert_true(odd == SIZE_MAX);
  b = specimen_of(words, 3, 0x50000);
  b.place_length += 16;
  assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_MALFORMED);
  assert_true(odd == SIZE_MAX);
}

static void nothing_at_all_is_an_image(void **state)
{
  (void)state;
  const uint64_t words[] = {1};
  struct specimen a = specimen_of(words, 0, 0x10000), b = specimen_of(words, 0, 0x50000);
  struct image image;
  size_t odd;
  assert_int_equal(image_make(&a, &b, &image, &odd), STATUS_OK);
  assert_int_equal(image.length + image.count, 0);
  image_fini(&image);
  image_fini(&image); /* as one of all zeros */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pointers_are_found_and_moved),
      cmocka_unit_test(words_may_be_elsewhere),
      cmocka_unit_test(what_is_no_pointer_and_not_the_same_is_refused),
      cmocka_unit_test(lengths_must_be_the_same),
      cmocka_unit_test(nothing_at_all_is_an_image),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
