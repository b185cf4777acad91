/* What the sanitizers are told in test programs that run jobs. Included by one file of a program.
 *
 * ASan's and TSan's own handler for SIGSEGV would end the program where ours ends the job, and each
 * thread would get a signal stack from them. malloc may give NULL: that is tested.
 *
 * TSan's suppressions: mruby reads its code_fetch_hook with a plain load, once per instruction,
 * while the watchdog stores it atomically from its own thread (watchdog.c, store_hook). That is by
 * design: an aligned pointer is read whole on every machine that we know, and a job that misses the
 * store sees it an instruction later. Suppressed is only what has mruby's loop itself on top of the
 * stack, not what that calls, or the function that does nothing but that store (TSan can't always
 * tell the reader). */
#ifndef RUBEAM_TEST_SANITIZERS_H
#define RUBEAM_TEST_SANITIZERS_H

#ifndef __has_feature
#define __has_feature(name) 0 /* gcc has macros for each sanitizer instead */
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TEST_UNDER_ASAN 1
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0:allocator_may_return_null=1";
}
#else
#define TEST_UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0:allocator_may_return_null=1";
}
const char *__tsan_default_suppressions(void)
{
  return "race_top:mrb_vm_exec\nrace_top:^store_hook$\n";
}
#else
#define TEST_UNDER_TSAN 0
#endif

#endif
