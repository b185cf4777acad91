%% What happens beyond each limit? The documented error, to the one who asked, and nothing else: the
%% interpreter goes on (but where it had to be killed), every other one has not noticed.
-module(limits_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [memory_of_many_small_objects,
     memory_of_one_large_object,
     memory_that_is_given_back_can_be_used_again,
     memory_beyond_the_hard_limit_ends_the_interpreter_alone,
     time,
     time_of_a_request_that_names_another,
     time_in_the_queue,
     time_of_a_script_that_rescues_everything,
     stack_of_ruby,
     stack_of_c,
     queue,
     frame_size_in,
     frame_size_out,
     source_size,
     depth_in,
     depth_out,
     cycles,
     new_atoms,
     integers_and_strings_of_absurd_size,
     exit_ends_one_interpreter_alone,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% A witness lives beside each case. Its state must be what it was.
init_per_testcase(nothing_is_left_behind, Config) ->
    Config;
init_per_testcase(_Case, Config) ->
    {Owner, Witness} = rubeam_ct:owner(#{}),
    {ok, _} = rubeam:eval(Witness, <<"$state = { list: [1, 2, 3], n: 42 }">>),
    [{witness, {Owner, Witness}} | Config].

end_per_testcase(nothing_is_left_behind, _Config) ->
    ok;
end_per_testcase(_Case, Config) ->
    {Owner, Witness} = ?config(witness, Config),
    Result = rubeam:eval(Witness, <<"$state">>),
    Owner ! stop,
    case Result of
        {ok, #{list := [1, 2, 3], n := 42}} -> ok;
        Other -> {fail, {witness_hurt, Other}}
    end.

-define(MB, (1 bsl 20)).

%% The interpreter behind Port is as usable as a fresh one.
usable(Port) ->
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    Sum = rubeam:eval(Port, <<"(1..1000).sum { |n| n }">>, #{timeout => infinity}),
    ?assertEqual({ok, 500500}, Sum),
    ?assertEqual([], rubeam_ct:mailbox()).

%% The interpreter has ended by itself, with that reason, and told its owner, who traps exits.
ended(Port, Reason) ->
    ?assertEqual({exit, Reason}, rubeam_ct:receive_frame(Port)),
    receive {'EXIT', Port, normal} -> ok after 10000 -> ct:fail(no_exit) end,
    ?assertEqual({error, closed}, rubeam_ct:answers(Port)),
    ?assertEqual([], rubeam_ct:mailbox()).

memory_of_many_small_objects(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 8 * ?MB}),
    [begin
         ?assertEqual({Code, {error, memory_limit}}, {Code, rubeam:eval(Port, Code)}),
         usable(Port)
     end || Code <- [<<"a = []; loop { a << 'x' * 10 }">>,
                     <<"h = {}; n = 0; loop { h[n += 1] = n.to_s }">>,
                     <<"s = ''; loop { s << 'some text' }">>,
                     <<"a = nil; loop { a = [a] }">>]].

memory_of_one_large_object(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 8 * ?MB}),
    [begin
         ?assertEqual({Code, {error, memory_limit}}, {Code, rubeam:eval(Port, Code)}),
         usable(Port)
     end || Code <- [<<"'x' * 100_000_000">>, <<"Array.new(50_000_000, 1)">>,
                     <<"s = 'x'; loop { s = s + s }">>]],
    %% It also comes in from Erlang.
    ?assertEqual({error, memory_limit},
                 rubeam:call(Port, puts, [binary:copy(<<"x">>, 20 * ?MB)])),
    usable(Port).

memory_that_is_given_back_can_be_used_again(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 8 * ?MB}),
    [?assertEqual({ok, 4 * ?MB}, rubeam:eval(Port, <<"('x' * (4 << 20)).size">>))
     || _ <- lists:seq(1, 50)],
    ?assertEqual({ok, 1000000},
                 rubeam:eval(Port, <<"n = 0; 1_000_000.times { |i| [i]; n += 1 }; n">>)),
    #{memory := Memory, memory_peak := Peak} = rubeam:info(Port),
    ?assert(Memory =< Peak andalso Peak =< 16 * ?MB).

memory_beyond_the_hard_limit_ends_the_interpreter_alone(_Config) ->
    process_flag(trap_exit, true),
    Port = rubeam_ct:open(#{memory_limit => 4 * ?MB, timeout => 60000}),
    %% Whoever rescues the soft error and goes on comes to the hard one.
    Code = <<"$a = []; loop { begin; loop { $a << 'x' * 1000 }; rescue Exception; end }">>,
    ?assertEqual({error, memory_limit}, rubeam:eval(Port, Code)),
    ended(Port, memory_limit).

time(_Config) ->
    Port = rubeam_ct:open(#{timeout => 30}),
    [begin
         ?assertEqual({Code, {error, timeout}}, {Code, rubeam:eval(Port, Code)}),
         usable(Port)
     end || Code <- [<<"loop {}">>, <<"while true; end">>, <<"sleep 1000">>, <<"sleep">>,
                     <<"def f = f2\ndef f2 = loop { f3 }\ndef f3 = nil\nf">>,
                     <<"begin; loop {}; rescue; 1; end">>,
                     <<"begin; loop {}; ensure; $cleaned = true; end">>,
                     <<"a = []; loop { a = (1..1000).map { |n| n.to_s } }">>,
                     <<"Fiber.new { loop {} }.resume">>]],
    ?assertEqual({ok, true}, rubeam:eval(Port, <<"$cleaned">>)).

time_of_a_request_that_names_another(_Config) ->
    Port = rubeam_ct:open(#{timeout => 30}),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"sleep 0.1; 1">>, #{timeout => infinity})),
    ?assertEqual({ok, 2}, rubeam:eval(Port, <<"sleep 0.1; 2">>, #{timeout => 20000})),
    ?assertEqual({error, timeout}, rubeam:call(Port, sleep, [10])),
    ?assertEqual({error, timeout}, rubeam:call(Port, sleep, [10], #{timeout => 1})),
    ?assertMatch({ok, _}, rubeam:call(Port, sleep, [0.1], #{timeout => infinity})).

time_in_the_queue(_Config) ->
    Port = rubeam_ct:open(),
    Running = rubeam:send_request(Port, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    ?assertEqual({error, timeout}, rubeam:eval(Port, <<"$ran = true">>, #{timeout => 20})),
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Running, 10000)),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"$ran">>)),
    usable(Port).

time_of_a_script_that_rescues_everything(_Config) ->
    process_flag(trap_exit, true),
    [begin
         Port = rubeam_ct:open(#{timeout => 20, grace => 3}),
         ?assertEqual({Code, {error, timeout}}, {Code, rubeam:eval(Port, Code)}),
         ended(Port, killed)
     end || Code <- [<<"loop { begin; loop {}; rescue Exception; end }">>,
                     <<"begin; loop {}; ensure; loop {}; end">>,
                     <<"loop { begin; sleep 1000; rescue Exception; end }">>]].

stack_of_ruby(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertMatch({Code, {error, #{class := <<"SystemStackError">>}}},
                      {Code, rubeam:eval(Port, Code)}),
         usable(Port)
     end || Code <- [<<"def f(n) = f(n + 1) + 1\nf(0)">>,
                     <<"h = Hash.new { |hh, k| hh[k + 1] }; h[0]">>,
                     <<"f = ->(x) { f.(x) + 1 }; f.(1)">>]],
    %% Every other process still gets its answers, deep structures in code are refused or work.
    Deep = [binary:copy(<<"[">>, 100000), binary:copy(<<"]">>, 100000)],
    ?assertMatch({error, #{class := _}}, rubeam:eval(Port, Deep)),
    usable(Port).

%% Nothing in mruby bounds this recursion: the NameError that it cannot find is itself a missing
%% constant.
stack_of_c(_Config) ->
    process_flag(trap_exit, true),
    Port = rubeam_ct:open(),
    ?assertMatch({error, stack_overflow},
                 rubeam:eval(Port, <<"Object.send(:remove_const, :NameError); Foo">>)),
    ended(Port, stack_overflow).

queue(_Config) ->
    Port = rubeam_ct:open(#{queue_limit => 3}),
    Running = rubeam:send_request(Port, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    Waiting = [rubeam:send_request(Port, {eval, integer_to_binary(N)}) || N <- [1, 2, 3]],
    ?assertMatch(#{queue := 3, queue_limit := 3}, rubeam:info(Port)),
    ?assertEqual({error, busy}, rubeam:eval(Port, <<"4">>)),
    ?assertEqual({error, busy}, rubeam:call(Port, to_s, [])),
    ?assertEqual({error, busy}, rubeam:cast(Port, <<"4">>)),
    Refused = rubeam:send_request(Port, {eval, <<"4">>}),
    ?assertEqual({reply, {error, busy}}, rubeam:receive_response(Refused, 10000)),
    ok = rubeam:interrupt(Port),
    ?assertEqual([{reply, {ok, N}} || N <- [1, 2, 3]],
                 [rubeam:receive_response(Id, 10000) || Id <- Waiting]),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Running, 10000)),
    usable(Port).

frame_size_in(_Config) ->
    Port = rubeam_ct:open(#{max_frame => 1000}),
    ?assertEqual({ok, 900}, rubeam:eval(Port, [binary:copy(<<" ">>, 900), "900"])),
    ?assertMatch({error, {bad_request, _}}, rubeam:eval(Port, [binary:copy(<<" ">>, 1000), "1000"])),
    ?assertMatch({error, {bad_request, _}}, rubeam:call(Port, puts, [binary:copy(<<"x">>, 1000)])),
    ?assertMatch({error, {bad_request, _}}, rubeam:cast(Port, binary:copy(<<" ">>, 1000))),
    Async = rubeam:send_request(Port, {eval, binary:copy(<<" ">>, 1000)}),
    ?assertMatch({reply, {error, {bad_request, _}}}, rubeam:receive_response(Async, 10000)),
    usable(Port).

frame_size_out(_Config) ->
    Port = rubeam_ct:open(#{max_frame => 1000}),
    ?assertEqual({ok, binary:copy(<<"x">>, 900)}, rubeam:eval(Port, <<"'x' * 900">>)),
    ?assertMatch({error, #{message := _}}, rubeam:eval(Port, <<"'x' * 1000">>)),
    ?assertMatch({error, #{message := _}}, rubeam:eval(Port, <<"(1..1000).to_a">>)),
    ?assertMatch({error, #{message := _}}, rubeam:eval(Port, <<"send_response('x' * 1000)">>)),
    ?assertMatch({error, #{message := _}}, rubeam:eval(Port, <<"raise 'x' * 1000">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ?assertEqual([], rubeam_ct:mailbox()).

source_size(_Config) ->
    Port = rubeam_ct:open(#{max_source => 20}),
    Longest = <<"1000000000 + 1000000">>,
    ?assertEqual({ok, 1001000000}, rubeam:eval(Port, Longest)),
    TooLong = <<Longest/binary, "0">>,
    ?assertMatch({error, {bad_request, _}}, rubeam:eval(Port, TooLong)),
    ?assertMatch({error, {bad_request, _}}, rubeam:cast(Port, TooLong)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

depth_in(_Config) ->
    Port = rubeam_ct:open(#{max_depth => 50}),
    {ok, _} = rubeam:eval(Port, <<"def count(x) = 1">>),
    Nest = fun(Wrap, N) -> lists:foldl(fun(_, Term) -> Wrap(Term) end, 1, lists:seq(1, N)) end,
    [begin
         ?assertEqual({ok, 1}, rubeam:call(Port, count, [Nest(Wrap, 40)])),
         {error, Error} = rubeam:call(Port, count, [Nest(Wrap, 60)]),
         ?assertMatch({Error, {_, _}}, {Error, binary:match(rubeam:format_error(Error), <<"deep">>)})
     end || Wrap <- [fun(T) -> [T] end, fun(T) -> {T} end, fun(T) -> #{a => T} end,
                     fun(T) -> #{T => a} end]],
    %% The depth of a term does not use up a stack, whatever its limit.
    Roomy = rubeam_ct:open(#{max_depth => 1024}),
    {ok, _} = rubeam:eval(Roomy, <<"def same(x) = x">>),
    Deep = Nest(fun(T) -> [T] end, 1000),
    ?assertEqual({ok, Deep}, rubeam:call(Roomy, same, [Deep])),
    ?assertMatch({error, _}, rubeam:call(Roomy, same, [Nest(fun(T) -> [T] end, 100000)])),
    usable(Port),
    usable(Roomy).

depth_out(_Config) ->
    Port = rubeam_ct:open(#{max_depth => 50}),
    Nest = fun(N, Wrap) -> ["x = 1; ", integer_to_list(N), ".times { x = ", Wrap, " }; x"] end,
    [begin
         ?assertMatch({ok, _}, rubeam:eval(Port, Nest(40, Wrap))),
         {error, Error} = rubeam:eval(Port, Nest(60, Wrap)),
         ?assertMatch({Error, {_, _}}, {Error, binary:match(rubeam:format_error(Error), <<"deep">>)})
     end || Wrap <- ["[x]", "{ a: x }", "Erlang::Tuple[x]"]],
    ?assertMatch({error, _}, rubeam:eval(Port, <<"x = 1; 60.times { x = [x] }; send_response(x)">>)),
    usable(Port).

cycles(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertMatch({Code, {error, #{class := _}}}, {Code, rubeam:eval(Port, Code)}),
         usable(Port)
     end || Code <- [<<"a = []; a << a; a">>, <<"h = {}; h[:h] = h; h">>,
                     <<"a = []; h = { a => a }; a << h; h">>,
                     <<"class Loop; def to_erl = self; end; Loop.new">>,
                     <<"class Grow; def to_erl = [Grow.new]; end; Grow.new">>]].

new_atoms(_Config) ->
    %% The count is the node's, so a limit of none is the only sure one.
    Port = rubeam_ct:open(#{max_atoms => 0}),
    New = fun() -> "\"made_" ++ integer_to_list(erlang:unique_integer([positive]))
                       ++ integer_to_list(erlang:system_time()) ++ "\".to_sym" end,
    Before = erlang:system_info(atom_count),
    [begin
         {error, Error} = rubeam:eval(Port, [Wrap, New(), "]"]),
         ?assertMatch({Error, {_, _}}, {Error, binary:match(rubeam:format_error(Error), <<"atom">>)})
     end || Wrap <- ["[", "[1, 2, ", "Erlang::Tuple[", "Hash[1, "]],
    ?assert(erlang:system_info(atom_count) - Before < 50),
    %% Symbols inside of Ruby are not counted.
    ?assertEqual({ok, 20000},
                 rubeam:eval(Port, <<"(1..20000).map { |n| \"s#{n}\".to_sym }.uniq.size">>)),
    %% Atoms that came from Erlang may go back.
    {ok, _} = rubeam:eval(Port, <<"def same(x) = x; nil">>),
    ?assertEqual({ok, an_atom_from_erlang}, rubeam:call(Port, same, [an_atom_from_erlang])),
    %% What has no atom's name
    ?assertMatch({error, #{}}, rubeam:eval(Port, <<"('x' * 300).to_sym">>)),
    ?assertMatch({error, #{}}, rubeam:eval(Port, <<"\"\\xff\".to_sym">>)),
    usable(Port),
    %% With the usual limit, new ones come through.
    Usual = rubeam_ct:open(),
    Name = "made_up_" ++ integer_to_list(erlang:system_time()),
    {ok, Atom} = rubeam:eval(Usual, [":", Name]),
    ?assertEqual(Name, atom_to_list(Atom)).

integers_and_strings_of_absurd_size(_Config) ->
    Port = rubeam_ct:open(#{timeout => 2000, memory_limit => 16 * ?MB}),
    [begin
         {error, Reason} = rubeam:eval(Port, Code),
         ?assert(lists:member(Reason, [timeout, memory_limit]) orelse is_map(Reason), {Code, Reason}),
         usable(Port)
     end || Code <- [<<"1 << 10_000_000_000">>, <<"7 ** 7 ** 7 ** 7">>, <<"'x' * (1 << 62)">>,
                     <<"[0] * (1 << 61)">>, <<"Array.new(1 << 60)">>, <<"'%1000000000d' % 1">>,
                     <<"(1 << 30_000_000).to_s">>, <<"'ab'.center(1 << 40)">>]].

exit_ends_one_interpreter_alone(_Config) ->
    process_flag(trap_exit, true),
    Port = rubeam_ct:open(),
    ?assertEqual({error, closed}, rubeam:eval(Port, <<"exit(9)">>)),
    ended(Port, 9).
