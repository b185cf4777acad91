/* What is told to who observes an interpreter: see interp_event.h. */
#include "interp_event.h"

#include "etf.h"

#include <stdlib.h>
#include <string.h>

static void put_word(struct buffer *frame, const char *word)
{
  etf_put_atom(frame, word, strlen(word));
}

static const char *kind_name(const struct job *job)
{
  switch (job->request.kind) {
  case REQUEST_EVAL: return request_is_cast(&job->request) ? "cast" : "eval";
  case REQUEST_CALL: return "call";
  case REQUEST_COMPILE: return "compile";
  case REQUEST_LOAD: return "load";
  case REQUEST_MESSAGE: return "message";
  case REQUEST_OWNER:
  case REQUEST_TAKE:
  case REQUEST_RETURN:
  case REQUEST_INTERRUPT:
  case REQUEST_INFO:
  case REQUEST_READ:
  case REQUEST_SENT: break; /* are no jobs */
  }
  return "request";
}

/* Writes the name in UTF-8: at most ETF_ATOM_BYTES (request.c has looked). Its length. */
static size_t name_in_utf8(struct piece name, bool latin1, uint8_t *out)
{
  if (name.length == 0) return 0;
  if (latin1) return etf_latin1_to_utf8(name.bytes, name.length, out);
  memcpy(out, name.bytes, name.length);
  return name.length;
}

/* "add", "Math.sqrt" */
static void put_target(struct buffer *frame, const struct request *request)
{
  uint8_t text[2 * ETF_ATOM_BYTES + 1];
  if (request->kind != REQUEST_CALL) {
    put_word(frame, "nil");
    return;
  }
  size_t length = name_in_utf8(request->receiver, request->receiver_latin1, text);
  if (length > 0) text[length++] = '.';
  length += name_in_utf8(request->method, request->method_latin1, text + length);
  etf_put_binary(frame, text, length);
}

static void put_memory(struct interp *interp, struct buffer *frame)
{
  etf_put_integer(frame, (int64_t)atomic_load(&interp->memory));
}

/* [lock] */
static void append(struct interp *interp, struct buffer *frame)
{
  struct event *event = NULL, **end = &interp->events;
  if (buffer_status(frame) == STATUS_OK) event = malloc(sizeof *event + frame->length);
  if (event) {
    *event = (struct event){.length = frame->length};
    memcpy(event->frame, frame->bytes, frame->length);
    while (*end) end = &(*end)->next;
    *end = event;
  }
  buffer_fini(frame);
}

static void begin(struct buffer *frame, uint32_t arity, const char *name)
{
  buffer_init(frame, SIZE_MAX / 2);
  etf_put_version(frame);
  etf_put_tuple(frame, arity);
  put_word(frame, name);
}

void event_note(struct interp *interp, const struct job *job, const char *outcome)
{
  struct buffer frame;
  if (!interp->options.events) return;
  begin(&frame, 6, "request");
  put_word(&frame, kind_name(job));
  put_target(&frame, &job->request);
  put_word(&frame, outcome);
  etf_put_integer(&frame, now_ns() - job->arrived);
  put_memory(interp, &frame);
  append(interp, &frame);
}

void event_note_exit(struct interp *interp, const char *reason, int64_t status)
{
  struct buffer frame;
  if (!interp->options.events || interp->exit_noted) return;
  interp->exit_noted = true;
  begin(&frame, 3, "exit");
  if (reason)
    put_word(&frame, reason);
  else
    etf_put_integer(&frame, status);
  put_memory(interp, &frame);
  append(interp, &frame);
}

static struct event *take_all(struct interp *interp)
{
  pthread_mutex_lock(&interp->lock);
  struct event *events = interp->events;
  interp->events = NULL;
  pthread_mutex_unlock(&interp->lock);
  return events;
}

void event_send(struct interp *interp)
{
  if (!interp->options.events) return;
  for (struct event *event = take_all(interp), *next; event; event = next) {
    next = event->next;
    interp->transport->event(interp->home, event->frame, event->length);
    free(event);
  }
}

void event_drop(struct interp *interp)
{
  for (struct event *event = interp->events, *next; event; event = next) {
    next = event->next;
    free(event);
  }
}
