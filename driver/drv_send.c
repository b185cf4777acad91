/* What goes out of a port: messages to its owner, to callers and to the processes of the application.
 *
 * All of it runs on any thread, in the middle of a slice, also after the port was closed. What the API
 * does where it surprises is told at each place, from erts's sources (io.c).
 */
#include "drv_port.h"
#include "etf.h"

#include <stdlib.h>
#include <string.h>

/* --- to the owner and to callers --- */

#define TERMS(array) ((int)(sizeof(array) / sizeof *(array)))

ErlDrvTermData drv_manager(void)
{
  pthread_mutex_lock(&driver.lock);
  struct port *manager = driver.manager;
  ErlDrvTermData term = manager ? manager->term : 0;
  pthread_mutex_unlock(&driver.lock);
  return term;
}

/* To a process other than the owner. -1 is an answer of erts's for a sender that is gone (and for a
 * term that is none, which these are not): then the manager, which is open for sure, sends in its
 * place. 0: the receiver is gone, and nobody waits. */
static void send_to(ErlDrvTermData from, uintptr_t to, ErlDrvTermData *message, int length)
{
  if (erl_drv_send_term(from, (ErlDrvTermData)to, message, length) >= 0) return;
  ErlDrvTermData manager = drv_manager();
  if (manager) (void)erl_drv_send_term(manager, (ErlDrvTermData)to, message, length);
}

/* {Port, {data, Bytes}}, to the owner or to a caller. */
static void send_data(struct port *port, bool to_owner, uintptr_t caller, const uint8_t *bytes,
                      size_t length)
{
  bool binary = atomic_load_explicit(&port->binary, memory_order_relaxed);
  ErlDrvTermData as_binary[] = {ERL_DRV_PORT,
                                port->term,
                                ERL_DRV_ATOM,
                                driver.am_data,
                                ERL_DRV_BUF2BINARY,
                                (ErlDrvTermData)bytes,
                                length,
                                ERL_DRV_TUPLE,
                                2,
                                ERL_DRV_TUPLE,
                                2};
  ErlDrvTermData as_list[] = {ERL_DRV_PORT,
                              port->term,
                              ERL_DRV_ATOM,
                              driver.am_data,
                              ERL_DRV_STRING,
                              (ErlDrvTermData)bytes,
                              length,
                              ERL_DRV_TUPLE,
                              2,
                              ERL_DRV_TUPLE,
                              2};
  ErlDrvTermData *message = binary ? as_binary : as_list;
  if (!to_owner) {
    send_to(port->term, caller, message, TERMS(as_binary));
    return;
  }
  /* erts delivers until it has freed the port, some time after it was closed; and a slice that runs
   * on may still print. */
  pthread_mutex_lock(&port->owner_lock);
  if (!port->closed) (void)erl_drv_output_term(port->term, message, TERMS(as_binary));
  pthread_mutex_unlock(&port->owner_lock);
}

static void send_framed(struct port *port, bool to_owner, uintptr_t caller, const uint8_t *frame,
                        size_t length)
{
  uint8_t head[FRAME_HEAD_BYTES];
  size_t head_length;
  if (frame_head(port->options.packet, length, head, &head_length)) return; /* max_frame fits */
  if (head_length == 0) {
    send_data(port, to_owner, caller, frame, length);
    return;
  }
  uint8_t *whole = malloc(head_length + length);
  if (!whole) return;
  memcpy(whole, head, head_length);
  memcpy(whole + head_length, frame, length);
  send_data(port, to_owner, caller, whole, head_length + length);
  free(whole);
}

static void home_to_owner(void *home, const uint8_t *frame, size_t length)
{
  send_framed(home, true, 0, frame, length);
}

static void home_to_caller(void *home, uintptr_t caller, const uint8_t *frame, size_t length)
{
  struct port *port = home;
  send_data(port, false, caller, frame, length); /* an answer of control: never in stream form */
}

/* {rubeam_send, Port, Frame} to the process that has offered to pass messages on. erts can't be
 * given a pid in its external form, so that the driver can't send to it itself. */
static enum sent home_post(void *home, const uint8_t *frame, size_t length)
{
  static const struct flow_limit limit = {
      .most = (size_t)256 << 10, .all = (size_t)64 << 20, .least = (size_t)16 << 10};
  struct port *port = home;
  ErlDrvTermData courier = atomic_load(&driver.courier);
  if (courier == 0) return SENT_NEVER;
  unsigned known = atomic_load(&driver.couriers);
  if (known != port->courier_known) flow_taken_all(&port->posted); /* the last one tells no more */
  port->courier_known = known;
  if (flow_exceeds(&port->posted, &limit)) return SENT_LATER;
  ErlDrvTermData message[] = {ERL_DRV_ATOM, driver.am_send,     ERL_DRV_PORT,
                              port->term,   ERL_DRV_BUF2BINARY, (ErlDrvTermData)frame,
                              length,       ERL_DRV_TUPLE,      3};
  flow_sent(&port->posted, length);
  int sent = erl_drv_send_term(port->term, courier, message, TERMS(message));
  if (sent > 0) return SENT;
  flow_taken(&port->posted, length + FLOW_MESSAGE);
  /* 0: the courier is gone. Its supervisor starts another one. -1: our port is closed. */
  return SENT_LATER;
}

/* --- what Ruby prints --- */

static void home_output(void *home, const uint8_t *bytes, size_t length)
{
  struct port *port = home;
  flow_sent(&port->printed, length);
  if (port->options.packet == PACKET_LINE)
    send_data(port, true, 0, bytes, length);
  else
    send_framed(port, true, 0, bytes, length);
}

/* {rubeam_look, Port, Messages}: the courier looks whether the owner reads, which the driver can't see,
 * and tells. Once for all that there is to be read; again if that courier is gone. */
static void ask_to_look(struct port *port)
{
  unsigned known = atomic_load(&driver.couriers), looking = atomic_load(&port->looking);
  if (looking == known || !atomic_compare_exchange_strong(&port->looking, &looking, known)) return;
  ErlDrvTermData message[] = {ERL_DRV_ATOM,  driver.am_look,
                              ERL_DRV_PORT,  port->term,
                              ERL_DRV_UINT,  atomic_load(&port->printed.messages),
                              ERL_DRV_TUPLE, 3};
  if (erl_drv_send_term(port->term, atomic_load(&driver.courier), message, TERMS(message)) <= 0)
    atomic_store(&port->looking, 0);
}

/* Without the application nobody can tell what an owner reads: then nothing is held up. */
static enum reading home_reading(void *home)
{
  static const struct flow_limit behind = {
      .most = (size_t)1 << 20, .all = (size_t)64 << 20, .least = (size_t)64 << 10};
  static const struct flow_limit far_behind = {
      .most = (size_t)64 << 20, .all = (size_t)256 << 20, .least = (size_t)1 << 20};
  struct port *port = home;
  if (!flow_exceeds(&port->printed, &behind)) return READING;
  if (!atomic_load(&port->acknowledged)) {
    if (atomic_load(&driver.courier) == 0) return READING;
    ask_to_look(port);
  }
  return flow_exceeds(&port->printed, &far_behind) ? READING_FAR_BEHIND : READING_BEHIND;
}

/* An owner that tells what it has read also reads while it waits. */
static bool home_is_deaf(void *home, uintptr_t caller)
{
  struct port *port = home;
  return !atomic_load(&port->acknowledged) && (caller == 0 || caller == atomic_load(&port->owner));
}

/* Of what was printed: an owner that tells it once tells it always; else the courier has looked, and has
 * seen that all is read. [port] */
static void home_taken(void *home, bool output, uint64_t bytes)
{
  struct port *port = home;
  struct flow *flow = output ? &port->printed : &port->posted;
  if (bytes == REQUEST_TAKEN_NEVER) return; /* here the driver sees itself who waits */
  if (output && driver_caller(port->port) == driver_connected(port->port)) {
    atomic_store(&port->acknowledged, true);
  } else if (output) {
    atomic_store(&port->looking, 0);
    if (atomic_load(&port->acknowledged)) return;
  }
  flow_taken(flow, bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX);
}

/* {Id, Bytes}, the result still encoded. erts must not decode a term on a thread that is no
 * scheduler's: to sort the keys of a large map it takes random numbers from the scheduler's data
 * (erts_qsort, erlang/otp issue 8208, mended in 27.3), which is not there, and the VM crashes. An
 * Id is a reference, see interp_may_address(), and has no keys. */
static void home_answer(void *home, uintptr_t caller, struct piece id, struct piece result)
{
  struct port *port = home;
  ErlDrvTermData message[] = {ERL_DRV_EXT2TERM,
                              (ErlDrvTermData)id.bytes,
                              id.length,
                              ERL_DRV_BUF2BINARY,
                              (ErlDrvTermData)result.bytes,
                              result.length,
                              ERL_DRV_TUPLE,
                              2};
  send_to(port->term, caller, message, TERMS(message));
}

/* {rubeam_event, Port, Frame, Lost}. What comes faster than the observer takes it is lost, and counted. */
static void home_event(void *home, const uint8_t *frame, size_t length)
{
  static const struct flow_limit limit = {
      .most = (size_t)16 << 20, .all = SIZE_MAX, .least = SIZE_MAX};
  struct port *port = home;
  ErlDrvTermData observer = atomic_load(&driver.observer);
  if (observer == 0) return;
  if (flow_exceeds(&driver.events, &limit)) {
    atomic_fetch_add(&driver.events_lost, 1);
    return;
  }
  ErlDrvTermData message[] = {ERL_DRV_ATOM,
                              driver.am_event,
                              ERL_DRV_PORT,
                              port->term,
                              ERL_DRV_BUF2BINARY,
                              (ErlDrvTermData)frame,
                              length,
                              ERL_DRV_UINT,
                              atomic_exchange(&driver.events_lost, 0),
                              ERL_DRV_TUPLE,
                              4};
  flow_sent(&driver.events, length);
  send_to(port->term, observer, message, TERMS(message));
}

/* Asks the manager's owner to touch the port. Without one the port's timer comes round. */
static void home_tend(void *home)
{
  struct port *port = home;
  ErlDrvTermData manager = drv_manager();
  ErlDrvTermData message[] = {ERL_DRV_PORT,  manager,    ERL_DRV_ATOM,  driver.am_touch,
                              ERL_DRV_PORT,  port->term, ERL_DRV_TUPLE, 2,
                              ERL_DRV_TUPLE, 2};
  if (manager) (void)erl_drv_output_term(manager, message, TERMS(message));
}

void drv_free(struct port *port)
{
  if (port->interp) atomic_fetch_sub(&driver.interpreters, 1);
  flow_taken_all(&port->posted);
  flow_taken_all(&port->printed);
  stream_fini(&port->stream);
  callers_fini(&port->callers);
  pthread_mutex_destroy(&port->owner_lock);
  free(port);
}

static void home_gone(void *home) { drv_free(home); }

const struct transport drv_transport = {
    .to_owner = home_to_owner,
    .last = home_to_owner,
    .to_caller = home_to_caller,
    .answer = home_answer,
    .post = home_post,
    .output = home_output,
    .reading = home_reading,
    .is_deaf = home_is_deaf,
    .taken = home_taken,
    .event = home_event,
    .tend = home_tend,
    .gone = home_gone,
    .name = "driver",
};
