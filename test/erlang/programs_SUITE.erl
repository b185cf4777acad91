%% Do programs that were written for a standard Ruby print in Rubeam what they print there?
%%
%% Each file of test/programs is a program as a Rubyist would write it, not bent to what mruby can do. It is
%% run by the ruby on the PATH (Debian's) and in a fresh interpreter, and both must have printed the same
%% bytes. A new program is a new file, no code: each file is a case.
%%
%% differences.txt, beside them, holds what is known to differ: pieces of code with what each of the two makes
%% of them. They are the rows of docs/ruby.md, and a row that is no longer true fails here.
-module(programs_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

-define(AT_LEAST, 30).
-define(PATIENCE, 60000).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [there_are_enough_programs, a_difference_is_seen, what_is_said_to_differ_does, the_page_has_each_difference]
        ++ [program(File) || File <- files()] ++ [nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

there_are_enough_programs(_Config) ->
    ?assert(length(files()) >= ?AT_LEAST, {files, length(files())}).

a_difference_is_seen(_Config) ->
    ?assertEqual(same, difference(<<"a\nb\n">>, <<"a\nb\n">>)),
    ?assertEqual({line, 2, <<"b">>, <<"c">>}, difference(<<"a\nb\n">>, <<"a\nc\n">>)),
    ?assertEqual({line, 2, <<"b">>, ends}, difference(<<"a\nb">>, <<"a">>)),
    ?assertEqual({line, 2, <<>>, ends}, difference(<<"a\n">>, <<"a">>)).

%% Common Test asks for a function of each case's name; '$handle_undefined_function' answers for them.
'$handle_undefined_function'(Case, [_Config]) ->
    compare(proplists:get_value(Case, [{program(File), File} || File <- files()]));
'$handle_undefined_function'(Function, Arguments) ->
    error_handler:raise_undef_exception(?MODULE, Function, Arguments).

compare(File) ->
    case difference(printed_by_ruby(File), printed_by_rubeam(File)) of
        same -> ok;
        {line, Number, Ruby, Rubeam} ->
            ct:fail("~ts: line ~b of what it prints~n  ruby:   ~tp~n  rubeam: ~tp",
                    [filename:basename(File), Number, Ruby, Rubeam])
    end.

%% --- What differs ---

%% One evaluation of all by ruby: to start it takes the most time.
what_is_said_to_differ_does(_Config) ->
    Rows = differences(),
    ?assert(length(Rows) > 20),
    Script = filename:join([directory(), "each_row.rb_"]),
    ByRuby = binary:split(run_ruby([Script, filename:join(directory(), "differences.txt")]), <<"\n">>,
                          [global, trim]),
    ?assertEqual(length(Rows), length(ByRuby)),
    ?assertEqual([], [{Code, Ruby, Gave} || {{_, Code, Ruby, _}, Gave} <- lists:zip(Rows, ByRuby), Gave =/= Ruby]),
    {ok, Each} = file:read_file(Script),
    ?assertEqual([], [{Code, Rubeam, Gave} || {_, Code, _, Rubeam} <- Rows,
                                             Gave <- [row_in_rubeam(Each, Code)], Gave =/= Rubeam]),
    ?assertEqual([], [Code || {_, Code, Same, Same} <- Rows]).

row_in_rubeam(Each, Code) ->
    Ruby = rubeam_ct:open(#{timeout => ?PATIENCE}),
    {ok, _} = rubeam:eval(Ruby, Each, #{value => false}),
    {ok, Text} = rubeam:call(Ruby, row, [Code]),
    ok = rubeam:close(Ruby),
    Text.

the_page_has_each_difference(_Config) ->
    {ok, Page} = file:read_file(filename:join([directory(), "..", "..", "docs", "ruby.md"])),
    ?assertEqual([], [Code || {What, Code, Ruby, Rubeam} <- differences(),
                              binary:match(Page, row(What, Code, Ruby, Rubeam)) =:= nomatch]).

%% As it stands in the page; print_rows/0 prints them all, for whoever writes it.
row(What, Code, Ruby, Rubeam) ->
    iolist_to_binary(["| ", What, [[" | `", escaped(Text), "`"] || Text <- [Code, Ruby, Rubeam]], " |"]).

escaped(Text) -> binary:replace(Text, <<"|">>, <<"\\|">>, [global]).

print_rows() ->
    [io:format("~ts~n", [row(What, Code, Ruby, Rubeam)]) || {What, Code, Ruby, Rubeam} <- differences()],
    ok.

%% Four lines each, and an empty one behind: what it is about, the code, ruby's answer, Rubeam's.
differences() ->
    {ok, Bytes} = file:read_file(filename:join(directory(), "differences.txt")),
    [list_to_tuple(binary:split(Row, <<"\n">>, [global]))
     || Row <- binary:split(string:trim(Bytes, trailing, "\n"), <<"\n\n">>, [global])].

%% --- Running ---

printed_by_ruby(File) -> run_ruby([File]).

run_ruby(Arguments) ->
    Ruby = case os:find_executable("ruby") of
               false -> ct:fail(no_ruby_on_the_path);
               Path -> Path
           end,
    Port = open_port({spawn_executable, Ruby},
                     [{args, ["-W0", "-EUTF-8" | Arguments]}, {env, [{"LD_PRELOAD", false}, {"RUBYOPT", false}]},
                      exit_status, binary]),
    take_output(Port, Arguments, []).

take_output(Port, Arguments, Taken) ->
    receive
        {Port, {data, Bytes}} -> take_output(Port, Arguments, [Taken, Bytes]);
        {Port, {exit_status, 0}} -> iolist_to_binary(Taken);
        {Port, {exit_status, Status}} -> ct:fail({ruby_ended_with, Status, Arguments})
    after ?PATIENCE -> ct:fail({ruby_hangs, Arguments})
    end.

printed_by_rubeam(File) ->
    Ruby = rubeam_ct:open(#{timeout => ?PATIENCE}),
    {ok, Code} = file:read_file(File),
    case rubeam:eval(Ruby, Code, #{file => filename:basename(File), value => false}) of
        {ok, nil} -> ok;
        {error, Error} -> ct:fail("~ts", [rubeam:format_error(Error)])
    end,
    Printed = rubeam_ct:output(Ruby),
    ok = rubeam:close(Ruby),
    Printed.

%% The first line that is not the same.
difference(Same, Same) -> same;
difference(One, Other) ->
    different_line(1, binary:split(One, <<"\n">>, [global]), binary:split(Other, <<"\n">>, [global])).

different_line(Number, [Same | Ones], [Same | Others]) -> different_line(Number + 1, Ones, Others);
different_line(Number, Ones, Others) -> {line, Number, first(Ones), first(Others)}.

first([]) -> ends;
first([Line | _]) -> Line.

%% --- Files ---

files() -> lists:sort(filelib:wildcard(filename:join(directory(), "*.rb"))).

program(File) -> list_to_atom(filename:basename(File, ".rb")).

%% Above the code, wherever that was built.
directory() -> directory(filename:dirname(code:which(rubeam))).

directory("/") -> ct:fail(no_test_programs);
directory(Directory) ->
    Programs = filename:join([Directory, "test", "programs"]),
    case filelib:is_dir(Programs) of
        true -> Programs;
        false -> directory(filename:dirname(Directory))
    end.
