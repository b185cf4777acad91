%% The program of a standard Ruby: does every term come back from it as it went, and is every frame answered,
%% whatever is in it?
-module(prop_cruby).

-include("prop.hrl").

-export([prop_a_program_gives_back_its_argument/0,
         prop_a_program_gives_back_what_waited/0,
         prop_any_frame_is_answered/0]).

prop_a_program_gives_back_its_argument() ->
    ?FORALL({Id, Term}, {prop_terms:a_strange_term(), prop_terms:a_strange_term()},
            is_same(Id, Term, ask({call, Id, same, [Term]}))).

%% Such a request is read in another way: it has options that only few have.
prop_a_program_gives_back_what_waited() ->
    ?FORALL({Id, Term}, {prop_terms:a_strange_term(), prop_terms:a_strange_term()},
            is_same(Id, Term, ask({eval, Id, <<"given">>, #{bindings => #{given => Term}, timeout => 60000}}))).

is_same(Id, Term, {reply, SameId, Result} = Got) ->
    ?WHENFAIL(io:format("got ~tp~n", [Got]), SameId =:= Id andalso prop_terms:is_right(Term, Result));
is_same(_, _, Got) ->
    ?WHENFAIL(io:format("got ~tp~n", [Got]), false).

%% Random bytes, and good frames with some bytes changed. What they ask for may print, or call a function.
prop_any_frame_is_answered() ->
    ?FORALL(Frame, oneof([binary(), ?LET(Bytes, binary(), <<131, Bytes/binary>>),
                          ?LET({Request, Changes}, {a_request(), list({non_neg_integer(), byte()})},
                               lists:foldl(fun change/2, term_to_binary(Request), Changes))]),
            begin
                Keeper = keeper(),
                Keeper ! {frame, Frame},
                Got = ask({eval, works, <<"6 * 7">>}),
                ?WHENFAIL(io:format("got ~tp~n", [Got]), Got =:= {reply, works, {ok, 42}})
            end).

a_request() ->
    Term = prop_terms:a_strange_term(),
    oneof([{eval, Term, <<"[1]">>}, {eval, Term, <<"1">>, #{timeout => 100, bindings => #{a => Term}}}, {call, Term, same, [Term]},
           {return, {Term, 1}, {ok, Term}}, {interrupt, Term}, {info, Term}, {message, Term}, {owner, 1, self()}, {load, 1, Term},
           {within, {Term, 1}, <<131, 97, 1>>}, {accept, Term, <<131, 97, 1>>}, {read, Term}, {Term, Term}]).

change({At, Byte}, Bytes) ->
    {Before, <<_, After/binary>>} = split_binary(Bytes, At rem byte_size(Bytes)),
    <<Before/binary, Byte, After/binary>>.

%% --- the program of all tests, and the process that owns it ---

ask(Request) ->
    Keeper = keeper(),
    Keeper ! {ask, self(), Request},
    receive {Keeper, Answer} -> Answer after 20000 -> hangs end.

keeper() ->
    case whereis(?MODULE) of
        undefined ->
            Test = self(),
            Keeper = spawn(fun() -> register(?MODULE, self()), Test ! {self(), ready}, keep(open()) end),
            receive {Keeper, ready} -> Keeper end;
        Keeper ->
            Keeper
    end.

%% Messages have a block, so that none waits in vain.
open() ->
    Program = filename:join(os:getenv("RUBEAM_PRIV", "priv"), "rubeam.rb"),
    Port = open_port({spawn_executable, os:find_executable("ruby")},
                     [{args, [Program, "timeout=5000"]}, {packet, 4}, nouse_stdio, binary, exit_status]),
    true = port_command(Port, term_to_binary({eval, 0, <<"def same(x) = x\nErlang.on_message { |m| }; nil">>})),
    receive {Port, {data, Frame}} -> {reply, 0, {ok, nil}} = binary_to_term(Frame) end,
    Port.

keep(Port) ->
    receive
        {frame, Frame} ->
            catch port_command(Port, Frame),
            keep(Port);
        {ask, From, Request} ->
            catch port_command(Port, term_to_binary(Request)), % it may have ended
            case answer(Port, element(2, Request)) of
                {exit, {error, _}} -> % a frame was a cast that raises, or a message without a form in Ruby
                    self() ! {ask, From, Request},
                    keep(open());
                Answer ->
                    From ! {self(), Answer},
                    keep(Port)
            end
    end.

%% The reply with that Id. An Id with a changed byte may be one that the VM itself does not take back.
answer(Port, Id) ->
    receive
        {Port, {data, Frame}} ->
            case try binary_to_term(Frame) catch error:badarg -> none end of
                {reply, Id, _} = Reply -> Reply;
                {exit, _} = Exit -> Exit;
                _ -> answer(Port, Id)
            end;
        {Port, {exit_status, Status}} ->
            {exit_status, Status}
    after 15000 -> no_answer
    end.
