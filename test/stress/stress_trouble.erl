%% Trouble of every kind at once: callers that ask in every way there is, give up, cast, interrupt,
%% close, hand a port to another owner, kill owners and each other; and the application that stops
%% and starts, or loses its loader. In a node of its own (stress_node), until the time is over.
%%
%% What must be true of each answer is in stress_model, and in judge/5: a value is its own, and none
%% is given twice; an error has its cause in something that happened while the request was under
%% way. A cause is written down before it is brought about, and taken back (where it can be)
%% afterwards: so an answer without one is wrong, whichever way the processes overlap.
-module(stress_trouble).

-export([run/1, trouble/1]).

-import(stress_workers, [one_of/1, chance/1, mailbox_is_empty/0, gone/1, shuffled/1]).

%% Milliseconds that a request has if it does not say otherwise. So all ends some time.
-define(TIMEOUT, 100).

%% How long it may take until all is over when the time is: answers of ports that were killed with
%% their driver come after five seconds.
-define(PATIENCE, 60_000).

%% Counters of the world. The application: how often it began to stop, and was there again; the same
%% for its loader alone.
-define(STOPPING, 1).
-define(STOPS_BEGUN, 2).
-define(STOPS_DONE, 3).
-define(LOSSES_BEGUN, 4).
-define(LOSSES_DONE, 5).
-define(IDS, 6).

%% Counters of an interpreter. What may end it; interrupts, and answers that said so; requests.
-define(ENDS, 1).
-define(INTERRUPTS_BEGUN, 2).
-define(INTERRUPTS_DONE, 3).
-define(INTERRUPTED, 4).
-define(REQUESTS, 5).

%% How many requests of one interpreter are looked after.
-define(MOST, 64 * 2048).

-record(world, {table :: ets:tid(),                 % {{slot, S}, #interp{}}, {{caller, C}, Pid}
                tallies :: ets:tid(),
                slots :: pos_integer(),
                callers :: pos_integer(),
                counters :: atomics:atomics_ref()}).

-record(interp, {id :: pos_integer(),
                 port :: port(),
                 owner :: pid(),
                 queue_limit :: pos_integer(),
                 stops_done :: integer(),           % when it was about to be opened
                 counters :: atomics:atomics_ref(),
                 answered :: atomics:atomics_ref()}).  % a bit for each request

-spec run(map()) -> map().
run(#{seconds := Seconds} = Sizes) ->
    stress_node:run(?MODULE, trouble, Sizes, Seconds * 1_000 + ?PATIENCE).

-spec trouble(map()) -> map().
trouble(#{seconds := Seconds, slots := Slots, callers := Callers}) ->
    World = #world{table = ets:new(table, [public, {read_concurrency, true}]),
                   tallies = ets:new(tallies, [public, {write_concurrency, true}]),
                   slots = Slots,
                   callers = Callers,
                   counters = atomics:new(?IDS, [])},
    Owners = [child(fun() -> keep_slot(World, S) end) || S <- lists:seq(1, Slots)],
    Asking = [child(fun() -> keep_caller(World, C) end) || C <- lists:seq(1, Callers)],
    Restarting = child(fun() -> restart(World) end),
    receive after Seconds * 1_000 -> ok end,
    atomics:put(World#world.counters, ?STOPPING, 1),
    %% In this order: so the interpreters are there until the last request is over.
    gone(Restarting),
    lists:foreach(fun stress_workers:gone/1, Asking),
    lists:foreach(fun(Keeper) -> Keeper ! stop, gone(Keeper) end, Owners),
    mailbox_is_empty(),
    maps:from_list(ets:tab2list(World#world.tallies)).

child(Fun) ->
    Seed = rand:uniform(1 bsl 32),
    spawn_link(fun() -> _ = rand:seed(exsss, Seed), Fun() end).

is_over(#world{counters = Counters}) ->
    atomics:get(Counters, ?STOPPING) =:= 1.

count(#world{tallies = Tallies}, What) ->
    _ = ets:update_counter(Tallies, What, 1, {What, 0}),
    ok.

%% --- owners ---

%% There is always one interpreter in the slot, or about to be. Its owner may be killed, and may
%% hand it to another.
keep_slot(World, S) ->
    Keeper = self(),
    Seed = rand:uniform(1 bsl 32),
    Owner = spawn_monitor(fun() -> _ = rand:seed(exsss, Seed), open(World, S, Keeper) end),
    keep_owners(World, S, [Owner]).

keep_owners(World, S, []) ->
    keep_slot(World, S);
keep_owners(World, S, Owners) ->
    receive
        {'DOWN', Monitor, process, Pid, Reason} when Reason =:= normal; Reason =:= killed ->
            keep_owners(World, S, Owners -- [{Pid, Monitor}]);
        {'DOWN', _Monitor, process, _Pid, Reason} ->
            exit({owner, Reason});
        {successor, Old, Interp} ->
            Keeper = self(),
            {New, _} = Owner = spawn_monitor(fun() -> succeed(World, S, Keeper, Old, Interp) end),
            Old ! {self(), New},
            keep_owners(World, S, [Owner | Owners]);
        stop ->
            end_owners(Owners)
    end.

end_owners(Owners) ->
    lists:foreach(fun({Pid, _}) -> Pid ! stop end, Owners),
    lists:foreach(fun({Pid, Monitor}) ->
                          receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason end
                  end, Owners).

open(World, S, Keeper) ->
    process_flag(trap_exit, true),
    #world{counters = Counters} = World,
    StopsDone = atomics:get(Counters, ?STOPS_DONE),
    LossesDone = atomics:get(Counters, ?LOSSES_DONE),
    QueueLimit = one_of([4, 10_000]),
    Options = #{timeout => ?TIMEOUT, queue_limit => QueueLimit, memory_limit => 8 bsl 20,
                slice => one_of([50, 200, 1_000]), grace => 50},
    case rubeam:open(Options) of
        {ok, Port} ->
            Interp = #interp{id = atomics:add_get(Counters, ?IDS, 1), port = Port, owner = self(),
                             queue_limit = QueueLimit, stops_done = StopsDone,
                             counters = atomics:new(?REQUESTS, []),
                             answered = atomics:new(?MOST div 64, [{signed, false}])},
            count(World, opened),
            Prelude = stress_model:prelude(Interp#interp.id),
            case rubeam:eval(Port, Prelude, #{timeout => infinity}) of
                {ok, nil} -> move_in(World, S, Keeper, Interp);
                {error, closed} -> own(World, S, Keeper, Interp)
            end;
        {error, not_started} ->
            atomics:get(Counters, ?STOPS_BEGUN) > StopsDone
                orelse atomics:get(Counters, ?LOSSES_BEGUN) > LossesDone
                orelse exit(not_started_without_a_cause),
            receive stop -> ok after 1 -> open(World, S, Keeper) end
    end.

move_in(#world{table = Table} = World, S, Keeper, Interp) ->
    ets:insert(Table, {{slot, S}, Interp#interp{owner = self()}}),
    own(World, S, Keeper, Interp).

own(World, S, Keeper, #interp{port = Port} = Interp) ->
    receive
        {Port, {data, Frame}} ->
            frame(World, Interp, rubeam:decode(Frame)),
            own(World, S, Keeper, Interp);
        {'EXIT', Port, Reason} ->
            may_have_ended(World, Interp) orelse exit({ended_without_a_cause, Interp, Reason}),
            count(World, {ended, Reason}),
            last_frames(World, Interp),
            mailbox_is_empty_but_for(ended, [hand_over, stop]);
        hand_over ->
            Keeper ! {successor, self(), Interp},
            %% Not before it traps exits: the driver may go, and the port with it.
            New = receive {Keeper, Pid} -> Pid end,
            receive {New, is_ready} -> hand_over(World, Interp, New) end;
        stop ->
            ok = rubeam:close(Port),
            frames(World, Interp),
            mailbox_is_empty_but_for(closed, [hand_over])
    end.

hand_over(World, #interp{port = Port} = Interp, New) ->
    try erlang:port_connect(Port, New) of
        true ->
            %% Until here the port is linked to both.
            unlink(Port),
            New ! {yours, self()},
            count(World, handed_over)
    catch
        error:badarg -> New ! {closed, self()}
    end,
    last_frames(World, Interp),
    receive {'EXIT', Port, _} -> ok after 0 -> ok end,
    mailbox_is_empty_but_for(handed_over, [hand_over, stop]).

%% Should the old owner be killed in the middle, or before, the port tells whose it is.
succeed(World, S, Keeper, Old, #interp{port = Port} = Interp) ->
    process_flag(trap_exit, true),
    Old ! {self(), is_ready},
    Monitor = monitor(process, Old),
    receive
        {yours, Old} ->
            demonitor(Monitor, [flush]),
            move_in(World, S, Keeper, Interp);
        {closed, Old} ->
            ok;
        {'DOWN', Monitor, process, Old, _Reason} ->
            case erlang:port_info(Port, connected) of
                {connected, Self} when Self =:= self() -> own(World, S, Keeper, Interp);
                _ -> ok
            end
    end.

%% Who closes the port himself gets nothing afterwards. For others erts sends the `EXIT' before it
%% tells the driver, and a frame may be on its way to an owner who is none any more.
frames(World, Interp) ->
    frames(World, Interp, 0).

last_frames(World, Interp) ->
    frames(World, Interp, 50).

frames(World, #interp{port = Port} = Interp, Patience) ->
    receive
        {Port, {data, Frame}} ->
            frame(World, Interp, rubeam:decode(Frame)),
            frames(World, Interp, Patience)
    after Patience -> ok
    end.

mailbox_is_empty_but_for(When, Known) ->
    receive
        Message ->
            lists:member(Message, Known) orelse exit({unexpected_message, When, Message}),
            mailbox_is_empty_but_for(When, Known)
    after 0 -> ok
    end.

frame(World, #interp{id = Id}, {output, stdout, Text}) ->
    [First, _X] = binary:split(string:trim(Text), <<" ">>),
    Id = binary_to_integer(First),
    count(World, {frame, output});
frame(World, #interp{id = Id}, {response, [Id, _X]}) ->
    count(World, {frame, response});
frame(World, _Interp, {reply, undefined, {error, Reason}})
  when Reason =:= timeout; Reason =:= interrupted; Reason =:= closed ->
    count(World, {cast, Reason});
frame(World, Interp, {exit, Reason}) ->
    may_have_ended(World, Interp) orelse exit({ended_without_a_cause, Interp, Reason}),
    case Reason of
        5 -> ok;
        killed -> ok;
        memory_limit -> ok;
        {error, #{class := <<"RuntimeError">>}} -> ok
    end,
    count(World, {exit, if is_tuple(Reason) -> cast_raised; true -> Reason end}).

may_have_ended(#world{counters = Counters}, #interp{counters = Own, stops_done = StopsDone}) ->
    atomics:get(Own, ?ENDS) > 0 orelse atomics:get(Counters, ?STOPS_BEGUN) > StopsDone.

%% --- the application ---

restart(World) ->
    receive after 300 + rand:uniform(1_500) -> ok end,
    case is_over(World) of
        true ->
            ok;
        false ->
            case rand:uniform(4) of
                1 -> lose_the_loader(World);
                _ -> stop_and_start(World)
            end,
            restart(World)
    end.

stop_and_start(#world{counters = Counters} = World) ->
    atomics:add(Counters, ?STOPS_BEGUN, 1),
    ok = application:stop(rubeam),
    [] = [Driver || {ok, Drivers} <- [erl_ddll:loaded_drivers()], "rubeam_drv" = Driver <- Drivers],
    ok = application:start(rubeam),
    atomics:add(Counters, ?STOPS_DONE, 1),
    count(World, stopped_and_started).

lose_the_loader(#world{counters = Counters} = World) ->
    atomics:add(Counters, ?LOSSES_BEGUN, 1),
    Loader = whereis(rubeam_loader),
    exit(Loader, kill),
    gone(Loader),
    until_there(),
    atomics:add(Counters, ?LOSSES_DONE, 1),
    count(World, lost_the_loader),
    %% The supervisor gives up after five in ten seconds.
    receive after 2_500 -> ok end.

%% The new one is registered before it has loaded the driver.
until_there() ->
    try sys:get_state(rubeam_loader) of _ -> ok
    catch exit:_ -> receive after 1 -> until_there() end
    end.

%% --- callers ---

keep_caller(#world{table = Table} = World, C) ->
    Seed = rand:uniform(1 bsl 32),
    {Pid, Monitor} = spawn_monitor(fun() -> _ = rand:seed(exsss, Seed), call(World) end),
    ets:insert(Table, {{caller, C}, Pid}),
    receive
        {'DOWN', Monitor, process, Pid, killed} -> keep_caller(World, C);
        {'DOWN', Monitor, process, Pid, normal} -> ok;
        {'DOWN', Monitor, process, Pid, Reason} -> exit({caller, Reason})
    end.

call(World) ->
    case is_over(World) of
        true ->
            receive Late -> exit({late_message, Late}) after 200 -> ok end;
        false ->
            do(any(deeds()), World),
            mailbox_is_empty(),
            call(World)
    end.

deeds() ->
    [{50, ask}, {10, ask_several}, {8, ask_and_give_up}, {8, cast}, {8, interrupt}, {2, info},
     {1, close}, {1, kill_owner}, {2, kill_caller}, {2, hand_over}, {4, pause}].

any(Weighed) ->
    any(rand:uniform(lists:sum([Weight || {Weight, _} <- Weighed])), Weighed).

any(N, [{Weight, _} | Weighed]) when N > Weight -> any(N - Weight, Weighed);
any(_, [{_, One} | _]) -> One.

%% Any interpreter. There may be none in a slot yet.
interp(#world{table = Table, slots = Slots} = World) ->
    case ets:lookup(Table, {slot, rand:uniform(Slots)}) of
        [{_, Interp}] -> Interp;
        [] -> receive after 1 -> interp(World) end
    end.

do(ask, World) ->
    Interp = interp(World),
    {Kind, X} = What = something(Interp),
    Timeout = one_of([?TIMEOUT, ?TIMEOUT, ?TIMEOUT, rand:uniform(20)]),
    Before = before(Interp, Timeout),
    Result = ask(Interp, stress_model:request(Kind, X), Timeout),
    judge(World, Interp, What, Before, Result);
do(ask_several, World) ->
    Same = interp(World),
    Sent = [begin
                Interp = case chance(70) of true -> Same; false -> interp(World) end,
                What = something(Interp),
                {Interp, What, before(Interp, ?TIMEOUT), send(Interp, What)}
            end || _ <- lists:seq(1, 1 + rand:uniform(5))],
    lists:foreach(fun({Interp, What, Before, Id}) ->
                          {reply, Result} = rubeam:receive_response(Id, infinity),
                          judge(World, Interp, What, Before, Result)
                  end, shuffled(Sent));
do(ask_and_give_up, World) ->
    Interp = interp(World),
    What = something(Interp),
    Before = before(Interp, ?TIMEOUT),
    Id = send(Interp, What),
    %% What is only waited for in vain goes on.
    Answer = case chance(50) andalso rubeam:wait_response(Id, rand:uniform(3) - 1) of
                 {reply, _} = Reply -> Reply;
                 _ -> rubeam:receive_response(Id, rand:uniform(4) - 1)
             end,
    case Answer of
        {reply, Result} -> judge(World, Interp, What, Before, Result);
        timeout -> count(World, given_up)
    end;
do(cast, World) ->
    Interp = interp(World),
    Kind = one_of([value, value, work, nap, respond, respond, endless, raise]),
    X = unique(),
    Kind =:= raise andalso may_end(Interp),
    Before = before(Interp, ?TIMEOUT),
    case rubeam:cast(Interp#interp.port, stress_model:code(Kind, X)) of
        ok -> count(World, {cast, accepted});
        {error, Reason} -> judge(World, Interp, {Kind, X}, Before, {error, Reason})
    end;
do(interrupt, World) ->
    Interp = interp(World),
    atomics:add(Interp#interp.counters, ?INTERRUPTS_BEGUN, 1),
    done_or_closed(World, Interp, rubeam:interrupt(Interp#interp.port)),
    atomics:add(Interp#interp.counters, ?INTERRUPTS_DONE, 1);
do(info, World) ->
    Interp = interp(World),
    case rubeam:info(Interp#interp.port) of
        #{state := _, queue := _} -> ok;
        Error -> done_or_closed(World, Interp, Error)
    end;
do(close, World) ->
    Interp = interp(World),
    may_end(Interp),
    ok = rubeam:close(Interp#interp.port),
    undefined = erlang:port_info(Interp#interp.port),
    count(World, closed);
do(kill_owner, World) ->
    Interp = interp(World),
    may_end(Interp),
    exit(Interp#interp.owner, kill),
    count(World, owner_killed);
do(kill_caller, #world{table = Table, callers = Callers} = World) ->
    case ets:lookup(Table, {caller, rand:uniform(Callers)}) of
        [{_, Pid}] when Pid =/= self() -> exit(Pid, kill), count(World, caller_killed);
        _ -> ok
    end;
do(hand_over, World) ->
    (interp(World))#interp.owner ! hand_over;
do(pause, _World) ->
    receive after rand:uniform(5) - 1 -> ok end.

%% --- requests ---

%% What to ask for, and its X.
something(Interp) ->
    Kind = any(stress_model:weighed()),
    lists:member(Kind, [bomb, stubborn, leave]) andalso may_end(Interp),
    {Kind, unique()}.

%% Odd and even by chance, which decides of the form of a request.
unique() ->
    2 * erlang:unique_integer([positive]) + rand:uniform(2) - 1.

may_end(#interp{counters = Own}) ->
    atomics:add(Own, ?ENDS, 1).

ask(#interp{port = Port}, Request, Timeout) ->
    Options = case Timeout of
                  ?TIMEOUT -> #{};
                  _ -> #{timeout => Timeout}
              end,
    case Request of
        {eval, Code} -> rubeam:eval(Port, Code, Options);
        {call, Method, Args} -> rubeam:call(Port, Method, Args, Options)
    end.

send(#interp{port = Port}, {Kind, X}) ->
    rubeam:send_request(Port, stress_model:request(Kind, X)).

%% --- and what became of them ---

%% What has to be known of the time before a request.
before(#interp{counters = Own}, Timeout) ->
    atomics:add(Own, ?REQUESTS, 1),
    #{timeout => Timeout, interrupts_done => atomics:get(Own, ?INTERRUPTS_DONE),
      moment => erlang:monotonic_time(microsecond)}.

judge(World, #interp{id = Id} = Interp, {Kind, X}, Before, Result) ->
    Outcome = stress_model:outcome(Id, X, Result),
    is_right(Outcome, World, Interp, Kind, Before) orelse
        exit({wrong_answer, Kind, X, Result, Before, facts(World, Interp)}),
    count(World, {Kind, if is_tuple(Outcome) -> element(1, Outcome); true -> Outcome end}).

is_right({value, N}, _World, Interp, Kind, _Before) ->
    stress_model:becomes(Kind) =:= value andalso is_first(Interp, N);
is_right(timeout, _World, _Interp, _Kind, #{timeout := Timeout, moment := Moment}) ->
    %% Never too early; clocks may differ by a percent.
    erlang:monotonic_time(microsecond) - Moment >= Timeout * 990;
is_right(interrupted, _World, #interp{counters = Own}, _Kind, #{interrupts_done := Done}) ->
    %% Each interrupt stops one request at most.
    atomics:get(Own, ?INTERRUPTS_BEGUN) > Done andalso
        atomics:add_get(Own, ?INTERRUPTED, 1) =< atomics:get(Own, ?INTERRUPTS_BEGUN);
is_right(closed, World, Interp, _Kind, _Before) ->
    may_have_ended(World, Interp);
is_right(busy, _World, #interp{queue_limit = Limit, counters = Own}, _Kind, _Before) ->
    atomics:get(Own, ?REQUESTS) > Limit;
is_right({wrong, _}, _World, _Interp, _Kind, _Before) ->
    false;
is_right(Outcome, _World, _Interp, Kind, _Before) ->
    stress_model:becomes(Kind) =:= Outcome.

%% No other answer had this number.
is_first(_Interp, N) when N >= ?MOST -> true;
is_first(#interp{answered = Answered}, N) ->
    Bit = 1 bsl (N rem 64),
    Now = atomics:add_get(Answered, 1 + N div 64, Bit),
    Now band Bit =/= 0.

done_or_closed(_World, _Interp, ok) ->
    ok;
done_or_closed(World, Interp, {error, closed}) ->
    may_have_ended(World, Interp) orelse exit({closed_without_a_cause, facts(World, Interp)}).

facts(#world{counters = Counters}, #interp{counters = Own} = Interp) ->
    {Interp, [{ends, atomics:get(Own, ?ENDS)},
              {interrupts_begun, atomics:get(Own, ?INTERRUPTS_BEGUN)},
              {interrupts_done, atomics:get(Own, ?INTERRUPTS_DONE)},
              {interrupted, atomics:get(Own, ?INTERRUPTED)},
              {requests, atomics:get(Own, ?REQUESTS)},
              {stops_begun, atomics:get(Counters, ?STOPS_BEGUN)},
              {stops_done, atomics:get(Counters, ?STOPS_DONE)},
              {took_until, erlang:monotonic_time(microsecond)}]}.
