/* What an interpreter is opened with: every limit, its range and its default in one place.
 *
 * The text form is the command string of open_port, "rubeam_drv memory_limit=1048576 packet=4 …";
 * the Erlang API writes the same text. Pure: no state, any thread.
 */
#ifndef RUBEAM_OPTIONS_H
#define RUBEAM_OPTIONS_H

#include "load_path.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How frames are cut out of the bytes that come in, and marked in those that go out. */
enum packet { PACKET_RAW, PACKET_1, PACKET_2, PACKET_4, PACKET_LINE };

/* Where the slices after the first one run. */
enum pool_form { POOL_AUTO, POOL_THREADS, POOL_ASYNC };

struct options {
  bool manager;          /* not an interpreter: the port of the process that loaded the driver */
  bool fault_handler;    /* of the manager only, for the node: see docs/security.md; true */
  bool events;           /* who observes is told what becomes of requests; false */
  bool specimen;         /* it is to be compared with another one, for a template; false */
  enum packet packet;    /* raw */
  enum pool_form pool;   /* auto */
  uint64_t memory_limit; /* bytes of one interpreter; 64 MB */
  uint64_t timeout_ms;   /* of each request that names none; 0 is none, the default */
  uint64_t queue_limit;  /* requests that may wait; 10,000 */
  uint64_t max_frame;    /* bytes of one frame, in and out, that the packet's head can say; 64 MB */
  uint64_t max_source;   /* bytes of code in one request; 4 MB */
  uint64_t max_depth;    /* levels of a term, in and out; 256 */
  uint64_t max_atoms;    /* new atoms that Ruby may make, counted for the node; 10,000 */
  uint64_t slice_us;     /* the longest a job runs without giving way; 1,000 */
  uint64_t template_id;  /* what it is a copy of, in place of mruby's start; 0: of that */
  uint64_t grace_slices; /* slices that a stopped script has for its rescue and ensure; 50 */
  struct load_path
      load_path; /* in the text that was parsed: who keeps options longer, forgets it */
};

/* A request of more bytes than this starts in the pool: converting it would take a good part of an inline
 * slice. */
#define INLINE_BYTES ((size_t)32768)

/* A text of more bytes than this is compiled in the pool, or read as JSON: that takes longer. */
#define INLINE_TEXT_BYTES ((size_t)8192)

/* The jobs of an interpreter with more memory in use than this start in the pool: a step of its
 * garbage collection may be long, and cannot be interrupted. */
#define INLINE_MEMORY ((size_t)16 << 20)

void options_default(struct options *options);

/* Reads "key=value key=value …" (a driver's name before it already cut off) over the defaults.
 * STATUS_MALFORMED: an unknown key, a value that is no number or no known word, what only a
 * manager may be told;
 * STATUS_TOO_LARGE: a number out of its range. *bad then points at the word in question. */
MUST_CHECK enum status options_parse(const char *text, struct options *out, const char **bad);

#endif
