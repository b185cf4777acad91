%% Does a pool choose well, lend each interpreter to one at a time, and come through the ends of
%% interpreters, callers and borrowers with nothing left over? (Other nodes: pool_nodes_SUITE.)
-module(pool_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [requests_have_their_results,
     wrong_arguments_are_the_callers_mistake,
     every_kind_of_name,
     wrong_options_open_nothing,
     options_are_those_of_each_interpreter,
     a_pool_that_cannot_be_opened,
     requests_at_once_run_at_once,
     a_request_goes_where_least_is_to_do,
     casts_spread_and_count_while_they_run,
     callers_that_are_killed_leave_no_count,
     too_many_waiting_requests_are_refused,
     a_function_may_ask_the_pool_back,
     a_borrower_is_alone,
     an_interpreter_comes_back_however_the_function_ends,
     requests_avoid_what_is_lent,
     requests_wait_when_all_are_lent,
     the_time_in_line_is_the_requests,
     borrowers_are_served_in_order,
     a_borrower_waits_no_longer_than_it_says,
     one_that_never_gives_back,
     a_dead_borrower_leaves_a_fresh_interpreter,
     a_dead_borrower_leaves_the_line,
     a_dead_caller_does_not_hold_up_a_borrower,
     requests_do_not_hold_up_a_borrower_for_ever,
     what_a_borrower_left_running_is_waited_for,
     a_borrower_of_an_interpreter_that_ends,
     an_exit_in_each_request,
     each_kind_of_end_is_replaced,
     an_interpreter_that_was_closed_meanwhile_is_passed_by,
     interpreters_that_cannot_be_opened_end_the_pool,
     a_failure_that_passes_does_not_end_the_pool,
     a_supervisor_starts_it_again,
     stopping_answers_all,
     a_pool_ends_with_the_application,
     a_killed_pool_leaves_nothing,
     unexpected_messages_do_no_harm,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).

nothing_is_left_behind(Config) ->
    ?assertEqual([], ets:tab2list(rubeam_pools)),
    rubeam_ct:nothing_is_left(Config).

start(Options) ->
    {ok, Pool} = rubeam_pool:start_link(maps:merge(#{output => {send, self()}}, Options)),
    Pool.

%% Crash reports that a case wants to happen
quietly(Fun) ->
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    try Fun()
    after logger:set_primary_config(level, Level)
    end.

%% A request of a process of its own, which has begun; in the interpreter of that server.
begun(Pool, Code) ->
    Caller = caller(fun() -> rubeam_pool:eval(Pool, rubeam_ct:begins(Code)) end),
    {Caller, has_begun()}.

has_begun() ->
    receive {rubeam, Server, {response, begun}} -> Server
    after 10000 -> ct:fail(not_begun)
    end.

%% A process that has borrowed, until it is told how to go on.
borrower(Pool) ->
    Test = self(),
    Borrower = caller(fun() -> rubeam_pool:with(Pool, fun(Ruby) -> hold(Test, Ruby) end) end),
    receive {Borrower, has, Ruby} -> {Borrower, Ruby}
    after 10000 -> ct:fail({not_lent, rubeam_pool:info(Pool)})
    end.

hold(Test, Ruby) ->
    Test ! {self(), has, Ruby},
    receive
        give_back -> given_back;
        {do, Fun} -> Fun(Ruby)
    end.

give_back(Borrower) ->
    Borrower ! give_back,
    ?assertEqual({ok, given_back}, result(Borrower)).

%% As rubeam_ct:caller/1, but it ends by itself.
caller(Fun) ->
    Test = self(),
    spawn(fun() -> Test ! {self(), result, Fun(), rubeam_ct:mailbox()} end).

result(Caller) ->
    receive {Caller, result, Result, Mailbox} -> ?assertEqual([], Mailbox), Result
    after 15000 -> ct:fail({no_result, process_info(Caller)})
    end.

kill(Pid) ->
    exit(Pid, kill),
    rubeam_ct:gone(Pid).

has(Pool, Figures) ->
    rubeam_ct:until(fun() ->
                            case rubeam_pool:info(Pool) of
                                #{} = Info ->
                                    maps:with(maps:keys(Figures), Info) =:= Figures orelse Info;
                                Other -> Other
                            end
                    end).

%% --- Requests ---

requests_have_their_results(_Config) ->
    Pool = start(#{size => 3, prelude => <<"def add(x, y) = x + y">>}),
    ?assertEqual({ok, 3}, rubeam_pool:eval(Pool, <<"1 + 2">>)),
    ?assertEqual({ok, 3}, rubeam_pool:eval(Pool, ["1", " + 2"])),
    ?assertEqual({ok, 5}, rubeam_pool:eval(Pool, "a + b", #{bindings => #{a => 2, b => 3}})),
    ?assertEqual({ok, 9}, rubeam_pool:call(Pool, add, [4, 5])),
    ?assertEqual({ok, 9}, rubeam_pool:call(Pool, <<"add">>, [4, 5], #{timeout => 5000})),
    ?assertEqual({ok, 3.0}, rubeam_pool:call(Pool, {'Math', sqrt}, [9])),
    ?assertEqual({ok, 9}, rubeam_pool:eval(Pool, <<"sleep 0.01; add(4, 5)">>)),
    ?assertEqual(ok, rubeam_pool:cast(Pool, <<"send_response(:cast)">>)),
    receive {rubeam, _, {response, cast}} -> ok after 10000 -> ct:fail(no_cast) end,
    ?assertMatch({error, #{class := <<"ZeroDivisionError">>}}, rubeam_pool:eval(Pool, <<"1 / 0">>)),
    ?assertEqual({error, timeout}, rubeam_pool:eval(Pool, <<"loop {}">>, #{timeout => 20})),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, rubeam_pool:call(Pool, add, [<<1:1>>])),
    ?assertEqual({ok, 42}, rubeam_pool:eval(Pool, <<"Erlang.call(:ask, 6) * 7">>,
                                            #{functions => #{ask => fun(N) -> N end}})),
    has(Pool, #{size => 3, ready => 3, lent => 0, in_line => 0, requests => 0, opened => 3}),
    ok = rubeam_pool:stop(Pool),
    ?assertEqual([], rubeam_ct:mailbox()).

wrong_arguments_are_the_callers_mistake(_Config) ->
    Pool = start(#{size => 1}),
    Bad = fun(Function, Args) ->
                  try apply(rubeam_pool, Function, Args) of
                      Result -> {Function, Args, Result}
                  catch
                      error:badarg:Stack ->
                          [{rubeam_pool, _, _, Location} | _] = Stack,
                          maps:keys(maps:get(cause, proplists:get_value(error_info, Location)))
                  end
          end,
    ?assertEqual([1], Bad(eval, [1, <<"1">>])),
    ?assertEqual([1], Bad(eval, ["pool", <<"1">>])),
    ?assertEqual([2], Bad(eval, [Pool, code])),
    ?assertEqual([2, 3], Bad(eval, [Pool, code, #{unknown => 1}])),
    ?assertEqual([3], Bad(eval, [Pool, <<"1">>, []])),
    ?assertEqual([1], Bad(call, [{a, b, c}, to_s, []])),
    ?assertEqual([2], Bad(call, [Pool, 1, []])),
    ?assertEqual([3], Bad(call, [Pool, to_s, x])),
    ?assertEqual([1, 2, 3, 4], Bad(call, [1, 1, 1, 1])),
    ?assertEqual([1, 2], Bad(cast, [1, 1])),
    ?assertEqual([2], Bad(with, [Pool, fun() -> ok end])),
    ?assertEqual([1, 3], Bad(with, [1, fun(_) -> ok end, -1])),
    ?assertEqual([1], Bad(info, [1])),
    ?assertEqual([1], Bad(info, [{group, g}])),
    ?assertEqual([1], Bad(stop, [{group, g}])),
    ?assertEqual([1], Bad(start_link, [[]])),
    ?assertEqual([2], Bad(start_link, [name, []])),
    ?assertEqual([1], Bad(child_spec, [[]])),
    ok = rubeam_pool:stop(Pool).

every_kind_of_name(_Config) ->
    Refs = [no_such, {no_such, node()}, {global, no_such}, {via, global, no_such}, {group, no_such}],
    [?assertEqual({error, closed}, rubeam_pool:eval(Ref, <<"1">>)) || Ref <- [self() | Refs]],
    [?assertEqual({error, closed}, rubeam_pool:with(Ref, fun(_) -> 1 end)) || Ref <- [self() | Refs]],
    [?assertEqual({error, closed}, rubeam_pool:cast(Ref, <<"1">>)) || Ref <- [self() | Refs]],
    [begin
         {ok, Pool} = Start(),
         [begin
              ?assertEqual({Ref, {ok, 42}}, {Ref, rubeam_pool:eval(Ref, <<"6 * 7">>)}),
              ?assertEqual({Ref, {ok, 43}},
                           {Ref, rubeam_pool:with(Ref, fun(_) -> 43 end)}),
              ?assertMatch({Ref, #{size := 1}}, {Ref, rubeam_pool:info(Ref)})
          end || Ref <- [Pool | Names]],
         ?assertEqual({error, {already_started, Pool}}, Start()),
         ok = rubeam_pool:stop(lists:last(Names)),
         [begin
              ?assertEqual({Ref, {error, closed}}, {Ref, rubeam_pool:eval(Ref, <<"1">>)}),
              ?assertEqual({Ref, {error, closed}}, {Ref, rubeam_pool:info(Ref)}),
              ?assertEqual({Ref, ok}, {Ref, rubeam_pool:stop(Ref)})
          end || Ref <- [Pool | Names]]
     end || {Start, Names} <-
                [{fun() -> rubeam_pool:start_link(calculators, #{size => 1}) end,
                  [calculators, {calculators, node()}]},
                 {fun() -> rubeam_pool:start_link({local, calculators}, #{size => 1}) end, [calculators]},
                 {fun() -> rubeam_pool:start_link(#{name => calculators, size => 1}) end, [calculators]},
                 {fun() -> rubeam_pool:start_link({global, {a, pool}}, #{size => 1}) end,
                  [{global, {a, pool}}]},
                 {fun() -> rubeam_pool:start_link({via, global, pool}, #{size => 1}) end,
                  [{via, global, pool}, {global, pool}]}]].

wrong_options_open_nothing(_Config) ->
    Ports = erlang:ports(),
    [?assertEqual({error, {bad_option, Bad}}, rubeam_pool:start_link(Options))
     || {Bad, Options} <-
            [{{size, 0}, #{size => 0}}, {{size, 1025}, #{size => 1025}}, {{size, two}, #{size => two}},
             {{max_waiting, -1}, #{max_waiting => -1}},
             {{max_waiting, infinity}, #{max_waiting => infinity}},
             {{name, undefined}, #{name => undefined}}, {{memory_limit, 0}, #{memory_limit => 0}},
             {{output, nowhere}, #{output => nowhere}}, {sizes, #{sizes => 2}}]],
    ?assertEqual({error, {bad_option, size}}, rubeam_server:start(#{size => 1})),
    ?assertEqual({error, {bad_option, {name, "name"}}}, rubeam_pool:start_link("name", #{})),
    ?assertEqual(Ports, erlang:ports()),
    ?assertEqual([], rubeam_ct:mailbox()).

options_are_those_of_each_interpreter(_Config) ->
    Pool = start(#{size => 2, memory_limit => 5 bsl 20, timeout => 50, queue_limit => 7,
                   functions => #{one => fun() -> 1 end}}),
    Both = [borrower(Pool), borrower(Pool)],
    [begin
         ?assertMatch(#{memory_limit := 5242880, timeout := 50, queue_limit := 7}, rubeam:info(Ruby)),
         ?assertEqual({ok, 1}, rubeam:eval(Ruby, <<"Erlang.call(:one)">>)),
         give_back(Borrower)
     end || {Borrower, Ruby} <- Both],
    ?assertEqual({error, timeout}, rubeam_pool:eval(Pool, <<"loop {}">>)),
    ok = rubeam_pool:stop(Pool),
    {ok, Default} = rubeam_pool:start_link(#{}),
    Schedulers = erlang:system_info(schedulers_online),
    ?assertMatch(#{size := Schedulers}, rubeam_pool:info(Default)),
    ok = rubeam_pool:stop(Default).

a_pool_that_cannot_be_opened(_Config) ->
    process_flag(trap_exit, true),
    Ports = rubeam_ct:all_ports(),
    quietly(fun() ->
        ?assertMatch({error, {prelude, #{class := <<"RuntimeError">>}}},
                     rubeam_pool:start_link(#{prelude => <<"raise 'no'">>})),
        ?assertEqual({error, {prelude, closed}}, rubeam_pool:start_link(#{prelude => <<"exit">>})),
        ?assertEqual({error, {file, <<"/no/such.rb">>, enoent}},
                     rubeam_pool:start_link(#{files => ["/no/such.rb"]}))
    end),
    ?assertEqual(Ports, rubeam_ct:all_ports()),
    [?assertMatch({'EXIT', _, _}, Message) || Message <- rubeam_ct:mailbox()].

requests_at_once_run_at_once(_Config) ->
    Pool = start(#{size => 3}),
    Begun = [begun(Pool, <<"sleep">>) || _ <- lists:seq(1, 3)],
    ?assertEqual(3, length(lists:usort([Server || {_, Server} <- Begun]))),
    has(Pool, #{requests => 3}),
    [ok = rubeam:interrupt(Server) || {_, Server} <- Begun],
    [?assertEqual({error, interrupted}, result(Caller)) || {Caller, _} <- Begun],
    has(Pool, #{requests => 0}),
    ok = rubeam_pool:stop(Pool).

a_request_goes_where_least_is_to_do(_Config) ->
    Pool = start(#{size => 2}),
    {_, One} = begun(Pool, <<"sleep">>),
    {_, Two} = begun(Pool, <<"sleep">>),
    %% Nothing is kept for a borrower that waits no longer.
    ?assertEqual({error, timeout}, rubeam_pool:with(Pool, fun(_) -> lent end, 20)),
    Waiting = [caller(fun() -> rubeam_pool:eval(Pool, <<"sleep">>) end) || _ <- [1, 2]],
    has(Pool, #{requests => 4}),
    %% One each, behind that which runs
    [?assertMatch(#{queue := 1}, rubeam:info(Server)) || Server <- [One, Two]],
    %% The idle one gets all that comes one by one.
    ok = rubeam:interrupt(Two),
    rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Two)) =:= 0 end),
    ok = rubeam:interrupt(Two),
    rubeam_ct:until(fun() -> rubeam_ct:state(Two) =:= idle end),
    has(Pool, #{requests => 2}),
    #{jobs := Before} = rubeam:info(Two),
    [{ok, 1} = rubeam_pool:eval(Pool, <<"1">>) || _ <- lists:seq(1, 20)],
    ?assertMatch(#{jobs := Jobs} when Jobs =:= Before + 20, rubeam:info(Two)),
    ?assertMatch(#{queue := 1}, rubeam:info(One)),
    ok = rubeam_pool:stop(Pool),
    _ = [result(Caller) || Caller <- Waiting],
    ok.

casts_spread_and_count_while_they_run(_Config) ->
    Pool = start(#{size => 3}),
    [ok = rubeam_pool:cast(Pool, rubeam_ct:begins(<<"sleep">>)) || _ <- lists:seq(1, 3)],
    Servers = [has_begun() || _ <- lists:seq(1, 3)],
    ?assertEqual(3, length(lists:usort(Servers))),
    has(Pool, #{requests => 3}),
    [ok = rubeam:interrupt(Server) || Server <- Servers],
    has(Pool, #{requests => 0}),
    %% One that is done at once leaves nothing to look for.
    [ok = rubeam_pool:cast(Pool, <<"$x = 1">>) || _ <- lists:seq(1, 20)],
    ?assertMatch(#{requests := 0}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

callers_that_are_killed_leave_no_count(_Config) ->
    Pool = start(#{size => 2}),
    [begin
         Running = [element(1, begun(Pool, <<"sleep">>)) || _ <- [1, 2]],
         Waiting = [caller(fun() -> rubeam_pool:eval(Pool, <<"1">>) end) || _ <- [1, 2, 3]],
         has(Pool, #{requests => 5}),
         lists:foreach(fun kill/1, Running ++ Waiting),
         has(Pool, #{requests => 0})
     end || _ <- [1, 2, 3]],
    %% Nor one that seems to be less than nothing.
    ?assertEqual(2, length(lists:usort([element(2, begun(Pool, <<"sleep">>)) || _ <- [1, 2]]))),
    ?assertMatch(#{opened := 2}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

too_many_waiting_requests_are_refused(_Config) ->
    Pool = start(#{size => 2, max_waiting => 3}),
    Running = [begun(Pool, <<"sleep">>) || _ <- [1, 2]],
    Test = self(),
    Many = [spawn(fun() -> Test ! {self(), rubeam_pool:eval(Pool, <<"1">>)} end)
            || _ <- lists:seq(1, 10)],
    %% Never one too many, however many come at once; nor is anyone else let in.
    Refused = [receive {Pid, {error, busy}} when Pid =/= self() -> Pid
               after 10000 -> ct:fail(not_refused) end || _ <- lists:seq(1, 7)],
    ?assertMatch(#{requests := 5}, rubeam_pool:info(Pool)),
    ?assertEqual({error, busy}, rubeam_pool:eval(Pool, <<"1">>)),
    ?assertEqual({error, busy}, rubeam_pool:cast(Pool, <<"1">>)),
    ?assertEqual({error, busy}, rubeam_pool:with(Pool, fun(_) -> 1 end)),
    ?assertMatch(#{requests := 5, in_line := 0}, rubeam_pool:info(Pool)),
    [ok = rubeam:interrupt(Server) || {_, Server} <- Running],
    [receive {Pid, {ok, 1}} -> ok after 10000 -> ct:fail(no_result) end || Pid <- Many -- Refused],
    ?assertEqual({ok, 1}, rubeam_pool:eval(Pool, <<"1">>)),
    ok = rubeam_pool:stop(Pool),
    None = start(#{size => 1, max_waiting => 0}),
    {_, _} = begun(None, <<"sleep">>),
    ?assertEqual({error, busy}, rubeam_pool:eval(None, <<"1">>)),
    ok = rubeam_pool:stop(None).

a_function_may_ask_the_pool_back(_Config) ->
    {ok, _} = rubeam_pool:start_link(asked_back, #{size => 2, output => discard}),
    Ask = fun(N) -> {ok, M} = rubeam_pool:eval(asked_back, ["1 + ", integer_to_binary(N)]), M end,
    ?assertEqual({ok, 42}, rubeam_pool:eval(asked_back, <<"Erlang.call(:ask, 40) + 1">>,
                                            #{functions => #{ask => Ask}})),
    ok = rubeam_pool:stop(asked_back).

%% --- Borrowing ---

a_borrower_is_alone(_Config) ->
    Pool = start(#{size => 2}),
    Lent = ets:new(lent, [public]),
    Callers = [caller(
                 fun() ->
                         [{ok, ok} = rubeam_pool:with(Pool, fun(Ruby) ->
                              true = ets:insert_new(Lent, {Ruby}),
                              {ok, 1} = rubeam:eval(Ruby, <<"$n = ($n || 0) + 1">>),
                              {ok, 2} = rubeam:eval(Ruby, <<"sleep 0.0005; $n + 1">>),
                              {ok, 0} = rubeam:eval(Ruby, <<"$n -= 1">>),
                              true = ets:delete(Lent, Ruby),
                              ok
                          end) || _ <- lists:seq(1, 30)],
                         done
                 end) || _ <- lists:seq(1, 8)],
    Asking = caller(fun() ->
                                      lists:usort([rubeam_pool:eval(Pool, <<"$n.to_i">>)
                                                   || _ <- lists:seq(1, 300)])
                              end),
    [?assertEqual(done, result(Caller)) || Caller <- Callers],
    %% No request ran between those of a borrower.
    ?assertEqual([{ok, 0}], result(Asking)),
    has(Pool, #{lent => 0, in_line => 0, requests => 0, opened => 2}),
    ok = rubeam_pool:stop(Pool).

an_interpreter_comes_back_however_the_function_ends(_Config) ->
    Pool = start(#{size => 1}),
    ?assertEqual({ok, {ok, 1}}, rubeam_pool:with(Pool, fun(Ruby) -> rubeam:eval(Ruby, <<"$a = 1">>) end)),
    ?assertError(oops, rubeam_pool:with(Pool, fun(_) -> error(oops) end)),
    ?assertThrow(oops, rubeam_pool:with(Pool, fun(_) -> throw(oops) end, 1000)),
    ?assertExit(oops, rubeam_pool:with(Pool, fun(_) -> exit(oops) end)),
    %% The same one, with what was left in it
    ?assertEqual({ok, {ok, 1}}, rubeam_pool:with(Pool, fun(Ruby) -> rubeam:eval(Ruby, <<"$a">>) end)),
    ?assertMatch(#{lent := 0, opened := 1}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool),
    ?assertEqual([], rubeam_ct:mailbox()).

requests_avoid_what_is_lent(_Config) ->
    Pool = start(#{size => 2}),
    {Borrower, Ruby} = borrower(Pool),
    #{jobs := Before} = rubeam:info(Ruby),
    [{ok, 1} = rubeam_pool:eval(Pool, <<"1">>) || _ <- lists:seq(1, 50)],
    Callers = [caller(fun() -> rubeam_pool:eval(Pool, <<"sleep 0.002; 1">>) end)
               || _ <- lists:seq(1, 10)],
    [?assertEqual({ok, 1}, result(Caller)) || Caller <- Callers],
    ?assertMatch(#{jobs := Before}, rubeam:info(Ruby)),
    give_back(Borrower),
    ok = rubeam_pool:stop(Pool).

requests_wait_when_all_are_lent(_Config) ->
    Pool = start(#{size => 1}),
    {Borrower, Ruby} = borrower(Pool),
    #{jobs := Before} = rubeam:info(Ruby),
    Callers = [caller(Request)
               || Request <- [fun() -> rubeam_pool:eval(Pool, <<"1">>) end,
                              fun() -> rubeam_pool:call(Pool, to_s, []) end,
                              fun() -> rubeam_pool:cast(Pool, <<"send_response(:cast)">>) end]],
    has(Pool, #{in_line => 3, lent => 1}),
    ?assertMatch(#{jobs := Before}, rubeam:info(Ruby)),
    give_back(Borrower),
    ?assertEqual([{ok, 1}, {ok, <<"main">>}, ok], [result(Caller) || Caller <- Callers]),
    receive {rubeam, _, {response, cast}} -> ok after 10000 -> ct:fail(no_cast) end,
    has(Pool, #{in_line => 0, lent => 0, requests => 0}),
    ok = rubeam_pool:stop(Pool).

the_time_in_line_is_the_requests(_Config) ->
    Pool = start(#{size => 1}),
    {Borrower, Ruby} = borrower(Pool),
    #{jobs := Before} = rubeam:info(Ruby),
    ?assertEqual({error, timeout}, rubeam_pool:eval(Pool, <<"1">>, #{timeout => 20})),
    ?assertEqual({error, timeout}, rubeam_pool:call(Pool, to_s, [], #{timeout => 20})),
    ?assertMatch(#{in_line := 0}, rubeam_pool:info(Pool)),
    %% What is left of it is the limit of the rest: half a second in line and six tenths asleep are too
    %% much for eight tenths.
    Caller = caller(fun() -> rubeam_pool:eval(Pool, <<"sleep 0.6">>, #{timeout => 800}) end),
    has(Pool, #{in_line => 1}),
    receive after 500 -> ok end,
    give_back(Borrower),
    ?assertEqual({error, timeout}, result(Caller)),
    #{jobs := After} = rubeam:info(Ruby),
    ?assert(After > Before), % it had begun
    ok = rubeam_pool:stop(Pool),
    %% The pool's own limit is that of requests which name none.
    Hasty = start(#{size => 1, timeout => 20}),
    {Other, _} = borrower(Hasty),
    ?assertEqual({error, timeout}, rubeam_pool:eval(Hasty, <<"1">>)),
    give_back(Other),
    ok = rubeam_pool:stop(Hasty).

borrowers_are_served_in_order(_Config) ->
    Pool = start(#{size => 1}),
    {First, _} = borrower(Pool),
    Test = self(),
    Waiting = [begin
                   Pid = caller(fun() ->
                             rubeam_pool:with(Pool, fun(_) -> Test ! {turn, N} end)
                         end),
                   has(Pool, #{in_line => N}),
                   Pid
               end || N <- lists:seq(1, 20)],
    %% One in the middle leaves.
    kill(lists:nth(10, Waiting)),
    has(Pool, #{in_line => 19}),
    give_back(First),
    Turns = [receive {turn, N} -> N after 10000 -> ct:fail(no_turn) end || _ <- lists:seq(1, 19)],
    ?assertEqual(lists:seq(1, 20) -- [10], Turns),
    has(Pool, #{in_line => 0, lent => 0, opened => 1}),
    ok = rubeam_pool:stop(Pool).

a_borrower_waits_no_longer_than_it_says(_Config) ->
    Pool = start(#{size => 1}),
    {Borrower, _} = borrower(Pool),
    [?assertEqual({error, timeout}, rubeam_pool:with(Pool, fun(_) -> ct:fail(lent) end, Timeout))
     || Timeout <- [0, 1, 20]],
    ?assertMatch(#{in_line := 0, lent := 1}, rubeam_pool:info(Pool)),
    give_back(Borrower),
    ?assertEqual([], rubeam_ct:mailbox()),
    ?assertEqual({ok, lent}, rubeam_pool:with(Pool, fun(_) -> lent end, 0)),
    %% Just when it is given back: one or the other, and never both.
    [begin
         {Again, _} = borrower(Pool),
         Again ! {do, fun(_) -> receive after 2 -> ok end end},
         Result = rubeam_pool:with(Pool, fun(_) -> lent end, 2),
         ?assert(lists:member(Result, [{ok, lent}, {error, timeout}])),
         ?assertEqual({ok, ok}, result(Again))
     end || _ <- lists:seq(1, 30)],
    has(Pool, #{lent => 0, in_line => 0, opened => 1}),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam_pool:stop(Pool).

one_that_never_gives_back(_Config) ->
    Pool = start(#{size => 1, max_waiting => 2}),
    {Borrower, _} = borrower(Pool),
    Waiting = [caller(fun() -> rubeam_pool:with(Pool, fun(_) -> lent end) end),
               caller(fun() -> rubeam_pool:eval(Pool, <<":done">>) end)],
    has(Pool, #{in_line => 2}),
    [begin
         ?assertEqual({error, busy}, rubeam_pool:with(Pool, fun(_) -> lent end)),
         ?assertEqual({error, busy}, rubeam_pool:with(Pool, fun(_) -> lent end, 10)),
         ?assertEqual({error, busy}, rubeam_pool:eval(Pool, <<"1">>))
     end || _ <- lists:seq(1, 20)],
    ?assertMatch(#{in_line := 2}, rubeam_pool:info(Pool)),
    %% Its end is what others wait for.
    kill(Borrower),
    ?assertEqual([{ok, lent}, {ok, done}], [result(Caller) || Caller <- Waiting]),
    ok = rubeam_pool:stop(Pool).

a_dead_borrower_leaves_a_fresh_interpreter(_Config) ->
    Pool = start(#{size => 1, prelude => <<"$a = 1">>}),
    [begin
         {Borrower, Ruby} = borrower(Pool),
         Borrower ! {do, fun(_) -> rubeam:eval(Ruby, [<<"$a = 2; ">>, rubeam_ct:begins(Code)]) end},
         _ = has_begun(),
         ok = rubeam:cast(Ruby, <<"loop {}">>), % nor is what waits of it
         kill(Borrower),
         {ok, {Other, Value}} = rubeam_pool:with(Pool, fun(New) -> {New, rubeam:eval(New, <<"$a">>)} end),
         ?assertNotEqual(Ruby, Other),
         ?assertEqual({ok, 1}, Value),
         ?assertNot(rubeam_transport:is_open(Ruby))
     end || Code <- [<<"loop {}">>, <<"sleep">>, <<"loop { begin; loop {}; rescue Exception; end }">>]],
    ?assertMatch(#{opened := 4}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

a_dead_borrower_leaves_the_line(_Config) ->
    Pool = start(#{size => 1}),
    {Borrower, _} = borrower(Pool),
    Waiting = [caller(fun() -> rubeam_pool:with(Pool, fun(_) -> lent end) end)
               || _ <- lists:seq(1, 100)],
    has(Pool, #{in_line => 100}),
    lists:foreach(fun kill/1, Waiting),
    has(Pool, #{in_line => 0}),
    give_back(Borrower),
    has(Pool, #{lent => 0, opened => 1}),
    ok = rubeam_pool:stop(Pool).

a_dead_caller_does_not_hold_up_a_borrower(_Config) ->
    Pool = start(#{size => 1}),
    {Caller, _} = begun(Pool, <<"sleep">>),
    kill(Caller),
    ?assertEqual({ok, lent}, rubeam_pool:with(Pool, fun(_) -> lent end, 10000)),
    ?assertMatch(#{opened := 1}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

%% They ask without a pause; all of them are slower than the way to the queue.
requests_do_not_hold_up_a_borrower_for_ever(_Config) ->
    Pool = start(#{size => 2}),
    Asking = [spawn_link(fun() -> ask_for_ever(Pool) end) || _ <- lists:seq(1, 10)],
    [begin
         has(Pool, #{requests => 10}), % all of them are at it
         ?assertEqual({ok, lent}, rubeam_pool:with(Pool, fun(_) -> lent end, 10000))
     end || _ <- lists:seq(1, 10)],
    [begin unlink(Pid), kill(Pid) end || Pid <- Asking],
    has(Pool, #{requests => 0, lent => 0}),
    ok = rubeam_pool:stop(Pool).

ask_for_ever(Pool) ->
    {ok, 1} = rubeam_pool:eval(Pool, <<"sleep 0.002; 1">>),
    ask_for_ever(Pool).

what_a_borrower_left_running_is_waited_for(_Config) ->
    Pool = start(#{size => 1}),
    {ok, ok} = rubeam_pool:with(Pool, fun(Ruby) ->
                                          rubeam:cast(Ruby, rubeam_ct:begins(<<"sleep">>))
                                      end),
    Server = has_begun(),
    ?assertEqual({error, timeout}, rubeam_pool:with(Pool, fun(_) -> lent end, 300)),
    ok = rubeam:interrupt(Server),
    ?assertEqual({ok, lent}, rubeam_pool:with(Pool, fun(_) -> lent end, 10000)),
    ?assertMatch(#{opened := 1}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

a_borrower_of_an_interpreter_that_ends(_Config) ->
    Pool = start(#{size => 1}),
    quietly(fun() ->
        [begin
             {Borrower, Ruby} = borrower(Pool),
             _ = End(Ruby),
             %% It is replaced before it is given back, and then there is nothing to give back.
             ?assertEqual({ok, 1}, rubeam_pool:eval(Pool, <<"1">>)),
             ?assertEqual({error, closed}, rubeam:eval(Ruby, <<"1">>)),
             _ = Leave(Borrower),
             has(Pool, #{lent => 0, ready => 1, in_line => 0})
         end || End <- [fun(Ruby) -> rubeam:eval(Ruby, <<"exit">>) end, fun rubeam:close/1],
                Leave <- [fun give_back/1, fun kill/1]]
    end),
    ?assertMatch(#{opened := 5}, rubeam_pool:info(Pool)),
    ok = rubeam_pool:stop(Pool).

%% --- Ends of interpreters ---

an_exit_in_each_request(_Config) ->
    Pool = start(#{size => 2, prelude => <<"def one = 1">>}),
    quietly(fun() ->
        Callers = [caller(fun() ->
                       [rubeam_pool:eval(Pool, Code) || Code <- [<<"exit">>, <<"sleep 0.001; exit 3">>],
                                                        _ <- lists:seq(1, 20)]
                   end) || _ <- [1, 2, 3]],
        [?assertEqual([{error, closed}], lists:usort(result(Caller))) || Caller <- Callers]
    end),
    ?assertEqual({ok, 1}, rubeam_pool:call(Pool, one, [])),
    has(Pool, #{ready => 2, in_line => 0, lent => 0, requests => 0}),
    ok = rubeam_pool:stop(Pool).

each_kind_of_end_is_replaced(_Config) ->
    Pool = start(#{size => 1, timeout => 100, grace => 3, memory_limit => 4 bsl 20,
                   prelude => <<"def one = 1">>}),
    quietly(fun() ->
        [begin
             #{opened := Opened} = rubeam_pool:info(Pool),
             _ = End(),
             has(Pool, #{opened => Opened + 1, ready => 1}),
             ?assertEqual({ok, 1}, rubeam_pool:call(Pool, one, []))
         end || End <- [fun() -> rubeam_pool:eval(Pool, <<"exit 7">>) end,
                        fun() -> rubeam_pool:cast(Pool, <<"raise 'an accident'">>) end,
                        fun() -> rubeam_pool:eval(Pool, <<"loop { begin; loop {}; rescue Exception; end }">>)
                        end,
                        fun() -> rubeam_pool:eval(Pool, <<"Object.send(:remove_const, :NameError); Foo">>)
                        end,
                        fun() -> rubeam_pool:with(Pool, fun rubeam:close/1) end,
                        fun() -> [exit(Server, kill) || Server <- servers(Pool)] end]]
    end),
    ok = rubeam_pool:stop(Pool).

servers(Pool) ->
    {links, Links} = process_info(Pool, links),
    [Supervisor] = [Pid || Pid <- Links, is_pid(Pid), Pid =/= self()],
    [Pid || {_, Pid, _, _} <- supervisor:which_children(Supervisor)].

%% Its server is held, so that the pool has not heard of its end.
an_interpreter_that_was_closed_meanwhile_is_passed_by(_Config) ->
    Pool = start(#{size => 1}),
    quietly(fun() ->
        [begin
             [Server] = servers(Pool),
             ok = sys:suspend(Server),
             {ok, Port} = rubeam_registry:where(Server),
             ok = rubeam_transport:close(Port),
             Caller = caller(Ask),
             has(Pool, #{in_line => 1}),
             ok = sys:resume(Server),
             ?assertEqual(Expected, result(Caller))
         end || {Ask, Expected} <-
                    [{fun() -> rubeam_pool:eval(Pool, <<"1">>) end, {ok, 1}},
                     {fun() -> rubeam_pool:with(Pool, fun rubeam_ct:answers/1) end, {ok, {ok, 42}}}]]
    end),
    ok = rubeam_pool:stop(Pool).

interpreters_that_cannot_be_opened_end_the_pool(Config) ->
    process_flag(trap_exit, true),
    File = filename:join(?config(priv_dir, Config), "rules.rb"),
    ok = file:write_file(File, "def one = 1"),
    Pool = start(#{size => 2, files => [File]}),
    ?assertEqual({ok, 1}, rubeam_pool:call(Pool, one, [])),
    ok = file:write_file(File, "raise 'broken'"),
    quietly(fun() ->
        {error, closed} = rubeam_pool:eval(Pool, <<"exit">>),
        %% The others are there meanwhile.
        ?assertEqual({ok, 1}, rubeam_pool:call(Pool, one, [])),
        {error, closed} = rubeam_pool:eval(Pool, <<"exit">>),
        Waiting = caller(fun() -> rubeam_pool:eval(Pool, <<"1">>) end),
        Reason = receive {'EXIT', Pool, Why} -> Why after 15000 -> ct:fail(no_end) end,
        ?assertMatch({open_failed, {file, _, #{class := <<"RuntimeError">>}}}, Reason),
        ?assertMatch(<<"no interpreter could be opened", _/binary>>, rubeam:format_error(Reason)),
        ?assertEqual({error, closed}, result(Waiting))
    end).

a_failure_that_passes_does_not_end_the_pool(Config) ->
    File = filename:join(?config(priv_dir, Config), "passing.rb"),
    ok = file:write_file(File, "def one = 1"),
    Pool = start(#{size => 1, files => [File]}),
    ok = file:delete(File),
    quietly(fun() ->
        {error, closed} = rubeam_pool:eval(Pool, <<"exit">>),
        has(Pool, #{ready => 0}),
        Waiting = caller(fun() -> rubeam_pool:call(Pool, one, []) end),
        has(Pool, #{in_line => 1}),
        ok = file:write_file(File, "def one = 1"),
        ?assertEqual({ok, 1}, result(Waiting))
    end),
    ok = rubeam_pool:stop(Pool).

%% --- Ends of pools ---

%% The callback of supervisor
init(Start) -> {ok, Start}.

a_supervisor_starts_it_again(_Config) ->
    Spec = rubeam_pool:child_spec(#{name => supervised, size => 2, output => discard}),
    ok = supervisor:check_childspecs([Spec, rubeam_pool:child_spec(#{})]),
    ?assertMatch(#{id := rubeam_pool}, rubeam_pool:child_spec(#{})),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {#{intensity => 10, period => 60}, [Spec]}),
    quietly(fun() ->
        [begin
             Pool = whereis(supervised),
             _ = End(Pool),
             rubeam_ct:until(fun() -> whereis(supervised) =/= Pool
                                          andalso rubeam_pool:eval(supervised, <<"6 * 7">>) =:= {ok, 42}
                             end)
         end || End <- [fun(Pool) -> exit(Pool, kill) end, fun rubeam_pool:stop/1]]
    end),
    Ports = rubeam_ct:all_ports(),
    Caller = caller(fun() -> rubeam_pool:eval(supervised, <<"sleep">>) end),
    has(supervised, #{requests => 1}),
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    rubeam_ct:gone(Supervisor),
    ?assertEqual({error, closed}, result(Caller)),
    ?assertEqual([], [Port || Port <- Ports, erlang:port_info(Port) =/= undefined]).

stopping_answers_all(_Config) ->
    Pool = start(#{size => 2}),
    {Running, _} = begun(Pool, <<"loop {}">>),
    {Borrower, Ruby} = borrower(Pool),
    Borrower ! {do, fun(_) -> rubeam:eval(Ruby, <<"sleep">>) end},
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Ruby, waiting) end),
    Waiting = caller(fun() -> rubeam_pool:with(Pool, fun(_) -> lent end) end),
    has(Pool, #{in_line => 1}),
    Stopping = caller(fun() -> rubeam_pool:stop(Pool) end),
    ?assertEqual(ok, result(Stopping)),
    ?assertEqual({error, closed}, result(Running)),
    ?assertEqual({ok, {error, closed}}, result(Borrower)),
    ?assertEqual({error, closed}, result(Waiting)),
    ?assertEqual([], ets:tab2list(rubeam_pools)).

a_pool_ends_with_the_application(_Config) ->
    process_flag(trap_exit, true),
    Pool = start(#{size => 2}),
    quietly(fun() ->
        ok = application:stop(rubeam),
        ?assertEqual({error, closed}, rubeam_pool:eval(Pool, <<"1">>)),
        receive {'EXIT', Pool, Reason} -> ?assertEqual({open_failed, not_started}, Reason)
        after 15000 -> ct:fail(no_end)
        end,
        ?assertEqual({error, closed}, rubeam_pool:eval({group, any}, <<"1">>)),
        ?assertEqual({error, not_started}, rubeam_pool:start_link(#{size => 1})),
        ok = application:start(rubeam)
    end),
    _ = rubeam_ct:mailbox(),
    ok.

a_killed_pool_leaves_nothing(_Config) ->
    process_flag(trap_exit, true),
    Pool = start(#{size => 2}),
    Servers = servers(Pool),
    {Caller, _} = begun(Pool, <<"sleep">>),
    ?assertMatch([_], ets:tab2list(rubeam_pools)),
    quietly(fun() ->
        kill(Pool),
        lists:foreach(fun rubeam_ct:gone/1, Servers)
    end),
    ?assertEqual({error, closed}, result(Caller)),
    rubeam_ct:until(fun() -> ets:tab2list(rubeam_pools) =:= [] end),
    ?assertEqual({error, closed}, rubeam_pool:eval(Pool, <<"1">>)).

unexpected_messages_do_no_harm(_Config) ->
    Pool = start(#{size => 1}),
    {Borrower, _} = borrower(Pool),
    [Pool ! Message || Message <- [hello, {'DOWN', make_ref(), process, self(), normal},
                                   {'EXIT', whereis(init), normal}, {timeout, make_ref(), look},
                                   {timeout, make_ref(), {waited, make_ref()}}]],
    [ok = gen_server:cast(Pool, Message) || Message <- [hello, vacant, {give_back, make_ref()}]],
    Unanswered = gen_server:send_request(Pool, hello),
    ?assertMatch(#{lent := 1, in_line := 0}, rubeam_pool:info(Pool)),
    give_back(Borrower),
    ?assertEqual({ok, 42}, rubeam_pool:eval(Pool, <<"6 * 7">>)),
    ok = rubeam_pool:stop(Pool),
    ?assertMatch({error, {normal, _}}, gen_server:receive_response(Unanswered, 10000)).
