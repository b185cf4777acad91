%% What happens when a program that an interpreter lives in is killed, lies, falls silent, or is none at all?
%%
%% Nothing hangs, every caller gets an error that says what has happened, exactly one, and nothing is left: no
%% program, no process, no file descriptor, no message. Each case says so of itself: whatever program it starts has a
%% mark in its environment.
%%
%% Programs that are out of order are shell scripts that stand in the place of rubeam_port or of Ruby, and
%% program_faults_SUITE_data/fake.rb, which first greets as it should.
-module(program_faults_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [%% Killed
     a_killed_program_is_told_in_each_phase,
     a_function_that_runs_is_not_hurt,
     many_kills_at_random,
     a_server_stops_and_its_supervisor_starts_a_fresh_one,
     a_supervisor_gives_up_and_nothing_is_left,
     a_pool_goes_on,
     events_tell_of_the_end,
     a_killed_node_leaves_no_program,
     %% Out of order
     what_is_no_program_of_ours_is_refused,
     what_is_not_there_is_told,
     a_program_that_greets_and_then_fails,
     a_program_that_ignores_everything_is_gone,
     a_refused_start_is_no_crash,
     new_atoms_are_bounded,
     new_functions_are_bounded,
     terms_that_are_hard_to_decode,
     %% Much
     ten_megabytes_both_ways_at_once,
     both_sides_write_with_full_pipes,
     a_program_that_does_not_read_leaves_nothing,
     programs_come_and_go,
     owners_die_while_it_opens,
     nothing_is_left_behind].

suite() -> [{timetrap, {minutes, 3}}].

%% So long may it take until a program is gone, in milliseconds.
-define(GONE, 2000).
-define(PATIENCE, 30_000).
-define(KILLED, {program, {signal, 9}}).

init_per_suite(Config) ->
    rubeam_ct:once(fun() -> rubeam_ct:start(Config) end).

end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

init_per_testcase(Case, Config) ->
    process_flag(trap_exit, true),
    put(mark, lists:concat([Case, "-", os:getpid(), "-", erlang:unique_integer([positive])])),
    put(priv, os:getenv("RUBEAM_PRIV")),
    put(folder, filename:join(?config(priv_dir, Config), Case)),
    put(fake, filename:join(?config(data_dir, Config), "fake.rb")),
    ok = filelib:ensure_path(get(folder)),
    true = os:putenv("RUBEAM_TEST", get(mark)),
    %% The sanitizers' runtimes are preloaded for the VM; programs have their own.
    put(preload, os:getenv("LD_PRELOAD")),
    true = os:unsetenv("LD_PRELOAD"),
    put(before, counts()),
    Config.

end_per_testcase(_Case, _Config) ->
    set("RUBEAM_PRIV", get(priv)),
    set("LD_PRELOAD", get(preload)),
    true = os:unsetenv("RUBEAM_TEST"),
    _ = [os:cmd("kill -9 " ++ Pid) || Pid <- marked()],
    ok.

set(Name, false) -> os:unsetenv(Name);
set(Name, Value) -> os:putenv(Name, Value).

transports() -> [port | [cruby || os:find_executable("ruby") =/= false]].

%% --- What is left ---

counts() -> {descriptors(), erlang:system_info(process_count)}.

descriptors() ->
    {ok, Names} = file:list_dir("/proc/self/fd"),
    length(Names).

%% Of this case: programs, descriptors, processes, messages.
nothing_is_left() ->
    no_program_is_left(),
    {Descriptors, Processes} = get(before),
    rubeam_ct:until(fun() ->
                            {D, P} = counts(),
                            D =< Descriptors andalso P =< Processes orelse {{D, P}, {Descriptors, Processes}, suspects()}
                    end),
    ?assertEqual([], rubeam_ct:mailbox()).

suspects() ->
    [process_info(P, [current_stacktrace, dictionary]) || P <- lists:nthtail(max(0, length(processes()) - 3), processes())].

no_program_is_left() -> no_program_is_left(?GONE).

no_program_is_left(Milliseconds) ->
    within(Milliseconds, fun() -> marked() =:= [] orelse [{Pid, command(Pid)} || Pid <- marked()] end).

marked() ->
    Mark = list_to_binary(get(mark)),
    [Pid || "/proc/" ++ Pid <- filelib:wildcard("/proc/[0-9]*"),
            {ok, Text} <- [file:read_file("/proc/" ++ Pid ++ "/environ")],
            binary:match(Text, Mark) =/= nomatch,
            not is_of_the_vm(command(Pid))].

%% Who looks names of machines up, when another node is started
is_of_the_vm({ok, Command}) -> binary:match(Command, <<"inet_gethost">>) =/= nomatch;
is_of_the_vm(_) -> false.

command(Pid) -> file:read_file("/proc/" ++ Pid ++ "/cmdline").

within(Milliseconds, Condition) ->
    Begun = erlang:monotonic_time(millisecond),
    rubeam_ct:until(Condition),
    Took = erlang:monotonic_time(millisecond) - Begun,
    ?assert(Took < Milliseconds * slowness(), {took, Took}).

%% Sanitizers are slow.
slowness() ->
    case get(preload) of
        false -> 1;
        _ -> 5
    end.

%% --- Programs ---

open(Transport) -> open(Transport, #{}).

open(Transport, Options) ->
    {ok, Ruby} = rubeam:open(Options#{transport => Transport}),
    Ruby.

%% What is killed: the program, or the leash that it runs on.
victims() -> [{port, program}] ++ [{cruby, What} || What <- [program, leash], lists:member(cruby, transports())].

os_pid({cruby, program}, Ruby) -> maps:get(os_pid, rubeam:info(Ruby));
os_pid(_, Ruby) -> os_pid(Ruby).

%% Of the process that the VM has started
os_pid(Ruby) ->
    {links, Links} = process_info(Ruby, links),
    [Pid] = [Pid || Port <- Links, is_port(Port), {os_pid, Pid} <- [erlang:port_info(Port, os_pid)]],
    Pid.

kill(OsPid) -> "" = os:cmd("kill -9 " ++ integer_to_list(OsPid)).

%% What the owner gets last
ends(Ruby) ->
    receive
        {Ruby, {data, Frame}} ->
            case rubeam:decode(Frame) of
                {exit, Reason} ->
                    receive {'EXIT', Ruby, normal} -> Reason after ?PATIENCE -> ct:fail({not_gone, Ruby}) end;
                _Other ->
                    ends(Ruby)
            end;
        {'EXIT', Ruby, Reason} -> ct:fail({no_last_frame, Reason})
    after ?PATIENCE -> ct:fail({does_not_end, Ruby})
    end.

%% A shell that kills whom it is told to: soon, and often.
killer() -> open_port({spawn_executable, "/bin/sh"}, [{args, ["-c", "while read p; do kill -9 $p; done"]}, {env, [{"RUBEAM_TEST", false}]}]).

%% --- Killed ---

a_killed_program_is_told_in_each_phase(_Config) ->
    [phase(Victim, Name, Callers) || Victim <- victims(), {Name, Callers} <- phases()],
    nothing_is_left().

phase({Transport, _} = Victim, Name, Make) ->
    Ruby = open(Transport),
    OsPid = os_pid(Victim, Ruby),
    Callers = Make(Ruby),
    kill(OsPid),
    End = ends(Ruby),
    ?assertEqual({Victim, Name, ?KILLED}, {Victim, Name, case Name of prints -> killed_or_closed(End); _ -> End end}),
    [begin
         ?assertEqual({Victim, Name, {error, End}}, {Victim, Name, rubeam_ct:result(Caller)}),
         ?assertEqual([], rubeam_ct:leftover(Caller))
     end || Caller <- Callers],
    ?assertEqual({error, closed}, rubeam:eval(Ruby, <<"1">>)),
    ?assertEqual([], rubeam_ct:mailbox()).

%% Who writes to a program when it dies sees that it is gone, and not how: the port closes with that.
killed_or_closed({program, closed}) -> ?KILLED;
killed_or_closed(End) -> End.

%% Who makes requests that are under way then
phases() ->
    [{idle, fun(_) -> [] end},
     {runs, fun(Ruby) -> [begins(Ruby, <<"loop {}">>)] end},
     {sleeps, fun(Ruby) -> [begins(Ruby, <<"sleep">>)] end},
     {queued,
      fun(Ruby) ->
              First = begins(Ruby, <<"loop {}">>),
              Others = [rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"1">>) end) || _ <- lists:seq(1, 3)]
                  ++ [rubeam_ct:caller(fun() -> rubeam:call(Ruby, puts, [1]) end)],
              rubeam_ct:until(fun() -> case rubeam:info(Ruby) of #{queue := 4} -> true; Info -> Info end end),
              [First | Others]
      end},
     {cast,
      fun(Ruby) ->
              ok = rubeam:cast(Ruby, rubeam_ct:begins(<<"loop {}">>)),
              ?assertEqual(begun, rubeam_ct:response(Ruby)),
              []
      end},
     {prints,
      fun(Ruby) ->
              Caller = rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"loop { puts 'x' * 1000 }">>) end),
              receive {Ruby, {data, _}} -> [Caller] after ?PATIENCE -> ct:fail(prints_nothing) end
      end},
     {function,
      fun(Ruby) ->
              Test = self(),
              Wait = fun() -> Test ! called, is_gone(Ruby), 42 end,
              Caller = rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"Erlang.call('wait')">>, #{functions => #{wait => Wait}}) end),
              receive called -> [Caller] after ?PATIENCE -> ct:fail(not_called) end
      end},
     {nested,
      fun(Ruby) ->
              Back = fun() -> {error, ?KILLED} = rubeam:eval(Ruby, rubeam_ct:begins(<<"loop {}">>)), 42 end,
              Caller = rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"Erlang.call('back')">>, #{functions => #{back => Back}}) end),
              ?assertEqual(begun, rubeam_ct:response(Ruby)),
              [Caller]
      end},
     {async,
      fun(Ruby) ->
              Caller = rubeam_ct:caller(fun() ->
                                                Id = rubeam:send_request(Ruby, {eval, rubeam_ct:begins(<<"sleep">>)}),
                                                {reply, Result} = rubeam:wait_response(Id, infinity),
                                                Result
                                        end),
              ?assertEqual(begun, rubeam_ct:response(Ruby)),
              [Caller]
      end}].

begins(Ruby, Code) ->
    Caller = rubeam_ct:caller(fun() -> rubeam:eval(Ruby, rubeam_ct:begins(Code)) end),
    ?assertEqual(begun, rubeam_ct:response(Ruby)),
    Caller.

is_gone(Ruby) -> rubeam_ct:gone(Ruby).

%% The function's process is the one that made the request; what the function returns finds nobody.
a_function_that_runs_is_not_hurt(_Config) ->
    [begin
         Test = self(),
         Ruby = open(Transport),
         Caller = rubeam_ct:caller(
                    fun() ->
                            Fun = fun() -> Test ! called, receive go_on -> Test ! went_on, 42 end end,
                            {rubeam:eval(Ruby, <<"Erlang.call('wait')">>, #{functions => #{wait => Fun}}), still_here}
                    end),
         receive called -> ok after ?PATIENCE -> ct:fail(not_called) end,
         kill(os_pid(Victim, Ruby)),
         ?assertEqual(?KILLED, ends(Ruby)),
         ?assert(is_process_alive(Caller)),
         Caller ! go_on,
         receive went_on -> ok after ?PATIENCE -> ct:fail(does_not_go_on) end,
         ?assertEqual({{error, ?KILLED}, still_here}, rubeam_ct:result(Caller)),
         ?assertEqual([], rubeam_ct:leftover(Caller))
     end || {Transport, _} = Victim <- victims()],
    nothing_is_left().

%% RUBEAM_KILLS=1000 for the many.
many_kills_at_random(_Config) ->
    Many = list_to_integer(os:getenv("RUBEAM_KILLS", "300")),
    Seed = rand:seed_s(exsss),
    _ = rand:seed(Seed),
    ct:log("seed ~p", [rand:export_seed_s(Seed)]),
    Killer = killer(),
    Begun = erlang:monotonic_time(millisecond),
    Reasons = [killed_at_random(port, Killer) || _ <- lists:seq(1, Many)]
        ++ [killed_at_random(cruby, Killer) || lists:member(cruby, transports()), _ <- lists:seq(1, max(1, Many div 20))],
    Took = erlang:monotonic_time(millisecond) - Begun,
    true = port_close(Killer),
    receive {'EXIT', Killer, _} -> ok end,
    Count = fun(Reason) -> length([R || R <- Reasons, R =:= Reason]) end,
    ct:pal("~b programs killed in ~b ms: ~p", [length(Reasons), Took, [{R, Count(R)} || R <- lists:usort(Reasons)]]),
    ?assert(Count(?KILLED) > 0),
    ?assertEqual([], lists:usort(Reasons) -- [?KILLED, {program, closed}]),
    nothing_is_left().

killed_at_random(Transport, Killer) ->
    Ruby = open(Transport),
    OsPid = os_pid(Ruby),
    Callers = [rubeam_ct:caller(fun() -> asks(Ruby, rand:uniform(8)) end) || _ <- lists:seq(1, 4)],
    receive after rand:uniform(6) - 1 -> ok end,
    true = port_command(Killer, [integer_to_list(OsPid), $\n]),
    Reason = ends(Ruby),
    [begin
         {error, Why} = rubeam_ct:result(Caller),
         ?assert(lists:member(Why, [closed, {program, closed}, ?KILLED]), Why),
         ?assertEqual([], rubeam_ct:leftover(Caller))
     end || Caller <- Callers],
    ?assertEqual([], rubeam_ct:mailbox()),
    Reason.

%% One request after another, until one fails.
asks(Ruby, Kind) ->
    case ask(Ruby, Kind) of
        ok -> asks(Ruby, rand:uniform(8));
        {ok, _} -> asks(Ruby, rand:uniform(8));
        {error, _} = Error -> Error
    end.

ask(Ruby, 1) -> rubeam:eval(Ruby, <<"1 + 1">>);
ask(Ruby, 2) -> rubeam:call(Ruby, {<<"Math">>, sqrt}, [2]);
ask(Ruby, 3) -> rubeam:cast(Ruby, <<"Erlang.call('nobody') rescue 1">>);
ask(Ruby, 4) -> rubeam:eval(Ruby, <<"Erlang.call('add', 1, 2)">>, #{functions => #{add => fun(A, B) -> A + B end}});
ask(Ruby, 5) ->
    Back = fun() -> case rubeam:eval(Ruby, <<"2">>) of {ok, 2} -> 2; {error, _} -> gone end end,
    rubeam:eval(Ruby, <<"Erlang.call('back')">>, #{functions => #{back => Back}});
ask(Ruby, 6) -> rubeam:eval(Ruby, <<"puts 'x' * 10000; sleep 0.001">>);
ask(Ruby, 7) -> rubeam:send(Ruby, hello);
ask(Ruby, 8) ->
    case rubeam:receive_response(rubeam:send_request(Ruby, {eval, <<"sleep 0.0005; :slept">>}), 1) of
        {reply, Result} -> Result;
        timeout -> ok
    end.

%% --- Servers, pools, events, nodes ---

%% The callback of supervisor
init(Start) -> {ok, Start}.

stop_supervisor(Supervisor) ->
    unlink(Supervisor),
    exit(Supervisor, shutdown),
    rubeam_ct:gone(Supervisor).

server_pid(Server) ->
    {ok, Ruby} = rubeam_registry:where(Server),
    Ruby.

a_server_stops_and_its_supervisor_starts_a_fresh_one(_Config) ->
    rubeam_ct:quietly(fun() -> [a_server_stops(Victim) || Victim <- victims()] end),
    nothing_is_left().

a_server_stops({Transport, _} = Victim) ->
    Spec = rubeam_server:child_spec(#{name => program_faults, transport => Transport, output => {send, self()}}),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {#{intensity => 10, period => 60}, [Spec]}),
    [begin
         Server = whereis(program_faults),
         {ok, 1} = rubeam:eval(program_faults, <<"a = 1">>),
         Callers = [rubeam_ct:caller(fun() -> rubeam:eval(Server, Code) end) || Code <- Codes],
         Codes =/= [] andalso receive {rubeam, Server, {response, begun}} -> ok after ?PATIENCE -> ct:fail(not_begun) end,
         Ref = monitor(process, Server),
         kill(os_pid(Victim, server_pid(Server))),
         receive {'DOWN', Ref, process, Server, Reason} -> ?assertEqual({ruby_exit, ?KILLED}, Reason)
         after ?PATIENCE -> ct:fail(server_lives)
         end,
         [?assertEqual({error, ?KILLED}, rubeam_ct:result(Caller)) || Caller <- Callers],
         [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Callers],
         rubeam_ct:until(fun() -> case whereis(program_faults) of
                                      undefined -> false;
                                      Server -> false;
                                      New -> rubeam_ct:answers(New) =:= {ok, 42}
                                  end end),
         ?assertMatch({error, #{class := <<"NameError">>}}, name_error(rubeam:eval(program_faults, <<"a">>)))
     end || Codes <- [[], [rubeam_ct:begins(<<"loop {}">>)]]],
    stop_supervisor(Supervisor),
    _ = rubeam_ct:mailbox().

%% mruby takes the name for that of a method.
name_error({error, #{class := <<"NoMethodError">>} = Error}) -> {error, Error#{class := <<"NameError">>}};
name_error(Result) -> Result.

%% Its program dies again and again: a storm ends where the supervisor says.
a_supervisor_gives_up_and_nothing_is_left(_Config) ->
    Killer = killer(),
    rubeam_ct:quietly(fun() -> [a_supervisor_gives_up(Transport, Killer) || Transport <- transports()] end),
    true = port_close(Killer),
    receive {'EXIT', Killer, _} -> ok end,
    nothing_is_left().

a_supervisor_gives_up(Transport, Killer) ->
    Options = #{transport => Transport, name => program_faults},
    Flags = #{intensity => 3, period => 60},
    %% At its start already
    Start = fun(More) -> supervisor:start_link(?MODULE, {Flags, [rubeam_server:child_spec(maps:merge(Options, More))]}) end,
    {error, {shutdown, {failed_to_start_child, program_faults, Why}}} = Start(#{prelude => <<"exit 3">>}),
    ct:log("~p", [Why]),
    receive {'EXIT', _, _} -> ok end,
    %% Later on
    {ok, Supervisor} = Start(#{}),
    Kills = kills(Supervisor, Killer, none, 0),
    ?assertEqual(4, Kills),
    receive {'EXIT', Supervisor, shutdown} -> ok after ?PATIENCE -> ct:fail(supervisor_lives) end,
    ?assertEqual(undefined, whereis(program_faults)).

kills(Supervisor, Killer, Before, Count) ->
    case {is_process_alive(Supervisor), whereis(program_faults)} of
        {false, _} -> Count;
        {true, Server} when Server =:= Before; Server =:= undefined -> receive after 2 -> kills(Supervisor, Killer, Before, Count) end;
        {true, Server} ->
            case rubeam_registry:where(Server) of
                {ok, Ruby} when is_pid(Ruby), Ruby =/= Server ->
                    true = port_command(Killer, [integer_to_list(os_pid(Ruby)), $\n]),
                    kills(Supervisor, Killer, Server, Count + 1);
                _ ->
                    receive after 2 -> kills(Supervisor, Killer, Before, Count) end
            end
    end.

a_pool_goes_on(_Config) ->
    rubeam_ct:quietly(fun() -> [a_pool_goes_on_over(Transport) || Transport <- transports()] end),
    nothing_is_left().

a_pool_goes_on_over(Transport) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => 2, transport => Transport, output => {send, self()}}),
    Busy = [begin
                Caller = rubeam_ct:caller(fun() -> rubeam_pool:eval(Pool, rubeam_ct:begins(<<"loop {}">>)) end),
                receive {rubeam, _, {response, begun}} -> Caller after ?PATIENCE -> ct:fail(not_begun) end
            end || _ <- [1, 2]],
    Waiting = [rubeam_ct:caller(fun() -> rubeam_pool:eval(Pool, <<"6 * 7">>) end) || _ <- lists:seq(1, 10)],
    rubeam_ct:until(fun() -> case rubeam_pool:info(Pool) of #{requests := 12} -> true; Info -> Info end end),
    Rubies = rubeam_registry:gateways(),
    ?assertEqual(2, length(Rubies)),
    [kill(os_pid(Ruby)) || Ruby <- Rubies],
    [?assertEqual({error, ?KILLED}, rubeam_ct:result(Caller)) || Caller <- Busy ++ Waiting],
    [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Busy ++ Waiting],
    [?assertEqual({ok, 42}, rubeam_pool:eval(Pool, <<"6 * 7">>)) || _ <- lists:seq(1, 10)],
    rubeam_ct:until(fun() -> case rubeam_pool:info(Pool) of #{ready := 2, opened := 4} -> true; Info -> Info end end),
    ok = rubeam_pool:stop(Pool),
    _ = rubeam_ct:mailbox().

events_tell_of_the_end(_Config) ->
    Test = self(),
    Handler = fun(Name, _Measurements, Metadata) -> Test ! {event, Name, Metadata} end,
    [begin
         Ruby = open(Transport, #{on_event => Handler}),
         kill(os_pid(Victim, Ruby)),
         ?assertEqual(?KILLED, ends(Ruby)),
         receive
             {event, [rubeam, interpreter, exit], Metadata} ->
                 ?assertMatch(#{ruby := Ruby, reason := ?KILLED}, Metadata)
         after ?PATIENCE -> ct:fail({no_event, rubeam_ct:mailbox()})
         end
     end || {Transport, _} = Victim <- victims()],
    nothing_is_left().

a_killed_node_leaves_no_program(_Config) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    unlink(Peer),
    OsPid = erpc:call(Node, os, getpid, []),
    Transports = transports(),
    try
        {ok, _} = erpc:call(Node, application, ensure_all_started, [rubeam]),
        Pids = erpc:call(Node, fun() -> begin_many(Transports) end, ?PATIENCE),
        ?assertEqual([], lists:usort(Pids) -- marked()),
        "" = os:cmd("kill -9 " ++ OsPid),
        no_program_is_left()
    after
        os:cmd("kill -9 " ++ OsPid),
        rubeam_ct:gone(Peer)
    end,
    ?assertEqual([], rubeam_ct:mailbox()).

%% Their processes' numbers
begin_many(Transports) ->
    Test = self(),
    Codes = [<<"loop {}">>, <<"sleep">>, <<"loop { puts 'x' * 1000 }">>, <<"loop { Erlang.send(:nobody, 'x' * 1000) }">>,
             <<"Erlang.call('wait')">>],
    Owner = spawn(fun() ->
                          Rubies = [{begun(Transport, Code), Transport} || Transport <- Transports, Code <- Codes],
                          Test ! {self(), lists:append([[integer_to_list(os_pid(Ruby)),
                                                         integer_to_list(maps:get(os_pid, rubeam:info(Ruby), os_pid(Ruby)))]
                                                        || {Ruby, _} <- Rubies])},
                          receive stop -> ok end
                  end),
    receive {Owner, Pids} -> Pids end.

begun(Transport, Code) ->
    {ok, Ruby} = rubeam:open(#{transport => Transport}),
    Opts = #{functions => #{wait => fun() -> receive after infinity -> ok end end}},
    _ = spawn(fun() -> rubeam:eval(Ruby, rubeam_ct:begins(Code), Opts) end),
    begun = rubeam_ct:response(Ruby),
    Ruby.

%% --- Out of order ---

%% A program in the place of rubeam_port, and of Ruby.
fake(port, Body) ->
    Priv = filename:join(get(folder), lists:concat(["priv", erlang:unique_integer([positive])])),
    ok = filelib:ensure_path(Priv),
    script(filename:join(Priv, "rubeam_port"), Body),
    true = os:putenv("RUBEAM_PRIV", Priv),
    #{transport => port};
fake(cruby, Body) ->
    set("RUBEAM_PRIV", get(priv)),
    #{transport => cruby, ruby => script(filename:join(get(folder), lists:concat(["ruby", erlang:unique_integer([positive])])), Body)}.

script(File, Body) ->
    ok = file:write_file(File, ["#!/bin/sh\n", Body, "\n"]),
    ok = file:change_mode(File, 8#755),
    File.

%% Waits for the end of its input
-define(WAIT, "exec cat <&3 >/dev/null").

what_is_no_program_of_ours_is_refused(_Config) ->
    [begin
         Begun = erlang:monotonic_time(millisecond),
         Result = rubeam:open(maps:merge(#{start_timeout => 500}, fake(Transport, Body))),
         Took = erlang:monotonic_time(millisecond) - Begun,
         ?assertEqual({Transport, Body, {error, {program, Expected}}}, {Transport, Body, without_words(Result)}),
         ?assert(Took < 2000 * slowness(), {Body, Took}),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Transport <- transports(),
            {Body, Expected} <-
                [{"exit 0", {status, 0}},
                 {"exit 3", {status, 3}},
                 {"kill -9 $$", {signal, 9}},
                 {"kill -15 $$", {signal, 15}},
                 {"echo This is no frame at all >&4; " ?WAIT, bad_frame},
                 {"printf '\\200\\0\\0\\0' >&4; " ?WAIT, bad_frame},
                 {"printf '\\0\\0\\0\\005abcde' >&4; " ?WAIT, bad_frame},
                 {"printf '\\0\\0\\0\\0' >&4; " ?WAIT, bad_frame},
                 {"printf '\\0\\0\\0\\100abc' >&4; exit 0", {status, 0}},
                 {"printf '\\0\\0\\0\\100abc' >&4; " ?WAIT, unresponsive},
                 {"printf '\\0\\0' >&4; " ?WAIT, unresponsive},
                 {"exec 4>&-; " ?WAIT, unresponsive},
                 {"exec cat <&3 >&4", bad_frame},
                 {"while echo aaaaaaaaaaaaaaaaaaaaaaaaaaaa; do :; done >&4 2>/dev/null", bad_frame},
                 {?WAIT, unresponsive}]],
    nothing_is_left().

without_words({error, {program, {bad_frame, Why}}}) when is_binary(Why) -> {error, {program, bad_frame}};
without_words(Result) -> Result.

what_is_not_there_is_told(_Config) ->
    true = os:putenv("RUBEAM_PRIV", get(folder)),
    ?assertMatch({error, {program_not_found, <<"rubeam_port">>}}, rubeam:open(#{transport => port})),
    File = filename:join(get(folder), "rubeam_port"),
    ok = filelib:ensure_path(File),
    ?assertMatch({error, {program_not_found, <<"rubeam_port">>}}, rubeam:open(#{transport => port})),
    ok = file:del_dir(File),
    ok = file:write_file(File, "#!/bin/sh\nexit 3\n"),
    Bytes = unicode:characters_to_binary(File),
    ?assertEqual({error, {program_not_found, Bytes}}, rubeam:open(#{transport => port})),
    set("RUBEAM_PRIV", get(priv)),
    [?assertEqual({error, {program_not_found, unicode:characters_to_binary(Ruby)}},
                  rubeam:open(#{transport => cruby, ruby => Ruby}))
     || Ruby <- ["/no/such/ruby", "no_such_ruby_anywhere", "/tmp", File]],
    [?assertMatch({Ruby, {error, {program, {status, _}}}}, {Ruby, rubeam:open(#{transport => cruby, ruby => Ruby})})
     || Ruby <- ["true", "false", "/bin/cat"]],
    ?assertEqual({error, {program, unresponsive}},
                 rubeam:open((fake(cruby, "exec sleep 1000"))#{start_timeout => 300})),
    nothing_is_left().

%% The Ruby that plays a program.
fake_ruby(Kind) -> fake_ruby(Kind, "", #{}).

fake_ruby(Kind, File, Options) ->
    open(cruby, Options#{grace => 1, args => [get(fake), Kind, File]}).

%% In rubeam_port's place
fake_port(Kind) ->
    (fake(port, ["exec ruby '", get(fake), "' ", Kind]))#{grace => 1}.

a_program_that_greets_and_then_fails(_Config) ->
    Late = {error, timeout},
    Bad = {error, {program, bad_frame}},
    lists:member(cruby, transports()) andalso
    [begin
         {ok, Ruby} = rubeam:open(case Transport of
                                      cruby -> set("RUBEAM_PRIV", get(priv)), #{transport => cruby, grace => 1, args => [get(fake), Kind]};
                                      port -> fake_port(Kind)
                                  end),
         Callers = [rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"1">>, #{timeout => 100}) end)],
         [?assertEqual({Kind, Expected}, {Kind, without_words(rubeam_ct:result(Caller))}) || Caller <- Callers],
         ?assertEqual({Kind, End}, {Kind, case ends(Ruby) of {program, {bad_frame, _}} -> bad_frame; Reason -> Reason end}),
         [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Callers],
         ?assertEqual([], rubeam_ct:mailbox()),
         no_program_is_left()
     end || {Kind, Expected, End} <-
                [{"exits", {error, {program, {status, 5}}}, {program, {status, 5}}},
                 {"is_killed", {error, ?KILLED}, ?KILLED},
                 {"half_and_exits", {error, {program, {status, 5}}}, {program, {status, 5}}},
                 {"half_and_hangs", Late, {program, unresponsive}},
                 {"garbage", Bad, bad_frame},
                 {"two_gigabytes", Bad, bad_frame},
                 {"no_term", Bad, bad_frame},
                 {"no_frame_of_ours", Bad, bad_frame},
                 {"empty_frame", Bad, bad_frame},
                 {"another_id", Late, {program, unresponsive}},
                 {"closes_its_output", Late, {program, unresponsive}}, % the leash has it open, too
                 {"closes_its_input", Late, {program, unresponsive}},
                 {"tells_its_exit_and_lives", {error, closed}, 3},
                 {"stops_itself", Late, {program, unresponsive}},
                 {"has_a_child", {error, {program, {status, 5}}}, {program, {status, 5}}},
                 {"says_nothing_more", Late, {program, unresponsive}}],
            Transport <- [cruby] ++ [port || lists:member(Kind, ["exits", "is_killed", "garbage"])]],
    %% What is no result is none, and changes nothing else.
    lists:member(cruby, transports()) andalso
        begin
            set("RUBEAM_PRIV", get(priv)),
            Liar = fake_ruby("no_result"),
            ?assertEqual({error, {program, {bad_frame, <<"no reply">>}}}, rubeam:eval(Liar, <<"1">>)),
            ok = rubeam:close(Liar)
        end,
    nothing_is_left().

%% Not even casts wait for ever, nor what is asked of an interpreter.
a_program_that_ignores_everything_is_gone(_Config) ->
    lists:member(cruby, transports()) andalso
    begin
        Rubies = [{What, fake_ruby("says_nothing_more", "", #{timeout => 100}), Ask} || {What, Ask} <-
                     [{cast, fun(Ruby) -> rubeam:cast(Ruby, <<"eval">>) end},
                      {send, fun(Ruby) -> rubeam:send(Ruby, eval) end},
                      {interrupt, fun(Ruby) -> rubeam:interrupt(Ruby) end},
                      {info, fun(Ruby) -> rubeam:info(Ruby) end}]],
        %% What they are asked now they hear of, and never answer.
        Evals = [rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"1">>, #{timeout => infinity}) end) || {_, Ruby, _} <- Rubies],
        receive after 100 -> ok end,
        Callers = [{What, rubeam_ct:caller(fun() -> Ask(Ruby) end)}
                   || {What, Ruby, Ask} <- Rubies],
        [?assertEqual({What, {error, {program, unresponsive}}}, {What, rubeam_ct:result(Caller)}) || {What, Caller} <- Callers],
        [?assertEqual({error, {program, unresponsive}}, rubeam_ct:result(Caller)) || Caller <- Evals],
        [?assertEqual({program, unresponsive}, ends(Ruby)) || {_, Ruby, _} <- Rubies],
        [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Evals ++ [C || {_, C} <- Callers]],
        %% One that greets, and no more, is not opened.
        ?assertEqual({error, {program, unresponsive}},
                     rubeam:open(#{transport => cruby, grace => 1, args => [get(fake), "is_silent"]}))
    end,
    %% Under the leash it may ignore what it can.
    lists:member(cruby, transports()) andalso
        begin
            Body = "trap '' TERM INT HUP PIPE; exec 3<&- 4>&-; (sleep 1000; sleep 1000) & while :; do sleep 1000; done",
            {error, {program, unresponsive}} = rubeam:open((fake(cruby, Body))#{start_timeout => 500}),
            no_program_is_left()
        end,
    _ = rubeam_ct:mailbox(),
    nothing_is_left().

%% What can't be opened is a result, and no report of a crash.
a_refused_start_is_no_crash(_Config) ->
    Test = self(),
    Handler = ?FUNCTION_NAME,
    ok = logger:add_handler(Handler, ?MODULE, #{config => #{to => Test}}),
    try
        {error, _} = rubeam:open(fake(port, "exit 3")),
        set("RUBEAM_PRIV", get(priv)),
        {error, _} = rubeam:open(#{transport => cruby, ruby => "/no/such/ruby"}),
        {error, _} = rubeam:open(#{transport => port, prelude => <<"raise 'no'">>})
    after
        ok = logger:remove_handler(Handler)
    end,
    ?assertEqual([], rubeam_ct:mailbox()),
    nothing_is_left().

%% The callback of logger
log(#{level := error} = Event, #{config := #{to := Test}}) -> Test ! {logged, Event};
log(_Event, _Config) -> ok.

%% A program that answers to each request with the next of these, {ok, Term} each, encoded.
answering(Answers, Options) ->
    File = filename:join(get(folder), lists:concat(["answers", erlang:unique_integer([positive])])),
    ok = file:write_file(File, [[<<(iolist_size(Answer)):32>>, Answer] || Answer <- Answers]),
    fake_ruby("answers", File, Options).

ok(Term) -> [<<104, 2, 119, 2, "ok">>, Term].

encoded(Term) ->
    <<131, Encoded/binary>> = term_to_binary(Term),
    Encoded.

%% They stay in the VM for ever: in this node it is only as many as are allowed.
new_atoms_are_bounded(_Config) ->
    lists:member(cruby, transports()) andalso
        begin
            #{limit := _} = Before = rubeam_term_counts(),
            Names = [["rubeam_new_atom_", integer_to_list(N)] || N <- lists:seq(1, 20_000)],
            List = fun(Some) -> [<<108, (length(Some)):32>>, [atom(Name) || Name <- Some], 106] end,
            Ruby = answering([ok(List(Names)) || _ <- lists:seq(1, 3)] ++ [ok(atom(Name)) || Name <- lists:sublist(Names, 30)],
                             #{max_atoms => maps:get(new, Before) + 10}),
            Atoms = erlang:system_info(atom_count),
            [?assertMatch({error, #{class := <<"Erlang::TermError">>}}, rubeam:eval(Ruby, <<"1">>)) || _ <- lists:seq(1, 3)],
            Results = [rubeam:eval(Ruby, <<"1">>) || _ <- lists:seq(1, 30)],
            ?assertEqual(10, length([A || {ok, A} <- Results, is_atom(A)])),
            ?assertEqual(20, length([E || {error, #{class := <<"Erlang::TermError">>} = E} <- Results])),
            ?assert(erlang:system_info(atom_count) - Atoms < 100),
            ok = rubeam:close(Ruby),
            rubeam_term:limit_atoms(maps:get(limit, Before))
        end,
    nothing_is_left().

atom(Name) -> [119, iolist_size(Name), Name].

rubeam_term_counts() ->
    Counters = persistent_term:get(rubeam_term),
    #{new => counters:get(Counters, 1), limit => counters:get(Counters, 2)}.

%% fun M:F/A of functions that there are not: the VM keeps a place for each, for ever, and has only half a million.
new_functions_are_bounded(_Config) ->
    lists:member(cruby, transports()) andalso
        begin
            Before = rubeam_term_counts(),
            Fun = fun(Name, Arity) -> [113, atom("lists"), atom(Name), 97, Arity] end,
            Names = ["map", "append", "filter", "foldl", "foldr", "seq", "sum", "usort", "zip", "merge"],
            All = [Fun(Name, Arity) || Name <- Names, Arity <- lists:seq(20, 219)],
            Ruby = answering([ok([<<108, (length(All)):32>>, All, 106]), ok(Fun("seq", 2)), ok(Fun("seq", 255)), ok(encoded(42))],
                             #{max_atoms => maps:get(new, Before) + 10}),
            ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, rubeam:eval(Ruby, <<"1">>)),
            ?assertEqual({ok, fun lists:seq/2}, rubeam:eval(Ruby, <<"1">>)),
            ?assertMatch({ok, F} when is_function(F, 255), rubeam:eval(Ruby, <<"1">>)),
            ?assertEqual({ok, 42}, rubeam:eval(Ruby, <<"1">>)),
            ?assertEqual(maps:get(new, Before) + 1, maps:get(new, rubeam_term_counts())),
            ok = rubeam:close(Ruby),
            rubeam_term:limit_atoms(maps:get(limit, Before))
        end,
    nothing_is_left().

terms_that_are_hard_to_decode(_Config) ->
    lists:member(cruby, transports()) andalso
        begin
            Bad = {error, {program, {bad_frame, <<"no term">>}}},
            Deep = fun(N) -> [[<<108, 1:32>> || _ <- lists:seq(1, N)], 106, [106 || _ <- lists:seq(1, N)]] end,
            Nested = lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 200_000)),
            Cases = [{<<80, 100_000_000:32, 1, 2, 3>>, Bad},                  % compressed, in the middle
                     {<<108, -1:32, 106>>, Bad},                              % a list of four thousand million
                     {<<105, -1:32>>, Bad},
                     {<<116, -1:32>>, Bad},
                     {<<109, -1:32, "short">>, Bad},
                     {<<111, -1:32, 0>>, Bad},
                     {<<119, 200, "short">>, Bad},
                     {<<119, 2, 255, 255>>, Bad},                             % no UTF-8
                     {<<112, 100:32, 1, 0:128, 0:32, 0:32>>, Bad},            % half a fun
                     {<<77, 1:32, 99, 0>>, Bad},
                     {<<255>>, Bad},
                     {<<>>, Bad},
                     {Deep(200_000), {ok, Nested}},
                     {encoded(42), {ok, 42}}],
            Ruby = answering([ok(Bytes) || {Bytes, _} <- Cases], #{}),
            [?assert(Expected =:= rubeam:eval(Ruby, <<"1">>), {iolist_to_binary(binary:part(iolist_to_binary([Bytes, 0]), 0, 1)), Expected})
             || {Bytes, Expected} <- Cases],
            ok = rubeam:close(Ruby)
        end,
    nothing_is_left().

%% --- Much ---

ten_megabytes_both_ways_at_once(_Config) ->
    Bytes = binary:copy(<<"0123456789">>, 1024 * 1024),
    [begin
         Ruby = open(Transport, #{memory_limit => 512 bsl 20}),
         Callers = [rubeam_ct:caller(fun() ->
                                             Mine = <<N, Bytes/binary>>,
                                             {ok, Mine} =:= rubeam:eval(Ruby, <<"x">>, #{bindings => #{x => Mine}})
                                     end) || N <- lists:seq($a, $d)],
         [?assert(rubeam_ct:result(Caller)) || Caller <- Callers],
         [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Callers],
         ok = rubeam:close(Ruby)
     end || Transport <- transports()],
    nothing_is_left().

both_sides_write_with_full_pipes(_Config) ->
    Bytes = binary:copy(<<"x">>, 5_000_000),
    [begin
         Ruby = open(Transport, #{memory_limit => 512 bsl 20}),
         Code = <<"50.times { print 'y' * 1_000_000 }; :printed">>,
         Printing = rubeam_ct:caller(fun() -> rubeam:eval(Ruby, Code) end),
         Callers = [rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"x.size">>, #{bindings => #{x => Bytes}}) end)
                    || _ <- lists:seq(1, 4)],
         ?assertEqual(50_000_000, printed(Ruby, 50_000_000)),
         ?assertEqual({ok, printed}, rubeam_ct:result(Printing)),
         [?assertEqual({ok, 5_000_000}, rubeam_ct:result(Caller)) || Caller <- Callers],
         [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- [Printing | Callers]],
         ok = rubeam:close(Ruby)
     end || Transport <- transports()],
    nothing_is_left().

printed(_Ruby, Left) when Left =< 0 -> 0;
printed(Ruby, Left) ->
    receive
        {Ruby, {data, Frame}} ->
            {output, stdout, Bytes} = rubeam:decode(Frame),
            byte_size(Bytes) + printed(Ruby, Left - byte_size(Bytes))
    after ?PATIENCE -> ct:fail({not_printed, Left})
    end.

%% What the pipe does not take is somebody's to write; he goes with the program.
a_program_that_does_not_read_leaves_nothing(_Config) ->
    Bytes = binary:copy(<<"x">>, 5_000_000),
    [begin
         Ruby = open(Transport),
         OsPid = integer_to_list(maps:get(os_pid, rubeam:info(Ruby), os_pid(Ruby))),
         "" = os:cmd("kill -STOP " ++ OsPid),
         Callers = [rubeam_ct:caller(fun() -> rubeam:eval(Ruby, <<"x">>, #{bindings => #{x => Bytes}}) end)
                    || _ <- lists:seq(1, 3)],
         rubeam_ct:until(fun() -> {_, Links} = process_info(Ruby, links), length([P || P <- Links, is_pid(P)]) >= 2 end),
         Expected = case End of
                        close -> ok = rubeam:close(Ruby), {error, closed};
                        kill -> kill(list_to_integer(OsPid)), Reason = ends(Ruby), ?assertEqual(?KILLED, killed_or_closed(Reason)), {error, Reason}
                    end,
         _ = os:cmd("kill -9 " ++ OsPid ++ " 2>/dev/null"),
         [?assertEqual({End, Expected}, {End, rubeam_ct:result(Caller)}) || Caller <- Callers],
         [?assertEqual([], rubeam_ct:leftover(Caller)) || Caller <- Callers],
         no_program_is_left()
     end || Transport <- transports(), End <- [close, kill]],
    nothing_is_left().

programs_come_and_go(_Config) ->
    [begin
         Rubies = [open(Transport) || _ <- lists:seq(1, Some)],
         [ok = rubeam:close(Ruby) || Ruby <- Rubies]
     end || {Transport, Times, Some} <- [{port, 10, 20}] ++ [{cruby, 2, 4} || lists:member(cruby, transports())],
            _ <- lists:seq(1, Times)],
    nothing_is_left().

owners_die_while_it_opens(_Config) ->
    [begin
         {Owner, Ref} = spawn_monitor(fun() -> rubeam:open(Options) end),
         within(?PATIENCE, fun() -> length(marked()) > 0 end),
         receive after Pause -> ok end,
         exit(Owner, kill),
         receive {'DOWN', Ref, process, Owner, Reason} -> ?assertEqual({Options, killed}, {Options, Reason}) end,
         no_program_is_left()
     end || Transport <- transports(), Pause <- [0, 50, 300],
            Options <- [(fake(Transport, "cat <&3 >/dev/null"))#{start_timeout => 60_000},
                        #{transport => Transport, prelude => <<"loop {}">>},
                        #{transport => Transport, prelude => <<"sleep">>}],
            set("RUBEAM_PRIV", case Options of
                                   #{prelude := _} -> get(priv);
                                   _ -> os:getenv("RUBEAM_PRIV")
                               end)],
    nothing_is_left().
