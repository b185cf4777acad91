/* Bytecode with a head of ours: see ruby_bytecode.h. */
#include "ruby_bytecode.h"

#include "etf.h"
#include "hash.h"

#include <endian.h>
#include <mruby/class.h>
#include <mruby/dump.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/irep.h>
#include <mruby/proc.h>
#include <rubeam_build.h>
#include <string.h>

static const char magic[] = {'R', 'B', 'C', '1'};

struct head {
  char magic[4];
  uint8_t build[8], checksum[8];
};
_Static_assert(sizeof(struct head) == BYTECODE_HEAD, "no padding");

static uint64_t checksum_of(const uint8_t *bytes, size_t length)
{
  return hash_bytes(RUBEAM_MRUBY_BUILD, bytes, length);
}

static uint64_t get_word(const uint8_t *from)
{
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return be64toh(word);
}

void ruby_bytecode_put(mrb_state *mrb, const struct RProc *proc, struct buffer *out)
{
  uint8_t *irep = NULL;
  size_t length = 0;
  if (mrb_dump_irep(mrb, proc->body.irep, MRB_DUMP_DEBUG_INFO, &irep, &length) != MRB_DUMP_OK)
    mrb_raise(mrb, E_RUNTIME_ERROR, "the program can't be written as bytecode");
  etf_put_binary_head(out, BYTECODE_HEAD + length);
  buffer_put(out, magic, sizeof magic);
  buffer_put_be64(out, RUBEAM_MRUBY_BUILD);
  buffer_put_be64(out, checksum_of(irep, length));
  buffer_put(out, irep, length);
  mrb_free(mrb, irep);
}

_Noreturn static void refuse(mrb_state *mrb, const char *why)
{
  mrb_raise(mrb, mrb_class_get(mrb, "LoadError"), why);
}

static struct piece irep_in(mrb_state *mrb, struct piece bytes)
{
  struct head head;
  if (bytes.length < sizeof head || memcmp(bytes.bytes, magic, sizeof magic) != 0)
    refuse(mrb, "this is no bytecode of rubeam:compile");
  memcpy(&head, bytes.bytes, sizeof head);
  struct piece irep = {bytes.bytes + sizeof head, bytes.length - sizeof head};
  if (get_word(head.build) != RUBEAM_MRUBY_BUILD)
    refuse(mrb, "the bytecode was made by another build: compile it again");
  if (get_word(head.checksum) != checksum_of(irep.bytes, irep.length))
    refuse(mrb, "the bytecode is damaged");
  return irep;
}

struct RProc *ruby_bytecode_read(mrb_state *mrb, struct piece bytes)
{
  struct piece piece = irep_in(mrb, bytes);
  mrb_irep *irep = mrb_read_irep_buf(mrb, piece.bytes, piece.length);
  if (!irep) refuse(mrb, "mruby can't read the bytecode");
  struct RProc *proc = mrb_proc_new(mrb, irep);
  mrb_irep_decref(mrb, irep);
  proc->c = NULL;
  MRB_PROC_SET_TARGET_CLASS(proc, mrb->object_class);
  return proc;
}
