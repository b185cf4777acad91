%% on_event: is the function told of each end, in the shape that telemetry's users know, whoever made the
%% request? And does a function that is slow or fails harm nobody?
-module(events_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [each_request_is_an_event,
     the_prelude_is_one_too,
     timeouts_kills_and_exits_are_events,
     a_server_has_events_of_other_nodes,
     a_port_without_the_option_has_none,
     each_port_has_its_own_function,
     a_function_that_fails_is_not_called_again,
     a_slow_function_holds_up_nobody,
     what_comes_too_fast_is_lost_and_counted,
     the_process_may_die,
     the_application_may_be_restarted,
     nothing_is_left_behind].

init_per_suite(Config) ->
    rubeam_ct:start(Config).

end_per_suite(Config) ->
    rubeam_ct:stop(Config).

nothing_is_left_behind(Config) ->
    ?assertEqual([], ets:tab2list(rubeam_event)),
    rubeam_ct:nothing_is_left(Config).

%% As telemetry:execute/3 with a handler that sends
to(Pid) ->
    fun(Name, Measurements, Metadata) -> Pid ! {event, Name, Measurements, Metadata} end.

next() ->
    receive {event, Name, Measurements, Metadata} -> {Name, Measurements, Metadata}
    after 5000 -> ct:fail(no_event)
    end.

each_request_is_an_event(_Config) ->
    Port = rubeam_ct:open(#{on_event => to(self())}),
    {ok, 3} = rubeam:eval(Port, <<"sleep 0.05; 1 + 2">>),
    {[rubeam, request, stop], #{duration := Duration, memory := Memory}, Metadata} = next(),
    ?assertEqual(#{ruby => Port, request => eval, target => undefined, outcome => ok}, Metadata),
    Ms = erlang:convert_time_unit(Duration, native, millisecond),
    ?assert(Ms >= 50 andalso Ms < 15000, Ms),
    ?assert(Memory > 50_000, Memory),
    {error, _} = rubeam:eval(Port, <<"raise 'x'">>),
    ?assertMatch({_, _, #{outcome := error}}, next()),
    {ok, _} = rubeam:call(Port, {'Math', sqrt}, [4]),
    ?assertMatch({_, _, #{request := call, target := <<"Math.sqrt">>, outcome := ok}}, next()),
    ok = rubeam:cast(Port, <<"1">>),
    ?assertMatch({_, _, #{request := cast}}, next()),
    ok = rubeam:send(Port, hello),
    ?assertMatch({_, _, #{request := message}}, next()),
    {reply, {ok, 1}} = rubeam:receive_response(rubeam:send_request(Port, {eval, <<"1">>}), 5000),
    ?assertMatch({_, _, #{request := eval, outcome := ok}}, next()),
    ok = rubeam:close(Port),
    ?assertMatch({[rubeam, interpreter, exit], #{memory := _}, #{ruby := Port, reason := closed}}, next()),
    ?assertEqual([], rubeam_ct:mailbox()).

the_prelude_is_one_too(_Config) ->
    Port = rubeam_ct:open(#{on_event => to(self()), prelude => <<"1">>}),
    ?assertMatch({_, _, #{ruby := Port, request := eval, outcome := ok}}, next()),
    ok = rubeam:close(Port),
    ?assertMatch({[rubeam, interpreter, exit], _, _}, next()).

timeouts_kills_and_exits_are_events(_Config) ->
    Cases = [{<<"loop {}">>, timeout, closed},
             {<<"exit 5">>, exit, 5},
             {<<"exit! 6">>, exit, 6},
             {<<"loop { begin; loop {}; rescue Exception; end }">>, timeout, killed},
             {<<"a = []; loop { a << 'xyz' * 1000 }">>, memory_limit, closed}],
    [begin
         Port = rubeam_ct:open(#{on_event => to(self()), timeout => 2000, grace => 2,
                                 memory_limit => 4_000_000}),
         _ = rubeam:eval(Port, Code),
         ?assertMatch({_, _, #{outcome := Outcome}}, next(), Code),
         ok = rubeam:close(Port),
         ?assertMatch({[rubeam, interpreter, exit], _, #{reason := Reason}}, next(), Code)
     end || {Code, Outcome, Reason} <- Cases],
    Port = rubeam_ct:open(#{on_event => to(self())}),
    ok = rubeam:cast(Port, <<"raise 'nobody hears'">>),
    ?assertMatch({_, _, #{request := cast, outcome := error}}, next()),
    ?assertMatch({[rubeam, interpreter, exit], _, #{reason := error}}, next()),
    _ = rubeam_ct:mailbox().

a_server_has_events_of_other_nodes(_Config) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try
        {ok, Server} = rubeam_server:start_link(#{on_event => to(self())}),
        ?assertEqual({ok, 3}, erpc:call(Node, rubeam, eval, [Server, <<"1 + 2">>])),
        ?assertMatch({_, _, #{request := eval, outcome := ok}}, next()),
        ok = rubeam_server:stop(Server),
        ?assertMatch({[rubeam, interpreter, exit], _, #{reason := closed}}, next())
    after
        rubeam_ct:peer_stop(Peer)
    end.

a_port_without_the_option_has_none(_Config) ->
    Port = rubeam_ct:open(#{on_event => undefined}),
    {ok, _} = rubeam:eval(Port, <<"1">>),
    ok = rubeam:close(Port),
    Observed = rubeam_ct:open(#{on_event => to(self())}),
    ok = rubeam:close(Observed),
    ?assertMatch({[rubeam, interpreter, exit], _, #{ruby := Observed}}, next()),
    ?assertEqual([], rubeam_ct:mailbox()).

each_port_has_its_own_function(_Config) ->
    Test = self(),
    Ports = [{N, rubeam_ct:open(#{on_event => fun(_, _, Metadata) -> Test ! {N, Metadata} end})}
             || N <- lists:seq(1, 20)],
    [{ok, N} = rubeam:eval(Port, integer_to_binary(N)) || {N, Port} <- Ports],
    [receive {N, #{ruby := Port, outcome := ok}} -> ok after 5000 -> ct:fail(N) end || {N, Port} <- Ports],
    [ok = rubeam:close(Port) || {_, Port} <- Ports],
    [receive {N, #{ruby := Port, reason := closed}} -> ok after 5000 -> ct:fail(N) end || {N, Port} <- Ports].

a_function_that_fails_is_not_called_again(_Config) ->
    Test = self(),
    rubeam_ct:quietly(fun() ->
        Port = rubeam_ct:open(#{on_event => fun(_, _, _) -> Test ! called, error(oops) end}),
        Other = rubeam_ct:open(#{on_event => to(self())}),
        {ok, _} = rubeam:eval(Port, <<"1">>),
        {ok, _} = rubeam:eval(Port, <<"1">>),
        {ok, _} = rubeam:eval(Other, <<"1">>),
        ?assertMatch({_, _, #{ruby := Other}}, next()),
        ok = rubeam:close(Port),
        ok = rubeam:close(Other),
        ?assertMatch({_, _, #{reason := closed}}, next()),
        ?assertEqual([called], rubeam_ct:mailbox())
    end).

a_slow_function_holds_up_nobody(_Config) ->
    Test = self(),
    Slow = fun(_, _, _) -> Test ! {in, self()}, receive go_on -> ok end end,
    Port = rubeam_ct:open(#{on_event => Slow}),
    [{ok, _} = rubeam:eval(Port, <<"1">>) || _ <- lists:seq(1, 100)],
    ok = rubeam:close(Port),
    [receive {in, Pid} -> Pid ! go_on after 5000 -> ct:fail(N) end || N <- lists:seq(1, 101)].

%% 16 MB may wait; each event counts 64 bytes and its own.
what_comes_too_fast_is_lost_and_counted(_Config) ->
    rubeam_ct:in_peer(?FUNCTION_NAME, fun ?MODULE:flood/0).

flood() ->
    Test = self(),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => Test}),
    ok = logger:update_handler_config(default, level, none),
    Events = counters:new(1, []),
    Port = rubeam_ct:open(#{on_event => fun(_, _, _) ->
        ok = counters:add(Events, 1, 1),
        case counters:get(Events, 1) of
            1 -> Test ! first, receive go_on -> ok end;
            _ -> ok
        end
    end}),
    Count = 250_000,
    ok = rubeam:cast(Port, <<"1">>),
    receive first -> ok after 5000 -> ct:fail(no_event) end,
    [evals_at_once(Port, 100) || _ <- lists:seq(1, Count div 100)],
    {ok, _} = rubeam:eval(Port, <<"1">>),
    Pid = whereis(rubeam_event),
    {message_queue_len, Length} = process_info(Pid, message_queue_len),
    ?assert(Length > 50_000 andalso Length < 200_000, Length),
    Pid ! go_on,
    _ = sys:get_state(Pid, 60000),
    Taken = counters:get(Events, 1),
    {ok, _} = rubeam:eval(Port, <<"1">>),
    Lost = receive {lost, N} -> N after 5000 -> ct:fail(not_told) end,
    ?assertEqual(Count + 2 - Taken, Lost),
    ok = rubeam:close(Port),
    ok = logger:remove_handler(?MODULE).

evals_at_once(Port, Count) ->
    Requests = [rubeam:send_request(Port, {eval, <<"1">>}) || _ <- lists:seq(1, Count)],
    [{reply, {ok, 1}} = rubeam:receive_response(Request, 60000) || Request <- Requests].

%% The callback of a logger handler
log(#{msg := {report, #{what := events_lost, count := Lost}}}, #{config := Test}) -> Test ! {lost, Lost};
log(_Event, _Config) -> ok.

the_process_may_die(_Config) ->
    Port = rubeam_ct:open(#{on_event => to(self())}),
    Before = whereis(rubeam_event),
    rubeam_ct:quietly(fun() ->
        exit(Before, kill),
        rubeam_ct:until(fun() -> Now = whereis(rubeam_event), is_pid(Now) andalso Now =/= Before end),
        _ = sys:get_state(rubeam_event)
    end),
    {ok, _} = rubeam:eval(Port, <<"1">>),
    ?assertMatch({_, _, #{outcome := ok}}, next()),
    ok = rubeam:close(Port),
    ?assertMatch({_, _, #{reason := closed}}, next()),
    rubeam_ct:until(fun() -> ets:lookup(rubeam_event, Port) =:= [] end).

the_application_may_be_restarted(_Config) ->
    _ = rubeam_ct:open(#{on_event => to(self())}),
    ok = application:stop(rubeam),
    {ok, _} = application:ensure_all_started(rubeam),
    _ = rubeam_ct:mailbox(), % its end may have been told or not
    Port = rubeam_ct:open(#{on_event => to(self())}),
    ok = rubeam:close(Port),
    ?assertMatch({_, _, #{ruby := Port, reason := closed}}, next()),
    _ = rubeam_ct:mailbox().
