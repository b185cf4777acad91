%% @doc The process behind a pool's name. It lends interpreters, opens new ones in the place of those
%% that have ended, and keeps the counters of `rubeam_pool_slots' true. No request goes through
%% it, unless all interpreters are lent.
%%
%% <b>A slot</b> is in one of these states; `settle' and the handlers of ends walk the edges:
%% ```
%%   opening ──▶ free ◀──▶ draining        free: requests enter
%%      ▲         │            │           draining: none enters; it is lent when the last one has left
%%      │         ▼            ▼
%%      └────── ending ◀───── lent         ending: its server is about to go
%% '''
%% In all but `free' the slot is marked as taken. Each state but `opening' has a server.
%%
%% <b>The line.</b> Borrowers, and requests that found each slot taken, wait in one line. The first of
%% it gets the first interpreter that nobody uses. As many slots are drained as processes wait, so
%% that requests, which do not look at the line, cannot keep it waiting for ever.
%%
%% <b>Ends.</b> A server that stops is replaced. So is one whose borrower died: nobody knows what it was
%% in the middle of. Opening is done by a process of its own, one at a time: a prelude may take long.
%% After a failure the next attempt comes a little later, and after too many of them in a short
%% time the keeper stops with `{open_failed, Reason}'. An interpreter that was opened and ended
%% later does not count: it took a request to end it, so there are never more openings than requests.
%%
%% <b>Looks.</b> From time to time each busy slot's counter is compared with what its driver says
%% (the requests that run and wait). Where two looks show the same, nothing has moved between them:
%% if counter and driver disagree then, the counter is wrong, and set right. That is what
%% becomes of the counts of processes that were killed, and of casts.
%% @private
-module(rubeam_pool_keeper).

-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").
-include("rubeam_pool.hrl").

-export([start_link/3, stop/1, borrow/2, give_back/2, info/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([keeper/0, lease/0]).

-type keeper() :: pid() | {atom(), node()}.

-opaque lease() :: reference().
%% A place in the line, or what came of it. The monitor of who asked.

%% Failed openings within so many milliseconds end the pool, and so long is between two of them.
-define(FAILURES, 5).
-define(PERIOD, 10_000).
-define(RETRY, 200).

%% Milliseconds to the next look: while somebody waits, while requests are under way, else.
-define(LOOK_SOON, 50).
-define(LOOK_BUSY, 250).
-define(LOOK_IDLE, 1000).

%% How long the interpreters may take to end with the pool.
-define(SHUTDOWN, 10_000).

-record(member, {is = opening :: opening | free | draining | lent | ending,
                 server = none :: pid() | none,
                 monitor = none :: reference() | none,
                 port = none :: rubeam_transport:ruby() | none,
                 look = none :: none | {Word :: integer(), Truth :: integer(), Jobs :: integer()}}).

-record(waiter, {from :: gen_server:from(),
                 timer :: reference() | none}).

-record(state, {supervisor :: pid(),
                board :: #board{},
                max_waiting :: non_neg_integer(),
                group :: none | {group, term(), Scope :: pid() | undefined},
                members :: #{rubeam_pool_slots:slot() => #member{}},
                servers = #{} :: #{Monitor :: reference() => rubeam_pool_slots:slot()},
                line = queue:new() :: queue:queue(lease()), % also of some that have left it
                waiters = #{} :: #{lease() => #waiter{}},
                %% none: the interpreter has ended before it was given back
                lent = #{} :: #{lease() => rubeam_pool_slots:slot() | none},
                opener = none :: none | retry | {pid(), rubeam_pool_slots:slot()},
                %% Slots without an interpreter, and the server that is to be stopped first.
                to_open = [] :: [{rubeam_pool_slots:slot(), pid() | none}],
                failures = [] :: [integer()], % when, the last one first
                opened = 0 :: non_neg_integer(),
                looking :: reference()}).

%% @doc Starts the keeper of a pool, with all of its interpreters.
-spec start_link(rubeam_server:name() | undefined, Servers :: map(), Own :: map()) ->
          {ok, pid()} | {error, rubeam_server:start_error()}.
start_link(Name, Servers, Own) ->
    case started(Name, {Servers, Own}) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason}
    end.

started(undefined, Args) -> gen_server:start_link(?MODULE, Args, []);
started(Name, Args) when is_atom(Name) -> gen_server:start_link({local, Name}, ?MODULE, Args, []);
started(Name, Args) -> gen_server:start_link(Name, ?MODULE, Args, []).

%% @doc Stops the pool. One that is gone already is fine.
-spec stop(keeper()) -> ok.
stop(Keeper) ->
    try gen_server:stop(Keeper)
    catch exit:_Gone -> ok
    end.

%% @doc Waits for an interpreter, and for no longer than so many milliseconds. The keeper watches the
%% time, so that either the interpreter is lent or the place in the line is gone.
-spec borrow(keeper(), timeout()) ->
          {ok, lease(), keeper(), rubeam_transport:ruby(), Server :: pid()} | {error, busy | timeout | closed}.
borrow(Keeper, Timeout) ->
    try gen_server:call(Keeper, {borrow, Timeout}, infinity)
    catch exit:{_Reason, {gen_server, call, _}} -> {error, closed}
    end.

%% @doc Gives back what was lent to the calling process.
-spec give_back(keeper(), lease()) -> ok.
give_back(Keeper, Lease) ->
    gen_server:cast(Keeper, {give_back, Lease}).

%% @doc The pool's figures.
-spec info(keeper()) -> rubeam_pool:info() | {error, closed}.
info(Keeper) ->
    try gen_server:call(Keeper, info, infinity)
    catch exit:{_Reason, {gen_server, call, _}} -> {error, closed}
    end.

%% @private
-spec init({map(), map()}) -> {ok, #state{}} | {stop, term()}.
init({Servers, #{size := Size, max_waiting := MaxWaiting} = Own}) ->
    process_flag(trap_exit, true),
    {ok, Supervisor} = rubeam_pool_sup:start_link(Servers),
    Slots = rubeam_pool_slots:new(Size, MaxWaiting),
    Board = #board{keeper = self(), slots = Slots, ports = erlang:make_tuple(Size, none),
                   timeout = maps:get(timeout, Servers, infinity)},
    All = lists:seq(1, Size),
    State = #state{supervisor = Supervisor, board = Board, max_waiting = MaxWaiting,
                   group = group(Own),
                   members = maps:from_list([{Slot, #member{}} || Slot <- All]),
                   looking = look_after(?LOOK_IDLE)},
    case open_all(All, State) of
        {ok, Ready} ->
            case rubeam_registry:publish_pool(Ready#state.board) of
                ok -> {ok, join(Ready)};
                {error, Reason} -> failed(Supervisor, Reason)
            end;
        {error, Reason} ->
            failed(Supervisor, Reason)
    end.

failed(Supervisor, Reason) ->
    end_supervisor(Supervisor),
    {stop, Reason}.

open_all([], State) ->
    {ok, State};
open_all([Slot | Slots], State) ->
    case open(State#state.supervisor) of
        {ok, Server, Port} -> open_all(Slots, move_in(Slot, Server, Port, State));
        {error, Reason} -> {error, Reason}
    end.

%% --- Requests ---

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) ->
          {reply, term(), #state{}} | {noreply, #state{}}.
handle_call({borrow, Timeout}, {Pid, _Tag} = From, #state{line = Line, waiters = Waiters} = State) ->
    Lease = erlang:monitor(process, Pid),
    Timer = case Timeout of
                infinity -> none;
                _ -> erlang:start_timer(Timeout, self(), {waited, Lease})
            end,
    Waiter = #waiter{from = From, timer = Timer},
    Settled = settle(State#state{line = queue:in(Lease, Line), waiters = Waiters#{Lease => Waiter}}),
    {noreply, bounded(Lease, Settled)};
handle_call(info, _From, State) ->
    {reply, figures(State), State};
handle_call(Unknown, From, State) ->
    ?LOG_DEBUG(#{what => unexpected_call, pool => self(), from => From, call => Unknown}, ?LOG),
    {noreply, State}.

%% It was not lent one at once: is there room in the line?
bounded(Lease, #state{waiters = Waiters, board = Board, max_waiting = Most} = State) ->
    case is_map_key(Lease, Waiters) andalso rubeam_pool_slots:waiting(Board#board.slots) > Most of
        true -> settle(turn_away(Lease, busy, State));
        false -> State
    end.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(vacant, State) ->
    {noreply, settle(State)};
handle_cast({give_back, Lease}, #state{lent = Lent} = State) ->
    case maps:take(Lease, Lent) of
        {Slot, Rest} ->
            erlang:demonitor(Lease, [flush]),
            {noreply, settle(vacated(Slot, State#state{lent = Rest}))};
        error ->
            {noreply, State}
    end;
handle_cast(Unknown, State) ->
    ?LOG_DEBUG(#{what => unexpected_cast, pool => self(), cast => Unknown}, ?LOG),
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, term(), #state{}}.
handle_info({'DOWN', Monitor, process, _Pid, _Reason}, #state{servers = Servers} = State) ->
    case Servers of
        #{Monitor := Slot} -> {noreply, settle(open_next(server_gone(Slot, State)))};
        #{} -> {noreply, settle(open_next(borrower_gone(Monitor, State)))}
    end;
handle_info({timeout, _Timer, {waited, Lease}}, #state{waiters = Waiters} = State) ->
    case Waiters of
        #{Lease := _} -> {noreply, settle(turn_away(Lease, timeout, State))};
        #{} -> {noreply, State} % lent a moment ago
    end;
handle_info({timeout, Timer, look}, #state{looking = Timer} = State) ->
    {noreply, settle(look_again(join(look(State))))};
handle_info({timeout, _Timer, open}, State) ->
    {noreply, open_next(State#state{opener = none})};
handle_info({'EXIT', Pid, Reason}, #state{opener = {Pid, Slot}} = State) ->
    Result = case Reason of
                 {opened, Outcome} -> Outcome;
                 _ -> {error, Reason}
             end,
    opened(Slot, Result, State#state{opener = none});
handle_info({'EXIT', Supervisor, Reason}, #state{supervisor = Supervisor} = State) ->
    {stop, Reason, State};
handle_info(Unknown, State) ->
    ?LOG_DEBUG(#{what => unexpected_message, pool => self(), message => Unknown}, ?LOG),
    {noreply, State}.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{supervisor = Supervisor, waiters = Waiters}) ->
    ok = rubeam_registry:withdraw(),
    maps:foreach(fun(_Lease, #waiter{from = From}) -> gen_server:reply(From, {error, closed}) end,
                 Waiters),
    end_supervisor(Supervisor).

end_supervisor(Supervisor) ->
    unlink(Supervisor),
    Monitor = erlang:monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive
        {'DOWN', Monitor, process, Supervisor, _Reason} -> ok
    after ?SHUTDOWN ->
        exit(Supervisor, kill),
        erlang:demonitor(Monitor, [flush]),
        ok
    end.

figures(#state{members = Members, waiters = Waiters, board = Board, opened = Opened} = State) ->
    #{size => map_size(Members),
      ready => map_size(Members) - length(in_state([opening, ending], State)),
      lent => length(in_state([lent], State)),
      in_line => map_size(Waiters),
      requests => lists:sum([max(0, rubeam_pool_slots:load(Board#board.slots, Slot))
                             || Slot <- maps:keys(Members)]),
      opened => Opened}.

%% --- The line ---

%% Lends what can be lent, and drains as many slots as are wanted besides. To be called whenever
%% the line or a slot has changed.
settle(#state{waiters = Waiters} = State) when map_size(Waiters) =:= 0 ->
    line_is(0, lists:foldl(fun set_free/2, State, in_state([draining], State)));
settle(#state{waiters = Waiters} = State) ->
    case vacant(State) of
        {ok, Slot} ->
            settle(lend(Slot, State));
        none ->
            Draining = length(in_state([draining], State)),
            case least_busy(in_state([free], State), State) of
                {ok, Slot} when Draining < map_size(Waiters) -> settle(drain(Slot, State));
                _ -> line_is(map_size(Waiters), State)
            end
    end.

%% A new look is due soon: should the count of a drained slot be wrong, nobody else would notice.
line_is(Length, #state{board = Board, looking = Timer} = State) ->
    ok = rubeam_pool_slots:line(Board#board.slots, Length),
    case Length > 0 andalso erlang:read_timer(Timer) of
        Left when is_integer(Left), Left > ?LOOK_SOON -> look_again(State);
        _ -> State
    end.

%% One that nobody uses. Whoever enters a free one just now makes it one that is drained.
vacant(#state{board = #board{slots = Slots}} = State) ->
    Vacant = fun(Slot) -> rubeam_pool_slots:load(Slots, Slot) =< 0 end,
    case [Slot || Slot <- in_state([draining], State) ++ in_state([free], State), Vacant(Slot)] of
        [Slot | _] -> {ok, Slot};
        [] -> none
    end.

least_busy([], _State) ->
    none;
least_busy(Free, #state{board = #board{slots = Slots}}) ->
    {_, Slot} = lists:min([{rubeam_pool_slots:load(Slots, Slot), Slot} || Slot <- Free]),
    {ok, Slot}.

lend(Slot, #state{members = Members} = State) ->
    #member{is = Is, port = Port, server = Server} = Member = maps:get(Slot, Members),
    Load = case Is of
               free -> take(Slot, State);
               draining -> 0
           end,
    case {Load =< 0, rubeam_transport:is_open(Port)} of
        {_, false} -> % its server will say so in a moment
            put_member(Slot, Member#member{is = ending, look = none}, State);
        {false, _} ->
            put_member(Slot, Member#member{is = draining, look = none}, State);
        {true, _} ->
            {Lease, #waiter{from = From}, Left} = first_of(State),
            gen_server:reply(From, {ok, Lease, self(), Port, Server}),
            Lent = (Left#state.lent)#{Lease => Slot},
            put_member(Slot, Member#member{is = lent, look = none}, Left#state{lent = Lent})
    end.

drain(Slot, State) ->
    _ = take(Slot, State),
    set(Slot, draining, State).

first_of(#state{line = Line, waiters = Waiters} = State) ->
    {{value, Lease}, Rest} = queue:out(Line),
    case maps:take(Lease, Waiters) of
        {Waiter, Others} ->
            ok = cancel(Waiter#waiter.timer),
            {Lease, Waiter, State#state{line = Rest, waiters = Others}};
        error ->
            first_of(State#state{line = Rest})
    end.

turn_away(Lease, Reason, #state{waiters = Waiters} = State) ->
    {#waiter{from = From, timer = Timer}, Others} = maps:take(Lease, Waiters),
    ok = cancel(Timer),
    erlang:demonitor(Lease, [flush]),
    gen_server:reply(From, {error, Reason}),
    tidy(State#state{waiters = Others}).

%% Those that have left stay in the line until it is their turn, but no more of them than wait.
tidy(#state{line = Line, waiters = Waiters} = State) ->
    case queue:len(Line) > 2 * map_size(Waiters) + 16 of
        true -> State#state{line = queue:filter(fun(L) -> is_map_key(L, Waiters) end, Line)};
        false -> State
    end.

cancel(none) -> ok;
cancel(Timer) -> _ = erlang:cancel_timer(Timer), ok.

%% What was left running in it counts as its requests do: it is not lent before that is over.
vacated(none, State) ->
    State;
vacated(Slot, #state{members = Members, board = #board{slots = Slots}} = State) ->
    case maps:get(Slot, Members) of
        #member{is = lent, port = Port} ->
            case truth(Port) of
                {Truth, _Jobs} ->
                    ok = rubeam_pool_slots:correct(Slots, Slot, Truth),
                    set_free(Slot, State);
                closed ->
                    set(Slot, ending, State)
            end
    end.

%% --- Ends ---

borrower_gone(Lease, #state{waiters = Waiters, lent = Lent, members = Members} = State) ->
    case Lent of
        #{Lease := none} ->
            State#state{lent = maps:remove(Lease, Lent)};
        #{Lease := Slot} ->
            #member{server = Server} = maps:get(Slot, Members),
            replace(Slot, Server, State#state{lent = maps:remove(Lease, Lent)});
        #{} ->
            case maps:take(Lease, Waiters) of
                {#waiter{timer = Timer}, Others} ->
                    ok = cancel(Timer),
                    tidy(State#state{waiters = Others});
                error ->
                    State
            end
    end.

server_gone(Slot, #state{members = Members, lent = Lent} = State) ->
    #member{is = Is} = maps:get(Slot, Members),
    _ = Is =:= free andalso take(Slot, State),
    Still = maps:map(fun(_Lease, S) when S =:= Slot -> none;
                        (_Lease, Other) -> Other
                     end, Lent),
    replace(Slot, none, State#state{lent = Still}).

replace(Slot, Old, #state{members = Members, servers = Servers, to_open = ToOpen} = State) ->
    #member{monitor = Monitor} = maps:get(Slot, Members),
    erlang:demonitor(Monitor, [flush]),
    put_member(Slot, #member{}, State#state{servers = maps:remove(Monitor, Servers),
                                            to_open = ToOpen ++ [{Slot, Old}]}).

open_next(#state{opener = none, to_open = [{Slot, Old} | Rest], supervisor = Supervisor} = State) ->
    Opener = spawn_link(fun() ->
                                _ = [supervisor:terminate_child(Supervisor, Old) || Old =/= none],
                                exit({opened, open(Supervisor)})
                        end),
    State#state{opener = {Opener, Slot}, to_open = Rest};
open_next(State) ->
    State.

open(Supervisor) ->
    case supervisor:start_child(Supervisor, []) of
        {ok, Server} ->
            case rubeam_registry:where(Server) of
                {ok, Ruby} when is_port(Ruby); is_pid(Ruby) -> {ok, Server, Ruby};
                _ -> {error, closed}
            end;
        {error, Reason} ->
            {error, Reason}
    end.

opened(Slot, {ok, Server, Port}, State) ->
    Moved = move_in(Slot, Server, Port, State),
    _ = rubeam_registry:publish_pool(Moved#state.board),
    {noreply, settle(open_next(Moved))};
opened(Slot, {error, Reason}, #state{failures = Before, to_open = ToOpen} = State) ->
    Now = erlang:monotonic_time(millisecond),
    Failures = [Now | [Then || Then <- Before, Now - Then < ?PERIOD]],
    case length(Failures) > ?FAILURES of
        true ->
            {stop, {open_failed, Reason}, State};
        false ->
            _ = erlang:start_timer(?RETRY, self(), open),
            {noreply, State#state{opener = retry, failures = Failures,
                                  to_open = ToOpen ++ [{Slot, none}]}}
    end.

move_in(Slot, Server, Port, #state{board = Board, servers = Servers, opened = Opened} = State) ->
    Monitor = erlang:monitor(process, Server),
    Ports = setelement(Slot, Board#board.ports, Port),
    Member = #member{server = Server, monitor = Monitor, port = Port},
    New = put_member(Slot, Member, State#state{board = Board#board{ports = Ports},
                                               servers = Servers#{Monitor => Slot},
                                               opened = Opened + 1}),
    set_free(Slot, New).

%% --- Slots ---

in_state(States, #state{members = Members}) ->
    lists:sort([Slot || {Slot, #member{is = Is}} <- maps:to_list(Members), lists:member(Is, States)]).

take(Slot, #state{board = #board{slots = Slots}}) ->
    rubeam_pool_slots:take(Slots, Slot).

set_free(Slot, #state{board = #board{slots = Slots}} = State) ->
    ok = rubeam_pool_slots:release(Slots, Slot),
    set(Slot, free, State).

set(Slot, Is, #state{members = Members} = State) ->
    Member = maps:get(Slot, Members),
    put_member(Slot, Member#member{is = Is, look = none}, State).

put_member(Slot, Member, #state{members = Members} = State) ->
    State#state{members = Members#{Slot := Member}}.

%% --- Looks ---

look_after(Time) ->
    erlang:start_timer(Time, self(), look).

look_again(#state{looking = Timer, waiters = Waiters} = State) ->
    ok = cancel(Timer),
    Time = case figures(State) of
               _ when map_size(Waiters) > 0 -> ?LOOK_SOON;
               #{requests := 0} -> ?LOOK_IDLE;
               _ -> ?LOOK_BUSY
           end,
    State#state{looking = look_after(Time)}.

look(State) ->
    lists:foldl(fun look/2, State, in_state([free, draining], State)).

look(Slot, #state{members = Members, board = #board{slots = Slots}} = State) ->
    #member{port = Port, look = Before} = Member = maps:get(Slot, Members),
    Load = rubeam_pool_slots:load(Slots, Slot),
    Seen = case Load =/= 0 andalso truth(Port) of
               {Truth, Jobs} -> {rubeam_pool_slots:word(Slots, Slot), Truth, Jobs};
               _ -> none
           end,
    case Seen of
        {_, Real, _} when Seen =:= Before, Real =/= Load ->
            ok = rubeam_pool_slots:correct(Slots, Slot, Real - Load),
            put_member(Slot, Member#member{look = none}, State);
        _ ->
            put_member(Slot, Member#member{look = Seen}, State)
    end.

%% How many requests the driver knows of: that one which runs, and those that wait.
truth(Port) ->
    case rubeam:info(Port) of
        #{state := ended} -> closed;
        #{state := idle, queue := Queue, jobs := Jobs} -> {Queue, Jobs};
        #{queue := Queue, jobs := Jobs} -> {Queue + 1, Jobs};
        {error, memory_limit} -> {1, 0}; % it cannot say: it is busy
        {error, _} -> closed
    end.

%% --- The group ---

group(#{group := Group}) -> {group, Group, undefined};
group(#{}) -> none.

%% Once more when the scope has been started anew: it knows of nobody then.
join(#state{group = {group, Group, Joined}} = State) ->
    case whereis(?GROUPS) of
        Scope when is_pid(Scope), Scope =/= Joined ->
            try pg:join(?GROUPS, Group, self()) of
                ok -> State#state{group = {group, Group, Scope}}
            catch
                exit:_Gone -> State
            end;
        _ ->
            State
    end;
join(State) ->
    State.
