%% The driver goes, and comes back, while ports of it are open: idle, at work, with a queue. In a
%% node of its own (stress_node).
%%
%% With the application: it is stopped; its loader is killed. Without: a process that has loaded the
%% driver itself unloads it, reloads it, changes its mind, or dies, with `kill_ports' and not.
%% Whatever happens, each waiting caller gets an answer (that its port is closed, if it is), each
%% owner hears of the end of its port, and then interpreters can be opened again.
-module(stress_reload).

-export([run/1, rounds/1]).

-import(stress_workers, [one_of/1, chance/1, mailbox_is_empty/0, gone/1, tally/2]).

-define(DRIVER, "rubeam_drv").

%% Milliseconds: far more than a round takes.
-define(ROUND, 2_000).

-spec run(map()) -> map().
run(#{rounds := Rounds} = Sizes) ->
    stress_node:run(?MODULE, rounds, Sizes, 20 * ?ROUND + ?ROUND * Rounds).

%% Meanwhile another process opens interpreters and closes them: that fails while there is no
%% driver, and in no other way. It waits in rounds without the application: there the driver goes
%% with its last port, and until then more can be opened.
-spec rounds(map()) -> map().
rounds(#{rounds := Rounds, ports := Ports}) ->
    Visitor = spawn_link(fun visit/0),
    Ways = [application_stops, loader_killed
            | [{How, Kill} || How <- [unload, dies, reload, changes_its_mind],
                              Kill <- [kill_ports, wait_for_ports]]],
    Counted = lists:foldl(fun(I, Acc) ->
                                  %% Each way, and then any
                                  Way = case I =< length(Ways) of
                                            true -> lists:nth(I, Ways);
                                            false -> one_of(Ways)
                                        end,
                                  {Took, ok} = timer:tc(fun visited_round/3, [Way, Ports, Visitor]),
                                  mailbox_is_empty(),
                                  Ms = Took div 1_000,
                                  maps:update_with(longest_ms, fun(Most) -> max(Most, Ms) end, Ms,
                                                   tally(Way, Acc))
                          end, #{}, lists:seq(1, Rounds)),
    Visitor ! {stop, self()},
    Visits = receive {Visitor, How} -> How end,
    gone(Visitor),
    Counted#{visits => Visits}.

visited_round({_How, _Kill} = Way, N, Visitor) ->
    Visitor ! {wait, self()},
    receive {Visitor, waits} -> ok end,
    ok = round(Way, N),
    Visitor ! go_on,
    ok;
visited_round(Way, N, _Visitor) ->
    round(Way, N).

%% --- with the application ---

round(application_stops, N) ->
    Works = begin_works(N),
    ok = application:stop(rubeam),
    false = is_loaded(),
    lists:foreach(fun closed/1, Works),
    start();
round(loader_killed, N) ->
    Works = begin_works(N),
    Loader = whereis(rubeam_loader),
    exit(Loader, kill),
    %% Interpreters live on, and new ones can be had as soon as it has been started again.
    lists:foreach(fun ends/1, Works),
    until_it_opens(),
    %% The supervisor counts its restarts, and would give up.
    ok = application:stop(rubeam),
    start();

%% --- without ---

round({How, Kill}, N) ->
    ok = application:stop(rubeam),
    false = is_loaded(),
    Loader = spawn_link(fun load/0),
    {ok, loaded} = ask(Loader, {load, options(Kill)}),
    Works = begin_works(N),
    Gone = case How of
               changes_its_mind -> none;
               _ -> erl_ddll:monitor(driver, {?DRIVER, unloaded})
           end,
    ok = leave(How, Loader, Kill, Works),
    case Gone of
        none -> ok;
        _ -> receive {'DOWN', Gone, driver, _, unloaded} -> ok end
    end,
    _ = is_process_alive(Loader) andalso ask(Loader, stop),
    gone(Loader),
    until_unloaded(),
    start().

leave(unload, Loader, Kill, Works) ->
    {ok, pending_driver} = ask(Loader, {unload, Kill}),
    end_works(Kill, Works);
leave(dies, Loader, Kill, Works) ->
    unlink(Loader),
    exit(Loader, kill),
    end_works(Kill, Works);
leave(reload, Loader, Kill, Works) ->
    {ok, pending_driver, Ref} = ask(Loader, {load, [{reload, pending_driver},
                                                    {monitor, pending_driver} | options(Kill)]}),
    ok = end_works(Kill, Works),
    {'UP', Ref, driver, _, loaded} = ask(Loader, message),
    works();
leave(changes_its_mind, Loader, Kill, Works) ->
    %% With `kill_ports' the ports are lost, although the library may still be there.
    {ok, _} = ask(Loader, {unload, Kill}),
    {ok, _} = ask(Loader, {load, options(Kill)}),
    ok = end_works(Kill, Works),
    works().

end_works(kill_ports, Works) -> lists:foreach(fun closed/1, Works);
end_works(wait_for_ports, Works) -> lists:foreach(fun ends/1, Works).

options(kill_ports) -> [{driver_options, [kill_ports]}];
options(wait_for_ports) -> [].

%% The driver belongs to this process.
load() ->
    receive
        {From, Request} ->
            From ! {self(), case Request of
                                {load, Options} ->
                                    erl_ddll:try_load(directory(), ?DRIVER, Options);
                                {unload, kill_ports} ->
                                    erl_ddll:try_unload(?DRIVER, [kill_ports]);
                                {unload, wait_for_ports} ->
                                    erl_ddll:try_unload(?DRIVER, []);
                                message ->
                                    receive {_, _, driver, _, _} = Message -> Message end;
                                stop ->
                                    ok
                            end},
            Request =:= stop orelse load()
    end.

ask(Loader, Request) ->
    Loader ! {self(), Request},
    receive {Loader, Answer} -> Answer end.

directory() ->
    case os:getenv("RUBEAM_PRIV", "") of
        "" -> code:priv_dir(rubeam);
        Directory -> Directory
    end.

is_loaded() ->
    {ok, Drivers} = erl_ddll:loaded_drivers(),
    lists:member(?DRIVER, Drivers).

until_unloaded() ->
    is_loaded() andalso receive after 1 -> until_unloaded() end.

until_it_opens() ->
    case rubeam:open() of
        {ok, Port} -> ok = rubeam:close(Port);
        {error, not_started} -> receive after 1 -> until_it_opens() end
    end.

start() ->
    ok = application:start(rubeam),
    works().

works() ->
    {ok, Port} = rubeam:open(),
    {ok, 3} = rubeam:eval(Port, <<"1 + 2">>),
    {ok, 4} = rubeam:eval(Port, <<"sleep 0.001; 4">>),
    ok = rubeam:close(Port).

%% --- ports, and what they do ---

%% {Kind, Owner, Port, Callers}: a caller is {Monitored, What it asked for}.
begin_works(N) ->
    [begin_work(lists:nth(1 + I rem 5, [idle, looping, asleep, queue, at_once]))
     || I <- lists:seq(1, N)].

begin_work(Kind) ->
    Parent = self(),
    Owner = spawn_link(fun() -> own(Parent) end),
    Port = receive {Owner, Opened} -> Opened end,
    {Kind, Owner, Port, callers(Kind, Owner, Port)}.

callers(idle, _Owner, Port) ->
    {ok, _} = rubeam:eval(Port, <<"1">>),
    [];
callers(looping, Owner, Port) ->
    [first(Owner, Port, <<"loop {}">>)];
callers(asleep, Owner, Port) ->
    [first(Owner, Port, <<"sleep">>)];
callers(queue, Owner, Port) ->
    [first(Owner, Port, <<"loop {}">>)
     | [caller(fun() -> rubeam:eval(Port, integer_to_binary(X)) end, {ok, X}) || X <- [1, 2, 3]]];
callers(at_once, Owner, Port) ->
    [first(Owner, Port, <<"sleep">>),
     caller(fun() ->
                    Ids = [rubeam:send_request(Port, {eval, <<"4">>}) || _ <- [1, 2, 3]],
                    [Answer] = lists:usort([rubeam:receive_response(Id, infinity) || Id <- Ids]),
                    {reply, Result} = Answer,
                    Result
            end, {ok, 4})].

first(Owner, Port, Code) ->
    Caller = caller(fun() -> rubeam:eval(Port, ["send_response(1); ", Code]) end,
                    {error, interrupted}),
    receive {Owner, begun} -> Caller end.

caller(Ask, Wanted) ->
    {spawn_monitor(fun() ->
                           Result = Ask(),
                           mailbox_is_empty(),
                           exit({result, Result})
                   end), Wanted}.

own(Parent) ->
    process_flag(trap_exit, true),
    {ok, Port} = rubeam:open(),
    Parent ! {self(), Port},
    own(Parent, Port).

own(Parent, Port) ->
    receive
        {Port, {data, _}} -> Parent ! {self(), begun}, own(Parent, Port);
        {'EXIT', Port, _} -> Parent ! {self(), ended}
    end.

%% The port has gone without its doing.
closed({_Kind, Owner, Port, Callers}) ->
    receive {Owner, ended} -> gone(Owner) end,
    undefined = erlang:port_info(Port),
    {error, closed} = rubeam:eval(Port, <<"1">>),
    lists:foreach(fun({Caller, _}) -> {error, closed} = result(Caller) end, Callers).

%% The port lives: what runs is ended, by an interrupt or with the port.
ends({_Kind, Owner, Port, Callers}) ->
    {connected, Owner} = erlang:port_info(Port, connected),
    case chance(50) of
        true ->
            ok = rubeam:interrupt(Port),
            lists:foreach(fun({Caller, Wanted}) -> Wanted = result(Caller) end, Callers),
            {ok, 5} = rubeam:eval(Port, <<"5">>),
            ok = rubeam:close(Port);
        false ->
            ok = rubeam:close(Port),
            lists:foreach(fun({Caller, Wanted}) -> maybe_closed(Wanted, result(Caller)) end,
                          Callers)
    end,
    receive {Owner, ended} -> gone(Owner) end.

maybe_closed(_Wanted, {error, closed}) -> ok;
maybe_closed(Wanted, Wanted) -> ok.

result({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, {result, Result}} -> Result;
        {'DOWN', Monitor, process, Pid, Reason} -> exit({caller, Reason})
    end.

%% --- meanwhile ---

visit() ->
    process_flag(trap_exit, true), % ports that end with `driver_unloaded'
    visit(#{}).

visit(Counted) ->
    receive
        {stop, From} ->
            From ! {self(), Counted};
        {wait, From} ->
            From ! {self(), waits},
            receive go_on -> visit(Counted) end
    after 0 ->
        visit(tally(visit_once(), Counted))
    end.

visit_once() ->
    case rubeam:open() of
        {ok, Port} ->
            Result = rubeam:eval(Port, <<"sleep 0.0005; 7">>),
            ok = rubeam:close(Port),
            %% Our own, and linked: it may have been closed before.
            receive {'EXIT', Port, _} -> ok after 0 -> ok end,
            case Result of
                {ok, 7} -> worked;
                {error, closed} -> closed
            end;
        {error, not_started} ->
            receive after 1 -> no_driver end
    end.
