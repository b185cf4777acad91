/* Those of valgrind's macros that tests use; where it is not installed they do nothing. */
#ifndef RUBEAM_TEST_VALGRIND_MACROS_H
#define RUBEAM_TEST_VALGRIND_MACROS_H

#ifndef __has_include
#define __has_include(name) 0
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_DISABLE_ERROR_REPORTING (void)0
#define RUNNING_ON_VALGRIND              0
#endif

#endif
