/* Limits that the system keeps: see port_limits.h. */
#include "port_limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* An enum of its own in glibc, and an int elsewhere. */
#ifdef __GLIBC__
typedef __rlimit_resource_t resource_number;
#else
typedef int resource_number;
#endif

static const struct {
  const char *name;
  resource_number resource;
} known[PORT_LIMITS] = {
    {"as", RLIMIT_AS}, {"cpu", RLIMIT_CPU}, {"nofile", RLIMIT_NOFILE}, {"fsize", RLIMIT_FSIZE}};

enum port_limits_word port_limits_take(struct port_limits *limits, const char *word)
{
  static const char prefix[] = "rlimit_";
  if (strncmp(word, prefix, strlen(prefix)) != 0) return PORT_LIMITS_OTHER;
  word += strlen(prefix);
  for (int i = 0; i < PORT_LIMITS; i++) {
    size_t length = strlen(known[i].name);
    if (strncmp(word, known[i].name, length) != 0 || word[length] != '=') continue;
    const char *digits = word + length + 1;
    if (*digits == 0 || strspn(digits, "0123456789") != strlen(digits)) return PORT_LIMITS_BAD;
    errno = 0;
    limits->value[i] = strtoull(digits, NULL, 10);
    if (errno) return PORT_LIMITS_BAD;
    limits->given[i] = true;
    return PORT_LIMITS_TAKEN;
  }
  return PORT_LIMITS_BAD;
}

/* At the soft limit of processor time comes SIGXCPU, which says why; at the hard one SIGKILL: a second later. */
static int set(resource_number resource, rlim_t value)
{
  struct rlimit limit;
  if (getrlimit(resource, &limit)) return -1;
  bool more = resource == RLIMIT_CPU && value < limit.rlim_max;
  limit = (struct rlimit){value, more ? value + 1 : value};
  return setrlimit(resource, &limit);
}

const char *port_limits_set(const struct port_limits *limits)
{
  int failed = set(RLIMIT_CORE, 0);
  for (int i = 0; i < PORT_LIMITS && !failed; i++)
    if (limits->given[i]) failed = set(known[i].resource, (rlim_t)limits->value[i]);
  return failed ? strerror(errno) : NULL;
}
