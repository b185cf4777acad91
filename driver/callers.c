/* A hash table with open addressing: see callers.h. */
#include "callers.h"

#include <stdlib.h>

#define LEAST 16

void callers_init(struct callers *callers) { *callers = (struct callers){NULL, 0, 0}; }

void callers_fini(struct callers *callers)
{
  free(callers->table);
  callers_init(callers);
}

static size_t home_of(const struct callers *callers, uintptr_t pid)
{
  uint64_t hash = (uint64_t)pid * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 32) & (callers->capacity - 1);
}

/* Its place, or the free one where it would be. There is always a free one. */
static struct caller *place_of(const struct callers *callers, uintptr_t pid)
{
  size_t i = home_of(callers, pid);
  while (callers->table[i].pid != 0 && callers->table[i].pid != pid)
    i = (i + 1) & (callers->capacity - 1);
  return &callers->table[i];
}

struct caller *callers_find(const struct callers *callers, uintptr_t pid)
{
  if (callers->length == 0 || pid == 0) return NULL;
  struct caller *caller = place_of(callers, pid);
  return caller->pid == pid ? caller : NULL;
}

/* Half of the places stay free. */
enum status callers_reserve(struct callers *callers)
{
  if (2 * callers->length < callers->capacity) return STATUS_OK;
  struct callers larger = {.length = callers->length,
                           .capacity = callers->capacity ? 2 * callers->capacity : LEAST};
  larger.table = calloc(larger.capacity, sizeof *larger.table);
  if (!larger.table) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < callers->capacity; i++)
    if (callers->table[i].pid != 0) *place_of(&larger, callers->table[i].pid) = callers->table[i];
  free(callers->table);
  *callers = larger;
  return STATUS_OK;
}

enum status callers_put(struct callers *callers, uintptr_t pid, struct caller **out)
{
  enum status status = callers_reserve(callers);
  if (status) return status;
  struct caller *caller = place_of(callers, pid);
  *caller = (struct caller){.pid = pid};
  callers->length++;
  *out = caller;
  return STATUS_OK;
}

/* Those behind it, up to the next free place, move up where that brings them nearer to home. */
void callers_take(struct callers *callers, const struct caller *caller)
{
  size_t mask = callers->capacity - 1, hole = (size_t)(caller - callers->table);
  callers->length--;
  for (size_t i = (hole + 1) & mask; callers->table[i].pid != 0; i = (i + 1) & mask) {
    size_t home = home_of(callers, callers->table[i].pid);
    if (((i - home) & mask) < ((i - hole) & mask)) continue; /* its home is behind the hole */
    callers->table[hole] = callers->table[i];
    hole = i;
  }
  callers->table[hole].pid = 0;
}

void callers_sweep(struct callers *callers, void (*drop)(void *, struct caller *), void *data)
{
  for (size_t i = 0; i < callers->capacity;) {
    struct caller *caller = &callers->table[i];
    if (caller->pid == 0 || caller->marked) {
      i++;
    } else {
      drop(data, caller);
      callers_take(callers, caller); /* another may have come to this place */
    }
  }
  for (size_t i = 0; i < callers->capacity; i++) callers->table[i].marked = false;
}
