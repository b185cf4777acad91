/* Tests of driver/buffer.c. */
#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The sanitizers would end the program where malloc gives NULL. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }
const char *__tsan_default_options(void) { return "allocator_may_return_null=1"; }

/* An allocator that counts its blocks and fails when it is told to. */
struct allocator {
  size_t calls, blocks, fail_from; /* fail_from: the first call that fails, 0 for none */
};

static void *resize(void *context, void *block, size_t bytes)
{
  struct allocator *allocator = context;
  if (bytes == 0) {
    assert_non_null(block);
    allocator->blocks--;
    free(block);
    return NULL;
  }
  allocator->calls++;
  if (allocator->fail_from != 0 && allocator->calls >= allocator->fail_from) return NULL;
  if (block == NULL) allocator->blocks++;
  return realloc(block, bytes);
}

static void must_hold(const struct buffer *buffer, const void *bytes, size_t length)
{
  assert_int_equal(buffer_status(buffer), STATUS_OK);
  assert_int_equal(buffer->length, length);
  if (length != 0) assert_memory_equal(buffer->bytes, bytes, length);
}

static void must_count_up(const uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++) assert_int_equal(bytes[i], i & 0xff);
}

static void put_counting_up(struct buffer *buffer, size_t count)
{
  for (size_t i = 0; i < count; i++) buffer_put_byte(buffer, (uint8_t)(buffer->length & 0xff));
}

static void a_new_buffer_is_empty(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1000);
  must_hold(&buffer, NULL, 0);
  buffer_fini(&buffer);
}

static void numbers_are_written_highest_byte_first(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1000);
  buffer_put_byte(&buffer, 0x01);
  buffer_put_be16(&buffer, 0x0203);
  buffer_put_be32(&buffer, 0x04050607);
  buffer_put_be64(&buffer, 0x08090a0b0c0d0e0f);
  must_hold(&buffer, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 15);
  buffer_fini(&buffer);
}

static void bytes_are_appended(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1000);
  buffer_put(&buffer, "one", 3);
  buffer_put(&buffer, NULL, 0);
  buffer_put(&buffer, "", 0);
  uint8_t *room = buffer_reserve(&buffer, 4);
  assert_non_null(room);
  memcpy(room, " two", 4);
  must_hold(&buffer, "one two", 7);
  buffer_fini(&buffer);
}

static void a_count_can_be_written_later(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1000);
  buffer_put(&buffer, "a....b", 6);
  buffer_set_be32(&buffer, 1, 0x31323334);
  must_hold(&buffer, "a1234b", 6);
  buffer_set_be32(&buffer, 2, 0x35363738);
  must_hold(&buffer, "a15678", 6);
  /* beyond the end: nothing */
  buffer_set_be32(&buffer, 3, 0);
  buffer_set_be32(&buffer, 6, 0);
  buffer_set_be32(&buffer, 7, 0);
  buffer_set_be32(&buffer, SIZE_MAX, 0);
  buffer_set_be32(&buffer, SIZE_MAX - 3, 0);
  must_hold(&buffer, "a15678", 6);
  buffer_fini(&buffer);
}

static void small_contents_allocate_nothing(void **state)
{
  (void)state;
  struct allocator allocator = {0};
  struct buffer buffer;
  buffer_init_with(&buffer, 1000, resize, &allocator);
  put_counting_up(&buffer, BUFFER_INLINE);
  assert_int_equal(allocator.calls, 0);
  put_counting_up(&buffer, 1);
  assert_int_equal(allocator.calls, 1);
  must_count_up(buffer.bytes, BUFFER_INLINE + 1);
  buffer_fini(&buffer);
  assert_int_equal(allocator.blocks, 0);
}

static void contents_of_every_length_are_kept_while_it_grows(void **state)
{
  (void)state;
  for (size_t step = 1; step < 2000; step = step * 3 / 2 + 1) {
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    for (size_t total = 0; total + step <= 5000; total += step) {
      uint8_t *room = buffer_reserve(&buffer, step);
      assert_non_null(room);
      for (size_t i = 0; i < step; i++) room[i] = (uint8_t)(total + i);
      assert_int_equal(buffer.length, total + step);
      must_count_up(buffer.bytes, buffer.length);
    }
    assert_int_equal(buffer_status(&buffer), STATUS_OK);
    buffer_fini(&buffer);
  }
}

static void growing_costs_few_allocations(void **state)
{
  (void)state;
  struct allocator allocator = {0};
  struct buffer buffer;
  buffer_init_with(&buffer, (size_t)1 << 20, resize, &allocator);
  put_counting_up(&buffer, (size_t)1 << 20);
  assert_int_equal(buffer_status(&buffer), STATUS_OK);
  assert_int_equal(allocator.calls, 12); /* 512 ... 1 MB */
  assert_int_equal(allocator.blocks, 1);
  buffer_fini(&buffer);
  assert_int_equal(allocator.blocks, 0);
}

static void every_limit_is_met_to_the_byte(void **state)
{
  (void)state;
  for (size_t limit = 0; limit < 1100; limit++) {
    struct buffer buffer;
    buffer_init(&buffer, limit);
    put_counting_up(&buffer, limit);
    assert_int_equal(buffer_status(&buffer), STATUS_OK);
    assert_true(buffer.capacity <= limit);
    buffer_put_byte(&buffer, 0);
    assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
    assert_int_equal(buffer.length, limit);
    must_count_up(buffer.bytes, limit);
    buffer_fini(&buffer);
  }
}

static void huge_counts_are_too_large(void **state)
{
  (void)state;
  static const size_t counts[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX / 2};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    buffer_put(&buffer, "abc", 3);
    assert_null(buffer_reserve(&buffer, counts[i]));
    assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
    buffer_fini(&buffer);
  }
}

static void more_than_the_system_has_is_no_memory(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, SIZE_MAX);
  buffer_put(&buffer, "abc", 3);
  assert_null(buffer_reserve(&buffer, SIZE_MAX / 4));
  assert_int_equal(buffer_status(&buffer), STATUS_NO_MEMORY);
  assert_memory_equal(buffer.bytes, "abc", 3);
  buffer_fini(&buffer);
}

static void after_a_failure_no_put_does_anything(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 300);
  put_counting_up(&buffer, 290);
  buffer_put(&buffer, "0123456789x", 11);
  assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
  /* These would have fitted. */
  buffer_put_byte(&buffer, 1);
  buffer_put_be16(&buffer, 1);
  buffer_put_be32(&buffer, 1);
  buffer_put_be64(&buffer, 1);
  buffer_put(&buffer, "1", 1);
  assert_null(buffer_reserve(&buffer, 1));
  assert_int_equal(buffer_status(&buffer), STATUS_TOO_LARGE);
  assert_int_equal(buffer.length, 290);
  must_count_up(buffer.bytes, 290);
  buffer_set_be32(&buffer, 0, 0x61626364);
  assert_memory_equal(buffer.bytes, "abcd", 4);
  buffer_fini(&buffer);
}

static void each_allocation_can_fail(void **state)
{
  (void)state;
  for (size_t n = 1; n <= 12; n++) {
    struct allocator allocator = {.fail_from = n};
    struct buffer buffer;
    buffer_init_with(&buffer, (size_t)1 << 20, resize, &allocator);
    put_counting_up(&buffer, (size_t)1 << 20);
    assert_int_equal(buffer_status(&buffer), STATUS_NO_MEMORY);
    assert_int_equal(buffer.length, (size_t)BUFFER_INLINE << (n - 1));
    must_count_up(buffer.bytes, buffer.length);
    assert_null(buffer_reserve(&buffer, SIZE_MAX)); /* the first failure is the one that counts */
    assert_int_equal(buffer_status(&buffer), STATUS_NO_MEMORY);
    assert_int_equal(allocator.calls, n);

    allocator.fail_from = 0;
    buffer_clear(&buffer);
    put_counting_up(&buffer, 1000);
    assert_int_equal(buffer_status(&buffer), STATUS_OK);
    must_count_up(buffer.bytes, 1000);
    buffer_fini(&buffer);
    assert_int_equal(allocator.blocks, 0);
  }
}

static void clear_forgets_contents_and_failure(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 300);
  for (int i = 0; i < 3; i++) {
    put_counting_up(&buffer, 300);
    must_count_up(buffer.bytes, 300);
    assert_int_equal(buffer_status(&buffer), STATUS_OK);
    if (i > 0) buffer_put_byte(&buffer, 0);
    buffer_clear(&buffer);
    must_hold(&buffer, NULL, 0);
  }
  buffer_fini(&buffer);
}

static void clear_keeps_memory_unless_it_is_much(void **state)
{
  (void)state;
  struct allocator allocator = {0};
  struct buffer buffer;
  buffer_init_with(&buffer, 1000000, resize, &allocator);
  put_counting_up(&buffer, BUFFER_KEEP);
  size_t calls = allocator.calls;
  buffer_clear(&buffer);
  assert_int_equal(allocator.blocks, 1);
  put_counting_up(&buffer, BUFFER_KEEP);
  assert_int_equal(allocator.calls, calls);
  put_counting_up(&buffer, 1);
  buffer_clear(&buffer);
  assert_int_equal(allocator.blocks, 0);
  must_hold(&buffer, NULL, 0);
  buffer_fini(&buffer);
}

static void detached_bytes_belong_to_the_caller(void **state)
{
  (void)state;
  static const size_t lengths[] = {0, 1, BUFFER_INLINE, BUFFER_INLINE + 1, 5000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    struct buffer buffer;
    buffer_init(&buffer, 5000);
    put_counting_up(&buffer, lengths[i]);
    uint8_t *bytes = NULL;
    size_t length = 99;
    assert_int_equal(buffer_detach(&buffer, &bytes, &length), STATUS_OK);
    assert_int_equal(length, lengths[i]);
    assert_non_null(bytes);
    must_hold(&buffer, NULL, 0);
    buffer_put(&buffer, "another", 7);
    must_count_up(bytes, length);
    must_hold(&buffer, "another", 7);
    free(bytes);
    buffer_fini(&buffer);
  }
}

static void detach_of_a_failed_buffer_says_why(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 10);
  buffer_put(&buffer, "12345678901", 11);
  uint8_t *bytes = NULL;
  size_t length = 99;
  assert_int_equal(buffer_detach(&buffer, &bytes, &length), STATUS_TOO_LARGE);
  assert_null(bytes);
  assert_int_equal(length, 99);
  buffer_fini(&buffer);
}

static void detach_without_memory_leaves_the_contents(void **state)
{
  (void)state;
  struct allocator allocator = {.fail_from = 1};
  struct buffer buffer;
  buffer_init_with(&buffer, 1000, resize, &allocator);
  buffer_put(&buffer, "abc", 3);
  uint8_t *bytes = NULL;
  size_t length = 99;
  assert_int_equal(buffer_detach(&buffer, &bytes, &length), STATUS_NO_MEMORY);
  assert_null(bytes);
  must_hold(&buffer, "abc", 3);
  buffer_put(&buffer, "def", 3);
  allocator.fail_from = 0;
  assert_int_equal(buffer_detach(&buffer, &bytes, &length), STATUS_OK);
  assert_int_equal(length, 6);
  assert_memory_equal(bytes, "abcdef", 6);
  assert_int_equal(allocator.blocks, 1);
  (void)resize(&allocator, bytes, 0);
  buffer_fini(&buffer);
  assert_int_equal(allocator.blocks, 0);
}

static void a_buffer_can_be_used_after_fini(void **state)
{
  (void)state;
  struct buffer buffer;
  buffer_init(&buffer, 1000);
  put_counting_up(&buffer, 1000);
  buffer_fini(&buffer);
  buffer_fini(&buffer); /* holds nothing more */
  put_counting_up(&buffer, 500);
  must_count_up(buffer.bytes, 500);
  buffer_fini(&buffer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_buffer_is_empty),
      cmocka_unit_test(numbers_are_written_highest_byte_first),
      cmocka_unit_test(bytes_are_appended),
      cmocka_unit_test(a_count_can_be_written_later),
      cmocka_unit_test(small_contents_allocate_nothing),
      cmocka_unit_test(contents_of_every_length_are_kept_while_it_grows),
      cmocka_unit_test(growing_costs_few_allocations),
      cmocka_unit_test(every_limit_is_met_to_the_byte),
      cmocka_unit_test(huge_counts_are_too_large),
      cmocka_unit_test(more_than_the_system_has_is_no_memory),
      cmocka_unit_test(after_a_failure_no_put_does_anything),
      cmocka_unit_test(each_allocation_can_fail),
      cmocka_unit_test(clear_forgets_contents_and_failure),
      cmocka_unit_test(clear_keeps_memory_unless_it_is_much),
      cmocka_unit_test(detached_bytes_belong_to_the_caller),
      cmocka_unit_test(detach_of_a_failed_buffer_says_why),
      cmocka_unit_test(detach_without_memory_leaves_the_contents),
      cmocka_unit_test(a_buffer_can_be_used_after_fini),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
