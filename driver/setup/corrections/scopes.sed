# A correction of mruby 3.3.0's parser (mruby-compiler/core/parse.y, and y.tab.c made from it).
#
# Code that is compiled inside of a scope (eval with a binding; in Rubeam, every eval) takes the scope's
# local variables for its own even in the bodies of `def`, `class` and `module`, which must see none of
# them: there a method `size` would not be called if the session has a variable `size`. So the
# first list of locals of such a body is marked, and the search for a name ends there.
/^local_switch(parser_state \*p)/,/^}/ {
  s/^  p->locals = cons(0, 0);/  p->locals = cons(0, 0);\n  p->locals->lineno = UINT16_MAX; \/* the mark *\//
}
/^local_var_p(parser_state \*p, mrb_sym sym)/,/^}/ {
  s/^  node \*l = p->locals;/  node *l = p->locals;\n  mrb_bool own_scope = FALSE;/
  s/^    l = l->cdr;/    if (l->lineno == UINT16_MAX) own_scope = TRUE;\n    l = l->cdr;/
  s/^  u = p->upper;/  u = own_scope ? NULL : p->upper;/
}
