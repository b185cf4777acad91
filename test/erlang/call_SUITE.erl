%% Which methods can be called, with which arguments, and in which forms of a request?
-module(call_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [a_method_of_the_main_object,
     a_method_of_a_class_or_module,
     names_are_atoms_or_binaries,
     each_type_of_argument_arrives_and_comes_back,
     opaque_terms_come_back_as_they_went,
     a_term_without_ruby_form_is_an_error_that_names_its_type,
     a_missing_method_or_constant_is_an_exception,
     wrong_arguments_are_an_exception,
     many_arguments,
     large_terms_go_both_ways,
     a_call_that_takes_long_comes_back,
     from_many_processes_at_once,
     send_request_and_receive_response,
     a_response_can_be_waited_for_again,
     check_response_knows_its_own_message,
     a_request_that_was_given_up_is_stopped,
     a_request_to_a_closed_port_is_answered,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% An interpreter with the methods of these cases
open() ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"
        def add(a, b) = a + b
        def same(x) = x
        def count(*all) = all.size
        def describe(x) = x.class.to_s
        module Shop
          def self.price(n) = n * 3
          class Cart
            def self.new_price(n) = n * 4
          end
        end
        ">>),
    Port.

a_method_of_the_main_object(_Config) ->
    Port = open(),
    ?assertEqual({ok, 3000}, rubeam:call(Port, add, [1000, 2000])),
    ?assertEqual({ok, 0}, rubeam:call(Port, count, [])),
    ?assertEqual({ok, <<"main">>}, rubeam:call(Port, to_s, [])),
    ?assertEqual({ok, nil}, rubeam:call(Port, puts, [<<"text">>])),
    ?assertEqual(<<"text\n">>, rubeam_ct:output(Port)).

a_method_of_a_class_or_module(_Config) ->
    Port = open(),
    ?assertEqual({ok, 3.0}, rubeam:call(Port, {<<"Math">>, sqrt}, [9])),
    ?assertEqual({ok, 3.0}, rubeam:call(Port, {'Math', <<"sqrt">>}, [9.0])),
    ?assertEqual({ok, 21}, rubeam:call(Port, {'Shop', price}, [7])),
    ?assertEqual({ok, 28}, rubeam:call(Port, {<<"Shop::Cart">>, new_price}, [7])),
    ?assertEqual({ok, [0, 0]}, rubeam:call(Port, {'Array', new}, [2, 0])).

names_are_atoms_or_binaries(_Config) ->
    Port = open(),
    ?assertEqual({ok, 3}, rubeam:call(Port, <<"add">>, [1, 2])),
    {ok, _} = rubeam:eval(Port, <<"def größer?(a, b) = a > b"/utf8>>),
    ?assertEqual({ok, true}, rubeam:call(Port, 'größer?', [2, 1])),
    ?assertEqual({ok, false}, rubeam:call(Port, <<"größer?"/utf8>>, [1, 2])),
    ?assertMatch({error, {bad_request, _}}, rubeam:call(Port, <<>>, [])),
    ?assertMatch({error, {bad_request, _}}, rubeam:call(Port, '', [])).

each_type_of_argument_arrives_and_comes_back(_Config) ->
    Port = open(),
    Terms = [0, 1, -1, 255, 256, 1 bsl 31, 1 bsl 62, 1 bsl 64, -(1 bsl 64), 1 bsl 5000,
             0.0, 1.5, -1.0e300, true, false, nil, undefined, ok, '', 'with space', 'größe',
             <<>>, <<"text">>, <<0, 255>>, [], [1], [1, 2, 3], "text", lists:seq(1, 1000),
             [[], [[]]], {}, {1}, {ok, {a, [b]}}, #{}, #{a => 1, <<"b">> => [#{}]},
             #{1 => a, 1.5 => b, {x} => c, [l] => d, nil => e}],
    [?assertEqual({Term, {ok, Term}}, {Term, rubeam:call(Port, same, [Term])}) || Term <- Terms],
    ?assertEqual({ok, Terms}, rubeam:call(Port, same, [Terms])),
    Classes = [{1, <<"Integer">>}, {1.5, <<"Float">>}, {true, <<"TrueClass">>},
               {nil, <<"NilClass">>}, {undefined, <<"Symbol">>}, {<<>>, <<"String">>},
               {[], <<"Array">>}, {"text", <<"Array">>}, {{}, <<"Erlang::Tuple">>},
               {#{}, <<"Hash">>}, {self(), <<"Erlang::Pid">>}, {make_ref(), <<"Erlang::Reference">>},
               {hd(erlang:ports()), <<"Erlang::Port">>}, {fun() -> ok end, <<"Erlang::Fun">>}],
    [?assertEqual({Term, {ok, Class}}, {Term, rubeam:call(Port, describe, [Term])})
     || {Term, Class} <- Classes].

opaque_terms_come_back_as_they_went(_Config) ->
    Port = open(),
    Free = self(),
    Terms = [self(), make_ref(), alias(), Port, fun lists:map/2, fun() -> Free end],
    [?assertEqual({ok, Term}, rubeam:call(Port, same, [Term])) || Term <- Terms],
    ?assertEqual({ok, #{self() => Port}}, rubeam:call(Port, same, [#{self() => Port}])),
    {ok, _} = rubeam:eval(Port, <<"$seen = {}; def see(x) = ($seen[x] = ($seen[x] || 0) + 1)">>),
    ?assertEqual({ok, 1}, rubeam:call(Port, see, [self()])),
    ?assertEqual({ok, 2}, rubeam:call(Port, see, [self()])),
    ?assertEqual({ok, 1}, rubeam:call(Port, see, [make_ref()])).

a_term_without_ruby_form_is_an_error_that_names_its_type(_Config) ->
    Port = open(),
    [begin
         {error, Error} = rubeam:call(Port, same, [Term]),
         ?assertMatch({Error, {_, _}}, {Error, binary:match(rubeam:format_error(Error), Name)})
     end || {Term, Name} <- [{<<1:3>>, <<"bit">>}, {[1 | 2], <<"improper">>},
                             {[{<<1:1>>}], <<"bit">>}, {#{k => [a | b]}, <<"improper">>}]],
    ?assertMatch({error, {bad_request, _}}, rubeam:call(Port, same, [1 | 2])),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

a_missing_method_or_constant_is_an_exception(_Config) ->
    Port = open(),
    ?assertMatch({error, #{class := <<"NoMethodError">>}}, rubeam:call(Port, no_such, [])),
    ?assertMatch({error, #{class := <<"NoMethodError">>}}, rubeam:call(Port, {'Math', no_such}, [])),
    ?assertMatch({error, #{class := <<"NameError">>}}, rubeam:call(Port, {'NoSuch', sqrt}, [9])),
    ?assertMatch({error, #{class := <<"NameError">>}}, rubeam:call(Port, {<<"Shop::No">>, a}, [])),
    [?assertMatch({error, #{class := _}}, rubeam:call(Port, {Bad, a}, []))
     || Bad <- [<<"math">>, <<"::">>, <<"Math::">>, <<"::Math::">>, <<"Math::PI::E">>, <<0>>]].

wrong_arguments_are_an_exception(_Config) ->
    Port = open(),
    ?assertMatch({error, #{class := <<"ArgumentError">>}}, rubeam:call(Port, add, [1])),
    ?assertMatch({error, #{class := <<"TypeError">>}}, rubeam:call(Port, add, [1, nil])),
    ?assertEqual({ok, 3}, rubeam:call(Port, add, [1, 2])).

many_arguments(_Config) ->
    Port = open(),
    [?assertEqual({ok, N}, rubeam:call(Port, count, lists:seq(1, N)))
     || N <- [0, 1, 14, 15, 16, 100, 10000]].

large_terms_go_both_ways(_Config) ->
    Port = open(),
    Binary = binary:copy(<<"0123456789abcdef">>, 1 bsl 18),
    ?assertEqual({ok, Binary}, rubeam:call(Port, same, [Binary])),
    List = lists:seq(1, 300000),
    ?assertEqual({ok, List}, rubeam:call(Port, same, [List])),
    Map = maps:from_list([{N, integer_to_binary(N)} || N <- lists:seq(1, 20000)]),
    ?assertEqual({ok, Map}, rubeam:call(Port, same, [Map])),
    ?assertEqual([], rubeam_ct:mailbox()).

a_call_that_takes_long_comes_back(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    %% Others' messages stay where they are.
    self() ! before,
    ?assertEqual({ok, 75025}, rubeam:call(Port, fib, [25])),
    self() ! later,
    ?assertEqual([before, later], rubeam_ct:mailbox()).

from_many_processes_at_once(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, [rubeam_ct:fib(), "def work(n, id)\n fib(n)\n id\nend"]),
    Callers = [{N, rubeam_ct:caller(fun() -> rubeam:call(Port, work, [N rem 22, N]) end)}
               || N <- lists:seq(1, 200)],
    [?assertEqual({ok, N}, rubeam_ct:result(Caller)) || {N, Caller} <- Callers],
    [?assertEqual([], rubeam_ct:leftover(Caller)) || {_, Caller} <- Callers].

send_request_and_receive_response(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
    Requests = [{{ok, 3}, {eval, <<"1 + 2">>}}, {{ok, 3}, {eval, "1 + 2", #{timeout => 5000}}},
                {{ok, 5}, {call, add, [2, 3]}}, {{ok, 5}, {call, add, [2, 3], #{timeout => 5000}}},
                {{ok, 10946}, {call, fib, [21]}},
                {{ok, 2.0}, {call, {'Shop::Cart', new_price}, [0.5]}}],
    Ids = [{Result, rubeam:send_request(Port, Request)} || {Result, Request} <- Requests],
    [?assertEqual({reply, Result}, rubeam:receive_response(Id, 10000))
     || {Result, Id} <- lists:reverse(Ids)],
    Bad = rubeam:send_request(Port, {call, add, [1]}),
    ?assertMatch({reply, {error, #{class := <<"ArgumentError">>}}},
                 rubeam:receive_response(Bad, infinity)),
    ?assertEqual([], rubeam_ct:mailbox()).

a_response_can_be_waited_for_again(_Config) ->
    Port = open(),
    Id = rubeam:send_request(Port, {eval, <<"sleep 0.1; :done">>}),
    ?assertEqual(timeout, rubeam:wait_response(Id, 0)),
    ?assertEqual(timeout, rubeam:wait_response(Id, 1)),
    ?assertEqual({reply, {ok, done}}, rubeam:wait_response(Id, 10000)),
    ?assertEqual([], rubeam_ct:mailbox()).

check_response_knows_its_own_message(_Config) ->
    Port = open(),
    One = rubeam:send_request(Port, {eval, <<"1">>}),
    Two = rubeam:send_request(Port, {eval, <<"2">>}),
    ?assertEqual(no_reply, rubeam:check_response(something, One)),
    Messages = [receive Message -> Message after 5000 -> ct:fail(no_message) end || _ <- [1, 2]],
    Check = fun(Id) -> [R || M <- Messages, {reply, R} <- [rubeam:check_response(M, Id)]] end,
    ?assertEqual([{ok, 1}], Check(One)),
    ?assertEqual([{ok, 2}], Check(Two)),
    ?assertEqual([], rubeam_ct:mailbox()).

a_request_that_was_given_up_is_stopped(_Config) ->
    Port = open(),
    {ok, _} = rubeam:eval(Port, <<"$done = []">>),
    Running = rubeam:send_request(Port, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    Queued = rubeam:send_request(Port, {eval, <<"$done << :queued">>}),
    Last = rubeam:send_request(Port, {eval, <<"$done << :last">>}),
    ?assertEqual(timeout, rubeam:receive_response(Queued, 10)),
    ?assertEqual(timeout, rubeam:receive_response(Running, 10)),
    %% The endless one is stopped, the one that waited never ran, the one after them did.
    ?assertEqual({reply, {ok, [last]}}, rubeam:receive_response(Last, 10000)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ?assertEqual([], rubeam_ct:mailbox()).

a_request_to_a_closed_port_is_answered(_Config) ->
    Port = open(),
    Running = rubeam:send_request(Port, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Port),
    Queued = rubeam:send_request(Port, {eval, <<"1">>}),
    ok = rubeam:close(Port),
    Late = rubeam:send_request(Port, {eval, <<"1">>}),
    [?assertEqual({reply, {error, closed}}, rubeam:receive_response(Id, 10000))
     || Id <- [Queued, Late, Running]],
    Named = rubeam:send_request(no_such_name, {eval, <<"1">>}),
    ?assertEqual({reply, {error, closed}}, rubeam:wait_response(Named, 0)),
    GivenUp = rubeam:send_request(Port, {eval, <<"1">>}),
    Message = receive M -> M after 5000 -> ct:fail(no_message) end,
    ?assertEqual({reply, {error, closed}}, rubeam:check_response(Message, GivenUp)),
    ?assertEqual([], rubeam_ct:mailbox()).
