/* One interpreter at a time, with a transport of the fuzzer's own, in place of the driver.
 *
 * Its pool has no threads: what is to run is run by port_run. So all of Ruby runs on the fuzzer's thread;
 * the watchdog's thread interrupts slices, and answers what is late. */
#ifndef RUBEAM_FUZZ_PORT_H
#define RUBEAM_FUZZ_PORT_H

#include "interpreter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum heard {
  HEARD_OWNER,  /* a frame to the owner */
  HEARD_CALLER, /* a frame to a caller */
  HEARD_ANSWER  /* the message {Id, Result} to a caller */
};

/* What the interpreter has sent. `id`, for HEARD_ANSWER, and `message` are encoded terms without version
 * byte; that they are whole terms has been looked at. Any thread, one at a time. */
typedef void port_ear(enum heard heard, uintptr_t caller, struct piece id, struct piece message);

/* Once, before all else. */
void port_start(void);

/* Opens the interpreter. */
void port_open(const char *options, port_ear *ear);

struct interp *port_interp(void);

/* A frame for it, with version byte, which is gone after the call. The answer's bytes are valid until the
 * next call of a function here. */
void port_request(enum way way, uintptr_t caller, const uint8_t *frame, size_t length,
                  struct answer *answer);

/* Runs one slice, if one waits. */
bool port_run(void);

/* The answer without version byte; it must be a whole term. */
struct piece port_answer(const struct answer *answer);

/* Closes it. All that was taken for it must have been given back: stacks, places in the pool, memory. */
void port_close(void);

#endif
