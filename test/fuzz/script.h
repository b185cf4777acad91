/* One text of Ruby in an interpreter of its own, with tight limits.
 *
 * Checked, whatever the text does: it is answered, once, and within the time that its limits allow; then the
 * interpreter has ended and said so, or it answers `1 + 1`, once: with 2, or with an error, since a text
 * may break whatever its own interpreter needs. Nothing is left afterwards (port_close). That includes the
 * abort() calls of mruby and stacks that overflow, which end the interpreter alone. */
#ifndef RUBEAM_FUZZ_SCRIPT_H
#define RUBEAM_FUZZ_SCRIPT_H

#include <stddef.h>

/* port_start must have been called. */
void run_script(const void *code, size_t length);

#endif
