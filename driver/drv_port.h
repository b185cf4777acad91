/* A port of the driver and what all of them share: for the files of the driver only (rubeam_drv.c,
 * drv_*.c). The rest of the house knows no erl_driver.h. */
#ifndef RUBEAM_DRV_PORT_H
#define RUBEAM_DRV_PORT_H

#include "atoms.h"
#include "buffer.h"
#include "callers.h"
#include "flow.h"
#include "interpreter.h"
#include "options.h"
#include "pool.h"
#include "stream.h"

#include "ruby_image.h"

#include <erl_driver.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port {
  ErlDrvPort port;            /* [port] */
  ErlDrvTermData term;        /* [const] */
  bool manager;               /* [const] */
  bool knows_flags;           /* [port] */
  _Atomic bool binary;        /* [port writes] opened with `binary` */
  bool token;                 /* [port] a job of ours is in the VM's async pool */
  bool ticking;               /* [port] the timer is set */
  bool broken;                /* [port] the stream can't be understood any more: to be closed */
  pthread_mutex_t owner_lock; /* held while a message goes to the owner; no lock of ours inside */
  bool closed;                /* [owner_lock] no more messages to the owner */
  struct options options;     /* [const] */
  struct pool *pool;          /* [const] */
  struct interp *interp;      /* [port] */
  struct stream stream;       /* [port] */
  struct callers callers;     /* [port] that may die before they are answered */
  size_t sweep_at;            /* [port] so many of them: look who still waits */
  struct flow posted;         /* [any] messages that the courier has not told to be done with */
  unsigned courier_known;     /* [interpreter's holder] which one that was */
  struct flow printed;        /* [any] output that the owner has, as far as is known, not read */
  _Atomic unsigned looking;   /* [any] the courier that looks whether it reads; 0: none */
  _Atomic bool acknowledged;  /* [port writes] the owner tells itself what it has read */
  _Atomic uintptr_t owner;    /* [port writes] as of the last callback */
  struct drv_template *template; /* [port] that it has made; NULL: none */
};

struct driver {
  pthread_mutex_t lock;
  struct pool *threads, *async; /* [lock to open] */
  bool watched;                 /* [lock] the watchdog is there */
  bool decided_on_faults;       /* [lock] */
  struct atoms *atoms;          /* [const after init] */
  pthread_mutex_t image_lock;
  struct ruby_image
      *image;           /* [image_lock to make; const after] NULL: interpreters can't be copied */
  bool image_made;      /* [image_lock] or found to be impossible */
  struct port *manager; /* [lock] */
  _Atomic ErlDrvTermData courier;  /* the process that sends messages on; 0: none. Set by control */
  _Atomic unsigned couriers;       /* how many there have been */
  struct flow_sum posted, printed; /* by all ports */
  _Atomic ErlDrvTermData observer; /* the process that events go to; 0: none. Set by control */
  struct flow events;              /* of all ports; its own sum */
  struct flow_sum events_sum;
  _Atomic size_t events_lost; /* since the observer was told */
  _Atomic size_t interpreters;
  ErlDrvTermData am_data, am_touch, am_send, am_look, am_event; /* [const after init] */
};

extern struct driver driver;

/* --- drv_info.c: writes a map, with version byte [any thread] --- */

void drv_put_info(struct buffer *out);

/* --- drv_template.c --- */

/* An interpreter as it was, for others to begin with; or one that waits for a second to be compared with. */
struct drv_template {
  uint32_t id;                /* [const] never 0 */
  struct ruby_frozen *frozen; /* [const] NULL: an image was made */
  struct ruby_image *image;   /* [const] NULL: not yet */
  unsigned users;             /* [image_lock] */
  struct drv_template *next;  /* [image_lock] */
};

/* Freezes the port's interpreter: to be compared, if `other` is 0, else an image of it and of the template of that number.
 * It is the port's, in the place of one that the port has, and goes with it. Errors: as ruby_freeze and ruby_image_make;
 * then nothing has changed. [port] */
MUST_CHECK enum status drv_template_make(struct port *port, uint32_t other, uint32_t *id,
                                         char why[RUBY_IMAGE_WHY]);

/* The template of this number, which stays as it is until it is released; NULL: there is none (any more). [any thread] */
struct drv_template *drv_template_use(uint32_t id);

/* NULL is fine. [any thread] */
void drv_template_release(struct drv_template *template);

/* --- drv_send.c [any thread] --- */

extern const struct transport drv_transport;

/* The term of the manager's port; 0 if there is none. */
ErlDrvTermData drv_manager(void);

/* Frees a port: of one that never had an interpreter, or whose interpreter is gone. */
void drv_free(struct port *port);

#endif
