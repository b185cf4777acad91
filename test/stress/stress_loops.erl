%% Endless loops beside everything else that a node does: how long the calls of other interpreters
%% take, how late the VM's own timers are, and what kept a scheduler for 5 ms (system_monitor,
%% long_schedule).
%%
%% The figures are printed, since they are the machine's as much as ours. They are taken three
%% times: the node alone; with calls to a driver of the VM, beside as many busy threads of the VM
%% itself as the loops will have; beside the loops. For a scheduler's thread that the system does
%% not let run is reported like one that something kept, and timers are late then, too: with Linux's
%% autogroups by some 100 ms, if other sessions are busy.
%%
%% Asserted is what is certain: each call gets its answer, each loop ends when it is told to, and
%% the first slice of what takes longer does not keep its scheduler for 5 ms each time (it may well
%% do so once, if the system stops the thread in the middle).
-module(stress_loops).

-export([run/1]).

-import(stress_workers, [all/2, mailbox_is_empty/0, gone/1, busy_until/1]).

-define(LONG_SCHEDULE, 5). % milliseconds

%% Of so many calls one goes on in the pool.
-define(ONE_LONG_IN, 10).

%% What a caller has: a function that makes a call and says how long what took, and one that cleans
%% up.
-type calls() :: {Call :: fun(() -> [{Kind :: atom(), Microseconds :: integer()}]),
                  Close :: fun(() -> ok)}.

-spec run(map()) -> map().
run(#{loops := N, callers := Callers, seconds := Seconds}) ->
    Alone = measured(Seconds, 0, fun ruby/0),
    Others = beside_busy_threads(fun() -> measured(Seconds, Callers, fun another_driver/0) end),
    Loops = begin_loops(N),
    Beside = measured(Seconds, Callers, fun ruby/0),
    Ms = end_loops(Loops),
    mailbox_is_empty(),
    not_kept(Beside),
    #{alone => Alone, beside_busy_threads => Others, beside_loops => Beside,
      loops_ended_after_ms => Ms}.

not_kept(#{first_slice := #{least := Microseconds}}) ->
    Microseconds < ?LONG_SCHEDULE * 1_000 orelse stress_state:is_sanitized()
        orelse exit({schedulers_kept_for_us, Microseconds});
not_kept(_NoneSlow) ->
    ok.

%% --- measuring ---

-spec measured(Seconds :: pos_integer(), Callers :: non_neg_integer(), fun(() -> calls())) -> map().
measured(Seconds, Callers, Open) ->
    Counter = spawn_link(fun() -> count_reports([], []) end),
    _ = erlang:system_monitor(Counter, [{long_schedule, ?LONG_SCHEDULE}]),
    End = now_us() + Seconds * 1_000_000,
    [Late | Took] = all(1 + Callers, fun(1) -> tick_until(End, []);
                                        (_) -> Counter ! {caller, self()}, call_until(End, Open)
                                     end),
    _ = erlang:system_monitor(undefined),
    Counter ! {how_many, self()},
    Reports = receive {Counter, Counted} -> Counted end,
    Kinds = kinds(lists:append(Took)),
    Kinds#{ticker_late => spread(Late), long_schedules => Reports}.

%% Microseconds beyond the one millisecond.
tick_until(End, Late) ->
    Before = now_us(),
    receive after 1 -> ok end,
    case now_us() of
        Now when Now < End -> tick_until(End, [Now - Before - 1_000 | Late]);
        _ -> Late
    end.

call_until(End, Open) ->
    {Call, Close} = Open(),
    Took = call_until(End, Call, []),
    ok = Close(),
    mailbox_is_empty(),
    Took.

call_until(End, Call, Took) ->
    New = Call(),
    receive after 1 -> ok end,
    case now_us() < End of
        true -> call_until(End, Call, New ++ Took);
        false -> Took
    end.

timed(Kind, Fun) ->
    Before = now_us(),
    Result = Fun(),
    {Result, {Kind, now_us() - Before}}.

kinds(Took) ->
    maps:from_list([{Kind, spread([T || {K, T} <- Took, K =:= Kind])}
                    || Kind <- lists:usort([K || {K, _} <- Took])]).

%% In microseconds.
spread(Times) ->
    Sorted = lists:sort(Times),
    N = length(Sorted),
    At = fun(Part) -> lists:nth(max(1, ceil(N * Part)), Sorted) end,
    #{number => N, least => hd(Sorted), p50 => At(0.5), p99 => At(0.99), max => At(1)}.

now_us() ->
    erlang:monotonic_time(microsecond).

%% What the VM reports: ports of ours, processes that make the calls, anything else.
count_reports(Callers, Reports) ->
    receive
        {caller, Pid} ->
            count_reports([Pid | Callers], Reports);
        {monitor, Port, long_schedule, _} when is_port(Port) ->
            What = case erlang:port_info(Port, name) of
                       {name, "rubeam_drv" ++ _} -> ports;
                       _ -> others
                   end,
            count_reports(Callers, [What | Reports]);
        {monitor, Pid, long_schedule, _} ->
            count_reports(Callers, [Pid | Reports]);
        {how_many, From} ->
            IsCaller = fun(Who) -> lists:member(Who, Callers) end,
            Ports = length([P || P <- Reports, P =:= ports]),
            Called = length(lists:filter(IsCaller, Reports)),
            From ! {self(), #{ports => Ports, callers => Called,
                              others => length(Reports) - Ports - Called}}
    end.

%% --- what is called ---

-spec ruby() -> calls().
ruby() ->
    {ok, Port} = rubeam:open(),
    {ok, _} = rubeam:eval(Port, <<"def add(a, b) = a + b\n"
                                  "def count(n)\n"
                                  "  i = 0\n"
                                  "  i += 1 while i < n\n"
                                  "  i\n"
                                  "end\n">>),
    {fun() -> call_ruby(Port) end, fun() -> rubeam:close(Port) end}.

call_ruby(Port) ->
    case rand:uniform(?ONE_LONG_IN) of
        1 ->
            %% The request is made when its first slice is over.
            Request = {call, count, [100_000]},
            {Id, First} = timed(first_slice, fun() -> rubeam:send_request(Port, Request) end),
            {Answer, Rest} = timed(rest, fun() -> rubeam:receive_response(Id, infinity) end),
            {reply, {ok, 100_000}} = Answer,
            [First, Rest];
        X ->
            {{ok, Sum}, Took} = timed(short, fun() -> rubeam:call(Port, add, [X, 1]) end),
            Sum = X + 1,
            [Took]
    end.

%% In place of what takes longer, Erlang is busy for as long as a first slice is.
-spec another_driver() -> calls().
another_driver() ->
    {ok, Socket} = gen_udp:open(0, [{ip, {127, 0, 0, 1}}]),
    {fun() -> call_another(Socket) end, fun() -> gen_udp:close(Socket) end}.

call_another(Socket) ->
    case rand:uniform(?ONE_LONG_IN) of
        1 ->
            {ok, Took} = timed(erlang, fun() -> busy_until(now_us() + 1_000) end),
            [Took];
        _ ->
            {{ok, _}, Took} = timed(short, fun() -> inet:sockname(Socket) end),
            [Took]
    end.

%% As many threads are busy as Ruby would have: those that read files, and the system needs time to
%% make up what is in this one.
beside_busy_threads(Fun) ->
    {ok, Port} = rubeam:open(),
    #{pool := Pool} = rubeam:info(Port),
    ok = rubeam:close(Port),
    N = case Pool of
            threads -> erlang:system_info(schedulers);
            async -> erlang:system_info(thread_pool_size)
        end,
    Readers = [spawn_link(fun read_for_ever/0)
               || _ <- lists:seq(1, min(N, erlang:system_info(dirty_io_schedulers)))],
    Figures = Fun(),
    lists:foreach(fun(Reader) -> unlink(Reader), exit(Reader, kill), gone(Reader) end, Readers),
    Figures.

read_for_ever() ->
    {ok, File} = file:open("/dev/urandom", [raw, read, binary]),
    read_for_ever(File).

read_for_ever(File) ->
    {ok, _} = file:read(File, 16 bsl 20),
    read_for_ever(File).

%% --- the loops ---

begin_loops(N) ->
    Caller = self(),
    Owner = spawn_link(fun() -> own_loops(N, Caller) end),
    receive {Owner, begun} -> Owner end.

own_loops(N, Caller) ->
    Loops = [begin
                 {ok, Port} = rubeam:open(),
                 Code = lists:nth(1 + I rem length(codes()), codes()),
                 {I, Port, rubeam:send_request(Port, {eval, Code})}
             end || I <- lists:seq(1, N)],
    Caller ! {self(), begun},
    receive {Caller, stop} -> ok end,
    %% Every other one is interrupted, and the rest closed.
    lists:foreach(fun({I, Port, _Id}) when I rem 2 =:= 0 -> ok = rubeam:interrupt(Port);
                     ({_, Port, _Id}) -> ok = rubeam:close(Port)
                  end, Loops),
    lists:foreach(fun({I, _Port, Id}) ->
                          Answer = case I rem 2 of
                                       0 -> {error, interrupted};
                                       1 -> {error, closed}
                                   end,
                          {I, {reply, Answer}} = {I, rubeam:receive_response(Id, infinity)}
                  end, Loops),
    lists:foreach(fun({_, Port, _}) -> ok = rubeam:close(Port) end, Loops),
    mailbox_is_empty(),
    Caller ! {self(), stopped}.

codes() ->
    [<<"loop {}">>,
     <<"while true\nend">>,
     <<"a = (1..1000).to_a; loop { a.map { |x| -x }.sort }">>,
     <<"loop { 'x' * 10_000 }">>,
     <<"begin\n  loop {}\nensure\n  $ensured = true\nend">>].

end_loops(Owner) ->
    Before = now_us(),
    Owner ! {self(), stop},
    receive {Owner, stopped} -> (now_us() - Before) div 1_000 end.
