/* From bytes to requests: see stream.h. */
#include "stream.h"

#include "etf.h"
#include "interp_answer.h"

#include <string.h>

void stream_init(struct stream *stream, const struct options *options, struct interp *interp,
                 stream_after *after, void *context)
{
  stream->interp = interp;
  stream->packet = options->packet;
  stream->after = after;
  stream->context = context;
  frame_init(&stream->cutter, options->packet, (size_t)options->max_frame);
  buffer_init(&stream->line, SIZE_MAX / 2);
}

void stream_fini(struct stream *stream)
{
  if (!stream->interp) return;
  frame_fini(&stream->cutter);
  buffer_fini(&stream->line);
}

static bool take_frame(void *context, const uint8_t *bytes, size_t length)
{
  struct stream *stream = context;
  struct answer answer;
  if (stream->packet == PACKET_LINE) {
    struct buffer *line = &stream->line;
    buffer_clear(line);
    etf_put_version(line);
    etf_put_tuple(line, 2);
    etf_put_atom(line, "eval", 4);
    etf_put_binary(line, bytes, length);
    if (buffer_status(line) != STATUS_OK) return true;
    bytes = line->bytes;
    length = line->length;
  }
  interp_request(stream->interp, WAY_FRAME, 0, bytes, length, &answer);
  if (answer.kind == ANSWER_NOW) answer_owner(stream->interp, answer.bytes, answer.length);
  if (stream->after) stream->after(stream->context, &answer);
  return true;
}

/* {reply, undefined, {error, {bad_request, Why}}} */
static void tell_owner(struct stream *stream, const char *why)
{
  struct buffer frame;
  buffer_init(&frame, 1024);
  etf_put_version(&frame);
  etf_put_tuple(&frame, 3);
  etf_put_atom(&frame, "reply", 5);
  etf_put_atom(&frame, "undefined", 9);
  etf_put_tuple(&frame, 2);
  etf_put_atom(&frame, "error", 5);
  etf_put_tuple(&frame, 2);
  etf_put_atom(&frame, "bad_request", 11);
  etf_put_binary(&frame, why, strlen(why));
  answer_owner(stream->interp, frame.bytes, frame.length);
  buffer_fini(&frame);
}

bool stream_feed(struct stream *stream, const uint8_t *bytes, size_t length)
{
  static const char *const why[] = {[STATUS_TOO_LARGE] = "a frame longer than max_frame",
                                    [STATUS_NO_MEMORY] = "no memory for a frame"};
  enum status status = frame_feed(&stream->cutter, bytes, length, take_frame, stream);
  if (!status) return true;
  tell_owner(stream, why[status]);
  return stream->packet == PACKET_RAW;
}
