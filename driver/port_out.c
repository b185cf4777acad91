/* Frames to a pipe: see port_out.h. */
#include "port_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A pipe that has any room takes so many bytes without waiting (PIPE_BUF): pipe(7). */
#define SURE ((size_t)4096)

struct port_chunk {
  struct port_chunk *next;
  size_t length, done;
  uint8_t bytes[];
};

static bool is_pipe(int file)
{
  struct stat stat;
  return fstat(file, &stat) == 0 && S_ISFIFO(stat.st_mode);
}

void port_out_init(struct port_out *out, int file, bool own)
{
  *out = (struct port_out){.file = file};
  out->last = &out->first;
  pthread_mutex_init(&out->lock, NULL);
  pthread_cond_init(&out->work, NULL);
  out->pipe = is_pipe(file);
  if (own && out->pipe) {
    int flags = fcntl(file, F_GETFL);
    out->nonblocking = flags >= 0 && fcntl(file, F_SETFL, flags | O_NONBLOCK) == 0;
  }
}

void port_out_fini(struct port_out *out)
{
  while (out->first) {
    struct port_chunk *chunk = out->first;
    out->first = chunk->next;
    free(chunk);
  }
  pthread_cond_destroy(&out->work);
  pthread_mutex_destroy(&out->lock);
}

/* Will a write of it surely not wait? */
static bool takes_all(const struct port_out *out, const struct iovec *parts)
{
  struct pollfd room = {.fd = out->file, .events = POLLOUT};
  return out->pipe && parts[0].iov_len + parts[1].iov_len <= SURE && poll(&room, 1, 0) == 1 &&
         room.revents == POLLOUT;
}

/* [lock] How much of it the pipe took at once; 0 also for an error, which the thread will meet. */
static size_t write_some(const struct port_out *out, const struct iovec *parts)
{
  if (out->first || out->writing) return 0;
  if (!out->nonblocking && !takes_all(out, parts)) return 0;
  ssize_t written;
  do written = writev(out->file, parts, 2);
  while (written < 0 && errno == EINTR);
  return written > 0 ? (size_t)written : 0;
}

static void append(struct port_out *out, const struct iovec *parts, size_t done)
{
  size_t length = parts[0].iov_len + parts[1].iov_len;
  struct port_chunk *chunk = malloc(sizeof *chunk + length);
  if (!chunk) { /* a frame is missing: then nothing may follow */
    atomic_store(&out->error, ENOMEM);
    pthread_cond_signal(&out->work);
    return;
  }
  chunk->next = NULL;
  chunk->length = length;
  chunk->done = done;
  if (parts[0].iov_len) memcpy(chunk->bytes, parts[0].iov_base, parts[0].iov_len);
  if (parts[1].iov_len)
    memcpy(chunk->bytes + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
  *out->last = chunk;
  out->last = &chunk->next;
  atomic_fetch_add(&out->waiting, length - done);
  pthread_cond_signal(&out->work);
}

void port_out_send(struct port_out *out, const uint8_t *head, size_t head_length,
                   const uint8_t *bytes, size_t length)
{
  struct iovec parts[2] = {{(void *)(uintptr_t)head, head_length},
                           {(void *)(uintptr_t)bytes, length}};
  pthread_mutex_lock(&out->lock);
  if (!atomic_load(&out->error) && !out->over) {
    size_t done = write_some(out, parts);
    if (done < head_length + length) append(out, parts, done);
  }
  pthread_mutex_unlock(&out->lock);
}

void port_out_ask(struct port_out *out)
{
  pthread_mutex_lock(&out->lock);
  out->asked = true;
  pthread_cond_signal(&out->work);
  pthread_mutex_unlock(&out->lock);
}

void port_out_finish(struct port_out *out)
{
  pthread_mutex_lock(&out->lock);
  out->over = true;
  pthread_cond_signal(&out->work);
  pthread_mutex_unlock(&out->lock);
}

/* Waits as long as it takes. What went wrong, or 0. */
static int write_chunk(struct port_out *out, struct port_chunk *chunk)
{
  while (chunk->done < chunk->length) {
    size_t left = chunk->length - chunk->done;
    ssize_t written = write(out->file, chunk->bytes + chunk->done, left);
    if (written >= 0) {
      chunk->done += (size_t)written;
      atomic_fetch_sub(&out->waiting, (size_t)written);
    } else if (errno == EAGAIN) {
      struct pollfd room = {.fd = out->file, .events = POLLOUT};
      if (poll(&room, 1, -1) < 0 && errno != EINTR) return errno;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

enum port_out_event port_out_wait(struct port_out *out)
{
  enum port_out_event event = PORT_OUT_FAILED;
  pthread_mutex_lock(&out->lock);
  while (!atomic_load(&out->error)) {
    struct port_chunk *chunk = out->first;
    if (out->asked) {
      out->asked = false;
      event = PORT_OUT_ASKED;
      break;
    }
    if (!chunk && out->over) {
      event = PORT_OUT_DONE;
      break;
    }
    if (!chunk) {
      pthread_cond_wait(&out->work, &out->lock);
      continue;
    }
    out->first = chunk->next;
    if (!out->first) out->last = &out->first;
    out->writing = true;
    pthread_mutex_unlock(&out->lock);
    int error = write_chunk(out, chunk);
    free(chunk);
    pthread_mutex_lock(&out->lock);
    out->writing = false;
    if (error) atomic_store(&out->error, error);
  }
  pthread_mutex_unlock(&out->lock);
  return event;
}
