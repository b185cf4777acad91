%% Is an interpreter the same wherever it lives: in the VM, in a program of its own, in a standard Ruby?
%%
%% The cases are data (transport_SUITE_data/cases.terms), and the cases of other suites, which know nothing of
%% transports: the environment variable RUBEAM_TRANSPORT says which one they get. Where a transport differs on
%% purpose, it stands here (differences/1) or in the data, and docs/transports.md says so. At the end a table of case by
%% transport is printed.
-module(transport_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

-define(TRANSPORTS, [driver, port, cruby]).

%% Milliseconds for a case of another suite.
-define(PATIENCE, 90000).

%% What other suites run anyway over the driver need not run here again.
all() ->
    [data_over_driver, data_over_port, data_over_cruby,
     suites_over_port, suites_over_cruby,
     the_table_is_whole,
     nothing_is_left_behind].

suite() -> [{timetrap, {minutes, 12}}].

init_per_suite(Config) ->
    rubeam_ct:once(fun() -> rubeam_ct:start(Config) end).
end_per_suite(Config) ->
    _ = print_table(),
    _ = [persistent_term:erase(Key) || {{?MODULE, _} = Key, _} <- persistent_term:get()],
    rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% Suites, and cases of them that are about the driver alone.
suites(cruby) -> [article_SUITE, api_SUITE, call_SUITE, eval_SUITE, functions_SUITE, server_SUITE, output_SUITE,
                  events_SUITE, inside_SUITE, source_SUITE];
suites(port) -> suites(cruby) ++ [limits_SUITE, pool_SUITE, regexp_SUITE, json_SUITE,
                                  programs_SUITE].

%% {Suite, Case, Why it is not so here}
differences(port) ->
    [{functions_SUITE, self_is_the_owner, "speaks to the driver's port itself"},
     {functions_SUITE, many_scripts_that_wait_need_no_threads, "ten thousand programs are too many for a machine"},
     {server_SUITE, unexpected_messages_do_no_harm, "speaks to the driver's port itself"},
     {output_SUITE, an_owner_that_waits_for_the_script_gets_64_mb_and_then_an_error,
      "speaks to the driver's port itself; 64 MB are in the data"},
     {output_SUITE, ports_share_what_may_be_on_its_way, "each program has its own share"},
     {inside_SUITE, the_node_tells_its_interpreters_and_what_they_share, "the node's figures are the driver's"},
     {inside_SUITE, the_node_tells_what_is_on_its_way, "the node's figures are the driver's"},
     {inside_SUITE, info_tells_what_is_not_claimed, "claims are the driver's"}];
differences(cruby) ->
    differences(port) ++
        [{article_SUITE, first_take, "a standard Ruby has frames only, no lines"},
         {article_SUITE, program_termination_of_a_busy_program, "a standard Ruby has frames only, no lines"},
         {server_SUITE, a_supervisor_starts_a_fresh_one, "an unknown name is a NameError there"},
         {server_SUITE, stop_reasons, "mruby's C stack, and its abort, have no like there"},
         {inside_SUITE, info_tells_objects_and_collections, "other figures"},
         {inside_SUITE, info_tells_the_time_in_slices, "other figures"},
         {inside_SUITE, gc_gives_memory_back, "resident memory seldom goes back to the system"},
         {source_SUITE, files_are_required_below_the_load_path, "the load path has the Ruby's own directories, too"},
         {source_SUITE, a_load_path_may_have_any_name, "the load path has the Ruby's own directories, too"},
         {source_SUITE, a_required_file_is_read_in_the_pool, "other figures"},
         {source_SUITE, errors_in_bytecode_name_the_file_and_the_line, "other words of errors"}].

%% --- data ---

data_over_driver(Config) -> data(driver, Config).
data_over_port(Config) -> data(port, Config).
data_over_cruby(Config) -> data(cruby, Config).

data(Transport, Config) ->
    {ok, Cases} = file:consult(filename:join(?config(data_dir, Config), "cases.terms")),
    Results = [{Name, isolated(fun() -> steps(Transport, Options, Steps) end)} || {Name, Options, Steps} <- Cases],
    note(Transport, [{{data, Name}, Result} || {Name, Result} <- Results]),
    ?assertEqual([], [{Name, Result} || {Name, Result} <- Results, Result =/= ok]).

steps(Transport, Options, Steps) ->
    {ok, Ruby} = rubeam:open(for(Transport, Options, Options#{transport => Transport})),
    lists:foreach(fun(Step) -> step(Transport, Ruby, Step) end, Steps),
    ok = rubeam:close(Ruby).

%% Options that only one of them has
for(_Transport, _Options, All) -> All.

step(T, Ruby, {eval, Code, Expected}) -> expect(T, Code, Expected, rubeam:eval(Ruby, Code));
step(T, Ruby, {eval, Code, Opts, Expected}) -> expect(T, Code, Expected, rubeam:eval(Ruby, Code, Opts));
step(T, Ruby, {call, Target, Args, Expected}) -> expect(T, Target, Expected, rubeam:call(Ruby, Target, Args));
step(T, Ruby, {cast, Code, Expected}) -> expect(T, Code, Expected, rubeam:cast(Ruby, Code));
step(T, Ruby, {send, Term, Expected}) -> expect(T, Term, Expected, rubeam:send(Ruby, Term));
step(T, Ruby, {same, Terms}) ->
    [expect(T, Term, {ok, Term}, rubeam:call(Ruby, same, [Term])) || Term <- Terms];
step(T, Ruby, {owner_gets, Expected}) ->
    receive {Ruby, {data, Frame}} -> expect(T, owner_gets, Expected, rubeam:decode(Frame))
    after 10000 -> exit({no_frame, Expected})
    end;
step(_T, Ruby, ends) ->
    Ref = rubeam_transport:monitor(Ruby),
    receive {'DOWN', Ref, _, _, _} -> ok after 10000 -> exit(does_not_end) end.

%% A result, {raises, Class}, or what it is by transport: #{cruby => …, else => …}
expect(Transport, What, #{else := Else} = ByTransport, Result) ->
    expect(Transport, What, maps:get(Transport, ByTransport, Else), Result);
expect(_Transport, _What, {raises, Class}, {error, #{class := Class, message := _, backtrace := _}}) -> ok;
expect(_Transport, _What, Result, Result) -> ok;
expect(_Transport, What, Expected, Result) -> exit({What, {expected, Expected}, {got, Result}}).

%% --- the cases of other suites ---

suites_over_port(Config) -> suites(port, Config).
suites_over_cruby(Config) -> suites(cruby, Config).

suites(Transport, Config) ->
    true = os:putenv("RUBEAM_TRANSPORT", atom_to_list(Transport)),
    try
        Results = lists:append([cases(Suite, Transport, Config) || Suite <- suites(Transport)]),
        note(Transport, Results),
        Failed = [{Case, Result} || {Case, Result} <- Results, not is_fine(Result)],
        _ = [io:format(user, "~p over ~p: ~p~n", [Case, Transport, Result]) || {Case, Result} <- Failed],
        ?assertEqual([], [Case || {Case, _} <- Failed])
    after
        os:unsetenv("RUBEAM_TRANSPORT"),
        {ok, _} = application:ensure_all_started(rubeam)
    end.

is_fine(ok) -> true;
is_fine({differs, _}) -> true;
is_fine(_) -> false.

cases(Suite, Transport, Config) ->
    Data = filename:join(filename:dirname(filename:dirname(?config(data_dir, Config))), lists:concat([Suite, "_data/"])),
    Given = lists:keystore(data_dir, 1, Config, {data_dir, Data}),
    {module, Suite} = code:ensure_loaded(Suite),
    ct:log("~p over ~p", [Suite, Transport]),
    Begun = Suite:init_per_suite(Given),
    Results = [{{Suite, Case}, one(Suite, Case, Transport, Begun)} || Case <- Suite:all(), is_atom(Case)],
    _ = Suite:end_per_suite(Begun),
    {ok, _} = application:ensure_all_started(rubeam),
    Results.

one(Suite, Case, Transport, Config) ->
    case lists:keyfind({Suite, Case}, 1, [{{S, C}, Why} || {S, C, Why} <- differences(Transport)]) of
        {_, Why} -> {differs, Why};
        false -> isolated(fun() -> run(Suite, Case, Config) end)
    end.

run(Suite, Case, Config) ->
    Given = case erlang:function_exported(Suite, init_per_testcase, 2) of
                true -> Suite:init_per_testcase(Case, Config);
                false -> Config
            end,
    _ = Suite:Case(Given),
    _ = erlang:function_exported(Suite, end_per_testcase, 2) andalso Suite:end_per_testcase(Case, Given),
    ok.

%% In a process of its own, as Common Test runs a case: what it leaves in its mailbox, and what it is linked to, goes
%% with it.
isolated(Fun) ->
    {Pid, Ref} = spawn_monitor(fun() -> Fun(), exit(ok) end),
    receive
        {'DOWN', Ref, process, Pid, ok} -> ok;
        {'DOWN', Ref, process, Pid, Reason} -> {failed, Reason}
    after ?PATIENCE ->
        Where = process_info(Pid, current_stacktrace),
        exit(Pid, kill),
        {failed, {too_long, Where}}
    end.

%% --- the table ---

note(Transport, Results) ->
    [persistent_term:put({?MODULE, {Transport, Case}}, Result) || {Case, Result} <- Results].

noted() ->
    [{Case, Transport, Result} || {{?MODULE, {Transport, Case}}, Result} <- persistent_term:get()].

%% Each case of data has a result for each transport.
the_table_is_whole(_Config) ->
    Noted = noted(),
    Data = lists:usort([Name || {{data, Name}, _, _} <- Noted]),
    ?assert(length(Data) >= 50, length(Data)),
    [?assert(lists:any(fun({Case, In, _}) -> {Case, In} =:= {{data, Name}, T} end, Noted), {Name, T})
     || Name <- Data, T <- ?TRANSPORTS],
    Borrowed = lists:usort([Case || {{Suite, Case}, port, _} <- Noted, Suite =/= data]),
    ?assert(length(Borrowed) >= 200, length(Borrowed)).

print_table() ->
    Noted = noted(),
    Cases = lists:usort([Case || {Case, _, _} <- Noted]),
    Rows = [io_lib:format("~-86ts ~-8ts ~-8ts ~-8ts~n",
                          [[atom_or_text(Suite), ": ", atom_or_text(Case)]
                           | [short(Noted, {Suite, Case}, T) || T <- ?TRANSPORTS]]) || {Suite, Case} <- Cases],
    Why = lists:usort([Text || {_, _, {differs, Text}} <- Noted]),
    Text = [io_lib:format("~n~-86ts ~-8ts ~-8ts ~-8ts~n", ["case" | ?TRANSPORTS]), Rows,
            "\n-: not a case for this transport. differs, since:\n", [["  ", Line, $\n] || Line <- Why]],
    io:format(user, "~ts", [Text]),
    ct:log("~ts", [Text]).

atom_or_text(Atom) when is_atom(Atom) -> atom_to_list(Atom);
atom_or_text(Text) -> Text.

short(Noted, Case, Transport) ->
    case [Result || {C, T, Result} <- Noted, C =:= Case, T =:= Transport] of
        [ok] -> "ok";
        [{differs, _}] -> "differs";
        [{failed, _}] -> "FAILED";
        [] -> "-"
    end.
