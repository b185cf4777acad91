%% Measuring in turns, and what is made of the samples. Pure but for the clock and a dot of progress
%% now and then.
-module(bench_rounds).

-export([measure/1, measure/2, in_turns/3, timed/2, stats/1, ratios/2, row/4, demand/3, either/1,
         percentile/2, progress/0]).

-type samples() :: [number()].
-type stats() :: #{median := number(), p10 := number(), p90 := number(), samples := pos_integer()}.
-type way() :: {Name :: iodata(), Run :: fun((Times :: pos_integer()) -> Nanoseconds :: number())}.
-export_type([samples/0, stats/0, way/0]).

%% A turn lasts at least this long: long beside the clock's grain, short beside what disturbs.
-define(TURN_NS, 2_000_000).
-define(ROUNDS, 300).
%% Rounds end early when this much time is over: a slow machine gets fewer of them.
-define(BUDGET_MS, 20_000).
-define(LEAST_ROUNDS, 5).

%% As measure/2 with the usual number of rounds.
-spec measure([way()]) -> [samples()].
measure(Ways) ->
    measure(Ways, ?ROUNDS).

%% Nanoseconds of one time, for each way a list with a sample of each round.
-spec measure([way()], Rounds :: pos_integer()) -> [samples()].
measure(Ways, Rounds) ->
    %% The first time loads code, and may take as long as a turn.
    lists:foreach(fun({_Name, Run}) -> Run(1) end, Ways),
    in_turns([per_time(Run, times(Run, 1)) || {_Name, Run} <- Ways], Rounds, ?BUDGET_MS).

%% Any measurements in turns: for each function a list with a sample of each round.
-spec in_turns([fun(() -> Sample)], Rounds :: pos_integer(), BudgetMs :: integer()) -> [[Sample]].
in_turns(Functions, Rounds, BudgetMs) ->
    End = erlang:monotonic_time(millisecond) + BudgetMs,
    transposed(rounds(Functions, Rounds, Rounds, End)).

rounds(_Functions, 0, _Of, _End) ->
    [];
rounds(Functions, Left, Of, End) ->
    Late = Of - Left >= ?LEAST_ROUNDS andalso erlang:monotonic_time(millisecond) > End,
    case Late of
        true ->
            [];
        false ->
            Left rem max(1, Of div 10) =:= 0 andalso progress(),
            Samples = [begin
                           erlang:garbage_collect(),
                           Function()
                       end || Function <- Functions],
            [Samples | rounds(Functions, Left - 1, Of, End)]
    end.

-spec progress() -> ok.
progress() ->
    io:put_chars(".").

transposed([[] | _]) -> [];
transposed(Lists) -> [[hd(List) || List <- Lists] | transposed([tl(List) || List <- Lists])].

per_time(Run, Times) ->
    fun() -> Run(Times) / Times end.

%% How many times fill a turn; warms up on the way.
times(Run, Times) ->
    case Run(Times) of
        Ns when Ns >= ?TURN_NS -> Times;
        Ns when Ns * 16 < ?TURN_NS -> times(Run, Times * 8);
        Ns -> max(Times + 1, round(Times * ?TURN_NS / Ns))
    end.

%% Nanoseconds that Times calls of a function take.
-spec timed(Times :: pos_integer(), fun(() -> term())) -> integer().
timed(Times, Function) ->
    Start = erlang:monotonic_time(),
    repeat(Times, Function),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond).

repeat(0, _Function) ->
    ok;
repeat(Times, Function) ->
    _ = Function(),
    repeat(Times - 1, Function).

-spec stats(samples()) -> stats().
stats(Samples) ->
    #{median => percentile(50, Samples), p10 => percentile(10, Samples),
      p90 => percentile(90, Samples), samples => length(Samples)}.

-spec percentile(number(), samples()) -> number().
percentile(P, Samples) ->
    Sorted = lists:sort(Samples),
    lists:nth(max(1, ceil(P / 100 * length(Sorted))), Sorted).

%% Round by round: what slowed down both falls out.
-spec ratios(samples(), samples()) -> samples().
ratios(Samples, Others) ->
    lists:zipwith(fun(Sample, Other) -> Sample / Other end, Samples, Others).

-spec row(Part :: atom(), Name :: iodata(), Unit :: ns | ratio | count, samples()) -> bench:row().
row(Part, Name, Unit, Samples) ->
    #{part => Part, name => Name, unit => Unit, stats => stats(Samples)}.

%% The median must be at most this.
-spec demand(Text :: iodata(), Most :: number(), samples()) -> bench:demand().
demand(Text, Most, Samples) ->
    #{median := Median} = Stats = stats(Samples),
    #{text => Text, most => Most, measured => Stats, reached => Median =< Most}.

%% Demands of which one is enough.
-spec either([bench:demand()]) -> [bench:demand()].
either(Demands) ->
    Reached = lists:any(fun(#{reached := One}) -> One end, Demands),
    [Demand#{reached := Reached} || Demand <- Demands].
