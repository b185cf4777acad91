/* Reads requests. One table says which forms there are. See request.h. */
#include "request.h"

#include "etf.h"

#include <string.h>

enum form {
  FORM_EVAL,
  FORM_CALL,
  FORM_COMPILE,
  FORM_LOAD,
  FORM_MESSAGE,
  FORM_OWNER,
  FORM_TAKE,
  FORM_RETURN,
  FORM_INTERRUPT,
  FORM_INFO,
  FORM_READ,
  FORM_SENT,
  FORM_WITHIN,
  FORM_ACCEPT
};

static const struct {
  const char *name;
  size_t length;
  enum form form;
  uint32_t least, most; /* elements of the tuple */
} forms[] = {
    {"eval", 4, FORM_EVAL, 2, 4},           {"call", 4, FORM_CALL, 4, 5},
    {"compile", 7, FORM_COMPILE, 3, 4},     {"load", 4, FORM_LOAD, 3, 4},
    {"message", 7, FORM_MESSAGE, 2, 2},     {"owner", 5, FORM_OWNER, 3, 3},
    {"take", 4, FORM_TAKE, 2, 2},           {"return", 6, FORM_RETURN, 3, 3},
    {"interrupt", 9, FORM_INTERRUPT, 2, 2}, {"info", 4, FORM_INFO, 2, 2},
    {"read", 4, FORM_READ, 2, 2},           {"sent", 4, FORM_SENT, 2, 2},
    {"within", 6, FORM_WITHIN, 3, 3},       {"accept", 6, FORM_ACCEPT, 3, 3},
};
#define FORMS (sizeof forms / sizeof *forms)

static const char too_long[] = "the frame is longer than max_frame";

struct parse {
  struct etf_reader reader;
  const struct options *options;
  struct request *out;
  const char *why;
  bool inner;    /* in the frame of {within, …} or {accept, …} */
  size_t length; /* of the frame, until it is entered */
};

static enum status read_request(struct parse *parse);

static enum status refuse(struct parse *parse, enum status status, const char *why)
{
  parse->why = why;
  return status;
}

static enum status no_term(struct parse *parse, enum status status)
{
  return refuse(parse, status,
                status == STATUS_TOO_LARGE ? "closures are nested too deep"
                                           : "the frame is not a term");
}

static enum status read_item(struct parse *parse, struct etf_item *item)
{
  enum status status = etf_next(&parse->reader, item);
  return status ? no_term(parse, status) : STATUS_OK;
}

/* A whole term, as it is. */
static enum status read_raw(struct parse *parse, struct piece *out)
{
  const uint8_t *start = parse->reader.at;
  enum status status = etf_skip(&parse->reader);
  if (status) return no_term(parse, status);
  *out = (struct piece){start, (size_t)(parse->reader.at - start)};
  return STATUS_OK;
}

static enum status read_binary(struct parse *parse, struct piece *out, const char *why)
{
  struct etf_item item;
  enum status status = read_item(parse, &item);
  if (status) return status;
  if (item.kind != ETF_BINARY) return refuse(parse, STATUS_MALFORMED, why);
  *out = (struct piece){item.bytes, item.length};
  return STATUS_OK;
}

/* Of bytecode the frame bounds the size; what it is worth is seen when it is run. */
static enum status read_code(struct parse *parse)
{
  struct request *out = parse->out;
  bool source = out->kind != REQUEST_LOAD;
  enum status status = read_binary(
      parse, &out->code, source ? "the code must be a binary" : "the bytecode must be a binary");
  if (!status && source && out->code.length > parse->options->max_source)
    return refuse(parse, STATUS_TOO_LARGE, "the code is longer than max_source");
  return status;
}

static enum status take_name(struct parse *parse, const struct etf_item *item, struct piece *out,
                             bool *latin1, const char *why)
{
  bool atom = item->kind == ETF_ATOM;
  if ((!atom && item->kind != ETF_BINARY) || item->length == 0 || item->length > ETF_ATOM_BYTES)
    return refuse(parse, STATUS_MALFORMED, why);
  *out = (struct piece){item->bytes, item->length};
  *latin1 = atom && item->latin1;
  return STATUS_OK;
}

/* Name, or {Constant, Name}. */
static enum status read_target(struct parse *parse)
{
  struct request *out = parse->out;
  struct etf_item item;
  enum status status = read_item(parse, &item);
  if (!status && item.kind == ETF_TUPLE) {
    if (item.count != 2)
      return refuse(parse, STATUS_MALFORMED, "the target must be Name or {Constant, Name}");
    status = read_item(parse, &item);
    if (!status)
      status = take_name(parse, &item, &out->receiver, &out->receiver_latin1,
                         "the constant of the target must be an atom or a binary");
    if (!status) status = read_item(parse, &item);
  }
  if (status) return status;
  return take_name(parse, &item, &out->method, &out->method_latin1,
                   "the target must be Name or {Constant, Name}, with atoms or binaries");
}

/* The arguments are decoded later, in the interpreter; here only: is it a proper list? */
static enum status read_arguments(struct parse *parse)
{
  const uint8_t *start = parse->reader.at;
  struct etf_item item;
  enum status status = read_item(parse, &item);
  if (status) return status;
  if (item.kind != ETF_NIL && item.kind != ETF_LIST && item.kind != ETF_STRING)
    return refuse(parse, STATUS_MALFORMED, "the arguments must be a list");
  if (item.kind == ETF_LIST) {
    for (uint32_t i = 0; i < item.count && !status; i++) status = etf_skip(&parse->reader);
    if (!status) status = etf_next(&parse->reader, &item);
    if (status) return no_term(parse, status);
    if (item.kind != ETF_NIL)
      return refuse(parse, STATUS_MALFORMED, "the arguments must be a proper list");
  }
  parse->out->arguments = (struct piece){start, (size_t)(parse->reader.at - start)};
  return STATUS_OK;
}

static enum status read_timeout(struct parse *parse)
{
  struct etf_item value;
  enum status status = read_item(parse, &value);
  if (status) return status;
  parse->out->has_timeout = true;
  if (etf_is_atom(&value, "infinity")) {
    parse->out->timeout_ms = REQUEST_NO_TIMEOUT;
    return STATUS_OK;
  }
  if (value.kind != ETF_INTEGER || value.integer < 0 || value.integer > INT64_C(1) << 40)
    return refuse(parse, STATUS_MALFORMED, "timeout must be milliseconds or infinity");
  parse->out->timeout_ms = (uint64_t)value.integer;
  return STATUS_OK;
}

static enum status read_file(struct parse *parse)
{
  static const char why[] = "file must be a binary of 1 to 4096 bytes, none of them 0";
  struct piece *file = &parse->out->file;
  enum status status = read_binary(parse, file, why);
  if (status) return status;
  if (file->length == 0 || file->length > 4096 || memchr(file->bytes, 0, file->length))
    return refuse(parse, STATUS_MALFORMED, why);
  return STATUS_OK;
}

static enum status read_line(struct parse *parse)
{
  struct etf_item value;
  enum status status = read_item(parse, &value);
  if (status) return status;
  if (value.kind != ETF_INTEGER || value.integer < 1 || value.integer > 60000)
    return refuse(parse, STATUS_MALFORMED, "line must be an integer from 1 to 60000");
  parse->out->line = (unsigned)value.integer;
  return STATUS_OK;
}

static enum status read_value(struct parse *parse)
{
  struct etf_item value;
  enum status status = read_item(parse, &value);
  if (status) return status;
  parse->out->no_value = etf_is_atom(&value, "false");
  if (!parse->out->no_value && !etf_is_atom(&value, "true"))
    return refuse(parse, STATUS_MALFORMED, "value must be true or false");
  return STATUS_OK;
}

static bool is_letter(uint8_t byte)
{
  return (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
}

/* Could Ruby code say this, and mean a local variable? */
static bool is_variable(const struct etf_item *name)
{
  static const char *const reserved[] = {
      "__ENCODING__", "__FILE__", "__LINE__", "alias",  "and",   "begin", "break",  "case",
      "class",        "def",      "do",       "else",   "elsif", "end",   "ensure", "false",
      "for",          "if",       "in",       "module", "next",  "nil",   "not",    "or",
      "redo",         "rescue",   "retry",    "return", "self",  "super", "then",   "true",
      "undef",        "unless",   "until",    "when",   "while", "yield"};
  if (name->kind != ETF_ATOM && name->kind != ETF_BINARY) return false;
  if (name->length == 0 || name->length > REQUEST_NAME_BYTES || !is_letter(name->bytes[0]))
    return false;
  for (size_t i = 1; i < name->length; i++) {
    uint8_t byte = name->bytes[i];
    if (!is_letter(byte) && !(byte >= 'A' && byte <= 'Z') && !(byte >= '0' && byte <= '9'))
      return false;
  }
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (strlen(reserved[i]) == name->length && memcmp(reserved[i], name->bytes, name->length) == 0)
      return false;
  return true;
}

/* The values are decoded later, in the interpreter. */
static enum status read_bindings(struct parse *parse)
{
  static const char why[] = "bindings must be a map whose keys are names of local variables";
  const uint8_t *start = parse->reader.at;
  struct etf_item map, name;
  enum status status = read_item(parse, &map);
  if (status) return status;
  if (map.kind != ETF_MAP) return refuse(parse, STATUS_MALFORMED, why);
  /* Before each of them is looked at: this is a scheduler's time. */
  if (map.count > REQUEST_BINDINGS)
    return refuse(parse, STATUS_TOO_LARGE, "more bindings than a session can have variables");
  for (uint32_t i = 0; i < map.count; i++) {
    struct piece value;
    status = read_item(parse, &name);
    if (status) return status;
    if (!is_variable(&name)) return refuse(parse, STATUS_MALFORMED, why);
    status = read_raw(parse, &value);
    if (status) return status;
  }
  parse->out->bindings = (struct piece){start, (size_t)(parse->reader.at - start)};
  return STATUS_OK;
}

static enum status read_option(struct parse *parse, const struct etf_item *key)
{
  bool eval = parse->out->kind == REQUEST_EVAL;
  bool source = eval || parse->out->kind == REQUEST_COMPILE;
  if (etf_is_atom(key, "timeout")) return read_timeout(parse);
  if (source && etf_is_atom(key, "file")) return read_file(parse);
  if (source && etf_is_atom(key, "line")) return read_line(parse);
  if (eval && etf_is_atom(key, "bindings")) return read_bindings(parse);
  if (eval && etf_is_atom(key, "value")) return read_value(parse);
  return refuse(parse, STATUS_MALFORMED,
                "an unknown option; there are timeout, for eval and compile file and line, "
                "and for eval bindings and value");
}

static enum status read_options(struct parse *parse)
{
  struct etf_item map, key;
  enum status status = read_item(parse, &map);
  if (status) return status;
  if (map.kind != ETF_MAP)
    return refuse(parse, STATUS_MALFORMED, "the options of a request must be a map");
  for (uint32_t i = 0; i < map.count && !status; i++) {
    status = read_item(parse, &key);
    if (!status) status = read_option(parse, &key);
  }
  return status;
}

static enum status read_id(struct parse *parse)
{
  enum status status = read_raw(parse, &parse->out->id);
  if (!status) parse->out->has_id = true;
  return status;
}

/* {Form, Code}, {Form, Id, Code}, {Form, Id, Code, Opts} */
static enum status read_program(struct parse *parse, enum request_kind kind, uint32_t arity)
{
  enum status status = STATUS_OK;
  parse->out->kind = kind;
  if (arity > 2) status = read_id(parse);
  if (!status) status = read_code(parse);
  if (!status && arity > 3) status = read_options(parse);
  return status;
}

static enum status read_call(struct parse *parse, uint32_t arity)
{
  parse->out->kind = REQUEST_CALL;
  enum status status = read_id(parse);
  if (!status) status = read_target(parse);
  if (!status) status = read_arguments(parse);
  if (!status && arity > 4) status = read_options(parse);
  return status;
}

/* {Token or Id, Number}: the first is for whoever is to claim the answer, or waits for it. */
static enum status read_call_id(struct parse *parse, uint64_t *number)
{
  static const char why[] = "the CallId is not one of a {call, CallId, Name, Args}";
  struct etf_item item;
  struct piece first;
  enum status status = read_item(parse, &item);
  if (status) return status;
  if (item.kind != ETF_TUPLE || item.count != 2) return refuse(parse, STATUS_MALFORMED, why);
  status = read_raw(parse, &first);
  if (!status) status = read_item(parse, &item);
  if (status) return status;
  if (item.kind != ETF_INTEGER || item.integer < 1) return refuse(parse, STATUS_MALFORMED, why);
  *number = (uint64_t)item.integer;
  return STATUS_OK;
}

static enum status read_return(struct parse *parse)
{
  static const char why[] = "the result of a call must be {ok, Value} or {error, Term}";
  struct request *out = parse->out;
  struct etf_item item;
  out->kind = REQUEST_RETURN;
  enum status status = read_call_id(parse, &out->call_number);
  if (!status) status = read_item(parse, &item);
  if (status) return status;
  if (item.kind != ETF_TUPLE || item.count != 2) return refuse(parse, STATUS_MALFORMED, why);
  status = read_item(parse, &item);
  if (status) return status;
  out->failed = etf_is_atom(&item, "error");
  if (!out->failed && !etf_is_atom(&item, "ok")) return refuse(parse, STATUS_MALFORMED, why);
  return read_raw(parse, &out->value);
}

static enum status read_owner(struct parse *parse)
{
  parse->out->kind = REQUEST_OWNER;
  enum status status = read_id(parse);
  if (status) return status;
  struct etf_reader reader = parse->reader;
  struct etf_item pid;
  status = read_raw(parse, &parse->out->value);
  if (status) return status;
  if (etf_next(&reader, &pid) || pid.kind != ETF_PID)
    return refuse(parse, STATUS_MALFORMED, "the owner must be a pid");
  return STATUS_OK;
}

/* {read, Bytes}, {sent, Bytes} */
static enum status read_taken(struct parse *parse, enum request_kind kind)
{
  struct etf_item item;
  enum status status = read_item(parse, &item);
  parse->out->kind = kind;
  if (status) return status;
  bool never = kind == REQUEST_READ && etf_is_atom(&item, "never");
  if (!never && (item.kind != ETF_INTEGER || item.integer < 0))
    return refuse(parse, STATUS_MALFORMED, "not a number of bytes");
  parse->out->taken = never ? REQUEST_TAKEN_NEVER : (uint64_t)item.integer;
  return STATUS_OK;
}

/* The frame inside of {within, CallId, Frame} or {accept, Id, Frame} takes the place of this one. */
static enum status enter_frame(struct parse *parse)
{
  struct piece frame;
  enum status status = read_binary(parse, &frame, "the frame of another one must be a binary");
  if (status) return status;
  if (parse->reader.at != parse->reader.end)
    return refuse(parse, STATUS_MALFORMED, "bytes are left over behind the term");
  if (frame.length > parse->options->max_frame) return refuse(parse, STATUS_TOO_LARGE, too_long);
  parse->reader = (struct etf_reader){frame.bytes, frame.bytes + frame.length};
  parse->inner = true;
  parse->length = frame.length;
  return read_request(parse);
}

static enum status read_within(struct parse *parse)
{
  enum status status = read_call_id(parse, &parse->out->within);
  return status ? status : enter_frame(parse);
}

static enum status read_accept(struct parse *parse)
{
  enum status status = read_raw(parse, &parse->out->accept_id);
  if (status) return status;
  parse->out->accept = true;
  status = enter_frame(parse);
  if (!status && request_has_result(parse->out))
    return refuse(parse, STATUS_MALFORMED, "a request with a result needs no {accept, Id, Frame}");
  return status;
}

static enum status read_form(struct parse *parse, enum form form, uint32_t arity)
{
  switch (form) {
  case FORM_EVAL: return read_program(parse, REQUEST_EVAL, arity);
  case FORM_CALL: return read_call(parse, arity);
  case FORM_COMPILE: return read_program(parse, REQUEST_COMPILE, arity);
  case FORM_LOAD: return read_program(parse, REQUEST_LOAD, arity);
  case FORM_MESSAGE: parse->out->kind = REQUEST_MESSAGE; return read_raw(parse, &parse->out->value);
  case FORM_OWNER: return read_owner(parse);
  case FORM_TAKE:
    parse->out->kind = REQUEST_TAKE;
    return read_call_id(parse, &parse->out->call_number);
  case FORM_RETURN: return read_return(parse);
  case FORM_INTERRUPT: parse->out->kind = REQUEST_INTERRUPT; return read_id(parse);
  case FORM_INFO: parse->out->kind = REQUEST_INFO; return read_id(parse);
  case FORM_READ: return read_taken(parse, REQUEST_READ);
  case FORM_SENT: return read_taken(parse, REQUEST_SENT);
  case FORM_WITHIN: return read_within(parse);
  case FORM_ACCEPT: return read_accept(parse);
  }
  return STATUS_MALFORMED;
}

static enum status read_request(struct parse *parse)
{
  static const char unknown[] =
      "no known request; there are {eval, Code}, {eval, Id, Code}, {eval, Id, Code, Opts}, "
      "{call, Id, Target, Args}, {call, Id, Target, Args, Opts}, {compile, Id, Code}, "
      "{compile, Id, Code, Opts}, {load, Id, Bytecode}, {load, Id, Bytecode, Opts}, "
      "{message, Term}, {owner, Id, Pid}, {take, CallId}, {return, CallId, Result}, "
      "{interrupt, Id}, {info, Id}, {read, Bytes}, {sent, Bytes}, {within, CallId, Frame} and "
      "{accept, Id, Frame}";
  uint32_t arity = 0;
  struct etf_item tag;
  enum status status = etf_begin(&parse->reader);
  if (status == STATUS_UNSUPPORTED)
    return refuse(parse, status, "a compressed term; send it uncompressed");
  if (status) return refuse(parse, status, "the frame is not a term in the external format");
  bool tuple = etf_enter_tuple(&parse->reader, &arity) == STATUS_OK;
  if (tuple && arity == 0) return refuse(parse, STATUS_MALFORMED, unknown);
  status = read_item(parse, &tag);
  if (status) return status;
  if (!tuple) {
    if (!etf_is_atom(&tag, "interrupt")) return refuse(parse, STATUS_MALFORMED, unknown);
    parse->out->kind = REQUEST_INTERRUPT;
    return STATUS_OK;
  }
  for (size_t i = 0; i < FORMS; i++)
    if (tag.kind == ETF_ATOM && tag.length == forms[i].length &&
        memcmp(tag.bytes, forms[i].name, forms[i].length) == 0 && arity >= forms[i].least &&
        arity <= forms[i].most && !(parse->inner && forms[i].form >= FORM_WITHIN)) {
      if (parse->length > parse->options->max_frame && forms[i].form < FORM_WITHIN)
        return refuse(parse, STATUS_TOO_LARGE, too_long);
      return read_form(parse, forms[i].form, arity);
    }
  return refuse(parse, STATUS_MALFORMED, unknown);
}

enum status request_parse(const uint8_t *bytes, size_t length, const struct options *options,
                          struct request *out, const char **why)
{
  *out = (struct request){.line = 1};
  if (length > options->max_frame + REQUEST_ENVELOPE_BYTES) {
    *why = too_long;
    return STATUS_TOO_LARGE;
  }
  struct parse parse = {{bytes, bytes + length}, options, out, "", false, length};
  enum status status = read_request(&parse);
  if (!status && parse.reader.at != parse.reader.end)
    status = refuse(&parse, STATUS_MALFORMED, "bytes are left over behind the term");
  if (status && !parse.inner && length > options->max_frame)
    status = refuse(&parse, STATUS_TOO_LARGE, too_long); /* whatever else is wrong with it */
  if (status) *why = parse.why;
  return status;
}
