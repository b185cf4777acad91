/* mruby's object pages without their history: see ruby_slots.h. The layout is that of src/gc.c of mruby 3.3;
 * test_ruby_image.c compares it with what mrb_objspace_each_objects visits. */
#include "ruby_slots.h"

#include <mruby/gc.h>
#include <mruby/object.h>

#include <stdbool.h>
#include <string.h>

/* struct mrb_heap_page; the slots follow. */
struct page {
  struct RBasic *freelist;
  struct page *next;
  struct page *free_next;
  bool old : 1;
};

/* RVALUE: an object's head, and three words. */
struct slot {
  struct RBasic basic;
  uintptr_t words[3];
};

#ifndef MRB_HEAP_PAGE_SIZE
#define MRB_HEAP_PAGE_SIZE 1024
#endif

/* The colours of gc.c. What is not free after a full collection is of the current white, or black, or red. */
#define WHITE_A 1
#define WHITE_B 2

static void *in_copy(const void *address, const char *heap, char *copy)
{
  return copy + ((const char *)address - heap);
}

/* One page: its free slots hold nothing, and are used from the last one on, as in a fresh page. */
static void settle_page(const struct page *page, const char *heap, char *copy)
{
  struct page *head = in_copy(page, heap, copy);
  const struct slot *slots = (const struct slot *)(const void *)(page + 1);
  uintptr_t before = 0;
  for (size_t i = 0; i < MRB_HEAP_PAGE_SIZE; i++) {
    struct slot *slot = in_copy(&slots[i], heap, copy);
    if (slot->basic.tt == MRB_TT_FREE) {
      memset(slot, 0, sizeof *slot);
      slot->basic.tt = MRB_TT_FREE;
      slot->words[0] = before;
      before = (uintptr_t)&slots[i];
    } else {
      slot->basic.gcnext = NULL; /* no collection is under way */
      if (slot->basic.color == WHITE_B) slot->basic.color = WHITE_A;
    }
  }
  memcpy(&head->freelist, &before, sizeof before);
  head->old = false;
  head->free_next = NULL;
}

/* What calls that are over have left behind the ends of lists. (The collector itself clears the stack.) */
static void forget_calls(const mrb_state *mrb, const char *heap, char *copy)
{
  const struct RBasic *const *arena =
      (const struct RBasic *const *)mrb->gc.arena + mrb->gc.arena_idx;
  size_t unused = (size_t)(mrb->gc.arena_capa - mrb->gc.arena_idx);
  memset(in_copy(arena, heap, copy), 0, unused * sizeof *arena);
  const mrb_callinfo *behind = mrb->c->ci + 1;
  memset(in_copy(behind, heap, copy), 0,
         (size_t)((const char *)mrb->c->ciend - (const char *)behind));
  mrb_callinfo *base = in_copy(mrb->c->cibase, heap, copy);
  if (!base->proc)
    base->pc = NULL; /* of code that may be gone: where nothing is called, nothing goes on */
}

void ruby_slots_settle(const mrb_state *mrb, const char *heap, char *copy)
{
  forget_calls(mrb, heap, copy);
  mrb_state *state = in_copy(mrb, heap, copy);
  uintptr_t before =
      0; /* free_heaps is linked as a sweep does it: the last page of `heaps` comes first */
  for (const struct page *page = (const void *)mrb->gc.heaps; page; page = page->next) {
    struct page *head = in_copy(page, heap, copy);
    settle_page(page, heap, copy);
    if (!head->freelist) continue;
    memcpy(&head->free_next, &before, sizeof before);
    before = (uintptr_t)page;
  }
  memcpy(&state->gc.free_heaps, &before, sizeof before);
  state->gc.current_white_part = WHITE_A;
  state->gc.collections = 0;
}
