/* Tests of driver/region.c. */
#include "region.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MB ((size_t)1 << 20)

static struct region open_region(size_t bytes)
{
  struct region region;
  assert_int_equal(region_open(bytes, &region), STATUS_OK);
  assert_int_equal(region.bytes, bytes);
  return region;
}

static void close_touched(struct region region, size_t touched)
{
  region.touched = touched;
  region_close(&region);
}

static void must_be_zeros(const struct region *region, size_t from, size_t to)
{
  const unsigned char *bytes = region->at;
  for (size_t i = from; i < to; i++) assert_int_equal(bytes[i], 0);
}

static int none_is_spare(void **state)
{
  (void)state;
  region_trim(0);
  return 0;
}

static void a_fresh_one_is_zeros(void **state)
{
  (void)state;
  struct region region = open_region(MB);
  assert_int_equal(region.touched, 0);
  must_be_zeros(&region, 0, MB);
  memset(region.at, 1, MB);
  close_touched(region, MB);
}

static void one_that_was_closed_comes_again(void **state)
{
  (void)state;
  struct region region = open_region(MB);
  memset(region.at, 1, 8192);
  close_touched(region, 8192);
  struct region again = open_region(MB);
  assert_ptr_equal(again.at, region.at);
  assert_int_equal(again.touched, 8192);
  must_be_zeros(&again, 8192, MB);
  struct region other = open_region(MB);
  assert_int_equal(other.touched, 0);
  close_touched(again, 0);
  close_touched(other, 0);
}

static void of_a_large_one_little_is_kept(void **state)
{
  (void)state;
  struct region region = open_region(8 * MB);
  memset(region.at, 1, 8 * MB);
  close_touched(region, SIZE_MAX); /* too much: all of it */
  struct region again = open_region(8 * MB);
  assert_ptr_equal(again.at, region.at);
  assert_int_equal(again.touched, REGION_KEPT);
  must_be_zeros(&again, REGION_KEPT, 8 * MB);
  close_touched(again, REGION_KEPT);
}

static void another_size_gets_another_one(void **state)
{
  (void)state;
  struct region small = open_region(MB);
  close_touched(small, 0);
  struct region large = open_region(2 * MB);
  memset(large.at, 1, 2 * MB);
  close_touched(large, 2 * MB);
  struct region again = open_region(MB);
  assert_ptr_equal(again.at, small.at);
  close_touched(again, 0);
}

static void so_many_are_kept_and_no_more(void **state)
{
  (void)state;
  struct region regions[REGION_SPARES + 5];
  for (size_t i = 0; i < REGION_SPARES + 5; i++) {
    regions[i] = open_region(MB);
    memset(regions[i].at, 1, 4096);
  }
  for (size_t i = 0; i < REGION_SPARES + 5; i++) close_touched(regions[i], 4096);
  size_t warm = 0;
  for (size_t i = 0; i < REGION_SPARES + 5; i++) {
    regions[i] = open_region(MB);
    warm += regions[i].touched > 0;
  }
  assert_int_equal(warm, REGION_SPARES);
  for (size_t i = 0; i < REGION_SPARES + 5; i++) close_touched(regions[i], 4096);
  region_trim(3);
  for (size_t i = 0; i < 5; i++) {
    regions[i] = open_region(MB);
    assert_int_equal(regions[i].touched, i < 3 ? 4096 : 0);
  }
  for (size_t i = 0; i < 5; i++) close_touched(regions[i], 0);
}

static void preparing_changes_nothing(void **state)
{
  (void)state;
  struct region region = open_region(MB);
  memset(region.at, 7, 100);
  region_prepare(&region, 100000);
  const unsigned char *bytes = region.at;
  assert_int_equal(bytes[99], 7);
  must_be_zeros(&region, 100, MB);
  memset(region.at, 7, 200000);
  region.touched = 200704;
  region_prepare(&region, 100000);
  assert_int_equal(bytes[199999], 7);
  close_touched(region, 200704);
}

static void no_address_space_is_no_memory(void **state)
{
  (void)state;
  struct region region = {.at = NULL};
  assert_int_equal(region_open((size_t)1 << 60, &region), STATUS_NO_MEMORY);
  assert_null(region.at);
}

static void *open_and_close(void *data)
{
  unsigned char mark = *(unsigned char *)data;
  for (int i = 0; i < 2000; i++) {
    struct region region;
    if (region_open(MB, &region)) return data;
    unsigned char *bytes = region.at;
    memset(bytes, mark, 4096);
    if (bytes[4095] != mark || bytes[region.touched < 4096 ? 4096 : region.touched] != 0)
      return data;
    for (int at = 0; at < 4096; at++)
      if (bytes[at] != mark) return data;
    region.touched = 4096;
    region_close(&region);
  }
  return NULL;
}

static void two_threads_never_have_the_same_one(void **state)
{
  (void)state;
  unsigned char marks[] = {1, 2, 3};
  pthread_t threads[3];
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &marks[i]), 0);
  for (size_t i = 0; i < 3; i++) {
    void *bad;
    assert_int_equal(pthread_join(threads[i], &bad), 0);
    assert_null(bad);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, none_is_spare, none_is_spare)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_fresh_one_is_zeros),          TEST(one_that_was_closed_comes_again),
      TEST(of_a_large_one_little_is_kept), TEST(another_size_gets_another_one),
      TEST(so_many_are_kept_and_no_more),  TEST(preparing_changes_nothing),
      TEST(no_address_space_is_no_memory), TEST(two_threads_never_have_the_same_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
