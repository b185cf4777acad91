/* A growing buffer of bytes with a limit.
 *
 * For: encoding replies, whose size is known only when they are done.
 * Guarantees: never holds more than its limit; grows by doubling, so that n bytes cost O(n); a put
 * is whole or not at all; a failure is remembered and changes nothing of what was there.
 * Thread: its owner's.
 * Leaves out: reading, and anything about what the bytes mean.
 */
#include "buffer.h"

#include <assert.h>
#include <stdlib.h>

static void *resize_malloc(void *context, void *block, size_t bytes)
{
  (void)context;
  if (bytes != 0) return realloc(block, bytes);
  free(block);
  return NULL;
}

static void make_empty(struct buffer *buffer)
{
  buffer->bytes = buffer->first;
  buffer->length = 0;
  buffer->capacity = buffer->limit < BUFFER_INLINE ? buffer->limit : BUFFER_INLINE;
  buffer->status = STATUS_OK;
}

void buffer_init(struct buffer *buffer, size_t limit)
{
  buffer_init_with(buffer, limit, resize_malloc, NULL);
}

void buffer_init_with(struct buffer *buffer, size_t limit, buffer_resizer *resize, void *context)
{
  buffer->limit = limit;
  buffer->resize = resize;
  buffer->context = context;
  make_empty(buffer);
}

void buffer_fini(struct buffer *buffer)
{
  if (buffer->bytes != buffer->first) (void)buffer->resize(buffer->context, buffer->bytes, 0);
  make_empty(buffer);
}

enum status buffer_detach(struct buffer *buffer, uint8_t **bytes, size_t *length)
{
  if (buffer->status != STATUS_OK) return buffer->status;
  uint8_t *block = buffer->bytes;
  if (block == buffer->first) {
    block = buffer->resize(buffer->context, NULL, buffer->length != 0 ? buffer->length : 1);
    if (block == NULL) return STATUS_NO_MEMORY;
    memcpy(block, buffer->first, buffer->length);
  }
  *bytes = block;
  *length = buffer->length;
  make_empty(buffer);
  return STATUS_OK;
}

static uint8_t *fail(struct buffer *buffer, enum status status)
{
  buffer->status = status;
  buffer->capacity = buffer->length;
  return NULL;
}

uint8_t *buffer_grow(struct buffer *buffer, size_t count)
{
  assert(buffer->length <= buffer->capacity && buffer->capacity <= buffer->limit);
  if (buffer->status != STATUS_OK) return NULL;
  if (count > buffer->limit - buffer->length) return fail(buffer, STATUS_TOO_LARGE);

  size_t needed = buffer->length + count;
  size_t capacity = buffer->capacity > buffer->limit / 2 ? buffer->limit : 2 * buffer->capacity;
  if (capacity < needed) capacity = needed;
  uint8_t *old = buffer->bytes == buffer->first ? NULL : buffer->bytes;
  uint8_t *bytes = buffer->resize(buffer->context, old, capacity);
  if (bytes == NULL) return fail(buffer, STATUS_NO_MEMORY);
  if (old == NULL) memcpy(bytes, buffer->first, buffer->length);
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  bytes += buffer->length;
  buffer->length = needed;
  return bytes;
}
