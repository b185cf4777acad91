%% The program of a standard Ruby, priv/rubeam.rb: does it speak the protocol, and is it as hard to hurt as the driver?
%%
%% Spoken to as a port of {packet, 4}. Where the driver is to do the same, it is asked, too.
-module(cruby_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [%% Requests
     requests_are_answered_in_their_order,
     an_id_is_any_term_and_comes_back_unchanged,
     all_evals_share_one_scope,
     methods_are_called,
     options_go_with_a_request,
     bindings_are_variables_of_the_session,
     bytecode_is_run_and_only_if_it_is_whole,
     code_is_bytes_in_utf8_or_not,
     gems_and_files_are_found_as_usual,
     %% Terms
     each_term_comes_back,
     what_has_no_form_is_refused_as_the_driver_does,
     tuples_and_opaque_values_behave_as_in_the_driver,
     old_encodings_are_read,
     new_atoms_are_counted,
     opaque_values_are_the_same_whatever_their_encoding,
     %% Errors
     an_exception_has_class_message_and_backtrace,
     texts_of_exceptions_may_be_anything,
     bad_frames_are_answered_as_the_driver_does,
     %% Output
     what_is_printed_are_frames,
     children_and_threads_print_too,
     long_texts_come_in_several_frames,
     what_others_have_written_comes_before_the_reply,
     a_script_that_is_ahead_waits,
     what_is_read_is_counted,
     with_stdio_nothing_gets_into_the_protocol,
     %% Stops
     an_endless_loop_is_stopped,
     a_stop_reaches_what_waits,
     a_stop_is_raised_once_and_ensure_runs,
     queued_requests_are_stopped,
     what_goes_on_after_a_stop_is_killed,
     what_heeds_no_signal_is_killed,
     a_stop_comes_soon,
     without_a_timer_of_the_system_a_thread_looks,
     no_stop_hits_the_protocol,
     the_end_of_input_ends_it_whatever_runs,
     %% Erlang
     functions_are_called,
     functions_may_ask_back,
     a_request_within_waits_for_its_level,
     sixty_four_levels_deep_there_is_an_end,
     functions_and_stops,
     messages_go_both_ways,
     messages_are_held_back,
     requests_without_a_result_can_be_accepted,
     %% Ends
     exits_have_their_status,
     a_cast_that_raises_is_the_end,
     what_waits_is_closed,
     a_fork_has_no_part_in_the_protocol,
     memory_is_limited,
     the_queue_is_limited,
     words_are_checked,
     %% Seeing inside
     info_is_answered_at_once,
     globals_and_garbage,
     events_tell_what_becomes_of_requests,
     %% Hostile
     any_bytes_as_frames_are_answered,
     bombs_and_lies_are_refused,
     a_stream_that_promises_too_much_is_refused,
     an_end_in_the_middle_of_a_frame,
     ten_megabytes_both_ways,
     neither_side_blocks_the_other,
     scripts_that_break_things,
     nobody_reads,
     who_reads_late_is_answered,
     no_process_is_left].

init_per_suite(Config) ->
    case os:find_executable("ruby") of
        false -> {skip, "there is no ruby"};
        _ -> rubeam_ct:once(fun() -> Config end)
    end.

end_per_suite(_Config) -> ok.

-define(MB, 1048576).

%% --- The program ---

open() -> open([]).

open(Words) -> open(Words, [nouse_stdio]).

open(Words, Options) ->
    {Before, More} = lists:partition(fun({ruby, _}) -> true; (_) -> false end, Options),
    open_port({spawn_executable, os:find_executable("ruby")},
              [{args, [Arg || {ruby, Args} <- Before, Arg <- Args] ++ [program() | Words]}, {packet, 4}, binary,
               exit_status | More]).

program() ->
    Priv = case os:getenv("RUBEAM_PRIV") of
               false -> filename:join(filename:dirname(code:which(?MODULE)), "../../../priv");
               Directory -> Directory
           end,
    File = filename:join(Priv, "rubeam.rb"),
    ?assert(filelib:is_regular(File), File),
    File.

close(Port) ->
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    true = port_close(Port),
    gone(Pid).

gone(Pid) ->
    rubeam_ct:until(fun() -> not alive(Pid) end).

%% A zombie that nobody has waited for yet is not alive.
alive(Pid) ->
    case file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/stat") of
        {ok, Stat} -> re:run(Stat, "\\) [ZX] ") =:= nomatch;
        {error, _} -> false
    end.

os_pid(Port) ->
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    Pid.

send(Port, Term) -> true = port_command(Port, term_to_binary(Term)).

%% The next frame, or {exit_status, N}
next(Port) -> next(Port, 15000).

next(Port, Patience) ->
    receive
        {Port, {data, Frame}} -> binary_to_term(Frame);
        {Port, {exit_status, Status}} -> {exit_status, Status}
    after Patience -> ct:fail({no_frame, rubeam_ct:mailbox()})
    end.

%% The reply to one request, which must be the next frame
ask(Port, Request) ->
    send(Port, Request),
    {reply, Id, Result} = next(Port),
    ?assertEqual(element(2, Request), Id),
    Result.

eval(Port, Code) -> ask(Port, {eval, 1, iolist_to_binary(Code)}).
eval(Port, Code, Options) -> ask(Port, {eval, 1, iolist_to_binary(Code), Options}).

%% Frames until the one that ends it
until_end(Port) ->
    case next(Port) of
        {exit_status, _} = Status -> [Status];
        Frame -> [Frame | until_end(Port)]
    end.

%% Frames until the reply with that Id
until_reply(Port, Id) ->
    case next(Port) of
        {reply, Id, _} = Reply -> [Reply];
        Frame -> [Frame | until_reply(Port, Id)]
    end.

still_works(Port) -> ?assertEqual({ok, 42}, ask(Port, {eval, still_works, <<"6 * 7">>})).

%% Code that says when it runs
begins(Port, Id, Code) -> begins(Port, Id, Code, #{}).

begins(Port, Id, Code, Options) ->
    send(Port, {eval, Id, iolist_to_binary(["send_response(:begun); ", Code]), Options}),
    ?assertEqual({response, begun}, next(Port)).

nothing_more(Port) ->
    receive {Port, _} = Message -> ct:fail({unexpected, Message})
    after 50 -> ok
    end.

%% --- Requests ---

requests_are_answered_in_their_order(_Config) ->
    Port = open(),
    Numbers = lists:seq(1, 2000),
    [send(Port, {eval, N, <<"$n = ($n || 0) + 1">>}) || N <- Numbers],
    [?assertEqual({reply, N, {ok, N}}, next(Port)) || N <- Numbers],
    [send(Port, {eval, <<"$n += 1">>}) || _ <- Numbers],
    ?assertEqual({ok, 4000}, eval(Port, "$n")),
    nothing_more(Port),
    close(Port).

an_id_is_any_term_and_comes_back_unchanged(_Config) ->
    Port = open(),
    Ids = [0, -1, 300, 1 bsl 100, 1.5, a, undefined, nil, 'ü', <<>>, <<"id">>, <<1:3>>, [], [a | b], "abc", {},
           {1, {2}}, #{}, #{a => #{b => c}}, self(), make_ref(), Port, fun lists:map/2, fun() -> Port end,
           binary:copy(<<"x">>, 100000), lists:seq(1, 1000)],
    [begin
         ?assertEqual({ok, 1}, ask(Port, {eval, Id, <<"1">>})),
         ?assertEqual({ok, <<"main">>}, ask(Port, {call, Id, to_s, []})),
         ?assertMatch({error, #{class := <<"RuntimeError">>}}, ask(Port, {eval, Id, <<"raise 'no'">>})),
         ?assertMatch({error, {bad_request, _}}, ask(Port, {eval, Id, no_code}))
     end || Id <- Ids],
    %% Bytes, not terms: other encodings of the same integer
    [begin
         true = port_command(Port, <<131, 104, 3, 119, 4, "eval", Id/binary, 109, 1:32, "1">>),
         receive {Port, {data, <<131, 104, 3, 119, 5, "reply", Rest/binary>>}} ->
                 ?assertEqual(<<Id/binary, 104, 2, 119, 2, "ok", 97, 1>>, Rest)
         after 10000 -> ct:fail(no_reply)
         end
     end || Id <- [<<97, 7>>, <<98, 7:32>>, <<110, 1, 0, 7>>, <<111, 1:32, 0, 7>>, <<100, 1:16, "a">>,
                   <<119, 1, "a">>, <<118, 1:16, "a">>, <<115, 1, "a">>]],
    close(Port).

all_evals_share_one_scope(_Config) ->
    Port = open(),
    ?assertEqual({ok, 1}, eval(Port, "a = 1")),
    ?assertEqual({ok, 3}, eval(Port, "a += 2")),
    ?assertEqual({ok, twice}, eval(Port, "def twice(x) = x * 2")),
    ?assertEqual({ok, 6}, eval(Port, "twice(a)")),
    {ok, _} = eval(Port, "class Counter; attr_accessor :n; end; C = Counter.new; C.n = 7"),
    ?assertEqual({ok, 7}, eval(Port, "C.n")),
    {ok, _} = eval(Port, "$global = [1]; @instance = 2; add = ->(x) { a + x }; nil"),
    ?assertEqual({ok, [1, 2, 13]}, eval(Port, "[$global[0], @instance, add.(10)]")),
    {ok, _} = eval(Port, "a = 100"),
    ?assertEqual({ok, 110}, eval(Port, "add.(10)")),
    %% What an exception leaves
    {error, _} = eval(Port, "a = 6; raise 'half way'"),
    {error, _} = eval(Port, "a = 7; )"),
    ?assertEqual({ok, 6}, eval(Port, "a")),
    [?assertEqual({ok, nil}, eval(Port, Code)) || Code <- ["", "\n", "# a comment", ";"]],
    ?assertEqual({ok, <<"main">>}, eval(Port, "self.to_s")),
    ?assertEqual({ok, 7}, eval(Port, "return 7\nnope")),
    ?assertMatch({error, #{class := <<"LocalJumpError">>}}, eval(Port, "def maker = proc { return 1 }\nmaker.call")),
    close(Port).

methods_are_called(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def add(x, y) = x + y\nmodule A; module B; def self.run(*all) = all; end; end\n"
                         "private def hidden = :found\nclass A::C; class << self; private def own = :own; end; end; 0"),
    ?assertEqual({ok, 3000}, ask(Port, {call, 1, add, [1000, 2000]})),
    ?assertEqual({ok, 3000}, ask(Port, {call, 1, <<"add">>, [1000, 2000], #{}})),
    ?assertEqual({ok, 3000}, ask(Port, {call, 1, add, [1000, 2000], #{timeout => 1000}})),
    ?assertEqual({ok, 3000}, ask(Port, {call, 1, add, [1000, 2000], #{timeout => infinity}})),
    ?assertEqual({ok, 4.0}, ask(Port, {call, 2, {<<"Math">>, sqrt}, [16]})),
    ?assertEqual({ok, [1, [2]]}, ask(Port, {call, 2, {'A::B', run}, [1, [2]]})),
    ?assertEqual({ok, "abc"}, ask(Port, {call, 2, {'A::B', run}, "abc"})),
    ?assertEqual({ok, []}, ask(Port, {call, 2, {'A::B', run}, []})),
    ?assertEqual({ok, found}, ask(Port, {call, 2, hidden, []})),
    ?assertEqual({ok, own}, ask(Port, {call, 2, {<<"A::C">>, own}, []})),
    ?assertMatch({error, #{class := <<"NoMethodError">>}}, ask(Port, {call, 2, nope, []})),
    ?assertMatch({error, #{class := <<"NameError">>}}, ask(Port, {call, 2, {<<"Nope">>, nope}, []})),
    ?assertMatch({error, #{class := <<"TypeError">>}}, ask(Port, {call, 2, {<<"RUBY_VERSION::A">>, nope}, []})),
    ?assertMatch({error, #{class := <<"ArgumentError">>}}, ask(Port, {call, 2, add, [1]})),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, ask(Port, {call, 2, add, [1, <<1:1>>]})),
    close(Port).

options_go_with_a_request(_Config) ->
    Port = open(["timeout=60000"]),
    {error, #{backtrace := [<<"f.rb:10">>]}} =
        eval(Port, "\nraise 'x'", #{file => <<"f.rb">>, line => 9, timeout => infinity}),
    ?assertEqual({ok, 7}, eval(Port, "__LINE__", #{line => 7})),
    ?assertEqual({ok, <<"ü.rb"/utf8>>}, eval(Port, "__FILE__", #{file => <<"ü.rb"/utf8>>})),
    ?assertEqual({ok, nil}, eval(Port, "Object.new", #{value => false})),
    ?assertEqual({ok, 1}, eval(Port, "1", #{value => true})),
    ?assertEqual({error, timeout}, eval(Port, "loop {}", #{timeout => 20})),
    ?assertEqual({error, timeout}, eval(Port, "loop {}", #{timeout => 0})),
    ?assertEqual({error, timeout}, ask(Port, {call, 3, sleep, [1000], #{timeout => 20}})),
    ?assertMatch({ok, #{timeout := 60000}}, ask(Port, {info, 1})),
    close(Port),
    Quick = open(["timeout=50"]),
    ?assertEqual({error, timeout}, eval(Quick, "loop {}")),
    ?assertEqual({ok, 1}, eval(Quick, "sleep 0.2; 1", #{timeout => infinity})),
    close(Quick).

bindings_are_variables_of_the_session(_Config) ->
    Port = open(),
    Row = #{name => <<"N">>, <<"list">> => [1, {2}], count => 3},
    ?assertEqual({ok, [<<"N">>, [1, {2}], 3]}, eval(Port, "[name, list, count]", #{bindings => Row})),
    ?assertEqual({ok, 4}, eval(Port, "count += 1")),
    ?assertEqual({ok, 5}, eval(Port, <<"größe"/utf8>>, #{bindings => #{'größe' => 5}})),
    %% All or none
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}},
                 eval(Port, "$ran = 1", #{bindings => #{count => 9, other => [1 | 2]}})),
    ?assertEqual({ok, [4, nil]}, eval(Port, "[count, $ran]")),
    ?assertMatch({error, #{class := <<"NameError">>}}, eval(Port, "other")),
    close(Port).

bytecode_is_run_and_only_if_it_is_whole(_Config) ->
    Port = open(),
    {ok, <<"RBY1", _:16/binary, _/binary>> = Bytecode} =
        ask(Port, {compile, 1, <<"x = 6\ndef vat(n) = n * 2\nvat(x)">>, #{file => <<"vat.rb">>, line => 5}}),
    ?assertEqual({ok, 12}, ask(Port, {load, 2, Bytecode})),
    ?assertMatch({error, #{class := <<"NameError">>}}, eval(Port, "x")), % a program of its own
    {error, #{backtrace := [<<"vat.rb:6:in vat">> | _]}} = ask(Port, {call, 3, vat, [nil]}),
    ?assertMatch({error, #{class := <<"SyntaxError">>}}, ask(Port, {compile, 4, <<"def">>})),
    {ok, Raises} = ask(Port, {compile, 5, <<"raise 'no'">>}),
    ?assertMatch({error, #{class := <<"RuntimeError">>}}, ask(Port, {load, 6, Raises})),
    Size = byte_size(Bytecode),
    Damaged = [binary:part(Bytecode, 0, N) || N <- [0, 1, 19, 20, 21, Size - 1]]
        ++ [<<Bytecode/binary, 0>>]
        ++ [begin
                <<Head:At/binary, Byte, Tail/binary>> = Bytecode,
                <<Head/binary, (Byte bxor 16), Tail/binary>>
            end || At <- lists:seq(0, Size - 1, 7)],
    [?assertMatch({_, {error, #{class := <<"LoadError">>}}}, {Bad, ask(Port, {load, 7, Bad})}) || Bad <- Damaged],
    still_works(Port),
    close(Port).

code_is_bytes_in_utf8_or_not(_Config) ->
    Port = open(),
    Text = <<"Grüße, 世界 🙂"/utf8>>,
    ?assertEqual({ok, Text}, eval(Port, ["'", Text, "'"])),
    ?assertEqual({ok, 11}, eval(Port, ["'", Text, "'.length"])),
    ?assertEqual({ok, 11}, ask(Port, {call, 1, {'Rubeam', instance_eval}, [<<"'", Text/binary, "'.length">>]})),
    ?assertEqual({ok, 'größe'}, eval(Port, <<":größe"/utf8>>)),
    ?assertEqual({ok, <<255, 0, 195>>}, eval(Port, [<<"'", 255, "' + \"\\0\\xc3\"">>])),
    {ok, _} = eval(Port, "def join(a, b) = a + b\ndef bytes(a) = a.bytes"),
    ?assertEqual({ok, <<255, "ü"/utf8>>}, ask(Port, {call, 1, join, [<<255>>, <<"ü"/utf8>>]})),
    ?assertEqual({ok, [0, 255]}, ask(Port, {call, 1, bytes, [<<0, 255>>]})),
    close(Port).

gems_and_files_are_found_as_usual(Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), "a dir"),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    ok = file:write_file(filename:join(Dir, "rates.rb"), "RATE = 0.25\n"),
    ok = file:write_file(filename:join(Dir, "tax.rb"), "require_relative 'rates'\ndef tax(net) = net * RATE\n"),
    Word = "load_path=" ++ lists:flatten(string:replace(Dir, " ", "%20", all)) ++ ":/nowhere",
    Port = open([Word]),
    ?assertEqual({ok, [true, false, 25.0]}, eval(Port, "[require('tax'), require('tax'), tax(100)]")),
    ?assertEqual({ok, [list_to_binary(Dir), <<"/nowhere">>]}, eval(Port, "$LOAD_PATH.first(2)")),
    ?assertEqual({ok, <<"{\"a\":1}">>}, eval(Port, "require 'json'; JSON.generate({a: 1})")),
    ?assertEqual({ok, true}, eval(Port, "Gem::Version.new('1.10') > Gem::Version.new('1.9')")),
    ?assertEqual({ok, []}, eval(Port, "ARGV")),
    ?assertEqual({ok, nil}, eval(Port, "gets")),
    close(Port).

%% --- Terms ---

each_term_comes_back(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def same(x) = x"),
    Nested = lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 255)),
    Terms = [0, 1, 255, 256, -1, 1 bsl 31 - 1, 1 bsl 31, -(1 bsl 31), -(1 bsl 31) - 1]
        ++ [Sign * ((1 bsl Bits) + N) || Bits <- [59, 60, 61, 62, 63, 64, 127, 2040, 2048, 524287], N <- [-1, 0, 1],
                                         Sign <- [1, -1]]
        ++ [1.5, -0.25, 0.0, 1.7976931348623157e308, 5.0e-324, true, false, nil, undefined, ok, '', 'ü', '日本',
            list_to_atom(lists:duplicate(255, $a)), list_to_atom(lists:duplicate(255, 16#1F600)),
            <<>>, <<0, 255>>, <<"ü"/utf8>>, [], "abc", lists:seq(1, 300), lists:duplicate(70000, 1), [1, [2, [3]]],
            {}, {1}, list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 256)), #{}, #{1 => 1.0, 1.0 => 1},
            #{{a} => [#{}], [1] => 2, <<"k">> => nil, nil => x, #{1 => 2} => y}, Nested,
            maps:from_keys(lists:seq(1, 1000), []), self(), make_ref(), Port, fun lists:map/2, fun() -> Nested end,
            binary:copy(<<"x">>, 1000000)],
    [?assertEqual({ok, Term}, ask(Port, {call, 1, same, [Term]})) || Term <- Terms],
    ?assertEqual({ok, Terms -- [Nested]}, ask(Port, {call, 1, same, [Terms -- [Nested]]})),
    [begin
         {ok, true} = ask_for_response(Port, {call, 1, send_response, [Term]}),
         ok
     end || Term <- Terms],
    close(Port).

ask_for_response(Port, {call, _, send_response, [Term]} = Request) ->
    send(Port, Request),
    ?assertEqual({response, Term}, next(Port)),
    {reply, 1, Result} = next(Port),
    Result.

%% The same code in both, the same message
what_has_no_form_is_refused_as_the_driver_does(_Config) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Port = open(),
    Driver = rubeam_ct:open(),
    Loop = "class Leads; def to_erl = Leads.new; end; ",
    Codes = ["1..2", "Object.new", "Math", "-> {}", "[1, Object.new]", "Class.new.new.class.name; Struct",
             "Float::NAN", "Float::INFINITY", "[1, {a: -Float::INFINITY}]", "a = []; a << a; a", "h = {}; h[1] = h; h",
             "a = []; 300.times { a = [a] }; a", "a = []; 255.times { a = [a] }; a",
             "{ true => 1, :true => 2 }", "{ Erlang::Tuple[nil] => 1, Erlang::Tuple[:nil] => 2 }",
             "{ 1 => :one, 1.0 => :float }", "1 << (65536 * 8)", "-(1 << (65536 * 8 - 1))", Loop ++ "Leads.new",
             "class Point; def to_erl = Erlang::Tuple[:point, 1]; end; [Point.new]", "class Raises; def to_erl = raise('no'); end; Raises.new",
             "('a' * 256).to_sym", "('ü' * 255).to_sym"],
    [?assertEqual({Code, without_trace(rubeam:eval(Driver, Code))}, {Code, without_trace(eval(Port, Code))})
     || Code <- Codes],
    Deep = lists:foldl(fun(_, T) -> [T] end, [], lists:seq(1, 255)),
    Call = fun(Term) -> {call, 1, {'Erlang::Tuple', '[]'}, [Term]} end,
    [?assertEqual({Term, without_trace(rubeam:call(Driver, {'Erlang::Tuple', '[]'}, [Term]))},
                  {Term, without_trace(ask(Port, Call(Term)))})
     || Term <- [<<1:1>>, [a | b], {[1, 2 | 3]}, #{a => <<5, 3:7>>}, Deep, [Deep], 1 bsl (65536 * 8)]],
    ok = rubeam:close(Driver),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>, message := <<"a Symbol that isn't UTF-8", _/binary>>}},
                 eval(Port, "\"\\xff\".b.to_sym")),
    still_works(Port),
    close(Port).

without_trace({error, Error}) when is_map(Error) -> {error, maps:remove(backtrace, Error)};
without_trace(Result) -> Result.

tuples_and_opaque_values_behave_as_in_the_driver(_Config) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Port = open(),
    Driver = rubeam_ct:open(),
    Bindings = #{bindings => #{pid => self(), ref => make_ref(), port => Port, func => fun lists:map/2,
                               clos => fun() -> Port end, t => {1, <<"x">>, [nil]}}},
    Codes = ["pid.inspect", "ref.to_s", "port.inspect", "func.inspect", "clos.to_s", "t.inspect", "t.to_s",
             "pid == pid.dup", "pid.clone.equal?(pid)", "pid.frozen?", "{pid => 1}[pid]", "pid == ref", "pid.class",
             "[pid, pid, ref].uniq.size", "{func => 1, clos => 2}.size",
             "a, b = t; [b, a]", "t[0]", "t[-1]", "t[5]", "t[0, 2]", "t[0..1]", "t.size", "t.length", "t.to_a",
             "t == Erlang::Tuple[1, 'x', [nil]]", "t == [1, 'x', [nil]]", "t.eql?(t.dup)",
             "t.map { |x| x.class.to_s }", "t.include?(1)", "t.first", "t.frozen?", "{t => 1}[Erlang::Tuple[1, 'x', [nil]]]",
             "[[1, t]].map { |x, (y, z)| z }", "t.is_a?(Array)", "Erlang::Tuple === t", "Erlang::Tuple[]", "t.hash == t.dup.hash",
             "Erlang::Tuple[1.0] == Erlang::Tuple[1]", "Erlang::Tuple[1.0].eql?(Erlang::Tuple[1])", "t.each { |x| x }",
             "Erlang::TermError.ancestors.include?(StandardError)", "Erlang::CallError < StandardError",
             "Erlang::Timeout < StandardError", "Erlang::Timeout.superclass == Exception",
             "Erlang::Interrupt.superclass == Exception", "Erlang::Error.superclass == StandardError",
             "begin; Erlang::Tuple.new(1); rescue NoMethodError; :none; end",
             "begin; Erlang::Pid.new; rescue NoMethodError; :none; end",
             "begin; Erlang::Pid.allocate; rescue NoMethodError, TypeError; :none; end"],
    [?assertEqual({Code, without_class(rubeam:eval(Driver, Code, Bindings))},
                  {Code, without_class(eval(Port, Code, Bindings))}) || Code <- Codes],
    ok = rubeam:close(Driver),
    close(Port).

%% A class has no form, and its name is in the message.
without_class({error, #{message := Message}}) -> Message;
without_class(Result) -> Result.

%% All that was ever written; what a node of today reads.
old_encodings_are_read(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def same(x) = x"),
    Old = [{<<99, "1.50000000000000000000e+00", 0:40>>, 1.5}, {<<100, 2:16, "ab">>, ab}, {<<115, 1, 252>>, 'ü'},
           {<<100, 1:16, 252>>, 'ü'}, {<<118, 2:16, "ü"/utf8>>, 'ü'}, {<<98, 5:32>>, 5}, {<<98, -5:32>>, -5},
           {<<110, 0, 0>>, 0}, {<<110, 3, 1, 5, 0, 0>>, -5}, {<<111, 2:32, 0, 1, 1>>, 257}, {<<105, 1:32, 97, 1>>, {1}},
           {<<107, 2:16, 1, 2>>, [1, 2]}, {<<108, 0:32, 106>>, []}, {<<108, 1:32, 97, 1, 108, 1:32, 97, 2, 106>>, [1, 2]},
           {<<108, 1:32, 97, 1, 107, 1:16, 2>>, [1, 2]}, {<<77, 2:32, 8, "ab">>, <<"ab">>}, {<<77, 0:32, 0>>, <<>>},
           {<<116, 2:32, 97, 1, 97, 2, 97, 1, 97, 3>>, #{1 => 3}}],
    [begin
         true = port_command(Port, <<131, 104, 4, 119, 4, "call", 97, 1, 119, 4, "same", 108, 1:32, Bytes/binary, 106>>),
         ?assertEqual({Bytes, {reply, 1, {ok, Term}}}, {Bytes, next(Port)})
     end || {Bytes, Term} <- Old],
    %% Those that are opaque come back as the bytes that they are.
    Node = <<100, 3:16, "n@h">>,
    Opaque = [<<103, Node/binary, 1:32, 2:32, 3>>, <<88, Node/binary, 1:32, 2:32, 3:32>>, <<102, Node/binary, 1:32, 3>>,
              <<89, Node/binary, 1:32, 3:32>>, <<120, Node/binary, 1:64, 3:32>>, <<101, Node/binary, 1:32, 3>>,
              <<114, 1:16, Node/binary, 3, 1:32>>, <<90, 5:16, Node/binary, 3:32, 1:160>>,
              <<113, 119, 1, "m", 119, 1, "f", 97, 1>>],
    [begin
         true = port_command(Port, <<131, 104, 4, 119, 4, "call", 97, 1, 119, 4, "same", 108, 1:32, Bytes/binary, 106>>),
         receive {Port, {data, <<131, 104, 3, 119, 5, "reply", 97, 1, 104, 2, 119, 2, "ok", Back/binary>>}} ->
                 ?assertEqual(Bytes, Back)
         after 10000 -> ct:fail({none, Bytes})
         end
     end || Bytes <- Opaque],
    close(Port).

new_atoms_are_counted(_Config) ->
    Port = open(["max_atoms=3"]),
    {ok, _} = eval(Port, "def same(x) = x; nil"),
    Names = ["cruby_atom_" ++ integer_to_list(N) || N <- lists:seq(1, 5)],
    [?assertEqual({ok, list_to_atom(Name)}, eval(Port, [":", Name])) || Name <- lists:sublist(Names, 3)],
    {error, #{class := <<"Erlang::TermError">>, message := Message}} = eval(Port, [":", lists:nth(4, Names)]),
    ?assertEqual(list_to_binary([lists:nth(4, Names), " would be an atom more than the 3 that Ruby may make; "
                                 "make it a String"]), Message),
    %% Those that are known, and those that came from here, are free.
    ?assertEqual({ok, [true, cruby_atom_1, ok]}, eval(Port, "[true, :cruby_atom_1, :ok]")),
    ?assertEqual({ok, brought}, ask(Port, {call, 1, same, [brought]})),
    ?assertEqual({ok, brought}, eval(Port, ":brought")),
    %% Errors and figures are the program's own.
    {error, #{class := <<"RuntimeError">>}} = eval(Port, "raise 'x'"),
    {ok, #{}} = ask(Port, {info, 1}),
    close(Port).

opaque_values_are_the_same_whatever_their_encoding(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def alike(a, b) = [a == b, a.eql?(b), a.hash == b.hash, {a => 1}[b]]; nil"),
    Alike = fun(A, B) ->
                    true = port_command(Port, <<131, 104, 4, 119, 4, "call", 97, 1, 119, 5, "alike", 108, 2:32, A/binary,
                                                B/binary, 106>>),
                    next(Port)
            end,
    Old = <<100, 3:16, "n@h">>,
    New = <<119, 3, "n@h">>,
    Same = {reply, 1, {ok, [true, true, true, 1]}},
    ?assertEqual(Same, Alike(<<103, Old/binary, 1:32, 2:32, 3>>, <<88, New/binary, 1:32, 2:32, 3:32>>)),
    ?assertEqual(Same, Alike(<<89, Old/binary, 1:32, 3:32>>, <<120, New/binary, 1:64, 3:32>>)),
    ?assertEqual(Same, Alike(<<114, 1:16, Old/binary, 3, 1:32>>, <<90, 1:16, New/binary, 3:32, 1:32>>)),
    {reply, 1, {ok, [false, false, _, nil]}} = Alike(<<88, New/binary, 1:32, 2:32, 3:32>>, <<88, New/binary, 1:32, 2:32, 4:32>>),
    {reply, 1, {ok, [false, false, _, nil]}} = Alike(<<89, New/binary, 1:32, 3:32>>, <<90, 1:16, New/binary, 3:32, 1:32>>),
    close(Port).

%% --- Errors ---

an_exception_has_class_message_and_backtrace(_Config) ->
    Port = open(),
    ?assertEqual({error, #{class => <<"ArgumentError">>, message => <<"no">>, backtrace => [<<"rules.rb:7">>]}},
                 eval(Port, "raise ArgumentError, 'no'", #{file => <<"rules.rb">>, line => 7})),
    {error, Division} = eval(Port, "1/0"),
    ?assertMatch(#{class := <<"ZeroDivisionError">>, message := <<"divided by 0">>}, Division),
    ?assertEqual([<<"(eval):1:in /">>, <<"(eval):1">>], maps:get(backtrace, Division)),
    {error, #{backtrace := [<<"(eval):1:in Integer">>, <<"(eval):1">>]}} = eval(Port, "Integer('x')"),
    {error, #{backtrace := [<<"(eval):1:in <<">>, <<"(eval):2">>]}} = eval(Port, "def self.<<(x) = raise(x)\nself << 'x'"),
    {ok, _} = eval(Port, "def deep(n)\n  raise ArgumentError, 'too deep' if n == 0\n  deep(n - 1)\nend",
                   #{file => <<"deep.rb">>}),
    {error, #{backtrace := Trace}} = eval(Port, "deep(2)"),
    ?assertEqual([<<"deep.rb:2:in deep">>, <<"deep.rb:3:in deep">>, <<"deep.rb:3:in deep">>, <<"(eval):1">>], Trace),
    {error, #{backtrace := Called}} = ask(Port, {call, 1, deep, [1]}),
    ?assertEqual([<<"deep.rb:2:in deep">>, <<"deep.rb:3:in deep">>], Called),
    {error, #{class := <<"Outer::Inner">>}} = eval(Port, "module Outer; class Inner < StandardError; end; end; raise Outer::Inner"),
    %% None of the program's own lines, wherever it passes through them
    [begin
         {error, #{backtrace := Lines}} = eval(Port, Code),
         ?assertEqual({Code, []}, {Code, [Line || Line <- Lines, binary:match(Line, <<"rubeam">>) =/= nomatch]}),
         ?assertMatch({Code, <<"(eval):1", _/binary>>}, {Code, lists:last(Lines)})
     end || Code <- ["Erlang.call(nil)", "send_response(Object.new)", "Erlang.send(1, 2)", "puts BasicObject.new",
                     "trap('ALRM') {}", "Object.new", "sleep(-1)", "at_exit", "exit!('x')"]],
    {error, #{class := <<"SystemStackError">>, backtrace := Many}} = eval(Port, "def down = down\ndown"),
    ?assertEqual(100, length(Many)),
    %% Syntax
    {error, #{class := <<"SyntaxError">>, message := Message, backtrace := [<<"(eval):3">>]}} = eval(Port, "1 +\n2\n)"),
    ?assertMatch(<<"(eval):3:", _/binary>>, Message),
    {error, #{class := <<"SyntaxError">>, message := <<"lib/a.rb:20:", _/binary>>}} =
        eval(Port, "def", #{file => <<"lib/a.rb">>, line => 20}),
    close(Port).

texts_of_exceptions_may_be_anything(_Config) ->
    Port = open(),
    Lies = ["class A < StandardError; def message = raise('again'); end; raise A",
            "class B < StandardError; def message = 42; end; raise B",
            "class C < StandardError; def message = \"\\xff\"; end; raise C",
            "class D < StandardError; def backtrace = [nil, 1]; end; raise D",
            "class E < StandardError; def class = nil; end; raise E",
            "class F < StandardError; def message = BasicObject.new; end; raise F",
            "class G < StandardError; def message = exit(3); end; raise G",
            "raise Class.new(StandardError)", "raise Exception, 'not a StandardError'", "throw :nothing", "raise Erlang::Timeout",
            "raise RuntimeError.new('x' * 1_000_000)", "raise 'a', cause: (begin; raise 'b'; rescue => e; e; end)"],
    [begin
         {error, #{class := Class, message := Message, backtrace := Backtrace}} = eval(Port, Code),
         ?assert(is_binary(Class) andalso is_binary(Message) andalso is_list(Backtrace)),
         ?assert(byte_size(Message) =< 65536)
     end || Code <- Lies],
    ?assertEqual({error, timeout}, eval(Port, "class H < StandardError; def message = loop {}; end; raise H", #{timeout => 50})),
    still_works(Port),
    close(Port).

bad_frames_are_answered_as_the_driver_does(_Config) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Port = open(["max_source=100"]),
    Driver = rubeam_ct:raw("max_source=100"),
    Good = term_to_binary({eval, my_id, <<"a = 2">>}),
    Bytes =
        [<<>>, <<0>>, <<131>>, <<"a = 1\n">>, <<132, 97, 1>>, <<131, 255>>, <<131, 104>>, <<131, 108, 255, 255, 255, 255>>,
         <<131, 109, 255, 255, 255, 255, 1>>, <<131, 110, 4, 0, 1>>, <<131, 116, 255, 255, 255, 255>>,
         <<131, 70, 127, 240, 0, 0, 0, 0, 0, 0>>, <<131, 80, 1, 2, 3>>, <<Good/binary, 0>>, <<131, 117, 0:32>>, <<131, 82, 1>>,
         <<131, 104, 2, 119, 4, "info", 121, 1>>, <<131, 104, 2, 119, 4, "info", 119, 1, 255>>,
         <<131, 104, 2, 119, 4, "info", 99, "0x1p3", 0:208>>,
         term_to_binary({eval, 1, binary:copy(<<" ">>, 1000)}, [compressed])]
        ++ [binary:part(Good, 0, N) || N <- lists:seq(1, byte_size(Good) - 1)],
    Id = {an, "id"},
    Terms = [ok, [], {}, {eval}, {eval, 1, 2, 3, 4}, {unknown, 1, 2}, {call, 1}, {call, 1, a}, 42, <<"a = 1">>, #{eval => 1},
             {eval, no_code}, {interrupt}, {info}, {eval, "a = 2"}, {"eval", 1, <<"a = 2">>}, {<<"eval">>, 1, <<"a = 2">>},
             {eval, Id, no_code}, {eval, Id, binary:copy(<<" ">>, 101)}, {load, Id, 1}, {compile, Id, 1},
             {call, Id, 1, []}, {call, Id, {a, b, c}, []}, {call, Id, {1, b}, []}, {call, Id, {a, 1}, []}, {call, Id, '', []},
             {call, Id, a, b}, {call, Id, a, [1 | 2]}, {call, Id, a, [], []}, {call, Id, a, [], #{file => <<"x">>}},
             {eval, Id, <<>>, []}, {eval, Id, <<>>, #{1 => 2}}, {eval, Id, <<>>, #{timeout => -1}}, {eval, Id, <<>>, #{timeout => 1.5}},
             {eval, Id, <<>>, #{timeout => 1 bsl 41}}, {eval, Id, <<>>, #{timeout => never}}, {eval, Id, <<>>, #{file => a}},
             {eval, Id, <<>>, #{file => <<>>}}, {eval, Id, <<>>, #{file => <<0>>}}, {eval, Id, <<>>, #{line => 0}},
             {eval, Id, <<>>, #{line => 60001}}, {eval, Id, <<>>, #{value => nil}}, {eval, Id, <<>>, #{bindings => []}},
             {eval, Id, <<>>, #{bindings => #{1 => 2}}}, {eval, Id, <<>>, #{bindings => #{'A' => 2}}},
             {eval, Id, <<>>, #{bindings => #{'end' => 2}}}, {eval, Id, <<>>, #{bindings => #{<<"a b">> => 2}}},
             {load, Id, <<>>, #{line => 1}}, {owner, Id, 1}, {return, 1, {ok, 1}}, {return, {1, 0}, {ok, 1}}, {return, {1, 1}, ok},
             {return, {1, 1}, {maybe, 1}}, {eval, Id, <<>>, #{timeout => 1, file => 2}},
             {read, a}, {read, -1}, {sent, never}, {within, {1, 1}, 1}, {within, 1, <<>>}, {within, {1, 1}, <<>>},
             {within, {1, 1}, term_to_binary({eval, Id, 1})}, {within, {1, 1}, term_to_binary({within, {1, 1}, <<>>})},
             {accept, Id, 1}, {accept, Id, <<>>}, {accept, Id, term_to_binary({info, 1})}, {accept, Id, term_to_binary({eval, Id, 1})},
             {accept, Id, term_to_binary({accept, 1, <<>>})}, {accept, Id, term_to_binary({nonsense})}],
    [begin
         true = port_command(Port, Frame),
         true = port_command(Driver, Frame),
         ?assertEqual({Frame, rubeam_ct:receive_frame(Driver)}, {Frame, next(Port)})
     end || Frame <- Bytes ++ [term_to_binary(Term) || Term <- Terms]],
    true = port_close(Driver),
    still_works(Port),
    close(Port).

%% --- Output ---

what_is_printed_are_frames(_Config) ->
    Port = open(),
    Prints = fun(Code, Expected) ->
                     send(Port, {eval, 1, iolist_to_binary([Code, "; nil"])}),
                     Frames = lists:droplast(until_reply(Port, 1)),
                     ?assertEqual({Code, Expected}, {Code, [{Stream, Text} || {output, Stream, Text} <- Frames]})
             end,
    Prints("puts 1, [2, [3]], 'four'", [{stdout, <<"1\n2\n3\nfour\n">>}]),
    Prints("puts; puts nil; puts []; puts \"a\\n\"", [{stdout, <<"\n">>}, {stdout, <<"\n">>}, {stdout, <<"a\n">>}]),
    Prints("a = [1]; a << a; puts a", [{stdout, <<"1\n[...]\n">>}]),
    Prints("print 'a', 1, nil; $stdout << 'b' << 2; printf('%03d', 7)",
           [{stdout, <<"a1">>}, {stdout, <<"b">>}, {stdout, <<"2">>}, {stdout, <<"007">>}]),
    Prints("p 1, 'x'; pp({a: [1] * 3})", [{stdout, <<"1\n">>}, {stdout, <<"\"x\"\n">>}, {stdout, <<"{:a=>[1, 1, 1]}\n">>}]),
    Prints("$stderr.puts 'oh'; warn 'careful'; STDERR.print 'e'", [{stderr, <<"oh\n">>}, {stderr, <<"careful\n">>}, {stderr, <<"e">>}]),
    Prints("STDOUT.write('a', 'b'); STDOUT.putc 'cd'; STDOUT.putc 101; STDOUT.syswrite('s')",
           [{stdout, <<"ab">>}, {stdout, <<"c">>}, {stdout, <<"e">>}, {stdout, <<"s">>}]),
    Prints(<<"print ''; print \"\\xff\\0\"; puts 'ü', \"\\xfe\".b"/utf8>>, [{stdout, <<255, 0>>}, {stdout, <<"ü\n"/utf8, 254, "\n">>}]),
    Prints("require 'stringio'; $stdout = StringIO.new; puts 1; print 2; pp 3; s = $stdout.string; $stdout = STDOUT; print s",
           [{stdout, <<"1\n23\n">>}]),
    Prints("$stdout.flush; $stdout.sync = true; $stdout.fileno.to_s.display", [{stdout, <<"1">>}]),
    %% In their order, and before the result
    send(Port, {eval, 1, <<"puts 1; send_response(2); $stderr.puts 3; send_response([4]); 5">>}),
    ?assertEqual([{output, stdout, <<"1\n">>}, {response, 2}, {output, stderr, <<"3\n">>}, {response, [4]}, {reply, 1, {ok, 5}}],
                 until_reply(Port, 1)),
    {ok, true} = ask_for_response(Port, {call, 1, send_response, [x]}),
    close(Port).

children_and_threads_print_too(_Config) ->
    Port = open(),
    send(Port, {eval, 1, <<"puts 'before'; system('echo out; echo err >&2'); puts 'after'">>}),
    ?assertEqual([{output, stdout, <<"before\n">>}, {output, stdout, <<"out\n">>}, {output, stderr, <<"err\n">>},
                  {output, stdout, <<"after\n">>}, {reply, 1, {ok, nil}}], until_reply(Port, 1)),
    send(Port, {eval, 2, <<"Thread.new { 3.times { |n| puts n } }.join; 1">>}),
    ?assertEqual([{output, stdout, <<"0\n">>}, {output, stdout, <<"1\n">>}, {output, stdout, <<"2\n">>}, {reply, 2, {ok, 1}}],
                 until_reply(Port, 2)),
    %% More than a pipe holds, and while nothing runs
    send(Port, {eval, 3, <<"system('head -c 300000 /dev/zero')">>}),
    Frames = until_reply(Port, 3),
    ?assertEqual(300000, lists:sum([byte_size(Text) || {output, stdout, Text} <- Frames])),
    {ok, _} = eval(Port, "spawn('sleep 0.3; echo late'); 1"),
    ?assertEqual({output, stdout, <<"late\n">>}, next(Port)),
    {ok, _} = eval(Port, "Thread.new { sleep 0.3; puts 'later'; send_response(:from_a_thread) }; 1"),
    ?assertEqual({output, stdout, <<"later\n">>}, next(Port)),
    ?assertEqual({response, from_a_thread}, next(Port)),
    %% What a child has written when it dies with the program arrives.
    send(Port, {eval, 4, <<"system('echo last'); exit 2">>}),
    ?assertEqual([{output, stdout, <<"last\n">>}, {reply, 4, {error, closed}}, {exit, 2}, {exit_status, 2}], until_end(Port)).

long_texts_come_in_several_frames(_Config) ->
    Port = open(["max_frame=1000"]),
    send(Port, {eval, 1, <<"print 'x' * 5000; nil">>}),
    Frames = lists:droplast(until_reply(Port, 1)),
    Texts = [Text || {output, stdout, Text} <- Frames],
    ?assertEqual(binary:copy(<<"x">>, 5000), iolist_to_binary(Texts)),
    ?assert(lists:all(fun(Text) -> byte_size(Text) < 1000 end, Texts)),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>, message := <<"the term has more than 1000 bytes">>}},
                 eval(Port, "'x' * 1000")),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, eval(Port, "[1] * 100_000")),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, eval(Port, "send_response('x' * 1000)")),
    ?assertMatch({error, #{class := <<"RuntimeError">>, message := <<"the reply is larger than max_frame">>}},
                 eval(Port, "raise 'x' * 2000")),
    close(Port).

what_others_have_written_comes_before_the_reply(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "$out, $err = [1, 2].map { |n| IO.for_fd(n, autoclose: false) }; 1"),
    Codes = [{"$out.syswrite('a'); $err.syswrite('b')", [{output, stdout, <<"a">>}, {output, stderr, <<"b">>}]},
             {"system('echo c')", [{output, stdout, <<"c\n">>}]},
             {"$out.syswrite('d' * 65_536)", [{output, stdout, binary:copy(<<"d">>, 65536)}]},
             {"Thread.new { puts 'e' }.join", [{output, stdout, <<"e\n">>}]}],
    [written_before(Port, N, Code, Expected) || N <- lists:seq(1, 20), {Code, Expected} <- Codes],
    %% When no signal tells of it, too, if the request is not short.
    Deaf = open_without_signals(),
    [written_before(Deaf, N, "sleep 0.01; " ++ Code, Expected) || N <- lists:seq(1, 5), {Code, Expected} <- Codes],
    %% And before an end.
    send(Deaf, {eval, 6, <<"$out.syswrite('a'); exit! 3">>}),
    ?assertEqual([{output, stdout, <<"a">>}, {reply, 6, {error, closed}}, {exit, 3}, {exit_status, 3}], until_end(Deaf)),
    %% To an owner that is behind as well, up to twice of what may be on its way.
    send(Port, {read, 1 bsl 40}),
    send(Port, {eval, 22, <<"print 'x' * 1_000_000; print 'x' * 100_000; sleep 0.01; $out.syswrite('a'); 0">>}),
    ?assertMatch([_, _, {output, stdout, <<"a">>}, {reply, 22, {ok, 0}}], until_reply(Port, 22)),
    Sizes = [begin
                 send(Port, {eval, N, <<"sleep 0.01; $out.write_nonblock('d' * 65_536, exception: false); 0">>}),
                 iolist_size([Text || {output, stdout, Text} <- until_reply(Port, N)])
             end || N <- lists:seq(23, 60)],
    ?assert(lists:sum(Sizes) > 900_000 andalso lists:sum(Sizes) < 1.1 * ?MB, lists:sum(Sizes)),
    close(Port).

written_before(Port, N, Code, Expected) ->
    send(Port, {eval, N, iolist_to_binary([Code, "; 0"])}),
    ?assertEqual({N, Code, Expected ++ [{reply, N, {ok, 0}}]}, {N, Code, until_reply(Port, N)}).

open_without_signals() ->
    Port = open(),
    {ok, _} = eval(Port, "ObjectSpace.each_object(IO) { |io| io.fcntl(4, io.fcntl(3) & ~0o20000) unless io.closed? }; "
                         "$out, $err = [1, 2].map { |n| IO.for_fd(n, autoclose: false) }; 1"),
    Port.

a_script_that_is_ahead_waits(_Config) ->
    Port = open(),
    send(Port, {read, 0}),
    begins(Port, 1, "300.times { |n| print 'x' * 9_900 }; :done"),
    First = printed_until_it_waits(Port, 0),
    ?assert(First > 0.9 * ?MB andalso First < 1.1 * ?MB, First),
    Rest = read_all(Port, First),
    ?assert(First + Rest > 2_900_000, {First, Rest}),
    %% Such a script can be stopped.
    send(Port, {eval, 3, <<"begin; loop { print 'x' * 9_900 }; ensure; $ended = true; end">>}),
    More = printed_until_it_waits(Port, 0),
    send(Port, {interrupt, 3}),
    ?assertEqual({reply, 3, {error, interrupted}}, next(Port)),
    send(Port, {read, More}),
    ?assertEqual({ok, true}, eval(Port, "$ended")),
    %% Whoever waits for the answer, and reads nothing before it comes, is not waited for.
    send(Port, {read, never}),
    send(Port, {eval, 5, <<"begin; loop { print 'x' * 99_000 }; rescue IOError => e; e.message; end">>}),
    Refused = until_reply(Port, 5),
    ?assertEqual({reply, 5, {ok, <<"too much is printed to an owner that waits for this request and reads nothing">>}},
                 lists:last(Refused)),
    send(Port, {read, 1 bsl 40}),
    %% Children wait in their pipe.
    send(Port, {eval, 4, <<"system('head -c 3000000 /dev/zero'); :done">>}),
    Child = printed_until_it_stands_still(Port, 0),
    ?assert(Child < 1.3 * ?MB, Child),
    ?assert(Child + read_all(Port, Child) > 3_000_000),
    %% Also while nothing runs, and no signal tells of more
    {ok, _} = eval(Port, "spawn('sleep 0.3; head -c 1500000 /dev/zero'); 1"),
    {output, stdout, Begin} = next(Port),
    Idle = printed_until_it_stands_still(Port, byte_size(Begin)),
    ?assert(Idle < 1.3 * ?MB, Idle),
    timer:sleep(200), % the clock stands still
    send(Port, {read, Idle}),
    ?assert(Idle + printed_until_it_stands_still(Port, 64) > 1_500_000),
    close(Port).

%% Bytes of frames, until the script waits
printed_until_it_waits(Port, Sum) ->
    send(Port, {info, look}),
    case until_look(Port, 0) of
        {waiting, More} -> Sum + More;
        {_, More} -> timer:sleep(10), printed_until_it_waits(Port, Sum + More)
    end.

until_look(Port, Sum) ->
    receive {Port, {data, Frame}} ->
            case binary_to_term(Frame) of
                {reply, look, {ok, #{waiting_for := time}}} -> {waiting, Sum};
                {reply, look, {ok, #{state := State}}} -> {State, Sum};
                _ -> until_look(Port, Sum + byte_size(Frame) + 64)
            end
    after 15000 -> ct:fail(no_info)
    end.

%% Bytes of frames, until none comes for a while
printed_until_it_stands_still(Port, Sum) ->
    receive {Port, {data, Frame}} ->
            {output, stdout, _} = binary_to_term(Frame),
            printed_until_it_stands_still(Port, Sum + byte_size(Frame) + 64)
    after 300 -> Sum
    end.

%% The handler of a signal takes {read, Bytes} at the very moment when what is printed is counted: it counts all the same,
%% and when all was read, as much as before can be ahead. So it is with messages.
what_is_read_is_counted(_Config) ->
    Port = open(),
    send(Port, {read, 0}),
    send(Port, {sent, 0}),
    {ok, _} = eval(Port, "$counting = TracePoint.new(:c_return) { |t| "
                         "sleep 0.03 if t.method_id == :bytesize && t.path.end_with?('/talking.rb') }; 1"),
    send(Port, {eval, 2, <<"$counting.enable { 8.times { print 'x' * 200_000 } }; :done">>}),
    ?assert(read_all(Port, 0) > 8 * 200_000),
    send(Port, {eval, 3, <<"9.times { print 'x' * 100_000 }; 0">>}),
    ?assertEqual({reply, 3, {ok, 0}}, lists:last(until_reply(Port, 3))),
    send(Port, {eval, 4, <<"$counting.enable { 8.times { Erlang.send(:somebody, 'x' * 50_000) } }; :done">>}),
    ?assertEqual(8, take_all(Port)),
    send(Port, {eval, 5, <<"9.times { Erlang.send(:somebody, 'x' * 25_000) }; 0">>}),
    ?assertEqual({reply, 5, {ok, 0}}, lists:last(until_reply(Port, 5))),
    close(Port).

%% Says what it is done with, until the reply. How many messages came.
take_all(Port) ->
    case next(Port) of
        {send, _, _} = Message ->
            send(Port, {sent, byte_size(term_to_binary(Message)) + 64}),
            1 + take_all(Port);
        {reply, _, {ok, done}} ->
            0
    end.

%% Says what it has read, until the reply. Bytes that came.
read_all(Port, Unread) ->
    send(Port, {read, Unread}),
    receive {Port, {data, Frame}} ->
            case binary_to_term(Frame) of
                {output, stdout, _} -> byte_size(Frame) + 64 + read_all(Port, byte_size(Frame) + 64);
                {reply, _, {ok, done}} -> 0
            end
    after 10000 -> ct:fail(held_up)
    end.

with_stdio_nothing_gets_into_the_protocol(_Config) ->
    Port = open(["stdio"], [use_stdio]),
    send(Port, {eval, 1, <<"puts 'a'; system('echo b'); STDOUT.print 'c'; gets.inspect">>}),
    ?assertEqual([{output, stdout, <<"a\n">>}, {output, stdout, <<"b\n">>}, {output, stdout, <<"c">>}, {reply, 1, {ok, <<"nil">>}}],
                 until_reply(Port, 1)),
    %% Descriptors of the protocol are not handed on.
    {ok, Open} = eval(Port, "IO.popen('ls /proc/self/fd').read.split.map(&:to_i)"),
    ?assertEqual([0, 1, 2, 3], lists:sort(Open)), % 3 is the directory
    close(Port),
    Other = open(),
    {ok, Fds} = eval(Other, "IO.popen('ls /proc/self/fd').read.split.map(&:to_i)"),
    ?assertEqual([0, 1, 2, 3], lists:sort(Fds)),
    close(Other).

%% --- Stops ---

an_endless_loop_is_stopped(_Config) ->
    Port = open(),
    Loops = ["loop {}", "while true; end", "1 while true", "i = 0; loop { i += 1 }", "sleep", "loop { sleep 0.001 }",
             "def f = f2; def f2 = nil; loop { f }",
             "begin; loop {}; rescue => e; :swallowed; end", "loop { begin; raise 'x'; rescue; end }", "IO.pipe[0].read",
             "system('sleep 100')", "(1..Float::INFINITY).sum { |x| x % 2 }", "fiber = Fiber.new { loop {} }; fiber.resume",
             "'a' * 50 =~ /(a|aa)+$b/ while true", "ObjectSpace.each_object { loop {} }", "GC.start while true",
             "Mutex.new.synchronize { loop {} }", "[3, 1, 2].sort { loop {} }", "at_exit {}; loop {}",
             "Process.wait(spawn('sleep 100'))", "Timeout.timeout(100) { loop {} } if require 'timeout'; loop {}",
             "Thread.new { loop {} }.join"], % it goes on, and so is the last
    {ok, _} = eval(Port, "require 'timeout'"), % stopped in the middle of that, the next one would warn
    [begin
         begins(Port, 1, Code),
         send(Port, {interrupt, other}),
         send(Port, {interrupt, 1}),
         ?assertEqual({Code, {reply, 1, {error, interrupted}}}, {Code, next(Port)}),
         ?assertEqual({Code, {error, timeout}}, {Code, eval(Port, Code, #{timeout => 15})}),
         ?assertEqual({Code, {ok, 42}}, {Code, ask(Port, {eval, 2, <<"6 * 7">>})})
     end || Code <- Loops],
    begins(Port, 1, "loop {}"),
    send(Port, interrupt),
    ?assertEqual({reply, 1, {error, interrupted}}, next(Port)),
    send(Port, interrupt), % nothing runs
    send(Port, {interrupt, 1}),
    still_works(Port),
    close(Port).

a_stop_reaches_what_waits(_Config) ->
    Port = open(["grace=500"]),
    Stops = fun(Code) ->
                    begins(Port, 1, Code),
                    send(Port, {interrupt, 1}),
                    ?assertEqual({Code, {reply, 1, {error, interrupted}}}, {Code, next(Port)})
            end,
    Stops("begin; sleep 100; ensure; sleep 0.1; end"),
    Stops("m = Mutex.new; Thread.new { m.synchronize { sleep 100 } }; sleep 0.05; m.lock"),
    Stops("Thread.handle_interrupt(Exception => :never) { loop {} }"),
    %% At the blocks of at_exit: it does not end then.
    begins(Port, 2, "at_exit { send_response(:in_block); loop {} }; exit"),
    ?assertEqual({response, in_block}, next(Port)),
    send(Port, {interrupt, 2}),
    ?assertEqual({reply, 2, {error, interrupted}}, next(Port)),
    still_works(Port),
    close(Port).

a_stop_is_raised_once_and_ensure_runs(_Config) ->
    Port = open(),
    Code = "$seen = []; begin; loop {}; rescue Exception => e; $seen << e.class.to_s << e.message; ensure; $seen << 'ensure'; end; :rescued",
    ?assertEqual({error, timeout}, eval(Port, Code, #{timeout => 20})),
    ?assertEqual({ok, [<<"Erlang::Timeout">>, <<"timeout">>, <<"ensure">>]}, eval(Port, "$seen")),
    begins(Port, 1, Code),
    send(Port, {interrupt, 1}),
    send(Port, {interrupt, 1}),
    ?assertEqual({reply, 1, {error, interrupted}}, next(Port)),
    ?assertEqual({ok, [<<"Erlang::Interrupt">>, <<"interrupted">>, <<"ensure">>]}, eval(Port, "$seen")),
    ?assertMatch({ok, #{timeouts := 1, interrupts := 1, errors := 2}}, ask(Port, {info, 1})),
    %% A cast that is stopped is no end, and is told.
    send(Port, {eval, <<"send_response(:begun); loop {}">>}),
    ?assertEqual({response, begun}, next(Port)),
    send(Port, interrupt),
    ?assertEqual({reply, undefined, {error, interrupted}}, next(Port)),
    still_works(Port),
    close(Port).

queued_requests_are_stopped(_Config) ->
    Port = open(),
    begins(Port, 1, "loop {}"),
    send(Port, {eval, 2, <<"$ran = 2">>}),
    send(Port, {eval, 3, <<"$ran = 3">>, #{timeout => 30}}),
    send(Port, {eval, <<"$ran = 4">>}),
    send(Port, {eval, 5, <<"$ran">>}),
    send(Port, {interrupt, 2}),
    ?assertEqual({reply, 2, {error, interrupted}}, next(Port)),
    ?assertEqual({reply, 3, {error, timeout}}, next(Port)),
    ?assertMatch({ok, #{state := running, queue := 2}}, ask(Port, {info, 6})),
    send(Port, {interrupt, 1}),
    ?assertEqual({reply, 1, {error, interrupted}}, next(Port)),
    ?assertEqual({reply, 5, {ok, 4}}, next(Port)),
    close(Port).

what_goes_on_after_a_stop_is_killed(_Config) ->
    Stubborn = ["loop { begin; loop {}; rescue Exception; end }", "begin; loop {}; ensure; loop {}; end",
                "begin; sleep; ensure; sleep; end", "begin; loop {}; rescue Exception; sleep 100; end",
                "begin; loop {}; rescue Exception; Thread.new { loop {} }.join; end",
                "begin; loop {}; ensure; begin; Erlang.call(:f); rescue Exception; end while true; end"],
    [begin
         Port = open(["grace=10", "slice=5000"]),
         begins(Port, 1, Code, #{timeout => 20}),
         send(Port, {eval, 2, <<"1">>}),
         send(Port, {eval, <<"1">>}),
         Frames = [Frame || Frame <- until_end(Port), element(1, Frame) =/= call],
         ?assertEqual({Code, [{reply, 1, {error, timeout}}, {reply, 2, {error, closed}}, {reply, undefined, {error, closed}},
                              {exit, killed}, {exit_status, 81}]}, {Code, Frames})
     end || Code <- Stubborn],
    %% Not within its grace
    Port = open(["grace=400"]),
    ?assertEqual({error, timeout}, eval(Port, "begin; loop {}; ensure; sleep 0.2; $late = 1; end", #{timeout => 20})),
    ?assertEqual({ok, 1}, eval(Port, "$late")),
    close(Port).

%% A handler of a signal in which no other is handled; functions in C that wait and heed none are alike.
what_heeds_no_signal_is_killed(_Config) ->
    Code = "trap('USR1') { loop {} }; Process.kill(:USR1, $$); sleep",
    Port = open(["slice=2000", "grace=2"]),
    begins(Port, 1, Code),
    send(Port, {eval, 2, <<"1">>}),
    send(Port, {interrupt, 1}),
    ?assertEqual([{reply, 1, {error, interrupted}}, {reply, 2, {error, closed}}, {exit, killed}, {exit_status, 81}], until_end(Port)),
    Late = open(["slice=2000", "grace=2"]),
    begins(Late, 1, Code, #{timeout => 50}),
    ?assertEqual([{reply, 1, {error, timeout}}, {exit, killed}, {exit_status, 81}], until_end(Late)),
    Closed = open(),
    begins(Closed, 1, Code),
    send(Closed, {eval, 2, binary:copy(<<" ">>, 100_000)}),
    close(Closed),
    %% One that comes back is none.
    Back = open(["grace=1000"]),
    begins(Back, 1, "trap('USR1') { t = Time.now; nil while Time.now - t < 1 }; Process.kill(:USR1, $$); loop {}"),
    send(Back, {eval, 2, <<":next">>}),
    send(Back, {interrupt, 1}),
    ?assertEqual([{reply, 1, {error, interrupted}}, {reply, 2, {ok, next}}], [next(Back), next(Back)]),
    close(Back).

%% Ruby's lock is given to it ten times a second.
without_a_timer_of_the_system_a_thread_looks(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "no_syscall.rb"),
    ok = file:write_file(File, "def Kernel.syscall(*) = raise(NotImplementedError)
"),
    Port = open(["grace=1000"], [nouse_stdio, {ruby, ["-r", File]}]),
    [begin
         begins(Port, 1, Code),
         send(Port, {interrupt, 1}),
         ?assertEqual({Code, {reply, 1, {error, interrupted}}}, {Code, next(Port)}),
         ?assertEqual({Code, {error, timeout}}, {Code, eval(Port, Code, #{timeout => 50})}),
         still_works(Port)
     end || Code <- ["loop {}", "sleep", "i = 0; i += 1 while true"]],
    close(Port).

%% Within milliseconds, whatever it computes; a tenth of a second is what a thread would need.
a_stop_comes_soon(_Config) ->
    Port = open(),
    Times = [begin
                 begins(Port, N, "i = 0; loop { i += 1 }"),
                 timer:sleep(N rem 7 * 3),
                 Start = erlang:monotonic_time(microsecond),
                 send(Port, {interrupt, N}),
                 {reply, N, {error, interrupted}} = next(Port),
                 erlang:monotonic_time(microsecond) - Start
             end || N <- lists:seq(1, 50)],
    Median = lists:nth(25, lists:sort(Times)),
    ct:pal("median ~b µs, most ~b µs", [Median, lists:max(Times)]),
    ?assert(Median < 40_000, Times),
    close(Port).

%% Stops that come at any moment: just before, in the middle and just after what is short.
no_stop_hits_the_protocol(_Config) ->
    Port = open(),
    Codes = ["1", "puts 'x' * 1000; 1", "send_response([1] * 200); 1", "Array.new(20000) { |i| i }", "raise 'x'",
             "5000.times { |i| i }; 1", "begin; 3000.times { |i| i }; ensure; 1; end; 1", "'y' * 100_000"],
    [begin
         Code = lists:nth(N rem length(Codes) + 1, Codes),
         send(Port, {eval, N, list_to_binary(Code), #{timeout => N rem 4}}),
         case N rem 3 of
             0 -> send(Port, {interrupt, N});
             1 -> ok;
             2 -> timer:sleep(1), send(Port, interrupt)
         end,
         Frames = until_reply(Port, N),
         {reply, N, Result} = lists:last(Frames),
         ?assertMatch({_, true}, {Result, is_possible(Result)})
     end || N <- lists:seq(1, 1500)],
    still_works(Port),
    nothing_more(Port),
    close(Port).

is_possible({ok, _}) -> true;
is_possible({error, timeout}) -> true;
is_possible({error, interrupted}) -> true;
is_possible({error, #{class := <<"RuntimeError">>}}) -> true;
is_possible(_) -> false.

the_end_of_input_ends_it_whatever_runs(_Config) ->
    Codes = ["loop {}", "sleep", "loop { begin; loop {}; rescue Exception; end }", "at_exit { sleep }; loop {}", "Erlang.call(:f)",
             "trap('TERM') {}; trap('HUP') {}; begin; loop {}; ensure; loop {}; end", "system('sleep 3')", "Thread.new { loop {} }.join",
             "loop { print 'x' * 100_000 }", "Thread.handle_interrupt(Object => :never) { loop {} }"],
    [begin
         Port = open(),
         begins(Port, 1, Code),
         Pid = os_pid(Port),
         true = port_close(Port),
         gone(Pid),
         flush()
     end || Code <- Codes],
    Idle = open(),
    still_works(Idle),
    close(Idle).

flush() -> _ = rubeam_ct:mailbox(), ok.

%% --- Erlang ---

functions_are_called(_Config) ->
    Port = open(),
    send(Port, {eval, {my, id}, <<"x = Erlang.call(:add, 1, [2, Erlang::Tuple[:three]]) + 1">>}),
    {call, {{my, id}, 1} = CallId, <<"add">>, [1, [2, {three}]]} = next(Port),
    ?assertMatch({ok, #{state := waiting, waiting_for := function, nested := 0}}, ask(Port, {info, 9})),
    send(Port, {return, CallId, {ok, 41}}),
    ?assertEqual({reply, {my, id}, {ok, 42}}, next(Port)),
    send(Port, {return, CallId, {ok, 41}}), % nobody waits any more
    %% Numbers are new each time; casts and messages have no Id.
    send(Port, {eval, <<"send_response(Erlang.call('f'))">>}),
    {call, {undefined, 2}, <<"f">>, []} = next(Port),
    send(Port, {return, {undefined, 1}, {ok, wrong}}),
    send(Port, {return, {undefined, 2}, {ok, right}}),
    ?assertEqual({response, right}, next(Port)),
    %% Failures
    Rescue = fun(Result) ->
                     send(Port, {eval, 3, <<"begin; Erlang.call(:f); rescue Erlang::CallError => e; "
                                            "[e.kind, e.reason, e.message, e.stack]; end">>}),
                     {call, Id, _, _} = next(Port),
                     send(Port, {return, Id, Result}),
                     {reply, 3, {ok, Value}} = next(Port),
                     Value
             end,
    ?assertEqual([exit, {a, 1}, <<"exit: {a,1}">>, [<<"x">>]],
                 Rescue({error, #{class => exit, reason => {a, 1}, message => <<"exit: {a,1}">>, stack => [<<"x">>]}})),
    ?assertEqual([error, nil, <<"improper">>, []],
                 Rescue({error, #{class => error, reason => [1 | 2], message => <<"improper">>, stack => []}})),
    ?assertEqual([error, {own, reason}, <<"Erlang::Tuple[:own, :reason]">>, []], Rescue({error, {own, reason}})),
    send(Port, {eval, 4, <<"Erlang.call(:f)">>}),
    {call, Improper, _, _} = next(Port),
    send(Port, {return, Improper, {ok, [1 | 2]}}),
    ?assertMatch({reply, 4, {error, #{class := <<"Erlang::TermError">>}}}, next(Port)),
    ?assertMatch({error, #{class := <<"TypeError">>, message := <<"the name of a function must be a Symbol or a String, not NilClass">>}},
                 eval(Port, "Erlang.call(nil)")),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, eval(Port, "Erlang.call(:f, Object.new)")),
    {error, #{message := Why}} = eval(Port, "Thread.new { Thread.current.report_on_exception = false; Erlang.call(:f) }.value"),
    ?assertMatch({match, _}, re:run(Why, "main thread")),
    %% All in one piece, since the program has only begun: what was read with the request is seen while that waits.
    Fresh = open(),
    send(Fresh, {eval, 1, <<"Erlang.call(:f)">>}),
    send(Fresh, {info, 2}),
    ?assertMatch([{reply, 2, {ok, #{}}}, {call, {1, 1}, _, _}], lists:sort([next(Fresh), next(Fresh)])),
    send(Fresh, {return, {1, 1}, {ok, 5}}),
    ?assertEqual({reply, 1, {ok, 5}}, next(Fresh)),
    close(Fresh),
    %% Other requests wait for one that waits.
    send(Port, {eval, 5, <<"x = 1; Erlang.call(:hold); x += 1">>}),
    {call, Hold, _, _} = next(Port),
    send(Port, {eval, 6, <<"x *= 10">>}),
    nothing_more(Port),
    send(Port, {return, Hold, {ok, 0}}),
    ?assertEqual([{reply, 5, {ok, 2}}, {reply, 6, {ok, 20}}], [next(Port), next(Port)]),
    close(Port).

within(Port, CallId, Request) -> send(Port, {within, CallId, term_to_binary(Request)}).

functions_may_ask_back(_Config) ->
    Port = open(),
    send(Port, {eval, 1, <<"x = 5; [x, Erlang.call(:back), x]">>}),
    {call, CallId, _, _} = next(Port),
    within(Port, CallId, {eval, 2, <<"x += 1">>}),
    ?assertEqual({reply, 2, {ok, 6}}, next(Port)),
    within(Port, CallId, {eval, 3, <<"1 / 0">>}),
    ?assertMatch({reply, 3, {error, #{class := <<"ZeroDivisionError">>}}}, next(Port)),
    within(Port, CallId, {eval, 4, <<"loop {}">>, #{timeout => 20}}),
    ?assertEqual({reply, 4, {error, timeout}}, next(Port)),
    within(Port, CallId, {call, 5, to_s, []}),
    ?assertEqual({reply, 5, {ok, <<"main">>}}, next(Port)),
    within(Port, CallId, {eval, <<"x = 70">>}), % a cast comes after
    within(Port, CallId, {info, 6}),
    ?assertMatch({reply, 6, {ok, #{queue := 1}}}, next(Port)),
    within(Port, CallId, {nonsense}),
    ?assertMatch({reply, undefined, {error, {bad_request, _}}}, next(Port)),
    within(Port, CallId, {within, CallId, <<>>}),
    ?assertMatch({reply, undefined, {error, {bad_request, _}}}, next(Port)),
    send(Port, {return, CallId, {ok, back}}),
    ?assertEqual({reply, 1, {ok, [5, back, 6]}}, next(Port)),
    ?assertEqual({ok, 70}, eval(Port, "x")),
    within(Port, CallId, {eval, 7, <<"x + 1">>}), % nobody waits: as any other
    ?assertEqual({reply, 7, {ok, 71}}, next(Port)),
    close(Port).

%% Two levels wait; what belongs to the lower one runs when the upper one is over.
a_request_within_waits_for_its_level(_Config) ->
    Port = open(),
    send(Port, {eval, 1, <<"$log = []; Erlang.call(:lower); $log << 1">>}),
    {call, Lower, _, _} = next(Port),
    within(Port, Lower, {eval, 2, <<"Erlang.call(:upper); $log << 2">>}),
    {call, Upper, _, _} = next(Port),
    ?assertMatch({ok, #{nested := 1}}, ask(Port, {info, 9})),
    within(Port, Lower, {eval, 3, <<"$log << 3">>}),
    within(Port, Upper, {eval, 4, <<"$log << 4">>}),
    ?assertEqual({reply, 4, {ok, [4]}}, next(Port)),
    send(Port, {return, Upper, {ok, 0}}),
    ?assertEqual({reply, 2, {ok, [4, 2]}}, next(Port)),
    ?assertEqual({reply, 3, {ok, [4, 2, 3]}}, next(Port)),
    send(Port, {return, Lower, {ok, 0}}),
    ?assertEqual({reply, 1, {ok, [4, 2, 3, 1]}}, next(Port)),
    close(Port).

sixty_four_levels_deep_there_is_an_end(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def down(n) = Erlang.call(:deeper, n)"),
    send(Port, {call, 0, down, [1]}),
    deeper(Port, 1),
    still_works(Port),
    close(Port).

deeper(Port, N) ->
    {call, CallId, <<"deeper">>, [N]} = next(Port),
    within(Port, CallId, {call, N, down, [N + 1]}),
    case N of
        65 ->
            ?assertEqual({reply, N, {error, {bad_request, <<"Erlang functions and the requests that they make are nested too deep">>}}},
                         next(Port));
        _ ->
            deeper(Port, N + 1)
    end,
    send(Port, {return, CallId, {ok, N}}),
    {reply, _, {ok, N}} = next(Port).

functions_and_stops(_Config) ->
    Port = open(["grace=200"]),
    %% The time of a request passes in its functions.
    send(Port, {eval, 1, <<"begin; Erlang.call(:slow); ensure; $e = 1; end">>, #{timeout => 20}}),
    {call, Slow, _, _} = next(Port),
    ?assertEqual({reply, 1, {error, timeout}}, next(Port)),
    send(Port, {return, Slow, {ok, late}}),
    ?assertEqual({ok, 1}, eval(Port, "$e")),
    %% An interrupt of the lower one stops those upon it first.
    send(Port, {eval, 1, <<"begin; Erlang.call(:a); ensure; $order << 1; end">>}),
    {call, A, _, _} = next(Port),
    within(Port, A, {eval, 2, <<"$order = []; begin; Erlang.call(:b); ensure; $order << 2; end">>}),
    {call, B, _, _} = next(Port),
    send(Port, {interrupt, 1}),
    ?assertEqual({reply, 2, {error, interrupted}}, next(Port)),
    ?assertEqual({reply, 1, {error, interrupted}}, next(Port)),
    ?assertEqual({ok, [2, 1]}, eval(Port, "$order")),
    send(Port, {return, B, {ok, 0}}),
    %% One of the upper one leaves the lower.
    send(Port, {eval, 1, <<"Erlang.call(:a)">>}),
    {call, C, _, _} = next(Port),
    within(Port, C, {eval, 2, <<"loop {}">>}),
    timer:sleep(20),
    send(Port, {interrupt, 2}),
    ?assertEqual({reply, 2, {error, interrupted}}, next(Port)),
    send(Port, {return, C, {ok, fine}}),
    ?assertEqual({reply, 1, {ok, fine}}, next(Port)),
    %% The lower one's time is over while the upper one runs.
    send(Port, {eval, 1, <<"Erlang.call(:a)">>, #{timeout => 60}}),
    {call, D, _, _} = next(Port),
    within(Port, D, {eval, 2, <<"loop {}">>}),
    ?assertEqual({reply, 2, {error, timeout}}, next(Port)),
    ?assertEqual({reply, 1, {error, timeout}}, next(Port)),
    %% A stopped script waits for its grace, no longer.
    send(Port, {eval, 1, <<"begin; loop {}; ensure; begin; Erlang.call(:f); rescue Erlang::CallError => e; $e = [e.kind, e.reason]; end; end">>,
                #{timeout => 20}}),
    {call, _, _, _} = next(Port),
    ?assertEqual({reply, 1, {error, timeout}}, next(Port)),
    ?assertEqual({ok, [exit, noproc]}, eval(Port, "$e")),
    nothing_more(Port),
    close(Port).

messages_go_both_ways(_Config) ->
    Port = open(["queue_limit=5"]),
    ?assertEqual({ok, nil}, eval(Port, "Erlang.self")),
    ?assertEqual({ok, nil}, ask(Port, {owner, 1, self()})),
    ?assertEqual({ok, self()}, eval(Port, "Erlang.self")),
    Ref = make_ref(),
    [begin
         send(Port, {call, 1, {'Erlang', send}, [To, {hello, 1}]}),
         ?assertEqual([{send, To, {hello, 1}}, {reply, 1, {ok, {hello, 1}}}], until_reply(Port, 1))
     end || To <- [self(), name, <<"name">>, {name, node()}, Ref]],
    [?assertMatch({error, #{class := <<"TypeError">>}}, ask(Port, {call, 1, {'Erlang', send}, [To, x]}))
     || To <- [1, nil, [a, b], {a}, {a, b, c}, Port, #{}, 1.5]],
    %% To Ruby
    send(Port, {message, early}),
    ?assertEqual({ok, [early]}, eval(Port, "seen = []; Erlang.on_message { |term| seen << term }; seen")),
    [send(Port, {message, {N}}) || N <- lists:seq(1, 100)],
    ?assertEqual({ok, [early | [{N} || N <- lists:seq(1, 100)]]}, eval(Port, "seen")),
    ?assertEqual({ok, nil}, eval(Port, "Erlang.on_message")),
    [send(Port, {message, N}) || N <- lists:seq(1, 6)],
    ?assertMatch([{exit, {error, #{class := <<"RuntimeError">>, message := <<"too many messages wait for Erlang.on_message">>}}},
                  {exit_status, 1}], until_end(Port)).

messages_are_held_back(_Config) ->
    Port = open(),
    send(Port, {sent, 0}),
    begins(Port, 1, "m = 'x' * 10_000; 200.times { Erlang.send(:a, m) }; :done"),
    First = printed_until_it_waits(Port, 0),
    ?assert(First > 250_000 andalso First < 300_000, First),
    All = First + take_sent(Port, First),
    ?assert(All > 2_000_000, All),
    close(Port).

take_sent(Port, Bytes) ->
    send(Port, {sent, Bytes}),
    receive {Port, {data, Frame}} ->
            case binary_to_term(Frame) of
                {send, a, _} -> byte_size(Frame) + 64 + take_sent(Port, byte_size(Frame) + 64);
                {reply, 1, {ok, done}} -> 0
            end
    after 10000 -> ct:fail(held_up)
    end.

requests_without_a_result_can_be_accepted(_Config) ->
    Port = open(["queue_limit=1"]),
    Accept = fun(Id, Request) -> send(Port, {accept, Id, term_to_binary(Request)}), next(Port) end,
    ?assertEqual({reply, {an, id}, ok}, Accept({an, id}, {eval, <<"send_response(:ran)">>})),
    ?assertEqual({response, ran}, next(Port)),
    {ok, _} = eval(Port, "Erlang.on_message { |m| send_response(m) }; 1"),
    ?assertEqual({reply, 2, ok}, Accept(2, {message, hello})),
    ?assertEqual({response, hello}, next(Port)),
    ?assertEqual({reply, 3, ok}, Accept(3, interrupt)),
    ?assertEqual({reply, 3, ok}, Accept(3, {interrupt, 1})),
    ?assertEqual({reply, 3, {error, gone}}, Accept(3, {return, {1, 1}, {ok, 1}})),
    [?assertMatch({reply, 4, {error, {bad_request, _}}}, Accept(4, Request))
     || Request <- [{eval, 1, <<"1">>}, {info, 1}, nonsense, {call, 1, a, []}, {accept, 1, <<>>}, {eval, no_code}, {owner, 1, self()}]],
    send(Port, {accept, 5, <<1, 2, 3>>}),
    ?assertMatch({reply, 5, {error, {bad_request, _}}}, next(Port)),
    begins(Port, 6, "Erlang.call(:f)"),
    {call, CallId, _, _} = next(Port),
    ?assertEqual({reply, 7, ok}, Accept(7, {eval, <<"1">>})),
    ?assertEqual({reply, 8, {error, busy}}, Accept(8, {eval, <<"1">>})),
    ?assertEqual({reply, 9, ok}, Accept(9, {return, CallId, {ok, 1}})),
    ?assertEqual({reply, 6, {ok, 1}}, next(Port)),
    close(Port).

%% --- Ends ---

exits_have_their_status(_Config) ->
    Cases = [{"exit", [{exit, 0}], 0}, {"exit(3)", [{exit, 3}], 3}, {"exit false", [{exit, 1}], 1}, {"exit(256 + 7)", [{exit, 263}], 7},
             {"exit!", [{exit, 1}], 1}, {"begin; exit!(4); ensure; puts 'ensure'; end", [{exit, 4}], 4}, {"exit! true", [{exit, 0}], 0},
             {"Process.exit!(6)", [{exit, 6}], 6}, {"abort 'why'", [{output, stderr, <<"why\n">>}, {exit, 1}], 1},
             {"raise SystemExit", [{exit, 0}], 0}, {"begin; exit(4); rescue => e; end", [{exit, 4}], 4},
             {"at_exit { puts 'last' }; at_exit { puts 'first'; exit 5 }; exit",
              [{output, stdout, <<"first\n">>}, {output, stdout, <<"last\n">>}, {exit, 5}], 5},
             {"at_exit { raise 'oops' }; exit 2", [{output, stderr, <<"(eval):1: oops (RuntimeError)\n">>}, {exit, 2}], 2},
             {"at_exit { puts 'never' }; exit! true", [{exit, 0}], 0}, {"Thread.new { exit 9 }; sleep", [{exit, 9}], 9},
             {"fork { exit 8 }; Process.wait; exit $?.exitstatus", [{exit, 8}], 8},
             {"END { puts 'END' }; trap('EXIT') { puts 'EXIT' }; exit 1", [{exit, 1}], 1}],
    [begin
         Port = open(),
         send(Port, {eval, 1, list_to_binary(Code)}),
         Frames = until_end(Port),
         ?assertEqual({Code, Expected ++ [{exit_status, Status}]}, {Code, Frames -- [{reply, 1, {error, closed}}]}),
         ?assert(lists:member({reply, 1, {error, closed}}, Frames))
     end || {Code, Expected, Status} <- Cases],
    Port = open(),
    ?assertEqual({ok, 5}, eval(Port, "begin; exit(5); rescue SystemExit => e; e.status; end")),
    close(Port).

a_cast_that_raises_is_the_end(_Config) ->
    [begin
         Port = open(),
         send(Port, {eval, list_to_binary(Code)}),
         send(Port, {eval, 2, <<"1">>}),
         Frames = until_end(Port),
         {value, {exit, {error, #{class := Class}}}, Others} = lists:keytake(exit, 1, Frames),
         ?assertEqual([{exit_status, 1}], Others -- [{reply, 2, {error, closed}}])
     end || {Code, Class} <- [{"1/0", <<"ZeroDivisionError">>}, {"def", <<"SyntaxError">>}, {"raise Exception", <<"Exception">>}]],
    Told = open(),
    send(Told, {eval, <<"at_exit { puts 'bye' }; raise ArgumentError, 'no'">>}),
    ?assertMatch([{output, stdout, <<"bye\n">>}, {exit, {error, #{message := <<"no">>}}}, {exit_status, 1}], until_end(Told)),
    Message = open(),
    send(Message, {eval, <<"Erlang.on_message { |m| raise m.to_s }">>}),
    send(Message, {message, <<"no">>}),
    ?assertMatch([{exit, {error, #{message := <<"no">>}}}, {exit_status, 1}], until_end(Message)).

what_waits_is_closed(_Config) ->
    Port = open(),
    send(Port, {eval, 1, <<"Erlang.call(:a)">>}),
    {call, A, _, _} = next(Port),
    send(Port, {eval, 2, <<"1">>}),
    send(Port, {eval, <<"1">>}),
    within(Port, A, {eval, 3, <<"exit 4">>}),
    ?assertEqual([{reply, 3, {error, closed}}, {reply, 1, {error, closed}}, {reply, 2, {error, closed}},
                  {reply, undefined, {error, closed}}, {exit, 4}, {exit_status, 4}], until_end(Port)).

a_fork_has_no_part_in_the_protocol(_Config) ->
    Port = open(),
    send(Port, {eval, 1, <<"pid = fork { puts 'child'; begin; send_response(1); rescue => e; puts e.class; end; exit 3 }; Process.wait(pid); $?.exitstatus">>}),
    ?assertEqual([<<"child\nErlang::Error\n">>, {reply, 1, {ok, 3}}], joined(until_reply(Port, 1))),
    %% Without a block the child goes on with the code, and ends with it.
    send(Port, {eval, 2, <<"if (pid = fork) then Process.wait(pid); $?.exitstatus else puts 'child' end">>}),
    ?assertEqual([<<"child\n">>, {reply, 2, {ok, 0}}], joined(until_reply(Port, 2))),
    send(Port, {eval, 3, <<"at_exit { puts 'twice' }; if (pid = fork) then Process.wait(pid); $?.exitstatus else raise 'no' end">>}),
    [Text, {reply, 3, {ok, 1}}] = joined(until_reply(Port, 3)),
    ?assertMatch({match, _}, re:run(Text, "twice")),
    still_works(Port),
    %% A child that lives on holds nothing up.
    {ok, _} = eval(Port, "spawn('sleep 2'); fork { sleep 2 }; 1"),
    close(Port).

%% The texts of neighbouring frames, as one
joined(Frames) ->
    {Output, Others} = lists:partition(fun(Frame) -> element(1, Frame) =:= output end, Frames),
    [iolist_to_binary([Text || {output, _, Text} <- Output]) | Others].

memory_is_limited(_Config) ->
    Port = open(["memory_limit=40000000"]),
    still_works(Port),
    ?assertEqual({error, memory_limit}, eval(Port, "a = []; loop { a << 'x' * 1000 }", #{timeout => 20000})),
    ?assertMatch({ok, <<"rescued">>}, eval(Port, "a = nil; GC.start; begin; b = []; loop { b << 'x' * 1000 }; rescue NoMemoryError; b = nil; 'rescued'; end")),
    {ok, #{memory_limit := 40000000}} = ask(Port, {info, 1}),
    send(Port, {eval, 2, <<"a = []; begin; loop { a << 'x' * 10_000 }; rescue NoMemoryError; loop { a << 'x' * 10_000 }; end">>}),
    ?assertEqual([{reply, 2, {error, memory_limit}}, {exit, memory_limit}, {exit_status, 82}], until_end(Port)).

the_queue_is_limited(_Config) ->
    Port = open(["queue_limit=3"]),
    begins(Port, 1, "Erlang.call(:hold)"),
    {call, Hold, _, _} = next(Port),
    [send(Port, {eval, N, <<"1">>}) || N <- lists:seq(2, 4)],
    send(Port, {eval, 5, <<"1">>}),
    ?assertEqual({reply, 5, {error, busy}}, next(Port)),
    send(Port, {eval, <<"1">>}),
    ?assertEqual({reply, undefined, {error, busy}}, next(Port)),
    ?assertMatch({ok, #{queue := 3, queue_limit := 3}}, ask(Port, {info, 6})),
    send(Port, {return, Hold, {ok, 0}}),
    [?assertEqual({reply, N, {ok, V}}, next(Port)) || {N, V} <- [{1, 0}, {2, 1}, {3, 1}, {4, 1}]],
    still_works(Port),
    close(Port).

words_are_checked(_Config) ->
    Bad = ["unknown=1", "packet=3", "packet", "memory_limit=0", "memory_limit=x", "memory_limit=", "memory_limit=-1", "timeout=1.5",
           "=1", "pool=some", "x", "slice=1", "max_depth=99999999999999999999999", "max_depth=1025", "events=yes", "load_path=",
           "load_path=a", "load_path=/a:b", "load_path=/%00", "load_path=/%zz", "load_path=/a b", "max_frame=63", "grace=0", "manager"],
    [begin
         Said = os:cmd("exec 3<&- 4>&-; ruby '" ++ program() ++ "' '" ++ Word ++ "' 2>&1; echo $?"),
         ?assertMatch({_, {match, _}}, {Word, re:run(Said, "^rubeam: .*\\n64\\n$")}),
         ?assertMatch({_, nomatch}, {Said, re:run(Said, "rubeam.rb:")})
     end || Word <- Bad],
    ?assertMatch({match, _}, re:run(os:cmd("ruby '" ++ program() ++ "' 3<&- 4>&- 2>&1; echo $?"), "^rubeam: .*\\n64\\n$")),
    Good = ["timeout=1000", "grace=2", "slice=50", "queue_limit=0", "max_frame=64", "max_source=1", "max_depth=1024", "max_atoms=0",
            "load_path=/a:/b%20c:", "events=off", "memory_limit=1048576", "pool=threads", "packet=4"],
    [begin
         Port = open([Word]),
         ?assertEqual({Word, {ok, 1}}, {Word, ask(Port, {eval, 1, <<"1">>})}),
         close(Port)
     end || Word <- Good].

%% --- Seeing inside ---

info_is_answered_at_once(_Config) ->
    Port = open(),
    {ok, Idle} = ask(Port, {info, 1}),
    ?assertMatch(#{transport := cruby, state := idle, waiting_for := nothing, queue := 0, jobs := 0, os_pid := _, memory := _,
                   memory_peak := _, memory_limit := infinity, objects := _, collections := _, queue_limit := 10000, timeout := 0,
                   evals := 0, calls := 0, errors := 0, timeouts := 0, interrupts := 0, nested := 0}, Idle),
    ?assertEqual(os_pid(Port), maps:get(os_pid, Idle)),
    ?assert(maps:get(memory, Idle) > 5_000_000),
    ?assert(is_binary(maps:get(ruby, Idle))),
    begins(Port, 2, "loop {}"),
    ?assertMatch({ok, #{state := running, waiting_for := nothing, jobs := 0}}, ask(Port, {info, 3})),
    send(Port, interrupt),
    ?assertEqual({reply, 2, {error, interrupted}}, next(Port)),
    begins(Port, 4, "sleep"),
    timer:sleep(30),
    ?assertMatch({ok, #{state := waiting, waiting_for := time}}, ask(Port, {info, 5})),
    send(Port, interrupt),
    ?assertEqual({reply, 4, {error, interrupted}}, next(Port)),
    _ = ask(Port, {call, 6, to_s, []}),
    ?assertMatch({ok, #{jobs := 3, evals := 2, calls := 1, errors := 2, interrupts := 2}}, ask(Port, {info, 7})),
    close(Port).

globals_and_garbage(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, <<"$answer = [42, :x]; name = 'Grüße'; h = {a: nil}; long = 'ä' * 10_000; def global_variables = []\n"
                           "class Bad; def inspect = raise('no'); end; class Odd; def inspect = 5; end; bad = Bad.new; odd = Odd.new; 1"/utf8>>),
    {ok, Globals} = eval(Port, "Erlang.globals"),
    ?assertMatch(#{<<"$answer">> := <<"[42, :x]">>, <<"name">> := <<"\"Grüße\""/utf8>>, <<"h">> := <<"{:a=>nil}">>,
                   <<"bad">> := <<"(can't be told: it raises)">>, <<"odd">> := _, <<"$stdout">> := _}, Globals),
    Long = maps:get(<<"long">>, Globals),
    ?assert(byte_size(Long) < 1010),
    ?assert(is_list(unicode:characters_to_list(Long))),
    {ok, _} = eval(Port, "class Slow; def inspect = loop {}; end; slow = Slow.new; nil"),
    ?assertEqual({error, timeout}, ask(Port, {call, 1, {'Erlang', globals}, [], #{timeout => 50}})),
    {ok, Bytes} = ask(Port, {call, 1, {<<"Erlang">>, gc}, []}),
    ?assert(Bytes > 1_000_000),
    close(Port).

events_tell_what_becomes_of_requests(_Config) ->
    Port = open(["events=on", "queue_limit=1"]),
    Event = fun() -> {event, Event} = next(Port), Event end,
    send(Port, {eval, 1, <<"1">>}),
    {request, eval, nil, ok, Duration, Memory} = Event(),
    ?assert(Duration > 0 andalso Duration < 10_000_000_000 andalso Memory > 1_000_000),
    {reply, 1, {ok, 1}} = next(Port),
    Kinds = [{{call, 2, {<<"Math">>, sqrt}, [4]}, {call, <<"Math.sqrt">>, ok}}, {{call, 2, to_s, []}, {call, <<"to_s">>, ok}},
             {{eval, 2, <<"raise 'x'">>}, {eval, nil, error}}, {{compile, 2, <<"1">>}, {compile, nil, ok}},
             {{load, 2, <<>>}, {load, nil, error}}, {{eval, 2, <<"loop {}">>, #{timeout => 20}}, {eval, nil, timeout}}],
    [begin
         send(Port, Request),
         {request, Kind, Target, Outcome, _, _} = Event(),
         ?assertEqual(Expected, {Kind, Target, Outcome}),
         {reply, 2, _} = next(Port)
     end || {Request, Expected} <- Kinds],
    send(Port, {eval, <<"1">>}),
    ?assertMatch({request, cast, nil, ok, _, _}, Event()),
    send(Port, {message, 1}),
    ?assertMatch({request, message, nil, ok, _, _}, Event()),
    begins(Port, 3, "Erlang.call(:f)"),
    {call, _, _, _} = next(Port),
    send(Port, {eval, 4, <<"1">>}),
    send(Port, {eval, 5, <<"1">>}),
    ?assertMatch([{event, {request, eval, nil, busy, _, _}}, {reply, 5, {error, busy}}], [next(Port), next(Port)]),
    send(Port, interrupt),
    ?assertMatch({request, eval, nil, interrupted, _, _}, Event()),
    {reply, 3, {error, interrupted}} = next(Port),
    ?assertMatch({request, eval, nil, ok, _, _}, Event()),
    {reply, 4, _} = next(Port),
    Stubborn = open(["events=on", "grace=2"]),
    send(Stubborn, {eval, 1, <<"loop { begin; loop {}; rescue Exception; end }">>, #{timeout => 20}}),
    ?assertMatch([{event, {request, eval, nil, timeout, _, _}}, {reply, 1, {error, timeout}}, {event, {exit, killed, _}},
                  {exit, killed}, {exit_status, 81}], until_end(Stubborn)),
    send(Port, {eval, 6, <<"exit 5">>}),
    ?assertMatch([{event, {request, eval, nil, exit, _, _}}, {reply, 6, {error, closed}}, {event, {exit, 5, _}}, {exit, 5},
                  {exit_status, 5}], until_end(Port)).

%% --- Hostile ---

%% Random, and good ones with a few bytes changed. All are answered but for casts and what was given as good.
any_bytes_as_frames_are_answered(_Config) ->
    Port = open(["timeout=2000", "grace=2000"]),
    rand:seed(exsss, {1, 2, 3}),
    Good = [term_to_binary(T) || T <- [{eval, 1, <<"[1, {a: 'b'}]">>}, {call, {a, [b]}, to_s, [1.5, <<"x">>, #{a => [1]}]},
                                       {eval, make_ref(), <<"1">>, #{timeout => 100, bindings => #{a => 1}}}, {info, self()},
                                       {return, {1, 1}, {ok, 1 bsl 70}}, {interrupt, fun lists:map/2}, {load, 1, <<"abc">>},
                                       {within, {1, 1}, term_to_binary({eval, 1, <<"1">>})}, {accept, 1, term_to_binary(interrupt)},
                                       {call, 1, to_s, [[[[]]], fun() -> Port end]}]],
    [begin
         Frame = case N rem 3 of
                     0 -> rand:bytes(rand:uniform(40));
                     1 -> <<131, (rand:bytes(rand:uniform(40)))/binary>>;
                     2 -> mutated(lists:nth(rand:uniform(length(Good)), Good), rand:uniform(3))
                 end,
         true = port_command(Port, Frame),
         N rem 50 =:= 0 andalso works_after(Port, N)
     end || N <- lists:seq(1, 3000)],
    works_after(Port, last),
    close(Port).

mutated(Bytes, 0) -> Bytes;
mutated(Bytes, Times) ->
    At = rand:uniform(byte_size(Bytes)) - 1,
    <<Head:At/binary, Byte, Tail/binary>> = Bytes,
    Changed = case rand:uniform(3) of
                  1 -> <<Head/binary, (rand:uniform(256) - 1), Tail/binary>>;
                  2 -> <<Head/binary, Tail/binary, 0>>;
                  3 -> <<Head/binary, Byte, (rand:uniform(256) - 1), Tail/binary>>
              end,
    mutated(Changed, Times - 1).

works_after(Port, N) ->
    send(Port, {eval, {works, N}, <<"6 * 7">>}),
    is_answered(Port, N).

%% An Id with a changed byte may be one that the VM itself does not take back.
is_answered(Port, N) ->
    receive
        {Port, {data, Frame}} ->
            case try binary_to_term(Frame) catch error:badarg -> none end of
                {reply, {works, N}, Result} -> ?assertEqual({ok, 42}, Result);
                _ -> is_answered(Port, N)
            end;
        {Port, {exit_status, Status}} ->
            ct:fail({exit_status, N, Status})
    after 15000 -> ct:fail({hangs, N})
    end.

bombs_and_lies_are_refused(_Config) ->
    Port = open(["max_depth=1024"]),
    {ok, _} = eval(Port, "def same(x) = x"),
    Call = fun(Argument) ->
                   true = port_command(Port, <<131, 104, 4, 119, 4, "call", 97, 1, 119, 4, "same", 108, 1:32, Argument/binary, 106>>),
                   case next(Port) of
                       {reply, 1, {error, {bad_request, _}}} -> refused;
                       {reply, 1, {error, #{class := Class}}} -> Class;
                       {reply, 1, {ok, _}} -> ok
                   end
           end,
    Lists = fun(N) -> iolist_to_binary([binary:copy(<<108, 1:32>>, N), 106, binary:copy(<<106>>, N)]) end,
    ?assertEqual(ok, Call(Lists(1023))),
    [?assertEqual(<<"Erlang::TermError">>, Call(Lists(N))) || N <- [1025, 100_000]],
    Tuples = fun(N) -> <<(binary:copy(<<104, 1>>, N))/binary, 106>> end,
    [?assertEqual(<<"Erlang::TermError">>, Call(Tuples(N))) || N <- [2000, 1_000_000]],
    ?assertEqual(<<"Erlang::TermError">>, Call(<<(binary:copy(<<116, 1:32, 97, 1>>, 100_000))/binary, 106>>)),
    %% Lists in lists, each of which claims all the rest; heads and lengths that lie
    [?assertEqual({Lie, refused}, {Lie, Call(Lie)})
     || Lie <- [binary:copy(<<108, 1000:32>>, 1000), <<108, 16#FFFFFFFF:32>>, <<105, 16#FFFFFFFF:32>>, <<116, 16#7FFFFFFF:32>>,
                <<109, 16#FFFFFFFF:32>>, <<110, 255, 0>>, <<111, 16#FFFFFFFF:32, 0>>, <<107, 65535:16>>, <<77, 16#FFFFFFFF:32, 8>>,
                <<119, 255, "a">>, <<118, 65535:16, "a">>, <<119, 1, 255>>, <<70, 16#7FF8000000000000:64>>, <<99, 0:248>>,
                <<112, 16#FFFFFFFF:32>>, <<112, 30:32, 0:400>>, <<90, 65535:16>>, <<90, 6:16, 119, 1, "n", 0:256>>, <<103, 97, 1>>,
                <<113, 119, 1, "m", 119, 1, "f", 98, -1:32>>, <<77, 1:32, 9, 1>>, <<77, 0:32, 1>>, <<0>>, <<131, 97, 1>>]],
    %% Closures within the free variables of closures
    Funs = lists:foldl(fun(_, T) -> fun() -> T end end, 0, lists:seq(1, 300)),
    <<131, Closures/binary>> = term_to_binary(Funs),
    ?assertEqual(ok, Call(Closures)),
    Deep = lists:foldl(fun(_, Inner) ->
                               Rest = <<0, 0:128, 0:32, 1:32, 119, 1, "m", 97, 0, 97, 0, 88, 119, 1, "n", 1:32, 2:32, 3:32>>,
                               <<112, (4 + byte_size(Rest) + byte_size(Inner)):32, Rest/binary, Inner/binary>>
                       end, <<97, 1>>, lists:seq(1, 1100)),
    ?assertEqual(refused, Call(Deep)),
    %% Large and right
    ?assertEqual(ok, Call(<<108, 1_000_000:32, (binary:copy(<<106>>, 1_000_001))/binary>>)),
    ?assertEqual(<<"Erlang::TermError">>, Call(<<111, 65537:32, 0, (binary:copy(<<1>>, 65537))/binary>>)),
    still_works(Port),
    close(Port).

a_stream_that_promises_too_much_is_refused(_Config) ->
    Good = open(["max_frame=1000"]),
    Long = binary:copy(<<" ">>, 1000 - 20),
    ?assertEqual({ok, nil}, ask(Good, {eval, 1, Long})),
    ?assertEqual({error, {bad_request, <<"the frame is longer than max_frame">>}}, ask(Good, {eval, 1, <<Long/binary, "          ">>})),
    send(Good, {accept, 1, term_to_binary({eval, Long})}),
    ?assertEqual({reply, 1, ok}, next(Good)),
    close(Good),
    Told = {reply, undefined, {error, {bad_request, <<"a frame longer than max_frame">>}}},
    [begin
         Port = open(["max_frame=1000"]),
         still_works(Port),
         Before(Port),
         true = port_command(Port, binary:copy(<<0>>, 1000 + 1024 + 1)),
         ?assertEqual([Told, {exit_status, 65}], until_end(Port))
     end || Before <- [fun(_) -> ok end, fun(Port) -> begins(Port, 1, "loop {}") end]].

%% A shell writes the bytes, since Erlang writes whole frames.
an_end_in_the_middle_of_a_frame(_Config) ->
    [begin
         Said = os:cmd("printf '" ++ Bytes ++ "' | ruby '" ++ program() ++ "' stdio | od -c | head -c 100; echo status $?"),
         ?assertEqual("0000000\nstatus 0\n", Said)
     end || Bytes <- ["", "\\0", "\\0\\0\\0", "\\0\\0\\0\\012", "\\0\\0\\0\\012\\203h\\003", "\\0\\017\\0\\012\\203h\\003"]].

ten_megabytes_both_ways(_Config) ->
    Port = open(),
    {ok, _} = eval(Port, "def same(x) = x"),
    Large = rand:bytes(10_000_000),
    {ok, Back} = ask(Port, {call, 1, same, [Large]}),
    ?assert(Back =:= Large),
    ?assertEqual({ok, 10_000_000}, ask(Port, {call, 1, {<<"Kernel">>, eval}, [<<"('x' * 10_000_000).bytesize">>]})),
    send(Port, {call, 1, send_response, [Large]}),
    {response, Same} = next(Port),
    ?assert(Same =:= Large),
    {reply, 1, {ok, true}} = next(Port),
    %% Many at once, of all sizes, some of which come in the middle of others
    Sizes = [0, 1, 1000, 65530, 65536, 65537, 200_000, 3_000_000],
    [send(Port, {call, N, same, [binary:copy(<<N>>, Size)]}) || {N, Size} <- lists:enumerate(Sizes)],
    [?assert({reply, N, {ok, binary:copy(<<N>>, Size)}} =:= next(Port)) || {N, Size} <- lists:enumerate(Sizes)],
    close(Port).

%% A peer that writes all of its requests before it reads anything: both pipes are full soon.
neither_side_blocks_the_other(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "peer.rb"),
    ok = file:write_file(File,
        "io = IO.popen([RbConfig.ruby, ARGV[0], 'stdio'], 'r+b')\n"
        "text = 'x' * 50_000\n"
        "300.times { |n|\n"
        "  body = [131, 104, 4, 119, 4].pack('C*') + 'call' + [98, n].pack('CN') + [104, 2, 119, 6].pack('C*') + 'Kernel' +\n"
        "         [119, 6].pack('C*') + 'String' + [108, 1, 109, text.bytesize].pack('CNCN') + text + 'j'\n"
        "  io.write([body.bytesize].pack('N'), body) }\n"
        "io.flush\n"
        "300.times { |n| size = io.read(4).unpack1('N'); reply = io.read(size)\n"
        "  raise reply[0, 80].inspect unless reply.end_with?(text) && reply[11, 4].unpack1('N') == n }\n"
        "print 'all there'\n"),
    ?assertEqual("all there", os:cmd("timeout 60 ruby " ++ File ++ " " ++ program() ++ " 2>&1")).

%% Each is answered, and the program works afterwards, or it has ended as it says.
scripts_that_break_things(_Config) ->
    Codes = ["$stdout = Object.new", "$stderr = STDERR; STDOUT.close", "STDIN.close", "Thread.list.each { |t| t.kill unless t == Thread.main }",
             "Thread.abort_on_exception = true; Thread.report_on_exception = false; Thread.new { raise 'x' } ; sleep",
             "Thread.main.raise('x'); 1", "t = Thread.main; Thread.new { sleep 0.05; t.raise('late') }; 1", "trap('INT') {}; trap('USR1') {}; Process.kill(:USR1, $$); 1",
             "begin; trap('ALRM') {}; rescue ArgumentError; 1; end", "def eval(*) = 1; def raise(*) = 2; def print(*) = 3; def sleep(*) = 4; 1",
             "def puts(*) = 1; def format(*) = 2; def loop = 3; def exit(*) = 4; def binding = 5; def call(*) = 6; def send_response(*) = 7; 1",
             "class Object; def id = raise('id'); def kind = raise('kind'); def stop = raise('stop'); def write(*) = raise('w'); end; 1",
             "srand; GC.stress = false; GC.disable; 1", "Object.send(:remove_const, :Erlang); 1", "module Kernel; def send(*) = 1; end; 1",
             "def method_missing(*) = 1; def respond_to_missing?(*) = true; nope", "ENV.clear; 1", "Dir.chdir('/'); 1", "$; = $, = nil; $/ = 'x'; 1",
             "ObjectSpace.each_object(String).count; 1", "set_trace_func(proc {}); set_trace_func(nil); 1", "$SAFE = 1; 1", "ARGV.replace(%w[a]); 1",
             "catch(:x) { throw :x }; 1", "Encoding.default_internal = 'UTF-8'; Encoding.default_external = 'ASCII-8BIT'; 1",
             "loop { raise StopIteration }; 1", "Fiber.yield", "break", "next 5", "return 7", "redo if false; 1", "retry", "yield", "BEGIN { $b = 1 }; $b", "[1].each { return 5 }", "pr = proc { return 1 }; pr.call", "def m = proc { return 1 }; m.call",
             "END { puts 'END' }; 1", "__END__\nx", "$0 = 'x'; 1", "Signal.list.size; 1", "Process.setproctitle('x'); 1", "callcc { } rescue 1"],
    [begin
         Port = open(),
         send(Port, {eval, 1, list_to_binary(Code)}),
         case until_reply_or_end(Port) of
             {reply, 1, Result} ->
                 ?assert(is_possible(Result) orelse element(1, Result) =:= error, {Code, Result}),
                 timer:sleep(case re:run(Code, "late") of nomatch -> 0; _ -> 100 end),
                 [catch send(Port, Request) || Request <- [{call, 2, to_s, []}, {eval, 3, <<"1 while true">>, #{timeout => 20}}]],
                 ends_or_works(Code, Port);
             Other ->
                 ?assertMatch({Code, {exit, _}}, {Code, Other}),
                 {exit_status, _} = next(Port)
         end,
         catch port_close(Port),
         flush()
     end || Code <- Codes].

until_reply_or_end(Port) ->
    case next(Port) of
        {output, _, _} -> until_reply_or_end(Port);
        {response, _} -> until_reply_or_end(Port);
        Frame -> Frame
    end.

ends_or_works(Code, Port) ->
    case until_reply_or_end(Port) of
        {exit, Reason} ->
            ?assertMatch({Code, {error, #{class := _}}}, {Code, Reason});
        Reply ->
            ?assertMatch({Code, {reply, 2, _}}, {Code, Reply}),
            ?assertEqual({Code, {reply, 3, {error, timeout}}}, {Code, until_reply_or_end(Port)})
    end.

nobody_reads(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "status"),
    Request = "sleep 0.5; printf '\\0\\0\\0\\020\\203h\\003w\\004evala\\001m\\0\\0\\0\\0011'; sleep 1",
    _ = os:cmd("( (" ++ Request ++ ") | (ruby " ++ program() ++ " stdio; echo $? >" ++ File ++ ") | true )"),
    ?assertEqual({ok, <<"74\n">>}, file:read_file(File)).

%% While what a child has written waits for who reads, a request comes, or what a function has returned: it is heard as
%% soon as all is read, though no other comes.
who_reads_late_is_answered(Config) ->
    Flood = <<"spawn('sleep 0.2; head -c 300000 /dev/zero'); ">>,
    Cases = [{[{eval, 1, <<Flood/binary, "1">>}], {eval, 2, <<"2">>}, {reply, 2, {ok, 2}}},
             {[{eval, 1, <<Flood/binary, "Erlang.call(:f)">>}], {return, {1, 1}, {ok, 3}}, {reply, 1, {ok, 3}}}],
    Directory = proplists:get_value(priv_dir, Config),
    [First, Second, Said] = [filename:join(Directory, Name) || Name <- ["first", "second", "said"]],
    [begin
         ok = file:write_file(First, [<<(byte_size(F)):32, F/binary>> || Term <- Terms, F <- [term_to_binary(Term)]]),
         F = term_to_binary(Later),
         ok = file:write_file(Second, <<(byte_size(F)):32, F/binary>>),
         _ = os:cmd("(cat " ++ First ++ "; sleep 0.7; cat " ++ Second ++ "; sleep 1.5) | ruby " ++ program() ++
                        " stdio | (sleep 1.2; cat >" ++ Said ++ ")"),
         {ok, Bytes} = file:read_file(Said),
         Frames = [binary_to_term(Frame) || <<Length:32, Frame:Length/binary>> <= Bytes],
         ?assertEqual(300_000, iolist_size([Text || {output, stdout, Text} <- Frames])),
         ?assertEqual({Later, true}, {Later, lists:member(Reply, Frames)})
     end || {Terms, Later, Reply} <- Cases].

no_process_is_left(_Config) ->
    rubeam_ct:until(fun() ->
        case os:cmd("pgrep -P $(pgrep -o -P " ++ os:getpid() ++ " erl_child_setup) -f rubeam.rb") of
            "" -> true;
            Left -> Left
        end
    end).
