/* The directories that `require` looks into, as they stand in the command of a port:
 *
 *   load_path=/srv/app/lib:/srv/my%20lib
 *
 * Absolute paths with colons between them. In a path, a byte that is no letter, digit, slash, dot,
 * underscore or hyphen may be, and a space, colon, percent sign or control character must be, a percent sign
 * and two hexadecimal digits.
 *
 * Pure: no state, any thread. */
#ifndef RUBEAM_LOAD_PATH_H
#define RUBEAM_LOAD_PATH_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

#define LOAD_PATH_BYTES 4096 /* of one directory, at most */
#define LOAD_PATH_MOST  256  /* directories */

/* The text, or what is left of it. The bytes are those of the command: the caller's. */
struct load_path {
  const char *text;
  size_t length; /* 0: no directory */
};

/* STATUS_MALFORMED: it is not as said above. STATUS_TOO_LARGE: a path, or their number. */
MUST_CHECK enum status load_path_check(struct load_path path);

/* Takes the first directory off a path that was checked. False: there is none. It is not terminated. */
bool load_path_take(struct load_path *path, char directory[LOAD_PATH_BYTES], size_t *length);

#endif
