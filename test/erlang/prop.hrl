%% What the prop_ modules use of PropEr: Debian's package erlang-proper comes without proper.hrl
%% (see its file list), so the few macros stand here. They mean what PropEr's manual says of them.
-import(proper_types, [
    any/0, atom/0, binary/0, bitstring/0, boolean/0, byte/0, char/0, float/0, integer/0, integer/2,
    list/1, neg_integer/0, non_neg_integer/0, pos_integer/0, number/0, string/0, tuple/0, tuple/1,
    vector/2, choose/2, elements/1, oneof/1, frequency/1, non_empty/1, resize/2, range/2, exactly/1,
    term/0, noshrink/1
]).

-define(FORALL(Var, Type, Test), proper:forall(Type, fun(Var) -> Test end)).
-define(IMPLIES(Condition, Test), proper:implies(Condition, fun() -> Test end)).
-define(WHENFAIL(Action, Test), proper:whenfail(fun() -> Action end, fun() -> Test end)).
-define(LET(Var, Type, Gen), proper_types:bind(Type, fun(Var) -> Gen end, false)).
-define(SUCHTHAT(Var, Type, Condition),
    proper_types:add_constraint(Type, fun(Var) -> Condition end, true)
).
-define(SIZED(Size, Gen), proper_types:sized(fun(Size) -> Gen end)).
-define(LAZY(Gen), proper_types:lazy(fun() -> Gen end)).
