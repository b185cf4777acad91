/* See dues.h. */
#include "dues.h"

#include "harness.h"

#include <pthread.h>
#include <string.h>

#define MOST 100

static struct due dues[MOST];
static size_t count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_like(const struct due *due, enum due_kind kind, uintptr_t caller, struct piece id)
{
  return due->kind == kind && due->caller == caller && due->id_length == id.length &&
         memcmp(due->id, id.bytes, id.length) == 0;
}

static void set_id(struct due *due, struct piece id)
{
  must(id.length <= sizeof due->id);
  memcpy(due->id, id.bytes, id.length);
  due->id_length = id.length;
}

void dues_clear(void)
{
  pthread_mutex_lock(&lock);
  count = 0;
  pthread_mutex_unlock(&lock);
}

void due_add(enum due_kind kind, uintptr_t caller, struct piece id, bool may)
{
  pthread_mutex_lock(&lock);
  must(count < MOST);
  struct due *due = &dues[count++];
  due->kind = kind;
  due->may = may;
  due->caller = caller;
  due->token = 0;
  set_id(due, id);
  pthread_mutex_unlock(&lock);
}

bool due_take(enum due_kind kind, uintptr_t caller, struct piece id)
{
  struct due *found = NULL;
  pthread_mutex_lock(&lock);
  for (struct due *due = dues; due < dues + count; due++) {
    if (!is_like(due, kind, caller, id) || due->token != 0) continue;
    if (!found || (found->may && !due->may)) found = due; /* rather one that must come */
  }
  if (found) {
    count--;
    memmove(found, found + 1, (size_t)(dues + count - found) * sizeof *dues);
  }
  pthread_mutex_unlock(&lock);
  return found != NULL;
}

size_t due_count(enum due_kind kind, uintptr_t caller, struct piece id)
{
  size_t like = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) like += is_like(&dues[i], kind, caller, id);
  pthread_mutex_unlock(&lock);
  return like;
}

void due_set_token(uint64_t token)
{
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) must(dues[i].token != token);
  must(count > 0 && dues[count - 1].kind == DUE_TOKEN && dues[count - 1].token == 0);
  dues[count - 1].token = token;
  pthread_mutex_unlock(&lock);
}

static bool find(enum due_kind kind, unsigned n, struct due *out)
{
  size_t there = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) there += dues[i].kind == kind;
  size_t left = there > 0 ? n % there : 0;
  for (size_t i = 0; i < count; i++)
    if (dues[i].kind == kind && left-- == 0) *out = dues[i];
  pthread_mutex_unlock(&lock);
  return there > 0;
}

bool due_find_token(unsigned n, struct due *out) { return find(DUE_TOKEN, n, out); }
bool due_find_message(unsigned n, struct due *out) { return find(DUE_MESSAGE, n, out); }

void due_claim(uint64_t token, struct piece id)
{
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) {
    if (dues[i].token != token) continue;
    set_id(&dues[i], id);
    dues[i].token = 0;
    dues[i].kind = DUE_MESSAGE;
  }
  pthread_mutex_unlock(&lock);
}

bool due_unclaim(uint64_t token, uintptr_t caller, struct piece id)
{
  struct due *found = NULL;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count && !found; i++)
    if (is_like(&dues[i], DUE_MESSAGE, caller, id)) found = &dues[i];
  if (found) {
    found->kind = DUE_TOKEN;
    found->token = token;
  }
  pthread_mutex_unlock(&lock);
  return found != NULL;
}

bool due_take_token(uint64_t token)
{
  struct due *found = NULL;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count && !found; i++)
    if (dues[i].kind == DUE_TOKEN && dues[i].token == token) found = &dues[i];
  if (found) {
    count--;
    memmove(found, found + 1, (size_t)(dues + count - found) * sizeof *dues);
  }
  pthread_mutex_unlock(&lock);
  return found != NULL;
}

bool due_is_awaited(enum due_kind kind, uintptr_t caller, const struct piece *id)
{
  bool awaited = false;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count && !awaited; i++) {
    const struct due *due = &dues[i];
    awaited = due->kind == kind && due->caller == caller && (!due->may || kind == DUE_OWNER) &&
              (!id || is_like(due, kind, caller, *id));
  }
  pthread_mutex_unlock(&lock);
  return awaited;
}

void due_abandon(uintptr_t caller, struct piece id)
{
  while (due_take(DUE_MESSAGE, caller, id)) {
  }
}

void due_caller_gone(uintptr_t caller)
{
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++)
    if (dues[i].kind != DUE_OWNER && dues[i].caller == caller) dues[i].may = true;
  pthread_mutex_unlock(&lock);
}

void dues_closing(void)
{
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++)
    if (dues[i].kind == DUE_OWNER || dues[i].kind == DUE_TOKEN) dues[i].may = true;
  pthread_mutex_unlock(&lock);
}

bool dues_left(void)
{
  bool left = false;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < count; i++) left = left || !dues[i].may;
  pthread_mutex_unlock(&lock);
  return left;
}
