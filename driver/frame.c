/* Cutting a stream of bytes into frames.
 *
 * For: the stream forms of the driver ("packet=…"), and the external program.
 * Guarantees: frames come out the same wherever the stream was cut; a whole frame costs no copy; an
 * incomplete one takes memory for what came of it, and each byte of it is copied and looked at once
 * (buffers grow by doubling). Thread: its owner's. Leaves out: what frames mean.
 */
#include "frame.h"

#include <string.h>

static size_t head_size(enum packet packet)
{
  switch (packet) {
  case PACKET_1: return 1;
  case PACKET_2: return 2;
  case PACKET_4: return 4;
  case PACKET_RAW:
  case PACKET_LINE: return 0;
  }
  return 0;
}

void frame_init(struct frame_cutter *cutter, enum packet packet, size_t max_frame)
{
  cutter->packet = packet;
  cutter->max_frame = max_frame;
  cutter->head_have = 0;
  cutter->body = 0;
  cutter->status = STATUS_OK;
  buffer_init(&cutter->partial, max_frame);
}

void frame_fini(struct frame_cutter *cutter) { buffer_fini(&cutter->partial); }

static enum status fail(struct frame_cutter *cutter, enum status status)
{
  buffer_fini(&cutter->partial);
  cutter->status = status;
  return status;
}

/* Hands over a frame that consists of what was kept and `length` bytes more. `*more` is the taker's
 * answer; if it is false the cutter may be gone. */
static enum status hand_over(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                             frame_taker *take, void *context, bool *more)
{
  if (cutter->partial.length == 0) {
    *more = take(context, bytes, length);
    return STATUS_OK;
  }
  buffer_put(&cutter->partial, bytes, length);
  enum status status = buffer_status(&cutter->partial);
  if (status) return fail(cutter, status);
  *more = take(context, cutter->partial.bytes, cutter->partial.length);
  if (*more) buffer_clear(&cutter->partial);
  return STATUS_OK;
}

static enum status keep(struct frame_cutter *cutter, const uint8_t *bytes, size_t length)
{
  buffer_put(&cutter->partial, bytes, length);
  enum status status = buffer_status(&cutter->partial);
  return status ? fail(cutter, status) : STATUS_OK;
}

static enum status feed_lines(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                              frame_taker *take, void *context)
{
  bool more = true;
  while (more && length > 0) {
    const uint8_t *newline = memchr(bytes, '\n', length);
    size_t line = newline ? (size_t)(newline - bytes) : length;
    if (line > cutter->max_frame - cutter->partial.length) return fail(cutter, STATUS_TOO_LARGE);
    if (!newline) return keep(cutter, bytes, length);
    enum status status = hand_over(cutter, bytes, line, take, context, &more);
    if (status) return status;
    bytes += line + 1;
    length -= line + 1;
  }
  return STATUS_OK;
}

/* Takes bytes of the head until it is complete, and reads it then. */
static size_t take_head(struct frame_cutter *cutter, size_t size, const uint8_t *bytes,
                        size_t length)
{
  size_t count = size - cutter->head_have < length ? size - cutter->head_have : length;
  memcpy(cutter->head + cutter->head_have, bytes, count);
  cutter->head_have += count;
  cutter->body = 0;
  for (size_t i = 0; i < cutter->head_have; i++) cutter->body = cutter->body << 8 | cutter->head[i];
  return count;
}

static enum status feed_packets(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                                frame_taker *take, void *context)
{
  const size_t size = head_size(cutter->packet);
  bool more = true;
  while (more && length > 0) {
    if (cutter->head_have < size) {
      size_t count = take_head(cutter, size, bytes, length);
      bytes += count;
      length -= count;
      if (cutter->head_have < size) return STATUS_OK;
      if (cutter->body > cutter->max_frame) return fail(cutter, STATUS_TOO_LARGE);
    }
    size_t missing = cutter->body - cutter->partial.length;
    if (missing > length) return length == 0 ? STATUS_OK : keep(cutter, bytes, length);
    cutter->head_have = 0; /* before the taker, after which the cutter may be gone */
    enum status status = hand_over(cutter, bytes, missing, take, context, &more);
    if (status) return status;
    bytes += missing;
    length -= missing;
  }
  return STATUS_OK;
}

enum status frame_feed(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                       frame_taker *take, void *context)
{
  if (cutter->status) return cutter->status;
  switch (cutter->packet) {
  case PACKET_RAW:
    if (length > cutter->max_frame) return STATUS_TOO_LARGE;
    (void)take(context, bytes ? bytes : cutter->head, length);
    return STATUS_OK;
  case PACKET_LINE: return feed_lines(cutter, bytes, length, take, context);
  case PACKET_1:
  case PACKET_2:
  case PACKET_4: return feed_packets(cutter, bytes, length, take, context);
  }
  return STATUS_MALFORMED;
}

enum status frame_head(enum packet packet, size_t length, uint8_t head[FRAME_HEAD_BYTES],
                       size_t *head_length)
{
  size_t size = head_size(packet);
  if (size > 0 && length >> (8 * size) != 0) return STATUS_TOO_LARGE;
  for (size_t i = 0; i < size; i++) head[i] = (uint8_t)(length >> (8 * (size - 1 - i)));
  *head_length = size;
  return STATUS_OK;
}
