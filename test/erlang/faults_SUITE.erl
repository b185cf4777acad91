%% Faults from below: the n-th allocation, mapping, thread or message fails, for every n that a
%% story comes to; and the port table is full. Whoever asked gets an answer or an error, the node and
%% its other interpreters go on, and nothing is left behind.
%%
%% The driver is the build with points (test/points/faults.c), in a node of its own.
-module(faults_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% The driver's commands, and its faults in their order
-define(FAULT, 16#52420103).
-define(FIGURES, 16#52420104).
-define(FAULTS, [none, memory, mapping, thread, receiver_gone, sender_gone, output, caller_gone]).

-define(PATIENCE, 20_000).

%% So often the story is told before the first look at what it leaves: until each thread that runs
%% jobs has what it needs for that.
-define(WARM, 30).

suite() -> [{timetrap, {minutes, 10}}].

all() ->
    [memory, mapping, caller_gone, sender_gone, receiver_gone, output, thread,
     mapping_at_load, memory_at_load, the_port_table_is_full,
     the_handler_of_faults_comes_and_goes, the_handler_of_faults_can_be_left_out,
     a_wrong_word_about_the_handler, a_fault_that_is_not_ours_ends_the_node].

%% A sanitizer has a handler of its own.
init_per_testcase(Case, Config) when Case =:= the_handler_of_faults_comes_and_goes;
                                     Case =:= the_handler_of_faults_can_be_left_out ->
    case os:getenv("LD_PRELOAD", "") of
        "" when Case =:= the_handler_of_faults_comes_and_goes ->
            with_peer([], Config);
        "" ->
            with_peer(["-rubeam", "fault_handler", "false"], Config);
        Library ->
            {skip, {"has a handler for SIGSEGV of its own", Library}}
    end;
init_per_testcase(the_port_table_is_full, Config) -> with_peer(["+Q", "1024"], Config);
init_per_testcase(_Case, Config) -> with_peer([], Config).

end_per_testcase(_Case, Config) ->
    rubeam_ct:points_peer_stop(?config(peer, Config)).

with_peer(Flags, Config) ->
    {Peer, _} = Both = rubeam_ct:points_peer(Flags),
    {ok, _} = peer:call(Peer, application, ensure_all_started, [rubeam]),
    [{peer, Both} | Config].

memory(Config) -> every(?FUNCTION_NAME, Config).
mapping(Config) -> every(?FUNCTION_NAME, Config).
sender_gone(Config) -> every(?FUNCTION_NAME, Config).
receiver_gone(Config) -> every(?FUNCTION_NAME, Config).
output(Config) -> every(?FUNCTION_NAME, Config).
caller_gone(Config) -> every(?FUNCTION_NAME, Config).

every(Fault, Config) ->
    {Peer, _} = ?config(peer, Config),
    Count = peer:call(Peer, ?MODULE, tell_with_each, [Fault], 500_000),
    ct:pal("~p: the story was told with each of ~b calls failing", [Fault, Count]).

%% What comes with the first interpreter and its first jobs: the driver is loaded anew for each.
thread(Config) -> every_at_load(?FUNCTION_NAME, Config).
mapping_at_load(Config) -> every_at_load(mapping, Config).
memory_at_load(Config) -> every_at_load(memory, Config).

every_at_load(Fault, Config) ->
    {Peer, _} = ?config(peer, Config),
    Count = peer:call(Peer, ?MODULE, load_with_each, [Fault, 1], 500_000),
    ct:pal("~p: the driver was loaded with each of ~b calls failing", [Fault, Count]).

the_port_table_is_full(Config) ->
    {Peer, _} = ?config(peer, Config),
    ok = peer:call(Peer, ?MODULE, fill_the_port_table, [], 500_000).

%% --- the handler of faults ---

the_handler_of_faults_comes_and_goes(Config) ->
    {Peer, _} = ?config(peer, Config),
    ?assert(catches_faults(Peer)),
    ok = peer:call(Peer, application, stop, [rubeam]),
    ?assertNot(catches_faults(Peer)),
    ok = peer:call(Peer, application, start, [rubeam]),
    ?assert(catches_faults(Peer)).

the_handler_of_faults_can_be_left_out(Config) ->
    {Peer, OsPid} = ?config(peer, Config),
    ?assertEqual(whole_story(), peer:call(Peer, ?MODULE, tell, [], 60_000)),
    ?assertNot(catches_faults(Peer)),
    %% Then this is the end of the node; with it, of the interpreter (limits_SUITE:stack_of_c).
    peer:cast(Peer, ?MODULE, overflow, []),
    is_gone(OsPid).

a_wrong_word_about_the_handler(Config) ->
    {Peer, _} = ?config(peer, Config),
    ok = peer:call(Peer, application, stop, [rubeam]),
    ok = peer:call(Peer, application, set_env, [rubeam, fault_handler, off]),
    {error, {Why, _}} = peer:call(Peer, application, start, [rubeam]),
    ?assertEqual({bad_option, {fault_handler, off}}, Why),
    ok = peer:call(Peer, application, set_env, [rubeam, fault_handler, true]),
    ok = peer:call(Peer, application, start, [rubeam]).

a_fault_that_is_not_ours_ends_the_node(Config) ->
    {Peer, OsPid} = ?config(peer, Config),
    {ok, Port} = peer:call(Peer, rubeam, open, []),
    peer:cast(Peer, rubeam, eval, [Port, <<"loop {}">>]),
    "" = os:cmd("kill -SEGV " ++ OsPid),
    is_gone(OsPid).

is_gone(OsPid) ->
    rubeam_ct:until(fun() -> os:cmd("kill -0 " ++ OsPid ++ " 2>&1") =/= "" end).

%% Is there a handler for SIGSEGV? (The VM has none.)
catches_faults(Peer) ->
    {ok, Text} = peer:call(Peer, file, read_file, ["/proc/self/status"]),
    {match, [Signals]} = re:run(Text, "SigCgt:\\s*([0-9a-f]+)", [{capture, [1], binary}]),
    binary_to_integer(Signals, 16) band (1 bsl (11 - 1)) =/= 0.

%% --- in the other node ---

tell_with_each(Fault) ->
    _ = [tell() || _ <- lists:seq(1, ?WARM)],
    Before = left_over(),
    tell_with(Fault, 1, Before).

tell_with(Fault, Nth, Before) ->
    arm(Fault, Nth),
    Told = tell(),
    Called = called(),
    arm(none, 0),
    try check(Told, Fault) catch error:Why -> error({Fault, Nth, Why, Told}) end,
    %% Afterwards all is as ever, and nothing is left of it.
    ?assertEqual({Fault, Nth, whole_story()}, {Fault, Nth, tell()}),
    is_left(Before, {Fault, Nth}),
    case Called < Nth of
        true -> Nth - 1;
        false -> tell_with(Fault, Nth + 1, Before)
    end.

load_with_each(Fault, Nth) ->
    ok = application:stop(rubeam),
    ok = application:start(rubeam),
    arm(Fault, Nth),
    Told = tell(),
    Called = called(),
    arm(none, 0),
    try check(Told, Fault) catch error:Why -> error({Fault, Nth, Why, Told}) end,
    ?assertEqual({Fault, Nth, whole_story()}, {Fault, Nth, tell()}),
    case Called < Nth of
        true -> Nth - 1;
        false -> load_with_each(Fault, Nth + 1)
    end.

overflow() ->
    {ok, Port} = rubeam:open(),
    rubeam:eval(Port, <<"Object.send(:remove_const, :NameError); Foo">>).

fill_the_port_table() ->
    Ports = open_until_full([]),
    ?assert(length(Ports) > 500),
    ?assertEqual({error, system_limit}, rubeam:open()),
    ?assertEqual(lists:duplicate(length(Ports), {ok, 42}),
                 [rubeam:eval(Port, <<"40 + 2">>) || Port <- Ports]),
    ok = rubeam:close(hd(Ports)),
    ?assertEqual(whole_story(), tell()),
    [ok = rubeam:close(Port) || Port <- tl(Ports)],
    ?assertEqual(whole_story(), tell()),
    ok.

open_until_full(Ports) ->
    case rubeam:open(#{memory_limit => 1 bsl 20}) of
        {ok, Port} -> open_until_full([Port | Ports]);
        {error, system_limit} -> Ports
    end.

%% --- the story ---

%% What one interpreter does in its life, and what came of each step. Each step is made by a process
%% of its own, which is not waited for longer than ?PATIENCE.
tell() ->
    {Owner, Monitor} = spawn_monitor(fun() -> exit({told, own()}) end),
    receive {'DOWN', Monitor, process, Owner, {told, Steps}} -> Steps;
            {'DOWN', Monitor, process, Owner, Reason} -> error({owner, Reason})
    after 10 * ?PATIENCE -> error({the_story_hangs, process_info(Owner)})
    end.

whole_story() ->
    [{open, ok}
     | [{Name, Wanted} || {Name, _, Wanted} <- steps()]] ++
        [{late_messages, []}, {close, ok},
         {running_at_close, {reply, {error, closed}}}, {queued_at_close, {error, closed}}].

own() ->
    case rubeam:open(#{memory_limit => 2 bsl 20, max_frame => 1 bsl 20}) of
        {ok, Port} ->
            Steps = [{Name, step(fun() -> Step(Port) end)} || {Name, Step, _} <- steps()],
            Late = late_messages(Port),
            Running = asks(fun() -> ask_with_long_id(Port, <<"loop {}">>) end),
            Queued = asks(fun() -> ask(Port, <<"loop {}">>) end),
            Closed = try rubeam:close(Port) catch error:Why -> {error, Why} end,
            rubeam_ct:until(fun() -> erlang:port_info(Port) =:= undefined end),
            [{open, ok} | Steps] ++ [{late_messages, Late}, {close, Closed},
                                     {running_at_close, result(Running)},
                                     {queued_at_close, result(Queued)}];
        {error, Reason} ->
            [{open, {error, Reason}}]
    end.

steps() ->
    Long = <<"#", (binary:copy(<<"-">>, 20_000))/binary, "\n7">>,
    [{value, fun(P) -> rubeam:eval(P, <<"1 + 2">>) end, {ok, 3}},
     {define, fun(P) -> rubeam:eval(P, <<"def add(a, b) = a + b">>) end, {ok, add}},
     {call, fun(P) -> rubeam:call(P, add, [1 bsl 70, 5]) end, {ok, (1 bsl 70) + 5}},
     {long_request, fun(P) -> rubeam:eval(P, Long) end, {ok, 7}},
     {long_answer, fun(P) -> long(rubeam:eval(P, <<"'x' * 100_000">>)) end, {ok, 100_000}},
     {list, fun(P) -> list(rubeam:eval(P, <<"(1..3000).map { |i| [i, i.to_s, {i => :a}] }">>)) end,
      {ok, 3000}},
     {exception, fun(P) -> class(rubeam:eval(P, <<"1/0">>)) end, {error, <<"ZeroDivisionError">>}},
     {deep, fun(P) -> class(rubeam:eval(P, <<"def d(n) = d(n + 1) + 1\nd(0)">>)) end,
      {error, <<"SystemStackError">>}},
     {slow, fun(P) -> rubeam:eval(P, <<"i = 0; i += 1 while i < 300_000; i">>) end, {ok, 300_000}},
     {timeout, fun(P) -> rubeam:eval(P, <<"loop {}">>, #{timeout => 10}) end, {error, timeout}},
     {late_in_the_queue, fun late_in_the_queue/1, {error, timeout}},
     {asynchronous, fun asynchronous/1, [{ok, 0}, {ok, 1}, {ok, 2}]},
     {long_id, fun long_id/1, {reply, {ok, 4}}},
     {sleep, fun(P) -> rubeam:eval(P, <<"sleep 0.01; 8">>) end, {ok, 8}},
     {cast, fun cast/1, {ok, 9}},
     {killed_caller, fun killed_caller/1, ok},
     {info, fun(P) -> figures(rubeam:info(P)) end, true},
     {last, fun(P) -> rubeam:eval(P, <<"6 * 7">>) end, {ok, 42}}].

%% `none' where nothing came.
step(Step) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({came, try Step() catch error:E -> {raised, E} end,
                                                  rubeam_ct:mailbox()}) end),
    receive
        {'DOWN', Monitor, process, Pid, {came, Value, []}} -> Value;
        {'DOWN', Monitor, process, Pid, {came, Value, Late}} -> {late, Value, Late}
    after patience() ->
        exit(Pid, kill),
        receive {'DOWN', Monitor, process, Pid, _} -> none end
    end.

%% An answer that was thrown away never comes; then it is not waited for long.
patience() ->
    case persistent_term:get(?MODULE, none) of
        Fault when Fault =:= receiver_gone; Fault =:= caller_gone -> 1_000;
        _ -> ?PATIENCE
    end.

%% A process that has asked, and tells what came of it when it is asked for that.
asks(Ask) ->
    Owner = self(),
    Pid = spawn_link(fun() ->
                             Wait = Ask(),
                             Owner ! {self(), asked},
                             receive result -> Owner ! {self(), came, Wait()} end
                     end),
    receive {Pid, asked} -> Pid
    after ?PATIENCE -> error({not_asked, process_info(Pid)})
    end.

result(Pid) ->
    Pid ! result,
    receive {Pid, came, Result} -> Result
    after 2 * ?PATIENCE -> error({no_answer, process_info(Pid)})
    end.

ask(Port, Code) ->
    Id = rubeam:send_request(Port, {eval, Code}),
    fun() -> case rubeam:receive_response(Id, patience()) of
                 {reply, Result} -> Result;
                 timeout -> none
             end
    end.

figures(Info) when is_map(Info) -> true;
figures(Other) -> Other.

long({ok, Binary}) when is_binary(Binary) -> {ok, byte_size(Binary)};
long(Other) -> Other.

list({ok, List}) when is_list(List) -> {ok, length(List)};
list(Other) -> Other.

class({error, #{class := Class}}) -> {error, Class};
class(Other) -> Other.

%% What was accepted is done.
cast(Port) ->
    case rubeam:cast(Port, <<"$cast = 9">>) of
        ok -> rubeam:eval(Port, <<"$cast">>);
        Refused -> Refused
    end.

late_in_the_queue(Port) ->
    Long = rubeam:send_request(Port, {eval, <<"sleep 0.05">>}),
    Result = rubeam:eval(Port, <<"1">>, #{timeout => 10}),
    case {Result, rubeam:receive_response(Long, patience())} of
        {{ok, 1}, {reply, {error, memory_limit}}} -> {error, memory_limit}; % there was no queue
        _ -> Result
    end.

asynchronous(Port) ->
    Ids = [rubeam:send_request(Port, {eval, [<<"i = 0; i += 1 while i < 20_000; ">>,
                                             integer_to_list(I)]}) || I <- [0, 1, 2]],
    [case rubeam:receive_response(Id, patience()) of
         {reply, Result} -> Result;
         timeout -> none
     end || Id <- Ids].

%% An Id that needs memory of its own, in a frame by port_control.
long_id(Port) ->
    (ask_with_long_id(Port, <<"i = 0; i += 1 while i < 90_000; 4">>))().

ask_with_long_id(Port, Code) ->
    Id = binary:copy(<<"id">>, 10_000),
    Request = term_to_binary({eval, Id, Code}),
    case try port_control(Port, 0, Request) catch error:badarg -> closed end of
        closed -> fun() -> {reply, {error, closed}} end;
        <<>> -> fun() -> receive {Port, {data, Frame}} -> reply(Id, binary_to_term(Frame))
                         after patience() -> none
                         end
                end;
        Answer -> fun() -> reply(Id, binary_to_term(iolist_to_binary(Answer))) end
    end.

reply(Id, {reply, Id, Result}) -> {reply, Result};
reply(_, {reply, undefined, Result}) -> {reply, Result}.

killed_caller(Port) ->
    {Pid, Monitor} = spawn_monitor(fun() -> rubeam:eval(Port, <<"loop {}">>) end),
    receive after 5 -> exit(Pid, kill) end,
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.

%% The owner got no frame that nobody asked for. An interpreter that has ended said so.
late_messages(Port) ->
    [Message || Message <- rubeam_ct:mailbox(),
                case Message of
                    {Port, {data, Frame}} -> not is_exit(binary_to_term(Frame));
                    _ -> true
                end].

is_exit({exit, _}) -> true;
is_exit(_) -> false.

%% --- what may come of it ---

%% Each step came out as it should, or with an error that says why; once the interpreter has
%% ended it stays closed.
check([{open, {error, Reason}}], _) when is_atom(Reason) ->
    ok;
check(Told, Fault) ->
    [begin
         Wanted = proplists:get_value(Name, whole_story()),
         ?assert(Came =:= Wanted orelse may_come(Name, Came, Fault), {Name, Came})
     end || {Name, Came} <- Told],
    stays_closed(Told).

stays_closed(Told) ->
    Steps = lists:takewhile(fun({Name, _}) -> Name =/= late_messages end, Told),
    Rest = lists:dropwhile(fun({_, Came}) -> not is_closed(Came) end, Steps),
    [?assert(is_closed(Came) orelse lists:member(Name, [killed_caller, info]), {Name, Came})
     || {Name, Came} <- Rest].

is_closed({error, closed}) -> true;
is_closed({reply, {error, closed}}) -> true;
is_closed([Last | _] = Several) -> is_closed(Last) orelse is_closed(lists:last(Several));
is_closed(_) -> false.

may_come(_, {error, Reason}, _) when Reason =:= memory_limit; Reason =:= closed ->
    true;
%% There was no memory for the address of `closed': the caller sees the port's end alone.
may_come(running_at_close, none, memory) ->
    true;
%% There was no memory for its bytes, on their way between the heaps of Ruby and the driver.
may_come(_, {error, <<"Erlang::TermError">>}, memory) ->
    true;
may_come(_, {error, #{class := <<"Erlang::TermError">>}}, memory) ->
    true;
%% Nobody is there, erts said: so nothing was sent, or the requests were dropped.
may_come(_, none, Fault) when Fault =:= receiver_gone; Fault =:= caller_gone ->
    true;
may_come(asynchronous, Results, Fault) ->
    lists:all(fun({{ok, I}, {ok, I}}) -> true;
                 ({Result, _}) -> may_come(one, Result, Fault)
              end, lists:zip(Results, [{ok, 0}, {ok, 1}, {ok, 2}]));
may_come(_, {reply, Result}, Fault) ->
    may_come(one, Result, Fault);
%% The caller is gone, erts said: its requests are dropped.
may_come(_, {error, {bad_request, <<"no such token", _/binary>>}}, caller_gone) ->
    true;
may_come(_, _, _) ->
    false.

%% --- the driver's commands ---

%% To be made on the manager's port, which is there all the time.
arm(Fault, Nth) ->
    persistent_term:put(?MODULE, Fault),
    <<>> = port_control(manager(), ?FAULT, [index(Fault, ?FAULTS), <<Nth:16>>]),
    ok.

index(Fault, [Fault | _]) -> 0;
index(Fault, [_ | Faults]) -> 1 + index(Fault, Faults).

called() ->
    {Called, _} = fault_figures(),
    Called.

fault_figures() ->
    <<Called:32, Live:32>> = iolist_to_binary(port_control(manager(), ?FIGURES, [])),
    {Called, Live}.

manager() ->
    [Manager] = [Port || Port <- erlang:ports(),
                         erlang:port_info(Port, name) =:= {name, "rubeam_drv manager"}],
    Manager.

left_over() ->
    {_, Live} = fault_figures(),
    {length(rubeam_ct:all_ports()), Live}.

%% But for what a scheduler needs once that ran its first job meanwhile. The first look is the same
%% for every n, so that what each of them leaves would soon be too much.
is_left({Ports, Blocks} = Before, Where) ->
    More = erlang:system_info(schedulers),
    try rubeam_ct:until(fun() -> {Ports1, Blocks1} = left_over(),
                                 Ports1 =:= Ports andalso Blocks1 =< Blocks + More
                        end)
    catch _:_ -> error({left_over, Where, {before, Before}, left_over()})
    end.
