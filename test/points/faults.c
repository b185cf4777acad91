/* Faults from below, at will: the link of the build with points (VARIANT=points) has the driver's
 * calls of these functions come here. The n-th call of one kind fails as the function itself would.
 * Any thread. See test_points.h; faults_SUITE uses it. */
#include "test_points.h"

#include <erl_driver.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic int armed;               /* the kind */
static _Atomic unsigned wanted, called; /* the n-th from now; how often so far */
static _Atomic int live;                /* blocks of malloc that are not freed yet */

void test_fault_set(enum test_fault kind, unsigned nth)
{
  atomic_store(&wanted, 0);
  atomic_store(&called, 0);
  atomic_store(&armed, (int)kind);
  atomic_store(&wanted, nth);
}

unsigned test_fault_called(void) { return atomic_load(&called); }

int test_fault_live(void) { return atomic_load(&live); }

static bool fails(enum test_fault kind)
{
  if (atomic_load(&armed) != (int)kind) return false;
  return atomic_fetch_add(&called, 1) + 1 == atomic_load(&wanted);
}

static void *count(void *block)
{
  if (block) atomic_fetch_add(&live, 1);
  return block;
}

/* --- memory --- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t items, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void __wrap_free(void *block);

void *__wrap_malloc(size_t bytes)
{
  return fails(FAULT_MEMORY) ? NULL : count(__real_malloc(bytes));
}

void *__wrap_calloc(size_t items, size_t bytes)
{
  return fails(FAULT_MEMORY) ? NULL : count(__real_calloc(items, bytes));
}

void *__wrap_realloc(void *block, size_t bytes)
{
  if (fails(FAULT_MEMORY)) return NULL;
  void *fresh = __real_realloc(block, bytes);
  return block ? fresh : count(fresh);
}

void __wrap_free(void *block)
{
  if (block) atomic_fetch_sub(&live, 1);
  __real_free(block);
}

void *__real_driver_alloc(ErlDrvSizeT bytes);
ErlDrvBinary *__real_driver_alloc_binary(ErlDrvSizeT bytes);
void *__wrap_driver_alloc(ErlDrvSizeT bytes);
ErlDrvBinary *__wrap_driver_alloc_binary(ErlDrvSizeT bytes);

void *__wrap_driver_alloc(ErlDrvSizeT bytes)
{
  return fails(FAULT_MEMORY) ? NULL : __real_driver_alloc(bytes);
}

ErlDrvBinary *__wrap_driver_alloc_binary(ErlDrvSizeT bytes)
{
  return fails(FAULT_MEMORY) ? NULL : __real_driver_alloc_binary(bytes);
}

/* --- address space, signal stacks, threads --- */

void *__real_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_mprotect(void *at, size_t bytes, int protection);
int __real_sigaltstack(const stack_t *stack, stack_t *before);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_mprotect(void *at, size_t bytes, int protection);
int __wrap_sigaltstack(const stack_t *stack, stack_t *before);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument);

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
  errno = ENOMEM;
  return fails(FAULT_MAPPING) ? MAP_FAILED
                              : __real_mmap(at, bytes, protection, flags, file, offset);
}

int __wrap_mprotect(void *at, size_t bytes, int protection)
{
  errno = ENOMEM;
  return fails(FAULT_MAPPING) ? -1 : __real_mprotect(at, bytes, protection);
}

int __wrap_sigaltstack(const stack_t *stack, stack_t *before)
{
  errno = ENOMEM;
  return fails(FAULT_MAPPING) ? -1 : __real_sigaltstack(stack, before);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*body)(void *), void *argument)
{
  return fails(FAULT_THREAD) ? EAGAIN : __real_pthread_create(thread, attributes, body, argument);
}

/* --- erts --- */

int __real_erl_drv_send_term(ErlDrvTermData from, ErlDrvTermData to, ErlDrvTermData *term,
                             int size);
int __real_erl_drv_output_term(ErlDrvTermData from, ErlDrvTermData *term, int size);
int __real_driver_monitor_process(ErlDrvPort port, ErlDrvTermData process, ErlDrvMonitor *monitor);
int __wrap_erl_drv_send_term(ErlDrvTermData from, ErlDrvTermData to, ErlDrvTermData *term,
                             int size);
int __wrap_erl_drv_output_term(ErlDrvTermData from, ErlDrvTermData *term, int size);
int __wrap_driver_monitor_process(ErlDrvPort port, ErlDrvTermData process, ErlDrvMonitor *monitor);

int __wrap_erl_drv_send_term(ErlDrvTermData from, ErlDrvTermData to, ErlDrvTermData *term, int size)
{
  if (fails(FAULT_RECEIVER_GONE)) return 0;
  if (fails(FAULT_SENDER_GONE)) return -1;
  return __real_erl_drv_send_term(from, to, term, size);
}

int __wrap_erl_drv_output_term(ErlDrvTermData from, ErlDrvTermData *term, int size)
{
  return fails(FAULT_OUTPUT) ? -1 : __real_erl_drv_output_term(from, term, size);
}

int __wrap_driver_monitor_process(ErlDrvPort port, ErlDrvTermData process, ErlDrvMonitor *monitor)
{
  return fails(FAULT_CALLER_GONE) ? 1 : __real_driver_monitor_process(port, process, monitor);
}
