/* Tests of driver/fault.c. What ends a process, or changes its signal handlers for good, runs in a
 * child process; its exit status says what happened. */
#include "coroutine.h"
#include "fault.h"

#include "sanitizers.h"
#include "valgrind_macros.h"

#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct coroutine *open_one(void)
{
  struct coroutine *co = NULL;
  assert_int_equal(coroutine_open(&co), STATUS_OK);
  return co;
}

/* Runs `body` in a child process and returns its exit status, or 1000 and the signal that ended it.
 * The child begins without handlers: cmocka has some. */
static int in_child(int (*body)(void))
{
  (void)fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    VALGRIND_DISABLE_ERROR_REPORTING; /* the faults are meant; a report would change the status */
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGABRT, SIG_DFL);
    _exit(body());
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* In the test itself: cmocka changes the handlers before and after each fixture and each test. */
static void install(void)
{
  fault_install();
  assert_int_equal(fault_enter_thread(), STATUS_OK);
}

static int all_is_closed(void **state)
{
  (void)state;
  struct coroutine_figures figures = coroutine_pool_figures();
  return figures.mapped == figures.pooled ? 0 : -1;
}

/* --- overflows --- */

/* Frames of a thousand bytes at least: ThreadSanitizer keeps no more than 65,536 of them. */
__attribute__((noinline)) static int recurse(int depth)
{
  volatile char frame[1000];
  frame[0] = (char)depth;
  __asm__ volatile("" ::"r"(frame) : "memory");
  return depth == 0 ? 0 : recurse(depth - 1) + frame[0];
}

static void overflow(void *argument)
{
  int *result = argument;
  *result += recurse(1 << 30);
}

static void nothing(void *argument)
{
  int *result = argument;
  ++*result;
}

/* 0 if an overflow ends the coroutine as it should, and it works again after that. */
static int overflow_on(struct coroutine *co)
{
  int result = 0;
  coroutine_start(co, overflow, &result);
  if (coroutine_resume(co) != COROUTINE_ABANDONED) return 1;
  if (coroutine_cause(co) != COROUTINE_CAUSE_STACK || coroutine_current() != NULL) return 2;
  coroutine_start(co, nothing, &result);
  if (coroutine_resume(co) != COROUTINE_RETURNED || result != 1) return 3;
  return 0;
}

static void an_overflow_ends_the_coroutine_again_and_again(void **state)
{
  (void)state;
  install();
  sigset_t before, after;
  memset(&before, 0, sizeof before); /* the kernel writes a part only */
  memset(&after, 0, sizeof after);
  struct coroutine *co = open_one();
  assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
  for (int i = 0; i < 20; i++) assert_int_equal(overflow_on(co), 0);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
  assert_memory_equal(&before, &after, sizeof before);
  stack_t stack;
  assert_int_equal(sigaltstack(NULL, &stack), 0);
  assert_int_equal(stack.ss_flags, 0); /* set, and not in use */
  coroutine_close(co);
  assert_true(fault_remove());
}

static void a_stack_that_overflowed_gives_its_pages_back(void **state)
{
  (void)state;
  install();
  static unsigned char there[COROUTINE_STACK_BYTES / 4096];
  struct coroutine *co = open_one();
  assert_int_equal(overflow_on(co), 0);
  coroutine_close(co);
  size_t deep = COROUTINE_STACK_BYTES - COROUTINE_KEPT_BYTES;
  size_t pages = deep / (size_t)sysconf(_SC_PAGESIZE), count = 0;
  assert_int_equal(mincore((void *)coroutine_bottom(co), deep, there), 0);
  for (size_t i = 0; i < pages; i++) count += there[i] & 1;
  assert_int_equal(count, 0);
  assert_true(fault_remove());
}

/* mruby's parser does this: a frame of 100 KB whose far end is written first. */
__attribute__((noinline)) static int leap(int depth)
{
  volatile char *block = alloca(100000);
  block[0] = (char)depth;
  __asm__ volatile("" ::"r"(block) : "memory"); /* or clang keeps only that one byte */
  return depth == 0 ? 0 : leap(depth - 1) + block[0];
}

/* The last leap begins at another distance from the guard each time. */
static void overflow_by_leaps(void *argument)
{
  int *result = argument;
  volatile char *start = alloca((size_t)*result + 1);
  __asm__ volatile("" ::"r"(start) : "memory");
  *result = leap(1 << 20);
}

static void a_frame_of_100_kilobytes_does_not_leap_over_the_guard(void **state)
{
  (void)state;
  install();
  struct coroutine *co = open_one();
  for (int start = 0; start < 100000; start += 10000) {
    int result = start;
    coroutine_start(co, overflow_by_leaps, &result);
    assert_int_equal(coroutine_resume(co), COROUTINE_ABANDONED);
    assert_int_equal(coroutine_cause(co), COROUTINE_CAUSE_STACK);
  }
  coroutine_close(co);
  assert_true(fault_remove());
}

struct pair {
  struct coroutine *outer, *inner;
  int result;
  enum coroutine_state inner_end;
};

static void overflow_inside(void *argument)
{
  struct pair *pair = argument;
  coroutine_start(pair->inner, overflow, &pair->result);
  pair->inner_end = coroutine_resume(pair->inner);
  pair->result += coroutine_current() == pair->outer;
}

static void only_the_innermost_coroutine_ends(void **state)
{
  (void)state;
  install();
  struct pair pair = {.outer = open_one(), .inner = open_one()};
  coroutine_start(pair.outer, overflow_inside, &pair);
  assert_int_equal(coroutine_resume(pair.outer), COROUTINE_RETURNED);
  assert_int_equal(pair.inner_end, COROUTINE_ABANDONED);
  assert_int_equal(pair.result, 1);
  coroutine_close(pair.outer);
  coroutine_close(pair.inner);
  assert_true(fault_remove());
}

struct visit {
  struct coroutine *co;
  int result;
  enum status status;
};

static void wait_then_overflow(void *argument)
{
  struct visit *visit = argument;
  coroutine_suspend(visit->co);
  overflow(&visit->result);
}

static void *overflow_on_thread(void *argument)
{
  struct visit *visit = argument;
  visit->status = fault_enter_thread();
  if (visit->status != STATUS_OK) return NULL;
  visit->result = coroutine_resume(visit->co) == COROUTINE_ABANDONED ? 0 : 10;
  for (int i = 0; i < 5; i++) visit->result += overflow_on(visit->co);
  fault_leave_thread();
  return NULL;
}

static void an_overflow_on_a_thread_without_a_signal_stack_ends_the_coroutine(void **state)
{
  (void)state;
  install();
  for (int i = 0; i < 3; i++) {
    struct visit visit = {.co = open_one()};
    coroutine_start(visit.co, wait_then_overflow, &visit);
    assert_int_equal(coroutine_resume(visit.co), COROUTINE_SUSPENDED); /* on this thread */
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, overflow_on_thread, &visit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(visit.status, STATUS_OK);
    assert_int_equal(visit.result, 0);
    coroutine_close(visit.co);
  }
  assert_true(fault_remove());
}

/* --- other faults --- */

static char *volatile nowhere = NULL;

/* Not inlined, for valgrind: where a handler returns to a fault it repeats the instruction, with
 * the registers as they were at the end of the block before. */
__attribute__((noinline)) static void write_there(void *address) { *(volatile char *)address = 1; }

static void write_nowhere(void *argument)
{
  (void)argument;
  write_there(nowhere);
}

/* For UBSan a write to NULL is a finding of its own. */
static void set_nowhere(void)
{
  nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static struct coroutine *prepare(void)
{
  struct coroutine *co = NULL;
  set_nowhere();
  fault_install();
  if (fault_enter_thread() != STATUS_OK || coroutine_open(&co) != STATUS_OK) _exit(99);
  return co;
}

static int fault_on_coroutine(void)
{
  struct coroutine *co = prepare();
  coroutine_start(co, write_nowhere, NULL);
  (void)coroutine_resume(co);
  return 0;
}

static int fault_off_coroutine(void)
{
  (void)prepare();
  write_nowhere(NULL);
  return 0;
}

static int fault_in_guard_of_another(void)
{
  struct coroutine *co = prepare(), *other = prepare();
  coroutine_start(co, write_there, (char *)coroutine_bottom(other) - 8);
  (void)coroutine_resume(co);
  return 0;
}

static int fault_in_guard_off_coroutine(void)
{
  write_there((char *)coroutine_bottom(prepare()) - 8);
  return 0;
}

static int fault_after_overflow(void)
{
  if (overflow_on(prepare()) != 0) return 1;
  write_nowhere(NULL);
  return 0;
}

static void send_signal(void *argument)
{
  (void)argument;
  (void)kill(getpid(), SIGSEGV);
}

static int signal_sent_on_coroutine(void)
{
  struct coroutine *co = prepare();
  coroutine_start(co, send_signal, NULL);
  (void)coroutine_resume(co);
  return 0;
}

/* Looks like an overflow, but for the kernel's word that it was sent. */
static void forge_signal(void *argument)
{
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGSEGV;
  info.si_code = SI_QUEUE;
  info.si_addr = argument;
  (void)syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info);
}

static int signal_forged_on_coroutine(void)
{
  struct coroutine *co = prepare();
  coroutine_start(co, forge_signal, (char *)coroutine_bottom(co) - 8);
  (void)coroutine_resume(co);
  return 0;
}

static void any_other_fault_ends_the_process_as_ever(void **state)
{
  (void)state;
  assert_int_equal(in_child(fault_on_coroutine), 1000 + SIGSEGV);
  assert_int_equal(in_child(fault_off_coroutine), 1000 + SIGSEGV);
  assert_int_equal(in_child(fault_in_guard_of_another), 1000 + SIGSEGV);
  assert_int_equal(in_child(fault_in_guard_off_coroutine), 1000 + SIGSEGV);
  assert_int_equal(in_child(fault_after_overflow), 1000 + SIGSEGV);
}

static void a_sigsegv_that_was_sent_ends_the_process_as_ever(void **state)
{
  (void)state;
  assert_int_equal(in_child(signal_sent_on_coroutine), 1000 + SIGSEGV);
  if (RUNNING_ON_VALGRIND)
    print_message("a forged signal is not tried: valgrind drops it\n");
  else
    assert_int_equal(in_child(signal_forged_on_coroutine), 1000 + SIGSEGV);
}

/* --- who was there before --- */

static sigjmp_buf recovered;
static volatile int calls;

static void exit_if_right(int number, siginfo_t *info, void *context)
{
  sigset_t mask;
  (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
  bool masked = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGSEGV) == 1;
  _exit(number == SIGSEGV && info->si_addr == nowhere && context != NULL && masked ? 42 : 43);
}

static void recover(int number)
{
  (void)number;
  calls++;
  siglongjmp(recovered, 1);
}

static void count(int number)
{
  (void)number;
  calls++;
}

static void put(int flags, void (*plain)(int), void (*full)(int, siginfo_t *, void *))
{
  struct sigaction action = {.sa_flags = flags};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaddset(&action.sa_mask, SIGUSR1);
  if (full)
    action.sa_sigaction = full;
  else
    action.sa_handler = plain;
  (void)sigaction(SIGSEGV, &action, NULL);
}

static int before_takes_all(void)
{
  put(SA_SIGINFO | SA_ONSTACK, NULL, exit_if_right);
  struct coroutine *co = prepare();
  if (overflow_on(co) != 0) return 1; /* ours does not go there */
  return fault_on_coroutine();
}

static int before_recovers(void)
{
  put(SA_ONSTACK, recover, NULL);
  (void)prepare();
  for (volatile int i = 0; i < 3; i++)
    if (sigsetjmp(recovered, 1) == 0) write_nowhere(NULL);
  return 10 + calls;
}

static int before_ignores(void)
{
  (void)signal(SIGSEGV, SIG_IGN);
  (void)prepare();
  send_signal(NULL);
  send_signal(NULL);
  if (overflow_on(prepare()) != 0) return 1;
  return 7;
}

static int before_ignores_a_fault(void)
{
  (void)signal(SIGSEGV, SIG_IGN);
  return fault_on_coroutine();
}

static int before_counts(void)
{
  put(SA_ONSTACK, count, NULL);
  (void)prepare();
  send_signal(NULL);
  send_signal(NULL);
  return 10 + calls;
}

static int before_wants_one(void)
{
  put(SA_ONSTACK | (int)SA_RESETHAND, count, NULL);
  (void)prepare();
  send_signal(NULL);
  if (calls != 1) return 1;
  send_signal(NULL);
  return 2;
}

static void a_handler_that_was_there_before_gets_what_is_not_ours(void **state)
{
  (void)state;
  assert_int_equal(in_child(before_takes_all), 42);
  assert_int_equal(in_child(before_recovers), 13);
  assert_int_equal(in_child(before_counts), 12);
}

static void a_handler_for_one_signal_is_called_once(void **state)
{
  (void)state;
  assert_int_equal(in_child(before_wants_one), 1000 + SIGSEGV);
}

static void a_signal_that_was_ignored_is_ignored_but_a_fault_is_not(void **state)
{
  (void)state;
  assert_int_equal(in_child(before_ignores), 7);
  assert_int_equal(in_child(before_ignores_a_fault), 1000 + SIGSEGV);
}

/* --- install and remove --- */

static bool handler_is(void (*plain)(int))
{
  struct sigaction now;
  return sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_handler == plain;
}

static void removing_puts_the_handler_back_that_was_there(void **state)
{
  (void)state;
  struct sigaction cmockas;
  put(SA_ONSTACK, count, NULL);
  fault_install();
  fault_install(); /* does nothing */
  assert_false(handler_is(count));
  assert_true(fault_remove());
  assert_true(handler_is(count));
  assert_true(fault_remove()); /* does nothing */
  assert_true(handler_is(count));
  fault_install(); /* and once more */
  assert_true(fault_remove());
  assert_int_equal(sigaction(SIGSEGV, NULL, &cmockas), 0);
  assert_int_equal(cmockas.sa_flags & SA_ONSTACK, SA_ONSTACK);
  assert_true(sigismember(&cmockas.sa_mask, SIGUSR1) == 1);
  (void)signal(SIGSEGV, SIG_DFL);
}

static struct sigaction below;

/* Calls the one below, as a good citizen does. */
static void go_below(int number, siginfo_t *info, void *context)
{
  if (++calls > 1) _exit(50); /* we came round */
  if (below.sa_flags & SA_SIGINFO)
    below.sa_sigaction(number, info, context);
  else
    (void)signal(SIGSEGV, SIG_DFL);
}

static bool put_over(void)
{
  struct sigaction theirs = {.sa_sigaction = go_below,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  return sigaction(SIGSEGV, &theirs, &below) == 0;
}

static bool theirs_is_there(void)
{
  struct sigaction now;
  return sigaction(SIGSEGV, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
         now.sa_sigaction == go_below;
}

static int theirs_stays(void)
{
  (void)prepare();
  if (!put_over()) return 1;
  if (fault_remove()) return 2;
  if (!theirs_is_there()) return 3;
  if (fault_remove()) return 4; /* still */
  write_nowhere(NULL);          /* through theirs and ours to the default */
  return 5;
}

static int installed_again_below_theirs(void)
{
  (void)prepare();
  if (!put_over() || fault_remove()) return 1;
  fault_install();
  if (!theirs_is_there()) return 2;
  if (overflow_on(prepare()) != 0) return 3; /* theirs calls ours */
  if (calls != 1) return 4;
  calls = 0;
  if (fault_remove()) return 5;
  (void)sigaction(SIGSEGV, &below, NULL); /* they go */
  fault_install();
  if (overflow_on(prepare()) != 0) return 6;
  if (!fault_remove() || !handler_is(SIG_DFL)) return 7;
  fault_install();
  if (overflow_on(prepare()) != 0) return 8;
  write_nowhere(NULL);
  return 9;
}

static int installed_again_after_theirs_was_thrown_out(void)
{
  (void)prepare();
  if (!put_over() || fault_remove()) return 1;
  (void)signal(SIGSEGV, SIG_DFL); /* neither is in the chain now */
  fault_install();
  if (overflow_on(prepare()) != 0) return 2;
  return fault_remove() && handler_is(SIG_DFL) ? 0 : 3;
}

static void a_handler_that_was_put_over_ours_stays(void **state)
{
  (void)state;
  assert_int_equal(in_child(theirs_stays), 1000 + SIGSEGV);
}

static void installing_again_below_another_handler_makes_no_circle(void **state)
{
  (void)state;
  assert_int_equal(in_child(installed_again_below_theirs), 1000 + SIGSEGV);
  assert_int_equal(in_child(installed_again_after_theirs_was_thrown_out), 0);
}

/* --- signal stacks --- */

struct stacks {
  bool own_first; /* the thread brings one of its own */
  stack_t before, entered, again, left;
  enum status first, second, third;
  bool blocked_before, blocked_after, freed;
};

static void *look_at_stacks(void *argument)
{
  struct stacks *stacks = argument;
  static char own[64 * 1024];
  if (stacks->own_first) (void)sigaltstack(&(stack_t){.ss_sp = own, .ss_size = sizeof own}, NULL);
  sigset_t mask;
  (void)sigemptyset(&mask);
  (void)sigaddset(&mask, SIGSEGV);
  (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
  (void)sigaltstack(NULL, &stacks->before);
  stacks->first = fault_enter_thread();
  (void)sigaltstack(NULL, &stacks->entered);
  (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
  stacks->blocked_after = sigismember(&mask, SIGSEGV) == 1;
  stacks->second = fault_enter_thread();
  (void)sigaltstack(NULL, &stacks->again);
  fault_leave_thread();
  fault_leave_thread(); /* does nothing */
  (void)sigaltstack(NULL, &stacks->left);
  unsigned char there[32];
  stacks->freed = mincore(stacks->entered.ss_sp, 4096, there) != 0 && errno == ENOMEM;
  stacks->third = fault_enter_thread();
  fault_leave_thread();
  return NULL;
}

static void on_thread(struct stacks *stacks)
{
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, look_at_stacks, stacks), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(stacks->first, STATUS_OK);
  assert_int_equal(stacks->second, STATUS_OK);
  assert_int_equal(stacks->third, STATUS_OK);
  assert_false(stacks->blocked_after);
}

static void a_thread_without_a_signal_stack_gets_one_until_it_leaves(void **state)
{
  (void)state;
  struct stacks stacks = {0};
  on_thread(&stacks);
  assert_true(stacks.before.ss_flags & SS_DISABLE);
  assert_false(stacks.entered.ss_flags & SS_DISABLE);
  assert_true(stacks.entered.ss_size >= 64 * 1024);
  assert_ptr_equal(stacks.again.ss_sp, stacks.entered.ss_sp);
  assert_true(stacks.left.ss_flags & SS_DISABLE);
  assert_true(stacks.freed);
}

static void a_thread_with_a_signal_stack_keeps_it(void **state)
{
  (void)state;
  struct stacks stacks = {.own_first = true};
  on_thread(&stacks);
  assert_ptr_equal(stacks.entered.ss_sp, stacks.before.ss_sp);
  assert_ptr_equal(stacks.left.ss_sp, stacks.before.ss_sp);
  assert_false(stacks.left.ss_flags & SS_DISABLE);
}

static int enter_without_memory(void)
{
  fault_leave_thread();
  struct rlimit before, none;
  if (getrlimit(RLIMIT_AS, &before) != 0) return 1;
  none = before;
  none.rlim_cur = 4096;
  if (setrlimit(RLIMIT_AS, &none) != 0) return 2;
  enum status status = fault_enter_thread();
  if (setrlimit(RLIMIT_AS, &before) != 0) return 3;
  if (status != STATUS_NO_MEMORY) return 4;
  return overflow_on(prepare());
}

static void entering_without_memory_fails_and_can_be_tried_again(void **state)
{
  (void)state;
  assert_int_equal(in_child(enter_without_memory), 0);
}

/* --- abort --- */

static void call_abort(void *argument)
{
  (void)argument;
  abort();
}

/* What mruby's assert() calls: the Makefile renames it. */
_Noreturn void rubeam_assert_fail(const char *text, const char *file, unsigned line,
                                  const char *function);

static void fail_an_assertion(void *argument)
{
  (void)argument;
  rubeam_assert_fail("a", "b.c", 1, "c");
}

static int assertion_off_coroutine(void) { rubeam_assert_fail("a", "b.c", 1, "c"); }

static int abort_off_coroutine(void)
{
  struct coroutine *co = prepare();
  coroutine_start(co, call_abort, NULL);
  if (coroutine_resume(co) != COROUTINE_ABANDONED) return 1;
  abort();
}

static void abort_ends_the_coroutine(void **state)
{
  (void)state;
  struct coroutine *co = open_one();
  for (int i = 0; i < 5; i++) {
    coroutine_start(co, call_abort, NULL);
    assert_int_equal(coroutine_resume(co), COROUTINE_ABANDONED);
    assert_int_equal(coroutine_cause(co), COROUTINE_CAUSE_ABORT);
  }
  coroutine_close(co);
}

static void an_assertion_of_mrubys_that_fails_is_an_abort(void **state)
{
  (void)state;
  struct coroutine *co = open_one();
  coroutine_start(co, fail_an_assertion, NULL);
  assert_int_equal(coroutine_resume(co), COROUTINE_ABANDONED);
  assert_int_equal(coroutine_cause(co), COROUTINE_CAUSE_ABORT);
  coroutine_close(co);
  assert_int_equal(in_child(assertion_off_coroutine), 1000 + SIGABRT);
}

static void abort_off_any_coroutine_ends_the_process(void **state)
{
  (void)state;
  assert_int_equal(in_child(abort_off_coroutine), 1000 + SIGABRT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, all_is_closed)
  const struct CMUnitTest tests[] = {
      TEST(an_overflow_ends_the_coroutine_again_and_again),
      TEST(a_stack_that_overflowed_gives_its_pages_back),
      TEST(a_frame_of_100_kilobytes_does_not_leap_over_the_guard),
      TEST(only_the_innermost_coroutine_ends),
      TEST(an_overflow_on_a_thread_without_a_signal_stack_ends_the_coroutine),
      TEST(any_other_fault_ends_the_process_as_ever),
      TEST(a_sigsegv_that_was_sent_ends_the_process_as_ever),
      TEST(a_handler_that_was_there_before_gets_what_is_not_ours),
      TEST(a_handler_for_one_signal_is_called_once),
      TEST(a_signal_that_was_ignored_is_ignored_but_a_fault_is_not),
      TEST(removing_puts_the_handler_back_that_was_there),
      TEST(a_handler_that_was_put_over_ours_stays),
      TEST(installing_again_below_another_handler_makes_no_circle),
      TEST(a_thread_without_a_signal_stack_gets_one_until_it_leaves),
      TEST(a_thread_with_a_signal_stack_keeps_it),
      TEST(entering_without_memory_fails_and_can_be_tried_again),
      TEST(abort_ends_the_coroutine),
      TEST(an_assertion_of_mrubys_that_fails_is_an_abort),
      TEST(abort_off_any_coroutine_ends_the_process),
  };
  return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
