/* Jobs and timers for the watchdog: see watchdog_fixture.h. */
#include "watchdog_fixture.h"

#include "waiting.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- a job as the watchdog sees it --- */

static void hook(struct mrb_state *mrb, const struct mrb_irep *irep, const uint8_t *pc, void *data)
{
  (void)mrb;
  (void)irep;
  (void)pc;
  (void)data;
}

void work_init(struct work *work, int64_t slice_ns)
{
  memset(work, 0, sizeof *work);
  work->watched.mrb = &work->mrb;
  work->watched.hook = hook;
  work->watched.slice_ns = slice_ns;
}

bool is_asked(struct work *work) { return atomic_load(&work->watched.asked); }

bool is_hooked(struct work *work)
{
  void *is = __atomic_load_n((void **)(void *)&work->mrb.code_fetch_hook, __ATOMIC_RELAXED);
  void (*wanted)(struct mrb_state *, const struct mrb_irep *, const uint8_t *, void *) = hook;
  return is == *(void **)(void *)&wanted;
}

/* --- the watchdog's thread --- */

long thread_switches(void)
{
  long count = -1;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return -1;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    char path[300], line[200] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    bool ours = fgets(line, sizeof line, file) && strstr(line, "rubeam_watchdog");
    while (ours && fgets(line, sizeof line, file))
      if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1) break;
    (void)fclose(file);
  }
  (void)closedir(tasks);
  return count;
}

bool thread_sleeps(void)
{
  long before = thread_switches();
  pause_us(50000);
  return thread_switches() == before;
}

/* --- timers --- */

struct rung rung;

struct bell *bell_of(struct timer *timer) { return (struct bell *)(void *)timer; }

void note_retain(struct timer *timer) { bell_of(timer)->retained++; }

void note_fire(struct timer *timer)
{
  struct bell *bell = bell_of(timer);
  bell->fired_at = now_ns();
  if (rung.count < 2000) rung.bells[rung.count] = bell;
  rung.count++;
  bell->fired++;
  while (rung.wait) {
    rung.waits = true;
    pause_us(100);
  }
  rung.waits = false;
}

void bell_init(struct bell *bell)
{
  memset(bell, 0, sizeof *bell);
  bell->timer.retain = note_retain;
  bell->timer.fire = note_fire;
  assert_int_equal(watchdog_reserve(), STATUS_OK);
}

void set_bell(struct bell *bell, int64_t at)
{
  bell->wanted_at = at;
  watchdog_set(&bell->timer, at);
}

void hold_the_thread(struct bell *bell)
{
  bell_init(bell);
  rung.wait = true;
  set_bell(bell, now_ns());
  must_become(rung.waits);
}

void let_the_thread_go(void) { rung.wait = false; }
