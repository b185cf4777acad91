/* Seeing inside of an interpreter: the functions of the module Erlang that rubeam:globals/1 and
 * rubeam:gc/1 call. */
#ifndef RUBEAM_RUBY_INSIDE_H
#define RUBEAM_RUBY_INSIDE_H

#include "ruby.h"

/* Erlang.globals, Erlang.gc */
void ruby_inside_init(struct ruby *ruby, struct RClass *erlang);

#endif
