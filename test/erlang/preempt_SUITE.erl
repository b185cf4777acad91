%% Does Ruby that runs for long leave room for everything else, and can it be stopped?
%%
%% Nothing here asserts how long something took: only that it came at all, or in which order.
-module(preempt_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [an_endless_loop_holds_up_no_other_interpreter,
     many_endless_loops_leave_room_for_short_requests,
     many_endless_loops_leave_room_for_erlang,
     equal_jobs_share_the_pool,
     jobs_of_one_interpreter_run_in_order,
     sleepers_hold_no_thread,
     a_sleep_takes_its_time,
     interrupt_stops_what_runs,
     interrupt_stops_a_sleep,
     interrupt_of_an_idle_interpreter_does_nothing,
     interrupt_leaves_the_waiting_alone,
     an_interrupt_may_be_rescued_as_ruby_knows_it,
     ensure_runs_when_a_script_is_stopped,
     long_c_functions_give_way,
     a_long_compilation_gives_way,
     a_job_that_moved_to_the_pool_keeps_its_place,
     figures_tell_of_slices,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% An interpreter in which an endless loop runs, and the request that started it
endless() -> endless(#{}).

endless(Options) ->
    Port = rubeam_ct:open(Options),
    Id = rubeam:send_request(Port, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    {Port, Id}.

stopped({Port, Id}) ->
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 10000)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

an_endless_loop_holds_up_no_other_interpreter(_Config) ->
    Endless = endless(),
    Port = rubeam_ct:open(),
    [?assertEqual({ok, N}, rubeam:eval(Port, integer_to_binary(N))) || N <- lists:seq(1, 1000)],
    stopped(Endless).

many_endless_loops_leave_room_for_short_requests(_Config) ->
    Loops = [endless() || _ <- lists:seq(1, 30)],
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    [?assertEqual({ok, 10946}, rubeam:call(Port, fib, [21])) || _ <- lists:seq(1, 20)],
    lists:foreach(fun stopped/1, Loops).

many_endless_loops_leave_room_for_erlang(_Config) ->
    Loops = [endless() || _ <- lists:seq(1, 30)],
    %% Processes that run on every scheduler, beside them
    Workers = [rubeam_ct:caller(fun() -> lists:sum(lists:seq(1, 100000)) end)
               || _ <- lists:seq(1, 100)],
    [?assertEqual(5000050000, rubeam_ct:result(Worker)) || Worker <- Workers],
    [?assertEqual([], rubeam_ct:leftover(Worker)) || Worker <- Workers],
    %% So do ports, timers, and the opening and closing of interpreters.
    [ok = rubeam:close(rubeam_ct:open()) || _ <- lists:seq(1, 10)],
    receive after 1 -> ok end,
    lists:foreach(fun stopped/1, Loops).

%% Each loop counts. If one of them had to wait for the end of another, it would never begin.
equal_jobs_share_the_pool(_Config) ->
    Ports = [rubeam_ct:open() || _ <- lists:seq(1, 10)],
    Count = <<"$n = 0; loop { $n += 1; send_response($n) if $n % 20_000 == 0 }">>,
    Ids = [rubeam:send_request(Port, {eval, Count}) || Port <- Ports],
    [[?assertEqual(N * 20000, rubeam_ct:response(Port)) || Port <- Ports] || N <- lists:seq(1, 5)],
    lists:foreach(fun(Port) -> ok = rubeam:interrupt(Port) end, Ports),
    [?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 10000)) || Id <- Ids].

jobs_of_one_interpreter_run_in_order(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, [rubeam_ct:fib(), "$order = []\n"
                                 "def work(i, n)\n fib(n)\n $order << i\n i\nend"]),
    %% Long and short ones mixed: some leave the callback, some do not.
    Numbers = lists:seq(1, 200),
    Ids = [{N, rubeam:send_request(Port, {call, work, [N, case N rem 7 of 0 -> 21; _ -> 2 end]})}
           || N <- Numbers],
    [?assertEqual({reply, {ok, N}}, rubeam:receive_response(Id, 20000)) || {N, Id} <- Ids],
    ?assertEqual({ok, Numbers}, rubeam:eval(Port, <<"$order">>)).

sleepers_hold_no_thread(_Config) ->
    Sleepers = [begin
                    Port = rubeam_ct:open(),
                    {Port, rubeam:send_request(Port, {eval, <<"sleep 1000">>})}
                end || _ <- lists:seq(1, 100)],
    [rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end) || {Port, _} <- Sleepers],
    Busy = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Busy, rubeam_ct:fib()),
    ?assertEqual({ok, 75025}, rubeam:call(Busy, fib, [25])),
    [begin
         ok = rubeam:interrupt(Port),
         ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 10000))
     end || {Port, Id} <- Sleepers].

a_sleep_takes_its_time(_Config) ->
    Port = rubeam_ct:open(),
    Began = erlang:monotonic_time(millisecond),
    ?assertEqual({ok, 0}, rubeam:eval(Port, <<"sleep 0.05">>)),
    ?assertEqual({ok, 0}, rubeam:eval(Port, <<"sleep 0; 5.times { sleep 0.01 }; 0">>)),
    %% Not sooner than it should be: that holds on any machine.
    ?assert(erlang:monotonic_time(millisecond) - Began >= 99),
    ?assertMatch({error, #{class := <<"ArgumentError">>}}, rubeam:eval(Port, <<"sleep(-1)">>)),
    ?assertMatch({error, #{class := <<"TypeError">>}}, rubeam:eval(Port, <<"sleep('x')">>)).

interrupt_stops_what_runs(_Config) ->
    [stopped(endless()) || _ <- lists:seq(1, 20)],
    %% Also by a process that is not the owner, and again and again
    {Port, _} = Endless = endless(),
    Other = rubeam_ct:caller(fun() -> [rubeam:interrupt(Port) || _ <- lists:seq(1, 100)] end),
    ?assertEqual([ok], lists:usort(rubeam_ct:result(Other))),
    ?assertEqual([], rubeam_ct:leftover(Other)),
    stopped(Endless).

interrupt_stops_a_sleep(_Config) ->
    Port = rubeam_ct:open(),
    Id = rubeam:send_request(Port, {eval, <<"sleep 1000">>}),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    stopped({Port, Id}).

interrupt_of_an_idle_interpreter_does_nothing(_Config) ->
    Port = rubeam_ct:open(),
    [?assertEqual(ok, rubeam:interrupt(Port)) || _ <- lists:seq(1, 3)],
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    ok = rubeam:interrupt(Port),
    ?assertEqual({ok, 28657}, rubeam:call(Port, fib, [23])).

interrupt_leaves_the_waiting_alone(_Config) ->
    {Port, Id} = endless(),
    Waiting = [rubeam:send_request(Port, {eval, integer_to_binary(N)}) || N <- lists:seq(1, 10)],
    stopped({Port, Id}),
    [?assertEqual({reply, {ok, N}}, rubeam:receive_response(W, 10000))
     || {N, W} <- lists:zip(lists:seq(1, 10), Waiting)].

an_interrupt_may_be_rescued_as_ruby_knows_it(_Config) ->
    Port = rubeam_ct:open(),
    Code = <<"begin; loop {}; rescue Erlang::Interrupt => e; $seen = e.class.to_s; raise; end">>,
    Id = rubeam:send_request(Port, {eval, rubeam_ct:begins(Code)}),
    begun = rubeam_ct:response(Port),
    stopped({Port, Id}),
    ?assertEqual({ok, <<"Erlang::Interrupt">>}, rubeam:eval(Port, <<"$seen">>)).

ensure_runs_when_a_script_is_stopped(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({error, timeout},
                 rubeam:eval(Port, <<"$log = []\n"
                                     "begin\n"
                                     "  begin; loop {}; ensure; $log << 1; end\n"
                                     "rescue => e\n  $log << :rescued\n"
                                     "ensure\n  $log << 2\nend">>, #{timeout => 20})),
    ?assertEqual({ok, [1, 2]}, rubeam:eval(Port, <<"$log">>)).

long_c_functions_give_way(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 256 bsl 20}),
    Id = rubeam:send_request(Port, {eval, rubeam_ct:begins(
            <<"a = (1..200_000).map { |n| n.to_s }; loop { a.sort; a.join(','); a.inspect }">>)}),
    begun = rubeam_ct:response(Port),
    Other = rubeam_ct:open(),
    [?assertEqual({ok, N}, rubeam:eval(Other, integer_to_binary(N))) || N <- lists:seq(1, 200)],
    stopped({Port, Id}).

a_long_compilation_gives_way(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 512 bsl 20, max_source => 8 bsl 20}),
    Code = iolist_to_binary([["x = [", integer_to_list(N), ", 'text', { a: x }]\n"]
                             || N <- lists:seq(1, 20000)]),
    Id = rubeam:send_request(Port, {eval, Code}),
    Other = rubeam_ct:open(),
    [?assertEqual({ok, N}, rubeam:eval(Other, integer_to_binary(N))) || N <- lists:seq(1, 200)],
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 20000)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

a_job_that_moved_to_the_pool_keeps_its_place(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"$log = []">>),
    One = rubeam:send_request(Port, {eval, <<"sleep 0.02; $log << 1">>}),
    Two = rubeam:send_request(Port, {eval, <<"$log << 2">>}),
    ?assertEqual({ok, [1, 2, 3]}, rubeam:eval(Port, <<"$log << 3">>)),
    ?assertMatch({reply, {ok, _}}, rubeam:receive_response(Two, 10000)),
    ?assertMatch({reply, {ok, _}}, rubeam:receive_response(One, 10000)).

figures_tell_of_slices(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    #{slices := Before, jobs := 1, evals := 1, calls := 0, state := idle} = rubeam:info(Port),
    {ok, _} = rubeam:call(Port, fib, [25]),
    #{slices := Slices, preemptions := Preemptions} = Info = rubeam:info(Port),
    ?assert(Slices - Before > 1),
    ?assert(Preemptions > 0 andalso Preemptions =< Slices),
    ?assertMatch(#{jobs := 2, evals := 1, calls := 1, errors := 0, timeouts := 0}, Info).
