%% Workers of a load: processes that do the same at once, each with random choices of its own that
%% come from the load's seed, and the little things that they do.
-module(stress_workers).

-export([all/2, share/3, one_of/1, shuffled/1, chance/1, wait_up_to/1, busy_until/1,
         mailbox_is_empty/0, gone/1, tally/2, sum/1]).

%% Runs Work(Index) in N processes at once; their results in order. A worker that fails ends the
%% calling process with its reason, and so all the others.
-spec all(N :: pos_integer(), Work :: fun((pos_integer()) -> Result)) -> [Result].
all(N, Work) ->
    Parent = self(),
    Seeds = [{Index, rand:uniform(1 bsl 32)} || Index <- lists:seq(1, N)],
    Refs = [begin
                Ref = make_ref(),
                _ = spawn_link(fun() ->
                                       _ = rand:seed(exsss, Seed),
                                       Parent ! {Ref, Work(Index)}
                               end),
                Ref
            end || {Index, Seed} <- Seeds],
    [receive {Ref, Result} -> Result end || Ref <- Refs].

%% How many of Total fall to the worker Index of N.
-spec share(Total :: integer(), Index :: pos_integer(), N :: pos_integer()) -> integer().
share(Total, Index, N) ->
    Total * Index div N - Total * (Index - 1) div N.

-spec one_of([Element]) -> Element.
one_of(List) ->
    lists:nth(rand:uniform(length(List)), List).

-spec shuffled([Element]) -> [Element].
shuffled(List) ->
    [Element || {_, Element} <- lists:sort([{rand:uniform(), Element} || Element <- List])].

%% True in so many of a hundred cases.
-spec chance(Percent :: integer()) -> boolean().
chance(Percent) ->
    rand:uniform(100) =< Percent.

%% A random moment, at most so many microseconds away. Busy: sleeping has a grain of 1 ms.
-spec wait_up_to(Microseconds :: pos_integer()) -> ok.
wait_up_to(Microseconds) ->
    %% Short moments as often as long ones: much happens in the first 50 us.
    Most = rand:uniform(Microseconds),
    busy_until(erlang:monotonic_time(microsecond) + rand:uniform(Most)).

-spec busy_until(Microsecond :: integer()) -> ok.
busy_until(End) ->
    case erlang:monotonic_time(microsecond) < End of
        true -> busy_until(End);
        false -> ok
    end.

%% Nothing came that nobody asked for.
-spec mailbox_is_empty() -> ok.
mailbox_is_empty() ->
    receive Message -> exit({unexpected_message, Message}) after 0 -> ok end.

%% Waits until a process or port is gone.
-spec gone(pid() | port()) -> ok.
gone(Thing) ->
    Type = if is_pid(Thing) -> process; is_port(Thing) -> port end,
    Monitor = erlang:monitor(Type, Thing),
    receive {'DOWN', Monitor, Type, Thing, _Reason} -> ok end.

%% One more of What.
-spec tally(What :: term(), Counted :: map()) -> map().
tally(What, Counted) ->
    maps:update_with(What, fun(N) -> N + 1 end, 1, Counted).

%% The workers' tallies in one.
-spec sum([map()]) -> map().
sum(Tallies) ->
    lists:foldl(fun(Tally, Sum) ->
                        maps:fold(fun(What, N, Acc) ->
                                          maps:update_with(What, fun(M) -> M + N end, N, Acc)
                                  end, Sum, Tally)
                end, #{}, Tallies).
