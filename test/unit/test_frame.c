/* Tests of driver/frame.c. */
#include "buffer.h"

#include <stdlib.h>

/* --- Allocations that are counted, and fail when they are told to ---------------------------- */

static size_t most_allocated; /* bytes of the largest block that was asked for */
static size_t fail_in;        /* calls until one fails; 0: none does */

static void *resize(void *context, void *block, size_t bytes)
{
  (void)context;
  if (bytes == 0) {
    free(block);
    return NULL;
  }
  if (fail_in > 0 && --fail_in == 0) return NULL;
  if (bytes > most_allocated) most_allocated = bytes;
  return realloc(block, bytes);
}

static void counting_buffer_init(struct buffer *buffer, size_t limit)
{
  buffer_init_with(buffer, limit, resize, NULL);
}

/* The code under test, with that allocator. Before CMocka, which has a macro `fail`. */
#define buffer_init counting_buffer_init
#include "../../driver/frame.c" /* NOLINT(bugprone-suspicious-include) */
#undef buffer_init

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* --- A taker that writes down what it got ---------------------------------------------------- */

struct taken {
  char text[8192]; /* the frames, each with a '|' behind it */
  size_t length;
  size_t frames;
  size_t stop_after; /* frames; 0: never */
  const uint8_t *last;
};

static bool take(void *context, const uint8_t *bytes, size_t length)
{
  struct taken *taken = context;
  assert_non_null(bytes);
  assert_true(taken->length + length + 1 < sizeof taken->text);
  memcpy(taken->text + taken->length, bytes, length);
  taken->length += length;
  taken->text[taken->length++] = '|';
  taken->text[taken->length] = '\0';
  taken->last = bytes;
  return ++taken->frames != taken->stop_after;
}

static const uint8_t *as_bytes(const char *text) { return (const uint8_t *)text; }

static enum status feed(struct frame_cutter *cutter, const char *bytes, size_t length,
                        struct taken *taken)
{
  /* A copy that ends where it ends, for the sanitizer. */
  uint8_t *copy = malloc(length ? length : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, length);
  enum status status = frame_feed(cutter, copy, length, take, taken);
  free(copy);
  return status;
}

/* --- Streams --------------------------------------------------------------------------------- */

#define STREAM(packet, bytes, frames)                                                              \
  {                                                                                                \
    packet, bytes, sizeof(bytes) - 1, frames                                                       \
  }

static const struct {
  enum packet packet;
  const char *bytes;
  size_t length;
  const char *frames;
} streams[] = {
    STREAM(PACKET_1, "\3abc\0\1d", "abc||d|"),
    STREAM(PACKET_2, "\0\3abc\0\0\0\1d", "abc||d|"),
    STREAM(PACKET_4, "\0\0\0\3abc\0\0\0\0\0\0\0\1d", "abc||d|"),
    STREAM(PACKET_LINE, "abc\n\nd\n", "abc||d|"),
    STREAM(PACKET_LINE, "a\r\nb", "a\r|"), /* only the newline ends it; what follows waits */
    STREAM(PACKET_4, "\0\0\0\4abc", ""),   /* waits for its last byte */
    STREAM(PACKET_4, "\0\0\0", ""),        /* waits for its head */
    STREAM(PACKET_1, "\4\0\n\377a", "\0\n\377a|"), /* any byte may be in it */
};

#define STREAMS (sizeof streams / sizeof *streams)

static void check_taken(const struct taken *taken, size_t stream)
{
  size_t length = stream == STREAMS - 1 ? 5 : strlen(streams[stream].frames);
  assert_int_equal(taken->length, length);
  assert_memory_equal(taken->text, streams[stream].frames, length);
}

static void streams_in_one_piece_are_cut_into_frames(void **state)
{
  (void)state;
  for (size_t i = 0; i < STREAMS; i++) {
    struct frame_cutter cutter;
    struct taken taken = {0};
    frame_init(&cutter, streams[i].packet, 100);
    assert_int_equal(feed(&cutter, streams[i].bytes, streams[i].length, &taken), STATUS_OK);
    check_taken(&taken, i);
    frame_fini(&cutter);
  }
}

static void streams_split_at_every_two_places_give_the_same_frames(void **state)
{
  (void)state;
  for (size_t i = 0; i < STREAMS; i++)
    for (size_t a = 0; a <= streams[i].length; a++)
      for (size_t b = a; b <= streams[i].length; b++) {
        const char *bytes = streams[i].bytes;
        struct frame_cutter cutter;
        struct taken taken = {0};
        frame_init(&cutter, streams[i].packet, 100);
        assert_int_equal(feed(&cutter, bytes, a, &taken), STATUS_OK);
        assert_int_equal(feed(&cutter, bytes + a, b - a, &taken), STATUS_OK);
        assert_int_equal(feed(&cutter, bytes + b, streams[i].length - b, &taken), STATUS_OK);
        check_taken(&taken, i);
        frame_fini(&cutter);
      }
}

static void streams_byte_by_byte_give_the_same_frames(void **state)
{
  (void)state;
  for (size_t i = 0; i < STREAMS; i++) {
    struct frame_cutter cutter;
    struct taken taken = {0};
    frame_init(&cutter, streams[i].packet, 100);
    for (size_t at = 0; at < streams[i].length; at++)
      assert_int_equal(feed(&cutter, streams[i].bytes + at, 1, &taken), STATUS_OK);
    check_taken(&taken, i);
    frame_fini(&cutter);
  }
}

static void raw_pieces_are_frames(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  struct taken taken = {0};
  frame_init(&cutter, PACKET_RAW, 5);
  assert_int_equal(feed(&cutter, "abc", 3, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "", 0, &taken), STATUS_OK);
  assert_int_equal(frame_feed(&cutter, NULL, 0, take, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "too long", 8, &taken), STATUS_TOO_LARGE);
  assert_int_equal(feed(&cutter, "d\ne", 3, &taken), STATUS_OK); /* the next piece is good again */
  assert_string_equal(taken.text, "abc|||d\ne|");
  frame_fini(&cutter);
}

static void a_frame_in_one_piece_is_not_copied(void **state)
{
  (void)state;
  static const char *const pieces[] = {"\0\0\0\3abc", "abc\n", "abcdefg"};
  static const enum packet packets[] = {PACKET_4, PACKET_LINE, PACKET_RAW};
  static const size_t lengths[] = {7, 4, 7}, offsets[] = {4, 0, 0};
  for (size_t i = 0; i < 3; i++) {
    struct frame_cutter cutter;
    struct taken taken = {0};
    frame_init(&cutter, packets[i], 100);
    assert_int_equal(frame_feed(&cutter, as_bytes(pieces[i]), lengths[i], take, &taken), STATUS_OK);
    assert_int_equal(taken.frames, 1);
    assert_ptr_equal(taken.last, as_bytes(pieces[i]) + offsets[i]);
    frame_fini(&cutter);
  }
}

/* --- Limits ----------------------------------------------------------------------------------- */

static void a_frame_as_long_as_the_limit_is_good(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  struct taken taken = {0};
  frame_init(&cutter, PACKET_1, 3);
  assert_int_equal(feed(&cutter, "\3abc\3a", 6, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "bc", 2, &taken), STATUS_OK);
  frame_fini(&cutter);
  frame_init(&cutter, PACKET_LINE, 3);
  assert_int_equal(feed(&cutter, "abc\na", 5, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "bc", 2, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "\n", 1, &taken), STATUS_OK);
  assert_string_equal(taken.text, "abc|abc|abc|abc|");
  frame_fini(&cutter);
}

static void a_length_over_the_limit_is_told_when_the_head_is_there(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  struct taken taken = {0};
  most_allocated = 0;
  frame_init(&cutter, PACKET_4, 1 << 20);
  assert_int_equal(feed(&cutter, "\0\0\0\1a\0\20\0", 8, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "\1", 1, &taken), STATUS_TOO_LARGE);
  assert_int_equal(feed(&cutter, "\0\0\0\1b", 5, &taken), STATUS_TOO_LARGE); /* and from then on */
  assert_string_equal(taken.text, "a|");
  frame_fini(&cutter);
  frame_init(&cutter, PACKET_4, 1 << 20);
  assert_int_equal(feed(&cutter, "\377\377\377\377", 4, &taken), STATUS_TOO_LARGE);
  frame_fini(&cutter);
  assert_int_equal(most_allocated, 0);
}

static void a_line_over_the_limit_is_told_before_its_end(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  struct taken taken = {0};
  frame_init(&cutter, PACKET_LINE, 3);
  assert_int_equal(feed(&cutter, "ab", 2, &taken), STATUS_OK);
  assert_int_equal(feed(&cutter, "cd", 2, &taken), STATUS_TOO_LARGE);
  assert_int_equal(feed(&cutter, "\n", 1, &taken), STATUS_TOO_LARGE);
  frame_fini(&cutter);
  frame_init(&cutter, PACKET_LINE, 3); /* and one that comes in one piece */
  assert_int_equal(feed(&cutter, "abcd\n", 5, &taken), STATUS_TOO_LARGE);
  assert_int_equal(taken.frames, 0);
  frame_fini(&cutter);
}

static void memory_grows_with_what_came_and_not_with_what_was_promised(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  struct taken taken = {0};
  char piece[1000] = {0};
  most_allocated = 0;
  frame_init(&cutter, PACKET_4, 1 << 30);
  assert_int_equal(feed(&cutter, "\77\377\377\377", 4, &taken), STATUS_OK);
  for (size_t i = 1; i <= 100; i++) {
    assert_int_equal(feed(&cutter, piece, sizeof piece, &taken), STATUS_OK);
    assert_true(most_allocated <= 2 * i * sizeof piece + 2 * BUFFER_INLINE);
  }
  frame_fini(&cutter);
}

static bool count_bytes(void *context, const uint8_t *bytes, size_t length)
{
  size_t *count = context;
  assert_non_null(bytes);
  *count += length;
  return true;
}

static void memory_of_a_large_frame_is_given_back(void **state)
{
  (void)state;
  struct frame_cutter cutter;
  size_t length = 200000, count = 0;
  uint8_t *bytes = malloc(length);
  assert_non_null(bytes);
  memset(bytes, 'a', length);
  frame_init(&cutter, PACKET_LINE, 1 << 20);
  assert_int_equal(frame_feed(&cutter, bytes, length, count_bytes, &count), STATUS_OK);
  assert_true(cutter.partial.capacity >= length);
  assert_int_equal(frame_feed(&cutter, as_bytes("\n"), 1, count_bytes, &count), STATUS_OK);
  assert_int_equal(count, length);
  assert_int_equal(cutter.partial.capacity, BUFFER_INLINE);
  frame_fini(&cutter);
  free(bytes);
}

static void no_memory_for_a_part_ends_the_stream(void **state)
{
  (void)state;
  char line[1001];
  memset(line, 'a', sizeof line);
  line[1000] = '\n';
  for (size_t call = 1; call <= 4; call++) {
    struct frame_cutter cutter;
    struct taken taken = {0};
    enum status status = STATUS_OK;
    fail_in = call;
    frame_init(&cutter, PACKET_LINE, 5000);
    for (size_t i = 0; i < sizeof line && !status; i += 13)
      status = feed(&cutter, line + i, i + 13 < sizeof line ? 13 : sizeof line - i, &taken);
    if (call <= 2) { /* 256 bytes are in the struct; then 512, 1024 */
      assert_int_equal(status, STATUS_NO_MEMORY);
      assert_int_equal(feed(&cutter, "b\n", 2, &taken), STATUS_NO_MEMORY);
      assert_int_equal(taken.frames, 0);
    } else {
      assert_int_equal(status, STATUS_OK);
      assert_int_equal(taken.frames, 1);
    }
    fail_in = 0;
    frame_fini(&cutter);
  }
}

/* --- A taker that wants no more --------------------------------------------------------------- */

static void nothing_comes_after_the_taker_said_stop(void **state)
{
  (void)state;
  for (size_t i = 0; i < STREAMS - 1; i++) {
    struct frame_cutter cutter;
    struct taken taken = {.stop_after = 1};
    frame_init(&cutter, streams[i].packet, 100);
    assert_int_equal(feed(&cutter, streams[i].bytes, streams[i].length, &taken), STATUS_OK);
    assert_true(taken.frames <= 1);
    frame_fini(&cutter);
  }
}

struct ending {
  struct frame_cutter *cutter;
  size_t frames;
};

static bool take_and_free(void *context, const uint8_t *bytes, size_t length)
{
  struct ending *ending = context;
  (void)bytes;
  (void)length;
  ending->frames++;
  frame_fini(ending->cutter);
  free(ending->cutter);
  return false;
}

static void the_taker_may_free_the_cutter_when_it_says_stop(void **state)
{
  (void)state;
  for (size_t i = 0; i < 4; i++)
    for (size_t split = 0; split < 4; split++) {
      struct ending ending = {malloc(sizeof *ending.cutter), 0};
      assert_non_null(ending.cutter);
      frame_init(ending.cutter, streams[i].packet, 100);
      const uint8_t *bytes = as_bytes(streams[i].bytes);
      assert_int_equal(frame_feed(ending.cutter, bytes, split, take_and_free, &ending), STATUS_OK);
      if (ending.frames == 0)
        assert_int_equal(frame_feed(ending.cutter, bytes + split, streams[i].length - split,
                                    take_and_free, &ending),
                         STATUS_OK);
      assert_int_equal(ending.frames, 1);
    }
}

/* --- Heads ------------------------------------------------------------------------------------ */

static void heads_say_the_length_or_that_they_cannot(void **state)
{
  static const struct {
    enum packet packet;
    size_t length;
    enum status status;
    size_t bytes;
    const char *head;
  } cases[] = {
      {PACKET_RAW, 1 << 30, STATUS_OK, 0, ""},
      {PACKET_LINE, 1 << 30, STATUS_OK, 0, ""},
      {PACKET_1, 0, STATUS_OK, 1, "\0"},
      {PACKET_1, 255, STATUS_OK, 1, "\377"},
      {PACKET_1, 256, STATUS_TOO_LARGE, 0, ""},
      {PACKET_2, 258, STATUS_OK, 2, "\1\2"},
      {PACKET_2, 65535, STATUS_OK, 2, "\377\377"},
      {PACKET_2, 65536, STATUS_TOO_LARGE, 0, ""},
      {PACKET_4, 0x01020304, STATUS_OK, 4, "\1\2\3\4"},
      {PACKET_4, UINT32_MAX, STATUS_OK, 4, "\377\377\377\377"},
      {PACKET_4, (size_t)UINT32_MAX + 1, STATUS_TOO_LARGE, 0, ""},
      {PACKET_4, SIZE_MAX, STATUS_TOO_LARGE, 0, ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t head[FRAME_HEAD_BYTES];
    size_t bytes = 99;
    assert_int_equal(frame_head(cases[i].packet, cases[i].length, head, &bytes), cases[i].status);
    assert_int_equal(bytes, cases[i].status ? 99 : cases[i].bytes);
    if (cases[i].bytes) assert_memory_equal(head, cases[i].head, cases[i].bytes);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_in_one_piece_are_cut_into_frames),
      cmocka_unit_test(streams_split_at_every_two_places_give_the_same_frames),
      cmocka_unit_test(streams_byte_by_byte_give_the_same_frames),
      cmocka_unit_test(raw_pieces_are_frames),
      cmocka_unit_test(a_frame_in_one_piece_is_not_copied),
      cmocka_unit_test(a_frame_as_long_as_the_limit_is_good),
      cmocka_unit_test(a_length_over_the_limit_is_told_when_the_head_is_there),
      cmocka_unit_test(a_line_over_the_limit_is_told_before_its_end),
      cmocka_unit_test(memory_grows_with_what_came_and_not_with_what_was_promised),
      cmocka_unit_test(memory_of_a_large_frame_is_given_back),
      cmocka_unit_test(no_memory_for_a_part_ends_the_stream),
      cmocka_unit_test(nothing_comes_after_the_taker_said_stop),
      cmocka_unit_test(the_taker_may_free_the_cutter_when_it_says_stop),
      cmocka_unit_test(heads_say_the_length_or_that_they_cannot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
