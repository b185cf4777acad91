/* Cutting a stream of bytes into frames, and the heads of frames that go out.
 *
 * PACKET_RAW: each piece of input is a frame. PACKET_1, _2, _4: a frame has its length before it,
 * big-endian. PACKET_LINE: a frame ends with a newline, which isn't part of it; what comes after
 * the last newline waits.
 *
 * Threads: one at a time per cutter, no locks.
 */
#ifndef RUBEAM_FRAME_H
#define RUBEAM_FRAME_H

#include "buffer.h"
#include "options.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD_BYTES 4 /* the longest head */

struct frame_cutter {
  enum packet packet;
  size_t max_frame;
  uint8_t head[FRAME_HEAD_BYTES]; /* of the frame that has begun */
  size_t head_have;
  size_t body;           /* its length, once the head is complete */
  struct buffer partial; /* what has come of its body */
  enum status status;    /* an error that no input can mend */
};

/* Takes one frame. The bytes are its own only until it returns, and are not NULL.
 * False: no more. The cutter is then not touched again, so it may be gone (the port was closed). */
typedef bool frame_taker(void *context, const uint8_t *bytes, size_t length);

/* Makes a cutter; `max_frame` in bytes, without head or newline. Allocates nothing. The struct must
 * not be moved until frame_fini. */
void frame_init(struct frame_cutter *cutter, enum packet packet, size_t max_frame);

/* Frees what the cutter holds. */
void frame_fini(struct frame_cutter *cutter);

/* Takes in `length` bytes, which stay the caller's, and hands over each frame that is complete. One
 * that lies whole in `bytes` isn't copied. Memory is taken for bytes that came, never for
 * a length that was promised. STATUS_OK also when the taker wanted no more.
 *
 * STATUS_TOO_LARGE: a frame is longer than max_frame; told as soon as that is known.
 * STATUS_NO_MEMORY: none to keep an incomplete frame.
 * After these (but for PACKET_RAW) the stream has no beginnings any more: each further call says
 * the same and does nothing. */
MUST_CHECK enum status frame_feed(struct frame_cutter *cutter, const uint8_t *bytes, size_t length,
                                  frame_taker *take, void *context);

/* Writes what goes before a frame of `length` bytes, and tells how many bytes that are: 0 for
 * PACKET_RAW and PACKET_LINE. STATUS_TOO_LARGE: no such head can say that. */
MUST_CHECK enum status frame_head(enum packet packet, size_t length, uint8_t head[FRAME_HEAD_BYTES],
                                  size_t *head_length);

#endif
