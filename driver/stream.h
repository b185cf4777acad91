/* What an owner sends, as it comes in: bytes that are cut into frames (or lines), each of which is a
 * request of an interpreter. The same in the VM and in a program of its own.
 *
 * Threads: the port's own; no locks.
 */
#ifndef RUBEAM_STREAM_H
#define RUBEAM_STREAM_H

#include "buffer.h"
#include "frame.h"
#include "interpreter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called after each request. */
typedef void stream_after(void *context, const struct answer *answer);

struct stream {
  struct interp *interp;
  enum packet packet;
  struct frame_cutter cutter;
  struct buffer line; /* PACKET_LINE: a line made a request */
  stream_after *after;
  void *context;
};

/* `after` may be NULL. The interpreter must outlive the stream, which must not be moved. */
void stream_init(struct stream *stream, const struct options *options, struct interp *interp,
                 stream_after *after, void *context);

/* Also of zeroed memory. */
void stream_fini(struct stream *stream);

/* Takes bytes in, which stay the caller's. False: a frame was longer than max_frame, or there was no memory for
 * it; the owner has been told, and nobody can say where the next one begins. (Where each piece is a frame,
 * the next one is just the next: then never.) */
bool stream_feed(struct stream *stream, const uint8_t *bytes, size_t length);

#endif
