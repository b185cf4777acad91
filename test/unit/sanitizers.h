/* What the sanitizers are told in test programs that run jobs. Included by one file of a program.
 *
 * ASan's and TSan's own handler for SIGSEGV would end the program where ours ends the job, and each
 * thread would get a signal stack from them. malloc may give NULL: that is tested.
 *
 * TSan's suppressions: mruby reads its code_fetch_hook with a plain load, once per instruction, while
 * the watchdog stores it atomically from its own thread (watchdog.c, look_at). That is by design:
 * an aligned pointer is read whole on every machine that we know, and a job that misses the store
 * sees it an instruction later. Reports about anything else are not suppressed: the race is named by
 * the function that reads, and mrb_vm_exec is entered on the job's own thread only. */
#ifndef RUBEAM_TEST_SANITIZERS_H
#define RUBEAM_TEST_SANITIZERS_H

#ifndef __has_feature
#define __has_feature(name) 0 /* gcc has macros for each sanitizer instead */
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TEST_UNDER_ASAN 1
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0:allocator_may_return_null=1";
}
#else
#define TEST_UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
  return "handle_segv=0:use_sigaltstack=0:allocator_may_return_null=1";
}
#else
#define TEST_UNDER_TSAN 0
#endif

#endif
