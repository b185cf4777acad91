%% Does the interpreter do in a program of its own what it does in the VM?
%%
%% The programs are opened by open_port/2 and spoken to in bytes: priv/rubeam_port knows nothing of the VM, and
%% the application is not needed. How they end when nobody asks any more: port_gone_SUITE.
-module(port_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

-import(port_ct, [open/1, open/2, run/1, run/2, shell/1, shell_port/1, text/2, frames/1,
                  with_heads/1, send/2, next/1, all_of/1, os_pid/1, works/1, begin_code/2, close/1,
                  busy_codes/0, fifos/1, read_term/1, name/1, nothing_is_there/0, at_once/1,
                  is_sanitized/0, marked/0]).

init_per_suite(Config) -> rubeam_ct:once(fun() -> Config end).
end_per_suite(_Config) -> ok.

all() ->
    [the_frames_of_the_driver_are_the_programs_too,
     functions_are_called_and_make_requests,
     casts_are_accepted_or_refused,
     who_tells_what_it_has_read_holds_a_script_up,
     events_are_frames,
     frames_have_heads_of_any_size,
     frames_are_cut_and_joined_at_any_byte,
     bad_frames_are_answered_and_change_nothing,
     a_frame_that_promises_too_much_ends_the_program,
     a_broken_stream_ends_it_beside_a_script_that_prints,
     each_exit_has_a_status,
     the_exit_is_the_last_frame,
     words_that_are_wrong_are_said,
     limits_of_the_system_are_kept,
     a_shell_script_may_wait_for_the_end,
     standard_input_may_be_one_that_does_not_wait,
     what_is_printed_beside_the_protocol_stays_out_of_it,
     no_descriptors_leak_into_it,
     scripts_are_stopped_while_they_run,
     both_sides_may_write_at_the_same_time].

suite() ->
    [{timetrap, {minutes, 3}}].

init_per_testcase(Case, Config) -> port_ct:begin_case(Case, Config).
end_per_testcase(_Case, _Config) -> port_ct:end_case().

-define(PATIENCE, 20_000).

%% --- The protocol ---

the_frames_of_the_driver_are_the_programs_too(_Config) ->
    Port = open([]),
    send(Port, {eval, 1, <<"a = 1; puts a; send_response([a, :b]); a + 1">>}),
    ?assertEqual({output, stdout, <<"1\n">>}, next(Port)),
    ?assertEqual({response, [1, b]}, next(Port)),
    ?assertEqual({reply, 1, {ok, 2}}, next(Port)),
    send(Port, {eval, {any, "term"}, <<"raise ArgumentError, 'no'">>,
                #{file => <<"rules.rb">>, line => 7}}),
    ?assertEqual({reply, {any, "term"},
                  {error, #{class => <<"ArgumentError">>, message => <<"no">>,
                            backtrace => [<<"rules.rb:7">>]}}}, next(Port)),
    send(Port, {call, 2, {<<"Math">>, sqrt}, [16]}),
    ?assertEqual({reply, 2, {ok, 4.0}}, next(Port)),
    send(Port, {compile, 3, <<"a = 20; a + 3">>}),
    {reply, 3, {ok, Code}} = next(Port),
    send(Port, {load, 4, Code}),
    ?assertEqual({reply, 4, {ok, 23}}, next(Port)),
    send(Port, {eval, 5, <<"Erlang.on_message { |m| send_response m }; nil">>}),
    ?assertMatch({reply, 5, {ok, _}}, next(Port)),
    send(Port, {message, #{a => [1.5, <<"b">>]}}),
    ?assertEqual({response, #{a => [1.5, <<"b">>]}}, next(Port)),
    send(Port, {owner, 6, self()}),
    ?assertEqual({reply, 6, {ok, nil}}, next(Port)),
    send(Port, {eval, 7, <<"Erlang.self">>}),
    ?assertEqual({reply, 7, {ok, self()}}, next(Port)),
    send(Port, {eval, <<"Erlang.send(Erlang.self, [1, :x])">>}),
    ?assertEqual({send, self(), [1, x]}, next(Port)),
    send(Port, {info, 8}),
    ?assertMatch({reply, 8, {ok, #{transport := port, memory := _}}}, next(Port)),
    send(Port, {take, {1, 1}}), % for the VM only: nothing happens
    send(Port, {eval, 9, <<"$stderr.print 'e'">>, #{value => false}}),
    ?assertEqual({output, stderr, <<"e">>}, next(Port)),
    ?assertEqual({reply, 9, {ok, nil}}, next(Port)),
    Numbers = lists:seq(1, 500),
    [send(Port, {eval, N, <<"$n = ($n || 0) + 1">>}) || N <- Numbers],
    [?assertEqual({reply, N, {ok, N}}, next(Port)) || N <- Numbers],
    Large = binary:copy(<<"0123456789">>, 300_000),
    send(Port, {call, 10, p, [Large], #{timeout => 60_000}}),
    {output, stdout, Printed} = next(Port),
    ?assertEqual(3_000_003, byte_size(Printed)),
    ?assertEqual({reply, 10, {ok, Large}}, next(Port)),
    works(Port),
    close(Port),
    nothing_is_there().

functions_are_called_and_make_requests(_Config) ->
    Port = open([]),
    send(Port, {eval, {my, id}, <<"Erlang.call(:f, 1, 'x') + 1">>}),
    {call, {{my, id}, 1} = One, <<"f">>, [1, <<"x">>]} = next(Port),
    send(Port, {eval, queued, <<"3">>}),
    send(Port, {within, One, term_to_binary({eval, nested, <<"Erlang.call(:g)">>})}),
    {call, {nested, 2} = Two, <<"g">>, []} = next(Port),
    send(Port, {within, Two, term_to_binary({eval, deeper, <<"4">>})}),
    ?assertEqual({reply, deeper, {ok, 4}}, next(Port)),
    send(Port, {return, Two, {ok, two}}),
    ?assertEqual({reply, nested, {ok, two}}, next(Port)),
    send(Port, {return, One, {ok, 41}}),
    ?assertEqual({reply, {my, id}, {ok, 42}}, next(Port)),
    ?assertEqual({reply, queued, {ok, 3}}, next(Port)),
    send(Port, {within, One, term_to_binary({eval, late, <<"5">>})}),
    ?assertEqual({reply, late, {ok, 5}}, next(Port)),
    send(Port, {eval, <<"Erlang.call(:h)">>}),
    {call, {undefined, 3} = Three, <<"h">>, []} = next(Port),
    send(Port, {accept, a, term_to_binary({return, Three, {error, no}})}),
    ?assertEqual([{exit, {error, 'Erlang::CallError'}}, {status, 1}, {reply, a, ok}],
                 lists:sort([case Frame of
                                 {exit, {error, #{class := Class}}} ->
                                     {exit, {error, binary_to_atom(Class)}};
                                 _ -> Frame
                             end || Frame <- all_of(Port)])).

casts_are_accepted_or_refused(_Config) ->
    Port = open(["queue_limit=1"]),
    Accept = fun(Id, Term) -> send(Port, {accept, Id, term_to_binary(Term)}) end,
    Accept(1, {eval, <<"$a = 1">>}),
    ?assertEqual({reply, 1, ok}, next(Port)),
    Accept({two}, {eval, two, <<"1">>}),
    ?assertMatch({reply, {two}, {error, {bad_request, _}}}, next(Port)),
    Accept(3, {return, {1, 1}, {ok, 1}}),
    ?assertEqual({reply, 3, {error, gone}}, next(Port)),
    Accept(4, nonsense),
    ?assertMatch({reply, 4, {error, {bad_request, _}}}, next(Port)),
    begin_code(Port, <<"loop {}">>),
    Accept(5, {message, x}),
    ?assertEqual({reply, 5, ok}, next(Port)),
    Accept(6, {eval, <<"$a = 2">>}),
    ?assertEqual({reply, 6, {error, busy}}, next(Port)),
    Accept(7, {interrupt, begun}),
    ?assertEqual([{reply, 7, ok}, {reply, begun, {error, interrupted}}],
                 lists:sort([next(Port), next(Port)])),
    until_idle(Port),
    send(Port, {eval, 8, <<"$a">>}),
    ?assertEqual({reply, 8, {ok, 1}}, next(Port)),
    %% Accepted is what ends the interpreter, too.
    Accept(9, {eval, <<"exit 9">>}),
    ?assertEqual([{reply, 9, ok}, {exit, 9}, {status, 9}], all_of(Port)).

until_idle(Port) ->
    send(Port, {info, idle}),
    case next(Port) of
        {reply, idle, {ok, #{state := idle}}} -> ok;
        {reply, idle, {ok, #{}}} -> until_idle(Port)
    end.

%% Before the first of these frames nothing is held up: other cases print more than this.
who_tells_what_it_has_read_holds_a_script_up(_Config) ->
    Port = open([]),
    send(Port, {read, 0}),
    send(Port, {eval, out, <<"200.times { print 'x' * 20_000 }">>}),
    send(Port, {info, held}),
    Printed = until_info(Port, held, 0),
    ?assert(Printed < 2_000_000, Printed),
    works_aside(Port),
    {reply, out, {ok, _}} = read_on(Port, out, read, Printed),
    send(Port, {sent, 0}),
    send(Port, {eval, post, <<"2000.times { |i| Erlang.send(:someone, 'x' * 1000) }">>}),
    send(Port, {info, held}),
    Sent = until_info(Port, held, 0),
    ?assert(Sent < 1_000_000, Sent),
    {reply, post, {ok, _}} = read_on(Port, post, sent, Sent),
    works(Port),
    close(Port).

%% The bytes of all frames that come before the answer to info, asked until nothing comes in between.
until_info(Port, Id, Bytes) ->
    receive {Port, {data, Frame}} ->
        case binary_to_term(Frame) of
            {reply, Id, {ok, #{state := waiting}}} when Bytes > 0 -> Bytes;
            {reply, Id, {ok, _}} -> send(Port, {info, Id}), until_info(Port, Id, Bytes);
            {Kind, _, _} when Kind =:= output; Kind =:= send ->
                until_info(Port, Id, Bytes + byte_size(Frame) + 64)
        end
    after ?PATIENCE -> ct:fail({nothing_more, Bytes})
    end.

works_aside(Port) ->
    send(Port, {info, aside}),
    ?assertMatch({reply, aside, {ok, _}}, next(Port)).

read_on(Port, Id, Word, Bytes) ->
    send(Port, {Word, Bytes}),
    receive {Port, {data, Frame}} ->
        case binary_to_term(Frame) of
            {reply, Id, _} = Reply -> Reply;
            _ -> read_on(Port, Id, Word, byte_size(Frame) + 64)
        end
    after ?PATIENCE -> ct:fail({nothing_more, Id})
    end.

events_are_frames(_Config) ->
    Port = open(["events=on"]),
    send(Port, {eval, 1, <<"1">>}),
    ?assertMatch([{event, _}, {reply, 1, {ok, 1}}], lists:sort([next(Port), next(Port)])),
    close(Port).

frames_have_heads_of_any_size(_Config) ->
    [begin
         Port = open(["packet=" ++ integer_to_list(N)], [{packet, N}]),
         works(Port),
         send(Port, {eval, 2, <<"'x' * 70_000">>}),
         case N of
             4 -> ?assertMatch({reply, 2, {ok, <<_:70_000/binary>>}}, next(Port));
             _ -> ?assertMatch({reply, 2, {error, _}}, next(Port))
         end,
         %% What is refused is told, too, as far as there is room for it.
         send(Port, {accept, 3, term_to_binary(nonsense)}),
         ?assertMatch({reply, 3, {error, _}}, next(Port)),
         send(Port, nonsense),
         ?assertMatch({reply, undefined, {error, _}}, next(Port)),
         works(Port),
         close(Port)
     end || N <- [1, 2, 4]],
    nothing_is_there().

frames_are_cut_and_joined_at_any_byte(_Config) ->
    Port = open([], []),
    Frames = with_heads([{eval, N, <<"1 + 1">>} || N <- lists:seq(1, 20)]),
    [true = port_command(Port, Frames) || _ <- lists:seq(1, 20)],
    [true = port_command(Port, [Byte]) || <<Byte>> <= Frames],
    [begin
         <<One:At/binary, Two/binary>> = Frames,
         true = port_command(Port, One),
         true = port_command(Port, Two)
     end || At <- lists:seq(0, byte_size(Frames))],
    Replies = [{reply, N, {ok, 2}} || N <- lists:seq(1, 20)],
    Times = 20 + 1 + byte_size(Frames) + 1,
    Last = term_to_binary({eval, last, <<"exit 4">>}),
    true = port_command(Port, [<<(byte_size(Last)):32>>, Last]),
    {4, Text} = text(Port, <<>>),
    ?assertEqual(lists:append(lists:duplicate(Times, Replies))
                 ++ [{reply, last, {error, closed}}, {exit, 4}], frames(Text)).

bad_frames_are_answered_and_change_nothing(_Config) ->
    Port = open([]),
    send(Port, {eval, 1, <<"a = 1">>}),
    ?assertEqual({reply, 1, {ok, 1}}, next(Port)),
    Within = term_to_binary({within, {1, 1}, term_to_binary({eval, 2, <<"a = 2">>})}),
    [begin
         true = port_command(Port, Frame),
         ?assertMatch({_, {reply, _, {error, {bad_request, Why}}}} when is_binary(Why),
                      {Frame, next(Port)})
     end || Frame <- [<<>>, <<0>>, <<131>>, <<"a = 2\n">>, <<131, 109, 255, 255, 255, 255, 1>>,
                      noise(300), term_to_binary({within, 1, <<131>>}),
                      term_to_binary({accept, 1, not_a_binary}), term_to_binary({accept, 1, <<>>}),
                      term_to_binary({within, {1, 1}, Within}), term_to_binary({accept, 1, Within}),
                      term_to_binary({read, -1}), term_to_binary({sent, 1 bsl 70})]
                     ++ [binary:part(Within, 0, N) || N <- lists:seq(0, byte_size(Within) - 1)]],
    send(Port, {eval, 2, <<"a">>}),
    ?assertEqual({reply, 2, {ok, 1}}, next(Port)),
    close(Port).

%% The same in each run
noise(Length) ->
    {Bytes, _} = lists:mapfoldl(fun(_, S) -> {(S bsr 16) band 255, (S * 1103515245 + 12345) band 16#7FFFFFFF}
                                end, 42, lists:seq(1, Length)),
    list_to_binary(Bytes).

a_frame_that_promises_too_much_ends_the_program(_Config) ->
    Refused = {reply, undefined, {error, {bad_request, <<"a frame longer than max_frame">>}}},
    Port = open(["max_frame=1000"], []),
    %% A little more may come: frames that hold a frame (REQUEST_ENVELOPE_BYTES).
    true = port_command(Port, [with_heads([{eval, 1, <<"1">>}]), <<10_000:32>>]),
    {65, Text} = text(Port, <<>>),
    ?assertEqual([{reply, 1, {ok, 1}}, Refused],
                 frames(Text)),
    Cut = open([], []),
    true = port_command(Cut, <<100:32, 131>>),
    close(Cut),
    nothing_is_there().

%% It prints on and on, and who reads never has it all.
a_broken_stream_ends_it_beside_a_script_that_prints(_Config) ->
    Port = open(["max_frame=100000"], []),
    true = port_command(Port, with_heads([{eval, 1, <<"loop { print 'x' * 50_000 }">>}])),
    receive {Port, {data, _}} -> ok end,
    true = port_command(Port, <<-1:32>>),
    {65, _} = text(Port, <<>>),
    nothing_is_there().

%% --- Ends ---

each_exit_has_a_status(_Config) ->
    [begin
         Port = open(Words),
         [send(Port, Frame) || Frame <- Frames],
         Heard = all_of(Port),
         ?assertMatch({_, {status, Status}}, {Frames, lists:last(Heard)}),
         ?assertMatch({_, {exit, _}}, {Frames, lists:last(lists:droplast(Heard))}),
         {exit, Reason} = lists:last(lists:droplast(Heard)),
         case Reason of
             {error, #{class := <<"RuntimeError">>}} -> ?assertEqual(1, Status);
             _ -> ?assertEqual(Wanted, Reason)
         end
     end || {Wanted, Status, Words, Frames} <-
                [{0, 0, [], [{eval, <<"exit">>}]},
                 {7, 7, [], [{eval, 1, <<"exit 7">>}]},
                 {300, 44, [], [{eval, 1, <<"sleep 0.01; exit 300">>}]},
                 {-1, 255, [], [{eval, <<"exit -1">>}]},
                 {error, 1, [], [{eval, <<"raise 'no'">>}]},
                 {error, 1, [], [{eval, 1, <<"Erlang.on_message { raise 'no' }">>}, {message, a}]},
                 {killed, 81, ["grace=2"],
                  [{eval, 1, <<"begin; loop {}; ensure; loop {}; end">>, #{timeout => 20}}]},
                 {memory_limit, 82, ["memory_limit=4194304"],
                  [{eval, 1, <<"$a = []; loop { begin; loop { $a << 'x' * 1000 }; "
                               "rescue Exception; end }">>}]},
                 {stack_overflow, 83, [],
                  [{eval, 1, <<"Object.send(:remove_const, :NameError); Foo">>}]}],
          not (is_sanitized() andalso Status =:= 83)],
    ?assertEqual({0, <<>>}, shell("$PORT stdio </dev/null")),
    ?assertEqual({0, <<>>}, shell("$PORT 3</dev/null 4>/dev/null")),
    nothing_is_there().

the_exit_is_the_last_frame(_Config) ->
    [begin
         Port = open([], []),
         Frames = [{accept, cast, term_to_binary({eval, Code})}
                   | [{eval, N, <<"1">>} || N <- lists:seq(1, 50)]],
         true = port_command(Port, with_heads(Frames)),
         {3, Text} = text(Port, <<>>),
         Heard = frames(Text),
         ?assertEqual({exit, 3}, lists:last(Heard)),
         ?assert(lists:member({reply, cast, ok}, Heard)),
         ?assertEqual([{reply, N, {error, closed}} || N <- lists:seq(1, 50)],
                      lists:sort(lists:droplast(Heard) -- [{reply, cast, ok}]))
     end || Code <- [<<"exit 3">>, <<"sleep 0.001; exit 3">>, <<"1_000_000.times {}; exit 3">>]].

words_that_are_wrong_are_said(_Config) ->
    [begin
         {Status, Text} = shell("$PORT " ++ Words ++ " 3</dev/null 4>/dev/null"),
         ?assertEqual({Words, 64}, {Words, Status}),
         ?assertMatch({_, {_, _}}, {Text, binary:match(Text, Said)}),
         ?assertEqual(<<"\n">>, binary:part(Text, byte_size(Text), -1))
     end || {Words, Said} <-
                [{"unknown=1 timeout=5", <<": unknown=1\n">>}, {"timeout=x", <<"timeout=x">>},
                 {"nonsense", <<"nonsense">>}, {"manager", <<"manager">>},
                 {"pool=async", <<"pool=async">>}, {"packet=3", <<"packet=3">>},
                 {"finish", <<"finish">>}, {"rlimit_as", <<"rlimit_as">>},
                 {"rlimit_nothing=1", <<"rlimit_nothing=1">>}, {"rlimit_as=x", <<"rlimit_as=x">>},
                 {"rlimit_as=99999999999999999999", <<"rlimit_as=9">>},
                 {"run", <<"which program">>}, {"run --", <<"which program">>},
                 {"run nonsense -- true", <<"nonsense">>}, {"run rlimit_as=x -- true", <<"rlimit">>}]],
    [?assertMatch({_, {64, <<_, _/binary>>}}, {Line, shell(Line)})
     || Line <- ["$PORT", "$PORT 3</dev/null", "$PORT run -- true", "$PORT stdio <&-",
                 "$PORT stdio >&- </dev/null", "ulimit -n 40; $PORT stdio rlimit_nofile=50 </dev/null",
                 "ulimit -n 40; $PORT run stdio rlimit_nofile=50 -- true </dev/null"]],
    ?assertEqual({0, <<>>}, shell("$PORT stdio 2>&- </dev/null")).

limits_of_the_system_are_kept(_Config) ->
    is_sanitized() orelse
        ?assertMatch({71, <<"rubeam_port: no memory", _/binary>>},
                     shell("$PORT stdio rlimit_as=30000000 </dev/null")),
    Port = open(["rlimit_cpu=1"]),
    send(Port, {eval, 1, <<"loop {}">>}),
    ?assertEqual({status, 128 + 24}, next(Port)), % SIGXCPU
    Limits = open(["rlimit_nofile=20", "rlimit_fsize=1000"]),
    works(Limits),
    {ok, Text} = file:read_file("/proc/" ++ os_pid(Limits) ++ "/limits"),
    [?assertMatch({match, _}, re:run(Text, Line)) || Line <- ["Max open files +20 +20 ",
                                                             "Max file size +1000 +1000 ",
                                                             "Max core file size +0 +0 "]],
    close(Limits).

%% --- Standard input and output ---

a_shell_script_may_wait_for_the_end(_Config) ->
    ?assertEqual({0, <<"3\n[1, 2]\n">>},
                 shell("printf 'a = 1\\nputs a + 2\\nsleep 0.1\\nsend_response [1, 2]\\n' | "
                       "$PORT stdio packet=line finish")),
    %% A line without an end is none.
    ?assertEqual({0, <<"1\n">>}, shell("printf 'puts 1\\nputs 2' | $PORT stdio packet=line finish")),
    ?assertMatch({7, _}, shell("echo 'sleep 0.05; exit 7' | $PORT stdio packet=line finish")),
    [?assertEqual({7, <<>>}, shell("echo 'exit 7' | $PORT stdio packet=line finish"))
     || _ <- lists:seq(1, 20)],
    {1, Text} = shell("echo '1/0' | $PORT stdio packet=line finish"),
    ?assertMatch({_, _}, binary:match(Text, <<"divided by 0 (ZeroDivisionError)">>)),
    {0, Long} = shell("echo \"100_000.times { |i| puts i }\" | $PORT stdio packet=line finish | "
                      "(sleep 0.3; cat)"),
    ?assertEqual(iolist_to_binary([[integer_to_list(N), "\n"] || N <- lists:seq(0, 99_999)]), Long),
    %% Into a file, and to nobody
    ?assertEqual({0, <<"1\n">>}, shell("echo 'puts 1' | $PORT stdio packet=line finish >file; cat file")),
    ?assertMatch({0, <<"74\n">>},
                 shell("(echo 'loop { puts 1 }' | $PORT stdio packet=line finish; echo $? >&2) | true")),
    ?assertEqual({65, <<>>}, shell("printf '%0200d' 1 | $PORT stdio packet=line max_frame=100")),
    nothing_is_there().

%% A terminal may be, and what another program has left so.
standard_input_may_be_one_that_does_not_wait(_Config) ->
    ok = file:write_file(filename:join(port_ct:folder(), "nonblock.pl"),
                         "use Fcntl; fcntl(STDIN, F_SETFL, O_NONBLOCK); exec @ARGV;"),
    ?assertEqual({0, <<"1\n2\n">>},
                 shell("(echo 'puts 1'; sleep 0.3; echo 'puts 2') | "
                       "perl nonblock.pl $PORT stdio packet=line finish")).

what_is_printed_beside_the_protocol_stays_out_of_it(_Config) ->
    Port = shell_port("exec $PORT stdio packet=line"),
    Pid = os_pid(Port),
    Where = fun(N) -> file:read_link("/proc/" ++ Pid ++ "/fd/" ++ integer_to_list(N)) end,
    at_once(fun() -> {ok, "/dev/null"} =:= Where(0) end),
    at_once(fun() -> Where(1) =:= Where(2) end),
    close(Port),
    %% In either, mruby's own warnings are frames, if anything.
    Frames = open([]),
    send(Frames, {eval, 1, <<"Struct.new('lower', :a) rescue 1\n"
                             "eval('1 +') rescue eval('def x; yield; end; 5')">>}),
    ?assertMatch({reply, 1, {_, _}}, last_of(Frames, 1)),
    works(Frames),
    close(Frames).

last_of(Port, Id) ->
    case next(Port) of
        {reply, Id, _} = Reply -> Reply;
        {output, _, _} -> last_of(Port, Id)
    end.

no_descriptors_leak_into_it(_Config) ->
    Others = [open([]) || _ <- lists:seq(1, 5)],
    {ok, File} = file:open(filename:join(port_ct:folder(), "file"), [write, raw]),
    Port = open([]),
    works(Port),
    [?assertEqual({Words, ["0", "1", "2", "3", "4"]}, {Words, descriptors(os_pid(P))})
     || {Words, P} <- [{port, Port} | [{other, Other} || Other <- Others]]],
    Leash = run(["sleep", "1000"]),
    at_once(fun() -> length(marked()) >= 8 end),
    [?assertEqual({name(Pid), []}, {name(Pid), descriptors(Pid) -- ["0", "1", "2", "3", "4"]})
     || Pid <- marked(), Pid =/= os_pid(Leash), binary:match(name(Pid), <<"run">>) =:= nomatch],
    ok = file:close(File),
    [close(P) || P <- [Port, Leash | Others]],
    nothing_is_there().

descriptors(Pid) ->
    {ok, Names} = file:list_dir("/proc/" ++ Pid ++ "/fd"),
    lists:sort(Names).

%% --- While Ruby runs ---

scripts_are_stopped_while_they_run(_Config) ->
    [begin
         Port = open(["timeout=60000"]),
         begin_code(Port, Code),
         send(Port, {info, 1}),
         ?assertMatch({Code, {reply, 1, {ok, _}}}, {Code, skip_call(Port)}),
         send(Port, {interrupt, begun}),
         ?assertEqual({Code, {reply, begun, {error, interrupted}}}, {Code, skip_call(Port)}),
         send(Port, {eval, 2, Code, #{timeout => 50}}),
         ?assertEqual({Code, {reply, 2, {error, timeout}}}, {Code, skip_call(Port)}),
         works(Port),
         close(Port)
     end || Code <- busy_codes()],
    nothing_is_there().

skip_call(Port) ->
    case next(Port) of
        {call, _, <<"nobody">>, []} -> skip_call(Port);
        Frame -> Frame
    end.

%% Each writes 10 MB before it reads.
both_sides_may_write_at_the_same_time(_Config) ->
    [begin
         {Input, Output, _Pid} = fifos("exec $PORT " ++ Words),
         Large = binary:copy(<<"x">>, 1_000_000),
         Print = {eval, 0, <<"10.times { print 'y' * 1_000_000 }; nil">>},
         Frames = [{eval, N, <<"# ", Large/binary, "\n", (integer_to_binary(N))/binary>>}
                   || N <- lists:seq(1, 10)],
         ok = file:write(Input, with_heads([Print | Frames])),
         Heard = [read_term(Output) || _ <- lists:seq(1, 10 + 11)],
         ?assertEqual([{reply, 0, {ok, nil}} | [{reply, N, {ok, N}} || N <- lists:seq(1, 10)]],
                      [Reply || {reply, _, _} = Reply <- Heard]),
         ?assertEqual(10_000_000, lists:sum([byte_size(B) || {output, stdout, B} <- Heard])),
         ok = file:close(Input),
         nothing_is_there(),
         ok = file:close(Output)
     end || Words <- ["3<in 4>out", "stdio packet=4 <in >out"]].
