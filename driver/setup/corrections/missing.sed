# A correction of mruby 3.3.0's src/vm.c.
#
# For method_missing the arguments are packed into an Array, which was written over the keywords before those were
# moved on: with keywords alone, `**keywords` was that Array (and what is done with a Hash was done to it); with
# 15 arguments or more, they were taken from beyond.
/^prepare_missing(mrb_state/,/^}/ {
  s|^  mrb_value args;|  mrb_value args, keywords = argv[ci->n == 15 ? 1 : ci->n];|
  s|^    argv\[1\] = argv\[ci->n\];|    argv[1] = keywords;|
}
