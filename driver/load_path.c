/* Directories in the command of a port: see load_path.h. */
#include "load_path.h"

#include <stdint.h>
#include <string.h>

static int digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* The text of one directory; writes up to `room` bytes of what it stands for. */
static enum status decode(const char *text, size_t length, char *out, size_t room, size_t *written)
{
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c == '%') {
      int high = length - i > 2 ? digit(text[i + 1]) : -1;
      int low = length - i > 2 ? digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return STATUS_MALFORMED;
      c = (char)(uint8_t)(high * 16 + low);
      i += 2;
    } else if ((uint8_t)c <= ' ') {
      return STATUS_MALFORMED;
    }
    if (count == room) return STATUS_TOO_LARGE;
    out[count++] = c;
  }
  *written = count;
  return count > 0 && out[0] == '/' ? STATUS_OK : STATUS_MALFORMED;
}

/* The text of the first directory. */
static size_t first_length(struct load_path path)
{
  const char *colon = memchr(path.text, ':', path.length);
  return colon ? (size_t)(colon - path.text) : path.length;
}

bool load_path_take(struct load_path *path, char directory[LOAD_PATH_BYTES], size_t *length)
{
  if (path->length == 0) return false;
  size_t taken = first_length(*path);
  if (decode(path->text, taken, directory, LOAD_PATH_BYTES, length)) return false;
  if (taken < path->length) taken++;
  path->text += taken;
  path->length -= taken;
  return true;
}

enum status load_path_check(struct load_path path)
{
  char directory[LOAD_PATH_BYTES];
  size_t written;
  for (unsigned count = 1;; count++) {
    size_t length = first_length(path);
    enum status status = decode(path.text, length, directory, sizeof directory, &written);
    if (status) return status;
    if (count > LOAD_PATH_MOST) return STATUS_TOO_LARGE;
    if (length == path.length) return STATUS_OK;
    path.text += length + 1; /* a colon at the end is followed by an empty one, which is none */
    path.length -= length + 1;
  }
}
