/* How large this process is: 0 where that can't be told. */
#ifndef RUBEAM_TEST_PROCESS_SIZE_H
#define RUBEAM_TEST_PROCESS_SIZE_H

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static inline void read_statm(size_t *mapped, size_t *resident)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  *mapped = *resident = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm) return;
  if (fscanf(statm, "%zu %zu", mapped, resident) != 2) *mapped = *resident = 0;
  (void)fclose(statm);
  *mapped *= page;
  *resident *= page;
}

/* Bytes of its address space that are in use. */
static inline size_t mapped_bytes(void)
{
  size_t mapped, resident;
  read_statm(&mapped, &resident);
  return mapped;
}

/* Bytes of it that are in memory. */
static inline size_t resident_bytes(void)
{
  size_t mapped, resident;
  read_statm(&mapped, &resident);
  return resident;
}

#endif
