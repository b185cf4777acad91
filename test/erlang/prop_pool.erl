%% Does a pool lend to whom a simple model says: at once while an interpreter is there, in order
%% afterwards, to no more than may wait; whoever gives back, leaves, is killed or ends its interpreter?
-module(prop_pool).

-include("prop.hrl").

-export([prop_lends_in_order/0]).

%% Callbacks of proper_statem, and what the commands do
-export([initial_state/0, command/1, precondition/2, next_state/3, postcondition/3]).
-export([start/2, borrow/2, give_back/3, kill/3, leave/2, end_interpreter/2, request/2, try_to_borrow/1]).

%% Milliseconds, of which many are spent only if something is wrong.
-define(PATIENCE, 10_000).
-define(SHORT, 3).

-record(state, {pool = none,
                size = 0,
                most = 0,       % so many may wait
                lent = [],      % borrowers that have an interpreter which works
                ended = [],     % borrowers whose interpreter has ended
                line = []}).    % borrowers that wait, the first one first

prop_lends_in_order() ->
    ?FORALL(Commands, proper_statem:commands(?MODULE), run(Commands)).

run(Commands) ->
    {ok, _} = application:ensure_all_started(rubeam),
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none), % each end is reported by a supervisor
    {History, #state{pool = Pool} = State, Result} = proper_statem:run_commands(?MODULE, Commands),
    Figures = Pool =/= none andalso rubeam_pool:info(Pool),
    Pool =/= none andalso rubeam_pool:stop(Pool),
    _ = [exit(Pid, kill) || {Pid, _} <- State#state.lent ++ State#state.ended ++ State#state.line],
    ok = logger:set_primary_config(level, Level),
    ok = flush(),
    ?WHENFAIL(io:format("~tp~n~tp~n~tp~nresult ~tp~n", [History, State, Figures, Result]),
              Result =:= ok).

flush() ->
    receive {Pid, _} when is_pid(Pid) -> flush() after 0 -> ok end.

%% --- commands ---

initial_state() -> #state{}.

command(#state{pool = none}) ->
    {call, ?MODULE, start, [integer(1, 3), integer(0, 3)]};
command(#state{pool = Pool, lent = Lent, ended = Ended, line = Line} = State) ->
    frequency([{6, {call, ?MODULE, borrow, [Pool, fate(State)]}},
               {1, {call, ?MODULE, request, [Pool, fate(State)]}},
               {1, {call, ?MODULE, try_to_borrow, [Pool]}}]
              ++ [{4, {call, ?MODULE, give_back, [Pool, elements(Lent ++ Ended), Line]}}
                  || Lent ++ Ended =/= []]
              ++ [{2, {call, ?MODULE, kill, [Pool, elements(Lent ++ Ended), Line]}}
                  || Lent ++ Ended =/= []]
              ++ [{2, {call, ?MODULE, leave, [Pool, elements(Line)]}} || Line =/= []]
              ++ [{2, {call, ?MODULE, end_interpreter, [elements(Lent), Line]}} || Lent =/= []]).

%% What becomes of the next one who wants to borrow.
fate(#state{size = Size, lent = Lent}) when length(Lent) < Size -> has;
fate(#state{most = Most, line = Line}) when length(Line) < Most -> waits;
fate(_) -> busy.

%% Also of what is left when PropEr makes a sequence shorter.
precondition(#state{pool = Pool}, {call, _, start, _}) ->
    Pool =:= none;
precondition(#state{pool = none}, _) ->
    false;
precondition(State, {call, _, What, [_, Fate]}) when What =:= borrow; What =:= request ->
    Fate =:= fate(State);
precondition(#state{lent = Lent, ended = Ended, line = Line}, {call, _, What, [_, Borrower, Behind]})
  when What =:= give_back; What =:= kill ->
    lists:member(Borrower, Lent ++ Ended) andalso Behind =:= Line;
precondition(#state{line = Line}, {call, _, leave, [_, Borrower]}) ->
    lists:member(Borrower, Line);
precondition(#state{lent = Lent, line = Line}, {call, _, end_interpreter, [Borrower, Behind]}) ->
    lists:member(Borrower, Lent) andalso Behind =:= Line;
precondition(_, _) ->
    true.

next_state(State, Pool, {call, _, start, [Size, Most]}) ->
    State#state{pool = Pool, size = Size, most = Most};
next_state(#state{lent = Lent} = State, Borrower, {call, _, borrow, [_, has]}) ->
    State#state{lent = [Borrower | Lent]};
next_state(#state{line = Line} = State, Borrower, {call, _, borrow, [_, waits]}) ->
    State#state{line = Line ++ [Borrower]};
next_state(#state{lent = Lent, ended = Ended} = State, _, {call, _, What, [_, Borrower, _]})
  when What =:= give_back; What =:= kill ->
    case lists:member(Borrower, Lent) of
        true -> next_in_line(State#state{lent = Lent -- [Borrower]});
        false -> State#state{ended = Ended -- [Borrower]}
    end;
next_state(#state{line = Line} = State, _, {call, _, leave, [_, Borrower]}) ->
    State#state{line = Line -- [Borrower]};
next_state(#state{lent = Lent, ended = Ended} = State, _, {call, _, end_interpreter, [Borrower, _]}) ->
    next_in_line(State#state{lent = Lent -- [Borrower], ended = [Borrower | Ended]});
next_state(State, _, _) ->
    State.

next_in_line(#state{line = []} = State) -> State;
next_in_line(#state{line = [First | Rest], lent = Lent} = State) ->
    State#state{line = Rest, lent = [First | Lent]}.

postcondition(_State, {call, _, start, _}, Pool) ->
    is_pid(Pool);
postcondition(State, {call, _, borrow, [Pool, Fate]} = Call, {_Pid, Observed} = Borrower) ->
    Observed =:= Fate andalso has_figures(Pool, next_state(State, Borrower, Call));
postcondition(State, {call, _, request, _}, Result) ->
    Result =:= asked(State, {ok, 1});
postcondition(State, {call, _, try_to_borrow, [_]}, Result) ->
    Result =:= asked(State, {ok, had});
%% The first of the line has what came free, and nobody else has.
postcondition(#state{pool = Pool} = State, Call, Result) ->
    #state{lent = Lent} = After = next_state(State, ok, Call),
    Result =:= ok andalso has_figures(Pool, After)
        andalso lists:all(fun({Pid, _}) -> asked_whether_it_has(Pid) end, Lent).

asked(State, Value) ->
    case fate(State) of
        has -> Value;
        waits -> {error, timeout};
        busy -> {error, busy}
    end.

has_figures(Pool, #state{size = Size, lent = Lent, line = Line}) ->
    is_so(fun() ->
                  #{ready := Ready, lent := Number, in_line := InLine, requests := Requests} =
                      rubeam_pool:info(Pool),
                  {Ready, Number, InLine, Requests} =:= {Size, length(Lent), length(Line), 0}
          end, erlang:monotonic_time(millisecond) + ?PATIENCE).

is_so(Condition, End) ->
    Condition() orelse (erlang:monotonic_time(millisecond) < End
                        andalso receive after 1 -> is_so(Condition, End) end).

%% --- what is done ---

start(Size, Most) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => Size, max_waiting => Most, output => discard}),
    Pool.

%% Its process answers questions while it has an interpreter. {Pid, What became of it}
borrow(Pool, Fate) ->
    Test = self(),
    Pid = spawn(fun() ->
                        Test ! {self(), rubeam_pool:with(Pool, fun(Ruby) -> Test ! {self(), has}, have(Ruby) end)}
                end),
    receive
        {Pid, has} -> {Pid, has};
        {Pid, {error, Reason}} -> {Pid, Reason}
    after if Fate =:= waits -> ?SHORT; true -> ?PATIENCE end ->
        {Pid, waits}
    end.

have(Ruby) ->
    receive
        give_back -> given_back;
        {asks, From} -> From ! {self(), {asked, rubeam:eval(Ruby, <<"1">>)}}, have(Ruby);
        {ends, From} -> From ! {self(), {ended, rubeam:eval(Ruby, <<"exit">>)}}, have(Ruby)
    end.

asked_whether_it_has(Pid) ->
    Pid ! {asks, self()},
    receive {Pid, {asked, Result}} -> Result =:= {ok, 1} after ?PATIENCE -> false end.

give_back(_Pool, {Pid, _}, _Line) ->
    Pid ! give_back,
    receive {Pid, {ok, given_back}} -> ok after ?PATIENCE -> not_given_back end.

kill(_Pool, {Pid, _}, _Line) ->
    end_process(Pid).

leave(_Pool, {Pid, _}) ->
    end_process(Pid).

end_process(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Monitor, process, Pid, killed} -> ok after ?PATIENCE -> not_killed end.

end_interpreter({Pid, _}, _Line) ->
    Pid ! {ends, self()},
    receive {Pid, {ended, {error, closed}}} -> ok after ?PATIENCE -> not_ended end.

request(Pool, Fate) ->
    Timeout = if Fate =:= waits -> ?SHORT; true -> ?PATIENCE end,
    rubeam_pool:eval(Pool, <<"1">>, #{timeout => Timeout}).

try_to_borrow(Pool) ->
    rubeam_pool:with(Pool, fun(_) -> had end, ?SHORT).
