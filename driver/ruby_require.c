/* require, require_relative and load: see ruby_require.h. */
#include "ruby_require.h"

#include "ruby_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/debug.h>
#include <mruby/error.h>
#include <mruby/hash.h>
#include <mruby/internal.h>
#include <mruby/irep.h>
#include <mruby/proc.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Functions of libc, mruby's parser, and the program that is then run. */
#define REQUIRE_STACK ((size_t)1536 << 10)

/* What is here without a file. */
static const char *const built_in[] = {"complex", "enumerator", "fiber", "json",
                                       "pp",      "rational",   "set"};

_Noreturn static void fail(mrb_state *mrb, mrb_value name)
{
  mrb_raisef(mrb, ruby_of(mrb)->require.load_error, "cannot load such file -- %v", name);
}

/* --- where a file is --- */

static bool is_below(const char *path, const char *directory)
{
  size_t length = strlen(directory);
  if (strcmp(directory, "/") == 0) return true;
  return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* Of a file that exists, and where it may be read. Nothing here waits for a device or a pipe. */
static bool find_real_path(mrb_state *mrb, const char *path, char real[PATH_MAX], size_t *bytes)
{
  char directory[PATH_MAX];
  struct stat info;
  mrb_value directories = mrb_obj_value(ruby_of(mrb)->require.directories);
  if (!realpath(path, real) || stat(real, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  *bytes = (size_t)info.st_size;
  for (mrb_int i = 0; i < RARRAY_LEN(directories); i++)
    if (realpath(RSTRING_PTR(RARRAY_PTR(directories)[i]), directory) && is_below(real, directory))
      return true;
  return false;
}

struct file {
  char path[PATH_MAX];
  size_t bytes; /* as it was when it was found */
};

/* A name as it was given, in a directory. `extend`: it need not end in .rb. */
static bool find_in(mrb_state *mrb, const char *directory, mrb_int length, mrb_value name,
                    bool extend, struct file *file)
{
  mrb_int bytes = RSTRING_LEN(name);
  bool has = bytes >= 3 && memcmp(RSTRING_PTR(name) + bytes - 3, ".rb", 3) == 0;
  int arena = mrb_gc_arena_save(mrb);
  mrb_value path = mrb_str_new(mrb, directory, length);
  mrb_str_cat_lit(mrb, path, "/");
  mrb_str_cat_str(mrb, path, name);
  if (extend && !has) mrb_str_cat_lit(mrb, path, ".rb");
  bool found = find_real_path(mrb, RSTRING_CSTR(mrb, path), file->path, &file->bytes);
  mrb_gc_arena_restore(mrb, arena);
  return found;
}

static void find_in_load_path(mrb_state *mrb, mrb_value name, bool extend, struct file *file)
{
  mrb_value directories = mrb_obj_value(ruby_of(mrb)->require.directories);
  bool absolute = RSTRING_LEN(name) > 0 && RSTRING_PTR(name)[0] == '/';
  for (mrb_int i = 0; !absolute && i < RARRAY_LEN(directories); i++) {
    mrb_value directory = RARRAY_PTR(directories)[i];
    if (find_in(mrb, RSTRING_PTR(directory), RSTRING_LEN(directory), name, extend, file)) return;
  }
  fail(mrb, name);
}

/* The file of the Ruby code that called; NULL: none is known. As mruby's backtraces find it. */
static const char *caller_file(mrb_state *mrb)
{
  const mrb_callinfo *base = mrb->c->cibase;
  for (const mrb_callinfo *ci = mrb->c->ci - 1; ci >= base; ci--) {
    if (!ci->proc || MRB_PROC_CFUNC_P(ci->proc)) continue;
    const mrb_irep *irep = ci->proc->body.irep;
    if (!irep || !ci->pc) return NULL;
    return mrb_debug_get_filename(mrb, irep, (uint32_t)(ci->pc - 1 - irep->iseq));
  }
  return NULL;
}

/* --- reading --- */

/* Reads what fits; false: it can't be read, or is no regular file any more. Allocates nothing. */
static bool read_file(const char *path, char *bytes, size_t room, size_t *length)
{
  struct stat info;
  int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
  if (file < 0) return false;
  bool good = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  *length = 0;
  while (good && *length < room) {
    ssize_t got = read(file, bytes + *length, room - *length);
    if (got == 0) break;
    if (got > 0)
      *length += (size_t)got;
    else
      good = errno == EINTR;
  }
  (void)close(file);
  return good;
}

static mrb_value read_code(mrb_state *mrb, mrb_value name, const struct file *file)
{
  uint64_t most = ruby_of(mrb)->options->max_source;
  size_t length = 0;
  /* One byte more than there should be: a file may have grown. */
  mrb_value code =
      file->bytes <= most ? mrb_str_new(mrb, NULL, (mrb_int)file->bytes + 1) : mrb_nil_value();
  if (!mrb_nil_p(code) && !read_file(file->path, RSTRING_PTR(code), file->bytes + 1, &length))
    fail(mrb, name);
  if (mrb_nil_p(code) || length > most)
    mrb_raisef(mrb, ruby_of(mrb)->require.load_error, "%v is longer than max_source", name);
  if (length > file->bytes)
    mrb_raisef(mrb, ruby_of(mrb)->require.load_error, "%v was written to while it was read", name);
  return mrb_str_resize(mrb, code, (mrb_int)length);
}

/* --- running --- */

struct program {
  mrb_value name, path;
  const struct file *file;
};

static mrb_value run_program(mrb_state *mrb, void *data)
{
  const struct program *program = data;
  mrb_value code = read_code(mrb, program->name, program->file), path = program->path;
  const struct request request = {
      .kind = REQUEST_COMPILE,
      .code = {(const uint8_t *)RSTRING_PTR(code), (size_t)RSTRING_LEN(code)},
      .file = {(const uint8_t *)RSTRING_PTR(path), (size_t)RSTRING_LEN(path)},
      .line = 1,
  };
  struct RProc *proc = ruby_compile_alone(&ruby_of(mrb)->compiler, mrb, &request);
  MRB_PROC_SET_TARGET_CLASS(proc, mrb->object_class);
  mrb_gc_protect(mrb, mrb_obj_value(proc));
  mrb_top_run(mrb, proc, mrb_top_self(mrb), 0);
  return mrb_nil_value();
}

/* An array of ours, or of theirs, that shows something and can't be changed. */
static void show(mrb_state *mrb, const char *name, const char *short_name, mrb_value array)
{
  MRB_SET_FROZEN_FLAG(mrb_ary_ptr(array));
  mrb_gv_set(mrb, mrb_intern_cstr(mrb, name), array);
  mrb_gv_set(mrb, mrb_intern_cstr(mrb, short_name), array);
}

/* The keys, in the order in which they came. */
static void show_loaded(mrb_state *mrb)
{
  mrb_value loaded = mrb_obj_value(ruby_of(mrb)->require.loaded);
  show(mrb, "$LOADED_FEATURES", "$\"", mrb_hash_keys(mrb, loaded));
}

/* False: it is loaded, or is being loaded by a file that now comes to itself. */
static bool run_once(mrb_state *mrb, mrb_value name, const struct file *file)
{
  mrb_value loaded = mrb_obj_value(ruby_of(mrb)->require.loaded);
  struct program program = {name, mrb_str_new_cstr(mrb, file->path), file};
  mrb_bool failed = FALSE;
  MRB_SET_FROZEN_FLAG(mrb_str_ptr(program.path)); /* or the Hash makes a copy */
  if (mrb_hash_key_p(mrb, loaded, program.path)) return false;
  mrb_hash_set(mrb, loaded, program.path, mrb_true_value());
  mrb_value raised = mrb_protect_error(mrb, run_program, &program, &failed);
  mrb_gc_protect(mrb, raised);
  if (failed) {
    mrb_hash_delete_key(mrb, loaded, program.path);
    mrb_exc_raise(mrb, raised);
  }
  show_loaded(mrb);
  return true;
}

/* --- what Ruby calls --- */

/* The name, which must not be changed while it is in use. What has none raises TypeError. */
static mrb_value take_name(mrb_state *mrb)
{
  mrb_value given, rest = mrb_nil_value();
  mrb_get_args(mrb, "o|o", &given, &rest);
  if (mrb_respond_to(mrb, given, mrb_intern_lit(mrb, "to_path")))
    given = mrb_funcall(mrb, given, "to_path", 0);
  else if (!mrb_string_p(given) && mrb_respond_to(mrb, given, mrb_intern_lit(mrb, "to_str")))
    given = mrb_funcall(mrb, given, "to_str", 0);
  if (!mrb_string_p(given))
    mrb_raisef(mrb, E_TYPE_ERROR, "no implicit conversion of %Y into String", given);
  if (mrb_test(rest))
    mrb_raise(mrb, E_ARGUMENT_ERROR, "load into a module of its own is not supported");
  mrb_value name = mrb_str_dup(mrb, given);
  mrb_gc_protect(mrb, name);
  if (memchr(RSTRING_PTR(name), 0, (size_t)RSTRING_LEN(name))) fail(mrb, name);
  return name;
}

/* Before the first call of the file system. */
static void prepare(mrb_state *mrb)
{
  slice_need_stack(ruby_of(mrb)->slice, REQUIRE_STACK);
  slice_leave_scheduler(ruby_of(mrb)->slice);
}

static mrb_value kernel_require(mrb_state *mrb, mrb_value self)
{
  struct file file;
  mrb_value name = take_name(mrb);
  (void)self;
  for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
    if (mrb_str_equal(mrb, name, mrb_str_new_cstr(mrb, built_in[i]))) return mrb_false_value();
  prepare(mrb);
  find_in_load_path(mrb, name, true, &file);
  return mrb_bool_value(run_once(mrb, name, &file));
}

static mrb_value kernel_require_relative(mrb_state *mrb, mrb_value self)
{
  struct file file;
  mrb_value name = take_name(mrb);
  const char *from = caller_file(mrb);
  const char *slash = from ? strrchr(from, '/') : NULL;
  (void)self;
  if (!slash || from[0] != '/')
    mrb_raise(mrb, ruby_of(mrb)->require.load_error, "cannot infer basepath");
  prepare(mrb);
  if (RSTRING_LEN(name) == 0 || RSTRING_PTR(name)[0] == '/' ||
      !find_in(mrb, from, (mrb_int)(slash - from), name, true, &file))
    fail(mrb, mrb_format(mrb, "%v/%v", mrb_str_new(mrb, from, (mrb_int)(slash - from)), name));
  return mrb_bool_value(run_once(mrb, name, &file));
}

static mrb_value kernel_load(mrb_state *mrb, mrb_value self)
{
  struct file file;
  mrb_value name = take_name(mrb);
  (void)self;
  prepare(mrb);
  find_in_load_path(mrb, name, false, &file);
  struct program program = {name, mrb_str_new_cstr(mrb, file.path), &file};
  run_program(mrb, &program);
  return mrb_true_value();
}

/* --- opening --- */

void ruby_require_directories(struct ruby *ruby)
{
  mrb_state *mrb = ruby->mrb;
  char directory[LOAD_PATH_BYTES];
  size_t length;
  struct load_path rest = ruby->options->load_path;
  mrb_value ours = mrb_obj_value(ruby->require.directories), shown = mrb_ary_new(mrb);
  while (load_path_take(&rest, directory, &length)) {
    mrb_value text = mrb_str_new(mrb, directory, (mrb_int)length);
    mrb_value copy = mrb_str_new(mrb, directory, (mrb_int)length);
    mrb_str_ptr(text)->c = NULL; /* not to be found by Ruby code: see ruby_keep.c */
    mrb_ary_push(mrb, ours, text);
    MRB_SET_FROZEN_FLAG(mrb_str_ptr(copy));
    mrb_ary_push(mrb, shown, copy);
  }
  show(mrb, "$LOAD_PATH", "$:", shown);
}

void ruby_require_init(struct ruby *ruby)
{
  mrb_state *mrb = ruby->mrb;
  struct RClass *kernel = mrb->kernel_module;
  ruby->require.load_error = mrb_define_class(mrb, "LoadError", mrb_class_get(mrb, "ScriptError"));
  ruby_keep(mrb, "rubeam load error", ruby->require.load_error);
  ruby->require.directories = ruby_keep_array(mrb, "rubeam load path");
  ruby->require.loaded = mrb_hash_ptr(mrb_hash_new(mrb));
  ruby->require.loaded->c = NULL;
  ruby_keep(mrb, "rubeam loaded", ruby->require.loaded);
  ruby_require_directories(ruby);
  show_loaded(mrb);
  mrb_define_module_function(mrb, kernel, "require", kernel_require, MRB_ARGS_REQ(1));
  mrb_define_module_function(mrb, kernel, "require_relative", kernel_require_relative,
                             MRB_ARGS_REQ(1));
  mrb_define_module_function(mrb, kernel, "load", kernel_load, MRB_ARGS_ARG(1, 1));
}
