%% Ruby calls Erlang functions, and what these ask of Ruby meanwhile; messages in both directions.
-module(functions_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [functions_are_named_by_atoms_and_binaries,
     what_is_no_function_opens_nothing,
     a_function_runs_in_the_process_that_asked,
     a_request_brings_functions_of_its_own,
     a_function_that_is_not_there_is_named_with_those_that_are,
     arguments_must_be_as_many_as_the_function_takes,
     what_a_function_raises_is_an_exception,
     a_stack_tells_where_it_was_raised,
     values_without_a_form_in_ruby_are_an_exception,
     a_value_larger_than_a_frame_is_an_exception,
     every_kind_of_term_goes_there_and_back,
     a_call_after_a_long_while_is_the_same,
     functions_may_ask_the_interpreter_back,
     a_thousand_calls_deep_there_is_an_end,
     a_request_that_waits_can_be_waited_for_in_each_way,
     the_time_of_a_request_passes_in_its_functions,
     an_interrupt_ends_the_waiting_for_a_function,
     a_caller_killed_in_its_function_leaves_the_interpreter_well,
     a_port_closed_in_the_middle_is_closed_for_its_caller,
     an_exit_in_the_middle_ends_all_of_it,
     other_requests_wait_for_one_that_waits,
     a_server_runs_functions_of_casts_beside_itself,
     a_function_killed_in_a_cast_is_an_exception,
     functions_for_another_node_run_beside_the_server,
     an_owner_may_answer_calls_itself,
     functions_go_with_their_port,
     many_scripts_that_wait_need_no_threads,
     messages_reach_the_block_in_their_order,
     messages_from_many_processes_all_arrive,
     ruby_sends_to_processes_names_nodes_and_aliases,
     what_ruby_sends_keeps_its_order,
     what_is_sent_to_nobody_is_lost,
     a_flood_of_messages_is_held_back,
     a_courier_that_is_killed_is_replaced,
     self_is_the_owner,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

functions() ->
    #{add => fun(A, B) -> A + B end,
      <<"é"/utf8>> => fun() -> unicode end,
      me => fun() -> self() end,
      same => fun(Term) -> Term end,
      fail => fun(Class, Reason) -> erlang:raise(Class, Reason, []) end,
      wait => fun(Ms) -> timer:sleep(Ms) end}.

open() -> rubeam_ct:open(#{functions => functions()}).

error_of(Port, Code) ->
    rubeam:eval(Port, ["begin; ", Code, "; rescue Erlang::CallError => e; "
                       "[e.kind, e.reason, e.message]; end"]).

%% --- calling ---

functions_are_named_by_atoms_and_binaries(_Config) ->
    Port = open(),
    ?assertEqual({ok, 3}, rubeam:eval(Port, <<"Erlang.call(:add, 1, 2)">>)),
    ?assertEqual({ok, 3}, rubeam:eval(Port, <<"Erlang.call('add', 1, 2)">>)),
    ?assertEqual({ok, unicode}, rubeam:eval(Port, <<"Erlang.call(:é)"/utf8>>)),
    ?assertEqual({ok, 45}, rubeam:eval(Port, <<"(1..9).inject { |a, b| Erlang.call(:add, a, b) }">>)),
    ?assertEqual({ok, 7}, rubeam:call(Port, {'Erlang', call}, [add, 3, 4])),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port).

what_is_no_function_opens_nothing(_Config) ->
    Before = length(rubeam_ct:all_ports()),
    [begin
         Bad = {bad_option, {functions, Functions}},
         ?assertEqual({error, Bad}, rubeam:open(#{functions => Functions})),
         ?assertEqual({error, Bad}, rubeam_server:start_link(#{functions => Functions}))
     end || Functions <- [none, [], #{a => b}, #{"a" => fun() -> 1 end}, #{1 => fun() -> 1 end},
                          #{a => fun() -> 1 end, <<"a">> => fun() -> 2 end}]],
    ?assertEqual(Before, length(rubeam_ct:all_ports())),
    Port = open(),
    ?assertError(badarg, rubeam:eval(Port, <<"1">>, #{functions => #{a => b}})),
    ?assertError(badarg, rubeam:compile(<<"1">>, #{functions => #{}})),
    ok = rubeam:close(Port).

a_function_runs_in_the_process_that_asked(_Config) ->
    Port = open(),
    Here = self(),
    ?assertEqual({ok, Here}, rubeam:eval(Port, <<"Erlang.call(:me)">>)),
    ?assertEqual({ok, Here}, rubeam:eval(Port, <<"sleep 0.01; Erlang.call(:me)">>)),
    Caller = rubeam_ct:caller(fun() -> rubeam:eval(Port, <<"sleep 0.01; Erlang.call(:me)">>) end),
    ?assertEqual({ok, Caller}, rubeam_ct:result(Caller)),
    ?assertEqual([], rubeam_ct:leftover(Caller)),
    {ok, Server} = rubeam_server:start_link(#{functions => functions()}),
    ?assertEqual({ok, Here}, rubeam:eval(Server, <<"Erlang.call(:me)">>)),
    ok = rubeam:close(Server),
    ok = rubeam:close(Port).

a_request_brings_functions_of_its_own(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, <<"def ask(x) = Erlang.call(:more, x)">>),
    {ok, Bytecode} = rubeam:compile(<<"Erlang.call(:more, 5)">>),
    Options = #{functions => #{more => fun(N) -> N + 1 end, add => fun(_, _) -> mine end}},
    ?assertEqual({ok, [6, mine]}, rubeam:eval(Port, <<"[ask(5), Erlang.call(:add, 1, 2)]">>, Options)),
    ?assertEqual({ok, 6}, rubeam:call(Port, ask, [5], Options)),
    ?assertEqual({ok, 6}, rubeam:load(Port, Bytecode, Options)),
    ?assertEqual({ok, 6}, rubeam:eval(Port, <<"sleep 0.005; ask(5)">>, Options)),
    Id = rubeam:send_request(Port, {call, ask, [6], Options}),
    ?assertEqual({reply, {ok, 7}}, rubeam:receive_response(Id, 5000)),
    ?assertMatch({error, #{class := <<"Erlang::CallError">>}}, rubeam:call(Port, ask, [5])),
    ?assertEqual({ok, 3}, rubeam:eval(Port, <<"Erlang.call(:add, 1, 2)">>)),
    ok = rubeam:close(Port).

a_function_that_is_not_there_is_named_with_those_that_are(_Config) ->
    Port = rubeam_ct:open(#{functions => #{b => fun() -> 1 end, a => fun() -> 2 end}}),
    ?assertEqual({ok, [error, undef, <<"there is no function nope; there are a, b">>]},
                 error_of(Port, "Erlang.call(:nope)")),
    Empty = rubeam_ct:open(),
    ?assertEqual({ok, [error, undef, <<"there is no function nope; this interpreter has none">>]},
                 error_of(Empty, "Erlang.call(:nope)")),
    ?assertMatch({error, #{class := <<"Erlang::CallError">>}},
                 rubeam:eval(Empty, <<"Erlang.call(:nope)">>)),
    ok = rubeam:close(Port),
    ok = rubeam:close(Empty).

arguments_must_be_as_many_as_the_function_takes(_Config) ->
    Port = open(),
    ?assertEqual({ok, [error, badarity, <<"the function add takes 2 arguments, not 3">>]},
                 error_of(Port, "Erlang.call(:add, 1, 2, 3)")),
    ?assertEqual({ok, [error, badarity, <<"the function me takes 0 arguments, not 1">>]},
                 error_of(Port, "Erlang.call(:me, nil)")),
    ok = rubeam:close(Port).

what_a_function_raises_is_an_exception(_Config) ->
    Port = open(),
    ?assertEqual({ok, [throw, {a, 1}, <<"throw: {a,1}">>]},
                 error_of(Port, "Erlang.call(:fail, :throw, Erlang::Tuple[:a, 1])")),
    ?assertEqual({ok, [exit, normal, <<"exit: normal">>]},
                 error_of(Port, "Erlang.call(:fail, :exit, :normal)")),
    ?assertEqual({ok, [error, badarith, <<"error: badarith">>]},
                 error_of(Port, "Erlang.call(:add, 1, :x)")),
    %% A reason without a form in Ruby is nil; the message tells it.
    ?assertMatch({ok, [error, nil, <<"error: {bad,[1|2]}">>]},
                 rubeam:eval(Port, <<"begin; Erlang.call(:improper); rescue Erlang::CallError => e; "
                                     "[e.kind, e.reason, e.message]; end">>,
                             #{functions => #{improper => fun() -> error({bad, [1 | 2]}) end}})),
    ?assertMatch({error, #{class := <<"Erlang::CallError">>, message := <<"error: badarith">>,
                           backtrace := [_ | _]}},
                 rubeam:eval(Port, <<"Erlang.call(:add, 1, :x)">>)),
    ?assertEqual({ok, true}, rubeam:eval(Port, <<"Erlang::CallError < StandardError">>)),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port).

a_stack_tells_where_it_was_raised(_Config) ->
    Port = open(),
    {ok, [First | _]} =
        rubeam:eval(Port, <<"begin; Erlang.call(:here); rescue Erlang::CallError => e; e.stack; end">>,
                    #{functions => #{here => fun() -> error(here) end}}),
    ?assertMatch({match, _}, re:run(First, "functions_SUITE.erl:\\d+:in functions_SUITE:")),
    ok = rubeam:close(Port).

values_without_a_form_in_ruby_are_an_exception(_Config) ->
    Port = open(),
    [?assertMatch({error, #{class := <<"Erlang::TermError">>}},
                  rubeam:eval(Port, <<"Erlang.call(:f)">>, #{functions => #{f => fun() -> Value end}}))
     || Value <- [[1 | 2], <<1:3>>, {deep, [[1 | 2]]}]],
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}},
                 rubeam:eval(Port, <<"Erlang.call(:same, Object.new)">>)),
    ?assertMatch({error, #{class := <<"TypeError">>}}, rubeam:eval(Port, <<"Erlang.call(nil)">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

a_value_larger_than_a_frame_is_an_exception(_Config) ->
    Port = rubeam_ct:open(#{max_frame => 10000, functions => functions()}),
    {ok, [error, badarg, Message]} =
        rubeam:eval(Port, <<"begin; Erlang.call(:big); rescue Erlang::CallError => e; "
                            "[e.kind, e.reason, e.message]; end">>,
                    #{functions => #{big => fun() -> binary:copy(<<"x">>, 20000) end}}),
    ?assertMatch({match, _}, re:run(Message, "max_frame")),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}},
                 rubeam:eval(Port, <<"Erlang.call(:same, 'x' * 20000)">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port),
    %% Not even the failure has room.
    Small = rubeam_ct:open(#{max_frame => 100,
                             functions => #{f => fun() -> binary:copy(<<"x">>, 200) end}}),
    ?assertMatch({error, _}, rubeam:eval(Small, <<"Erlang.call :f">>)),
    ok = rubeam:close(Small),
    %% Names may be bytes that are no text.
    Odd = rubeam_ct:open(#{functions => #{<<"Ж"/utf8>> => fun() -> 1 end}}),
    ?assertMatch({error, #{class := <<"Erlang::CallError">>}},
                 rubeam:eval(Odd, <<"Erlang.call \"\\xff\"">>)),
    ok = rubeam:close(Odd).

every_kind_of_term_goes_there_and_back(_Config) ->
    Port = open(),
    Terms = [0, -1, 1 bsl 100, -(1 bsl 5000), 1.5, true, nil, atom, <<>>, <<0, 255>>, [], [1, [2]],
             {}, {a, {b}}, #{}, #{1 => #{<<"k">> => [v]}}, self(), make_ref(), Port, fun erlang:abs/1,
             fun(X) -> X + 1 end, binary:copy(<<"y">>, 100000), lists:seq(1, 5000),
             maps:from_list([{N, {N}} || N <- lists:seq(1, 1000)])],
    [begin
         ?assertEqual({ok, Term}, rubeam:call(Port, {'Erlang', call}, [same, Term])),
         ?assertEqual({ok, Term}, rubeam:eval(Port, <<"sleep 0.001; Erlang.call(:same, t)">>,
                                              #{bindings => #{t => Term}}))
     end || Term <- Terms],
    %% As keys, also when they came twice by different ways.
    Opaque = [self(), make_ref(), Port, fun erlang:abs/1],
    {ok, _} = rubeam:eval(Port, <<"def count(a) = a.each_with_object({}) { |k, h| h[k] = 1 + (h[k] || 0) }">>),
    ?assertEqual({ok, maps:from_list([{T, 2} || T <- Opaque])},
                 rubeam:call(Port, count, [Opaque ++ Opaque])),
    ok = rubeam:close(Port).

a_call_after_a_long_while_is_the_same(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    ?assertEqual({ok, [13528, 3]},
                 rubeam:eval(Port, <<"[Erlang.call(:add, fib(21), fib(18)) - 2, "
                                     "Erlang.call(:add, 1, 2)]">>)),
    ?assertEqual({ok, lists:sum(lists:seq(1, 50))},
                 rubeam:eval(Port, <<"(1..50).inject { |a, b| sleep 0.0005; Erlang.call(:add, a, b) }">>)),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port).

%% --- asking back ---

functions_may_ask_the_interpreter_back(_Config) ->
    Port = open(),
    Back = #{functions => #{back => fun(Code) -> rubeam:eval(Port, Code) end,
                            ask => fun(Name, Args) -> rubeam:call(Port, Name, Args) end,
                            cast => fun(Code) -> rubeam:cast(Port, Code) end,
                            async => fun(Code) ->
                                             Id = rubeam:send_request(Port, {eval, Code}),
                                             {reply, Result} = rubeam:receive_response(Id, 5000),
                                             Result
                                     end}},
    {ok, _} = rubeam:eval(Port, <<"def twice(n) = n * 2">>),
    ?assertEqual({ok, {ok, 3}}, rubeam:eval(Port, <<"Erlang.call(:back, '1 + 2')">>, Back)),
    ?assertEqual({ok, {ok, 14}}, rubeam:eval(Port, <<"Erlang.call(:ask, :twice, [7])">>, Back)),
    ?assertEqual({ok, {ok, 4}}, rubeam:eval(Port, <<"Erlang.call(:async, 'sleep 0.005; 4')">>, Back)),
    ?assertEqual({ok, [5, {ok, 6}, 6]},
                 rubeam:eval(Port, <<"x = 5; [x, Erlang.call(:back, 'x += 1'), x]">>, Back)),
    ?assertMatch({ok, {error, #{class := <<"ZeroDivisionError">>}}},
                 rubeam:eval(Port, <<"Erlang.call(:back, '1 / 0')">>, Back)),
    ?assertEqual({ok, {error, timeout}},
                 rubeam:eval(Port, <<"Erlang.call(:slow)">>,
                             #{functions => #{slow => fun() -> rubeam:eval(Port, <<"loop {}">>,
                                                                           #{timeout => 20}) end}})),
    %% A cast has nobody who waits: it comes after.
    ?assertEqual({ok, [ok, 6]}, rubeam:eval(Port, <<"[Erlang.call(:cast, 'x = 70'), x]">>, Back)),
    ?assertEqual({ok, 70}, rubeam:eval(Port, <<"x">>)),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port).

a_thousand_calls_deep_there_is_an_end(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, <<"def down(n) = Erlang.call(:deeper, n)">>),
    Deeper = fun(N) -> put(depth, N), deeper(Port, N) end,
    {ok, {error, {bad_request, Why}}} =
        unwrap(rubeam:call(Port, down, [1], #{functions => #{deeper => Deeper}})),
    ?assertMatch({match, _}, re:run(Why, "nested too deep")),
    ?assertEqual(65, erase(depth)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

deeper(Port, N) ->
    rubeam:call(Port, down, [N + 1], #{functions => #{deeper => fun(M) -> put(depth, M),
                                                                           deeper(Port, M) end}}).

unwrap({ok, {ok, _} = Inner}) -> unwrap(Inner);
unwrap(Result) -> Result.

a_request_that_waits_can_be_waited_for_in_each_way(_Config) ->
    Port = open(),
    Code = <<"a = Erlang.call(:add, 1, 2); sleep 0.002; a + Erlang.call(:add, 3, 4)">>,
    One = rubeam:send_request(Port, {eval, Code}),
    ?assertEqual({reply, {ok, 10}}, rubeam:receive_response(One, infinity)),
    Two = rubeam:send_request(Port, {eval, Code}),
    ?assertEqual({reply, {ok, 10}}, rubeam:wait_response(Two, 5000)),
    Three = rubeam:send_request(Port, {eval, Code}),
    ?assertEqual({reply, {ok, 10}}, checked(Three)),
    Four = rubeam:send_request(Port, {eval, <<"Erlang.call(:wait, 50); Erlang.call(:wait, 50); 1">>}),
    ?assertEqual(timeout, rubeam:receive_response(Four, 20)),
    ?assertEqual([], rubeam_ct:mailbox()),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

checked(Id) ->
    receive
        Message ->
            case rubeam:check_response(Message, Id) of
                no_reply -> checked(Id);
                Reply -> Reply
            end
    after 5000 -> none
    end.

%% --- ends in the middle ---

the_time_of_a_request_passes_in_its_functions(_Config) ->
    Port = open(),
    ?assertEqual({error, timeout},
                 rubeam:eval(Port, <<"Erlang.call(:wait, 100)">>, #{timeout => 10})),
    ?assertEqual({error, timeout},
                 rubeam:eval(Port, <<"loop { Erlang.call(:add, 1, 2) }">>, #{timeout => 20})),
    ?assertEqual({error, timeout},
                 rubeam:eval(Port, <<"sleep 0.001; loop { Erlang.call(:wait, 1) }">>,
                             #{timeout => 20})),
    ?assertEqual([], rubeam_ct:mailbox()),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

an_interrupt_ends_the_waiting_for_a_function(_Config) ->
    Port = open(),
    Test = self(),
    Hold = #{functions => #{hold => fun() -> Test ! holds, receive go -> went end end}},
    [begin
         Caller = rubeam_ct:caller(fun() -> rubeam:eval(Port, Code, Hold) end),
         ok = rubeam_ct:receives(fun(holds) -> ok end),
         ok = rubeam:interrupt(Port),
         rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, idle) end),
         ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
         Caller ! go,
         ?assertEqual({error, interrupted}, rubeam_ct:result(Caller)),
         ?assertEqual([], rubeam_ct:leftover(Caller))
     end || Code <- [<<"Erlang.call(:hold)">>, <<"sleep 0.002; Erlang.call(:hold)">>]],
    ok = rubeam:close(Port).

a_caller_killed_in_its_function_leaves_the_interpreter_well(_Config) ->
    Port = open(),
    Test = self(),
    Hold = #{functions => #{hold => fun() -> Test ! holds, receive go -> went end end,
                            nest => fun() -> rubeam:eval(Port, <<"Erlang.call(:hold)">>,
                                                         #{functions => #{hold => fun() ->
                                                               Test ! holds, receive go -> 1 end
                                                           end}})
                                    end}},
    [begin
         Caller = spawn(fun() -> rubeam:eval(Port, Code, Hold) end),
         ok = rubeam_ct:receives(fun(holds) -> ok end),
         exit(Caller, kill),
         ?assertEqual({ok, 42}, rubeam_ct:answers(Port))
     end || Code <- [<<"Erlang.call(:hold)">>, <<"sleep 0.002; Erlang.call(:hold)">>,
                     <<"Erlang.call(:nest)">>, <<"sleep 0.002; Erlang.call(:nest)">>]],
    ok = rubeam:close(Port).

a_port_closed_in_the_middle_is_closed_for_its_caller(_Config) ->
    [begin
         Port = open(),
         Close = #{functions => #{close => fun() -> ok = rubeam:close(Port), done end}},
         ?assertEqual({error, closed}, rubeam:eval(Port, Code, Close)),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Code <- [<<"Erlang.call(:close)">>, <<"sleep 0.002; Erlang.call(:close)">>]].

an_exit_in_the_middle_ends_all_of_it(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = open(),
         Back = #{functions => #{back => fun() -> {error, closed} = rubeam:eval(Port, <<"exit 4">>) end}},
         ?assertEqual({error, closed}, rubeam:eval(Port, Code, Back)),
         ?assertEqual({exit, 4}, rubeam_ct:receive_frame(Port)),
         rubeam_ct:receives(fun({'EXIT', P, normal}) when P =:= Port -> ok end),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Code <- [<<"Erlang.call(:back)">>, <<"sleep 0.002; Erlang.call(:back)">>]],
    process_flag(trap_exit, false).

other_requests_wait_for_one_that_waits(_Config) ->
    Port = open(),
    Test = self(),
    Hold = #{functions => #{hold => fun() -> Test ! holds, receive go -> went end end}},
    First = rubeam_ct:caller(fun() -> rubeam:eval(Port, <<"x = 1; Erlang.call(:hold); x += 1">>, Hold) end),
    ok = rubeam_ct:receives(fun(holds) -> ok end),
    Second = rubeam_ct:caller(fun() -> rubeam:eval(Port, <<"x *= 10">>) end),
    rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Port)) =:= 1 end),
    First ! go,
    ?assertEqual({ok, 2}, rubeam_ct:result(First)),
    ?assertEqual({ok, 20}, rubeam_ct:result(Second)),
    ?assertEqual([], rubeam_ct:leftover(First)),
    ?assertEqual([], rubeam_ct:leftover(Second)),
    ok = rubeam:close(Port).

%% --- servers, other nodes, owners ---

server(Functions) ->
    {ok, Server} = rubeam_server:start_link(#{functions => maps:merge(functions(), Functions),
                                              output => discard}),
    Server.

a_server_runs_functions_of_casts_beside_itself(_Config) ->
    Test = self(),
    Server = server(#{tell => fun(What) -> Test ! {self(), What}, receive go -> done end end}),
    ok = rubeam:cast(Server, <<"$x = Erlang.call(:tell, :cast)">>),
    Runner = rubeam_ct:receives(fun({Pid, cast}) -> Pid end),
    ?assert(Runner =/= Server andalso Runner =/= self()),
    {links, Links} = process_info(Server, links),
    ?assert(lists:member(Runner, Links)),
    ?assertMatch(#{state := waiting}, rubeam:info(Server)),
    Runner ! go,
    rubeam_ct:gone(Runner),
    rubeam_ct:until(fun() -> rubeam:eval(Server, <<"$x">>) =:= {ok, done} end),
    ok = rubeam:close(Server).

a_function_killed_in_a_cast_is_an_exception(_Config) ->
    Test = self(),
    Server = server(#{hold => fun() -> Test ! {holds, self()}, receive go -> done end end}),
    ok = rubeam:cast(Server, <<"$x = begin; Erlang.call(:hold); rescue Erlang::CallError => e; "
                               "[e.kind, e.reason]; end">>),
    Runner = rubeam_ct:receives(fun({holds, Pid}) -> Pid end),
    exit(Runner, kill),
    ?assertEqual({ok, [exit, noproc]}, rubeam:eval(Server, <<"$x">>)),
    ok = rubeam:close(Server).

functions_for_another_node_run_beside_the_server(_Config) ->
    Server = server(#{here => fun() -> node() end}),
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try
        pong = net_adm:ping(Node),
        Eval = fun(Code) -> erpc:call(Node, rubeam, eval, [Server, Code]) end,
        ?assertEqual({ok, node()}, Eval(<<"Erlang.call(:here)">>)),
        ?assertEqual({ok, 3}, Eval(<<"sleep 0.002; Erlang.call(:add, 1, 2)">>)),
        ?assertEqual({ok, 5.0}, erpc:call(Node, rubeam, eval,
                                          [Server, <<"Erlang.call(:own, 25)">>,
                                           #{functions => #{own => fun math:sqrt/1}}])),
        ?assertMatch({error, #{class := <<"Erlang::CallError">>}}, Eval(<<"Erlang.call(:nope)">>)),
        %% The other node asks, and dies.
        spawn(Node, rubeam, eval, [Server, <<"Erlang.call(:wait, 60000)">>]),
        rubeam_ct:until(fun() -> rubeam_ct:is_state(Server, waiting) end)
    after
        rubeam_ct:peer_stop(Peer)
    end,
    ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
    ok = rubeam:close(Server).

an_owner_may_answer_calls_itself(_Config) ->
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, <<"send_response(Erlang.call(:add, 1, 2))">>),
    Frame = receive {Port, {data, Bytes}} -> rubeam:decode(Bytes) end,
    {call, CallId, <<"add">>, [1, 2]} = Frame,
    ?assertEqual({error, gone}, rubeam:return(Port, {1, 99999}, {ok, 3})),
    ?assertMatch({error, {bad_request, _}}, rubeam:return(Port, CallId, 3)),
    ?assertEqual(ok, rubeam:return(Port, CallId, {ok, 3})),
    ?assertEqual(3, rubeam_ct:response(Port)),
    ?assertEqual({error, gone}, rubeam:return(Port, CallId, {ok, 3})),
    ok = rubeam:close(Port),
    ?assertEqual({error, closed}, rubeam:return(Port, CallId, {ok, 3})),
    ?assertError(badarg, rubeam:return(not_a_port, CallId, {ok, 3})).

functions_go_with_their_port(_Config) ->
    Left = fun() -> [{Ruby, rubeam_transport:is_open(Ruby)} || {{Ruby, _}, _} <- ets:tab2list(rubeam_functions)] end,
    None = fun() -> case Left() of [] -> true; Some -> Some end end,
    rubeam_ct:until(None),
    Ports = [open() || _ <- lists:seq(1, 10)],
    ?assertEqual(10 * map_size(functions()), length(Left())),
    lists:foreach(fun rubeam:close/1, Ports),
    {Owner, _Port} = rubeam_ct:owner(#{functions => functions()}),
    rubeam_ct:owner_end(Owner),
    {error, {prelude, _}} = rubeam:open(#{functions => functions(), prelude => <<"raise 'no'">>}),
    rubeam_ct:until(None),
    %% A registry that was killed knows them again.
    Mine = open(),
    Registry = whereis(rubeam_registry),
    exit(Registry, kill),
    rubeam_ct:until(fun() -> is_pid(whereis(rubeam_registry))
                                 andalso whereis(rubeam_registry) =/= Registry end),
    ?assertEqual({ok, 3}, rubeam:eval(Mine, <<"Erlang.call(:add, 1, 2)">>)),
    _ = sys:get_state(rubeam_registry),
    ok = rubeam:close(Mine),
    rubeam_ct:until(None).

%% Each waits for its function; the process has no more threads than before.
many_scripts_that_wait_need_no_threads(_Config) ->
    rubeam_ct:in_peer(?FUNCTION_NAME, fun ?MODULE:many_wait/0).

many_wait() ->
    Test = self(),
    Hold = #{functions => #{hold => fun() -> Test ! holds, receive go -> went end end}},
    First = rubeam_ct:open(),
    ?assertEqual({ok, 42}, rubeam_ct:answers(First)),
    Before = threads(),
    Callers = [spawn_monitor(fun() ->
                                     {ok, Port} = rubeam:open(),
                                     exit(rubeam:eval(Port, <<"Erlang.call(:hold)">>, Hold))
                             end) || _ <- lists:seq(1, 10_000)],
    [rubeam_ct:receives(fun(holds) -> ok end) || _ <- Callers],
    ?assertEqual(Before, threads()),
    ?assertMatch(#{interpreters := 10_001, stacks := 10_000}, rubeam:info()),
    ?assertEqual({ok, 42}, rubeam_ct:answers(First)),
    [Pid ! go || {Pid, _} <- Callers],
    [receive {'DOWN', Ref, process, Pid, Result} -> ?assertEqual({ok, went}, Result) end
     || {Pid, Ref} <- Callers],
    ok = rubeam:close(First).

threads() ->
    {ok, Tasks} = file:list_dir("/proc/self/task"),
    length(Tasks).

%% --- messages ---

messages_reach_the_block_in_their_order(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual(ok, rubeam:send(Port, {first, 1})),
    ?assertEqual(ok, rubeam:send(Port, second)),
    {ok, _} = rubeam:eval(Port, <<"$got = []; Erlang.on_message { |m| $got << m }; nil">>),
    [ok = rubeam:send(Port, N) || N <- lists:seq(1, 500)],
    ok = rubeam:send(Port, binary:copy(<<"x">>, 20000)),
    ok = rubeam:send(Port, last),
    ?assertEqual({ok, [{first, 1}, second | lists:seq(1, 500)] ++ [binary:copy(<<"x">>, 20000), last]},
                 rubeam:eval(Port, <<"$got">>)),
    {ok, Server} = rubeam_server:start_link(#{prelude => <<"Erlang.on_message { |m| $m = m }">>}),
    ok = rubeam:send(Server, #{a => 1}),
    ?assertEqual({ok, #{a => 1}}, rubeam:eval(Server, <<"$m">>)),
    ok = rubeam:close(Server),
    ok = rubeam:close(Port),
    ?assertEqual({error, closed}, rubeam:send(Port, late)),
    ?assertError(badarg, rubeam:send("nothing", late)).

messages_from_many_processes_all_arrive(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"$sum = 0; $seen = {}; Erlang.on_message { |m| from, n = m; "
                                  "raise 'order' if n <= ($seen[from] || 0); $seen[from] = n; "
                                  "$sum += n }; nil">>),
    Senders = [spawn_monitor(fun() -> [ok = rubeam:send(Port, {self(), N}) || N <- lists:seq(1, 500)] end)
               || _ <- lists:seq(1, 20)],
    [receive {'DOWN', Ref, process, _, normal} -> ok end || {_, Ref} <- Senders],
    ?assertEqual({ok, 20 * 500 * 501 div 2}, rubeam:eval(Port, <<"$sum">>)),
    ok = rubeam:close(Port).

ruby_sends_to_processes_names_nodes_and_aliases(_Config) ->
    Port = rubeam_ct:open(),
    register(functions_test, self()),
    Send = fun(To, Term) ->
                   {ok, Term} = rubeam:call(Port, {'Erlang', send}, [To, Term]),
                   ?assertEqual(Term, rubeam_ct:receives(fun(Got) -> Got end))
           end,
    Send(self(), {hello, [1, 2.5, <<"x">>]}),
    Send(functions_test, a),
    Send(<<"functions_test">>, b),
    Send({functions_test, node()}, c),
    Send(erlang:alias(), d),
    Send(self(), maps:from_list([{N, N} || N <- lists:seq(1, 1000)])),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"sleep 0.005; Erlang.send(to, {1 => 2}); 1">>,
                                      #{bindings => #{to => self()}})),
    ?assertEqual(#{1 => 2}, rubeam_ct:receives(fun(Got) -> Got end)),
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try
        Far = spawn(Node, fun() -> receive {From, far} -> From ! {back, self()} end end),
        {ok, _} = rubeam:call(Port, {'Erlang', send}, [Far, {self(), far}]),
        ?assertEqual({back, Far}, rubeam_ct:receives(fun(Got) -> Got end))
    after
        rubeam_ct:peer_stop(Peer)
    end,
    unregister(functions_test),
    ok = rubeam:close(Port).

what_ruby_sends_keeps_its_order(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"20000.times { |i| Erlang.send(to, i) }; nil">>,
                          #{bindings => #{to => self()}}),
    [receive N -> ok after 15000 -> ct:fail({missing, N}) end || N <- lists:seq(0, 19999)],
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port).

what_is_sent_to_nobody_is_lost(_Config) ->
    Port = rubeam_ct:open(),
    {Dead, Ref} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Ref, process, Dead, _} -> ok end,
    [?assertEqual({ok, x}, rubeam:call(Port, {'Erlang', send}, [To, x]))
     || To <- [Dead, no_such_name, <<"no such atom at all 4711">>, {no_such_name, node()},
               {no_such_name, 'no@where'}, {<<"no such atom 4712">>, <<"x">>}, make_ref()]],
    [?assertMatch({error, #{class := <<"TypeError">>}},
                  rubeam:call(Port, {'Erlang', send}, [To, x]))
     || To <- [1, nil, [a, b], {a}, {a, b, c}, hd(erlang:ports()), #{}, 1.5]],
    ?assertEqual({ok, x}, rubeam:call(Port, {'Erlang', send}, [self(), x])),
    receive x -> ok end,
    ok = rubeam:close(Port).

%% The receiver reads nothing: what waits for it stays bounded, and the script waits. In a node of its
%% own, since the VM keeps the memory of such a flood for later.
a_flood_of_messages_is_held_back(_Config) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try ?assertEqual(ok, erpc:call(Node, ?MODULE, flood, [], 60000))
    after rubeam_ct:peer_stop(Peer)
    end.

flood() ->
    {ok, _} = application:ensure_all_started(rubeam),
    Port = rubeam_ct:open(),
    Sink = spawn(fun Sink() -> receive {drain, From} -> drain(), From ! drained, Sink() end end),
    Id = rubeam:send_request(Port, {eval, <<"m = 'x' * 10_000; loop { Erlang.send(to, m) }">>,
                                    #{bindings => #{to => Sink}}}),
    rubeam_ct:until(fun() -> stands_still(Sink) end),
    ?assertMatch(Length when Length > 6000 andalso Length < 9000, queued(Sink)),
    Sink ! {drain, self()},
    receive drained -> ok end,
    rubeam_ct:until(fun() -> queued(Sink) > 6000 end),
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 10000)),
    exit(Sink, kill),
    ?assertEqual({ok, x}, rubeam:call(Port, {'Erlang', send}, [self(), x])),
    receive x -> ok after 10000 -> ct:fail(not_sent) end,
    ok = rubeam:close(Port).

stands_still(Pid) ->
    Before = queued(Pid),
    timer:sleep(100),
    Before > 1000 andalso queued(Pid) =:= Before.

drain() -> receive <<_/binary>> -> drain() after 0 -> ok end.

queued(Pid) -> element(2, process_info(Pid, message_queue_len)).

a_courier_that_is_killed_is_replaced(_Config) ->
    Port = rubeam_ct:open(),
    Send = fun() -> rubeam:eval(Port, <<"1000.times { |i| Erlang.send(to, 'y' * 5000) }; 1">>,
                                #{bindings => #{to => self()}, timeout => 15000}) end,
    ?assertEqual({ok, 1}, Send()),
    drain_for(1000),
    [begin
         Courier = rubeam_ct:courier(),
         exit(Courier, kill),
         rubeam_ct:gone(Courier),
         ?assertEqual({ok, 1}, Send()),
         %% Those that were on their way to it are lost.
         drain()
     end || _ <- lists:seq(1, 3)],
    timer:sleep(50),
    drain(),
    ok = rubeam:close(Port).

drain_for(0) -> ok;
drain_for(N) -> receive <<_/binary>> -> drain_for(N - 1) after 10000 -> ct:fail({missing, N}) end.

self_is_the_owner(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({ok, self()}, rubeam:eval(Port, <<"Erlang.self">>)),
    {ok, Server} = rubeam_server:start_link(#{}),
    ?assertEqual({ok, Server}, rubeam:eval(Server, <<"Erlang.self">>)),
    Raw = rubeam_ct:raw(""),
    ?assertEqual({ok, nil}, rubeam:eval(Raw, <<"Erlang.self">>)),
    rubeam_ct:send_frame(Raw, {owner, 1, self()}),
    ?assertEqual({reply, 1, {ok, nil}}, rubeam_ct:receive_frame(Raw)),
    ?assertEqual({ok, self()}, rubeam:eval(Raw, <<"Erlang.self">>)),
    [ok = rubeam:close(R) || R <- [Port, Server, Raw]].
