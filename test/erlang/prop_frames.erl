%% Is everything answered that can be sent to a port, and does nothing harm it?
-module(prop_frames).

-include("prop.hrl").

-export([prop_random_bytes_are_answered/0,
         prop_random_terms_are_answered/0,
         prop_damaged_requests_are_answered/0,
         prop_damaged_requests_of_port_call_are_answered/0,
         prop_a_stream_may_be_cut_anywhere/0,
         prop_a_random_stream_harms_nobody/0,
         prop_lines_may_be_cut_anywhere/0,
         prop_random_text_as_code_harms_nobody/0,
         prop_random_options_are_answered/0,
         prop_random_arguments_are_answered_or_badarg/0]).

-define(REQUEST, 16#52420001).

%% --- frames ---

prop_random_bytes_are_answered() ->
    ?FORALL({Bytes, WithVersion}, {binary(), boolean()},
            is_answered(case WithVersion of
                            true -> <<131, Bytes/binary>>;
                            false -> Bytes
                        end)).

prop_random_terms_are_answered() ->
    ?FORALL({Tag, Terms}, {elements([eval, call, interrupt, info, load, message, return, reply]),
                           list(any())},
            is_answered(term_to_binary(list_to_tuple([Tag | Terms])))).

prop_damaged_requests_are_answered() ->
    ?FORALL(Frame, a_damaged_frame(), is_answered(Frame)).

%% port_call takes terms only, so the damage is done to terms.
prop_damaged_requests_of_port_call_are_answered() ->
    ?FORALL({Request, Position, Instead}, {a_request(), integer(1, 5), any()},
            with_port("", fun(Port) ->
                At = 1 + Position rem tuple_size(Request),
                _ = (catch erlang:port_call(Port, ?REQUEST, setelement(At, Request, Instead))),
                works(Port)
            end)).

a_request() ->
    oneof([{eval, id, <<"1 + 2">>}, {eval, [1, 2], <<"[1, 2]">>, #{timeout => 1000}},
           {eval, id, <<"'x' * 10">>, #{file => <<"f.rb">>, line => 3}}, {call, id, to_s, []},
           {call, id, {<<"Math">>, sqrt}, [16.5]}, {call, id, inspect, [#{a => {b, [c]}}], #{}},
           {interrupt, id}, {info, id}, {eval, <<"a = 1">>}]).

%% Some bytes are other ones, are missing, or are there twice.
a_damaged_frame() ->
    Damage = {integer(0, 100), oneof([byte(), remove, twice])},
    ?LET({Request, Damages}, {a_request(), non_empty(list(Damage))},
         lists:foldl(fun damage/2, term_to_binary(Request), Damages)).

damage({_At, _How}, <<>>) -> <<>>;
damage({At, How}, Frame) ->
    Position = At rem byte_size(Frame),
    <<Before:Position/binary, Byte, After/binary>> = Frame,
    case How of
        remove -> <<Before/binary, After/binary>>;
        twice -> <<Before/binary, Byte, Byte, After/binary>>;
        Other -> <<Before/binary, Other, After/binary>>
    end.

%% Sent in both ways, the frame is followed by one whose answer is known. All that comes before that
%% answer is frames as the protocol knows them.
is_answered(Frame) ->
    with_port("", fun(Port) ->
        true = port_command(Port, Frame),
        _ = (catch port_control(Port, 0, Frame)),
        works(Port)
    end).

with_port(Arguments, Fun) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Trap = process_flag(trap_exit, true),
    Port = open_port({spawn_driver, "rubeam_drv " ++ Arguments}, [binary]),
    try Fun(Port)
    after
        _ = (catch port_close(Port)),
        flush(Port),
        process_flag(trap_exit, Trap)
    end.

flush(Port) ->
    receive
        {Port, {data, _}} -> flush(Port);
        {'EXIT', Port, _} -> flush(Port)
    after 0 -> ok
    end.

%% Damaged code may be code that ends the interpreter; then it says so.
works(Port) ->
    _ = (catch port_command(Port, term_to_binary({eval, sentinel, <<"6 * 7">>}))),
    works_after(Port).

works_after(Port) ->
    receive
        {Port, {data, Frame}} ->
            case rubeam:decode(Frame) of
                {reply, sentinel, {ok, 42}} -> true;
                {reply, _Id, {Tag, _}} when Tag =:= ok; Tag =:= error -> works_after(Port);
                {response, _} -> works_after(Port);
                {output, _, _} -> works_after(Port);
                {exit, _} -> true
            end
    after 10000 -> false
    end.

%% --- streams ---

prop_a_stream_may_be_cut_anywhere() ->
    ?FORALL({Head, Values, Cuts}, {elements([1, 2, 4]), list(integer()), list(integer(1, 40))},
            with_port("packet=" ++ integer_to_list(Head), fun(Port) ->
                Stream = << <<(byte_size(F)):Head/unit:8, F/binary>>
                            || V <- Values, F <- [term_to_binary({eval, V, integer_to_binary(V)})] >>,
                lists:foreach(fun(Piece) -> true = port_command(Port, Piece) end, pieces(Stream, Cuts)),
                [{reply, V, {ok, V}} || V <- Values] =:= frames(Port, Head, length(Values), <<>>)
            end)).

pieces(<<>>, _) -> [];
pieces(Stream, []) -> [Stream];
pieces(Stream, [Length | Cuts]) when byte_size(Stream) > Length ->
    <<Piece:Length/binary, Rest/binary>> = Stream,
    [Piece | pieces(Rest, Cuts)];
pieces(Stream, _) -> [Stream].

frames(_Port, _Head, 0, <<>>) -> [];
frames(Port, Head, Count, Bytes) ->
    case Bytes of
        <<Length:Head/unit:8, Frame:Length/binary, Rest/binary>> ->
            [binary_to_term(Frame) | frames(Port, Head, Count - 1, Rest)];
        _ ->
            receive {Port, {data, More}} -> frames(Port, Head, Count, <<Bytes/binary, More/binary>>)
            after 10000 -> [no_frame]
            end
    end.

prop_a_random_stream_harms_nobody() ->
    ?FORALL({Packet, Pieces}, {elements(["1", "2", "4", "line"]), list(binary())},
            with_port("packet=" ++ Packet ++ " max_frame=1000 timeout=1000", fun(Port) ->
                lists:foreach(fun(Piece) -> catch port_command(Port, Piece) end, Pieces),
                with_port("", fun works/1)
            end)).

prop_lines_may_be_cut_anywhere() ->
    ?FORALL({Values, Cuts}, {list(integer()), list(integer(1, 20))},
            with_port("packet=line", fun(Port) ->
                Lines = iolist_to_binary([["puts ", integer_to_list(V), "\n"] || V <- Values]),
                lists:foreach(fun(Piece) -> true = port_command(Port, Piece) end, pieces(Lines, Cuts)),
                Text = iolist_to_binary([[integer_to_list(V), "\n"] || V <- Values]),
                Text =:= text(Port, byte_size(Text), <<>>)
            end)).

text(_Port, Length, Text) when byte_size(Text) >= Length -> Text;
text(Port, Length, Text) ->
    receive {Port, {data, More}} -> text(Port, Length, <<Text/binary, More/binary>>)
    after 10000 -> {no_text, Text}
    end.

%% --- the interface ---

%% Words of Ruby in any order are a worse test of a parser than random bytes.
prop_random_text_as_code_harms_nobody() ->
    Word = oneof([elements([<<"def ">>, <<"end\n">>, <<"if ">>, <<"do |x| ">>, <<"{ ">>, <<" }">>, <<"(">>,
                            <<")">>, <<"[">>, <<"]">>, <<"\"">>, <<"'">>, <<"#{">>, <<"<<~E\n">>, <<"E\n">>,
                            <<"%w(">>, <<" = ">>, <<" + ">>, <<"=> ">>, <<"rescue ">>, <<"ensure ">>,
                            <<"yield ">>, <<"break ">>, <<"return ">>, <<"class A\n">>, <<"a ">>, <<"1 ">>,
                            <<"nil">>, <<".map ">>, <<"&:x ">>, <<"*">>, <<"**">>, <<"; ">>, <<"\n">>,
                            <<"->(y) ">>, <<"__END__\n">>, <<"alias ">>, <<"super ">>, <<"BEGIN {">>]),
                  binary()]),
    ?FORALL(Words, list(Word),
            begin
                {ok, _} = application:ensure_all_started(rubeam),
                {ok, Port} = rubeam:open(#{timeout => 2000}),
                Result = rubeam:eval(Port, Words),
                Next = rubeam:eval(Port, <<"6 * 7">>),
                ok = rubeam:close(Port),
                flush(Port),
                ?WHENFAIL(io:format("got ~tp, then ~tp~n", [Result, Next]),
                          is_result(Result) andalso Next =:= {ok, 42})
            end).

is_result({ok, _}) -> true;
is_result({error, Error}) -> is_binary(rubeam:format_error(Error));
is_result(_) -> false.

prop_random_options_are_answered() ->
    Key = oneof([elements([transport, memory_limit, timeout, queue_limit, max_frame, max_source,
                           max_depth, max_atoms, pool, slice, grace]), atom(), any()]),
    Value = oneof([integer(), choose(0, 1 bsl 24), elements([infinity, auto, threads, driver]), any()]),
    ?FORALL(Options, ?LET(Pairs, list({Key, Value}), maps:without([name], maps:from_list(Pairs))),
            begin
                {ok, _} = application:ensure_all_started(rubeam),
                case rubeam:open(Options) of
                    {ok, Port} -> ok =:= rubeam:close(Port);
                    {error, {bad_option, {K, V} = Both}} ->
                        maps:find(K, Options) =:= {ok, V} orelse maps:is_key(Both, Options);
                    {error, {bad_option, K}} ->
                        maps:is_key(K, Options)
                end
            end).

prop_random_arguments_are_answered_or_badarg() ->
    ?FORALL({Function, Args}, {elements([eval, call, cast, send_request, interrupt, info]), list(any())},
            begin
                {ok, _} = application:ensure_all_started(rubeam),
                {ok, Port} = rubeam:open(#{timeout => 2000}),
                IsRight = try apply(rubeam, Function, [Port | Args]) of
                              _ -> true
                          catch
                              error:badarg -> true;
                              error:undef -> true; % another number of arguments
                              _:_ -> false
                          end,
                Works = rubeam:eval(Port, <<"6 * 7">>),
                ok = rubeam:close(Port),
                _ = [receive Message -> Message end || Message <- messages(), element(1, Message) =:= Port orelse
                                                                              element(2, Message) =:= Port],
                %% A cast of bytes that are no Ruby ends the interpreter.
                IsRight andalso (Works =:= {ok, 42} orelse {Function, Works} =:= {cast, {error, closed}})
            end).

messages() ->
    {messages, Messages} = process_info(self(), messages),
    Messages.
