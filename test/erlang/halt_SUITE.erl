%% Does a node stop, whatever Ruby does in it?
%%
%% Halting joins the VM's async threads after all that they have queued (erl_async.c in erts): a
%% driver whose jobs do not end makes halt/0 hang for ever. So what is asserted is that the node
%% ends at all, within a time that is far beyond what it needs.
-module(halt_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [halt_beside_endless_scripts,
     halt_beside_stubborn_scripts,
     halt_beside_sleeping_scripts,
     halt_without_flushing,
     stop_in_order,
     halt_while_interpreters_open_and_close,
     a_killed_node_leaves_no_process,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

-define(PATIENCE, 30000).

%% Another node, in which Begin has begun something, is told to stop by End and has to be gone soon.
ends(Begin, End) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME, ["-kernel", "logger_level", "none"]),
    unlink(Peer),
    Process = erpc:call(Node, os, getpid, []),
    ok = net_kernel:monitor_nodes(true),
    try
        ok = erpc:call(Node, ?MODULE, Begin, []),
        _ = End(Node),
        receive {nodedown, Node} -> ok after ?PATIENCE -> ct:fail({still_up, Node}) end,
        %% The node's connections go before its threads have ended: until the process is gone too.
        rubeam_ct:until(fun() -> not filelib:is_dir("/proc/" ++ Process) end)
    after
        os:cmd("kill -9 " ++ Process),
        rubeam_ct:gone(Peer),
        ok = net_kernel:monitor_nodes(false),
        _ = rubeam_ct:mailbox()
    end,
    ok.

halt(Node) -> erpc:cast(Node, erlang, halt, [0]).

%% --- what is done there ---

many(Codes) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Test = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        Ports = [{rubeam_ct:open(#{grace => 1000000}), Code} || Code <- Codes],
        [rubeam:send_request(Port, {eval, rubeam_ct:begins(Code)}) || {Port, Code} <- Ports],
        [begun = rubeam_ct:response(Port) || {Port, _} <- Ports],
        Test ! {self(), begun},
        receive stop -> ok end
    end),
    receive
        {Owner, begun} -> ok;
        {'DOWN', Monitor, process, Owner, Reason} -> {error, Reason}
    end.

endless() -> many(lists:duplicate(50, <<"loop {}">>)).

stubborn() ->
    many([<<"loop { begin; loop {}; rescue Exception; end }">>,
          <<"begin; loop {}; ensure; loop {}; end">>,
          <<"a = []; loop { a = (1..100_000).map { |n| n.to_s } }">>, <<"loop { sleep 0.001 }">>,
          <<"loop { puts 'x' * 1000 }">>]).

sleeping() -> many(lists:duplicate(50, <<"sleep">>)).

coming_and_going() ->
    {ok, _} = application:ensure_all_started(rubeam),
    [spawn(fun come_and_go/0) || _ <- lists:seq(1, 20)],
    ok.

come_and_go() ->
    {ok, Port} = rubeam:open(),
    _ = rubeam:eval(Port, <<"loop {}">>, #{timeout => 1}),
    ok = rubeam:close(Port),
    come_and_go().

%% --- the cases ---

halt_beside_endless_scripts(_Config) -> ends(endless, fun halt/1).

halt_beside_stubborn_scripts(_Config) -> ends(stubborn, fun halt/1).

halt_beside_sleeping_scripts(_Config) -> ends(sleeping, fun halt/1).

halt_without_flushing(_Config) ->
    ends(endless, fun(Node) -> erpc:cast(Node, erlang, halt, [0, [{flush, false}]]) end).

stop_in_order(_Config) ->
    ends(endless, fun(Node) -> erpc:call(Node, init, stop, []) end).

halt_while_interpreters_open_and_close(_Config) -> ends(coming_and_going, fun halt/1).

a_killed_node_leaves_no_process(_Config) ->
    ends(endless, fun(Node) -> os:cmd("kill -9 " ++ erpc:call(Node, os, getpid, [])) end).
