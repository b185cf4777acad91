%% Are pools reached from other nodes and as members of a group, and do requests and borrowers come
%% through the end of a node?
-module(pool_nodes_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [from_another_node_every_function_works,
     from_another_node_a_dying_caller_stops_its_request,
     from_another_node_a_borrower_whose_node_dies_leaves_a_fresh_interpreter,
     from_another_node_a_waiting_borrower_leaves_the_line,
     a_node_without_the_application,
     a_group_has_members_on_several_nodes,
     a_group_prefers_this_node,
     a_busy_pool_passes_on,
     the_least_busy_of_this_node,
     a_node_that_dies_in_the_middle_of_a_call,
     a_node_that_dies_while_one_borrows_there,
     a_group_that_lost_its_scope_is_joined_again,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).

nothing_is_left_behind(Config) ->
    ?assertEqual([], ets:tab2list(rubeam_pools)),
    rubeam_ct:nothing_is_left(Config).

%% Nodes on which the application runs
with_nodes(Number, Fun) ->
    %% One that dies is not to take the others along.
    Flags = ["-kernel", "prevent_overlapping_partitions", "false"],
    Peers = [rubeam_ct:peer(?FUNCTION_NAME, Flags) || _ <- lists:seq(1, Number)],
    try
        [{ok, _} = erpc:call(Node, application, ensure_all_started, [rubeam]) || {_, Node} <- Peers],
        Fun([Node || {_, Node} <- Peers])
    after
        [try rubeam_ct:peer_stop(Peer) catch exit:_ -> ended_by_the_case end || {Peer, _} <- Peers]
    end.

%% A pool there, which no process of a test holds.
pool_on(Node, Options) ->
    {ok, Pool} = erpc:call(Node, ?MODULE, start_unlinked, [maps:merge(#{output => discard}, Options)]),
    Pool.

start_unlinked(Options) ->
    {ok, Pool} = rubeam_pool:start_link(Options),
    unlink(Pool),
    {ok, Pool}.

node_name() -> <<"Erlang.call(:node)">>.

%% What tells where a request was carried out
knows_its_node(Options) ->
    Options#{functions => #{node => fun erlang:node/0}}.

end_node(Node) ->
    true = monitor_node(Node, true),
    _ = erpc:cast(Node, erlang, halt, [0, [{flush, false}]]),
    receive {nodedown, Node} -> ok after 15000 -> ct:fail({still_there, Node}) end.

has(Pool, Figures) ->
    rubeam_ct:until(fun() ->
                            case rubeam_pool:info(Pool) of
                                #{} = Info ->
                                    maps:with(maps:keys(Figures), Info) =:= Figures orelse Info;
                                Other -> Other
                            end
                    end).

members(Number) ->
    rubeam_ct:until(fun() -> length(pg:get_members(rubeam, group)) =:= Number end).

%% Whoever is asked by a process of that node
ask_from(Node, Fun) ->
    Test = self(),
    spawn(Node, fun() -> Test ! {self(), result, Fun(), rubeam_ct:mailbox()} end).

result(Caller) ->
    receive {Caller, result, Result, Mailbox} -> ?assertEqual([], Mailbox), Result
    after 15000 -> ct:fail(no_result)
    end.

from_another_node_every_function_works(_Config) ->
    {ok, Pool} = rubeam_pool:start_link(far_pool, #{size => 2, output => {send, self()}}),
    yes = global:register_name(far_pool_too, Pool),
    with_nodes(1, fun([Node]) ->
        ok = erpc:call(Node, global, sync, []),
        Call = fun(Function, Args) -> erpc:call(Node, rubeam_pool, Function, Args) end,
        [begin
             ?assertEqual({ok, 3}, Call(eval, [Ref, <<"1 + 2">>])),
             ?assertEqual({ok, 3}, Call(eval, [Ref, <<"sleep 0.01; a">>, #{bindings => #{a => 3}}])),
             ?assertEqual({ok, <<"main">>}, Call(call, [Ref, to_s, []])),
             ?assertEqual({ok, 3.0}, Call(call, [Ref, {'Math', sqrt}, [9], #{timeout => 5000}])),
             ?assertEqual({error, timeout}, Call(eval, [Ref, <<"loop {}">>, #{timeout => 20}])),
             ?assertMatch({error, #{class := <<"ZeroDivisionError">>}}, Call(eval, [Ref, <<"1/0">>])),
             ?assertEqual(ok, Call(cast, [Ref, <<"send_response(:cast)">>])),
             receive {rubeam, _, {response, cast}} -> ok after 10000 -> ct:fail(no_cast) end,
             ?assertMatch(#{size := 2}, Call(info, [Ref])),
             ?assertEqual({ok, {ok, 42}}, Call(with, [Ref, fun rubeam_ct:answers/1])),
             ?assertError({exception, badarg, _}, Call(eval, [Ref, code]))
         end || Ref <- [Pool, {far_pool, node()}, {global, far_pool_too}, {via, global, far_pool_too}]],
        has(Pool, #{requests => 0, lent => 0, in_line => 0, opened => 2}),
        ?assertEqual(ok, Call(stop, [{far_pool, node()}])),
        [?assertEqual({error, closed}, Call(Function, [Ref | Args]))
         || Ref <- [Pool, {far_pool, node()}],
            {Function, Args} <- [{eval, [<<"1">>]}, {cast, [<<"1">>]}, {info, []},
                                 {with, [fun rubeam_ct:answers/1]}]],
        ?assertEqual(ok, Call(stop, [Pool]))
    end),
    ?assertEqual([], rubeam_ct:mailbox()).

from_another_node_a_dying_caller_stops_its_request(_Config) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => 1, output => {send, self()}}),
    with_nodes(1, fun([Node]) ->
        [begin
             Caller = ask_from(Node, fun() ->
                                             rubeam_pool:eval(Pool, rubeam_ct:begins(<<"loop {}">>))
                                     end),
             Server = receive {rubeam, S, {response, begun}} -> S after 10000 -> ct:fail(not_begun) end,
             End(Node, Caller),
             rubeam_ct:until(fun() -> rubeam_ct:is_state(Server, idle) end),
             has(Pool, #{requests => 0, opened => 1})
         end || End <- [fun(_, Caller) -> exit(Caller, kill) end, fun(There, _) -> end_node(There) end]]
    end),
    ?assertEqual({ok, 42}, rubeam_pool:eval(Pool, <<"6 * 7">>)),
    ok = rubeam_pool:stop(Pool).

from_another_node_a_borrower_whose_node_dies_leaves_a_fresh_interpreter(_Config) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => 1, output => {send, self()}, prelude => <<"$a = 1">>}),
    with_nodes(1, fun([Node]) ->
        _ = ask_from(Node, fun() ->
                                   rubeam_pool:with(Pool, fun(Ruby) ->
                                       rubeam:eval(Ruby, rubeam_ct:begins(<<"$a = 2; loop {}">>))
                                   end)
                           end),
        receive {rubeam, _, {response, begun}} -> ok after 10000 -> ct:fail(not_begun) end,
        end_node(Node)
    end),
    ?assertEqual({ok, {ok, 1}}, rubeam_pool:with(Pool, fun(Ruby) -> rubeam:eval(Ruby, <<"$a">>) end)),
    ?assertMatch(#{opened := 2}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

from_another_node_a_waiting_borrower_leaves_the_line(_Config) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => 1}),
    with_nodes(1, fun([Node]) ->
        {ok, ok} = rubeam_pool:with(Pool, fun(_) ->
            _ = [ask_from(Node, fun() -> rubeam_pool:with(Pool, fun(_) -> lent end) end)
                 || _ <- lists:seq(1, 10)],
            %% This one's time is watched here.
            ?assertEqual({error, timeout},
                         result(ask_from(Node, fun() ->
                                                       rubeam_pool:with(Pool, fun(_) -> lent end, 20)
                                               end))),
            has(Pool, #{in_line => 10}),
            end_node(Node),
            has(Pool, #{in_line => 0})
        end)
    end),
    has(Pool, #{lent => 0, opened => 1}),
    ok = rubeam_pool:stop(Pool).

a_node_without_the_application(_Config) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    {ok, Pool} = rubeam_pool:start_link(some_pool, #{size => 1, group => group}),
    ?assertEqual({error, closed}, rubeam_pool:eval({some_pool, Node}, <<"1">>)),
    ?assertEqual({error, closed}, rubeam_pool:with({some_pool, Node}, fun(_) -> 1 end)),
    ?assertEqual({error, closed}, erpc:call(Node, rubeam_pool, eval, [{group, group}, <<"1">>])),
    %% It may call all the same, as it does a server.
    ?assertEqual({ok, 1}, erpc:call(Node, rubeam_pool, eval, [Pool, <<"1">>])),
    rubeam_ct:peer_stop(Peer),
    ?assertEqual({error, closed}, rubeam_pool:eval({some_pool, Node}, <<"1">>)),
    ?assertEqual({error, closed}, rubeam_pool:info({some_pool, Node})),
    ?assertEqual({error, closed}, rubeam_pool:with({some_pool, Node}, fun(_) -> 1 end)),
    ?assertEqual({error, closed}, rubeam_pool:eval({some_pool, no@such_node}, <<"1">>)),
    ok = rubeam_pool:stop(Pool).

%% --- Groups ---

a_group_has_members_on_several_nodes(_Config) ->
    with_nodes(2, fun(Nodes) ->
        Pools = [pool_on(Node, knows_its_node(#{size => 1, group => group})) || Node <- Nodes],
        members(2),
        Where = fun() -> {ok, Node} = rubeam_pool:eval({group, group}, node_name()), Node end,
        ?assertEqual(lists:sort(Nodes), lists:usort([Where() || _ <- lists:seq(1, 50)])),
        ?assertEqual({ok, <<"main">>}, rubeam_pool:call({group, group}, to_s, [])),
        ?assertEqual(ok, rubeam_pool:cast({group, group}, <<"1">>)),
        ?assertMatch({ok, {ok, 42}}, rubeam_pool:with({group, group}, fun rubeam_ct:answers/1)),
        %% One leaves.
        ok = rubeam_pool:stop(hd(Pools)),
        members(1),
        ?assertEqual([lists:last(Nodes)], lists:usort([Where() || _ <- lists:seq(1, 20)])),
        ok = rubeam_pool:stop(lists:last(Pools)),
        members(0),
        ?assertEqual({error, closed}, rubeam_pool:eval({group, group}, <<"1">>))
    end).

a_group_prefers_this_node(_Config) ->
    with_nodes(1, fun([Node]) ->
        _ = pool_on(Node, knows_its_node(#{size => 1, group => group})),
        {ok, Pool} = rubeam_pool:start_link(knows_its_node(#{size => 1, group => group})),
        members(2),
        Here = node(),
        ?assertEqual([{ok, Here}], lists:usort([rubeam_pool:eval({group, group}, node_name())
                                                || _ <- lists:seq(1, 50)])),
        %% Seen from there, the other one is.
        ?assertEqual({ok, Node}, erpc:call(Node, rubeam_pool, eval, [{group, group}, node_name()])),
        ok = rubeam_pool:stop(Pool),
        members(1),
        ?assertEqual({ok, Node}, rubeam_pool:eval({group, group}, node_name()))
    end).

a_busy_pool_passes_on(_Config) ->
    with_nodes(1, fun([Node]) ->
        _ = pool_on(Node, knows_its_node(#{size => 1, max_waiting => 0, group => group})),
        {ok, Pool} = rubeam_pool:start_link(knows_its_node(#{size => 1, max_waiting => 0,
                                                             group => group})),
        members(2),
        {ok, ok} = rubeam_pool:with(Pool, fun(_) ->
            ?assertEqual({ok, Node}, rubeam_pool:eval({group, group}, node_name())),
            {ok, ok} = rubeam_pool:with({group, group}, fun(Ruby) ->
                ?assertEqual(Node, node(Ruby)),
                %% Both are.
                ?assertEqual({error, busy}, rubeam_pool:eval({group, group}, <<"1">>)),
                ?assertEqual({error, busy}, rubeam_pool:with({group, group}, fun(_) -> 1 end)),
                ok
            end),
            ok
        end),
        ok = rubeam_pool:stop(Pool)
    end).

the_least_busy_of_this_node(_Config) ->
    Pools = [begin
                 {ok, Pool} = rubeam_pool:start_link(#{size => 2, group => group, output => discard}),
                 Pool
             end || _ <- [1, 2, 3]],
    Requests = [rubeam_ct:caller(fun() -> rubeam_pool:eval({group, group}, <<"sleep">>) end)
                || N <- lists:seq(1, 6), has_in_all(Pools, N - 1)],
    [has(Pool, #{requests => 2}) || Pool <- Pools],
    [ok = rubeam_pool:stop(Pool) || Pool <- Pools],
    [begin
         ?assertEqual({error, closed}, rubeam_ct:result(Caller)),
         ?assertEqual([], rubeam_ct:leftover(Caller))
     end || Caller <- Requests].

has_in_all(Pools, Number) ->
    ok =:= rubeam_ct:until(fun() ->
        lists:sum([maps:get(requests, rubeam_pool:info(Pool)) || Pool <- Pools]) =:= Number
    end).

a_node_that_dies_in_the_middle_of_a_call(_Config) ->
    with_nodes(2, fun(Nodes) ->
        [_, _] = [pool_on(Node, knows_its_node(#{size => 1, group => group})) || Node <- Nodes],
        members(2),
        Test = self(),
        Caller = rubeam_ct:caller(
                   fun() ->
                           Slow = rubeam_pool:eval({group, group}, <<"Erlang.call(:begun); sleep">>,
                                                   #{functions => #{begun => fun() -> Test ! {begun, node()} end}}),
                           %% At once, and with the other one
                           {Slow, rubeam_pool:eval({group, group}, node_name())}
                   end),
        Node = receive {begun, There} -> There after 10000 -> ct:fail(not_begun) end,
        [Other] = Nodes -- [Node],
        end_node(Node),
        ?assertEqual({{error, closed}, {ok, Other}}, rubeam_ct:result(Caller)),
        ?assertEqual([], rubeam_ct:leftover(Caller)),
        end_node(Other),
        ?assertEqual({error, closed}, rubeam_pool:eval({group, group}, <<"1">>))
    end).

a_node_that_dies_while_one_borrows_there(_Config) ->
    with_nodes(1, fun([Node]) ->
        Pool = pool_on(Node, #{size => 1}),
        Borrowed = rubeam_pool:with(Pool, fun(Ruby) ->
            {ok, 1} = rubeam:eval(Ruby, <<"1">>),
            Waiting = rubeam_ct:caller(fun() -> rubeam_pool:with(Pool, fun(_) -> 1 end) end),
            has(Pool, #{in_line => 1}),
            end_node(Node),
            {rubeam_ct:result(Waiting), rubeam_ct:leftover(Waiting), rubeam:eval(Ruby, <<"1">>)}
        end),
        ?assertEqual({ok, {{error, closed}, [], {error, closed}}}, Borrowed),
        ?assertEqual([], rubeam_ct:mailbox())
    end).

a_group_that_lost_its_scope_is_joined_again(_Config) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => 1, group => group}),
    Scope = whereis(rubeam),
    exit(Scope, kill),
    rubeam_ct:until(fun() -> is_pid(whereis(rubeam)) andalso whereis(rubeam) =/= Scope end),
    members(1),
    ?assertEqual({ok, 1}, rubeam_pool:eval({group, group}, <<"1">>)),
    ok = rubeam_pool:stop(Pool).
