# A correction of mruby 3.3.0's src/gc.c and src/vm.c.
#
# The arena protects objects from the garbage collector. Where it grows for one more, and where it shrinks
# behind a method written in C, memory may be refused; then mruby collects, and frees the very object that was
# to be protected, or what the method has returned. Now the new one is in the arena before it grows (and is
# an object before it is in the arena), and shrinking collects nothing. A refusal is told as one, like that
# of mrb_realloc: else it recurses until the stack is used up.
/^gc_protect(mrb_state \*mrb, mrb_gc \*gc, struct RBasic \*p)/,/^}/ {
  /^  if (gc->arena_idx >= gc->arena_capa) {/,/^  }/c\
  gc->arena[gc->arena_idx++] = p;\
  if (gc->arena_idx == gc->arena_capa) {\
    int newcapa = gc->arena_capa * 3 / 2;\
    void *grown = mrb_realloc_simple(mrb, gc->arena, sizeof(struct RBasic*)*newcapa);\
    if (!grown) {\
      gc->arena_idx--; /* there is always room for one */\
      gc->out_of_memory = TRUE; /* or the exception is given a backtrace, for which it would grow */\
      mrb_raise_nomemory(mrb);\
    }\
    gc->arena = (struct RBasic**)grown;\
    gc->arena_capa = newcapa;\
  }
  /^  gc->arena\[gc->arena_idx++\] = p;$/d
}
/^  gc_protect(mrb, gc, p);$/d
s/^  paint_partial_white(gc, p);$/&\
  gc_protect(mrb, gc, p);/
s/^      gc->arena = (struct RBasic\*\*)mrb_realloc(mrb, gc->arena, sizeof(struct RBasic\*)\*capa);$/      void *shrunk = (mrb->allocf)(mrb, gc->arena, sizeof(struct RBasic*)*capa, mrb->allocf_ud);\
      if (!shrunk) return;\
      gc->arena = (struct RBasic**)shrunk;/
