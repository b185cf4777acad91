%% Are frames understood in whatever pieces they come, and answered whatever is in them?
%%
%% Here ports are opened by open_port/2 and spoken to in bytes, as a program does that knows nothing
%% of the application's functions.
-module(protocol_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [a_frame_can_be_sent_in_three_ways,
     an_id_is_any_term_and_comes_back_unchanged,
     replies_come_in_the_order_of_the_requests,
     options_go_with_a_request,
     a_call_is_a_frame_too,
     responses_and_output_are_frames,
     an_eval_without_id_has_no_reply,
     an_eval_without_id_that_raises_ends_the_port,
     an_endless_request_is_stopped_by_a_frame,
     a_waiting_request_is_stopped_by_a_frame,
     info_is_a_frame_too,
     control_answers_at_once_or_by_a_message_to_the_caller,
     control_and_call_take_no_other_numbers,
     a_token_is_claimed_once_and_by_its_owner,
     an_asynchronous_request_is_always_a_message,
     whoever_sends_the_replies_go_to_the_owner,
     a_foreigner_with_a_command_message_hurts_the_owner_only,
     a_port_can_be_given_to_another_owner,
     bad_frames_are_answered_and_change_nothing,
     bad_frames_with_an_id_are_answered_with_it,
     frames_of_a_stream_are_cut_at_any_byte,
     frames_of_a_stream_are_joined,
     a_frame_that_is_too_long_for_its_head_is_an_error,
     a_stream_that_promises_too_much_is_refused,
     lines_are_cut_at_any_byte,
     lines_are_joined,
     a_line_that_raises_ends_the_port,
     bad_commands_open_nothing,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% As in erlang/rubeam_driver.erl
-define(REQUEST, 16#52420001).
-define(CLAIM, 16#52420002).
-define(ASYNC, 16#52420003).

-define(reply(Id, Result, Port), ?assertEqual({reply, Id, Result}, rubeam_ct:receive_frame(Port))).

frame(Term) -> rubeam_ct:frame(Term).
send(Port, Term) -> rubeam_ct:send_frame(Port, Term).

%% The reply to a frame given to port_control/3, be it at once or a message.
control(Port, Term) ->
    case port_control(Port, 0, frame(Term)) of
        <<>> -> rubeam_ct:receive_frame(Port);
        Reply -> binary_to_term(Reply)
    end.

still_works(Port) ->
    send(Port, {eval, still_works, <<"6 * 7">>}),
    ?reply(still_works, {ok, 42}, Port).

a_frame_can_be_sent_in_three_ways(_Config) ->
    Port = rubeam_ct:raw(""),
    Port ! {self(), {command, frame({eval, 1, <<"a = 1">>})}},
    ?reply(1, {ok, 1}, Port),
    true = port_command(Port, frame({eval, 2, <<"a + 1">>})),
    ?reply(2, {ok, 2}, Port),
    ?assertEqual({reply, 3, {ok, 3}},
                 binary_to_term(port_control(Port, 0, frame({eval, 3, <<"a + 2">>})))),
    %% Bytes in a list, of many binaries
    true = port_command(Port, [[B] || <<B:1/binary>> <= frame({eval, 4, <<"a + 3">>})]),
    ?reply(4, {ok, 4}, Port),
    Long = ["a + ", [["0 + " || _ <- lists:seq(1, 50)] | <<"4">>]],
    true = port_command(Port, term_to_iovec({eval, 5, iolist_to_binary(Long)})),
    ?reply(5, {ok, 5}, Port),
    ?assertEqual([], rubeam_ct:mailbox()).

an_id_is_any_term_and_comes_back_unchanged(_Config) ->
    Port = rubeam_ct:raw(""),
    Ids = [0, -1, 1 bsl 100, 1.5, a, undefined, 'ü', <<>>, <<"id">>, <<1:3>>, [], [a | b], "abc", {},
           {1, {2}}, #{}, #{a => #{b => c}}, self(), make_ref(), Port, fun lists:map/2,
           binary:copy(<<"x">>, 100000), lists:seq(1, 1000)],
    [begin
         send(Port, {eval, Id, <<"1">>}),
         ?reply(Id, {ok, 1}, Port),
         ?assertEqual({reply, Id, {ok, <<"main">>}}, control(Port, {call, Id, to_s, []}))
     end || Id <- Ids].

replies_come_in_the_order_of_the_requests(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, first, iolist_to_binary([rubeam_ct:fib(), "fib(24)"])}),
    Numbers = lists:seq(1, 500),
    [send(Port, {eval, N, <<"$n = ($n || 0) + 1">>}) || N <- Numbers],
    ?reply(first, {ok, 46368}, Port),
    [?reply(N, {ok, N}, Port) || N <- Numbers],
    ?assertEqual([], rubeam_ct:mailbox()).

options_go_with_a_request(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, <<"raise 'x'">>, #{file => <<"f.rb">>, line => 9, timeout => infinity}}),
    {reply, 1, {error, #{backtrace := [<<"f.rb:9", _/binary>> | _]}}} = rubeam_ct:receive_frame(Port),
    send(Port, {eval, 2, <<"loop {}">>, #{timeout => 20}}),
    ?reply(2, {error, timeout}, Port),
    send(Port, {call, 3, sleep, [1000], #{timeout => 20}}),
    ?reply(3, {error, timeout}, Port),
    still_works(Port).

a_call_is_a_frame_too(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {call, 1, {<<"Math">>, sqrt}, [16]}),
    ?reply(1, {ok, 4.0}, Port),
    send(Port, {call, 2, <<"to_s">>, [], #{}}),
    ?reply(2, {ok, <<"main">>}, Port).

responses_and_output_are_frames(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, <<"a = 1">>}),
    send(Port, {eval, <<"while a < 10 do\n  a *= 3\nend">>}),
    send(Port, {eval, <<"puts a; send_response(a); $stderr.print 'e'">>}),
    ?assertEqual({output, stdout, <<"27\n">>}, rubeam_ct:receive_frame(Port)),
    ?assertEqual({response, 27}, rubeam_ct:receive_frame(Port)),
    ?assertEqual({output, stderr, <<"e">>}, rubeam_ct:receive_frame(Port)).

an_eval_without_id_has_no_reply(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, <<"b = 2">>}),
    ?assertEqual(<<>>, port_control(Port, 0, frame({eval, <<"b += 1">>}))),
    ?assertEqual(ok, erlang:port_call(Port, ?REQUEST, {eval, <<"b += 1">>})),
    send(Port, {eval, 1, <<"b">>}),
    ?reply(1, {ok, 4}, Port),
    ?assertEqual([], rubeam_ct:mailbox()).

an_eval_without_id_that_raises_ends_the_port(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:raw(""),
         Code = iolist_to_binary([Before, "raise ArgumentError, 'no'"]),
         _ = Send(Port, {eval, Code}),
         ?assertMatch({exit, {error, #{class := <<"ArgumentError">>, message := <<"no">>,
                                       backtrace := [_ | _]}}},
                      rubeam_ct:receive_frame(Port)),
         receive {'EXIT', Port, normal} -> ok after 10000 -> ct:fail(no_exit) end,
         ?assertError(badarg, port_command(Port, frame({eval, 1, <<"1">>}))),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Before <- ["", [rubeam_ct:fib(), "fib(22); "], "sleep 0.01; "],
            Send <- [fun send/2,
                     fun(Port, Term) -> port_control(Port, 0, frame(Term)) end,
                     fun(Port, Term) -> erlang:port_call(Port, ?REQUEST, Term) end]].

an_endless_request_is_stopped_by_a_frame(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    send(Port, {interrupt, other}),
    send(Port, {interrupt, 1}),
    ?reply(1, {error, interrupted}, Port),
    still_works(Port).

a_waiting_request_is_stopped_by_a_frame(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    send(Port, {eval, 2, <<"$ran = 2">>}),
    send(Port, {eval, 3, <<"$ran">>}),
    send(Port, {interrupt, 2}),
    ?reply(2, {error, interrupted}, Port),
    send(Port, interrupt),
    ?reply(1, {error, interrupted}, Port),
    ?reply(3, {ok, nil}, Port),
    still_works(Port).

info_is_a_frame_too(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    send(Port, {info, 2}),
    {reply, 2, {ok, Info}} = rubeam_ct:receive_frame(Port),
    ?assertMatch(#{memory := _, memory_limit := 67108864, transport := driver}, Info),
    ?assertMatch({reply, 3, {ok, #{}}}, binary_to_term(port_control(Port, 0, frame({info, 3})))),
    send(Port, interrupt),
    ?reply(1, {error, interrupted}, Port).

control_answers_at_once_or_by_a_message_to_the_caller(_Config) ->
    Port = rubeam_ct:raw(""),
    ?assertEqual(<<>>, port_control(Port, 0, frame({eval, late, <<"sleep 0.02; :late">>}))),
    ?reply(late, {ok, late}, Port),
    %% To the caller, not to the owner
    Caller = rubeam_ct:caller(
               fun() ->
                       Now = port_control(Port, 0, frame({eval, 1, <<"1">>})),
                       Later = port_control(Port, 0, frame({eval, 2, <<"sleep 0.02; 2">>})),
                       receive {Port, {data, Frame}} -> {Now, Later, Frame} end
               end),
    {Now, Later, Frame} = rubeam_ct:result(Caller),
    ?assertEqual({reply, 1, {ok, 1}}, binary_to_term(Now)),
    ?assertEqual(<<>>, Later),
    ?assertEqual({reply, 2, {ok, 2}}, binary_to_term(Frame)),
    ?assertEqual([], rubeam_ct:leftover(Caller)),
    ?assertEqual([], rubeam_ct:mailbox()).

control_and_call_take_no_other_numbers(_Config) ->
    Port = rubeam_ct:raw(""),
    Frame = frame({eval, 1, <<"1">>}),
    [?assertError(badarg, port_control(Port, N, Frame)) || N <- [1, 2, 255, ?REQUEST, 16#FFFFFFFF]],
    [?assertError(badarg, erlang:port_call(Port, N, {eval, 1, <<"1">>}))
     || N <- [0, 1, ?REQUEST - 1, 16#FFFFFFFF]],
    still_works(Port).

a_token_is_claimed_once_and_by_its_owner(_Config) ->
    Port = rubeam_ct:raw(""),
    Token = erlang:port_call(Port, ?REQUEST, {eval, [], rubeam_ct:begins(<<"sleep 0.05; 1">>)}),
    ?assert(is_integer(Token)),
    Claim = fun(T, Ref) -> erlang:port_call(Port, ?CLAIM, {T, Ref}) end,
    Thief = rubeam_ct:caller(fun() -> Claim(Token, make_ref()) end),
    ?assertMatch({error, {bad_request, _}}, rubeam_ct:result(Thief)),
    ?assertEqual([], rubeam_ct:leftover(Thief)),
    Ref = make_ref(),
    ?assertEqual(wait, Claim(Token, Ref)),
    ?assertMatch({error, {bad_request, _}}, Claim(Token, make_ref())),
    begun = rubeam_ct:response(Port),
    receive {Ref, Result} -> ?assertEqual({ok, 1}, binary_to_term(Result))
    after 10000 -> ct:fail(no_result)
    end,
    ?assertMatch({error, {bad_request, _}}, Claim(Token, make_ref())),
    ?assertMatch({error, {bad_request, _}}, Claim(0, make_ref())),
    [?assertError(badarg, erlang:port_call(Port, ?CLAIM, Bad))
     || Bad <- [x, {}, {x, make_ref()}, {1 bsl 64, make_ref()}, {1, 2, 3}]],
    %% Done before it is claimed
    Done = erlang:port_call(Port, ?REQUEST, {eval, [], <<"sleep 0.001; 2">>}),
    send(Port, {eval, after_it, <<"3">>}),
    ?reply(after_it, {ok, 3}, Port),
    ?assertEqual({ok, 2}, Claim(Done, make_ref())),
    ?assertMatch({error, {bad_request, _}}, Claim(Done, make_ref())),
    ?assertEqual([], rubeam_ct:mailbox()).

%% Its result is encoded: see rubeam_transport:result/1.
an_asynchronous_request_is_always_a_message(_Config) ->
    Port = rubeam_ct:raw("queue_limit=1"),
    [Quick, Slow, NoMethod, TooMany, Bad] = [make_ref() || _ <- lists:seq(1, 5)],
    Async = fun(Term) -> ?assertEqual(ok, erlang:port_call(Port, ?ASYNC, Term)) end,
    Result = fun(Id) ->
                     receive {Id, R} -> binary_to_term(R)
                     after 10000 -> ct:fail({no_result, Id})
                     end
             end,
    Async({eval, Quick, <<"1">>}),
    ?assertEqual({ok, 1}, Result(Quick)),
    Async({eval, Slow, <<"sleep 0.02; 2">>}),
    Async({call, NoMethod, 'no such method', []}),
    Async({eval, TooMany, <<"4">>}),
    ?assertEqual({error, busy}, Result(TooMany)),
    ?assertEqual({ok, 2}, Result(Slow)),
    ?assertMatch({error, #{class := <<"NoMethodError">>}}, Result(NoMethod)),
    Async({eval, Bad, no_code}),
    ?assertMatch({error, {bad_request, _}}, Result(Bad)),
    %% Whom the result should reach, must be told by a reference.
    [?assertMatch({error, {bad_request, _}}, erlang:port_call(Port, ?ASYNC, {eval, Id, <<"1">>}))
     || Id <- [1, [], {a, b}, self(), #{}]],
    ?assertMatch({error, {bad_request, _}}, erlang:port_call(Port, ?ASYNC, {eval, <<"1">>})),
    ?assertEqual([], rubeam_ct:mailbox()).

whoever_sends_the_replies_go_to_the_owner(_Config) ->
    Port = rubeam_ct:raw(""),
    Other = rubeam_ct:caller(fun() -> port_command(Port, frame({eval, 1, <<"puts 1; 2">>})) end),
    ?assertEqual(true, rubeam_ct:result(Other)),
    ?assertEqual({output, stdout, <<"1\n">>}, rubeam_ct:receive_frame(Port)),
    ?reply(1, {ok, 2}, Port),
    ?assertEqual([], rubeam_ct:leftover(Other)).

%% As with every port: https://www.erlang.org/doc/apps/erts/erlang.html#open_port/2
a_foreigner_with_a_command_message_hurts_the_owner_only(_Config) ->
    Test = self(),
    Witness = rubeam_ct:open(),
    {Owner, Monitor} = spawn_monitor(fun() ->
                                             Test ! {port, rubeam_ct:raw("")},
                                             receive stop -> ok end
                                     end),
    Port = receive {port, P} -> P after 10000 -> ct:fail(no_port) end,
    Port ! {self(), {command, frame({eval, 1, <<"1">>})}},
    receive {'DOWN', Monitor, process, Owner, Reason} -> ?assertEqual(badsig, Reason)
    after 10000 -> ct:fail(owner_lives)
    end,
    rubeam_ct:until(fun() -> erlang:port_info(Port) =:= undefined end),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Witness)).

a_port_can_be_given_to_another_owner(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, <<"a = 1">>}),
    ?reply(1, {ok, 1}, Port),
    Heir = rubeam_ct:caller(
             fun() ->
                     receive {Port, {data, Frame}} -> binary_to_term(Frame) end
             end),
    true = erlang:port_connect(Port, Heir),
    send(Port, {eval, 2, <<"a + 1">>}),
    ?assertEqual({reply, 2, {ok, 2}}, rubeam_ct:result(Heir)),
    unlink(Port),
    ?assertEqual([], rubeam_ct:leftover(Heir)),
    rubeam_ct:until(fun() -> erlang:port_info(Port) =:= undefined end),
    ?assertEqual([], rubeam_ct:mailbox()).

bad_frames_are_answered_and_change_nothing(_Config) ->
    Port = rubeam_ct:raw(""),
    send(Port, {eval, 1, <<"a = 1">>}),
    ?reply(1, {ok, 1}, Port),
    Good = frame({eval, my_id, <<"a = 2">>}), % cut behind its Id, it may be answered with it
    Bytes =
        [<<>>, <<0>>, <<131>>, <<"a = 1\n">>, <<132, 97, 1>>, <<131, 255>>, <<131, 104>>,
         <<131, 108, 255, 255, 255, 255>>,             % a list that promises much
         <<131, 109, 255, 255, 255, 255, 1>>,          % a binary, too
         <<131, 110, 4, 0, 1>>, <<131, 116, 255, 255, 255, 255>>,
         <<131, 70, 127, 240, 0, 0, 0, 0, 0, 0>>,      % infinity
         term_to_binary({eval, 1, binary:copy(<<" ">>, 1000)}, [compressed])]
        ++ [binary:part(Good, 0, N) || N <- lists:seq(1, byte_size(Good) - 1)],
    Terms = [ok, [], {}, {eval}, {eval, 1, 2, 3, 4}, {unknown, 1, 2}, {call, 1}, {call, 1, a}, 42,
             <<"a = 1">>, #{eval => 1}, {eval, no_code}, {interrupt}, {info}, {eval, "a = 2"},
             {"eval", 1, <<"a = 2">>}, {<<"eval">>, 1, <<"a = 2">>}],
    [begin
         true = port_command(Port, Frame),
         ?assertMatch({_, {reply, Id, {error, {bad_request, Why}}}}
                      when is_binary(Why) andalso (Id =:= undefined orelse Id =:= my_id),
                      {Frame, rubeam_ct:receive_frame(Port)}),
         ?assertMatch({_, {reply, Id, {error, {bad_request, _}}}}
                      when Id =:= undefined orelse Id =:= my_id,
                      {Frame, binary_to_term(port_control(Port, 0, Frame))})
     end || Frame <- Bytes ++ [frame(Term) || Term <- Terms]],
    [?assertMatch({_, {error, {bad_request, _}}},
                  {Term, erlang:port_call(Port, ?REQUEST, Term)}) || Term <- Terms],
    send(Port, {eval, 2, <<"a">>}),
    ?reply(2, {ok, 1}, Port),
    ?assertEqual([], rubeam_ct:mailbox()).

bad_frames_with_an_id_are_answered_with_it(_Config) ->
    Port = rubeam_ct:raw(""),
    Id = {my, [id]},
    Terms =
        [{eval, Id, code}, {eval, Id, "code"}, {eval, Id, 42}, {eval, Id, <<"1">>, []},
         {eval, Id, <<"1">>, #{unknown => 1}}, {eval, Id, <<"1">>, #{timeout => -1}},
         {eval, Id, <<"1">>, #{timeout => soon}}, {eval, Id, <<"1">>, #{<<"timeout">> => 1}},
         {eval, Id, <<"1">>, #{file => "f.rb"}}, {eval, Id, <<"1">>, #{file => <<>>}},
         {eval, Id, <<"1">>, #{line => 0}}, {eval, Id, <<"1">>, #{line => 1 bsl 70}},
         {call, Id, 42, []}, {call, Id, <<>>, []}, {call, Id, {a, b, c}, []}, {call, Id, {a, 1}, []},
         {call, Id, {1, a}, []}, {call, Id, {}, []}, {call, Id, to_s, none}, {call, Id, to_s, {}},
         {call, Id, to_s, [1 | 2]}, {call, Id, to_s, [], not_a_map},
         {call, Id, to_s, [], #{file => <<"f.rb">>}}],
    [begin
         send(Port, Term),
         ?assertMatch({_, {reply, Id, {error, {bad_request, Why}}}} when is_binary(Why),
                      {Term, rubeam_ct:receive_frame(Port)})
     end || Term <- Terms],
    true = port_command(Port, <<(frame({eval, Id, <<"1">>}))/binary, 0>>), % a byte too many
    ?assertMatch({reply, Id, {error, {bad_request, _}}}, rubeam_ct:receive_frame(Port)),
    still_works(Port).

%% --- streams ---

%% The frames in what came from Port, which may be cut and joined as well.
frames(Port, Head, Count) -> frames(Port, Head, Count, <<>>).

frames(_Port, _Head, 0, Rest) ->
    ?assertEqual(<<>>, Rest),
    [];
frames(Port, Head, Count, Bytes) ->
    case Bytes of
        <<Length:Head/unit:8, Frame:Length/binary, Rest/binary>> ->
            [binary_to_term(Frame) | frames(Port, Head, Count - 1, Rest)];
        _ ->
            receive {Port, {data, More}} -> frames(Port, Head, Count, <<Bytes/binary, More/binary>>)
            after 10000 -> ct:fail({no_frame, Bytes})
            end
    end.

with_head(Head, Term) ->
    Frame = frame(Term),
    <<(byte_size(Frame)):Head/unit:8, Frame/binary>>.

frames_of_a_stream_are_cut_at_any_byte(_Config) ->
    [begin
         Port = rubeam_ct:raw("packet=" ++ integer_to_list(Head)),
         Stream = <<(with_head(Head, {eval, 1, <<"a = 1">>}))/binary,
                    (with_head(Head, {eval, <<"a += 1">>}))/binary,
                    (with_head(Head, {eval, 2, <<"a">>}))/binary>>,
         Replies = [{reply, 1, {ok, 1}}, {reply, 2, {ok, 2}}],
         [begin
              <<One:At/binary, Two/binary>> = Stream,
              true = port_command(Port, One),
              true = port_command(Port, Two),
              ?assertEqual({At, Replies}, {At, frames(Port, Head, 2)})
          end || At <- lists:seq(0, byte_size(Stream))],
         [true = port_command(Port, <<Byte>>) || <<Byte>> <= Stream],
         ?assertEqual(Replies, frames(Port, Head, 2)),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Head <- [1, 2, 4]].

frames_of_a_stream_are_joined(_Config) ->
    [begin
         Port = rubeam_ct:raw("packet=" ++ integer_to_list(Head)),
         Numbers = lists:seq(1, 300),
         Stream = [with_head(Head, {eval, N, <<"$n = ($n || 0) + 1">>}) || N <- Numbers],
         true = port_command(Port, Stream),
         ?assertEqual([{reply, N, {ok, N}} || N <- Numbers], frames(Port, Head, 300)),
         %% Bad frames in between are answered in their place.
         Bad = <<3:Head/unit:8, "bad">>,
         Empty = <<0:Head/unit:8>>,
         true = port_command(Port, [Bad, with_head(Head, {eval, 1, <<"1">>}), Empty]),
         ?assertMatch([{reply, undefined, {error, {bad_request, _}}}, {reply, 1, {ok, 1}},
                       {reply, undefined, {error, {bad_request, _}}}], frames(Port, Head, 3)),
         ?assertEqual([], rubeam_ct:mailbox())
     end || Head <- [1, 2, 4]].

a_frame_that_is_too_long_for_its_head_is_an_error(_Config) ->
    [begin
         Port = rubeam_ct:raw("packet=" ++ integer_to_list(Head)),
         Code = ["'x' * ", integer_to_list(Length)],
         true = port_command(Port, with_head(Head, {eval, 1, iolist_to_binary(Code)})),
         ?assertMatch([{reply, 1, {error, _}}], frames(Port, Head, 1)),
         true = port_command(Port, with_head(Head, {eval, 2, <<"6 * 7">>})),
         ?assertEqual([{reply, 2, {ok, 42}}], frames(Port, Head, 1))
     end || {Head, Length} <- [{1, 1 bsl 8}, {2, 1 bsl 16}, {4, 1 bsl 27}]].

a_stream_that_promises_too_much_is_refused(_Config) ->
    Port = rubeam_ct:raw("packet=4 max_frame=1000"),
    true = port_command(Port, with_head(4, {eval, 1, <<"1">>})),
    ?assertEqual([{reply, 1, {ok, 1}}], frames(Port, 4, 1)),
    true = port_command(Port, <<1001:32>>),
    ?assertMatch([{reply, undefined, {error, {bad_request, _}}}], frames(Port, 4, 1)).

%% --- lines ---

text(Port, Length) -> text(Port, Length, <<>>).

text(_Port, Length, Text) when byte_size(Text) >= Length -> Text;
text(Port, Length, Text) ->
    receive {Port, {data, More}} -> text(Port, Length, <<Text/binary, More/binary>>)
    after 10000 -> ct:fail({no_text, Text})
    end.

lines_are_cut_at_any_byte(_Config) ->
    Port = rubeam_ct:raw("packet=line"),
    Lines = <<"a = 1\n\n# a comment\nputs a += 1\r\nputs 'ü'; send_response([a])\n"/utf8>>,
    Text = <<"2\nü\n[2]\n"/utf8>>,
    [begin
         <<One:At/binary, Two/binary>> = Lines,
         true = port_command(Port, One),
         true = port_command(Port, Two),
         ?assertEqual({At, Text}, {At, text(Port, byte_size(Text))})
     end || At <- lists:seq(0, byte_size(Lines))],
    ?assertEqual([], rubeam_ct:mailbox()).

lines_are_joined(_Config) ->
    Port = rubeam_ct:raw("packet=line"),
    true = port_command(Port, [["puts ", integer_to_list(N), "\n"] || N <- lists:seq(1, 1000)]),
    Text = iolist_to_binary([[integer_to_list(N), "\n"] || N <- lists:seq(1, 1000)]),
    ?assertEqual(Text, text(Port, byte_size(Text))).

a_line_that_raises_ends_the_port(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:raw("packet=line"),
         true = port_command(Port, Line),
         receive {'EXIT', Port, normal} -> ok after 10000 -> ct:fail(no_exit) end,
         %% What a standard Ruby would have written to its stderr may have come before.
         Text = iolist_to_binary([Data || {P, {data, Data}} <- rubeam_ct:mailbox(), P =:= Port]),
         ?assertMatch({Line, {_, _}}, {Line, binary:match(<<Text/binary, "\n">>, Expected)})
     end || {Line, Expected} <- [{"1/0\n", <<"divided by 0 (ZeroDivisionError)\n">>},
                                 {"def\n", <<"SyntaxError">>}, {"exit\n", <<"\n">>}]].

bad_commands_open_nothing(_Config) ->
    [?assertError(badarg, open_port({spawn_driver, "rubeam_drv " ++ Bad}, [binary]))
     || Bad <- ["unknown=1", "packet=3", "packet", "memory_limit=0", "memory_limit=x",
                "memory_limit=", "memory_limit=-1", "timeout=1.5", "=1", "pool=some", "x",
                "slice=1", "max_depth=99999999999999999999999"]].
