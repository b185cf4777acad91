%% Many jobs at once: is the pool fair, does it use the cores, and what do others notice of it?
%%
%% Each measurement has a node of its own, with the flags that it is about: the functions at the end
%% run there. Both forms of the pool.
-module(bench_load).

-export([fair/0, cores/0, latency/0]).
-export([prepare/1, finishing_times/2, loops/1, tick/1, short_calls/1]).

-import(bench_rounds, [in_turns/3, ratios/2, row/4, demand/3, percentile/2]).

-define(BUDGET_MS, 15_000).
%% Longer than any measurement
-define(PATIENCE, 120_000).

-define(FIB, <<"def fib(n)\n"
               "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
               "end\n"
               "def add(x, y)\n"
               "  x + y\n"
               "end\n">>).

-type result() :: {[bench:row()], [bench:demand()]}.

%% --- here: the parts ---

%% 20 jobs and one thread: they should all be done at about the same time.
-spec fair() -> result().
fair() ->
    parts([fair(Pool, Flags) || {Pool, Flags} <- [{"threads", ["+S", "1"]},
                                                   {"async", ["+S", "1", "+A", "1"]}]]).

fair(Pool, Flags) ->
    Node = node_with(Pool, Flags),
    Round = fun() ->
                    Times = call(Node, finishing_times, [20, 27]),
                    lists:max(Times) / lists:min(Times)
            end,
    [Samples] = in_turns([Round], 5, ?BUDGET_MS),
    stop(Node),
    {[], [demand(["20 jobs of fib(27), one thread (", Pool, "): last / first"], 1.25, Samples)]}.

%% As many jobs as cores, against one alone. Programs of their own that do the same show what the
%% machine has to give.
-spec cores() -> result().
cores() ->
    parts([cores(Pool, Flags) || {Pool, Flags} <- both_pools()]).

cores(Pool, Flags) ->
    Cores = cores_of_machine(),
    Node = node_with(Pool, Flags),
    Programs = [bench_ways:program("mruby_alone") || _ <- lists:seq(1, Cores)],
    Jobs = fun(N) -> fun() -> lists:max(call(Node, finishing_times, [N, 30])) end end,
    InPrograms = fun(N) -> fun() -> run_programs(lists:sublist(Programs, N)) end end,
    [One, All, More, OneProgram, AllPrograms] =
        in_turns([Jobs(1), Jobs(Cores), Jobs(4 * Cores), InPrograms(1), InPrograms(Cores)], 8,
                 ?BUDGET_MS),
    lists:foreach(fun erlang:port_close/1, Programs),
    stop(Node),
    On = io_lib:format(" jobs of fib(30) on ~b cores (~s) / one alone", [Cores, Pool]),
    {[row(cores, [integer_to_list(4 * Cores), On, ", divided by 4"], ratio,
          [Ratio / 4 || Ratio <- ratios(More, One)]),
      row(cores, [integer_to_list(Cores), " programs of mruby alone / one alone"], ratio,
          ratios(AllPrograms, OneProgram)),
      row(cores, ["  the jobs' share (", Pool, ") divided by the programs'"], ratio,
          ratios(ratios(All, One), ratios(AllPrograms, OneProgram)))],
     [demand([integer_to_list(Cores), On], 1.15, ratios(All, One))]}.

run_programs(Programs) ->
    Start = erlang:monotonic_time(nanosecond),
    lists:foreach(fun(Program) -> port_command(Program, "fib30 1\n") end, Programs),
    lists:foreach(fun(Program) -> receive {Program, {data, {eol, _}}} -> ok end end, Programs),
    erlang:monotonic_time(nanosecond) - Start.

%% Beside 200 endless loops: the interval of a ticker in Erlang, and how long a short call takes.
%% A sample is a percentile of a second and a half. What the system makes of a ticker beside as many
%% busy programs as there are cores shows how near that is to what can be had.
-spec latency() -> result().
latency() ->
    parts([beside_programs() | [latency(Pool, Flags) || {Pool, Flags} <- both_pools()]]).

beside_programs() ->
    Node = node_with("threads", []),
    Programs = [bench_ways:program("mruby_alone") || _ <- lists:seq(1, cores_of_machine())],
    lists:foreach(fun(Program) -> port_command(Program, "fib30 100000\n") end, Programs),
    [Ticks] = in_turns([fun() -> call(Node, tick, [1_500]) end], 6, ?BUDGET_MS),
    lists:foreach(fun kill_program/1, Programs),
    stop(Node),
    {latency_rows("1 ms ticker", " beside busy programs, one for each core", Ticks), []}.

%% It would go on for hours.
kill_program(Program) ->
    {os_pid, Pid} = erlang:port_info(Program, os_pid),
    "" = os:cmd("kill " ++ integer_to_list(Pid)),
    ok.

latency(Pool, Flags) ->
    Node = node_with(Pool, Flags),
    Round = [fun() -> call(Node, Function, [1_500]) end || Function <- [tick, short_calls]],
    [IdleTicks, IdleCalls] = in_turns(Round, 2, ?BUDGET_MS),
    ok = call(Node, loops, [200]),
    [Ticks, Calls] = in_turns(Round, 6, 2 * ?BUDGET_MS),
    stop(Node),
    Beside = [" beside 200 loops (", Pool, ")"],
    Alone = [" of an idle node (", Pool, ")"],
    {lists:append([latency_rows("1 ms ticker", Alone, IdleTicks),
                   latency_rows("1 ms ticker", Beside, Ticks),
                   latency_rows("short call", Alone, IdleCalls),
                   latency_rows("short call", Beside, Calls)]),
     [demand(["p99 of a 1 ms ticker", Beside, ", ms"], 3, p99_ms(Ticks)),
      demand(["p99 of a short call", Beside, ", ms"], 1, p99_ms(Calls))]}.

latency_rows(What, Where, Rounds) ->
    [row(latency, [What, Where, ", p50"], ns, [percentile(50, Round) || Round <- Rounds]),
     row(latency, [What, Where, ", p99"], ns, [percentile(99, Round) || Round <- Rounds]),
     row(latency, [What, Where, ", longest"], ns, [lists:max(Round) || Round <- Rounds])].

p99_ms(Rounds) ->
    [percentile(99, Round) / 1_000_000 || Round <- Rounds].

parts(Results) ->
    {Rows, Demands} = lists:unzip(Results),
    {lists:append(Rows), lists:append(Demands)}.

%% The flags of the first are the default ones.
both_pools() ->
    [{"threads", []}, {"async", ["+A", integer_to_list(cores_of_machine())]}].

cores_of_machine() ->
    erlang:system_info(schedulers_online).

node_with(Pool, Flags) ->
    {ok, Node, _} = peer:start_link(#{connection => standard_io, args => Flags}),
    ok = peer:call(Node, code, add_pathsa, [code:get_path()]),
    ok = call(Node, prepare, [list_to_atom(Pool)]),
    Node.

call(Node, Function, Args) ->
    peer:call(Node, ?MODULE, Function, Args, ?PATIENCE).

stop(Node) ->
    peer:stop(Node).

%% --- there ---

%% What interpreters are opened with, from now on.
-spec prepare(threads | async) -> ok.
prepare(Pool) ->
    true = os:putenv("RUBEAM_POOL", atom_to_list(Pool)),
    {ok, _} = application:ensure_all_started(rubeam),
    ok.

ruby() ->
    {ok, Port} = rubeam:open(),
    {ok, _} = rubeam:eval(Port, ?FIB),
    Port.

%% When each of so many jobs that begin at once is done, in nanoseconds.
-spec finishing_times(Jobs :: pos_integer(), N :: pos_integer()) -> [integer()].
finishing_times(Jobs, N) ->
    Parent = self(),
    Workers = [spawn_link(fun() ->
                                  Port = ruby(),
                                  Parent ! {self(), ready},
                                  receive go -> ok end,
                                  {ok, _} = rubeam:call(Port, fib, [N]),
                                  Parent ! {self(), erlang:monotonic_time(nanosecond)}
                          end) || _ <- lists:seq(1, Jobs)],
    lists:foreach(fun(Worker) -> receive {Worker, ready} -> ok end end, Workers),
    Start = erlang:monotonic_time(nanosecond),
    lists:foreach(fun(Worker) -> Worker ! go end, Workers),
    [receive {Worker, End} -> End - Start end || Worker <- Workers].

%% So many endless loops, which go on as long as the node.
-spec loops(pos_integer()) -> ok.
loops(N) ->
    Parent = self(),
    Owner = spawn(fun() ->
                          _ = [rubeam:send_request(ruby(), {eval, <<"while true\nend">>})
                               || _ <- lists:seq(1, N)],
                          Parent ! {self(), running},
                          receive never -> ok end
                  end),
    receive {Owner, running} -> ok end.

%% The intervals of a ticker of 1 ms for that long, in nanoseconds.
-spec tick(Milliseconds :: pos_integer()) -> [integer()].
tick(Milliseconds) ->
    Now = erlang:monotonic_time(nanosecond),
    tick(Now, Now + Milliseconds * 1_000_000).

tick(Last, End) when Last >= End ->
    [];
tick(Last, End) ->
    receive after 1 -> ok end,
    Now = erlang:monotonic_time(nanosecond),
    [Now - Last | tick(Now, End)].

%% How long calls take, one after each tick, for that long, in nanoseconds.
-spec short_calls(Milliseconds :: pos_integer()) -> [integer()].
short_calls(Milliseconds) ->
    Port = ruby(),
    Took = short_calls(Port, erlang:monotonic_time(nanosecond) + Milliseconds * 1_000_000),
    ok = rubeam:close(Port),
    Took.

short_calls(Port, End) ->
    receive after 1 -> ok end,
    Start = erlang:monotonic_time(nanosecond),
    {ok, 3000} = rubeam:call(Port, add, [1000, 2000]),
    case erlang:monotonic_time(nanosecond) of
        Now when Now >= End -> [Now - Start];
        Now -> [Now - Start | short_calls(Port, End)]
    end.
