/* The way out of a program: frames that are written to a file descriptor without anybody waiting for who
 * reads there.
 *
 * What the pipe takes at once is written by whoever sends; the rest waits, and one thread writes it. So
 * a reader that is busy writing itself, or is not there, holds up nobody who sends.
 */
#ifndef RUBEAM_PORT_OUT_H
#define RUBEAM_PORT_OUT_H

#include "status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_chunk;

struct port_out {
  int file;             /* [const] */
  bool nonblocking;     /* [const] a pipe of our own */
  bool pipe;            /* [const] one that others may have, too */
  pthread_mutex_t lock; /* a leaf; held while a pipe is written to that does not block */
  pthread_cond_t work;  /* something waits, or was asked for */
  struct port_chunk *first, **last; /* [lock] */
  bool writing;                     /* [lock] the thread writes what was first */
  bool asked, over;                 /* [lock] see port_out_wait */
  _Atomic int error;      /* nobody reads any more, or there was no memory: what comes is dropped */
  _Atomic size_t waiting; /* bytes */
};

/* `own`: nobody else has this pipe, so that its flags may be changed. */
void port_out_init(struct port_out *out, int file, bool own);

/* Nobody uses it any more. The file stays open. */
void port_out_fini(struct port_out *out);

/* Sends the two pieces as one; either may be empty. After port_out_finish they are dropped. Any thread. */
void port_out_send(struct port_out *out, const uint8_t *head, size_t head_length,
                   const uint8_t *bytes, size_t length);

/* Has port_out_wait come back: at once, or when all has been written. Any thread. */
void port_out_ask(struct port_out *out);
void port_out_finish(struct port_out *out);

enum port_out_event { PORT_OUT_ASKED, PORT_OUT_DONE, PORT_OUT_FAILED };

/* The thread's: writes what waits, until somebody asks, all is written after port_out_finish, or it can't be
 * written (PORT_OUT_FAILED: `error` says why). */
enum port_out_event port_out_wait(struct port_out *out);

#endif
