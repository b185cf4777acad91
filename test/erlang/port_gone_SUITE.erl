%% Is a program gone at once when nobody asks any more, with all that it has started?
%%
%% In each phase of rubeam_port, and of whatever runs on a leash (rubeam_port run), however stubborn: when the
%% port closes, its owner dies, the reader goes, the leash or the whole node is killed.
-module(port_gone_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

-import(port_ct, [open/1, open/2, run/1, run/2, shell/1, text/2, with_heads/1, send/2, next/1,
                  os_pid/1, works/1, begin_code/2, close/1, busy_codes/0, fifos/1, who/0,
                  nothing_is_there/0, memory/1, at_once/1, in_time/1, slowness/0, marked/0, mark/0,
                  mark/1]).

init_per_suite(Config) -> rubeam_ct:once(fun() -> Config end).
end_per_suite(_Config) -> ok.

all() ->
    [the_end_of_input_ends_it_in_each_phase,
     the_death_of_the_owner_ends_it_in_each_phase,
     a_reader_that_never_reads_costs_no_memory,
     a_reader_that_is_gone_ends_it,
     a_leash_ends_as_its_program_does,
     a_leashed_program_has_the_protocol_and_no_input,
     what_a_leash_can_not_start,
     a_leashed_program_is_gone_with_its_port,
     a_leash_that_is_killed_leaves_nothing,
     a_killed_node_leaves_nothing].

suite() ->
    [{timetrap, {minutes, 3}}].

init_per_testcase(Case, Config) -> port_ct:begin_case(Case, Config).
end_per_testcase(_Case, _Config) -> port_ct:end_case().

-define(PATIENCE, 20_000).

%% --- rubeam_port ---

%% {What, Begin}: a program that is in this phase
phases() ->
    [{idle, fun() -> open([]) end}]
        ++ [{Code, fun() -> begun(["grace=1000000"], Code) end} || Code <- busy_codes()]
        ++ [{queue, fun() ->
                            Port = begun([], <<"loop {}">>),
                            [send(Port, {eval, N, <<"1">>}) || N <- lists:seq(1, 1000)],
                            Port
                    end},
            {ensure, fun() ->
                             Port = open(["grace=1000000"]),
                             send(Port, {eval, <<"begin; send_response(:begun); loop {}; "
                                                 "ensure; puts 1; loop {}; end">>}),
                             {response, begun} = next(Port),
                             send(Port, interrupt),
                             {output, stdout, <<"1\n">>} = next(Port),
                             Port
                     end},
            {half_a_frame, fun() ->
                                   Port = open([], []),
                                   true = port_command(Port, <<1000:32, 131>>),
                                   Port
                           end}].

begun(Words, Code) ->
    Port = open(Words),
    begin_code(Port, Code),
    Port.

the_end_of_input_ends_it_in_each_phase(_Config) ->
    [begin
         Port = Begin(),
         at_once(fun() -> who() =/= [] orelse What end),
         close(Port),
         nothing_is_there()
     end || {What, Begin} <- phases()],
    %% Printing to who does not read: see fifos/1.
    {Input, Output, _Pid} = fifos("exec $PORT 3<in 4>out"),
    ok = file:write(Input, with_heads([{eval, 1, <<"loop { print 'x' * 10_000 }">>}])),
    {ok, _} = file:read(Output, 100),
    ok = file:close(Input),
    nothing_is_there(),
    ok = file:close(Output).

the_death_of_the_owner_ends_it_in_each_phase(_Config) ->
    Mark = mark(),
    [begin
         {Owner, Ref} = spawn_monitor(fun() -> mark(Mark), Begin(), exit(done) end),
         receive {'DOWN', Ref, process, Owner, Reason} -> ?assertEqual({What, done}, {What, Reason}) end,
         nothing_is_there()
     end || {What, Begin} <- phases()].

a_reader_that_never_reads_costs_no_memory(_Config) ->
    [begin
         {Input, Output, Pid} = fifos("exec $PORT 3<in 4>out"),
         ok = file:write(Input, with_heads([{eval, 1, Code}])),
         %% It comes to a halt, and stays there.
         in_time(fun() -> is_quiet(Pid) end),
         ?assert(memory(Pid) < (30 bsl 20) * slowness(), {memory(Pid)}),
         %% And goes on when there is one who reads.
         ok = drain(Output, 5_000_000),
         ok = file:close(Input),
         nothing_is_there(),
         ok = file:close(Output)
     end || Code <- [<<"loop { print 'x' * 1000 }">>,
                     <<"loop { Erlang.send(:someone, 'x' * 1000) }">>,
                     <<"loop { send_response 'x' * 1000 }">>]].

%% Has it taken next to no time of the processor for a while?
is_quiet(Pid) ->
    Before = ticks(Pid),
    receive after 300 -> ok end,
    ticks(Pid) - Before =< 5.

ticks(Pid) ->
    {ok, Stat} = file:read_file("/proc/" ++ Pid ++ "/stat"),
    [_, Rest] = binary:split(Stat, <<") ">>),
    Fields = binary:split(Rest, <<" ">>, [global]),
    binary_to_integer(lists:nth(12, Fields)) + binary_to_integer(lists:nth(13, Fields)).

drain(_Output, Bytes) when Bytes =< 0 -> ok;
drain(Output, Bytes) ->
    {ok, More} = file:read(Output, 65536),
    drain(Output, Bytes - byte_size(More)).

a_reader_that_is_gone_ends_it(_Config) ->
    {Input, Output, _Pid} = fifos("$PORT 3<in 4>out; echo $?"),
    ok = file:write(Input, with_heads([{eval, 1, <<"loop { print 'x' * 1000; sleep 0.001 }">>}])),
    {ok, _} = file:read(Output, 100),
    ok = file:close(Output),
    receive {_, {data, Status}} -> ?assertEqual(<<"74\n">>, Status) after ?PATIENCE -> ct:fail(lives) end,
    ok = file:close(Input),
    nothing_is_there().

%% --- The leash ---

a_leash_ends_as_its_program_does(_Config) ->
    [?assertEqual({Words, Program, {Status, Text}}, {Words, Program, text(run(Words, Program), <<>>)})
     || {Words, Program, Status, Text} <-
            [{[], ["true"], 0, <<>>},
             {[], ["sh", "-c", "exit 7"], 7, <<>>},
             {[], ["sh", "-c", "echo hello >&4; exit 3"], 3, <<"hello\n">>},
             {[], ["sh", "-c", "kill -9 $$"], 128 + 9, <<>>},
             {[], ["sh", "-c", "kill -15 $$"], 128 + 15, <<>>},
             {[], ["sh", "-c", "kill -13 $$"], 128 + 13, <<>>},
             {[], ["sh", "-c", "sleep 1000 & exit 5"], 5, <<>>},
             {["rlimit_cpu=1"], ["sh", "-c", "while :; do :; done"], 128 + 24, <<>>},
             {["rlimit_nofile=64"], ["sh", "-c", "ulimit -n >&4"], 0, <<"64\n">>},
             {["rlimit_nofile=6"], ["sh", "-c", "exit 4"], 4, <<>>},
             {["rlimit_fsize=512"], ["sh", "-c", "ulimit -f >&4"], 0, <<"1\n">>}]],
    nothing_is_there().

a_leashed_program_has_the_protocol_and_no_input(_Config) ->
    ?assertEqual({0, <<"/dev/null\n">>}, text(run(["sh", "-c", "readlink /proc/self/fd/0 >&4"]), <<>>)),
    Cat = run(["sh", "-c", "cat <&3 >&4"]),
    true = port_command(Cat, <<"to and fro">>),
    receive {Cat, {data, Bytes}} -> ?assertEqual(<<"to and fro">>, Bytes) end,
    close(Cat),
    nothing_is_there(),
    Ruby = open(["run", "--", rubeam_ct:program_file(), "packet=4"]),
    works(Ruby),
    close(Ruby),
    nothing_is_there(),
    ?assertEqual({0, <<"hello\n">>}, shell("echo hello | $PORT run stdio -- sh -c 'read x; echo $x'")).

what_a_leash_can_not_start(_Config) ->
    [?assertMatch({127, <<"rubeam_port run: ", _/binary>>},
                  shell("$PORT run -- " ++ Name ++ " 3</dev/null 4>/dev/null"))
     || Name <- ["/no/such/program", "no_such_program", "/etc/passwd", "/"]].

%% It ignores what it can, and has ignored that its pipe is closed; so have its children.
stubborn() ->
    [{Name, ["sh", "-c", "trap '' TERM HUP INT; " ++ Line]}
     || {Name, Line} <-
            [{spins, "while :; do :; done"},
             {sleeps, "sleep 1000; sleep 1000"},
             {has_children, "(while :; do :; done) & (trap '' TERM; sleep 1000) & sleep 1000"},
             {has_closed_all, "exec 0<&- 1>&- 2>&- 3<&- 4>&-; sleep 1000"},
             {writes, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx >&4; done"},
             {is_stopped, "kill -STOP $$"}]].

a_leashed_program_is_gone_with_its_port(_Config) ->
    [begin
         Port = run(Program),
         at_once(fun() -> is_begun(Name, Port) end),
         close(Port),
         nothing_is_there()
     end || {Name, Program} <- stubborn()].

%% Leash, guard and program are there, and the program's children.
is_begun(Name, Port) ->
    Least = case Name of
                has_children -> 6;
                sleeps -> 4;
                has_closed_all -> 4;
                _ -> 3
            end,
    Pids = marked(),
    lists:member(os_pid(Port), Pids) andalso length(Pids) >= Least orelse {Name, who()}.

a_leash_that_is_killed_leaves_nothing(_Config) ->
    [begin
         Port = run(Program),
         at_once(fun() -> is_begun(Name, Port) end),
         "" = os:cmd("kill -" ++ Signal ++ " " ++ os_pid(Port)),
         nothing_is_there(),
         {Status, _} = text(Port, <<>>),
         ?assertEqual(128 + list_to_integer(Signal), Status)
     end || {Name, Program} <- stubborn(), Signal <- ["9", "15"]].

%% --- The VM ---

a_killed_node_leaves_nothing(_Config) ->
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    unlink(Peer),
    Pid = erpc:call(Node, os, getpid, []),
    Mark = mark(),
    try
        ok = erpc:call(Node, fun() -> begin_many(Mark) end, 2 * ?PATIENCE),
        ?assert(length(marked()) > 10 + 3 * 5),
        "" = os:cmd("kill -9 " ++ Pid),
        nothing_is_there()
    after
        os:cmd("kill -9 " ++ Pid),
        rubeam_ct:gone(Peer)
    end.

begin_many(Mark) ->
    Test = self(),
    {Owner, Ref} = spawn_monitor(fun() -> own_many(Mark, Test) end),
    receive
        begun -> true = demonitor(Ref, [flush]), ok;
        {'DOWN', Ref, process, Owner, Reason} -> exit(Reason)
    end.

own_many(Mark, Test) ->
    process_flag(trap_exit, true),
    mark(Mark),
    Programs = [Begin() || {What, Begin} <- phases(), What =/= queue]
        ++ [begun([], <<"loop {}">>) || _ <- [1, 2]],
    Leashes = [run(Program) || {_, Program} <- stubborn()],
    Least = length(Programs) + 3 * length(Leashes),
    in_time(fun() -> length(marked()) >= Least orelse who() end),
    Test ! begun,
    receive stop -> ok end.
