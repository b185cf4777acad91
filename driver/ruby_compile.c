/* Compiling the code of evals: in the session's scope, or not again. See ruby_compile.h. */
#include "ruby_compile.h"

#include "etf.h"
#include "options.h"
#include "ruby_keep.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/error.h>
#include <mruby/internal.h>
#include <mruby/irep.h>
#include <mruby/proc.h>
#include <mruby/string.h>
#include <mruby/variable.h>
#include <string.h>

/* Names that one eval may add at a time to the session's. */
#define NEW_NAMES 256
_Static_assert(REQUEST_BINDINGS <= NEW_NAMES, "bindings are such");

/* Of mruby-binding and mruby-compiler, which mruby-eval uses in the same way, undeclared. */
void mrb_proc_merge_lvar(mrb_state *, mrb_irep *, struct REnv *, int, const mrb_sym *,
                         const mrb_value *);
mrb_value mrb_binding_new(mrb_state *, const struct RProc *, mrb_value, struct REnv *);
const struct RProc *mrb_binding_extract_proc(mrb_state *, mrb_value);
struct REnv *mrb_binding_extract_env(mrb_state *, mrb_value);
typedef mrb_bool name_visitor(mrb_state *, mrb_sym, void *);
void mrb_parser_foreach_top_variable(mrb_state *, struct mrb_parser_state *, name_visitor *,
                                     void *);

_Noreturn static void raise_syntax_error(mrb_state *mrb, const char *file,
                                         const struct mrb_parser_message *error,
                                         struct mrb_parser_state *parser)
{
  const char *text = error->message ? error->message : "syntax error";
  mrb_value message =
      mrb_format(mrb, "%s:%d:%d: %s", file, (mrb_int)error->lineno, (mrb_int)error->column, text);
  mrb_value place = mrb_format(mrb, "%s:%d", file, (mrb_int)error->lineno);
  mrb_parser_free(parser);
  mrb_value exception =
      mrb_exc_new_str(mrb, mrb_class_get_id(mrb, mrb_intern_lit(mrb, "SyntaxError")), message);
  mrb_value backtrace = mrb_ary_new_from_values(mrb, 1, &place);
  mrb_funcall(mrb, exception, "set_backtrace", 1, backtrace);
  mrb_exc_raise(mrb, exception);
}

/* Code that parses and can't be compiled all the same ("yield" outside of a method): mruby says why
 * on stderr only, which the slice has caught: "file:line: why". */
_Noreturn static void raise_compile_error(mrb_state *mrb, struct slice *slice)
{
  size_t length = slice->said_length;
  slice->said_length = 0;
  while (length > 0 && slice->said[length - 1] == '\n') length--;
  mrb_value message = length > 0 ? mrb_str_new(mrb, slice->said, (mrb_int)length)
                                 : mrb_str_new_lit(mrb, "the code can't be compiled");
  mrb_exc_raise(mrb, mrb_exc_new_str(mrb, mrb_class_get_id(mrb, mrb_intern_lit(mrb, "SyntaxError")),
                                     message));
}

struct names {
  int count;
  mrb_sym name[NEW_NAMES];
};

static mrb_bool collect_name(mrb_state *mrb, mrb_sym name, void *data)
{
  struct names *names = data;
  mrb_int length;
  const char *text = mrb_sym_name_len(mrb, name, &length);
  if (!text || length == 0 || text[0] == '&' || text[0] == '*') return TRUE;
  if (names->count == NEW_NAMES) return FALSE;
  names->name[names->count++] = name;
  return TRUE;
}

/* `upper`: the scope around the code, or NULL. */
static struct mrb_parser_state *parse(struct ruby_compiler *compiler, mrb_state *mrb,
                                      const struct request *request, const struct RProc *upper)
{
  mrb_ccontext *context = compiler->context;
  if (request->code.length > INLINE_TEXT_BYTES) slice_leave_scheduler(compiler->slice);
  mrb_ccontext_cleanup_local_variables(mrb, context);
  context->lineno = (uint16_t)request->line;
  context->capture_errors = TRUE;
  context->upper = upper;
  struct mrb_parser_state *parser =
      mrb_parse_nstring(mrb, (const char *)request->code.bytes, request->code.length, context);
  if (!parser) mrb_exc_raise(mrb, mrb_obj_value(mrb->nomem_err));
  if (parser->nerr > 0 || !parser->tree)
    raise_syntax_error(mrb, context->filename, &parser->error_buffer[0], parser);
  return parser;
}

static mrb_irep *names_of(const struct ruby_compiler *compiler)
{
  return (mrb_irep *)(uintptr_t)compiler->scope->body.irep;
}

/* Variables that the code is the first to assign become the session's before it is compiled: the
 * compiler then takes them from there. So such code is parsed twice, other code once. */
static struct mrb_parser_state *parse_in_session(struct ruby_compiler *compiler, mrb_state *mrb,
                                                 const struct request *request)
{
  struct mrb_parser_state *parser = parse(compiler, mrb, request, compiler->scope);
  struct names names;
  names.count = 0;
  mrb_parser_foreach_top_variable(mrb, parser, collect_name, &names);
  if (names.count == 0) return parser;
  mrb_parser_free(parser);
  mrb_proc_merge_lvar(mrb, names_of(compiler), compiler->variables, names.count, names.name, NULL);
  return parse(compiler, mrb, request, compiler->scope);
}

static void name_file(struct ruby_compiler *compiler, mrb_state *mrb, struct piece file)
{
  mrb_ccontext *context = compiler->context;
  if (file.length > 0) {
    mrb_value name = mrb_str_new(mrb, (const char *)file.bytes, (mrb_int)file.length);
    mrb_ccontext_filename(mrb, context, mrb_string_cstr(mrb, name));
  } else if (strcmp(context->filename, "(eval)") != 0) {
    mrb_ccontext_filename(mrb, context, "(eval)");
  }
}

/* Frees the parser. */
static struct RProc *generate(struct ruby_compiler *compiler, mrb_state *mrb,
                              struct mrb_parser_state *parser)
{
  struct RProc *proc = mrb_generate_code(mrb, parser);
  mrb_parser_free(parser);
  if (!proc) raise_compile_error(mrb, compiler->slice);
  return proc;
}

static struct RProc *compile_in_session(struct ruby_compiler *compiler, mrb_state *mrb,
                                        const struct request *request)
{
  name_file(compiler, mrb, request->file);
  struct RProc *proc = generate(compiler, mrb, parse_in_session(compiler, mrb, request));
  proc->upper = compiler->scope;
  proc->e.env = compiler->variables;
  proc->flags |= MRB_PROC_ENVSET;
  mrb_field_write_barrier(mrb, (struct RBasic *)proc, (struct RBasic *)compiler->variables);
  return proc;
}

struct RProc *ruby_compile_alone(struct ruby_compiler *compiler, mrb_state *mrb,
                                 const struct request *request)
{
  name_file(compiler, mrb, request->file);
  return generate(compiler, mrb, parse(compiler, mrb, request, NULL));
}

/* What mruby says while it compiles is to be said each time. */
static void offer(struct ruby_compiler *compiler, mrb_state *mrb, const struct ruby_text *text,
                  struct RProc *proc)
{
  struct heap *heap = compiler->slice->heap;
  bool scarce = heap_used(heap) > compiler->slice->memory_limit / 2;
  if (compiler->slice->said_length == 0)
    ruby_cache_offer(&compiler->cache, mrb, heap, scarce, text, proc);
}

struct RProc *ruby_compile(struct ruby_compiler *compiler, mrb_state *mrb,
                           const struct request *request)
{
  struct ruby_text text =
      ruby_cache_text(request->code, request->file, request->line, names_of(compiler)->nlocals);
  struct RProc *proc = ruby_cache_find(&compiler->cache, &text);
  if (proc) return proc;
  proc = compile_in_session(compiler, mrb, request);
  offer(compiler, mrb, &text, proc);
  return proc;
}

/* The place of a session's variable; 0: there is none of that name. */
static int place_of(const struct ruby_compiler *compiler, mrb_sym name)
{
  const mrb_irep *irep = names_of(compiler);
  for (int i = 1; i < irep->nlocals; i++)
    if (irep->lv[i - 1] == name) return i;
  return 0;
}

mrb_value ruby_compile_names(const struct ruby_compiler *compiler, mrb_state *mrb)
{
  const mrb_irep *irep = names_of(compiler);
  mrb_value names = mrb_ary_new(mrb);
  for (int i = 1; i < irep->nlocals; i++)
    if (irep->lv[i - 1] != 0) mrb_ary_push(mrb, names, mrb_symbol_value(irep->lv[i - 1]));
  return names;
}

mrb_value ruby_compile_value(const struct ruby_compiler *compiler, mrb_sym name)
{
  int place = place_of(compiler, name);
  return place > 0 ? compiler->variables->stack[place] : mrb_nil_value();
}

static bool is_among(const struct names *names, mrb_sym name)
{
  for (int i = 0; i < names->count; i++)
    if (names->name[i] == name) return true;
  return false;
}

/* Those of the names that the session does not have yet. */
static struct names new_among(const struct ruby_compiler *compiler, const struct names *names)
{
  struct names fresh;
  fresh.count = 0;
  for (int i = 0; i < names->count; i++)
    if (place_of(compiler, names->name[i]) == 0 && !is_among(&fresh, names->name[i]))
      fresh.name[fresh.count++] = names->name[i];
  return fresh;
}

void ruby_compile_bind(struct ruby_compiler *compiler, mrb_state *mrb, struct piece bindings,
                       const struct term_context *terms)
{
  struct etf_reader reader = {bindings.bytes, bindings.bytes + bindings.length};
  struct etf_item map;
  struct names names;
  mrb_value values[NEW_NAMES];
  names.count = 0;
  if (etf_next(&reader, &map)) return; /* was checked before, as their number was */
  for (uint32_t i = 0; i < map.count; i++) {
    names.name[i] = mrb_obj_to_sym(mrb, term_decode(mrb, &reader, terms));
    values[i] = term_decode(mrb, &reader, terms);
    names.count++;
  }
  /* From here on only the first can fail, and then has changed nothing. */
  struct names fresh = new_among(compiler, &names);
  struct REnv *env = compiler->variables;
  if (fresh.count > 0)
    mrb_proc_merge_lvar(mrb, names_of(compiler), env, fresh.count, fresh.name, NULL);
  for (int i = 0; i < names.count; i++) {
    env->stack[place_of(compiler, names.name[i])] = values[i];
    if (!mrb_immediate_p(values[i]))
      mrb_field_write_barrier(mrb, (struct RBasic *)env, (struct RBasic *)mrb_obj_ptr(values[i]));
  }
}

void ruby_compile_open(struct ruby_compiler *compiler, mrb_state *mrb, struct slice *slice)
{
  mrb_value self = mrb_top_self(mrb);
  mrb_value binding = mrb_binding_new(mrb, NULL, self, NULL);
  compiler->slice = slice;
  compiler->scope = (struct RProc *)(uintptr_t)mrb_binding_extract_proc(mrb, binding);
  compiler->variables = mrb_binding_extract_env(mrb, binding);
  compiler->variables->stack[0] = self;
  compiler->variables->c = mrb->object_class;
  MRB_PROC_SET_TARGET_CLASS(compiler->scope, mrb->object_class);
  ruby_keep(mrb, "rubeam scope", compiler->scope);
  ruby_keep(mrb, "rubeam variables", compiler->variables);
  compiler->context = mrb_ccontext_new(mrb);
  mrb_ccontext_filename(mrb, compiler->context, "(eval)");
  ruby_cache_open(&compiler->cache, mrb);
}
