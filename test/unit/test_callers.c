/* Tests of driver/callers.c.
 *
 * The module is compiled in here, with a calloc that fails when it is told to; the linker then
 * takes these functions and not the library's. Its hash is used to find processes that collide. */
#include <stdint.h>
#include <stdlib.h>

static size_t callocs, failing_calloc; /* the n-th fails; 0: none */

static void *test_calloc(size_t count, size_t bytes)
{
  return ++callocs == failing_calloc ? NULL : calloc(count, bytes);
}

#define calloc(count, bytes) test_calloc(count, bytes)
#include "callers.c"
#undef calloc

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define LARGEST   1024          /* no table here has more places */
#define LAST_HOME (LARGEST - 1) /* as a home it is the last place of each table */

static int let_memory_be(void **state)
{
  (void)state;
  callocs = failing_calloc = 0;
  return 0;
}

/* The next process behind `after` whose home is this one in every table: a place of the least
 * table, or LAST_HOME. */
static uintptr_t pid_with_home(size_t home, uintptr_t after)
{
  const struct callers largest = {.capacity = LARGEST};
  do after++;
  while (home_of(&largest, after) != home);
  return after;
}

/* --- the model: what should be in the table --- */

struct member {
  uintptr_t pid;
  bool in, marked;
  uintptr_t monitor; /* must move with it */
};

static void put(struct callers *callers, struct member *member)
{
  static uintptr_t monitors;
  static void *const no_monitor[4];
  struct caller *caller = NULL;
  assert_int_equal(callers_put(callers, member->pid, &caller), STATUS_OK);
  assert_non_null(caller);
  assert_ptr_equal(callers_find(callers, member->pid), caller);
  assert_int_equal(caller->pid, member->pid);
  assert_false(caller->marked);
  assert_memory_equal(caller->monitor, no_monitor, sizeof no_monitor);
  member->in = true;
  member->marked = false;
  member->monitor = ++monitors;
  memcpy(&caller->monitor[3], &member->monitor, sizeof member->monitor);
}

static void take(struct callers *callers, struct member *member)
{
  struct caller *caller = callers_find(callers, member->pid);
  assert_non_null(caller);
  callers_take(callers, caller);
  member->in = false;
}

static void mark(struct callers *callers, struct member *member)
{
  struct caller *caller = callers_find(callers, member->pid);
  assert_non_null(caller);
  caller->marked = member->marked = true;
}

static void must_be_place_of(const struct caller *caller, const struct member *member)
{
  assert_int_equal(caller->pid, member->pid);
  assert_int_equal(caller->marked, member->marked);
  assert_memory_equal(&caller->monitor[3], &member->monitor, sizeof member->monitor);
}

static void must_hold(const struct callers *callers, const struct member *members, size_t count)
{
  size_t length = 0, used = 0;
  for (size_t i = 0; i < count; i++) {
    const struct caller *caller = callers_find(callers, members[i].pid);
    assert_int_equal(caller != NULL, members[i].in);
    if (!caller) continue;
    must_be_place_of(caller, &members[i]);
    length++;
  }
  for (size_t i = 0; i < callers->capacity; i++) used += callers->table[i].pid != 0;
  assert_int_equal(callers->length, length);
  assert_int_equal(used, length);
  assert_true(2 * length <= callers->capacity);
}

struct sweeping {
  struct member *members;
  size_t count;
  size_t dropped;
};

/* Each that is dropped is in the table still, as it was put in, and was not marked. */
static void drop(void *data, struct caller *caller)
{
  struct sweeping *sweeping = data;
  struct member *member = sweeping->members;
  while (member < sweeping->members + sweeping->count && member->pid != caller->pid) member++;
  assert_true(member < sweeping->members + sweeping->count);
  assert_true(member->in); /* once each */
  assert_false(member->marked);
  must_be_place_of(caller, member);
  member->in = false;
  sweeping->dropped++;
}

static void sweep(struct callers *callers, struct member *members, size_t count)
{
  struct sweeping sweeping = {members, count, 0};
  size_t unmarked = 0;
  for (size_t i = 0; i < count; i++) unmarked += members[i].in && !members[i].marked;
  callers_sweep(callers, drop, &sweeping);
  assert_int_equal(sweeping.dropped, unmarked);
  for (size_t i = 0; i < count; i++) members[i].marked = false;
}

/* --- one after the other --- */

static void an_empty_table_holds_nobody_and_takes_no_memory(void **state)
{
  (void)state;
  struct callers callers;
  struct sweeping nobody = {NULL, 0, 0};
  callers_init(&callers);
  assert_null(callers_find(&callers, 1));
  callers_sweep(&callers, drop, &nobody);
  assert_int_equal(callers.length, 0);
  assert_int_equal(callocs, 0);
  callers_fini(&callers);
}

static void who_is_put_in_is_found_until_it_is_taken_out(void **state)
{
  (void)state;
  struct callers callers;
  struct member both[2] = {{.pid = 17}, {.pid = UINTPTR_MAX}};
  callers_init(&callers);
  put(&callers, &both[0]);
  assert_null(callers_find(&callers, 18));
  must_hold(&callers, both, 2);
  put(&callers, &both[1]);
  must_hold(&callers, both, 2);
  take(&callers, &both[0]);
  must_hold(&callers, both, 2);
  put(&callers, &both[0]);
  must_hold(&callers, both, 2);
  take(&callers, &both[1]);
  take(&callers, &both[0]);
  must_hold(&callers, both, 2);
  callers_fini(&callers);
}

static void what_is_put_in_can_be_taken_out_by_the_place_that_put_gave(void **state)
{
  (void)state;
  struct callers callers;
  struct caller *caller;
  callers_init(&callers);
  assert_int_equal(callers_put(&callers, 5, &caller), STATUS_OK);
  callers_take(&callers, caller);
  assert_null(callers_find(&callers, 5));
  assert_int_equal(callers.length, 0);
  callers_fini(&callers);
}

static void a_table_can_be_used_again_after_its_end(void **state)
{
  (void)state;
  struct callers callers;
  struct member member = {.pid = 4};
  callers_init(&callers);
  for (int i = 0; i < 3; i++) {
    put(&callers, &member);
    must_hold(&callers, &member, 1);
    callers_fini(&callers);
    callers_fini(&callers); /* holds nothing any more */
    member.in = false;
    must_hold(&callers, &member, 1);
  }
}

static void a_table_grows_and_keeps_what_it_holds(void **state)
{
  (void)state;
  enum { MEMBERS = LARGEST / 2 };
  struct callers callers;
  struct member members[MEMBERS];
  memset(members, 0, sizeof members);
  callers_init(&callers);
  for (size_t i = 0; i < MEMBERS; i++) {
    members[i].pid = (i + 1) << 4 | 3; /* as processes' numbers are */
    put(&callers, &members[i]);
    if (i % 3 == 0) mark(&callers, &members[i]);
    must_hold(&callers, members, i + 1);
  }
  assert_int_equal(callers.length, MEMBERS);
  assert_true(callers.capacity <= LARGEST);
  for (size_t i = 0; i < MEMBERS; i++) {
    take(&callers, &members[MEMBERS - 1 - i]);
    must_hold(&callers, members, MEMBERS);
  }
  callers_fini(&callers);
}

/* --- the same homes --- */

enum { FEW = 8 }; /* as many as the least table takes */

/* In the least table they fill the last place, and over its end the first ones. */
static void open_colliding(struct callers *callers, struct member members[FEW])
{
  static const size_t homes[FEW] = {LAST_HOME, LAST_HOME, 0, LAST_HOME, 1, 0, LAST_HOME, 14};
  memset(members, 0, FEW * sizeof *members);
  callers_init(callers);
  uintptr_t pid = 0;
  for (size_t i = 0; i < FEW; i++) {
    pid = pid_with_home(homes[i], pid);
    members[i].pid = pid;
  }
  for (size_t i = 0; i < FEW; i++) put(callers, &members[i]);
  assert_int_equal(callers->capacity, 2 * FEW);
  assert_int_not_equal(callers->table[0].pid, 0);
  assert_int_not_equal(callers->table[2 * FEW - 1].pid, 0);
}

static void those_that_collide_are_found_whoever_is_taken_out(void **state)
{
  (void)state;
  struct member members[FEW];
  for (unsigned which = 0; which < 1u << FEW; which++) {
    struct callers callers;
    open_colliding(&callers, members);
    for (unsigned i = 0; i < FEW; i++) {
      if (!(which & 1u << i)) continue;
      take(&callers, &members[i]);
      must_hold(&callers, members, FEW);
    }
    for (unsigned i = 0; i < FEW; i++) {
      if (members[i].in) continue;
      put(&callers, &members[i]);
      must_hold(&callers, members, FEW);
    }
    callers_fini(&callers);
  }
}

static void a_sweep_drops_all_that_are_not_marked_and_takes_the_marks_off(void **state)
{
  (void)state;
  struct member members[FEW];
  for (unsigned marked = 0; marked < 1u << FEW; marked++) {
    struct callers callers;
    open_colliding(&callers, members);
    for (unsigned i = 0; i < FEW; i++)
      if (marked & 1u << i) mark(&callers, &members[i]);
    sweep(&callers, members, FEW);
    must_hold(&callers, members, FEW);
    for (unsigned i = 0; i < FEW; i++) assert_int_equal(members[i].in, (marked >> i) & 1);
    sweep(&callers, members, FEW); /* nobody is marked any more */
    must_hold(&callers, members, FEW);
    assert_int_equal(callers.length, 0);
    put(&callers, &members[0]);
    must_hold(&callers, members, FEW);
    callers_fini(&callers);
  }
}

/* --- any order --- */

enum { MANY = 120 };

static void choose_pids(struct random *random, struct member members[MANY])
{
  uintptr_t pid = random_below(random, 1000000);
  memset(members, 0, MANY * sizeof *members);
  for (size_t i = 0; i < MANY; i++) {
    size_t kind = random_below(random, 4);
    pid = kind == 0   ? pid_with_home(LAST_HOME, pid)
          : kind == 1 ? pid_with_home(random_below(random, 3), pid)
                      : pid + 1 + random_below(random, 1000);
    members[i].pid = pid;
  }
}

static void any_sequence_of_operations_gives_what_a_plain_array_would(void **state)
{
  (void)state;
  struct random random = random_seeded();
  struct member members[MANY];
  for (int round = 0; round < 60; round++) {
    struct callers callers;
    callers_init(&callers);
    choose_pids(&random, members);
    for (int step = 0; step < 2000; step++) {
      struct member *member = &members[random_below(&random, MANY)];
      size_t what = random_below(&random, 100);
      if (what == 0)
        sweep(&callers, members, MANY);
      else if (what < 30 && member->in)
        mark(&callers, member);
      else if (what < 60 && member->in)
        take(&callers, member);
      else if (!member->in)
        put(&callers, member);
      if (what == 0 || step % 8 == 0) must_hold(&callers, members, MANY);
    }
    must_hold(&callers, members, MANY);
    callers_fini(&callers);
  }
}

/* --- no memory --- */

static void growing_that_fails_leaves_all_as_it_was_and_can_be_tried_again(void **state)
{
  (void)state;
  enum { GROWTHS = 5 };
  struct member members[LARGEST / 4];
  const size_t count = sizeof members / sizeof *members;
  for (failing_calloc = 1; failing_calloc <= GROWTHS; failing_calloc++) {
    struct callers callers;
    size_t failed = 0;
    memset(members, 0, sizeof members);
    callers_init(&callers);
    callocs = 0;
    for (size_t i = 0; i < count; i++) {
      members[i].pid = i + 1;
      if (callocs == failing_calloc - 1) { /* the next one fails, if it is called */
        struct callers before = callers;
        struct caller *caller = NULL;
        if (callers_put(&callers, members[i].pid, &caller)) {
          assert_int_equal(callocs, failing_calloc);
          assert_null(caller);
          assert_memory_equal(&callers, &before, sizeof callers);
          must_hold(&callers, members, i + 1);
          failed++;
        } else {
          callers_take(&callers, caller);
        }
      }
      put(&callers, &members[i]);
      if (i % 2 == 0) mark(&callers, &members[i]);
      must_hold(&callers, members, i + 1);
    }
    assert_int_equal(failed, 1);
    sweep(&callers, members, count);
    must_hold(&callers, members, count);
    callers_fini(&callers);
  }
}

static void with_room_for_one_more_the_next_put_needs_no_memory(void **state)
{
  (void)state;
  struct callers callers;
  struct caller *caller;
  callers_init(&callers);
  for (uintptr_t pid = 1; pid < LARGEST; pid++) {
    struct callers before = callers;
    size_t needs = 0;
    callocs = 0;
    failing_calloc = 1;
    if (callers_reserve(&callers)) {
      assert_memory_equal(&callers, &before, sizeof callers);
      failing_calloc = 0;
      assert_int_equal(callers_reserve(&callers), STATUS_OK);
      needs = 2; /* the one that failed, and the one that did not */
    }
    assert_int_equal(callers_reserve(&callers), STATUS_OK);
    assert_int_equal(callers_put(&callers, pid, &caller), STATUS_OK);
    assert_int_equal(callocs, needs);
  }
  callers_fini(&callers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, let_memory_be, let_memory_be)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(an_empty_table_holds_nobody_and_takes_no_memory),
      TEST(who_is_put_in_is_found_until_it_is_taken_out),
      TEST(what_is_put_in_can_be_taken_out_by_the_place_that_put_gave),
      TEST(a_table_can_be_used_again_after_its_end),
      TEST(a_table_grows_and_keeps_what_it_holds),
      TEST(those_that_collide_are_found_whoever_is_taken_out),
      TEST(a_sweep_drops_all_that_are_not_marked_and_takes_the_marks_off),
      TEST(any_sequence_of_operations_gives_what_a_plain_array_would),
      TEST(growing_that_fails_leaves_all_as_it_was_and_can_be_tried_again),
      TEST(with_room_for_one_more_the_next_put_needs_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
