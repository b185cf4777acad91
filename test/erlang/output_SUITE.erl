%% What Ruby prints: does it arrive, in its order, wherever it is to go? And is a flood held up, in the
%% script and not in memory?
-module(output_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [it_goes_to_the_group_leader,
     what_is_no_text_is_shown_all_the_same,
     it_is_sent_to_a_process,
     it_is_given_to_a_function,
     it_is_discarded,
     what_was_printed_before_the_end_arrives,
     a_stuck_group_leader_holds_up_the_script_and_not_the_server,
     a_group_leader_that_dies_holds_up_nobody,
     a_receiver_that_does_not_read_holds_up_the_script,
     a_slow_function_holds_up_the_script,
     an_owner_that_does_not_read_holds_up_a_cast,
     an_owner_that_waits_for_the_script_gets_64_mb_and_then_an_error,
     an_owner_that_waits_behind_another_request_is_not_waited_for,
     responses_and_lines_are_held_up_too,
     a_script_that_is_held_up_can_be_stopped,
     ports_share_what_may_be_on_its_way,
     a_new_courier_goes_on,
     a_gigabyte_passes_through,
     nothing_is_left_behind].

init_per_suite(Config) ->
    rubeam_ct:start(Config).

end_per_suite(Config) ->
    rubeam_ct:stop(Config).

nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

start() -> start(#{}).

start(Options) ->
    {ok, Server} = rubeam_server:start_link(Options),
    Server.

%% --- where it goes ---

%% A process as a group leader, of which the test is the terminal
leader() ->
    Test = self(),
    spawn_link(fun() -> leader(Test) end).

leader(Test) ->
    receive
        {io_request, From, ReplyAs, Request} ->
            Test ! {printed, Request},
            From ! {io_reply, ReplyAs, ok},
            leader(Test);
        stop ->
            ok
    end.

with_leader(Leader, Fun) ->
    Before = group_leader(),
    group_leader(Leader, self()),
    try Fun()
    after group_leader(Before, self())
    end.

%% So much of what the leader prints as begins with Expected: it may come in pieces.
must_print(<<>>) ->
    ok;
must_print(Expected) ->
    receive {printed, {put_chars, unicode, Text}} ->
            Bytes = unicode:characters_to_binary(Text),
            Size = byte_size(Bytes),
            ?assertMatch(<<Bytes:Size/binary, _/binary>>, Expected),
            must_print(binary:part(Expected, Size, byte_size(Expected) - Size))
    after 10000 -> ct:fail({not_printed, Expected})
    end.

it_goes_to_the_group_leader(_Config) ->
    Leader = leader(),
    Server = with_leader(Leader, fun start/0),
    {ok, _} = rubeam:eval(Server, <<"puts 'Grüße'; $stderr.print 'oh'"/utf8>>),
    must_print(<<"Grüße\noh"/utf8>>),
    ok = rubeam_server:stop(Server),
    Leader ! stop,
    ?assertEqual([], rubeam_ct:mailbox()).

what_is_no_text_is_shown_all_the_same(_Config) ->
    Leader = leader(),
    Server = with_leader(Leader, fun start/0),
    {ok, _} = rubeam:eval(Server, <<"print \"\\xff\\x00a\"">>),
    must_print(<<"ÿ\0a"/utf8>>),
    ok = rubeam_server:stop(Server),
    Leader ! stop.

it_is_sent_to_a_process(_Config) ->
    Server = start(#{output => {send, self()}}),
    {ok, _} = rubeam:eval(Server, <<"puts 1; send_response([2]); $stderr.puts 3">>),
    [receive {rubeam, Server, Got} -> ?assertEqual(Expected, Got)
     after 10000 -> ct:fail({missing, Expected})
     end || Expected <- [{stdout, <<"1\n">>}, {response, [2]}, {stderr, <<"3\n">>}]],
    ok = rubeam_server:stop(Server),
    ?assertEqual([], rubeam_ct:mailbox()).

it_is_given_to_a_function(_Config) ->
    Test = self(),
    Server = start(#{output => fun(Kind, Data) -> Test ! {self(), Kind, Data} end}),
    {ok, _} = rubeam:eval(Server, <<"puts 1; send_response([2]); $stderr.puts 3">>),
    [receive {Server, Kind, Data} -> ?assertEqual(Expected, {Kind, Data})
     after 10000 -> ct:fail({missing, Expected})
     end || Expected <- [{stdout, <<"1\n">>}, {response, [2]}, {stderr, <<"3\n">>}]],
    ok = rubeam_server:stop(Server),
    %% A function that fails takes the server with it.
    process_flag(trap_exit, true),
    rubeam_ct:quietly(fun() ->
        Failing = start(#{output => fun(_, _) -> error(oops) end}),
        _ = rubeam:eval(Failing, <<"puts 1">>),
        receive {'EXIT', Failing, {oops, _}} -> ok after 10000 -> ct:fail(no_exit) end
    end).

it_is_discarded(_Config) ->
    Leader = leader(),
    Server = with_leader(Leader, fun() -> start(#{output => discard}) end),
    {ok, _} = rubeam:eval(Server, <<"puts 1; send_response([2])">>),
    _ = sys:get_state(Server),
    ok = rubeam_server:stop(Server),
    Leader ! stop,
    ?assertEqual([], rubeam_ct:mailbox()).

%% More than the server prints at once is still on its way when the script ends the interpreter.
what_was_printed_before_the_end_arrives(_Config) ->
    process_flag(trap_exit, true),
    Code = <<"2000.times { |n| puts n }; exit 3">>,
    Lines = lines(2000),
    Slow = slow_leader(),
    Server = with_leader(Slow, fun start/0),
    {error, closed} = rubeam:eval(Server, Code),
    receive {'EXIT', Server, {ruby_exit, 3}} -> ok after 10000 -> ct:fail(no_exit) end,
    Slow ! go_on,
    must_print(Lines),
    Slow ! stop,
    Sent = start(#{output => {send, self()}}),
    {error, closed} = rubeam:eval(Sent, Code),
    receive {'EXIT', Sent, {ruby_exit, 3}} -> ok after 10000 -> ct:fail(no_exit) end,
    ?assert(Lines =:= iolist_to_binary(sent(Sent))).

lines(Count) ->
    iolist_to_binary([[integer_to_list(N), $\n] || N <- lists:seq(0, Count - 1)]).

%% One that takes nothing before it is told to go on
slow_leader() ->
    Test = self(),
    spawn_link(fun() -> receive go_on -> leader(Test); stop -> ok end end).

%% What has arrived of a server with {send, Self}
sent(Server) ->
    receive {rubeam, Server, {stdout, Bytes}} -> [Bytes | sent(Server)]
    after 0 -> []
    end.

%% --- held up ---

-define(MB, 1048576).

%% A line of 100 bytes and its frame
-define(PUTS, "puts 'x' * 99; ").

%% Until the script does not run any more, since nobody reads what it prints
must_be_held_up(Ruby) ->
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Ruby, waiting) end).

a_stuck_group_leader_holds_up_the_script_and_not_the_server(_Config) ->
    Slow = slow_leader(),
    Server = with_leader(Slow, fun start/0),
    Request = rubeam:send_request(Server, {eval, <<"200_000.times { |n| puts n }; :done">>}),
    must_be_held_up(Server),
    _ = sys:get_state(Server), % it answers
    {message_queue_len, 1} = process_info(Slow, message_queue_len),
    {memory, Memory} = process_info(Server, memory),
    ?assert(Memory < 8 * ?MB, Memory),
    Slow ! go_on,
    must_print(lines(200_000)),
    ?assertEqual({reply, {ok, done}}, rubeam:receive_response(Request, 30000)),
    ok = rubeam_server:stop(Server),
    Slow ! stop,
    ?assertEqual([], rubeam_ct:mailbox()).

a_group_leader_that_dies_holds_up_nobody(_Config) ->
    Slow = slow_leader(),
    Server = with_leader(Slow, fun start/0),
    Request = rubeam:send_request(Server, {eval, <<"200_000.times { |n| puts n }; :done">>}),
    must_be_held_up(Server),
    rubeam_ct:quietly(fun() ->
        Slow ! stop,
        ?assertEqual({reply, {ok, done}}, rubeam:receive_response(Request, 30000)),
        ?assertEqual({ok, nil}, rubeam:eval(Server, <<"puts 1">>)),
        ok = rubeam_server:stop(Server)
    end).

a_receiver_that_does_not_read_holds_up_the_script(_Config) ->
    Server = start(#{output => {send, self()}}),
    Request = rubeam:send_request(Server, {eval, <<"100_000.times { |n| puts n }; :done">>}),
    must_be_held_up(Server),
    First = iolist_to_binary(sent(Server)),
    ?assert(byte_size(First) < ?MB, byte_size(First)),
    Expected = lines(100_000),
    Rest = sent(Server, byte_size(Expected) - byte_size(First)),
    ?assert(Expected =:= iolist_to_binary([First | Rest])),
    ?assertEqual({reply, {ok, done}}, rubeam:receive_response(Request, 10000)),
    ok = rubeam_server:stop(Server),
    ?assertEqual([], rubeam_ct:mailbox()).

sent(_Server, 0) ->
    [];
sent(Server, Left) ->
    receive {rubeam, Server, {stdout, Bytes}} -> [Bytes | sent(Server, Left - byte_size(Bytes))]
    after 30000 -> ct:fail({missing, Left})
    end.

a_slow_function_holds_up_the_script(_Config) ->
    Test = self(),
    Server = start(#{output => fun(stdout, Bytes) ->
                                       Test ! {self(), Bytes},
                                       receive go_on -> ok end
                               end}),
    Request = rubeam:send_request(Server, {eval, <<"50.times { |n| puts n.to_s * 100_000 }; :done">>}),
    must_be_held_up(Server),
    {message_queue_len, Length} = process_info(Server, message_queue_len),
    ?assert(Length < 30, Length), % of about 100 KB, later 200 KB
    [receive {Server, Bytes} ->
             ?assertEqual(iolist_to_binary([lists:duplicate(100_000, integer_to_list(N)), "\n"]), Bytes),
             Server ! go_on
     after 10000 -> ct:fail(nothing_more)
     end || N <- lists:seq(0, 49)],
    ?assertEqual({reply, {ok, done}}, rubeam:receive_response(Request, 10000)),
    ok = rubeam_server:stop(Server).

%% Bytes of the frames that are in the own mailbox now: who takes them reads, and more may come
unread(Port) ->
    receive no_message_of_these -> ok after 0 -> ok end, % brings in what has only just been sent
    {messages, Messages} = process_info(self(), messages),
    lists:sum([receive {Port, {data, Frame}} -> byte_size(Frame) end || {From, {data, _}} <- Messages, From =:= Port]).

an_owner_that_does_not_read_holds_up_a_cast(_Config) ->
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, <<"200_000.times { " ?PUTS "}; send_response(:done)">>),
    must_be_held_up(Port),
    First = unread(Port),
    ?assert(First < 1.1 * ?MB, First),
    All = First + read_until(Port, {response, done}),
    ?assert(All > 200_000 * 100, All),
    ok = rubeam:close(Port),
    ?assertEqual([], rubeam_ct:mailbox()).

%% Bytes of the frames up to that one
read_until(Port, Last) ->
    receive {Port, {data, Frame}} ->
            case rubeam:decode(Frame) of
                Last -> 0;
                _ -> byte_size(Frame) + read_until(Port, Last)
            end
    after 30000 -> ct:fail({no, Last})
    end.

an_owner_that_waits_for_the_script_gets_64_mb_and_then_an_error(_Config) ->
    rubeam_ct:in_peer(?FUNCTION_NAME, fun ?MODULE:owner_waits/0).

owner_waits() ->
    Port = rubeam_ct:open(),
    Printed = <<"n = 0; begin; loop { print 'x' * 1_000_000; n += 1 }; rescue IOError => e; "
                "[n, e.message]; end">>,
    {ok, [Count, Why]} = rubeam:eval(Port, Printed),
    %% The owner is thought to read while few messages wait.
    ?assert(Count >= 60 andalso Count =< 80, Count),
    ?assertMatch(<<"too much is printed", _/binary>>, Why),
    Bytes = unread(Port),
    ?assert(Bytes > 60_000_000 andalso Bytes < 80_000_000, Bytes),
    %% Now all of it is read.
    rubeam_ct:until(fun() -> rubeam:eval(Port, <<"print 'x'">>) =:= {ok, nil} end),
    ?assert(unread(Port) > 0),
    %% By frames it is the same.
    true = port_command(Port, term_to_binary({eval, 1, Printed})),
    ?assertMatch({reply, 1, {ok, [_, <<"too much", _/binary>>]}}, reply(Port)),
    _ = unread(Port),
    ok = rubeam:close(Port),
    ?assertEqual([], rubeam_ct:mailbox()).

%% Selected from among all that was printed
reply(Port) ->
    receive {Port, {data, <<131, 104, 3, 119, 5, "reply", _/binary>> = Frame}} -> rubeam:decode(Frame)
    after 30000 -> ct:fail(no_reply)
    end.

an_owner_that_waits_behind_another_request_is_not_waited_for(_Config) ->
    Port = rubeam_ct:open(),
    Test = self(),
    Other = spawn_link(fun() ->
        Test ! {self(), rubeam:eval(Port, <<"50_000.times { " ?PUTS "}; :other">>)}
    end),
    rubeam_ct:until(fun() -> maps:get(jobs, rubeam:info(Port)) > 0 orelse
                                 maps:get(state, rubeam:info(Port)) =/= idle end),
    ?assertEqual({ok, mine}, rubeam:eval(Port, <<":mine">>)),
    receive {Other, {ok, other}} -> ok after 10000 -> ct:fail(hangs) end,
    ?assert(unread(Port) > 5_000_000),
    ok = rubeam:close(Port).

responses_and_lines_are_held_up_too(_Config) ->
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, <<"200_000.times { |n| send_response(n) }; send_response(:done)">>),
    must_be_held_up(Port),
    ?assert(unread(Port) < ?MB),
    _ = read_until(Port, {response, done}),
    ok = rubeam:close(Port),
    Lines = open_port({spawn_driver, "rubeam_drv packet=line"}, [binary]),
    Printer = spawn_link(fun() -> rubeam:eval(Lines, <<"200_000.times { puts 'abc' }">>) end),
    must_be_held_up(Lines),
    First = unread(Lines),
    ?assert(First < ?MB, First),
    Monitor = monitor(process, Printer),
    Rest = fun Rest() ->
                   receive
                       {Lines, {data, Bytes}} -> byte_size(Bytes) + Rest();
                       {'DOWN', Monitor, process, _, _} -> unread(Lines)
                   after 30000 -> ct:fail(hangs)
                   end
           end,
    ?assertEqual(800_000, First + Rest()),
    ok = rubeam:close(Lines),
    ?assertEqual([], rubeam_ct:mailbox()).

a_script_that_is_held_up_can_be_stopped(_Config) ->
    Flood = <<"begin; loop { " ?PUTS "}; ensure; $ended = true; end">>,
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, Flood),
    must_be_held_up(Port),
    ok = rubeam:interrupt(Port),
    rubeam_ct:until(fun() -> maps:get(state, rubeam:info(Port)) =:= idle end),
    ?assertEqual({ok, true}, rubeam:eval(Port, <<"$ended">>)),
    _ = unread(Port),
    Test = self(),
    Other = spawn_link(fun() -> Test ! {self(), rubeam:eval(Port, Flood, #{timeout => 300})} end),
    receive {Other, Result} -> ?assertEqual({error, timeout}, Result)
    after 30000 -> ct:fail(hangs)
    end,
    _ = unread(Port),
    ok = rubeam:cast(Port, Flood),
    must_be_held_up(Port),
    ok = rubeam:close(Port),
    _ = unread(Port),
    ?assertEqual([], rubeam_ct:mailbox()).

%% 200 ports, of which each might have 1 MB on its way
ports_share_what_may_be_on_its_way(_Config) ->
    rubeam_ct:in_peer(?FUNCTION_NAME, fun ?MODULE:ports_share/0).

ports_share() ->
    Ports = [rubeam_ct:open() || _ <- lists:seq(1, 200)],
    [ok = rubeam:cast(Port, <<"begin; loop { print 'x' * 8000 }; rescue Exception; end">>) || Port <- Ports],
    lists:foreach(fun must_be_held_up/1, Ports),
    Bytes = lists:sum([unread(Port) || Port <- Ports]),
    ?assert(Bytes < 64 * ?MB + 200 * 80_000, Bytes),
    lists:foreach(fun rubeam:close/1, Ports),
    _ = [unread(Port) || Port <- Ports],
    ?assertEqual([], rubeam_ct:mailbox()).

%% The one that was asked whether the owner reads is dead.
a_new_courier_goes_on(_Config) ->
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, <<"200_000.times { " ?PUTS "}; send_response(:done)">>),
    must_be_held_up(Port),
    Before = rubeam_ct:courier(),
    rubeam_ct:quietly(fun() ->
        exit(Before, kill),
        rubeam_ct:gone(Before),
        ?assertNotEqual(Before, rubeam_ct:courier())
    end),
    _ = read_until(Port, {response, done}),
    ok = rubeam:close(Port),
    ?assertEqual([], rubeam_ct:mailbox()).

%% Who reads it all is never held up for long, and no more is there at any time than may be on its way.
a_gigabyte_passes_through(_Config) ->
    rubeam_ct:in_peer(?FUNCTION_NAME, fun ?MODULE:gigabyte/0).

gigabyte() ->
    Port = rubeam_ct:open(),
    ok = rubeam:cast(Port, <<"text = 'x' * 100_000; 10_000.times { print text }; send_response(:done)">>),
    ?assert(read_until(Port, {response, done}) > 1_000_000_000),
    ok = rubeam:close(Port),
    ?assertEqual([], rubeam_ct:mailbox()).
