%% What comes back from code that is evaluated?
-module(eval_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [state_lives_from_one_eval_to_the_next,
     several_lines_are_one_piece_of_code,
     each_type_of_value_comes_back,
     integers_have_no_limit,
     a_value_without_erlang_form_is_an_error_that_names_its_class,
     a_float_that_erlang_does_not_have_is_an_error,
     empty_code_is_nil,
     a_syntax_error_tells_file_and_line,
     an_exception_has_class_message_and_backtrace,
     file_and_line_of_the_code_can_be_given,
     state_survives_an_exception,
     a_user_defined_exception_may_say_anything,
     code_may_be_iodata,
     long_code_runs_elsewhere_and_comes_back,
     text_is_utf8_and_strings_are_bytes,
     output_reaches_the_owner_before_the_result,
     responses_reach_the_owner_in_order,
     exit_ends_the_interpreter_and_not_the_vm,
     a_cast_has_no_result_and_keeps_its_place,
     a_cast_that_fails_ends_the_interpreter,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

state_lives_from_one_eval_to_the_next(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"a = 1">>)),
    ?assertEqual({ok, 3}, rubeam:eval(Port, <<"a += 2">>)),
    ?assertEqual({ok, 3}, rubeam:eval(Port, <<"a">>)),
    {ok, _} = rubeam:eval(Port, <<"def twice(x) = x * 2">>),
    ?assertEqual({ok, 6}, rubeam:eval(Port, <<"twice(a)">>)),
    {ok, _} = rubeam:eval(Port, <<"class Counter; attr_accessor :n; end; C = Counter.new; C.n = 7">>),
    ?assertEqual({ok, 7}, rubeam:eval(Port, <<"C.n">>)),
    {ok, _} = rubeam:eval(Port, <<"$global = [1]; @instance = 2; add = ->(x) { a + x }; nil">>),
    ?assertEqual({ok, [1, 2, 13]}, rubeam:eval(Port, <<"[$global[0], @instance, add.(10)]">>)),
    %% A block sees the later value of a variable, as with one binding in a standard Ruby.
    {ok, _} = rubeam:eval(Port, <<"a = 100">>),
    ?assertEqual({ok, 110}, rubeam:eval(Port, <<"add.(10)">>)).

several_lines_are_one_piece_of_code(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({ok, 27}, rubeam:eval(Port, <<"a = 1\nwhile a < 10 do\n  a *= 3\nend\na\n">>)),
    ?assertEqual({ok, <<"text\n">>}, rubeam:eval(Port, <<"<<~END\n  text\nEND\n">>)),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"x = 1\r\nx\r\n">>)).

each_type_of_value_comes_back(_Config) ->
    Port = rubeam_ct:open(),
    Values =
        [{<<"1">>, 1}, {<<"-1">>, -1}, {<<"1.5">>, 1.5}, {<<"-0.25">>, -0.25},
         {<<"true">>, true}, {<<"false">>, false}, {<<"nil">>, nil},
         {<<":symbol">>, symbol}, {<<":\"two words\"">>, 'two words'}, {<<":ok">>, ok},
         {<<"\"\"">>, <<>>}, {<<"\"text\"">>, <<"text">>}, {<<"\"\\x00\\xff\"">>, <<0, 255>>},
         {<<"[]">>, []}, {<<"[1, [2, [3]]]">>, [1, [2, [3]]]}, {<<"[104, 105]">>, "hi"},
         {<<"{}">>, #{}}, {<<"{a: 1, 'b' => [2], 3 => nil}">>, #{a => 1, <<"b">> => [2], 3 => nil}},
         {<<"Erlang::Tuple[]">>, {}}, {<<"Erlang::Tuple[:ok, [1], Erlang::Tuple[2]]">>, {ok, [1], {2}}},
         {<<"{Erlang::Tuple[1, 2] => {}}">>, #{{1, 2} => #{}}}],
    [?assertEqual({Code, {ok, Value}}, {Code, rubeam:eval(Port, Code)}) || {Code, Value} <- Values].

integers_have_no_limit(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         Code = ["(1 << ", integer_to_list(Bits), ") ", Sign, " 1"],
         Value = case Sign of "+" -> (1 bsl Bits) + 1; "-" -> (1 bsl Bits) - 1 end,
         ?assertEqual({Bits, {ok, Value}}, {Bits, rubeam:eval(Port, Code)}),
         ?assertEqual({Bits, {ok, -Value}}, {Bits, rubeam:eval(Port, ["-(", Code, ")"])})
     end || Bits <- [7, 8, 15, 16, 30, 31, 32, 59, 60, 61, 62, 63, 64, 65, 127, 128, 2000, 2048],
            Sign <- ["+", "-"]].

a_value_without_erlang_form_is_an_error_that_names_its_class(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         {error, #{message := Message}} = rubeam:eval(Port, Code),
         ?assertMatch({_, {_, _}}, {Message, binary:match(Message, Class)})
     end || {Code, Class} <- [{<<"Object.new">>, <<"Object">>}, {<<"Math">>, <<"Module">>},
                              {<<"1..2">>, <<"Range">>}, {<<"-> {}">>, <<"Proc">>},
                              {<<"[1, Object.new]">>, <<"Object">>}]],
    {ok, _} = rubeam:eval(Port, <<"class Point; def to_erl = Erlang::Tuple[:point, 1]; end">>),
    ?assertEqual({ok, [{point, 1}]}, rubeam:eval(Port, <<"[Point.new]">>)).

a_float_that_erlang_does_not_have_is_an_error(_Config) ->
    Port = rubeam_ct:open(),
    [?assertMatch({_, {error, #{class := _, message := _}}}, {Code, rubeam:eval(Port, Code)})
     || Code <- [<<"Float::INFINITY">>, <<"-Float::INFINITY">>, <<"Float::NAN">>,
                 <<"[1, {a: Float::NAN}]">>]],
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

empty_code_is_nil(_Config) ->
    Port = rubeam_ct:open(),
    [?assertEqual({Code, {ok, nil}}, {Code, rubeam:eval(Port, Code)})
     || Code <- [<<>>, <<"\n">>, <<"# a comment">>, <<";">>, [], [[], <<>>]]].

a_syntax_error_tells_file_and_line(_Config) ->
    Port = rubeam_ct:open(),
    {error, #{class := <<"SyntaxError">>, message := Message}} = rubeam:eval(Port, <<"1 +\n2\n)">>),
    ?assertMatch(<<"(eval):3:", _/binary>>, Message),
    {error, #{class := <<"SyntaxError">>, message := Named}} =
        rubeam:eval(Port, <<"def">>, #{file => "lib/a.rb", line => 20}),
    ?assertMatch(<<"lib/a.rb:20:", _/binary>>, Named),
    %% What mruby only finds while it generates code
    ?assertMatch({error, #{class := <<"SyntaxError">>}}, rubeam:eval(Port, <<"\n\nyield">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

an_exception_has_class_message_and_backtrace(_Config) ->
    Port = rubeam_ct:open(),
    {error, Division} = rubeam:eval(Port, <<"1/0">>),
    ?assertMatch(#{class := <<"ZeroDivisionError">>, message := <<"divided by 0">>,
                   backtrace := [<<"(eval):1", _/binary>> | _]}, Division),
    ?assertEqual([backtrace, class, message], lists:sort(maps:keys(Division))),
    {ok, _} = rubeam:eval(Port, <<"def deep(n)\n  raise ArgumentError, 'too deep' if n == 0\n"
                                  "  deep(n - 1)\nend">>, #{file => <<"deep.rb">>}),
    {error, #{class := <<"ArgumentError">>, message := <<"too deep">>, backtrace := Trace}} =
        rubeam:eval(Port, <<"deep(2)">>),
    ?assertMatch([<<"deep.rb:2", _/binary>>, <<"deep.rb:3", _/binary>>, <<"deep.rb:3", _/binary>>,
                  <<"(eval):1", _/binary>>], Trace),
    {error, #{class := <<"NoMethodError">>}} = rubeam:eval(Port, <<"nil.foo">>),
    {error, #{class := <<"NameError">>}} = rubeam:eval(Port, <<"UnknownName">>),
    {error, #{class := <<"Outer::Inner">>}} =
        rubeam:eval(Port, <<"module Outer; class Inner < StandardError; end; end\n"
                            "raise Outer::Inner">>).

file_and_line_of_the_code_can_be_given(_Config) ->
    Port = rubeam_ct:open(),
    {error, #{backtrace := [First | _]}} =
        rubeam:eval(Port, <<"\nraise 'x'">>, #{file => "shop.rb", line => 100}),
    ?assertMatch(<<"shop.rb:101", _/binary>>, First),
    {error, #{backtrace := [Unnamed | _]}} = rubeam:eval(Port, <<"raise 'x'">>),
    ?assertMatch(<<"(eval):1", _/binary>>, Unnamed),
    ?assertEqual({ok, <<"ü.rb"/utf8>>}, rubeam:eval(Port, <<"__FILE__">>, #{file => [252, ".rb"]})),
    ?assertEqual({ok, 7}, rubeam:eval(Port, <<"__LINE__">>, #{line => 7})).

state_survives_an_exception(_Config) ->
    Port = rubeam_ct:open(),
    {ok, 5} = rubeam:eval(Port, <<"a = 5">>),
    {error, _} = rubeam:eval(Port, <<"a = 6; raise 'half way'">>),
    {error, _} = rubeam:eval(Port, <<"a = 7; )">>),
    ?assertEqual({ok, 6}, rubeam:eval(Port, <<"a">>)).

a_user_defined_exception_may_say_anything(_Config) ->
    Port = rubeam_ct:open(),
    Lies = [<<"class A < StandardError; def message = raise('again'); end; raise A">>,
            <<"class B < StandardError; def message = 42; end; raise B">>,
            <<"class C < StandardError; def message = \"\\xff\"; end; raise C">>,
            <<"class D < StandardError; def backtrace = [nil, 1]; end; raise D">>,
            <<"class E < StandardError; def class = nil; end; raise E">>,
            <<"raise Class.new(StandardError)">>,
            <<"raise Exception, 'not a StandardError'">>,
            <<"e = RuntimeError.new('x' * 1_000_000); raise e">>],
    [begin
         {error, #{class := Class, message := Message, backtrace := Backtrace} = Error} =
             rubeam:eval(Port, Code),
         ?assert(is_binary(Class) andalso is_binary(Message) andalso is_list(Backtrace)),
         ?assert(is_binary(rubeam:format_error(Error)))
     end || Code <- Lies],
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

code_may_be_iodata(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({ok, 3}, rubeam:eval(Port, "1 + 2")),
    ?assertEqual({ok, 3}, rubeam:eval(Port, ["1", [<<" +">>, $\s | <<"2">>]])),
    ?assertEqual({ok, 3}, rubeam:eval(Port, ["a = 1\n" | <<"a + 2">>], #{timeout => 5000})),
    ?assertEqual(ok, rubeam:cast(Port, ["b", " = ", $5])),
    ?assertEqual({ok, 5}, rubeam:eval(Port, [$b])).

long_code_runs_elsewhere_and_comes_back(_Config) ->
    Port = rubeam_ct:open(),
    Lines = 20000,
    Code = [["v = ", integer_to_list(N), "\n"] || N <- lists:seq(1, Lines)],
    ?assertEqual({ok, Lines}, rubeam:eval(Port, Code)),
    Comment = binary:copy(<<"x">>, 1 bsl 20),
    ?assertEqual({ok, 42}, rubeam:eval(Port, ["#", Comment, "\n42"])),
    ?assertEqual([], rubeam_ct:mailbox()).

text_is_utf8_and_strings_are_bytes(_Config) ->
    Port = rubeam_ct:open(),
    Text = <<"Grüße, 世界 🙂"/utf8>>,
    ?assertEqual({ok, Text}, rubeam:eval(Port, ["'", Text, "'"])),
    ?assertEqual({ok, 11}, rubeam:eval(Port, ["'", Text, "'.length"])),
    ?assertEqual({ok, <<"🙂"/utf8>>}, rubeam:eval(Port, ["'", Text, "'[-1]"])),
    ?assertEqual({ok, 'größe'}, rubeam:eval(Port, <<":größe"/utf8>>)),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"größe = 1; größe"/utf8>>)),
    ?assertEqual({ok, <<255, 0, 195>>}, rubeam:eval(Port, <<"'", 255, "' + \"\\0\\xc3\"">>)).

output_reaches_the_owner_before_the_result(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"puts 1, [2, [3]], 'four'">>)),
    ?assertEqual(<<"1\n2\n3\nfour\n">>, rubeam_ct:output(Port)),
    ?assertEqual({ok, nil},
                 rubeam:eval(Port, <<"print 'a', 1, nil; $stdout << 'b'; printf('%03d', 7)">>)),
    ?assertEqual(<<"a1b007">>, rubeam_ct:output(Port)),
    ?assertEqual({ok, [1, <<"x">>]}, rubeam:eval(Port, <<"p 1, 'x'">>)),
    ?assertEqual(<<"1\n\"x\"\n">>, rubeam_ct:output(Port)),
    {ok, _} = rubeam:eval(Port, <<"$stderr.puts 'oh'; warn 'careful'">>),
    ?assertEqual(<<"oh\ncareful\n">>, rubeam_ct:output(Port, stderr)),
    %% Also when it ran for so long that it went to the pool
    {ok, _} = rubeam:eval(Port, [rubeam_ct:fib(), "puts 'before'; fib(22); puts 'after'"]),
    ?assertEqual(<<"before\nafter\n">>, rubeam_ct:output(Port)),
    ?assertEqual([], rubeam_ct:mailbox()).

responses_reach_the_owner_in_order(_Config) ->
    Port = rubeam_ct:open(),
    {ok, true} = rubeam:eval(Port, <<"send_response('response'); send_response({a: [1]})">>),
    ?assertEqual(<<"response">>, rubeam_ct:response(Port)),
    ?assertEqual(#{a => [1]}, rubeam_ct:response(Port)),
    {ok, _} = rubeam:eval(Port, <<"5000.times { |i| send_response(i) }">>),
    ?assertEqual(lists:seq(0, 4999), [rubeam_ct:response(Port) || _ <- lists:seq(0, 4999)]),
    %% A value that cannot be sent is the script's exception
    {error, #{}} = rubeam:eval(Port, <<"send_response(Object.new)">>),
    ?assertEqual([], rubeam_ct:mailbox()).

exit_ends_the_interpreter_and_not_the_vm(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:open(),
         ?assertEqual({Code, {error, closed}}, {Code, rubeam:eval(Port, Code)}),
         ?assertEqual({Code, {exit, Status}}, {Code, rubeam_ct:receive_frame(Port)}),
         receive {'EXIT', Port, normal} -> ok after 5000 -> ct:fail(no_exit) end,
         ?assertEqual({error, closed}, rubeam_ct:answers(Port))
     end || {Code, Status} <- [{<<"exit">>, 0}, {<<"exit(3)">>, 3}, {<<"exit false">>, 1},
                               {<<"begin; exit(4); rescue => e; end">>, 4}]],
    Caught = rubeam_ct:open(),
    ?assertEqual({ok, 5},
                 rubeam:eval(Caught, <<"begin; exit(5); rescue SystemExit => e; e.status; end">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Caught)).

a_cast_has_no_result_and_keeps_its_place(_Config) ->
    Port = rubeam_ct:open(),
    ?assertEqual(ok, rubeam:cast(Port, <<"a = [0]">>)),
    [?assertEqual(ok, rubeam:cast(Port, ["a << ", integer_to_list(N)])) || N <- lists:seq(1, 100)],
    ?assertEqual({ok, lists:seq(0, 100)}, rubeam:eval(Port, <<"a">>)),
    %% It does not wait for what takes longer, and an eval after it comes after it.
    ok = rubeam:cast(Port, [rubeam_ct:fib(), "b = fib(25)"]),
    ?assertEqual({ok, 75025}, rubeam:eval(Port, <<"b">>)),
    ?assertEqual([], rubeam_ct:mailbox()).

a_cast_that_fails_ends_the_interpreter(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:open(),
         ?assertEqual(ok, rubeam:cast(Port, Code)),
         ?assertMatch({exit, {error, #{class := Class, message := _, backtrace := _}}},
                      rubeam_ct:receive_frame(Port)),
         receive {'EXIT', Port, normal} -> ok after 5000 -> ct:fail(no_exit) end,
         ?assertEqual({error, closed}, rubeam:cast(Port, <<"1">>))
     end || {Code, Class} <- [{<<"1/0">>, <<"ZeroDivisionError">>}, {<<"def">>, <<"SyntaxError">>}]].
