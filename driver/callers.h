/* The processes that wait for answers of one port, each with a monitor. A hash table by process.
 *
 * Pure: what a monitor is, only the transport knows. One thread at a time: the port's.
 */
#ifndef RUBEAM_CALLERS_H
#define RUBEAM_CALLERS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caller {
  uintptr_t pid; /* 0: none */
  bool marked;
  void *monitor[4]; /* as large as an ErlDrvMonitor; aligned like one */
};

struct callers {
  struct caller *table; /* of `capacity` places, a power of two; NULL until the first is put in */
  size_t length, capacity;
};

void callers_init(struct callers *callers);
void callers_fini(struct callers *callers);

/* Makes room for one more, so that the next callers_put cannot fail. STATUS_NO_MEMORY: there is none,
 * and nothing has changed. */
MUST_CHECK enum status callers_reserve(struct callers *callers);

/* NULL: it is not there. Valid until the next put, take or sweep. */
struct caller *callers_find(const struct callers *callers, uintptr_t pid);

/* Puts in a process that is not there. *out: its place, with no monitor yet, valid until the next
 * put, take or sweep. STATUS_NO_MEMORY: nothing has changed. */
MUST_CHECK enum status callers_put(struct callers *callers, uintptr_t pid, struct caller **out);

/* Takes out one that callers_find or callers_put gave. */
void callers_take(struct callers *callers, const struct caller *caller);

/* Takes out all that are not marked, calling `drop` for each first, and takes the marks off the
 * others. */
void callers_sweep(struct callers *callers, void (*drop)(void *, struct caller *), void *data);

#endif
