%% What happens at each end (closing, the owner's death, the caller's death, unloading), in each
%% phase of a job (queued, inline, in the pool, waiting)? A row of docs/lifecycle.md is a case, and
%% a phase a group.
-module(lifecycle_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [{group, queued}, {group, inline}, {group, pool}, {group, waiting},
     closing_twice_is_fine,
     closing_leaves_no_message_to_the_owner,
     nothing_comes_of_a_slice_that_runs_on_after_the_close,
     closing_is_for_anybody,
     an_owner_that_does_not_trap_exits_survives_the_end,
     an_interpreter_ends_by_its_own_will,
     a_late_frame_is_still_there_after_the_end,
     ends_at_any_moment,
     many_interpreters_come_and_go,
     without_the_application_nothing_opens,
     the_application_can_be_started_again,
     the_driver_is_gone_after_the_application,
     the_driver_goes_while_others_open_interpreters,
     a_crash_of_the_loader_hurts_no_interpreter,
     a_manager_that_is_still_there_is_replaced,
     a_crash_of_the_registry_loses_no_server,
     a_missing_driver_is_a_clear_error,
     a_file_that_is_no_driver_is_a_clear_error,
     it_works_without_the_application,
     nothing_is_left_behind].

groups() ->
    Cases = [close, owner_dies, caller_dies, owner_and_caller_die, the_asynchronous_form,
             the_script_is_interrupted, the_application_stops, the_loader_is_killed],
    [{Phase, [], Cases} || Phase <- [queued, inline, pool, waiting]].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% Whatever the case before did to the application
init_per_testcase(_Case, Config) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Config.

end_per_testcase(_Case, _Config) -> ok.

init_per_group(Phase, Config) -> [{phase, Phase} | Config].
end_per_group(_Phase, _Config) -> ok.

%% --- a job in its phase ---

%% A port with an owner, and a caller of its own whose request is in that phase. Make says how the
%% caller makes its request of Port.
in_phase(Config, Make) ->
    Phase = ?config(phase, Config),
    %% A long slice holds the job inside of the callback while the test goes on.
    Options = case Phase of
                  inline -> #{slice => 100000};
                  _ -> #{}
              end,
    {Owner, Port} = rubeam_ct:owner(Options),
    Caller = begin_job(Phase, Port, Make),
    {Owner, Port, Caller}.

begin_job(queued, Port, Make) ->
    spawn(fun() -> rubeam:eval(Port, rubeam_ct:begins(<<"loop {}">>)) end),
    begun = rubeam_ct:response(Port),
    Caller = rubeam_ct:caller(fun() -> Make(Port, <<"$ran = true">>) end),
    rubeam_ct:until(fun() -> case rubeam:info(Port) of
                                 #{queue := 1} -> true;
                                 Other -> Other
                             end end),
    Caller;
begin_job(inline, Port, Make) ->
    Caller = rubeam_ct:caller(fun() -> Make(Port, rubeam_ct:begins(<<"loop {}">>)) end),
    begun = rubeam_ct:response(Port),
    Caller;
begin_job(pool, Port, Make) ->
    Caller = rubeam_ct:caller(fun() -> Make(Port, rubeam_ct:begins(<<"loop {}">>)) end),
    begun = rubeam_ct:response(Port),
    rubeam_ct:until(fun() -> case rubeam:info(Port) of
                                 #{slices := Slices} when Slices > 2 -> true;
                                 Other -> Other
                             end end),
    Caller;
begin_job(waiting, Port, Make) ->
    Caller = rubeam_ct:caller(fun() -> Make(Port, rubeam_ct:begins(<<"sleep 1000">>)) end),
    begun = rubeam_ct:response(Port),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    Caller.

eval(Port, Code) -> rubeam:eval(Port, Code).

is_closed(Port) ->
    rubeam_ct:until(fun() -> not rubeam_transport:is_open(Port) end),
    ?assertEqual({error, closed}, rubeam_ct:answers(Port)).

%% The caller gets this result, and nothing else, ever.
answered(Caller, Result) ->
    ?assertEqual(Result, rubeam_ct:result(Caller)),
    ?assertEqual([], rubeam_ct:leftover(Caller)).

close(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    ok = rubeam:close(Port),
    answered(Caller, {error, closed}),
    is_closed(Port),
    Owner ! stop.

owner_dies(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    rubeam_ct:owner_end(Owner),
    answered(Caller, {error, closed}),
    is_closed(Port).

caller_dies(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    exit(Caller, kill),
    rubeam_ct:gone(Caller),
    %% Its request is dropped, so the next one has its turn as soon as nothing else runs.
    case ?config(phase, Config) of
        queued ->
            rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Port)) =:= 0 end),
            ok = rubeam:interrupt(Port);
        _ ->
            ok
    end,
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"$ran">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    Owner ! stop.

owner_and_caller_die(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    exit(Caller, kill),
    rubeam_ct:owner_end(Owner),
    is_closed(Port).

the_asynchronous_form(Config) ->
    Make = fun(Port, Code) ->
                   rubeam:receive_response(rubeam:send_request(Port, {eval, Code}), infinity)
           end,
    {Owner, Port, Caller} = in_phase(Config, Make),
    ok = rubeam:close(Port),
    answered(Caller, {reply, {error, closed}}),
    is_closed(Port),
    Owner ! stop.

the_script_is_interrupted(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    ok = rubeam:interrupt(Port),
    Result = case ?config(phase, Config) of
                 queued -> {ok, true};
                 _ -> {error, interrupted}
             end,
    answered(Caller, Result),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    Owner ! stop.

the_application_stops(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    ok = application:stop(rubeam),
    answered(Caller, {error, closed}),
    ?assertNot(rubeam_transport:is_open(Port)),
    ?assertNot(is_loaded()),
    ok = application:start(rubeam),
    ?assertEqual({ok, 42}, rubeam_ct:answers(rubeam_ct:open())),
    Owner ! stop.

the_loader_is_killed(Config) ->
    {Owner, Port, Caller} = in_phase(Config, fun eval/2),
    kill_and_wait(rubeam_loader),
    ?assert(is_process_alive(Caller)),
    ok = rubeam:interrupt(Port),
    _ = rubeam_ct:result(Caller),
    ?assertEqual([], rubeam_ct:leftover(Caller)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    Owner ! stop.

is_loaded() ->
    {ok, Drivers} = erl_ddll:loaded_drivers(),
    lists:member("rubeam_drv", Drivers).

%% Kills a child of the application, and waits until it has been started again.
kill_and_wait(Name) ->
    Pid = whereis(Name),
    exit(Pid, kill),
    rubeam_ct:until(fun() -> case whereis(Name) of
                                 undefined -> false;
                                 New -> New =/= Pid andalso is_ready(New)
                             end end).

is_ready(Pid) ->
    try sys:get_state(Pid) of _ -> true
    catch exit:_ -> false
    end.

%% --- closing ---

closing_twice_is_fine(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual(ok, rubeam:close(Port)),
    ?assertEqual(ok, rubeam:close(Port)),
    ?assertEqual({error, closed}, rubeam:eval(Port, <<"1">>)),
    ?assertEqual({error, closed}, rubeam:call(Port, to_s, [])),
    ?assertEqual({error, closed}, rubeam:cast(Port, <<"1">>)),
    ?assertEqual({error, closed}, rubeam:interrupt(Port)),
    ?assertEqual({error, closed}, rubeam:info(Port)),
    ?assertEqual({reply, {error, closed}},
                 rubeam:receive_response(rubeam:send_request(Port, {eval, <<"1">>}), 0)).

closing_leaves_no_message_to_the_owner(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:open(),
         {ok, _} = rubeam:eval(Port, Code),
         ok = rubeam:close(Port),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Code <- [<<"1">>, <<"sleep 0.001">>]],
    {links, Links} = process_info(self(), links),
    ?assertEqual([], [P || P <- Links, is_port(P)]).

nothing_comes_of_a_slice_that_runs_on_after_the_close(_Config) ->
    [begin
         Port = rubeam_ct:open(),
         Id = rubeam:send_request(Port, {eval, <<"loop { send_response(1); puts 'x' }">>}),
         1 = rubeam_ct:response(Port),
         receive after N rem 3 -> ok end,
         ok = rubeam:close(Port),
         flush(),
         {reply, {error, closed}} = rubeam:receive_response(Id, infinity),
         receive Late -> ct:fail({late, Late}) after 3 -> ok end
     end || N <- lists:seq(1, 100)].

closing_is_for_anybody(_Config) ->
    {Owner, Port} = rubeam_ct:owner(#{}),
    ?assertEqual(ok, rubeam:close(Port)),
    is_closed(Port),
    ?assert(is_process_alive(Owner)),
    Owner ! stop.

an_owner_that_does_not_trap_exits_survives_the_end(_Config) ->
    {Owner, Port} = rubeam_ct:owner(#{}),
    ?assertEqual({error, closed}, rubeam:eval(Port, <<"exit 1">>)),
    ?assertEqual({exit, 1}, rubeam_ct:receive_frame(Port)),
    is_closed(Port),
    ?assert(is_process_alive(Owner)),
    Owner ! stop.

%% At once, and from the pool.
an_interpreter_ends_by_its_own_will(_Config) ->
    [begin
         Port = rubeam_ct:open(),
         ?assertEqual({Code, {error, closed}}, {Code, rubeam:eval(Port, [Pause, Code])}),
         ?assertEqual({Code, Frames}, {Code, [rubeam_ct:receive_frame(Port) || _ <- Frames]}),
         is_closed(Port),
         ?assertEqual([], rubeam_ct:mailbox())
     end || {Code, Frames} <-
                [{"exit", [{exit, 0}]},
                 {"exit(3)", [{exit, 3}]},
                 {"exit!", [{exit, 1}]},
                 {"begin; exit!(4); ensure; puts 'ensure'; end", [{exit, 4}]},
                 {"abort 'why'", [{output, stderr, <<"why\n">>}, {exit, 1}]},
                 {"raise SystemExit", [{exit, 0}]},
                 {"at_exit { puts 'last' }; at_exit { puts 'first'; exit 5 }; exit",
                  [{output, stdout, <<"first\n">>}, {output, stdout, <<"last\n">>}, {exit, 5}]},
                 {"at_exit { puts 'never' }; exit! true", [{exit, 0}]}],
            Pause <- ["", "sleep 0.005; "]].

a_late_frame_is_still_there_after_the_end(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"send_response(:last)">>),
    ok = rubeam:close(Port),
    ?assertEqual(last, rubeam_ct:response(Port)).

%% Between all phases, and while replying: ends that come at no particular moment.
ends_at_any_moment(_Config) ->
    Ends = [fun({_Owner, Port}) -> rubeam:close(Port) end,
            fun({Owner, _Port}) -> exit(Owner, kill) end,
            fun({_Owner, Port}) -> rubeam:cast(Port, <<"exit">>) end,
            fun({_Owner, Port}) -> rubeam:cast(Port, <<"1/0">>) end],
    [begin
         {Owner, Port} = rubeam_ct:owner(#{}),
         Callers = [rubeam_ct:caller(fun() -> [rubeam:eval(Port, Code) || _ <- lists:seq(1, 20)] end)
                    || Code <- [<<"1">>, <<"sleep 0.0005; 2">>, <<"(1..3000).sum { |n| n }">>]],
         receive after N rem 7 -> ok end,
         _ = End({Owner, Port}),
         [begin
              Results = lists:usort(rubeam_ct:result(Caller)),
              ?assertEqual([], [R || R <- Results, R =/= {error, closed}, element(1, R) =/= ok]),
              ?assertEqual([], rubeam_ct:leftover(Caller))
          end || Caller <- Callers],
         rubeam_ct:until(fun() -> not rubeam_transport:is_open(Port) end),
         Owner ! stop
     end || N <- lists:seq(1, 40), End <- Ends],
    flush().

flush() ->
    receive {Port, {data, _}} when is_port(Port) -> flush()
    after 0 -> ok
    end.

many_interpreters_come_and_go(_Config) ->
    [begin
         Ports = [rubeam_ct:open() || _ <- lists:seq(1, 50)],
         [?assertEqual({ok, 42}, rubeam_ct:answers(Port)) || Port <- Ports],
         lists:foreach(fun rubeam:close/1, Ports)
     end || _ <- lists:seq(1, 10)].

%% --- the application ---

without_the_application_nothing_opens(_Config) ->
    ok = application:stop(rubeam),
    ?assertEqual({error, not_started}, rubeam:open()),
    ?assertEqual({error, {bad_option, x}}, rubeam:open(#{x => 1})),
    ?assertEqual({error, closed}, rubeam:eval(some_name, <<"1">>)),
    ?assertEqual({error, closed}, rubeam:eval(self(), <<"1">>)),
    process_flag(trap_exit, true),
    ?assertEqual({error, not_started}, rubeam_server:start_link(#{})),
    receive {'EXIT', _, not_started} -> ok after 5000 -> ct:fail(no_exit) end,
    ok = application:start(rubeam).

the_application_can_be_started_again(_Config) ->
    [begin
         Port = rubeam_ct:open(),
         ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
         ok = application:stop(rubeam),
         ?assertEqual({error, closed}, rubeam_ct:answers(Port)),
         ok = application:start(rubeam)
     end || _ <- lists:seq(1, 20)],
    ?assertEqual({ok, 42}, rubeam_ct:answers(rubeam_ct:open())).

%% With interpreters that are busy in every way, and servers that a supervisor wants to start again.
the_driver_is_gone_after_the_application(_Config) ->
    process_flag(trap_exit, true),
    Ports = [rubeam_ct:open() || _ <- lists:seq(1, 20)],
    [rubeam:send_request(Port, {eval, Code})
     || Port <- Ports, Code <- [<<"loop {}">>, <<"sleep 1000">>]],
    {ok, Server} = rubeam_server:start_link(#{output => discard}),
    _ = rubeam:send_request(Server, {eval, <<"loop {}">>}),
    ok = application:stop(rubeam),
    ?assertNot(is_loaded()),
    ?assertEqual([], rubeam_ct:all_ports()),
    receive {'EXIT', Server, Reason} -> ?assertEqual({ruby_exit, closed}, Reason)
    after 10000 -> ct:fail(server_lives)
    end,
    ok = application:start(rubeam).

%% They would keep it for ever, if they could: from some moment on they are told that it is not
%% there.
the_driver_goes_while_others_open_interpreters(_Config) ->
    Openers = [spawn_monitor(fun() -> exit(open_for_ever()) end) || _ <- lists:seq(1, 4)],
    [begin
         receive after 20 -> ok end,
         ok = application:stop(rubeam),
         ?assertNot(is_loaded()),
         ?assertEqual([], rubeam_ct:all_ports()),
         ok = application:start(rubeam)
     end || _ <- lists:seq(1, 10)],
    [begin
         Opener ! stop,
         receive {'DOWN', Monitor, process, Opener, Errors} ->
             ?assertEqual([], Errors -- [not_started])
         end
     end || {Opener, Monitor} <- Openers].

%% The errors of opening.
open_for_ever() ->
    process_flag(trap_exit, true),
    open_for_ever([]).

open_for_ever(Errors) ->
    receive stop -> Errors
    after 0 ->
        case rubeam:open() of
            {ok, Port} ->
                _ = rubeam:eval(Port, <<"sleep 0.0005">>),
                ok = rubeam:close(Port),
                receive {'EXIT', Port, _} -> ok after 0 -> ok end,
                open_for_ever(Errors);
            {error, Reason} ->
                receive after 1 -> open_for_ever(lists:usort([Reason | Errors])) end
        end
    end.

a_crash_of_the_loader_hurts_no_interpreter(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"a = 1">>),
    kill_and_wait(rubeam_loader),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"a">>)),
    ?assertEqual({ok, 2}, rubeam:eval(Port, <<"sleep 0.01; a + 1">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(rubeam_ct:open())),
    %% Ports that end by themselves still need the new loader's touches.
    ?assertEqual({error, closed}, rubeam:eval(Port, <<"sleep 0.01; exit">>)),
    rubeam_ct:until(fun() -> not rubeam_transport:is_open(Port) end).

%% The port of a loader that was killed ends with a signal, and the next loader may be there first.
a_manager_that_is_still_there_is_replaced(_Config) ->
    Priv = filename:dirname(driver_file()),
    ok = application:stop(rubeam),
    {ok, _} = erl_ddll:try_load(Priv, "rubeam_drv", []),
    {ok, Manager} = rubeam_driver:open_manager(true),
    ok = application:start(rubeam),
    ?assertEqual(undefined, erlang:port_info(Manager)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(rubeam_ct:open())),
    {ok, pending_process} = erl_ddll:try_unload("rubeam_drv", []).

a_crash_of_the_registry_loses_no_server(_Config) ->
    {ok, Server} = rubeam_server:start(#{}),
    kill_and_wait(rubeam_registry),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    %% The new one watches the servers from before.
    exit(Server, kill),
    rubeam_ct:until(fun() -> ets:tab2list(rubeam_registry) =:= [] end).

%% --- the driver's file, on a node of its own, since a driver is loaded once ---

on_a_node_with(Priv, Fun) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    true = erpc:call(Node, os, putenv, ["RUBEAM_PRIV", Priv]),
    ok = erpc:call(Node, logger, set_primary_config, [level, none]),
    try Fun(Node)
    after rubeam_ct:peer_stop(Peer)
    end.

a_missing_driver_is_a_clear_error(Config) ->
    Empty = ?config(priv_dir, Config),
    on_a_node_with(Empty, fun(Node) ->
        {error, Reason} = erpc:call(Node, application, ensure_all_started, [rubeam]),
        ?assertMatch({rubeam, {{driver_not_found, [Empty]}, _}}, Reason),
        Text = rubeam:format_error(Reason),
        ?assertMatch({_, _}, binary:match(Text, <<"RUBEAM_PRIV">>)),
        ?assertMatch({_, _}, binary:match(Text, list_to_binary(Empty)))
    end).

a_file_that_is_no_driver_is_a_clear_error(Config) ->
    Directory = filename:join(?config(priv_dir, Config), "no_driver"),
    File = filename:join(Directory, "rubeam_drv.so"),
    ok = filelib:ensure_dir(File),
    ok = file:write_file(File, "this is no library"),
    on_a_node_with(Directory, fun(Node) ->
        {error, Reason} = erpc:call(Node, application, ensure_all_started, [rubeam]),
        ?assertMatch({rubeam, {{driver_not_loaded, File, _}, _}}, Reason),
        ?assertMatch({_, _}, binary:match(rubeam:format_error(Reason), list_to_binary(File)))
    end).

%% Whoever loads the driver himself has all but the names and the servers.
it_works_without_the_application(_Config) ->
    Directory = filename:dirname(driver_file()),
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try erpc:call(Node, ?MODULE, without_the_application, [Directory])
    after rubeam_ct:peer_stop(Peer)
    end.

driver_file() ->
    case os:getenv("RUBEAM_PRIV", "") of
        "" -> filename:join(code:priv_dir(rubeam), "rubeam_drv.so");
        Priv -> filename:join(Priv, "rubeam_drv.so")
    end.

without_the_application(Directory) ->
    process_flag(trap_exit, true),
    ok = erl_ddll:load_driver(Directory, "rubeam_drv"),
    undefined = whereis(rubeam_sup),
    {ok, Port} = rubeam:open(),
    {ok, 42} = rubeam:eval(Port, <<"6 * 7">>),
    {ok, 43} = rubeam:eval(Port, <<"sleep 0.01; 43">>),
    {error, timeout} = rubeam:eval(Port, <<"loop {}">>, #{timeout => 20}),
    %% An end in the pool, with nobody there to touch the port
    {error, closed} = rubeam:eval(Port, <<"sleep 0.01; exit 5">>),
    receive {Port, {data, Frame}} -> {exit, 5} = rubeam:decode(Frame) end,
    receive {'EXIT', Port, normal} -> ok end,
    {error, not_started} = rubeam_server:start_link(#{}),
    ok = erl_ddll:unload_driver("rubeam_drv").
