/* See told.h. */
#include "told.h"

#include "harness.h"

#include <stddef.h>

/* A script calls in a loop: the oldest ones are forgotten. */
#define MOST 64

static struct told calls[MOST];
static unsigned count, runs;

void told_clear(void)
{
  count = 0;
  runs = 0;
}

void told_run(void) { runs++; }

/* Numbers go up, and a call is told when it is made, or when its answer is claimed. */
struct told *told_add(enum due_kind kind, uintptr_t caller, uint64_t token, uint64_t number,
                      uintptr_t handler)
{
  const struct told *last = told_nth(0);
  must(!last || number > last->number);
  struct told *told = &calls[count++ % MOST];
  *told = (struct told){
      .kind = kind,
      .caller = caller,
      .token = token,
      .number = number,
      .handler = handler,
      .run = runs,
  };
  return told;
}

static unsigned known(void) { return count < MOST ? count : MOST; }

struct told *told_nth(unsigned n)
{
  return known() == 0 ? NULL : &calls[(count - 1 - n % known()) % MOST];
}

struct told *told_find(uint64_t number)
{
  for (unsigned i = 0; i < known(); i++)
    if (calls[i].number == number) return &calls[i];
  return NULL;
}

bool told_is_fresh(const struct told *told) { return !told->over && told->run == runs; }

void told_handler_gone(uintptr_t handler)
{
  for (unsigned i = 0; i < known(); i++)
    if (calls[i].handler == handler) calls[i].over = true;
}

void told_answered(uint64_t token)
{
  for (unsigned i = 0; i < known(); i++)
    if (calls[i].token == token) calls[i].over = true;
}
