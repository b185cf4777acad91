/* Bytes through the reader of requests (driver/request.h).
 *
 * Promised and checked: what it accepts is exactly one term, and each part points to what it is said to be;
 * each limit is kept; what it refuses comes with words, and with an Id only if that is a whole term; the
 * answer does not depend on what was in *out before.
 *
 * The input: the limits, then the frame. */
#include "etf.h"
#include "harness.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>

struct frame {
  const uint8_t *bytes;
  size_t length;
};

static bool lies_in(struct piece piece, const struct frame *frame)
{
  return piece.bytes >= frame->bytes && piece.length <= frame->length &&
         (size_t)(piece.bytes - frame->bytes) <= frame->length - piece.length;
}

static bool is_term(struct piece piece, const struct frame *frame)
{
  struct etf_reader reader = {piece.bytes, piece.bytes + piece.length};
  return lies_in(piece, frame) && etf_skip(&reader) == STATUS_OK && reader.at == reader.end;
}

static bool is_proper_list(struct piece piece, const struct frame *frame)
{
  struct etf_reader reader = {piece.bytes, piece.bytes + piece.length};
  struct etf_item item;
  if (!is_term(piece, frame) || etf_next(&reader, &item) != STATUS_OK) return false;
  if (item.kind == ETF_NIL || item.kind == ETF_STRING) return true;
  if (item.kind != ETF_LIST) return false;
  for (uint32_t i = 0; i < item.count; i++)
    if (etf_skip(&reader) != STATUS_OK) return false;
  return etf_next(&reader, &item) == STATUS_OK && item.kind == ETF_NIL;
}

static bool is_name(struct piece name, const struct frame *frame)
{
  return lies_in(name, frame) && name.length > 0 && name.length <= ETF_ATOM_BYTES;
}

static void check_accepted(const struct request *request, const struct options *options,
                           const struct frame *frame)
{
  bool wrapped = request->accept || request->within;
  must(frame->length <= options->max_frame + (wrapped ? REQUEST_ENVELOPE_BYTES : 0));
  must(etf_check(frame->bytes, frame->length) == STATUS_OK);
  must(request->line >= 1 && request->line <= 60000);
  must(!request->from_vm); /* nobody knows this from the bytes */
  if (request->has_timeout)
    must(request->timeout_ms == REQUEST_NO_TIMEOUT || request->timeout_ms <= UINT64_C(1) << 40);
  switch (request->kind) {
  case REQUEST_EVAL:
    must(lies_in(request->code, frame) && request->code.length <= options->max_source);
    if (request->bindings.length > 0) must(is_term(request->bindings, frame));
    if (request->file.length > 0)
      must(lies_in(request->file, frame) && !memchr(request->file.bytes, 0, request->file.length));
    break;
  case REQUEST_COMPILE:
    must(request->has_id && lies_in(request->code, frame));
    must(request->code.length <= options->max_source && request->bindings.length == 0);
    break;
  case REQUEST_LOAD:
    must(request->has_id && lies_in(request->code, frame));
    must(request->file.length == 0 && request->bindings.length == 0);
    break;
  case REQUEST_CALL:
    must(request->has_id);
    must(is_name(request->method, frame));
    must(request->receiver.length == 0 || is_name(request->receiver, frame));
    must(!request->method_latin1 || request->method.length <= ETF_ATOM_CHARACTERS);
    must(!request->receiver_latin1 || request->receiver.length <= ETF_ATOM_CHARACTERS);
    must(is_proper_list(request->arguments, frame));
    break;
  case REQUEST_MESSAGE: must(is_term(request->value, frame)); break;
  case REQUEST_OWNER: must(request->has_id && is_term(request->value, frame)); break;
  case REQUEST_TAKE: must(request->call_number > 0); break;
  case REQUEST_RETURN: must(request->call_number > 0 && is_term(request->value, frame)); break;
  case REQUEST_INTERRUPT: break;
  case REQUEST_INFO: must(request->has_id); break;
  case REQUEST_READ:
  case REQUEST_SENT: break;
  }
  if (request->accept) must(!request_has_result(request) && !request->within);
}

static bool same_piece(struct piece a, struct piece b)
{
  return a.bytes == b.bytes && a.length == b.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, data + size};
  struct options options;
  struct request request, again;
  const char *why = NULL;
  options_default(&options);
  options.max_frame = 1 + (size_t)input_byte(&input) * 16;
  options.max_source = 1 + (size_t)input_byte(&input);

  size_t length = input_left(&input);
  uint8_t *bytes = fuzz_copy(input.at, length);
  struct frame frame = {bytes, length};
  memset(&request, 0xee, sizeof request);
  enum status status = request_parse(bytes, length, &options, &request, &why);
  must((status == STATUS_OK) == (why == NULL));
  must(status != STATUS_NO_MEMORY);
  if (status == STATUS_OK)
    check_accepted(&request, &options, &frame);
  else
    must(strlen(why) > 0);
  if (request.has_id) must(is_term(request.id, &frame));
  if (request.accept) must(is_term(request.accept_id, &frame));

  memset(&again, 0x11, sizeof again);
  must(request_parse(bytes, length, &options, &again, &why) == status);
  must(again.has_id == request.has_id && same_piece(again.id, request.id));
  must(again.accept == request.accept && same_piece(again.accept_id, request.accept_id));
  must(again.within == request.within && again.taken == request.taken);
  must(again.kind == request.kind && same_piece(again.code, request.code));
  must(same_piece(again.bindings, request.bindings) && same_piece(again.file, request.file));
  must(same_piece(again.method, request.method) && same_piece(again.arguments, request.arguments));
  free(bytes);
  return 0;
}
