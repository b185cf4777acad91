/* What the system itself is to keep a program from: the words rlimit_NAME=NUMBER, see setrlimit(2).
 *
 * Always: no core dumps. Who has used up its processor time gets SIGXCPU, and is killed a second later. Main thread, before there are others.
 */
#ifndef RUBEAM_PORT_LIMITS_H
#define RUBEAM_PORT_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_LIMITS                                                                                \
  4 /* as (bytes of address space), cpu (seconds), nofile, fsize (bytes of a file) */

struct port_limits {
  bool given[PORT_LIMITS];
  uint64_t value[PORT_LIMITS];
};

enum port_limits_word { PORT_LIMITS_OTHER, PORT_LIMITS_TAKEN, PORT_LIMITS_BAD };

/* Takes the word in, if it is one. PORT_LIMITS_BAD: with no such limit or number. */
enum port_limits_word port_limits_take(struct port_limits *limits, const char *word);

/* NULL; or what the system says against it. */
const char *port_limits_set(const struct port_limits *limits);

#endif
