/* The linked-in driver: ports of the Erlang VM, and interpreters behind them.
 *
 * Only what has to do with erl_driver.h is here: callbacks, monitors, the VM's async pool (and messages in
 * drv_send.c). A callback runs on a scheduler thread with the port's lock held. What the API does where it surprises is told at each
 * place, from erts's sources (io.c, erl_async.c) and docs (erl_driver(3erl)).
 *
 * A struct port is freed when its interpreter is gone, which may be after `stop`: a slice that runs
 * while its port is closed ends first, and may still print.
 */
#include "coroutine.h"
#include "drv_port.h"
#include "etf.h"
#include "fault.h"
#include "preempt.h"
#include "region.h"
#include "test_points.h"
#include "watchdog.h"

#include <dlfcn.h>
#include <erl_driver.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Commands of port_call and port_control; the same numbers stand in erlang/rubeam_driver.erl. The
 * high half is "RB": a mistaken call for another driver's port is not taken for one of ours. */
enum command {
  COMMAND_FRAME = 0,
  COMMAND_REQUEST = 0x52420001,
  COMMAND_CLAIM = 0x52420002,
  COMMAND_ASYNC = 0x52420003,
  COMMAND_ABANDON = 0x52420004,
  COMMAND_TOUCH = 0x52420005,
  COMMAND_COURIER = 0x52420006,
  COMMAND_POSTED = 0x52420007,
  COMMAND_READ = 0x52420008,
  COMMAND_NODE = 0x52420009,
  COMMAND_OBSERVER = 0x5242000a,
  COMMAND_OBSERVED = 0x5242000b,
  COMMAND_TEMPLATE = 0x5242000c /* a test build knows more: see test_points.h */
};

/* How often a port looks after an interpreter that is busy elsewhere, in milliseconds: only where
 * no manager is there to be asked, and as a last resort. */
#define TICK_ALONE   50
#define TICK_MANAGED 1000

struct driver driver = {.lock = PTHREAD_MUTEX_INITIALIZER, .image_lock = PTHREAD_MUTEX_INITIALIZER};

/* --- callers that may die --- */

_Static_assert(sizeof(ErlDrvMonitor) <= sizeof((struct caller *)0)->monitor, "see callers.h");

static ErlDrvMonitor *monitor_of(struct caller *caller)
{
  return (ErlDrvMonitor *)(void *)caller->monitor;
}

static void mark(void *data, uintptr_t pid)
{
  struct caller *caller = callers_find(data, pid);
  if (caller) caller->marked = true;
}

static void drop(void *data, struct caller *caller)
{
  struct port *port = data;
  driver_demonitor_process(port->port, monitor_of(caller));
}

/* Those that have been answered need no monitor. */
static void sweep_callers(struct port *port)
{
  interp_each_caller(port->interp, mark, &port->callers);
  callers_sweep(&port->callers, drop, port);
  port->sweep_at = port->callers.length < 8 ? 16 : 2 * port->callers.length;
}

/* Notice when the caller of a request that is not done yet dies. There is room: see ask_for. */
static void watch_caller(struct port *port, ErlDrvTermData pid)
{
  struct caller *caller;
  if (callers_find(&port->callers, (uintptr_t)pid)) return;
  if (port->callers.length >= port->sweep_at) sweep_callers(port);
  if (callers_put(&port->callers, (uintptr_t)pid, &caller)) return;
  if (driver_monitor_process(port->port, pid, monitor_of(caller)) == 0) return;
  callers_take(&port->callers, caller); /* it is dead (-1 is for drivers without process_exit) */
  interp_caller_gone(port->interp, (uintptr_t)pid);
}

/* --- the end of each callback --- */

static void run_one(void *pool) { (void)pool_run_one(pool); }

/* Async jobs need a function to be freed with: without one, erts would not free them at all when
 * their port is gone. */
static void no_free(void *pool) { (void)pool; }

static void tick(struct port *port, unsigned long ms)
{
  port->ticking = true;
  driver_set_timer(port->port, ms);
}

/* What an interpreter needs from its port's thread. Never closes the port: erts calls `stop` from
 * inside of driver_failure_*, so that only the timer's callback does, which touches nothing after
 * it. */
static void look_after(struct port *port)
{
  if (interp_tend(port->interp) || port->broken) {
    tick(port, 0);
    return;
  }
  bool pooled = interp_in_pool(port->interp);
  if (pooled && !port->token && pool_form(port->pool) == POOL_ASYNC) {
    port->token = true;
    driver_async(port->port, NULL, run_one, port->pool, no_free);
  }
  if (port->ticking) return;
  if (interp_is_busy(port->interp)) tick(port, drv_manager() ? TICK_MANAGED : TICK_ALONE);
}

static void timeout(ErlDrvData data)
{
  struct port *port = (struct port *)data;
  port->ticking = false;
  if (interp_tend(port->interp) || port->broken)
    driver_failure_eof(port->port);
  else
    look_after(port);
}

static void ready_async(ErlDrvData data, ErlDrvThreadData job)
{
  struct port *port = (struct port *)data;
  (void)job;
  port->token = false;
  look_after(port);
}

static void process_exit(ErlDrvData data, ErlDrvMonitor *monitor)
{
  struct port *port = (struct port *)data;
  uintptr_t pid = (uintptr_t)driver_get_monitored_process(port->port, monitor);
  struct caller *caller = callers_find(&port->callers, pid);
  if (!caller) return;
  callers_take(&port->callers, caller);
  interp_caller_gone(port->interp, pid);
  look_after(port); /* a job that slept is now in the pool */
}

/* After a request: who is to be watched, and what the scheduler is to be charged for. */
static void after_request(struct port *port, const struct answer *answer, ErlDrvTermData caller)
{
  if (answer->watch_caller) watch_caller(port, caller);
  if (answer->ran_long) (void)erl_drv_consume_timeslice(port->port, 100);
  look_after(port);
}

/* --- frames from the owner --- */

/* erts sets the flags of open_port's options after `start`; and the owner may change. */
static void learn_of_port(struct port *port)
{
  atomic_store_explicit(&port->owner, (uintptr_t)driver_connected(port->port),
                        memory_order_relaxed);
  if (port->knows_flags) return;
  port->knows_flags = true;
  atomic_store(&port->binary, (get_port_flags(port->port) & PORT_FLAG_BINARY) != 0);
}

static void after_frame(void *context, const struct answer *answer)
{
  after_request(context, answer, 0);
}

static void output(ErlDrvData data, char *bytes, ErlDrvSizeT length)
{
  struct port *port = (struct port *)data;
  if (port->manager) return;
  learn_of_port(port);
  if (stream_feed(&port->stream, (const uint8_t *)bytes, length)) return;
  port->broken = true;
  look_after(port);
}

/* --- control and call --- */

/* There is no memory for an answer. This one fits into the VM's buffer. (To return -1 would say
 * that the port is closed.) */
static ErlDrvSSizeT no_memory(enum way way, char *buffer, ErlDrvSizeT room)
{
  struct answer answer;
  interp_no_memory(way, &answer);
  if (answer.length > room) return -1;
  memcpy(buffer, answer.bytes, answer.length);
  return (ErlDrvSSizeT)answer.length;
}

/* At most 64 bytes fit into the VM's own buffer; more must be a driver binary. */
static ErlDrvSSizeT control_answer(const struct answer *answer, char **buffer, ErlDrvSizeT room)
{
  if (answer->kind != ANSWER_NOW) return 0;
  if (answer->length <= room) {
    memcpy(*buffer, answer->bytes, answer->length);
  } else {
    ErlDrvBinary *binary = driver_alloc_binary((ErlDrvSizeT)answer->length);
    if (!binary) return no_memory(WAY_CONTROL, *buffer, room);
    memcpy(binary->orig_bytes, answer->bytes, answer->length);
    *buffer = (char *)binary;
  }
  return (ErlDrvSSizeT)answer->length;
}

/* A request of a process that is to be watched while it waits: what that takes must be there first. */
static void ask_for(struct port *port, ErlDrvTermData caller, enum way way, const uint8_t *bytes,
                    size_t length, struct answer *answer)
{
  if (callers_reserve(&port->callers))
    interp_no_memory(way, answer);
  else
    interp_request(port->interp, way, (uintptr_t)caller, bytes, length, answer);
}

/* The caller passes messages on, until it is dead or another one takes its place. */
static ErlDrvSSizeT become_courier(struct port *manager)
{
  atomic_fetch_add(&driver.couriers, 1);
  atomic_store(&driver.courier, driver_caller(manager->port));
  return 0;
}

/* So many bytes were taken: 4 bytes, big-endian. */
static bool read_bytes(const uint8_t *bytes, size_t length, size_t *out)
{
  if (length != 4) return false;
  *out = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
  return true;
}

/* The caller gets events, until another one takes its place. What the last one had not taken is gone. */
static ErlDrvSSizeT become_observer(struct port *manager)
{
  atomic_store(&driver.observer, driver_caller(manager->port));
  flow_taken_all(&driver.events);
  return 0;
}

static ErlDrvSSizeT manager_control(struct port *manager, unsigned command, const uint8_t *bytes,
                                    size_t length, char **out, ErlDrvSizeT room)
{
  struct buffer info;
  struct answer answer = {.kind = ANSWER_NOW};
  ErlDrvSSizeT result;
  size_t taken;
  switch (command) {
  case COMMAND_COURIER: return become_courier(manager);
  case COMMAND_OBSERVER: return become_observer(manager);
  case COMMAND_OBSERVED:
    if (!read_bytes(bytes, length, &taken)) return -1;
    flow_taken(&driver.events, taken);
    return 0;
  case COMMAND_NODE:
    buffer_init(&info, 4096);
    drv_put_info(&info);
    answer.bytes = info.bytes;
    answer.length = info.length;
    result = control_answer(&answer, out, room);
    buffer_fini(&info);
    return result;
  default: return -1;
  }
}

/* <<Other:32>> to <<1, Id:32>>, or <<0, Why/binary>>. */
static ErlDrvSSizeT make_template(struct port *port, const uint8_t *bytes, size_t length,
                                  char **out, ErlDrvSizeT room)
{
  char text[1 + RUBY_IMAGE_WHY] = {0};
  size_t other;
  uint32_t id;
  if (!read_bytes(bytes, length, &other)) return -1;
  enum status status = drv_template_make(port, (uint32_t)other, &id, text + 1);
  (void)erl_drv_consume_timeslice(port->port,
                                  100); /* some milliseconds, for all that is in memory */
  if (status == STATUS_NO_MEMORY)
    (void)snprintf(text + 1, sizeof text - 1, "there is no memory for it");
  if (!status) {
    text[0] = 1;
    for (int i = 0; i < 4; i++) text[1 + i] = (char)(id >> (24 - 8 * i));
  }
  struct answer answer = {.kind = ANSWER_NOW,
                          .bytes = (const uint8_t *)text,
                          .length = status ? 1 + strlen(text + 1) : 5};
  return control_answer(&answer, out, room);
}

static ErlDrvSSizeT control(ErlDrvData data, unsigned int command, char *bytes, ErlDrvSizeT length,
                            char **buffer, ErlDrvSizeT room)
{
  struct port *port = (struct port *)data;
  struct answer answer = {.kind = ANSWER_NONE};
#ifdef RUBEAM_TEST_POINTS
  int written = test_points_control(command, (const uint8_t *)bytes, length, *buffer);
  if (written >= 0) return written;
#endif
  if (port->manager)
    return manager_control(port, command, (const uint8_t *)bytes, length, buffer, room);
  learn_of_port(port);
  size_t taken;
  switch (command) {
  case COMMAND_TOUCH: look_after(port); return 0;
  case COMMAND_TEMPLATE: return make_template(port, (const uint8_t *)bytes, length, buffer, room);
  case COMMAND_POSTED:
  case COMMAND_READ:
    if (!read_bytes((const uint8_t *)bytes, length, &taken)) return -1;
    drv_transport.taken(port, command == COMMAND_READ, taken);
    return 0;
  default: break;
  }
  if (command != COMMAND_FRAME) return -1;
  ErlDrvTermData caller = driver_caller(port->port);
  ask_for(port, caller, WAY_CONTROL, (const uint8_t *)bytes, length, &answer);
  ErlDrvSSizeT result = control_answer(&answer, buffer, room);
  after_request(port, &answer, caller);
  return result;
}

/* The answer of `call` is an encoded term; one that does not fit is to be in driver_alloc'ed
 * memory, which the VM frees. */
static ErlDrvSSizeT call_answer(const uint8_t *bytes, size_t length, char **buffer,
                                ErlDrvSizeT room)
{
  if (length > room) {
    char *more = driver_alloc((ErlDrvSizeT)length);
    if (!more) return no_memory(WAY_REQUEST, *buffer, room);
    *buffer = more;
  }
  memcpy(*buffer, bytes, length);
  return (ErlDrvSSizeT)length;
}

static ErlDrvSSizeT call_word(const char *word, char **buffer, ErlDrvSizeT room)
{
  uint8_t bytes[32] = {131, 119, (uint8_t)strlen(word)}; /* SMALL_ATOM_UTF8_EXT */
  memcpy(bytes + 3, word, strlen(word));
  return call_answer(bytes, 3 + strlen(word), buffer, room);
}

static ErlDrvSSizeT call_token(uint64_t token, char **buffer, ErlDrvSizeT room)
{
  struct buffer term;
  buffer_init(&term, BUFFER_INLINE);
  etf_put_version(&term);
  etf_put_integer(&term, (int64_t)token);
  ErlDrvSSizeT result = call_answer(term.bytes, term.length, buffer, room);
  buffer_fini(&term);
  return result;
}

static ErlDrvSSizeT request(struct port *port, enum way way, const uint8_t *bytes, size_t length,
                            char **buffer, ErlDrvSizeT room)
{
  struct answer answer;
  ErlDrvSSizeT result = -1;
  ErlDrvTermData caller = driver_caller(port->port);
  ask_for(port, caller, way, bytes, length, &answer);
  switch (answer.kind) {
  case ANSWER_NOW: result = call_answer(answer.bytes, answer.length, buffer, room); break;
  case ANSWER_LATER: result = call_token(answer.token, buffer, room); break;
  case ANSWER_NONE:
  case ANSWER_ACCEPTED: result = call_word("ok", buffer, room); break;
  }
  after_request(port, &answer, caller);
  return result;
}

static ErlDrvSSizeT claim(struct port *port, struct etf_reader reader, char **buffer,
                          ErlDrvSizeT room)
{
  struct answer answer;
  struct etf_item token;
  uint32_t arity;
  if (etf_enter_tuple(&reader, &arity) || arity != 2 || etf_next(&reader, &token) ||
      token.kind != ETF_INTEGER)
    return -1;
  struct piece id = {reader.at, (size_t)(reader.end - reader.at)};
  if (!interp_may_address(id)) return -1;
  interp_claim(port->interp, (uintptr_t)driver_caller(port->port), (uint64_t)token.integer, id,
               &answer);
  if (answer.kind == ANSWER_NOW) return call_answer(answer.bytes, answer.length, buffer, room);
  return call_word("wait", buffer, room);
}

static ErlDrvSSizeT call(ErlDrvData data, unsigned int command, char *bytes, ErlDrvSizeT length,
                         char **buffer, ErlDrvSizeT room, unsigned int *flags)
{
  struct port *port = (struct port *)data;
  const uint8_t *term = (const uint8_t *)bytes;
  struct etf_reader reader = {term, term + length};
  (void)flags;
  if (port->manager) return -1;
  learn_of_port(port);
  switch (command) {
  case COMMAND_REQUEST: return request(port, WAY_REQUEST, term, length, buffer, room);
  case COMMAND_ASYNC: return request(port, WAY_ASYNC, term, length, buffer, room);
  case COMMAND_CLAIM: return etf_begin(&reader) ? -1 : claim(port, reader, buffer, room);
  case COMMAND_ABANDON:
    if (etf_begin(&reader)) return -1;
    interp_abandon(port->interp, (uintptr_t)driver_caller(port->port),
                   (struct piece){reader.at, (size_t)(reader.end - reader.at)});
    look_after(port);
    return call_word("ok", buffer, room);
  default: return -1;
  }
}

/* --- opening and closing --- */

/* [lock] The pool in the form that is wanted, opened with the first port. */
static enum status find_pool(enum pool_form form, struct pool **out)
{
  ErlDrvSysInfo system;
  driver_system_info(&system, sizeof system);
  unsigned schedulers = system.scheduler_threads > 0 ? (unsigned)system.scheduler_threads : 1;
  unsigned lent = system.async_threads > 0 ? (unsigned)system.async_threads : 0;
  if (form == POOL_AUTO) form = lent >= schedulers ? POOL_ASYNC : POOL_THREADS;
  if (lent == 0) form = POOL_THREADS; /* driver_async would run the job at once, on the scheduler */
  struct pool **pool = form == POOL_ASYNC ? &driver.async : &driver.threads;
  if (!*pool) {
    enum status status = pool_open(form, schedulers, interp_run, pool);
    if (status) return status;
  }
  *out = *pool;
  return STATUS_OK;
}

static enum status ready_for_ports(enum pool_form form, struct pool **pool)
{
  enum status status = STATUS_OK;
  pthread_mutex_lock(&driver.lock);
  if (!driver.watched) {
    status = watchdog_start();
    driver.watched = !status;
  }
  if (!status) status = find_pool(form, pool);
  pthread_mutex_unlock(&driver.lock);
  return status;
}

/* What interpreters are copied from; made with the first one. */
static struct ruby_image *find_image(void)
{
  pthread_mutex_lock(&driver.image_lock);
  if (!driver.image_made)
    driver.image_made = ruby_image_open(driver.atoms, &driver.image) != STATUS_NO_MEMORY;
  struct ruby_image *image = driver.image;
  pthread_mutex_unlock(&driver.image_lock);
  return image;
}

/* The first port decides, since later jobs may run that count on it: the manager, which is there
 * before all others where the application is started, or an interpreter, which wants it. */
static void decide_on_faults(bool wanted)
{
  pthread_mutex_lock(&driver.lock);
  if (!driver.decided_on_faults && wanted) fault_install();
  driver.decided_on_faults = true;
  pthread_mutex_unlock(&driver.lock);
}

/* There is one at a time: a second could take the messages that the first waits for. */
static bool become_manager(struct port *port)
{
  pthread_mutex_lock(&driver.lock);
  bool free = driver.manager == NULL;
  if (free) driver.manager = port;
  pthread_mutex_unlock(&driver.lock);
  return free;
}

static ErlDrvData fail(struct port *port, int error)
{
  drv_free(port);
  errno = error;
  return ERL_DRV_ERROR_ERRNO;
}

/* STATUS_UNSUPPORTED: there is no such template. */
static enum status open_interp(struct port *port)
{
  struct drv_template *template = NULL;
  struct ruby_image *image;
  if (port->options.template_id == 0) {
    image = find_image();
  } else {
    template = drv_template_use((uint32_t)port->options.template_id);
    image = template ? template->image : NULL;
  }
  enum status status = STATUS_UNSUPPORTED;
  if (image || port->options.template_id == 0)
    status = interp_open(&port->options, &drv_transport, port, port->pool, driver.atoms, image,
                         &port->interp);
  drv_template_release(template);
  return status;
}

static ErlDrvData start(ErlDrvPort handle, char *command)
{
  const char *bad;
  struct port *port = calloc(1, sizeof *port);
  if (!port) {
    errno = ENOMEM;
    return ERL_DRV_ERROR_ERRNO;
  }
  port->port = handle;
  port->term = driver_mk_port(handle);
  port->sweep_at = 16;
  port->posted.sum = &driver.posted;
  port->printed.sum = &driver.printed;
  pthread_mutex_init(&port->owner_lock, NULL);
  callers_init(&port->callers);
  /* The command is "rubeam_drv options …"; what is before the first space has found us. */
  if (options_parse(command + strcspn(command, " "), &port->options, &bad)) {
    drv_free(port);
    return ERL_DRV_ERROR_BADARG;
  }
  decide_on_faults(port->options.fault_handler);
  port->manager = port->options.manager;
  if (port->manager) {
    set_port_control_flags(handle, PORT_CONTROL_FLAG_BINARY);
    return become_manager(port) ? (ErlDrvData)port : fail(port, EBUSY);
  }
  if (ready_for_ports(port->options.pool, &port->pool)) return fail(port, EAGAIN);
  atoms_set_limit(driver.atoms, (size_t)port->options.max_atoms);
  enum status status = open_interp(port);
  port->options.load_path = (struct load_path){0}; /* the command is not ours */
  if (status) return fail(port, status == STATUS_NO_MEMORY ? ENOMEM : ENOENT);
  stream_init(&port->stream, &port->options, port->interp, after_frame, port);
  atomic_fetch_add(&driver.interpreters, 1);
  set_port_control_flags(handle, PORT_CONTROL_FLAG_BINARY);
  return (ErlDrvData)port;
}

static void stop(ErlDrvData data)
{
  struct port *port = (struct port *)data;
  if (!port->manager) {
    /* Waits for the one message that may be on its way: nothing comes to an owner that has closed. */
    pthread_mutex_lock(&port->owner_lock);
    port->closed = true;
    pthread_mutex_unlock(&port->owner_lock);
    drv_template_release(port->template);
    interp_close(port->interp); /* which frees the port, now or later */
    return;
  }
  pthread_mutex_lock(&driver.lock);
  if (driver.manager == port) {
    driver.manager = NULL;
    atomic_store(&driver.courier, 0); /* it belongs to the application */
  }
  pthread_mutex_unlock(&driver.lock);
  drv_free(port);
}

/* Both run under the lock of the VM's list of drivers: threads are started with the first port. */
static int init(void)
{
  static char data[] = "data", touch[] = "touch", send[] = "rubeam_send", look[] = "rubeam_look",
              event[] = "rubeam_event";
  if (atoms_open(ATOMS_LIMIT, &driver.atoms)) return -1;
  driver.am_data = driver_mk_atom(data);
  driver.am_touch = driver_mk_atom(touch);
  driver.am_send = driver_mk_atom(send);
  driver.am_look = driver_mk_atom(look);
  driver.am_event = driver_mk_atom(event);
  driver.events.sum = &driver.events_sum;
  preempt_install();
  return 0;
}

/* No port is left, and no async job of ours; slices that still run on our threads end first. */
static void finish(void)
{
  pool_close(driver.threads);
  pool_close(driver.async);
  preempt_remove(); /* its handler writes to the watchdog's slots */
  if (driver.watched) watchdog_stop();
  coroutine_pool_trim(0);
  region_trim(0);
  ruby_image_close(driver.image);
  atoms_close(driver.atoms);
  /* The library may stay in memory, see below, and be used again. */
  driver.threads = driver.async = NULL;
  driver.watched = driver.decided_on_faults = false;
  driver.atoms = NULL;
  driver.image = NULL;
  driver.image_made = false;
  if (!fault_remove()) {
    /* Somebody's handler for SIGSEGV may call ours: the code must stay where it is. */
    Dl_info here;
    if (dladdr((void *)(uintptr_t)fault_remove, &here))
      (void)dlopen(here.dli_fname, RTLD_NOW | RTLD_NODELETE);
  }
}

static char name[] = "rubeam_drv";

static ErlDrvEntry entry = {
    .init = init,
    .start = start,
    .stop = stop,
    .output = output,
    .finish = finish,
    .control = control,
    .timeout = timeout,
    .ready_async = ready_async,
    .call = call,
    .process_exit = process_exit,
    .driver_name = name,
    .extended_marker = (int)ERL_DRV_EXTENDED_MARKER,
    .major_version = ERL_DRV_EXTENDED_MAJOR_VERSION,
    .minor_version = ERL_DRV_EXTENDED_MINOR_VERSION,
    /* Without it one lock would serve all ports. */
    .driver_flags = ERL_DRV_FLAG_USE_PORT_LOCKING,
};

__attribute__((visibility("default"))) DRIVER_INIT(rubeam_drv) { return &entry; }
