%% One protocol in three homes: what each costs, beside the least that a program on a port costs.
-module(bench_transports).

-export([transports/0]).

-import(bench_rounds, [measure/1, measure/2, in_turns/3, timed/2, ratios/2, row/4, demand/3]).
-import(bench_ways, [peer/0, call_peer/2, program/2]).

-define(PRELUDE, <<"def add(x, y)\n  x + y\nend\n"
                   "def take(bytes)\n  bytes.bytesize\nend\n"
                   "$kept = {}\n"
                   "def give(length)\n  $kept[length] ||= 'x' * length\nend\n"
                   "def back(times)\n  times.times { Erlang.call(:nothing) }\nend\n">>).

-define(TRANSPORTS, [driver, port, cruby]).

%% So many interpreters are looked at together, and so many processes ask one.
-define(MANY, 20).
-define(CALLERS, 8).

-spec transports() -> {[bench:row()], [bench:demand()]}.
transports() ->
    {Short, Demands} = round_trips(),
    {Alone, DemandsAlone} = on_one_processor(fun least/0),
    {Short ++ Alone ++ data() ++ asked_by_many() ++ starts() ++ memory(), Demands ++ DemandsAlone}.

opened(Transport) ->
    {ok, Ruby} = rubeam:open(#{transport => Transport, prelude => ?PRELUDE,
                               functions => #{nothing => fun() -> nil end}}),
    Ruby.

all_open() ->
    [{Transport, opened(Transport)} || Transport <- ?TRANSPORTS].

close(Rubies) ->
    lists:foreach(fun({_, Ruby}) -> rubeam:close(Ruby) end, Rubies).

rows(Ways, All) ->
    [row(transports, Name, ns, Samples) || {{Name, _}, Samples} <- lists:zip(Ways, All)].

times(Function) ->
    fun(N) -> timed(N, Function) end.

round_trips() ->
    Rubies = all_open(),
    {Echo, Peer} = {program("echo", [{packet, 4}]), peer()},
    Calls = [{["call, ", atom_to_list(T)], times(fun() -> {ok, 3000} = rubeam:call(R, add, [1000, 2000]) end)}
             || {T, R} <- Rubies],
    Evals = [{["eval of 1+2, ", atom_to_list(T)], times(fun() -> {ok, 3} = rubeam:eval(R, <<"1+2">>) end)}
             || {T, R} <- Rubies],
    Backs = [{["Ruby to Erlang and back, ", atom_to_list(T)],
              fun(N) -> timed(1, fun() -> {ok, _} = rubeam:call(R, back, [N]) end) end} || {T, R} <- Rubies],
    Least = [{"a C program that only echoes", times(fun() -> [1000, 2000] = call_peer(Echo, [1000, 2000]) end)},
             {"the least Ruby program, call", times(fun() -> {ok, 3000} = call_peer(Peer, {call, add, [1000, 2000]}) end)},
             {"the least Ruby program, eval of 1+2", times(fun() -> {ok, 3} = call_peer(Peer, {eval, <<"1+2">>}) end)}],
    Ways = Calls ++ Evals ++ Backs ++ Least,
    [_, Port, CRuby, _, _, Eval, _, _, _, Nothing, PeerCall, PeerEval] = All = measure(Ways),
    close(Rubies),
    lists:foreach(fun erlang:port_close/1, [Echo, Peer]),
    {rows(Ways, All),
     [demand("a call through port / a C program that only echoes", 1.5, ratios(Port, Nothing)),
      demand("a call through cruby / the least Ruby program", 1.5, ratios(CRuby, PeerCall)),
      demand("an eval through cruby / the least Ruby program", 1.5, ratios(Eval, PeerEval))]}.

%% What is between two programs is mostly the waking of processors that have slept, which on some machines takes ten
%% times as long as what they are woken for. On a single one nobody sleeps: what remains is our work, and erts's.
on_one_processor(Function) ->
    Before = [{Thread, allowed(Thread)} || Thread <- threads()],
    [First | _] = re:split(element(2, hd(Before)), "[-,]", [{return, list}]),
    try
        lists:foreach(fun(Thread) -> allow(Thread, First) end, threads()),
        Function()
    after
        lists:foreach(fun({Thread, List}) -> allow(Thread, List) end, Before)
    end.

%% All threads of the VM, and the process that starts programs for it.
threads() ->
    {ok, Own} = file:list_dir("/proc/self/task"),
    {ok, Children} = file:read_file(lists:concat(["/proc/self/task/", os:getpid(), "/children"])),
    Own ++ [binary_to_list(Child) || Child <- binary:split(Children, <<" ">>, [global, trim_all])].

allowed(Thread) ->
    {ok, Text} = file:read_file(lists:concat(["/proc/", Thread, "/status"])),
    {match, [List]} = re:run(Text, "\nCpus_allowed_list:\\s*(\\S+)", [{capture, all_but_first, list}]),
    List.

allow(Thread, Processors) ->
    os:cmd(lists:concat(["taskset -pc ", Processors, " ", Thread])).

least() ->
    Port = opened(port),
    Echo = program("echo", [{packet, 4}]),
    Ways = [{"call, port, on one processor", times(fun() -> {ok, 3000} = rubeam:call(Port, add, [1000, 2000]) end)},
            {"a C program that only echoes, on one processor",
             times(fun() -> [1000, 2000] = call_peer(Echo, [1000, 2000]) end)}],
    [Call, Nothing] = All = measure(Ways),
    rubeam:close(Port),
    erlang:port_close(Echo),
    {rows(Ways, All), [demand("  the same, on one processor", 1.5, ratios(Call, Nothing))]}.

data() ->
    Rubies = all_open(),
    Ways = lists:append(
             [[{[Size, " in, ", atom_to_list(T)], times(fun() -> {ok, Bytes} = rubeam:call(R, take, [Data]) end)},
               {[Size, " out, ", atom_to_list(T)],
                times(fun() -> {ok, <<_:Bytes/binary>>} = rubeam:call(R, give, [Bytes]) end)}]
              || {Size, Bytes} <- [{"10 kB", 10_000}, {"1 MB", 1_000_000}],
                 Data <- [binary:copy(<<"x">>, Bytes)], {T, R} <- Rubies]),
    All = measure(Ways, 60),
    close(Rubies),
    rows(Ways, All).

%% Several processes ask one interpreter: the time for each call, all of them together.
asked_by_many() ->
    Rubies = all_open(),
    Ways = [{["call, of ", integer_to_list(?CALLERS), " processes at once, ", atom_to_list(T)],
             fun(N) -> timed(1, fun() -> together(R, max(1, N div ?CALLERS)) end) end} || {T, R} <- Rubies],
    All = measure(Ways, 60),
    close(Rubies),
    rows(Ways, All).

together(Ruby, Each) ->
    Callers = [spawn_monitor(fun() -> [{ok, 3} = rubeam:call(Ruby, add, [1, 2]) || _ <- lists:seq(1, Each)] end)
               || _ <- lists:seq(1, ?CALLERS)],
    lists:foreach(fun({Pid, Ref}) -> receive {'DOWN', Ref, process, Pid, normal} -> ok end end, Callers).

starts() ->
    Ways = [{["open, eval of 1+2, close, ", atom_to_list(T)],
             fun() -> timed(1, fun() ->
                                       {ok, Ruby} = rubeam:open(#{transport => T}),
                                       {ok, 3} = rubeam:eval(Ruby, <<"1+2">>),
                                       rubeam:close(Ruby)
                               end) end} || T <- ?TRANSPORTS],
    All = in_turns([Run || {_, Run} <- Ways], 30, 20_000),
    rows(Ways, All).

%% Bytes for each of many idle interpreters: what the VM has grown, or what its programs have that is not shared with
%% others (the proportional set size).
memory() ->
    [row(transports, ["memory of an idle one, kB, ", atom_to_list(T)], count, [bytes(T) / 1000 || _ <- lists:seq(1, 3)])
     || T <- ?TRANSPORTS].

bytes(driver) ->
    Before = resident(),
    Rubies = [{driver, opened(driver)} || _ <- lists:seq(1, ?MANY * 5)],
    Grown = resident() - Before,
    close(Rubies),
    Grown / (?MANY * 5);
bytes(Transport) ->
    Rubies = [{Transport, opened(Transport)} || _ <- lists:seq(1, ?MANY)],
    Bytes = lists:sum([lists:sum([proportional(Pid) || Pid <- programs(Ruby)]) || {_, Ruby} <- Rubies]),
    close(Rubies),
    Bytes / ?MANY.

resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

%% The program behind a gateway, and those that it has started.
programs(Gateway) ->
    {links, Links} = process_info(Gateway, links),
    [Port] = [Port || Port <- Links, is_port(Port)],
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    family([Pid]).

family([]) -> [];
family([Pid | Pids]) ->
    Path = lists:concat(["/proc/", Pid, "/task/", Pid, "/children"]),
    Children = case file:read_file(Path) of
                   {ok, Text} -> [binary_to_integer(Child) || Child <- binary:split(Text, <<" ">>, [global, trim_all])];
                   {error, _} -> []
               end,
    [Pid | family(Children ++ Pids)].

proportional(Pid) ->
    {ok, Text} = file:read_file(lists:concat(["/proc/", Pid, "/smaps_rollup"])),
    {match, [KB]} = re:run(Text, "\nPss: *([0-9]+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KB) * 1024.
