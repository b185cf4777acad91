/* require, require_relative and load: Ruby files below the directories of the option load_path.
 *
 * What is read is a regular file whose real path, with all links followed, lies below the real path of one
 * of these directories; nothing else can be reached, whatever a name looks like and whatever Ruby code
 * does to $LOAD_PATH, which is only shown. What changes in these directories while a file is looked for is
 * the business of who may write there.
 *
 * A file is a program of its own, with local variables of its own, named by its real path. It is read on a
 * thread of the pool: the job leaves a scheduler first. No file is open while Ruby's memory is allocated or
 * freed, so a job that is killed leaves none open.
 *
 * On the job's stack; all functions can raise. */
#ifndef RUBEAM_RUBY_REQUIRE_H
#define RUBEAM_RUBY_REQUIRE_H

#include "ruby.h"

/* Defines the functions, and the globals $LOAD_PATH, $:, $LOADED_FEATURES and $". The directories are
 * those of the options, of which nothing is needed afterwards. While the interpreter is opened,
 * protected. */
void ruby_require_init(struct ruby *ruby);

/* The same for the directories alone, in an interpreter that was opened without any. */
void ruby_require_directories(struct ruby *ruby);

#endif
