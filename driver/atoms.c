/* The atoms that Ruby may make: a set of names with a lock.
 *
 * Guarantees: never more names from Ruby than the limit; a failed allocation leaves the set as it
 * was; a name in the set stays (that is what an atom does). The lock is held for a lookup, or for
 * adding one name, which at times moves the table. It is a plain mutex: each interpreter asks it
 * once for most of its symbols (struct atoms_cache). Leaves out: what the atoms mean; nothing here
 * knows of mruby.
 */
#include "atoms.h"
#include "etf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct name {
  uint64_t hash;
  uint8_t *bytes; /* owned; NULL: an empty place. Not terminated. */
  size_t length;
};

/* A name that is looked for. */
struct key {
  uint64_t hash;
  const uint8_t *bytes;
  size_t length;
};

struct atoms {
  pthread_mutex_t lock;
  uint64_t seed;      /* [const] */
  struct name *names; /* [lock] open addressing, at most half full */
  size_t capacity;    /* [lock] a power of two, or 0 */
  size_t admitted;    /* [lock] */
  size_t known;       /* [lock] */
  size_t limit;       /* [lock] */
};

#define FIRST_CAPACITY 256

/* A job whose stack ends in a function is given up in the middle of it (docs: a fault in the guard
 * page ends the interpreter). With the lock held that would stop all others: so touch as much of
 * the stack as the lock's holders need, before it is taken. */
#define STACK_NEEDED ((size_t)16 * 1024)

__attribute__((noinline)) static void need_stack(void)
{
  uint8_t room[STACK_NEEDED];
  for (size_t i = STACK_NEEDED; i > 0; i -= 1024) { /* downwards: not past the guard page */
    room[i - 1] = 0;
    __asm__ volatile("" : : "r"(&room[i - 1]) : "memory"); /* or the compiler drops it all */
  }
}

static void lock(struct atoms *atoms)
{
  need_stack();
  (void)pthread_mutex_lock(&atoms->lock); /* can't fail: an ordinary mutex, never held twice */
}

static void unlock(struct atoms *atoms) { (void)pthread_mutex_unlock(&atoms->lock); }

enum status atoms_open(size_t limit, struct atoms **out)
{
  struct timespec now = {0};
  struct atoms *atoms = calloc(1, sizeof *atoms);
  if (!atoms) return STATUS_NO_MEMORY;
  if (pthread_mutex_init(&atoms->lock, NULL) != 0) {
    free(atoms);
    return STATUS_NO_MEMORY;
  }
  (void)clock_gettime(CLOCK_REALTIME, &now);
  atoms->seed = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)(uintptr_t)atoms ^ (uint64_t)now.tv_sec;
  atoms->limit = limit;
  *out = atoms;
  return STATUS_OK;
}

void atoms_close(struct atoms *atoms)
{
  if (!atoms) return;
  for (size_t i = 0; i < atoms->capacity; i++) free(atoms->names[i].bytes);
  free(atoms->names);
  (void)pthread_mutex_destroy(&atoms->lock);
  free(atoms);
}

/* FNV-1a, seeded and mixed at the end: names are short. */
static uint64_t hash_name(uint64_t seed, const uint8_t *name, size_t length)
{
  uint64_t hash = seed ^ UINT64_C(14695981039346656037);
  for (size_t i = 0; i < length; i++) hash = (hash ^ name[i]) * UINT64_C(1099511628211);
  hash ^= hash >> 32;
  hash *= UINT64_C(0x9E3779B97F4A7C15);
  return hash ^ hash >> 32;
}

/* The place of a name, or the empty place where it belongs. There is always one. [lock] */
static struct name *find(const struct atoms *atoms, const struct key *key)
{
  for (size_t i = (size_t)key->hash;; i++) {
    struct name *place = &atoms->names[i & (atoms->capacity - 1)];
    if (!place->bytes) return place;
    if (place->hash == key->hash && place->length == key->length &&
        memcmp(place->bytes, key->bytes, key->length) == 0)
      return place;
  }
}

/* [lock] */
static enum status grow(struct atoms *atoms)
{
  if (atoms->capacity > SIZE_MAX / (2 * sizeof(struct name))) return STATUS_NO_MEMORY;
  size_t capacity = atoms->capacity ? 2 * atoms->capacity : FIRST_CAPACITY;
  struct name *names = calloc(capacity, sizeof *names);
  if (!names) return STATUS_NO_MEMORY;
  for (size_t i = 0; i < atoms->capacity; i++) {
    if (!atoms->names[i].bytes) continue;
    size_t place = (size_t)atoms->names[i].hash & (capacity - 1);
    while (names[place].bytes) place = (place + 1) & (capacity - 1);
    names[place] = atoms->names[i];
  }
  free(atoms->names);
  atoms->names = names;
  atoms->capacity = capacity;
  return STATUS_OK;
}

/* Adds a name that is not in the set. [lock] */
static enum status add(struct atoms *atoms, const struct key *key)
{
  if (2 * (atoms->admitted + atoms->known + 1) > atoms->capacity) {
    enum status status = grow(atoms);
    if (status) return status;
  }
  uint8_t *copy = malloc(key->length ? key->length : 1);
  if (!copy) return STATUS_NO_MEMORY;
  memcpy(copy, key->bytes, key->length);
  *find(atoms, key) = (struct name){key->hash, copy, key->length};
  return STATUS_OK;
}

/* Is the name in the set, or can it be added and *count, one of the set's own, not exceed its
 * limit? */
static enum status find_or_add(struct atoms *atoms, const uint8_t *name, size_t length,
                               size_t *count, const size_t *most)
{
  enum status status = etf_check_atom(name, length);
  if (status) return status;
  struct key key = {hash_name(atoms->seed, name, length), name, length};
  lock(atoms);
  if (atoms->capacity == 0 || !find(atoms, &key)->bytes) {
    status = *count >= *most ? STATUS_TOO_LARGE : add(atoms, &key);
    if (!status) (*count)++;
  }
  unlock(atoms);
  return status;
}

enum status atoms_admit(struct atoms *atoms, const uint8_t *name, size_t length)
{
  return find_or_add(atoms, name, length, &atoms->admitted, &atoms->limit);
}

enum status atoms_know(struct atoms *atoms, const uint8_t *name, size_t length)
{
  static const size_t most = ATOMS_KNOWN_MOST;
  return find_or_add(atoms, name, length, &atoms->known, &most);
}

void atoms_set_limit(struct atoms *atoms, size_t limit)
{
  lock(atoms);
  atoms->limit = limit;
  unlock(atoms);
}

void atoms_figures(struct atoms *atoms, struct atoms_figures *out)
{
  lock(atoms);
  *out = (struct atoms_figures){atoms->admitted, atoms->known, atoms->limit};
  unlock(atoms);
}
