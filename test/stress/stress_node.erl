%% Runs a load in another node, of the same kind: for those that unload the driver, or stop the
%% application. What is left over is looked for there, without the driver before and after, and so
%% also what a driver that is gone has left.
-module(stress_node).

-export([run/4, work/4]).

%% What a sanitizer's node takes to come up, and the longest that a load may take in all.
-define(BOOT, 120_000).

%% The work is Module:Function(Sizes), which finds the application running. Its result; what was
%% left over is printed. If it is not done after so many milliseconds, or the node is gone, the
%% caller exits.
-spec run(module(), Function :: atom(), Sizes :: map(), Patience :: pos_integer()) -> map().
run(Module, Function, Sizes, Patience) ->
    {ok, Peer, _} = peer:start_link(#{connection => standard_io, wait_boot => ?BOOT,
                                      exec => under_a_clock(Patience), args => arguments()}),
    ok = peer:call(Peer, code, add_pathsa, [code:get_path()]),
    Seed = rand:uniform(1 bsl 32),
    try peer:call(Peer, ?MODULE, work, [Module, Function, Sizes, Seed], Patience) of
        {ok, Figures, Text} ->
            ok = peer:stop(Peer),
            io:format("  in its node, ~ts~n", [Text]),
            Figures;
        {failed, Reason} ->
            exit(Reason)
    catch
        exit:{timeout, _} ->
            exit({late, peer:call(Peer, stress_state, outstanding, [stress_state:nothing()])})
    end.

%% A node whose schedulers hang does not see that its peer has gone.
under_a_clock(Patience) ->
    {os:find_executable("timeout"),
     ["-k", "10", integer_to_list((?BOOT + Patience) div 1000),
      filename:join([code:root_dir(), "bin", "erl"])]}.

arguments() ->
    ["-kernel", "logger_level", "critical", "+A",
     integer_to_list(erlang:system_info(thread_pool_size)),
     "+S", integer_to_list(erlang:system_info(schedulers_online))].

%% In the other node. What comes with a first start is there before the first look.
-spec work(module(), atom(), map(), integer()) ->
          {ok, Figures :: map(), LeftOver :: binary()} | {failed, term()}.
work(Module, Function, Sizes, Seed) ->
    ok = started(),
    {ok, Port} = rubeam:open(),
    {ok, 3} = rubeam:eval(Port, <<"sleep 0.01; 3">>),
    ok = rubeam:close(Port),
    ok = application:stop(rubeam),
    Before = stress_state:look(),
    ok = started(),
    {Pid, Monitor} = spawn_monitor(fun() ->
                                           _ = rand:seed(exsss, Seed),
                                           exit({figures, Module:Function(Sizes)})
                                   end),
    receive
        {'DOWN', Monitor, process, Pid, {figures, Figures}} ->
            _ = application:stop(rubeam),
            After = stress_state:settled(Before, 15_000),
            Text = unicode:characters_to_binary(stress_state:text(Before, After)),
            case stress_state:left_over(Before, After) of
                [] -> {ok, Figures, Text};
                Left -> {failed, {left_over, Left, Figures,
                                  unicode:characters_to_binary(stress_state:outstanding(Before))}}
            end;
        {'DOWN', Monitor, process, Pid, Reason} ->
            {failed, Reason}
    end.

started() ->
    {ok, _} = application:ensure_all_started(rubeam),
    ok.
