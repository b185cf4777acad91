/* Ruby source text, any bytes: what is promised of it is said in script.h.
 *
 * The input is the text. Each has an interpreter of its own, or what one breaks would be found by
 * another. */
#include "harness.h"
#include "port.h"
#include "script.h"

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
  (void)count;
  (void)arguments;
  port_start();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  run_script(data, size);
  return 0;
}
