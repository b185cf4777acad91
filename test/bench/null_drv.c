/* A driver that does nothing: the limit of the way in. What is called with a term answers the
 * same term, so that the VM encodes and decodes both, as it does for Rubeam. Loaded by
 * bench_ways.erl. */
#include <erl_driver.h>

#include <string.h>

static ErlDrvData start(ErlDrvPort port, char *command)
{
  (void)command;
  return (ErlDrvData)port;
}

static ErlDrvSSizeT call(ErlDrvData data, unsigned int command, char *bytes, ErlDrvSizeT length,
                         char **answer, ErlDrvSizeT room, unsigned int *flags)
{
  (void)data;
  (void)command;
  (void)flags;
  if (length > room) {
    *answer = driver_alloc(length);
    if (!*answer) return -1;
  }
  memcpy(*answer, bytes, length);
  return (ErlDrvSSizeT)length;
}

static char name[] = "null_drv";

static ErlDrvEntry entry = {
    .start = start,
    .call = call,
    .driver_name = name,
    .extended_marker = (int)ERL_DRV_EXTENDED_MARKER,
    .major_version = ERL_DRV_EXTENDED_MAJOR_VERSION,
    .minor_version = ERL_DRV_EXTENDED_MINOR_VERSION,
    .driver_flags = ERL_DRV_FLAG_USE_PORT_LOCKING,
};

DRIVER_INIT(null_drv) { return &entry; }
