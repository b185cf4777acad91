%% Is a server supervised, found, reachable from other nodes, and honest about its end?
-module(server_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [every_function_takes_a_server,
     a_local_call_does_not_need_the_server,
     two_servers_are_isolated,
     every_kind_of_name,
     a_name_that_is_taken,
     a_supervisor_starts_a_fresh_one,
     child_specs_of_several_servers,
     stop_reasons,
     stopping_is_for_anybody,
     stop_closes_what_runs,
     an_exception_in_a_call_is_only_the_callers,
     a_killed_server_is_forgotten,
     a_server_that_shuts_down_answers_its_callers,
     a_response_without_receiver_is_logged,
     unexpected_messages_do_no_harm,
     from_another_node_every_function_works,
     from_another_node_a_long_request_blocks_nobody,
     from_another_node_a_dying_caller_stops_its_request,
     from_another_node_a_dying_node_stops_its_requests,
     from_another_node_a_request_can_be_given_up,
     from_another_node_the_end_is_noticed,
     nothing_is_left_behind].

init_per_suite(Config) ->
    rubeam_ct:start(Config).

end_per_suite(Config) ->
    rubeam_ct:stop(Config).

nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

start() -> start(#{}).

start(Options) ->
    {ok, Server} = rubeam_server:start_link(Options),
    Server.

%% --- on this node ---

every_function_takes_a_server(_Config) ->
    Server = start(#{output => {send, self()}}),
    ?assertEqual({ok, 1}, rubeam:eval(Server, <<"a = 1">>)),
    ?assertEqual({ok, 3}, rubeam:eval(Server, "a += 2", #{timeout => 5000})),
    ?assertEqual({ok, <<"main">>}, rubeam:call(Server, to_s, [])),
    ?assertEqual({ok, 3.0}, rubeam:call(Server, {'Math', sqrt}, [9], #{timeout => 5000})),
    ?assertEqual(ok, rubeam:cast(Server, <<"a += 1">>)),
    ?assertEqual({reply, {ok, 4}},
                 rubeam:receive_response(rubeam:send_request(Server, {eval, <<"a">>}), 5000)),
    ?assertEqual(ok, rubeam:interrupt(Server)),
    ?assertMatch(#{calls := 2}, rubeam:info(Server)),
    ?assertEqual(ok, rubeam:close(Server)),
    ?assertEqual({error, closed}, rubeam:eval(Server, <<"1">>)),
    ?assertEqual(ok, rubeam:close(Server)).

a_local_call_does_not_need_the_server(_Config) ->
    Server = start(),
    ok = sys:suspend(Server),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    ?assertEqual({ok, 43}, rubeam:eval(Server, <<"sleep 0.01; 43">>)),
    ok = sys:resume(Server),
    ok = rubeam_server:stop(Server).

%% The article's RubyServer
two_servers_are_isolated(_Config) ->
    Server = start(),
    ok = rubeam:cast(Server, <<"a = 1">>),
    ok = rubeam:cast(Server, <<"while a < 10 do\n  a *= 3\nend\n">>),
    Answer = <<"Erlang::Tuple[:response, a]">>,
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Answer)),
    Another = start(),
    ok = rubeam:cast(Another, <<"a = 42">>),
    ?assertEqual({ok, {response, 42}}, rubeam:eval(Another, Answer)),
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Answer)),
    %% A crash of one is its own.
    process_flag(trap_exit, true),
    ok = rubeam:cast(Another, <<"1/0">>),
    receive {'EXIT', Another, {ruby_exit, {error, #{class := <<"ZeroDivisionError">>}}}} -> ok
    after 10000 -> ct:fail(no_exit)
    end,
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Answer)),
    ok = rubeam_server:stop(Server).

every_kind_of_name(_Config) ->
    [begin
         {ok, Server} = Start(),
         [?assertEqual({Ref, {ok, 42}}, {Ref, rubeam_ct:answers(Ref)}) || Ref <- [Server | Refs]],
         ok = rubeam_server:stop(lists:last(Refs)),
         [?assertEqual({Ref, {error, closed}}, {Ref, rubeam_ct:answers(Ref)}) || Ref <- [Server | Refs]]
     end || {Start, Refs} <-
                [{fun() -> rubeam_server:start_link(calculator, #{}) end,
                  [calculator, {calculator, node()}]},
                 {fun() -> rubeam_server:start_link({local, calculator}, #{}) end, [calculator]},
                 {fun() -> rubeam_server:start_link(#{name => calculator}) end, [calculator]},
                 {fun() -> rubeam_server:start({global, {a, ruby}}, #{}) end, [{global, {a, ruby}}]},
                 {fun() -> rubeam_server:start_link({via, global, ruby}, #{}) end,
                  [{via, global, ruby}, {global, ruby}]}]].

a_name_that_is_taken(_Config) ->
    {ok, Server} = rubeam_server:start_link(taken, #{}),
    Ports = rubeam_ct:all_ports(),
    ?assertEqual({error, {already_started, Server}}, rubeam_server:start_link(taken, #{})),
    ?assertEqual(Ports, rubeam_ct:all_ports()),
    ok = rubeam_server:stop(taken).

%% --- supervision ---

supervisor(Specs, Flags) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {Flags, Specs}),
    Supervisor.

%% The callback of supervisor
init(Start) -> {ok, Start}.

a_supervisor_starts_a_fresh_one(_Config) ->
    Supervisor = supervisor([rubeam_server:child_spec(#{name => supervised})],
                            #{intensity => 10, period => 60}),
    rubeam_ct:quietly(fun() ->
        [begin
             Server = whereis(supervised),
             ?assertEqual({ok, 1}, rubeam:eval(supervised, <<"a = 1">>)),
             _ = End(Server),
             rubeam_ct:until(fun() -> case whereis(supervised) of
                                          undefined -> false;
                                          Server -> false;
                                          New -> rubeam_ct:answers(New) =:= {ok, 42}
                                      end end),
             ?assertMatch({error, #{class := <<"NoMethodError">>}}, rubeam:eval(supervised, <<"a">>))
         end || End <- [fun(S) -> rubeam:cast(S, <<"raise 'an accident'">>) end,
                        fun(S) -> rubeam:eval(S, <<"exit 1">>) end,
                        fun(S) -> exit(S, kill) end,
                        fun(S) -> rubeam_transport:close(port_of(S)) end,
                        fun(S) -> rubeam:close(S) end]]
    end),
    stop_supervisor(Supervisor),
    ?assertEqual(undefined, whereis(supervised)).

stop_supervisor(Supervisor) ->
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    rubeam_ct:gone(Supervisor).

child_specs_of_several_servers(_Config) ->
    ?assertMatch(#{id := rubeam_server, start := {rubeam_server, start_link, [#{}]}},
                 rubeam_server:child_spec(#{})),
    Specs = [rubeam_server:child_spec(#{name => Name}) || Name <- [one, two, {global, three}]],
    ok = supervisor:check_childspecs(Specs),
    Supervisor = supervisor(Specs, #{}),
    [{ok, Name} = rubeam:eval(Name, [":", atom_to_list(Name)]) || Name <- [one, two]],
    ?assertEqual({ok, 42}, rubeam_ct:answers({global, three})),
    stop_supervisor(Supervisor),
    %% A wrong option is the supervisor's error.
    process_flag(trap_exit, true),
    rubeam_ct:quietly(fun() ->
        ?assertMatch({error, {shutdown, {failed_to_start_child, rubeam_server, {bad_option, x}}}},
                     supervisor:start_link(?MODULE, {#{}, [rubeam_server:child_spec(#{x => 1})]}))
    end).

stop_reasons(_Config) ->
    process_flag(trap_exit, true),
    rubeam_ct:quietly(fun() ->
        [begin
             Server = start(#{timeout => 20, grace => 3, memory_limit => 4 bsl 20}),
             _ = rubeam:eval(Server, Code),
             receive {'EXIT', Server, Reason} -> ?assertEqual({Code, Expected}, {Code, Reason})
             after 20000 -> ct:fail({no_exit, Code})
             end
         end || {Code, Expected} <-
                    [{<<"exit">>, {ruby_exit, 0}}, {<<"exit 7">>, {ruby_exit, 7}},
                     {<<"loop { begin; loop {}; rescue Exception; end }">>, {ruby_exit, killed}},
                     {<<"Object.send(:remove_const, :NameError); Foo">>,
                      {ruby_exit, stack_overflow}}]],
        Cast = start(),
        ok = rubeam:cast(Cast, <<"raise 'uncaught'">>),
        receive {'EXIT', Cast, {ruby_exit, {error, #{message := <<"uncaught">>}}}} -> ok
        after 10000 -> ct:fail(no_exit)
        end,
        Closed = start(),
        ok = rubeam_transport:close(port_of(Closed)),
        receive {'EXIT', Closed, ClosedReason} -> ?assertEqual({ruby_exit, closed}, ClosedReason)
        after 10000 -> ct:fail(no_exit)
        end
    end),
    Stopped = start(),
    ok = rubeam_server:stop(Stopped),
    receive {'EXIT', Stopped, StoppedReason} -> ?assertEqual(normal, StoppedReason)
    after 10000 -> ct:fail(no_exit)
    end,
    ?assertEqual([], rubeam_ct:mailbox()).

stopping_is_for_anybody(_Config) ->
    Server = start(),
    Other = rubeam_ct:caller(fun() -> rubeam:close(Server) end),
    ?assertEqual(ok, rubeam_ct:result(Other)),
    ?assertEqual([], rubeam_ct:leftover(Other)),
    ?assertNot(is_process_alive(Server)),
    ?assertEqual(ok, rubeam_server:stop(Server)).

stop_closes_what_runs(_Config) ->
    Server = start(#{output => {send, self()}}),
    Caller = rubeam_ct:caller(fun() -> rubeam:eval(Server, rubeam_ct:begins(<<"loop {}">>)) end),
    receive {rubeam, Server, {response, begun}} -> ok after 10000 -> ct:fail(not_begun) end,
    ok = rubeam_server:stop(Server),
    ?assertEqual({error, closed}, rubeam_ct:result(Caller)),
    ?assertEqual([], rubeam_ct:leftover(Caller)).

an_exception_in_a_call_is_only_the_callers(_Config) ->
    Server = start(),
    ?assertMatch({error, #{class := <<"ZeroDivisionError">>}}, rubeam:eval(Server, <<"1/0">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    ok = rubeam_server:stop(Server).

a_killed_server_is_forgotten(_Config) ->
    {ok, Server} = rubeam_server:start(#{}),
    ?assertMatch([{Server, _, _}], ets:lookup(rubeam_registry, Server)),
    exit(Server, kill),
    rubeam_ct:until(fun() -> ets:lookup(rubeam_registry, Server) =:= [] end),
    ?assertEqual({error, closed}, rubeam_ct:answers(Server)).

a_server_that_shuts_down_answers_its_callers(_Config) ->
    Spec = rubeam_server:child_spec(#{name => supervised, output => {send, self()}}),
    Supervisor = supervisor([Spec], #{}),
    Caller = rubeam_ct:caller(fun() -> rubeam:eval(supervised, rubeam_ct:begins(<<"sleep">>)) end),
    receive {rubeam, _, {response, begun}} -> ok after 10000 -> ct:fail(not_begun) end,
    stop_supervisor(Supervisor),
    ?assertEqual({error, closed}, rubeam_ct:result(Caller)),
    ?assertEqual([], rubeam_ct:leftover(Caller)).

%% The callback of a logger handler
log(Event, #{config := Test}) -> Test ! {logged, Event}.

a_response_without_receiver_is_logged(_Config) ->
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => self(), level => notice}),
    Server = start(),
    {ok, _} = rubeam:eval(Server, <<"send_response(42)">>),
    receive
        {logged, #{level := notice, meta := #{domain := [rubeam]},
                   msg := {report, #{what := response_without_receiver, value := 42,
                                     server := Server}}}} -> ok
    after 10000 -> ct:fail(not_logged)
    end,
    ok = logger:remove_handler(?MODULE),
    ok = rubeam_server:stop(Server).

unexpected_messages_do_no_harm(_Config) ->
    Server = start(),
    [Server ! Message || Message <- [hello, {make_ref(), {ok, 1}}, {io_reply, make_ref(), ok},
                                     {{caller, make_ref()}, make_ref(), process, self(), normal},
                                     {'EXIT', whereis(init), normal}, {self(), {data, <<>>}}]],
    ok = gen_server:cast(Server, hello),
    ok = gen_server:cast(Server, {abandon, make_ref()}),
    Unanswered = gen_server:send_request(Server, hello),
    true = port_command(port_of(Server), term_to_binary({eval, some_id, <<"1">>})),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    _ = sys:get_state(Server),
    ok = rubeam_server:stop(Server),
    ?assertMatch({error, {normal, _}}, gen_server:receive_response(Unanswered, 10000)).

port_of(Server) ->
    {ok, Ruby} = rubeam_registry:where(Server),
    Ruby.

%% --- from another node, on which the application does not run ---

with_peer(Fun) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try Fun(Node)
    after rubeam_ct:peer_stop(Peer)
    end.

from_another_node_every_function_works(_Config) ->
    {ok, Server} = rubeam_server:start_link(far, #{output => {send, self()}}),
    yes = global:register_name(far_too, Server),
    with_peer(fun(Node) ->
        Call = fun(Function, Args) -> erpc:call(Node, rubeam, Function, Args) end,
        pong = erpc:call(Node, net_adm, ping, [node()]),
        ok = erpc:call(Node, global, sync, []),
        [begin
             ?assertEqual({ok, 1}, Call(eval, [Ref, <<"a = 1">>])),
             ?assertEqual({ok, 3}, Call(eval, [Ref, <<"sleep 0.01; a += 2">>, #{timeout => 5000}])),
             ?assertEqual({ok, <<"main">>}, Call(call, [Ref, to_s, []])),
             ?assertEqual({ok, 3.0}, Call(call, [Ref, {'Math', sqrt}, [9], #{timeout => 5000}])),
             ?assertMatch({error, #{class := <<"ZeroDivisionError">>}}, Call(eval, [Ref, <<"1/0">>])),
             ?assertEqual({error, timeout}, Call(eval, [Ref, <<"loop {}">>, #{timeout => 20}])),
             ?assertEqual(ok, Call(cast, [Ref, <<"a += 1">>])),
             ?assertEqual(ok, Call(interrupt, [Ref])),
             ?assertMatch(#{memory := _}, Call(info, [Ref])),
             ?assertEqual({reply, {ok, 4}},
                          erpc:call(Node, ?MODULE, request_there, [Ref, {eval, <<"a">>}])),
             ?assertEqual({reply, {error, interrupted}},
                          erpc:call(Node, ?MODULE, interrupted_there, [Ref]))
         end || Ref <- [Server, {far, node()}, {global, far_too}, {via, global, far_too}]],
        Pid = erpc:call(Node, erlang, self, []),
        Big = maps:from_list([{N, {N, <<"text">>}} || N <- lists:seq(1, 1000)]),
        {ok, _} = Call(eval, [Server, <<"def same(x) = x">>]),
        ?assertEqual({ok, [Pid, Big]}, Call(call, [Server, same, [[Pid, Big]]])),
        ?assertEqual(ok, Call(close, [Server])),
        ?assertEqual(ok, Call(close, [{far, node()}]))
    end),
    ?assertNot(is_process_alive(Server)).

request_there(Ref, Request) ->
    Id = rubeam:send_request(Ref, Request),
    Reply = rubeam:receive_response(Id, 5000),
    [] = rubeam_ct:mailbox(),
    Reply.

interrupted_there(Ref) ->
    Id = rubeam:send_request(Ref, {eval, <<"sleep 1000">>}),
    timeout = rubeam:wait_response(Id, 10),
    no_reply = rubeam:check_response(something, Id),
    ok = rubeam:interrupt(Ref),
    receive Message -> rubeam:check_response(Message, Id) after 10000 -> no_message end.

from_another_node_a_long_request_blocks_nobody(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{output => {send, self()}}),
    with_peer(fun(Node) ->
        Long = spawn_there(Node, Server, rubeam_ct:begins(<<"loop {}">>)),
        receive {rubeam, Server, {response, begun}} -> ok after 10000 -> ct:fail(not_begun) end,
        %% The server answers, and others may wait in the queue.
        Queued = spawn_there(Node, Server, <<"43">>),
        rubeam_ct:until(fun() -> maps:get(queue, erpc:call(Node, rubeam, info, [Server])) =:= 1 end),
        ok = rubeam:interrupt(Server),
        ?assertEqual({error, interrupted}, rubeam_ct:result(Long)),
        ?assertEqual({ok, 43}, rubeam_ct:result(Queued)),
        ?assertEqual([], rubeam_ct:leftover(Long)),
        ?assertEqual([], rubeam_ct:leftover(Queued))
    end),
    ok = rubeam_server:stop(Server).

%% A caller on the other node, as rubeam_ct:caller/1 makes one here
spawn_there(Node, Ref, Code) ->
    Test = self(),
    spawn(Node, ?MODULE, caller_there, [Test, Ref, Code]).

caller_there(Test, Ref, Code) ->
    Test ! {self(), result, rubeam:eval(Ref, Code)},
    receive {leftover, From} -> From ! {self(), leftover, rubeam_ct:mailbox()} end.

begun_there(Node, Server) ->
    Caller = spawn_there(Node, Server, rubeam_ct:begins(<<"loop {}">>)),
    receive {rubeam, Server, {response, begun}} -> ok after 10000 -> ct:fail(not_begun) end,
    Caller.

from_another_node_a_dying_caller_stops_its_request(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{output => {send, self()}}),
    with_peer(fun(Node) ->
        Caller = begun_there(Node, Server),
        exit(Caller, kill),
        ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
        ?assertEqual(#{}, remote_requests(Server))
    end),
    ok = rubeam_server:stop(Server).

from_another_node_a_dying_node_stops_its_requests(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{output => {send, self()}}),
    with_peer(fun(Node) ->
        _ = begun_there(Node, Server),
        [spawn_there(Node, Server, <<"sleep">>) || _ <- lists:seq(1, 10)],
        rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Server)) =:= 10 end)
    end),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    ?assertEqual(#{}, remote_requests(Server)),
    ok = rubeam_server:stop(Server).

remote_requests(Server) ->
    element(4, sys:get_state(Server)).

from_another_node_a_request_can_be_given_up(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{output => discard}),
    with_peer(fun(Node) ->
        ?assertEqual({timeout, {ok, 42}, []}, erpc:call(Node, ?MODULE, given_up_there, [Server])),
        ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
        ?assertEqual(#{}, remote_requests(Server))
    end),
    ok = rubeam_server:stop(Server).

given_up_there(Server) ->
    Id = rubeam:send_request(Server, {eval, <<"loop {}">>}),
    {rubeam:receive_response(Id, 20), rubeam_ct:answers(Server), rubeam_ct:mailbox()}.

from_another_node_the_end_is_noticed(_Config) ->
    process_flag(trap_exit, true),
    with_peer(fun(Node) ->
        rubeam_ct:quietly(fun() ->
            [begin
                 {ok, Server} = rubeam_server:start_link(#{output => {send, self()}}),
                 Caller = begun_there(Node, Server),
                 End(Server),
                 ?assertEqual({error, closed}, rubeam_ct:result(Caller)),
                 ?assertEqual([], rubeam_ct:leftover(Caller)),
                 ?assertEqual({error, closed}, erpc:call(Node, rubeam, eval, [Server, <<"1">>])),
                 ?assertEqual({error, closed}, erpc:call(Node, rubeam, info, [Server])),
                 ?assertEqual({error, closed},
                              erpc:call(Node, rubeam, eval, [{no_such, node()}, <<"1">>]))
             end || End <- [fun rubeam_server:stop/1,
                            fun(S) -> exit(S, kill) end,
                            fun(S) -> exit(S, shutdown) end,
                            fun(S) -> rubeam_transport:close(port_of(S)) end]]
        end)
    end),
    _ = rubeam_ct:mailbox(),
    ok.
