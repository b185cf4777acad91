%% Does every term come back from Ruby as it went, or is it refused by name?
-module(prop_terms).

-include("prop.hrl").

-export([prop_a_call_gives_back_its_argument/0,
         prop_the_pool_gives_back_its_argument/0,
         prop_a_frame_gives_back_its_argument_and_its_id/0,
         prop_a_response_is_the_value/0,
         prop_a_hash_has_the_pairs_of_its_map/0,
         prop_integers_calculate_as_in_erlang/0,
         prop_strings_are_their_bytes/0,
         prop_any_error_has_a_text/0]).
%% prop_cruby asks the same of the program of a standard Ruby.
-export([a_strange_term/0, is_right/2]).

%% --- terms ---

%% With what proper_types:any/0 hardly ever makes: large and extreme numbers, opaque terms, long
%% lists of bytes, maps of more than 32 keys (which are stored in another way), and what has no form
%% in Ruby.
a_term() -> ?SIZED(Size, a_term(Size)).

a_term(0) -> a_leaf();
a_term(Size) ->
    Part = ?LAZY(a_term(Size div 4)),
    frequency([{3, a_leaf()},
               {2, few(Part)},
               {1, ?LET(Parts, few(Part), list_to_tuple(Parts))},
               {1, ?LET(Pairs, few({Part, Part}), maps:from_list(Pairs))},
               {1, ?LET(Keys, list(a_leaf()), maps:from_keys(Keys, []))}]).

%% list/1 is as long as the size allows at every level, which makes terms without end.
few(Type) -> ?LET(Length, integer(0, 6), vector(Length, Type)).

a_leaf() ->
    frequency([{4, integer()},
               {2, a_large_integer()},
               {2, float()},
               {1, elements([0.0, -0.0, 1.7976931348623157e308, 5.0e-324, 1.0, -1.0])},
               {2, elements([true, false, nil, undefined, ok, '', 'ü', '日本', 'two words'])},
               {2, atom()},
               {3, binary()},
               {1, list(byte())},
               {1, elements([[], {}, #{}, <<>>])},
               {1, ?LET(_, integer(), make_ref())},
               {1, elements([self(), whereis(init), fun lists:map/2, hd(erlang:ports())])},
               {1, ?LET(X, integer(), fun() -> X end)}]).

a_large_integer() ->
    ?LET({Bits, Offset, Sign}, {elements([31, 32, 59, 60, 61, 62, 63, 64, 65, 127, 512, 2047]),
                                integer(-3, 3), elements([1, -1])},
         Sign * ((1 bsl Bits) + Offset)).

%% Now and then with something in it that Ruby does not know
a_strange_term() ->
    frequency([{4, a_term()},
               {1, ?LET({Term, Strange}, {a_term(), elements([<<1:1>>, <<5, 3:7>>, [a | b], [1, 2 | 3]])},
                        {Term, [Strange]})}]).

%% What Ruby cannot have, named as in its error; or none
refused(Term) when is_bitstring(Term), not is_binary(Term) -> <<"bit string">>;
refused([Head | Tail]) ->
    case refused(Head) of
        none when is_list(Tail) -> refused(Tail);
        none -> <<"improper list">>;
        Name -> Name
    end;
refused(Tuple) when is_tuple(Tuple) -> refused(tuple_to_list(Tuple));
refused(Map) when is_map(Map) -> refused(lists:append([[K, V] || {K, V} <- maps:to_list(Map)]));
refused(_) -> none.

is_right(Term, Result) ->
    case {refused(Term), Result} of
        {none, {ok, Same}} -> Same =:= Term;
        {none, _} -> false;
        {Name, {error, Error}} -> binary:match(rubeam:format_error(Error), Name) =/= nomatch;
        _ -> false
    end.

%% --- properties ---

prop_a_call_gives_back_its_argument() ->
    ?FORALL(Term, a_strange_term(),
            begin
                Result = rubeam:call(ruby(), same, [Term]),
                ?WHENFAIL(io:format("got ~tp~n", [Result]), is_right(Term, Result))
            end).

%% A slice later, the result comes from another thread, as a message.
prop_the_pool_gives_back_its_argument() ->
    ?FORALL(Term, a_strange_term(),
            begin
                Result = rubeam:call(ruby(), same_later, [Term]),
                ?WHENFAIL(io:format("got ~tp~n", [Result]), is_right(Term, Result))
            end).

prop_a_frame_gives_back_its_argument_and_its_id() ->
    ?FORALL({Id, Term}, {a_strange_term(), a_strange_term()},
            begin
                _ = ruby(),
                Port = open_port({spawn_driver, "rubeam_drv"}, [binary]),
                true = port_command(Port, term_to_binary({eval, 0, <<"def same(x) = x">>})),
                true = port_command(Port, term_to_binary({call, Id, same, [Term]})),
                {reply, 0, {ok, _}} = frame(Port),
                {reply, SameId, Result} = frame(Port),
                true = port_close(Port),
                ?WHENFAIL(io:format("got ~tp~n", [{SameId, Result}]),
                          SameId =:= Id andalso is_right(Term, Result))
            end).

frame(Port) ->
    receive {Port, {data, Frame}} -> binary_to_term(Frame)
    after 10000 -> no_frame
    end.

prop_a_response_is_the_value() ->
    ?FORALL(Term, a_term(),
            begin
                _ = ruby(),
                {ok, Port} = rubeam:open(),
                Result = rubeam:call(Port, send_response, [Term]),
                Response = receive {Port, {data, Frame}} -> rubeam:decode(Frame) after 10000 -> none end,
                ok = rubeam:close(Port),
                ?WHENFAIL(io:format("got ~tp~n", [{Result, Response}]),
                          Result =:= {ok, true} andalso Response =:= {response, Term})
            end).

%% Keys that are equal in Erlang alone, or in Ruby alone, would be lost.
prop_a_hash_has_the_pairs_of_its_map() ->
    ?FORALL(Map, ?LET(Pairs, few({a_term(), integer()}), maps:from_list(Pairs)),
            begin
                Result = rubeam:call(ruby(), facts, [Map]),
                Expected = {ok, [maps:size(Map), lists:sum(maps:values(Map)), true]},
                ?WHENFAIL(io:format("got ~tp~n", [Result]), Result =:= Expected)
            end).

%% Not `<' and not `*': mruby 3.3.0 cannot compare a small integer with a large one (cmpnum in its
%% numeric.c), and loses a carry when it multiplies by one with a zero inside (mpz_mul in bigint.c).
prop_integers_calculate_as_in_erlang() ->
    ?FORALL({A, B}, {oneof([integer(), a_large_integer()]), oneof([integer(), a_large_integer()])},
            begin
                Result = rubeam:call(ruby(), calculate, [A, B]),
                Expected = {ok, [A + B, A - B, -A, A =:= B]},
                ?WHENFAIL(io:format("got ~tp~n", [Result]), Result =:= Expected)
            end).

prop_strings_are_their_bytes() ->
    ?FORALL({A, B}, {binary(), binary()},
            {ok, [byte_size(A), <<A/binary, B/binary>>, binary_to_list(A), A =:= B]}
            =:= rubeam:call(ruby(), strings, [A, B])).

prop_any_error_has_a_text() ->
    ?FORALL(Term, oneof([any(), a_strange_term(), {error, any()}, {bad_option, any()},
                         {ruby_exit, any()}, {bad_request, any()},
                         ?LET({C, M, B}, {any(), any(), any()},
                              #{class => C, message => M, backtrace => B})]),
            begin
                Text = rubeam:format_error(Term),
                is_binary(Text) andalso is_list(unicode:characters_to_list(Text))
            end).

%% --- the interpreter of all tests ---

ruby() ->
    {ok, _} = application:ensure_all_started(rubeam),
    case rubeam_server:start(?MODULE, #{output => discard}) of
        {ok, _} -> {ok, _} = rubeam:eval(?MODULE, code());
        {error, {already_started, _}} -> ok
    end,
    ?MODULE.

code() ->
    <<"def same(x) = x\n"
      "def same_later(x)\n  sleep 0\n  x\nend\n"
      "def facts(h) = [h.size, h.values.sum, h.all? { |k, v| h.key?(k) && h[k] == v }]\n"
      "def calculate(a, b) = [a + b, a - b, -a, a == b]\n"
      "def strings(a, b) = [a.bytesize, a + b, a.bytes, a == b]\n">>.
