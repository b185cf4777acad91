%% Measures Rubeam beside its limits and its rivals: called by `make bench'.
%%
%% All within one run, and everything as ratios of that run: what is compared is measured in turns
%% of a few milliseconds each (A B C A B C …), and of these the median counts. So whatever else
%% the machine does falls upon all of them alike. p10 and p90 say how much that was.
%%
%% Prints a table, then each figure that Rubeam is to reach with what was measured; the same as JSON
%% goes to bench.json in the directory RUBEAM_BENCH. A figure that is not reached is no error: the
%% status is 0. ONLY names one part.
-module(bench).

-export([main/0]).

-type row() :: #{part := atom(), name := iodata(), unit := ns | ratio | count,
                 stats := bench_rounds:stats()}.
-type demand() :: #{text := iodata(), most := number(), measured := bench_rounds:stats(),
                    reached := boolean()}.
-export_type([row/0, demand/0]).

-spec main() -> ok | no_return().
main() ->
    Start = erlang:monotonic_time(second),
    ok = io:setopts([{encoding, unicode}]),
    Parts = [{round_trip, fun bench_ways:round_trip/0},
             {pool, fun bench_ways:pool/0},
             {erlang, fun bench_ways:erlang/0},
             {transports, fun bench_transports:transports/0},
             {eval, fun bench_ways:eval/0},
             {fib, fun bench_ways:fib/0},
             {data, fun bench_ways:data/0},
             {open_close, fun bench_ways:open_close/0},
             {many, fun bench_many:many/0},
             {fair, fun bench_load:fair/0},
             {cores, fun bench_load:cores/0},
             {latency, fun bench_load:latency/0},
             {instructions, fun bench_core:instructions/0}],
    {ok, _} = application:ensure_all_started(rubeam),
    Only = os:getenv("ONLY", ""),
    Wanted = [Part || {Name, _} = Part <- Parts, Only =:= "" orelse Only =:= atom_to_list(Name)],
    case Wanted of
        [] ->
            io:format("there is no part ~s, but ~p~n", [Only, [Name || {Name, _} <- Parts]]),
            halt(1);
        _ ->
            Results = [part(Index, length(Wanted), Part)
                       || {Index, Part} <- lists:zip(lists:seq(1, length(Wanted)), Wanted)],
            {Rows, Demands} = lists:unzip(Results),
            bench_report:table(lists:append(Rows)),
            bench_report:demands(lists:append(Demands)),
            File = filename:join(os:getenv("RUBEAM_BENCH"), "bench.json"),
            ok = bench_report:json(File, lists:append(Rows), lists:append(Demands)),
            io:format("~n~s; ~b s~n", [File, erlang:monotonic_time(second) - Start])
    end.

part(Index, Of, {Name, Run}) ->
    io:format("[~b/~b] ~s", [Index, Of, Name]),
    Start = erlang:monotonic_time(millisecond),
    Result = Run(),
    io:format(" ~.1f s~n", [(erlang:monotonic_time(millisecond) - Start) / 1000]),
    Result.
