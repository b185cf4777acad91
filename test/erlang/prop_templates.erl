%% Does an interpreter that was copied answer as one that was prepared anew, whatever it was prepared with, and whatever it
%% is asked?
-module(prop_templates).

-include("prop.hrl").

-export([prop_a_copy_answers_as_one_that_was_prepared_anew/0]).

prop_a_copy_answers_as_one_that_was_prepared_anew() ->
    ?FORALL({Prelude, Programs}, {list(statement()), list(oneof([statement(), query()]))},
            begin
                {ok, _} = application:ensure_all_started(rubeam),
                Code = lists:join("\n", Prelude),
                {ok, Template} = rubeam:template(#{prelude => Code}),
                Info = rubeam:template_info(Template),
                {ok, Copy} = rubeam:open(#{template => Template}),
                {ok, Other} = rubeam:open(#{template => Template}),
                {ok, Fresh} = rubeam:open(#{prelude => Code}),
                %% What another copy does in between changes nothing.
                Results = [{Program, answer(Copy, Program), answer(Other, Program), answer(Fresh, Program)} || Program <- Programs],
                Different = [Result || {_, A, B, C} = Result <- Results, A =/= C orelse B =/= C],
                lists:foreach(fun rubeam:close/1, [Copy, Other, Fresh, Template]),
                ?WHENFAIL(io:format("~ts~n~tp~n~tp~n", [Code, Info, Different]),
                          Info =:= #{copied => true} andalso Different =:= [])
            end).

answer(Ruby, Program) ->
    case rubeam:eval(Ruby, Program) of
        {error, #{class := Class}} -> {raised, Class};
        Result -> Result
    end.

name() -> oneof(["a", "b", "c"]).
some_number() -> integer(1, 40).

%% Text with a name and a number in it
with(Text) ->
    ?LET({Name, Number}, {name(), some_number()},
         unicode:characters_to_binary(
           string:replace(string:replace(Text, "NAME", Name, all), "NUM", integer_to_list(Number), all))).

statement() ->
    oneof([with(Text) || Text <-
        ["($list_NAME ||= []) << NUM",
         "($hash ||= {})['kNUM'] = [$hash.size, :NAME]",
         "($hash ||= {}).delete('kNUM')",
         "($keys ||= {})[NUM] = NUM; $keys[:\"sNUM\"] = 1.5; $keys[\"tNUM\"] = nil",
         "class C_NAME; def mNUM(x) = x + NUM; def self.s = NUM; end",
         "class C_NAME; attr_accessor :v; def initialize; @v = NUM; end; end; $obj_NAME = C_NAME.new",
         "module M_NAME; K_NUM = NUM unless const_defined?(:K_NUM); def mixed = NUM; end",
         "class D_NAME < String; end; $d_NAME = D_NAME.new('NUM')",
         "def f_NAME(x) = x.to_s * NUM",
         "local_NAME = NUM",
         "$l_NAME = ->(y) { y + NUM }",
         "$fiber_NAME = Fiber.new { |x| begin; loop { x = Fiber.yield([x, NUM]) }; ensure; 1; end }; $fiber_NAME.resume(0)",
         "$each_NAME = (1..NUM).each; $each_NAME.next",
         "S_NAME = Struct.new(:p, :q) unless Object.const_defined?(:S_NAME)",
         "$re_NAME = /(x{1,NUM})(?<y>y)?/",
         "'xxNUMy' =~ /NUM/",
         "$text_NAME = 'strNUMé' * 10",
         "$sym_NAME = :\"sym NUM\"",
         "$set = Set.new(($set || []).to_a + [NUM])",
         "$big = 3 ** (NUM * 7); $ratio = Rational(NUM, 7); $float = NUM / 3.0",
         "begin; raise ArgumentError, 'NUM'; rescue => e; $err = e; end",
         "$json = JSON.parse('{\"NAME\": [NUM, 1.5, null]}')",
         "$range = (NUM..NUM + 3); $frozen = [NUM].freeze",
         "String.class_eval { alias_method :size_NAME, :size }",
         "define_singleton_method(:g_NAME) { NUM } rescue nil",
         "$mem = (1..NUM * 50).map { |i| i.to_s }; $mem = nil",
         "GC.start"]]).

query() ->
    oneof([with(Text) || Text <-
        ["$list_NAME", "$hash", "$keys", "$keys[NUM]", "C_NAME.new.mNUM(3)", "C_NAME.s", "$obj_NAME.v += 1",
         "M_NAME.constants.sort", "Class.new { include M_NAME }.new.mixed", "$d_NAME.class.to_s + $d_NAME",
         "f_NAME(4)", "local_NAME", "$l_NAME.call(1)", "$fiber_NAME.resume(5)", "$fiber_NAME.alive?", "$each_NAME.next",
         "S_NAME.new(1, NUM).to_a", "('xxxy' * NUM)[$re_NAME]", "$~ && $~[0]", "$text_NAME.reverse", "$sym_NAME.to_s",
         "$set.to_a.sort", "$set.include?(NUM)", "[$big, $ratio.to_s, $float]", "[$err.message, $err.backtrace]", "$json",
         "$range.to_a + $frozen", "$frozen << 1", "'abc'.size_NAME", "g_NAME", "global_variables.sort.size",
         "Object.constants.sort.map(&:to_s)", "local_variables.sort.map(&:to_s)", "C_NAME.instance_methods(false).sort.map(&:to_s)",
         "srand(NUM); [rand(100), rand]", "ObjectSpace.each_object(C_NAME) {}", "[*1..NUM].sum { |i| i * 2 }",
         "GC.start; $hash"]]).
