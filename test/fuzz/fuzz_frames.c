/* Streams of bytes, cut anywhere, through the cutter of frames (driver/frame.h).
 *
 * Promised and checked: which frames come out, and what error the stream ends with, is what a plain
 * reading of the whole stream says (`expect`), however the stream was cut; once there was an error it stays;
 * a taker that wants no more is called no more; frame_head writes the head that the cutter reads.
 *
 * The input: the form of the stream, max_frame, where to cut, how many frames are wanted, the stream. */
#include "frame.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES ((size_t)4096)

/* Frames, written one behind the other: a length of two bytes, then the bytes. */
struct record {
  uint8_t bytes[3 * STREAM_BYTES + 2];
  size_t length, frames;
  size_t wanted; /* so many frames */
  bool refused;  /* the taker has said that it wants no more */
};

static struct record expected, got, head_frames;
static uint8_t *block; /* of STREAM_BYTES */

static void note(struct record *record, const uint8_t *bytes, size_t length)
{
  must(record->length + 2 + length <= sizeof record->bytes);
  record->bytes[record->length++] = (uint8_t)(length >> 8);
  record->bytes[record->length++] = (uint8_t)length;
  if (length > 0) memcpy(record->bytes + record->length, bytes, length);
  record->length += length;
  record->frames++;
}

static bool take(void *context, const uint8_t *bytes, size_t length)
{
  struct record *record = context;
  must(!record->refused);
  must(bytes != NULL);
  note(record, bytes, length);
  record->refused = record->frames == record->wanted;
  return !record->refused;
}

static void reset(struct record *record, size_t wanted)
{
  record->length = record->frames = 0;
  record->wanted = wanted;
  record->refused = false;
}

static size_t head_bytes(enum packet packet)
{
  return packet == PACKET_1 ? 1 : packet == PACKET_2 ? 2 : packet == PACKET_4 ? 4 : 0;
}

/* What a stream of frames with heads, or of lines, holds, read at one go. */
static enum status expect(enum packet packet, size_t max_frame, const uint8_t *bytes, size_t length)
{
  size_t head = head_bytes(packet);
  while (expected.frames < expected.wanted) {
    size_t body = 0;
    if (packet == PACKET_LINE) {
      while (body < length && bytes[body] != '\n') body++;
      if (body > max_frame) return STATUS_TOO_LARGE;
      if (body == length) return STATUS_OK;
      note(&expected, bytes, body);
      body++;
    } else {
      if (length < head) return STATUS_OK;
      for (size_t i = 0; i < head; i++) body = body << 8 | bytes[i];
      if (body > max_frame) return STATUS_TOO_LARGE;
      if (body > length - head) return STATUS_OK;
      note(&expected, bytes + head, body);
      body += head;
    }
    bytes += body;
    length -= body;
  }
  return STATUS_OK;
}

/* Feeds the stream in pieces of `steps`, over and over. Each piece lies at the very end of a block, and is
 * other bytes after the call. */
static enum status feed(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                        const uint8_t *steps, size_t count)
{
  enum status status = STATUS_OK;
  for (size_t i = 0; length > 0 && !got.refused; i++) {
    size_t step = count > 0 ? steps[i % count] : length;
    if (step == 0 && i % count == 0) step = 1; /* an empty piece is one too, but not only such */
    if (step > length) step = length;
    uint8_t *piece = block + STREAM_BYTES - step;
    if (step > 0) memcpy(piece, bytes, step);
    size_t before = got.length;
    enum status now = frame_feed(cutter, piece, step, take, &got);
    memset(piece, 0xee, step);
    if (cutter->packet == PACKET_RAW) {
      must(now == (step > cutter->max_frame ? STATUS_TOO_LARGE : STATUS_OK));
      must(got.length - before == (now ? 0 : 2 + step));
      must(now || memcmp(got.bytes + before + 2, bytes, step) == 0);
    } else {
      must(!status || (now == status && got.length == before));
      status = now;
    }
    bytes += step;
    length -= step;
  }
  return status;
}

static void try_cuts(enum packet packet, size_t max_frame, enum status status, const uint8_t *bytes,
                     size_t length, const uint8_t *steps, size_t count)
{
  struct frame_cutter cutter;
  frame_init(&cutter, packet, max_frame);
  reset(&got, expected.wanted);
  enum status now = feed(&cutter, bytes, length, steps, count);
  frame_fini(&cutter);
  if (packet == PACKET_RAW) return;
  must(now == status);
  must(got.length == expected.length && memcmp(got.bytes, expected.bytes, got.length) == 0);
}

/* The frames that came out, written with heads, come out again. */
static void try_heads(enum packet packet)
{
  static uint8_t stream[8 * STREAM_BYTES];
  size_t length = 0;
  struct frame_cutter cutter;
  for (size_t at = 0; at < expected.length;) {
    size_t body = (size_t)expected.bytes[at] << 8 | expected.bytes[at + 1], head;
    must(frame_head(packet, body, stream + length, &head) == STATUS_OK);
    must(head == head_bytes(packet));
    memcpy(stream + length + head, expected.bytes + at + 2, body);
    length += head + body;
    at += 2 + body;
  }
  frame_init(&cutter, packet, SIZE_MAX);
  reset(&head_frames, SIZE_MAX);
  must(frame_feed(&cutter, stream, length, take, &head_frames) == STATUS_OK);
  frame_fini(&cutter);
  must(head_frames.length == expected.length);
  must(memcmp(head_frames.bytes, expected.bytes, expected.length) == 0);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  block = malloc(STREAM_BYTES);
  must(block != NULL);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t one = 1;
  struct input input = {data, data + size};
  uint8_t form = input_byte(&input);
  enum packet packet = (enum packet)(form % 5);
  size_t max_frame = input_byte(&input);
  if (form & 0x80) max_frame = max_frame << 8 | input_byte(&input);
  size_t wanted = input_byte(&input), count = input_byte(&input) % 16;
  const uint8_t *steps = input_bytes(&input, &count);
  size_t length = input_left(&input);
  if (length > STREAM_BYTES) return -1;

  reset(&expected, wanted ? wanted : SIZE_MAX);
  enum status status = STATUS_OK;
  if (packet != PACKET_RAW) status = expect(packet, max_frame, input.at, length);
  try_cuts(packet, max_frame, status, input.at, length, steps, count);
  try_cuts(packet, max_frame, status, input.at, length, NULL, 0);
  try_cuts(packet, max_frame, status, input.at, length, &one, 1);
  if (head_bytes(packet) > 0) try_heads(packet);
  return 0;
}
