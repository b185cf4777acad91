/* A growing buffer of bytes with a limit, in which replies are written.
 *
 * Failure sticks: once a put did not fit, all further puts do nothing, and the writer asks
 * buffer_status once, at the end. Small contents need no allocation: the first bytes are inside the
 * struct, which therefore must not be copied or moved while it is in use.
 *
 * Threads: one at a time, no locks. The struct belongs to whoever declared it; buffer_fini gives
 * back what it holds. If the writer may be stopped for ever in the middle (a job can), the struct
 * must lie where somebody else finds it, not on the writer's stack.
 */
#ifndef RUBEAM_BUFFER_H
#define RUBEAM_BUFFER_H

#include "status.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BUFFER_INLINE 256                /* bytes inside the struct */
#define BUFFER_KEEP   ((size_t)64 << 10) /* a buffer that grew beyond is not kept by buffer_clear */

/* Allocates (block NULL), resizes, or frees (bytes 0, gives NULL); on failure gives NULL and leaves
 * the block as it was.
 */
typedef void *buffer_resizer(void *context, void *block, size_t bytes);

struct buffer {
  uint8_t *bytes;  /* the contents; void after the next put */
  size_t length;   /* bytes in it */
  size_t capacity; /* bytes that fit; == length after a failure, so that nothing more does */
  size_t limit;    /* the most that capacity may become */
  enum status status;
  buffer_resizer *resize;
  void *context;
  uint8_t first[BUFFER_INLINE];
};

/* Makes an empty buffer for at most `limit` bytes that uses malloc, realloc and free. Allocates
 * nothing yet.
 */
void buffer_init(struct buffer *buffer, size_t limit);

/* The same with another allocator; `context` is handed to it and stays the caller's. */
void buffer_init_with(struct buffer *buffer, size_t limit, buffer_resizer *resize, void *context);

/* Frees what the buffer holds, and leaves it empty as buffer_init did. */
void buffer_fini(struct buffer *buffer);

/* Empties the buffer and forgets a failure. Keeps its memory up to BUFFER_KEEP for the next use. */
static inline void buffer_clear(struct buffer *buffer)
{
  if (buffer->status == STATUS_OK && buffer->capacity <= BUFFER_KEEP)
    buffer->length = 0;
  else
    buffer_fini(buffer);
}

/* STATUS_OK; STATUS_TOO_LARGE: a put went beyond the limit; STATUS_NO_MEMORY: memory was refused.
 * The contents are then those from before the first put that failed, all of them whole puts.
 */
MUST_CHECK static inline enum status buffer_status(const struct buffer *buffer)
{
  return buffer->status;
}

/* Hands the contents over: the caller owns *bytes and frees it with free (with the allocator of
 * buffer_init_with: with that). There is a block even if *length is 0. The buffer is then empty.
 * Else the status of the buffer, or STATUS_NO_MEMORY; the buffer is then as it was.
 */
MUST_CHECK enum status buffer_detach(struct buffer *buffer, uint8_t **bytes, size_t *length);

/* The slow path of buffer_reserve. */
uint8_t *buffer_grow(struct buffer *buffer, size_t count);

/* Appends `count` bytes for the caller to fill in. They may be written until the next put. NULL if
 * they don't fit (or did not before); never for 0 bytes.
 */
MUST_CHECK static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t count)
{
  if (count > buffer->capacity - buffer->length) return buffer_grow(buffer, count);
  uint8_t *bytes = buffer->bytes + buffer->length;
  buffer->length += count;
  return bytes;
}

/* Appends a copy of `count` bytes; `bytes` may be NULL if there are none, and must not lie in this
 * buffer.
 */
static inline void buffer_put(struct buffer *buffer, const void *bytes, size_t count)
{
  uint8_t *to = buffer_reserve(buffer, count);
  if (to != NULL && count != 0) memcpy(to, bytes, count);
}

static inline void buffer_put_byte(struct buffer *buffer, uint8_t value)
{
  uint8_t *to = buffer_reserve(buffer, 1);
  if (to != NULL) to[0] = value;
}

/* Numbers, the highest byte first. */
static inline void buffer_put_be16(struct buffer *buffer, uint16_t value)
{
  value = htobe16(value);
  buffer_put(buffer, &value, sizeof value);
}

static inline void buffer_put_be32(struct buffer *buffer, uint32_t value)
{
  value = htobe32(value);
  buffer_put(buffer, &value, sizeof value);
}

static inline void buffer_put_be64(struct buffer *buffer, uint64_t value)
{
  value = htobe64(value);
  buffer_put(buffer, &value, sizeof value);
}

/* Writes 4 bytes over those at `offset`, for a count that is known only later. Does nothing if they
 * are not all within the contents, which after a failure can be.
 */
static inline void buffer_set_be32(struct buffer *buffer, size_t offset, uint32_t value)
{
  if (offset > buffer->length || buffer->length - offset < sizeof value) return;
  value = htobe32(value);
  memcpy(buffer->bytes + offset, &value, sizeof value);
}

#endif
