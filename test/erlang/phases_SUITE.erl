%% What happens at each end (closing, deaths, stops, unloading, halt) in each phase of a job: every
%% cell of the table in docs/lifecycle.md, with the job held in exactly that phase; but for the
%% phase inline, which holds a scheduler, whose timers then do not ring: that is in lifecycle_SUITE.
%%
%% The driver is the build with points that hold a thread (driver/test_points.h), in a node of its
%% own for each phase. A group is a phase, a case an event. lifecycle_SUITE has what needs no
%% points.
-module(phases_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% The driver's commands and points
-define(HOLD, 16#52420101).
-define(WAITING, 16#52420102).
-define(POINTS, #{ready => 0, pool => 1, replying => 2}).

%% No thread is held for longer, whatever happens: unloading and halting may wait for it.
-define(HELD_MS, 20_000).
-define(HELD_AT_END_MS, 1_000).

all() ->
    [{group, Phase} || Phase <- phases()].

groups() ->
    [{Phase, [], [close, owner_dies, owner_and_caller_die, caller_dies, interrupted, late, given_up,
                  unloaded, loader_dies, halts, stops]} || Phase <- phases()].

phases() -> [queued, ready, pool, waiting, replying].

suite() -> [{timetrap, {minutes, 2}}].

init_per_group(Phase, Config) ->
    start_peer([{phase, Phase} | Config]).

end_per_group(_Phase, Config) ->
    stop_peer(Config).

%% What ends a node gets one of its own.
init_per_testcase(Case, Config) when Case =:= halts; Case =:= stops ->
    start_peer(Config);
init_per_testcase(_Case, Config) ->
    Config.

end_per_testcase(Case, Config) when Case =:= halts; Case =:= stops ->
    stop_peer(Config);
end_per_testcase(_Case, _Config) ->
    ok.

start_peer(Config) ->
    {Peer, OsPid} = rubeam_ct:points_peer([]),
    {ok, _} = peer:call(Peer, application, ensure_all_started, [rubeam]),
    [{peer, Peer}, {os_pid, OsPid} | proplists:delete(peer, proplists:delete(os_pid, Config))].

stop_peer(Config) ->
    rubeam_ct:points_peer_stop({?config(peer, Config), ?config(os_pid, Config)}).

close(Config) -> cell(Config, ?FUNCTION_NAME).
owner_dies(Config) -> cell(Config, ?FUNCTION_NAME).
owner_and_caller_die(Config) -> cell(Config, ?FUNCTION_NAME).
caller_dies(Config) -> cell(Config, ?FUNCTION_NAME).
interrupted(Config) -> cell(Config, ?FUNCTION_NAME).
late(Config) -> cell(Config, ?FUNCTION_NAME).
given_up(Config) -> cell(Config, ?FUNCTION_NAME).
unloaded(Config) -> cell(Config, ?FUNCTION_NAME).
loader_dies(Config) -> cell(Config, ?FUNCTION_NAME).

cell(Config, Event) ->
    peer:call(?config(peer, Config), ?MODULE, run, [Event, ?config(phase, Config)], 60_000).

%% The node is gone, with the status that it was ended with; nothing of a job can hold it.
halts(Config) -> ends(Config, {erlang, halt, [7]}).
stops(Config) -> ends(Config, {init, stop, [7]}).

ends(Config, {Module, Function, Arguments}) ->
    Peer = ?config(peer, Config),
    ok = peer:call(Peer, ?MODULE, hold_for_the_end, [?config(phase, Config)], 60_000),
    peer:cast(Peer, Module, Function, Arguments),
    rubeam_ct:until(fun() -> os:cmd("kill -0 " ++ ?config(os_pid, Config) ++ " 2>&1") =/= "" end).

%% --- in the other node ---

hold_for_the_end(Phase) ->
    _ = in_phase(halts, Phase, #{}, code(halts, Phase)),
    ok.

%% The event comes while the job is in its phase; then whatever holds it lets go.
run(Event, Phase) ->
    Job = in_phase(Event, Phase, options(Event), code(Event, Phase)),
    Pid = spawn_link(fun() -> event(Event, Job) end),
    Monitor = monitor(process, Pid),
    has_come(Pid),
    let_go(),
    receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason
    after 30_000 -> error({event_hangs, process_info(Pid)})
    end,
    check(Event, Phase, Job),
    Port = rubeam_ct:open(),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

%% When may the job go on? Where the event's process returns at once, when it has; else (it waits
%% for the port's lock, or for the job) when it has had time to come there. Both orders must give
%% the same.
has_come(Pid) ->
    Until = erlang:monotonic_time(millisecond) + 100,
    has_come(Pid, Until).

has_come(Pid, Until) ->
    case is_process_alive(Pid) andalso erlang:monotonic_time(millisecond) < Until of
        true -> receive after 2 -> has_come(Pid, Until) end;
        false -> ok
    end.

options(late) -> #{timeout => 50};
options(_) -> #{}.

%% What must be late must never end by itself.
code(late, Phase) when Phase =:= ready; Phase =:= pool -> <<"$ran = true; loop {}">>;
code(_, waiting) -> <<"$ran = true; sleep 1000">>;
code(_, _) -> <<"$ran = true; 1">>.

%% A comment of so many bytes has the request begin in the pool.
long(Code) -> [Code, "\n#", lists:duplicate(40_000, $-)].

in_phase(Event, Phase, Opts, Code) ->
    put(control, rubeam_ct:open()),
    put(held_ms, held_ms(Event)),
    {Owner, Port} = rubeam_ct:owner(#{}),
    Caller = caller(Phase, Port, Opts, Code),
    #{owner => Owner, port => Port, caller => Caller}.

%% Where the event waits for the thread that is held, and no port is left to let it go.
held_ms(unloaded) -> ?HELD_AT_END_MS;
held_ms(halts) -> ?HELD_AT_END_MS;
held_ms(given_up) -> ?HELD_AT_END_MS; % the scheduler waits for an answer that is on its way
held_ms(_) -> ?HELD_MS.

caller(queued, Port, Opts, Code) ->
    spawn(fun() -> rubeam:eval(Port, <<"sleep 1000">>) end),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    Caller = asks(Port, Code, Opts),
    rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Port)) =:= 1 end),
    Caller;
caller(waiting, Port, Opts, Code) ->
    Caller = asks(Port, Code, Opts),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    Caller;
caller(ready, Port, Opts, Code) ->
    hold(ready, get(held_ms)),
    Caller = asks(Port, long(Code), Opts),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, ready) end),
    Caller;
caller(Point, Port, Opts, Code) ->
    hold(Point, get(held_ms)),
    Caller = asks(Port, long(Code), Opts),
    rubeam_ct:until(fun() -> control(?WAITING, maps:get(Point, ?POINTS), <<>>) =:= 1 end),
    Caller.

%% A process that makes the request, and gives it up when it is told to.
asks(Port, Code, Opts) ->
    rubeam_ct:caller(fun() ->
                             Id = rubeam:send_request(Port, {eval, iolist_to_binary(Code), Opts}),
                             receive
                                 give_up -> {given_up, rubeam:receive_response(Id, 0)};
                                 Message -> self() ! Message,
                                            rubeam:receive_response(Id, infinity)
                             end
                     end).

hold(Point, Ms) -> control(?HOLD, maps:get(Point, ?POINTS), <<Ms:16>>).

let_go() -> [hold(Point, 0) || Point <- maps:keys(?POINTS)].

%% Any port of the driver will do. That of the test is gone where the driver was unloaded.
control(Command, Point, More) ->
    try port_control(get(control), Command, [Point, More]) of
        <<Waiting>> -> Waiting
    catch
        error:badarg -> 0
    end.

event(close, #{port := Port}) -> ok = rubeam:close(Port);
event(owner_dies, #{owner := Owner}) -> rubeam_ct:owner_end(Owner);
event(owner_and_caller_die, #{owner := Owner, caller := Caller}) ->
    exit(Caller, kill),
    rubeam_ct:owner_end(Owner);
event(caller_dies, #{caller := Caller}) ->
    exit(Caller, kill),
    rubeam_ct:gone(Caller);
event(interrupted, #{port := Port}) -> ok = rubeam:interrupt(Port);
event(late, _) -> receive after 100 -> ok end;
event(given_up, #{caller := Caller}) ->
    Caller ! give_up,
    ok;
event(unloaded, _) -> ok = application:stop(rubeam);
event(loader_dies, _) ->
    Loader = whereis(rubeam_loader),
    exit(Loader, kill),
    rubeam_ct:until(fun() -> whereis(rubeam_loader) =/= Loader end).

%% --- what must have come of it ---

check(Event, Phase, #{port := Port, caller := Caller})
  when Event =:= close; Event =:= owner_dies ->
    answered(Caller, when_closed(Phase)),
    is_closed(Port);
check(owner_and_caller_die, _Phase, #{port := Port}) ->
    is_closed(Port);
check(unloaded, _Phase, #{port := Port, caller := Caller}) ->
    %% Replying too: no port of the driver is left in whose name the answer could be sent.
    answered(Caller, {reply, {error, closed}}),
    ?assertEqual(undefined, erlang:port_info(Port)),
    {ok, Drivers} = erl_ddll:loaded_drivers(),
    ?assertNot(lists:member("rubeam_drv", Drivers)),
    ok = application:start(rubeam);
check(caller_dies, Phase, #{port := Port}) ->
    goes_on(Port, has_begun(Phase));
check(loader_dies, Phase, #{port := Port, caller := Caller}) ->
    case lists:member(Phase, [queued, waiting]) of
        true -> ok = rubeam:interrupt(Port);
        false -> ok
    end,
    answered(Caller, case Phase of
                         waiting -> {reply, {error, interrupted}};
                         _ -> {reply, {ok, 1}}
                     end),
    goes_on(Port, true);
check(interrupted, Phase, #{port := Port, caller := Caller}) ->
    %% Queued: the one before it was interrupted.
    answered(Caller, case lists:member(Phase, [ready, pool, waiting]) of
                         true -> {reply, {error, interrupted}};
                         false -> {reply, {ok, 1}}
                     end),
    goes_on(Port, has_begun(Phase) orelse Phase =:= queued);
check(late, Phase, #{port := Port, caller := Caller}) ->
    %% What is being answered is not late any more.
    answered(Caller, case Phase of
                         replying -> {reply, {ok, 1}};
                         _ -> {reply, {error, timeout}}
                     end),
    goes_on(Port, any);
check(given_up, Phase, #{port := Port, caller := Caller}) ->
    {given_up, Result} = rubeam_ct:result(Caller),
    case Result of
        timeout -> ok;
        {reply, {ok, 1}} -> replying = Phase
    end,
    ?assertEqual([], rubeam_ct:leftover(Caller)),
    goes_on(Port, any).

%% An answer that is on its way arrives.
when_closed(replying) -> {reply, {ok, 1}};
when_closed(_) -> {reply, {error, closed}}.

has_begun(Phase) -> lists:member(Phase, [waiting, replying]).

answered(Caller, Result) ->
    ?assertEqual(Result, rubeam_ct:result(Caller)),
    ?assertEqual([], rubeam_ct:leftover(Caller)).

is_closed(Port) ->
    rubeam_ct:until(fun() -> erlang:port_info(Port) =:= undefined end),
    ?assertEqual({error, closed}, rubeam_ct:answers(Port)).

%% The interpreter has its next turn, when nothing before it goes on for ever.
goes_on(Port, Ran) ->
    case rubeam:info(Port) of
        #{state := waiting} -> ok = rubeam:interrupt(Port);
        _ -> ok
    end,
    {ok, Value} = rubeam:eval(Port, <<"$ran">>),
    Ran =:= any orelse ?assertEqual(Ran, Value =:= true),
    ok = rubeam:close(Port).
