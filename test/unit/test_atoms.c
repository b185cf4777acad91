/* Tests of driver/atoms.c. */
#include <stddef.h>
#include <stdlib.h>

/* --- Allocations that fail when they are told to ---------------------------------------------- */

static size_t fail_in; /* calls until one fails; 0: none does */

static void *failing_malloc(size_t bytes)
{
  return fail_in > 0 && --fail_in == 0 ? NULL : malloc(bytes);
}

static void *failing_calloc(size_t count, size_t bytes)
{
  return fail_in > 0 && --fail_in == 0 ? NULL : calloc(count, bytes);
}

/* The code under test, with these and a smaller number of known names. */
#include "atoms.h"
#undef ATOMS_KNOWN_MOST
#define ATOMS_KNOWN_MOST 1000
#define malloc           failing_malloc
#define calloc           failing_calloc
#include "../../driver/atoms.c" /* NOLINT(bugprone-suspicious-include) */
#undef malloc
#undef calloc

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct atoms *open_atoms(size_t limit)
{
  struct atoms *atoms = NULL;
  assert_int_equal(atoms_open(limit, &atoms), STATUS_OK);
  return atoms;
}

static enum status admit(struct atoms *atoms, const char *name)
{
  return atoms_admit(atoms, (const uint8_t *)name, strlen(name));
}

static enum status know(struct atoms *atoms, const char *name)
{
  return atoms_know(atoms, (const uint8_t *)name, strlen(name));
}

static enum status admit_number(struct atoms *atoms, int number)
{
  char name[20];
  (void)snprintf(name, sizeof name, "n%d", number);
  return admit(atoms, name);
}

static void check_figures(struct atoms *atoms, size_t admitted, size_t known, size_t limit)
{
  struct atoms_figures figures;
  atoms_figures(atoms, &figures);
  assert_int_equal(figures.admitted, admitted);
  assert_int_equal(figures.known, known);
  assert_int_equal(figures.limit, limit);
}

static void names_are_admitted_up_to_the_limit(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(1000);
  for (int i = 0; i < 1000; i++) assert_int_equal(admit_number(atoms, i), STATUS_OK);
  assert_int_equal(admit_number(atoms, 1000), STATUS_TOO_LARGE);
  check_figures(atoms, 1000, 0, 1000);
  /* those that were let in stay in */
  for (int i = 0; i < 1000; i++) assert_int_equal(admit_number(atoms, i), STATUS_OK);
  check_figures(atoms, 1000, 0, 1000);
  atoms_close(atoms);
}

static void a_name_counts_once(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(1);
  assert_int_equal(admit(atoms, "ok"), STATUS_OK);
  assert_int_equal(admit(atoms, "ok"), STATUS_OK);
  assert_int_equal(admit(atoms, "o"), STATUS_TOO_LARGE);
  assert_int_equal(admit(atoms, "okk"), STATUS_TOO_LARGE);
  assert_int_equal(admit(atoms, ""), STATUS_TOO_LARGE);
  check_figures(atoms, 1, 0, 1);
  atoms_close(atoms);
}

static void names_may_be_empty_or_hold_zero_bytes(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(3);
  assert_int_equal(admit(atoms, ""), STATUS_OK);
  assert_int_equal(atoms_admit(atoms, (const uint8_t *)"a\0b", 3), STATUS_OK);
  assert_int_equal(atoms_admit(atoms, (const uint8_t *)"a\0c", 3), STATUS_OK);
  check_figures(atoms, 3, 0, 3);
  assert_int_equal(admit(atoms, ""), STATUS_OK);
  atoms_close(atoms);
}

static void known_names_do_not_count(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(0);
  assert_int_equal(admit(atoms, "ok"), STATUS_TOO_LARGE);
  assert_int_equal(know(atoms, "ok"), STATUS_OK);
  assert_int_equal(know(atoms, "ok"), STATUS_OK);
  assert_int_equal(admit(atoms, "ok"), STATUS_OK);
  check_figures(atoms, 0, 1, 0);
  atoms_close(atoms);
}

/* Or Ruby could make more and more atoms by having each echoed. */
static void a_name_that_came_from_ruby_first_goes_on_counting(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(1);
  assert_int_equal(admit(atoms, "mine"), STATUS_OK);
  assert_int_equal(know(atoms, "mine"), STATUS_OK);
  check_figures(atoms, 1, 0, 1);
  assert_int_equal(admit(atoms, "another"), STATUS_TOO_LARGE);
  atoms_close(atoms);
}

static void known_names_are_bounded_too(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(10);
  char name[20];
  for (int i = 0; i < 1001; i++) {
    (void)snprintf(name, sizeof name, "k%d", i);
    assert_int_equal(know(atoms, name), i < 1000 ? STATUS_OK : STATUS_TOO_LARGE);
  }
  assert_int_equal(know(atoms, "k7"), STATUS_OK);
  assert_int_equal(admit(atoms, "k1000"), STATUS_OK); /* counts then */
  check_figures(atoms, 1, 1000, 10);
  atoms_close(atoms);
}

static void what_can_not_be_a_name_is_refused(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(10);
  char name[257];
  memset(name, 'a', sizeof name);
  name[256] = '\0';
  assert_int_equal(admit(atoms, name), STATUS_UNSUPPORTED);
  assert_int_equal(know(atoms, name), STATUS_UNSUPPORTED);
  assert_int_equal(admit(atoms, "\xff"), STATUS_MALFORMED);
  assert_int_equal(know(atoms, "\xed\xa0\x80"), STATUS_MALFORMED);
  check_figures(atoms, 0, 0, 10);
  name[255] = '\0';
  assert_int_equal(admit(atoms, name), STATUS_OK);
  atoms_close(atoms);
}

static void the_limit_can_be_changed(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(2);
  assert_int_equal(admit(atoms, "a"), STATUS_OK);
  assert_int_equal(admit(atoms, "b"), STATUS_OK);
  atoms_set_limit(atoms, 1);
  assert_int_equal(admit(atoms, "b"), STATUS_OK);
  assert_int_equal(admit(atoms, "c"), STATUS_TOO_LARGE);
  atoms_set_limit(atoms, 3);
  assert_int_equal(admit(atoms, "c"), STATUS_OK);
  check_figures(atoms, 3, 0, 3);
  atoms_close(atoms);
}

static void a_failed_allocation_changes_nothing(void **state)
{
  (void)state;
  struct atoms *atoms = NULL;
  fail_in = 1;
  assert_int_equal(atoms_open(10, &atoms), STATUS_NO_MEMORY);
  assert_null(atoms);
  atoms = open_atoms(1000);
  for (int i = 0; i < 1000; i++) { /* through several sizes of the table */
    for (size_t call = 1; call <= 2; call++) {
      fail_in = call;
      enum status status = admit_number(atoms, i);
      if (status == STATUS_OK) break; /* it took fewer allocations */
      assert_int_equal(status, STATUS_NO_MEMORY);
      check_figures(atoms, (size_t)i, 0, 1000);
    }
    fail_in = 0;
    assert_int_equal(admit_number(atoms, i), STATUS_OK);
    check_figures(atoms, (size_t)i + 1, 0, 1000);
  }
  for (int i = 0; i < 1000; i++) assert_int_equal(admit_number(atoms, i), STATUS_OK);
  check_figures(atoms, 1000, 0, 1000);
  atoms_close(atoms);
}

static void closing_nothing_is_fine(void **state)
{
  (void)state;
  atoms_close(NULL);
}

/* --- Threads ---------------------------------------------------------------------------------- */

enum { THREADS = 4, NAMES = 3000, LIMIT = 2000 };

struct worker {
  struct atoms *atoms;
  int step; /* each goes through the names in another order */
  bool admitted[NAMES];
};

static void *admit_all(void *argument)
{
  struct worker *worker = argument;
  for (int i = 0; i < NAMES; i++) {
    int number = (int)((long)i * worker->step % NAMES);
    worker->admitted[number] = admit_number(worker->atoms, number) == STATUS_OK;
  }
  return NULL;
}

static void threads_share_one_limit_and_never_lose_a_name(void **state)
{
  (void)state;
  static const int steps[THREADS] = {1, 7, 11, 2999};
  struct worker workers[THREADS] = {0};
  pthread_t threads[THREADS];
  struct atoms *atoms = open_atoms(LIMIT);
  for (int i = 0; i < THREADS; i++) {
    workers[i].atoms = atoms;
    workers[i].step = steps[i];
    assert_int_equal(pthread_create(&threads[i], NULL, admit_all, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  check_figures(atoms, LIMIT, 0, LIMIT);
  for (int i = 0; i < THREADS; i++)
    for (int number = 0; number < NAMES; number++)
      if (workers[i].admitted[number]) assert_int_equal(admit_number(atoms, number), STATUS_OK);
  atoms_close(atoms);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(SANITIZED) &&      \
    !defined(RUBEAM_VALGRIND)

/* The stack of a job can end anywhere. This thread has less of it than the lock's holders need. */
static sigjmp_buf ended;

static void end_of_stack(int signal)
{
  (void)signal;
  siglongjmp(ended, 1);
}

static void *admit_on_little_stack(void *atoms)
{
  static char signal_stack[65536];
  stack_t alternative = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  struct sigaction action = {.sa_handler = end_of_stack, .sa_flags = SA_ONSTACK};
  struct sigaction before;
  if (sigaltstack(&alternative, NULL) != 0 || sigaction(SIGSEGV, &action, &before) != 0)
    return NULL;
  bool faulted = sigsetjmp(ended, 1) != 0;
  if (!faulted) (void)admit(atoms, "first");
  (void)sigaction(SIGSEGV, &before, NULL);
  return faulted ? atoms : NULL;
}

static void a_stack_that_ends_does_not_take_the_lock_with_it(void **state)
{
  (void)state;
  struct atoms *atoms = open_atoms(10);
  pthread_attr_t attributes;
  pthread_t thread;
  void *faulted = NULL;
  assert_int_equal(pthread_attr_init(&attributes), 0);
  assert_int_equal(pthread_attr_setstacksize(&attributes, 16384), 0);
  assert_int_equal(pthread_create(&thread, &attributes, admit_on_little_stack, atoms), 0);
  assert_int_equal(pthread_join(thread, &faulted), 0);
  assert_non_null(faulted);
  (void)alarm(10); /* if the lock is held, the next line waits for ever */
  assert_int_equal(admit(atoms, "second"), STATUS_OK);
  (void)alarm(0);
  check_figures(atoms, 1, 0, 10);
  (void)pthread_attr_destroy(&attributes);
  atoms_close(atoms);
}
#else
static void a_stack_that_ends_does_not_take_the_lock_with_it(void **state)
{
  (void)state;
  skip(); /* the tools need more stack, and want to see the fault themselves */
}
#endif

/* --- The cache -------------------------------------------------------------------------------- */

static void the_cache_knows_what_it_was_told_and_nothing_else(void **state)
{
  (void)state;
  struct atoms_cache cache = {0};
  for (uint32_t symbol = 1; symbol < 100000; symbol += 97) assert_false(atoms_seen(&cache, symbol));
  atoms_remember(&cache, 641728512); /* :ok */
  atoms_remember(&cache, 17);
  assert_true(atoms_seen(&cache, 641728512));
  assert_true(atoms_seen(&cache, 17));
  assert_false(atoms_seen(&cache, 18));
  for (uint32_t symbol = 1; symbol < 1u << 30; symbol += 104729) {
    atoms_remember(&cache, symbol); /* forgets some others */
    assert_true(atoms_seen(&cache, symbol));
  }
  assert_false(atoms_seen(&cache, 641728512) && atoms_seen(&cache, 17) && atoms_seen(&cache, 18));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_admitted_up_to_the_limit),
      cmocka_unit_test(a_name_counts_once),
      cmocka_unit_test(names_may_be_empty_or_hold_zero_bytes),
      cmocka_unit_test(known_names_do_not_count),
      cmocka_unit_test(a_name_that_came_from_ruby_first_goes_on_counting),
      cmocka_unit_test(known_names_are_bounded_too),
      cmocka_unit_test(what_can_not_be_a_name_is_refused),
      cmocka_unit_test(the_limit_can_be_changed),
      cmocka_unit_test(a_failed_allocation_changes_nothing),
      cmocka_unit_test(closing_nothing_is_fine),
      cmocka_unit_test(threads_share_one_limit_and_never_lose_a_name),
      cmocka_unit_test(a_stack_that_ends_does_not_take_the_lock_with_it),
      cmocka_unit_test(the_cache_knows_what_it_was_told_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
