/* Compiled texts: see ruby_cache.h.
 *
 * Four places of a group are looked at for each text, by its hash; they are replaced in turn. So two
 * texts that share a group do not drive each other out, and nothing has to be kept in order.
 */
#include "ruby_cache.h"

#include "hash.h"
#include "ruby_keep.h"

#include <mruby/array.h>
#include <mruby/gc.h>
#include <string.h>

#define WAYS   4u
#define GROUPS (RUBY_CACHE_PLACES / WAYS)

static uint64_t hash_piece(uint64_t hash, struct piece piece)
{
  return hash_bytes(hash, piece.bytes, piece.length);
}

void ruby_cache_open(struct ruby_cache *cache, mrb_state *mrb)
{
  memset(cache, 0, sizeof *cache);
  cache->procs = ruby_keep_array(mrb, "rubeam compiled");
  mrb_ary_resize(mrb, mrb_obj_value(cache->procs), RUBY_CACHE_PLACES);
}

static bool is_short(const struct ruby_text *text)
{
  return text->code.length + text->file.length <= RUBY_CACHE_BYTES;
}

struct ruby_text ruby_cache_text(struct piece code, struct piece file, uint32_t line,
                                 uint32_t names)
{
  struct ruby_text text = {.code = code, .file = file, .line = line, .names = names};
  if (is_short(&text)) text.hash = hash_word(hash_piece(hash_piece(1, code), file), line);
  return text;
}

static bool are_same(const uint8_t *bytes, struct piece wanted)
{
  return wanted.length == 0 || memcmp(bytes, wanted.bytes, wanted.length) == 0;
}

static bool is_same(const struct cached_text *place, const struct ruby_text *text)
{
  return place->proc && place->hash == text->hash && place->line == text->line &&
         place->code_length == text->code.length && place->file_length == text->file.length &&
         are_same(place->text, text->code) && are_same(place->text + text->code.length, text->file);
}

static struct cached_text *group_of(struct ruby_cache *cache, const struct ruby_text *text)
{
  return &cache->places[text->hash % GROUPS * WAYS];
}

struct RProc *ruby_cache_find(struct ruby_cache *cache, const struct ruby_text *text)
{
  if (!is_short(text)) return NULL;
  struct cached_text *group = group_of(cache, text);
  for (unsigned i = 0; i < WAYS; i++) {
    if (!is_same(&group[i], text)) continue;
    if (group[i].names != text->names) return NULL;
    uint64_t hits = atomic_load_explicit(&cache->hits, memory_order_relaxed);
    atomic_store_explicit(&cache->hits, hits + 1, memory_order_relaxed);
    return group[i].proc;
  }
  return NULL;
}

static void set_proc(struct ruby_cache *cache, mrb_state *mrb, struct cached_text *place,
                     struct RProc *proc)
{
  mrb_value procs = mrb_obj_value(cache->procs);
  mrb_ary_set(mrb, procs, place - cache->places, proc ? mrb_obj_value(proc) : mrb_nil_value());
  place->proc = proc;
}

static void drop(struct ruby_cache *cache, mrb_state *mrb, struct heap *heap,
                 struct cached_text *place)
{
  if (!place->proc) return;
  set_proc(cache, mrb, place, NULL);
  (void)heap_resize(heap, place->text, 0);
  atomic_fetch_sub_explicit(&cache->kept, 1, memory_order_relaxed);
}

/* Where the text is, though compiled for other variables; or the next place in turn. */
static struct cached_text *place_for(struct ruby_cache *cache, const struct ruby_text *text)
{
  struct cached_text *group = group_of(cache, text);
  for (unsigned i = 0; i < WAYS; i++)
    if (is_same(&group[i], text)) return &group[i];
  for (unsigned i = 0; i < WAYS; i++)
    if (!group[i].proc) return &group[i];
  return &group[cache->turn++ % WAYS];
}

void ruby_cache_offer(struct ruby_cache *cache, mrb_state *mrb, struct heap *heap, bool scarce,
                      const struct ruby_text *text, struct RProc *proc)
{
  if (scarce) {
    for (size_t i = 0; i < RUBY_CACHE_PLACES; i++) drop(cache, mrb, heap, &cache->places[i]);
    return;
  }
  if (!is_short(text)) return;
  uint64_t *seen = &cache->seen[text->hash % RUBY_CACHE_PLACES];
  if (*seen != text->hash) {
    *seen = text->hash;
    return;
  }
  size_t length = text->code.length + text->file.length;
  uint8_t *copy = heap_resize(heap, NULL, length > 0 ? length : 1);
  if (!copy) return;
  if (text->code.length > 0) memcpy(copy, text->code.bytes, text->code.length);
  if (text->file.length > 0) memcpy(copy + text->code.length, text->file.bytes, text->file.length);
  struct cached_text *place = place_for(cache, text);
  drop(cache, mrb, heap, place);
  place->text = copy;
  place->hash = text->hash;
  place->code_length = text->code.length;
  place->file_length = text->file.length;
  place->line = text->line;
  place->names = text->names;
  set_proc(cache, mrb, place, proc);
  atomic_fetch_add_explicit(&cache->kept, 1, memory_order_relaxed);
}
