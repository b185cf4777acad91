/* The figures of the node: what all ports share. */
#include "coroutine.h"
#include "drv_port.h"
#include "etf.h"

#include <string.h>

static void put_number(struct buffer *out, const char *name, size_t value)
{
  etf_put_atom(out, name, strlen(name));
  etf_put_integer(out, (int64_t)value);
}

static void put_pool(struct buffer *out, const char *name, struct pool *pool)
{
  struct pool_figures figures = {{0}, 0, POOL_THREADS};
  if (pool) pool_figures(pool, &figures);
  size_t waiting = 0;
  for (int i = 0; i < RANKS; i++) waiting += figures.queued[i];
  etf_put_atom(out, name, strlen(name));
  etf_put_map(out, 2);
  put_number(out, "threads", figures.threads);
  put_number(out, "waiting", waiting);
}

void drv_put_info(struct buffer *out)
{
  struct coroutine_figures stacks = coroutine_pool_figures();
  struct atoms_figures atoms;
  atoms_figures(driver.atoms, &atoms);
  pthread_mutex_lock(&driver.lock);
  struct pool *threads = driver.threads, *async = driver.async; /* until the driver is unloaded */
  pthread_mutex_unlock(&driver.lock);
  pthread_mutex_lock(&driver.image_lock);
  const struct ruby_image *image = driver.image;
  pthread_mutex_unlock(&driver.image_lock);
  etf_put_version(out);
  etf_put_map(out, 11);
  put_number(out, "interpreters", atomic_load(&driver.interpreters));
  put_pool(out, "threads", threads);
  put_pool(out, "async", async);
  put_number(out, "stacks", stacks.mapped - stacks.pooled);
  put_number(out, "stacks_free", stacks.pooled);
  put_number(out, "atoms", atoms.admitted);
  put_number(out, "atoms_known", atoms.known);
  put_number(out, "max_atoms", atoms.limit);
  put_number(out, "unread", atomic_load(&driver.printed.bytes));
  put_number(out, "unsent", atomic_load(&driver.posted.bytes));
  put_number(out, "image", image ? ruby_image_bytes(image) : 0);
}
