%% What can a script do to its interpreter, to the ones beside it and to the VM? Each file of
%% test/hostile tries one thing, in an interpreter of its own. A new attempt is a new file, no code.
%%
%% A file begins with what must come back, and with what it needs to be run:
%%
%%     #=> error class=SystemStackError | memory_limit
%%     #! timeout=50 memory_limit=4000000
%%
%%     ok               any value             ok 42         that value, an Erlang term
%%     error            any Ruby exception    error class=TypeError
%%     timeout, memory_limit                  the interpreter goes on
%%     exit killed, exit 3                    it has ended, and says this in its last frame
%%
%% The options are those of rubeam:open/1. Where the interpreter has not ended, it must answer the
%% next request. `#! next=error' (or ok, timeout, memory_limit, any) is for a script that breaks
%% what the next request needs: its own interpreter may be as broken as it likes, but it must
%% answer.
%%
%% The part of a file's name before its first _ is its group, and each group is a case. The name of
%% each file is printed as it begins: when the VM dies, it was one of the last.
-module(hostile_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

-define(AT_LEAST, 150).
%% More than there are processors on a small machine, so that some wait while others run.
-define(WORKERS, 3).
%% When none of the running scripts has come to an end for so long, something hangs.
-define(PATIENCE, 60000).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [every_file_says_what_must_come_back, a_wrong_answer_is_seen]
        ++ [Case || {Case, _} <- groups_of_files()] ++ [nothing_is_left_behind].

groups_of_files() ->
    [{recursion, "rec"}, {nesting, "nest"}, {parser, "parse"}, {memory, "mem"}, {symbols, "sym"},
     {endless_ruby, "loop"}, {endless_c_functions, "c"}, {fibers, "fib"}, {exceptions, "exc"},
     {ends, "exit"}, {redefined_methods, "re"}, {removed_and_frozen_things, "const"},
     {changed_while_in_use, "mut"}, {object_space, "os"}, {garbage_collection, "gc"},
     {bytes, "bytes"}, {numbers, "num"}, {strings, "str"}, {results, "res"}, {output, "out"},
     {bindings, "bind"}, {objects, "obj"}, {json, "json"}, {requires, "require"},
     {library, "lib"}, {regular_expressions, "regexp"}].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

every_file_says_what_must_come_back(_Config) ->
    Names = [filename:basename(File, ".rb") || File <- files("*")],
    ?assert(length(Names) >= ?AT_LEAST, {files, length(Names)}),
    ?assertEqual([], [{File, Why} || File <- files("*"),
                                     {error, Why} <- [try header(File), ok catch _:Why:_ -> {error, Why} end]]),
    ?assertEqual([], [Name || Name <- Names,
                              re:run(Name, "^[a-z0-9_]+$") =:= nomatch
                                  orelse not lists:keymember(hd(string:split(Name, "_")), 2,
                                                             groups_of_files())]),
    ?assertEqual([], [Case || {Case, Group} <- groups_of_files(), files(Group ++ "_*") =:= []]).

%% The reader of expectations, tried itself.
a_wrong_answer_is_seen(_Config) ->
    Error = {error, #{class => <<"A::B">>, message => <<>>, backtrace => []}},
    Answers = [{ok, 42}, {ok, <<"a">>}, Error, {error, timeout}, {error, memory_limit},
               {ended, {error, closed}, 3}, {ended, {error, timeout}, killed}],
    Fit = fun(Text) -> [A || A <- Answers, is_one_of(A, alternatives(Text))] end,
    ?assertEqual([{ok, 42}, {ok, <<"a">>}], Fit("ok")),
    ?assertEqual([{ok, 42}], Fit("ok 42")),
    ?assertEqual([{ok, <<"a">>}], Fit("ok <<\"a\">>")),
    ?assertEqual([Error], Fit("error")),
    ?assertEqual([Error], Fit("error class=A::B")),
    ?assertEqual([], Fit("error class=B")),
    ?assertEqual([Error, {error, timeout}], Fit("timeout | error class=A::B")),
    ?assertEqual([{error, memory_limit}], Fit("memory_limit")),
    ?assertEqual([{ended, {error, closed}, 3}], Fit("exit 3")),
    ?assertEqual([{ended, {error, timeout}, killed}], Fit("exit killed")),
    [?assertError(_, alternatives(Text)) || Text <- ["", "okay", "error TypeError", "ok 1 | ", "ok {"]].

recursion(Config) -> try_all("rec", Config).
nesting(Config) -> try_all("nest", Config).
parser(Config) -> try_all("parse", Config).
memory(Config) -> try_all("mem", Config).
%% One by one: the limit of atoms is the node's, and the port opened last sets it.
symbols(Config) -> try_all("sym", 1, Config).
endless_ruby(Config) -> try_all("loop", Config).
endless_c_functions(Config) -> try_all("c", Config).
fibers(Config) -> try_all("fib", Config).
exceptions(Config) -> try_all("exc", Config).
ends(Config) -> try_all("exit", Config).
redefined_methods(Config) -> try_all("re", Config).
removed_and_frozen_things(Config) -> try_all("const", Config).
changed_while_in_use(Config) -> try_all("mut", Config).
object_space(Config) -> try_all("os", Config).
garbage_collection(Config) -> try_all("gc", Config).
bytes(Config) -> try_all("bytes", Config).
numbers(Config) -> try_all("num", Config).
strings(Config) -> try_all("str", Config).
results(Config) -> try_all("res", Config).
output(Config) -> try_all("out", Config).
bindings(Config) -> try_all("bind", Config).
objects(Config) -> try_all("obj", Config).
json(Config) -> try_all("json", Config).
requires(Config) -> try_all("require", Config).
library(Config) -> try_all("lib", Config).
regular_expressions(Config) -> try_all("regexp", Config).

%% A witness lives beside each case and is asked after each script. It has done nothing, and nothing
%% may happen to it.
init_per_testcase(nothing_is_left_behind, Config) ->
    Config;
init_per_testcase(_Case, Config) ->
    {Owner, Witness} = rubeam_ct:owner(#{}),
    {ok, _} = rubeam:eval(Witness, <<"$state = { list: [1, 2, 3], n: 42 }; $asked = 0">>),
    [{witness, {Owner, Witness}} | Config].

end_per_testcase(nothing_is_left_behind, _Config) ->
    ok;
end_per_testcase(_Case, Config) ->
    {Owner, _Witness} = ?config(witness, Config),
    rubeam_ct:owner_end(Owner).

%% --- Running them ---

try_all(Group, Config) -> try_all(Group, ?WORKERS, Config).

try_all(Group, Workers, Config) ->
    {_, Witness} = ?config(witness, Config),
    Files = files(Group ++ "_*"),
    Wrong = lists:append(run(Files, [], Workers, Witness)),
    schedulers_run(),
    ?assertEqual([], rubeam_ct:mailbox()),
    ct:pal("~b scripts of ~s", [length(Files), Group]),
    Wrong =:= [] orelse ct:fail({wrong, Wrong}).

%% Each file by a process of its own, Workers of them at a time. What is wrong with each.
run([], [], _Workers, _Witness) ->
    [];
run([File | Files], Running, Workers, Witness) when length(Running) < Workers ->
    io:format(user, "hostile: ~s~n", [filename:basename(File)]),
    {_, Ref} = spawn_monitor(fun() -> exit({wrong, wrong_with(File)}) end),
    run(Files, [{Ref, File} | Running], Workers, Witness);
run(Files, Running, Workers, Witness) ->
    receive
        {'DOWN', Ref, process, _, Reason} ->
            {value, {_, File}, Others} = lists:keytake(Ref, 1, Running),
            Wrong = case Reason of
                        {wrong, Of} -> Of;
                        _ -> [wrong(File, "could not be run: ~ts", [Reason])]
                    end,
            [Wrong, wrong_with_witness(Witness, File) | run(Files, Others, Workers, Witness)]
    after ?PATIENCE ->
        ct:fail({something_hangs, [filename:basename(File) || {_, File} <- Running]})
    end.

wrong_with(File) ->
    process_flag(trap_exit, true),
    {Expected, Options, Next} = header(File),
    {ok, Code} = file:read_file(File),
    {ok, Port} = rubeam:open(maps:merge(defaults(), Options)),
    Result = rubeam:eval(Port, Code),
    %% Its time is not what the script was given: that may be a few milliseconds.
    After = rubeam:eval(Port, <<"6 * 7">>, #{timeout => 15000}),
    Answer = case After of
                 {error, closed} -> {ended, Result, last_words(Port)};
                 _ -> Result
             end,
    Afterwards = case Answer of
                     {ended, _, _} -> fresh();
                     _ -> rubeam:close(Port), After
                 end,
    [wrong(File, "gave ~ts", [Answer]) || not is_one_of(Answer, Expected)]
        ++ [wrong(File, "then gave ~ts", [Afterwards])
            || not is_one_of(Afterwards, case Answer of
                                             {ended, _, _} -> [{ok, {is, 42}}];
                                             _ -> Next
                                         end)].

%% Cut short: a value may be as large as it likes.
wrong(File, Format, Terms) ->
    lists:flatten(io_lib:format("~ts: " ++ Format, [filename:basename(File) | [shortly(T) || T <- Terms]])).

shortly(Term) -> io_lib:format("~0tP", [Term, 20], [{chars_limit, 300}]).

%% The witness answers after each script, with the state it had.
wrong_with_witness(Witness, File) ->
    case rubeam:eval(Witness, <<"$asked += 1; [$state[:list].sum, $state[:n]]">>) of
        {ok, [6, 42]} -> [];
        Other -> [wrong(File, "and the witness gave ~ts", [Other])]
    end.

%% Among what it printed before, {exit, Reason} as the last frame, then the end of the port.
last_words(Port) ->
    receive
        {Port, {data, Frame}} ->
            case rubeam:decode(Frame) of
                {exit, Reason} ->
                    receive {'EXIT', Port, normal} -> Reason after ?PATIENCE -> {not_closed, Reason} end;
                _ -> last_words(Port)
            end;
        {'EXIT', Port, Why} -> {no_last_words, Why}
    after ?PATIENCE -> no_last_words
    end.

fresh() ->
    {ok, Port} = rubeam:open(defaults()),
    Answer = rubeam_ct:answers(Port),
    ok = rubeam:close(Port),
    Answer.

%% One that hangs in a callback of the driver would not run this.
schedulers_run() ->
    Test = self(),
    Numbers = lists:seq(1, erlang:system_info(schedulers_online)),
    [spawn_opt(fun() -> Test ! {runs, Number} end, [{scheduler, Number}]) || Number <- Numbers],
    [receive {runs, Number} -> ok after ?PATIENCE -> ct:fail({scheduler_hangs, Number}) end
     || Number <- Numbers].

%% Enough for the scripts that are to end by themselves. With a sanitizer they are slower.
defaults() ->
    Timeout = case os:getenv("LD_PRELOAD") of
                  false -> 1000;
                  _ -> 20000
              end,
    #{timeout => Timeout, memory_limit => 16 bsl 20}.

%% --- What must come back ---

files(Pattern) ->
    lists:sort(filelib:wildcard(filename:join([root(), "test", "hostile", Pattern ++ ".rb"]))).

%% Above the code, wherever that was built.
root() -> root(filename:dirname(code:which(rubeam))).

root("/") -> ct:fail(no_test_hostile);
root(Directory) ->
    case filelib:is_dir(filename:join([Directory, "test", "hostile"])) of
        true -> Directory;
        false -> root(filename:dirname(Directory))
    end.

%% {What may come back, options of rubeam:open/1, what may come back afterwards}
header(File) ->
    {ok, Bytes} = file:read_file(File),
    Head = lists:takewhile(fun(Line) -> lists:prefix("#=> ", Line) orelse lists:prefix("#! ", Line) end,
                           [binary_to_list(Line) || Line <- binary:split(Bytes, <<"\n">>, [global])]),
    [Expected] = [alternatives(Text) || "#=> " ++ Text <- Head],
    Words = [list_to_tuple(string:split(Word, "=")) || "#! " ++ Text <- Head,
                                                       Word <- string:lexemes(Text, " ")],
    {Next, Options} = case lists:keytake("next", 1, Words) of
                          {value, {_, Text}, Others} -> {alternatives(Text), Others};
                          false -> {[{ok, {is, 42}}], Words}
                      end,
    {Expected, maps:from_list([{list_to_atom(Key), list_to_integer(Value)}
                               || {Key, Value} <- Options]), Next}.

alternatives(Text) ->
    [alternative(string:split(string:trim(Part), " ")) || Part <- string:split(Text, "|", all)].

alternative(["ok"]) -> {ok, any};
alternative(["ok", Text]) -> {ok, {is, term(Text)}};
alternative(["error"]) -> {error, any};
alternative(["error", "class=" ++ Class]) -> {error, {class, list_to_binary(Class)}};
alternative([Reason]) when Reason =:= "timeout"; Reason =:= "memory_limit" ->
    {error, {is, list_to_atom(Reason)}};
alternative(["exit", Text]) -> {ended, term(Text)};
alternative(["any"]) -> any.

term(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

is_one_of(Answer, Alternatives) ->
    lists:any(fun(Alternative) -> fits(Alternative, Answer) end, Alternatives).

fits(any, {Tag, _}) -> lists:member(Tag, [ok, error]);
fits({ok, any}, {ok, _}) -> true;
fits({ok, {is, Value}}, {ok, Value}) -> true;
fits({error, any}, {error, #{}}) -> true;
fits({error, {class, Class}}, {error, #{class := Class}}) -> true;
fits({error, {is, Reason}}, {error, Reason}) -> true;
fits({ended, Reason}, {ended, {error, _}, Reason}) -> true;
fits(_, _) -> false.
