/* Address space for heaps: see region.h. */
#include "region.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

static struct {
  pthread_mutex_t lock;
  size_t count;
  struct region regions
      [REGION_SPARES]; /* the one that was closed last comes last: it may still be in a cache */
} spares = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool take_spare(size_t bytes, struct region *region)
{
  bool found = false;
  pthread_mutex_lock(&spares.lock);
  for (size_t i = spares.count; i > 0 && !found; i--) {
    if (spares.regions[i - 1].bytes != bytes) continue;
    *region = spares.regions[i - 1];
    spares.regions[i - 1] = spares.regions[--spares.count];
    found = true;
  }
  pthread_mutex_unlock(&spares.lock);
  return found;
}

static bool keep_spare(const struct region *region)
{
  pthread_mutex_lock(&spares.lock);
  bool kept = spares.count < REGION_SPARES;
  if (kept) spares.regions[spares.count++] = *region;
  pthread_mutex_unlock(&spares.lock);
  return kept;
}

enum status region_open(size_t bytes, struct region *region)
{
  if (take_spare(bytes, region)) return STATUS_OK;
  void *at =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return STATUS_NO_MEMORY;
  /* Where transparent huge pages are on for all, the first touch would commit 2 MB. */
  (void)madvise(at, bytes, MADV_NOHUGEPAGE);
  *region = (struct region){.at = at, .bytes = bytes};
  return STATUS_OK;
}

/* Linux 5.14 has it; where it fails, writing does the same. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void region_prepare(struct region *region, size_t bytes)
{
  if (bytes > region->touched)
    (void)madvise((char *)region->at + region->touched, bytes - region->touched,
                  MADV_POPULATE_WRITE);
}

/* What can't be given back at the moment (pages that are locked in memory) is no spare. */
static bool shrink(struct region *region)
{
  if (region->touched <= REGION_KEPT) return true;
  if (madvise((char *)region->at + REGION_KEPT, region->touched - REGION_KEPT, MADV_DONTNEED))
    return false;
  region->touched = REGION_KEPT;
  return true;
}

void region_close(const struct region *region)
{
  struct region spare = *region;
  if (spare.touched > spare.bytes) spare.touched = spare.bytes;
  if (shrink(&spare) && keep_spare(&spare)) return;
  (void)munmap(region->at, region->bytes);
}

void region_trim(size_t most)
{
  struct region region;
  for (bool more = true; more;) {
    pthread_mutex_lock(&spares.lock);
    more = spares.count > most;
    if (more) region = spares.regions[--spares.count];
    pthread_mutex_unlock(&spares.lock);
    if (more) (void)munmap(region.at, region.bytes);
  }
}
