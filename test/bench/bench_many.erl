%% Many idle interpreters in one VM: how long they take to open, and how much memory they have.
-module(bench_many).

-export([many/0, series/1]).

-import(bench_rounds, [row/4, demand/3]).

%% As many as the issue of having them wants, if there is memory for them: so much each, in bytes.
-define(MANY, 100_000).
-define(ROOM, 200_000).

%% A node of its own: it has room for so many ports, and its memory goes with it.
-spec many() -> {[bench:row()], [bench:demand()]}.
many() ->
    Count = min(?MANY, available() div ?ROOM),
    {ok, Peer, _} = peer:start(#{connection => standard_io, args => ["+Q", "262144", "-pa" | code:get_path()]}),
    Points = peer:call(Peer, ?MODULE, series, [Count], 300_000),
    ok = peer:stop(Peer),
    ok = plotted(Points),
    {N, Ms, Bytes} = lists:last(Points),
    Of = [integer_to_list(N), " idle interpreters"],
    {[row(many, [Of, ", opened in all"], ns, [Ms * 1_000_000]),
      row(many, [Of, ", kB of each"], count, [Bytes / N / 1000])],
     [demand([Of, ", kB of each"], 64, [Bytes / N / 1000]),
      demand([Of, ", seconds for 100,000"], 10, [Ms / 1000 * ?MANY / N])]}.

available() ->
    {ok, Text} = file:read_file("/proc/meminfo"),
    {match, [KB]} = re:run(Text, "MemAvailable: *([0-9]+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KB) * 1024.

%% {How many, milliseconds until then, bytes that the VM has grown}, at ten steps.
-spec series(pos_integer()) -> [{pos_integer(), number(), integer()}].
series(Count) ->
    {ok, _} = application:ensure_all_started(rubeam),
    {ok, First} = rubeam:open(), % the driver's threads, the image
    {ok, 3} = rubeam:eval(First, <<"1+2">>),
    Before = resident(),
    Step = Count div 10,
    {Points, _} = lists:mapfoldl(fun(N, Sum) ->
                                         {Microseconds, _} = timer:tc(fun() -> open(Step) end),
                                         Ms = Sum + Microseconds / 1000,
                                         {{N * Step, Ms, resident() - Before}, Ms}
                                 end, 0, lists:seq(1, 10)),
    Points.

open(Count) ->
    lists:foreach(fun(_) -> {ok, _} = rubeam:open() end, lists:seq(1, Count)).

resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

%% A picture, where there is a gnuplot.
plotted(Points) ->
    Directory = os:getenv("RUBEAM_BENCH"),
    Data = filename:join(Directory, "many.dat"),
    ok = file:write_file(Data, [io_lib:format("~b ~.3f ~.3f~n", [N, Ms / 1000, Bytes / 1.0e9]) || {N, Ms, Bytes} <- Points]),
    case os:find_executable("gnuplot") of
        false ->
            ok;
        Gnuplot ->
            Script = ["set terminal svg size 700,400; set output '", filename:join(Directory, "many.svg"), "'; "
                      "set key left top; set grid; set xlabel 'idle interpreters'; set format x '%.0s%c'; "
                      "set ylabel 'seconds until all are open'; set y2label 'GB'; set ytics nomirror; set y2tics; "
                      "set yrange [0:]; set y2range [0:]; "
                      "plot '", Data, "' using 1:2 with linespoints title 'time', "
                      "'' using 1:3 axes x1y2 with linespoints title 'memory (right)'"],
            Port = open_port({spawn_executable, Gnuplot}, [{args, ["-e", lists:flatten(Script)]}, exit_status]),
            receive {Port, {exit_status, 0}} -> ok end
    end.
