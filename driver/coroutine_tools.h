/* What AddressSanitizer, ThreadSanitizer and valgrind must be told of coroutines. Private to
 * coroutine.c; nothing is left of it in a build without them, but for valgrind's few instructions
 * when a stack is mapped, closed and unmapped.
 *
 * The order for each switch: tools_entering() on the resumer's stack, the switch, tools_entered()
 * on the coroutine; tools_leaving() on the coroutine, the switch, tools_left() on the resumer's
 * stack. They are inlined even without optimization: ThreadSanitizer counts calls and returns for
 * each stack, and a function must not be entered on one and left on another.
 */
#ifndef RUBEAM_COROUTINE_TOOLS_H
#define RUBEAM_COROUTINE_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#ifndef __has_feature
#define __has_feature(name) 0 /* gcc has macros for each sanitizer instead */
#endif
#ifndef __has_include
#define __has_include(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TOOLS_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define TOOLS_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TOOLS_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define TOOLS_TSAN 0
#endif

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define TOOLS_VALGRIND 1
#else
#define TOOLS_VALGRIND 0
#endif

#define TOOLS_INLINE static inline __attribute__((always_inline, unused))

struct tools {
  char *low; /* the stack; the struct coroutine at its upper end is not part of it */
  size_t bytes;
  unsigned valgrind_id;
  /* ASan: with detect_stack_use_after_return, variables live on a "fake stack" beside each stack.
   * The one that is switched out is kept here, NULL before the first switch. */
  void *fake, *resumer_fake;
  const void *resumer_low;
  size_t resumer_bytes;
  /* TSan: to it a run of a coroutine, from start to end, is like a thread. */
  void *fiber, *resumer_fiber;
};

TOOLS_INLINE void tools_open(struct tools *tools, char *low, size_t bytes)
{
  tools->low = low;
  tools->bytes = bytes;
#if TOOLS_VALGRIND
  tools->valgrind_id = VALGRIND_STACK_REGISTER(low, low + bytes);
#endif
}

TOOLS_INLINE void tools_close(struct tools *tools)
{
  (void)tools;
#if TOOLS_VALGRIND
  VALGRIND_STACK_DEREGISTER(tools->valgrind_id);
#endif
}

TOOLS_INLINE void tools_start(struct tools *tools)
{
  tools->fake = NULL;
#if TOOLS_TSAN
  tools->fiber = __tsan_create_fiber(0);
#endif
}

TOOLS_INLINE void tools_entering(struct tools *tools)
{
  (void)tools;
#if TOOLS_ASAN
  __sanitizer_start_switch_fiber(&tools->resumer_fake, tools->low, tools->bytes);
#endif
#if TOOLS_TSAN
  tools->resumer_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tools->fiber, 0);
#endif
}

TOOLS_INLINE void tools_entered(struct tools *tools)
{
  (void)tools;
#if TOOLS_ASAN
  __sanitizer_finish_switch_fiber(tools->fake, &tools->resumer_low, &tools->resumer_bytes);
#endif
}

/* Leaving for good frees the fake stack: whoever calls this with `for_good` must not have a
 * variable whose address is taken. */
TOOLS_INLINE void tools_leaving(struct tools *tools, bool for_good)
{
  (void)tools;
  (void)for_good;
#if TOOLS_ASAN
  __sanitizer_start_switch_fiber(for_good ? NULL : &tools->fake, tools->resumer_low,
                                 tools->resumer_bytes);
#endif
#if TOOLS_TSAN
  __tsan_switch_to_fiber(tools->resumer_fiber, 0);
#endif
}

TOOLS_INLINE void tools_left(struct tools *tools)
{
  (void)tools;
#if TOOLS_ASAN
  __sanitizer_finish_switch_fiber(tools->resumer_fake, NULL, NULL);
#endif
}

/* After tools_leaving(…, true) and tools_left(). */
TOOLS_INLINE void tools_end(struct tools *tools)
{
  (void)tools;
#if TOOLS_TSAN
  __tsan_destroy_fiber(tools->fiber);
#endif
}

/* For a coroutine that was switched out and will never be entered. ASan frees a fake stack only
 * when its owner leaves for good: so it is told that we go there and leave, without a switch. */
TOOLS_INLINE void tools_drop(struct tools *tools)
{
  (void)tools;
#if TOOLS_ASAN
  if (tools->fake != NULL) {
    __sanitizer_start_switch_fiber(&tools->resumer_fake, tools->low, tools->bytes);
    __sanitizer_finish_switch_fiber(tools->fake, &tools->resumer_low, &tools->resumer_bytes);
    __sanitizer_start_switch_fiber(NULL, tools->resumer_low, tools->resumer_bytes);
    __sanitizer_finish_switch_fiber(tools->resumer_fake, NULL, NULL);
  }
#endif
  tools_end(tools);
}

/* The frames on the stack are dead, though no function returned from them. */
TOOLS_INLINE void tools_forget_frames(struct tools *tools)
{
  (void)tools;
#if TOOLS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(tools->low, tools->bytes);
#endif
}

/* Bytes below the stack pointer are about to be read or written, on purpose. */
TOOLS_INLINE void tools_will_use(const void *address, size_t bytes)
{
  (void)address;
  (void)bytes;
#if TOOLS_VALGRIND
  (void)VALGRIND_MAKE_MEM_DEFINED(address, bytes);
#endif
}

#endif
