%% Do the programs of the article work, with the driver in place of a Ruby program?
%%
%% "Outside Elixir: running external programs with ports" by Saša Jurić, from its first program,
%% which speaks in lines, to the RubyServer. Each case is a section, told in Erlang; test/elixir
%% tells some of them in the article's own words.
-module(article_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [first_take,
     program_termination,
     program_termination_of_a_busy_program,
     packing_messages,
     encoding_and_decoding_messages,
     bypassing_stdio,
     wrapping_the_port_in_a_server_process,
     a_server_of_ones_own,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

data(Port) ->
    receive {Port, {data, Data}} -> Data
    after 10000 -> ct:fail(no_data)
    end.

first_take(_Config) ->
    Port = rubeam_ct:raw("packet=line"),
    port_command(Port, "a = 1\n"),
    port_command(Port, "a += 2\n"),
    port_command(Port, "puts a\n"),
    ?assertEqual(<<"3\n">>, data(Port)).

program_termination(_Config) ->
    Test = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
                                             Test ! {port, rubeam_ct:raw("packet=line")},
                                             receive stop -> ok end
                                     end),
    Port = receive {port, P} -> P after 10000 -> ct:fail(no_port) end,
    exit(Owner, kill),
    receive {'DOWN', Monitor, process, Owner, killed} -> ok after 10000 -> ct:fail(no_end) end,
    rubeam_ct:until(fun() -> erlang:port_info(Port) =:= undefined end),
    Closed = rubeam_ct:raw("packet=line"),
    true = port_close(Closed),
    ?assertError(badarg, port_command(Closed, "puts 1\n")).

%% "If the code in cmd takes a long time to run, the external program might linger." Not here.
program_termination_of_a_busy_program(_Config) ->
    Port = rubeam_ct:raw("packet=line"),
    port_command(Port, "puts 'busy'\n"),
    port_command(Port, "loop {}\n"),
    ?assertEqual(<<"busy\n">>, data(Port)),
    true = port_close(Port),
    ?assertEqual(undefined, erlang:port_info(Port)).

packing_messages(_Config) ->
    Port = rubeam_ct:raw(""),
    SendEval = fun(Code) -> port_command(Port, term_to_binary({eval, Code})) end,
    SendEval(<<"a = 1">>),
    SendEval(<<"while a < 10 do\n  a *= 3\nend\n">>),
    SendEval(<<"send_response(\"response\")\nsend_response(a)\n">>),
    ?assertEqual({response, <<"response">>}, binary_to_term(data(Port))),
    ?assertEqual({response, 27}, binary_to_term(data(Port))).

%% With the article's own packing, for a program that packs its messages itself
encoding_and_decoding_messages(_Config) ->
    Port = rubeam_ct:raw("packet=4"),
    SendEval = fun(Code) ->
                       Frame = term_to_binary({eval, Code}),
                       port_command(Port, [<<(byte_size(Frame)):32>>, Frame])
               end,
    SendEval(<<"a = 1">>),
    SendEval(<<"while a < 10 do\n  a *= 3\nend\n">>),
    SendEval(<<"send_response(a)">>),
    <<Length:32, Frame:Length/binary>> = data(Port),
    ?assertEqual({response, 27}, binary_to_term(Frame)).

%% What is printed does not get into the way of the responses.
bypassing_stdio(_Config) ->
    Port = rubeam_ct:raw(""),
    port_command(Port, term_to_binary({eval, <<"puts 'Ruby: a = 1'; a = 1; p a; send_response(a)">>})),
    ?assertEqual({output, stdout, <<"Ruby: a = 1\n">>}, binary_to_term(data(Port))),
    ?assertEqual({output, stdout, <<"1\n">>}, binary_to_term(data(Port))),
    ?assertEqual({response, 1}, binary_to_term(data(Port))).

wrapping_the_port_in_a_server_process(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{}),
    ok = rubeam:cast(Server, <<"a = 1">>),
    ok = rubeam:cast(Server, <<"while a < 10 do\n  a *= 3\nend\n">>),
    Response = <<"Erlang::Tuple[:response, a]">>,
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Response)),
    {ok, Another} = rubeam_server:start_link(#{}),
    ok = rubeam:cast(Another, <<"a = 42">>),
    ?assertEqual({ok, {response, 42}}, rubeam:eval(Another, Response)),
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Response)),
    %% The article's RubyServer crashes with this; here it is an answer.
    {error, Error} = rubeam:eval(Server, <<"1/0">>),
    ?assertMatch(<<"ZeroDivisionError: divided by 0", _/binary>>, rubeam:format_error(Error)),
    ?assertEqual({ok, {response, 27}}, rubeam:eval(Server, Response)),
    %% A cast has nobody to answer, and ends it.
    process_flag(trap_exit, true),
    ok = rubeam:cast(Server, <<"1/0">>),
    receive {'EXIT', Server, {ruby_exit, {error, Error2}}} ->
            ?assertEqual(<<"ZeroDivisionError">>, maps:get(class, Error2))
    after 10000 -> ct:fail(no_exit)
    end,
    ?assertEqual({ok, {response, 42}}, rubeam:eval(Another, Response)),
    ok = rubeam_server:stop(Another).

%% "You're advised to try and implement such GenServer yourself": with ids in the requests, over the
%% port alone. It runs as it would with an external program on a {packet, 4} port.
a_server_of_ones_own(_Config) ->
    process_flag(trap_exit, true),
    Server = spawn_link(fun() -> ruby_server(rubeam_ct:raw(""), #{}) end),
    Call = fun(Code) ->
                   Ref = make_ref(),
                   Server ! {call, self(), Ref, Code},
                   receive {Ref, Result} -> Result
                   after 10000 -> ct:fail({no_result, Code})
                   end
           end,
    Server ! {cast, <<"a = 1">>},
    Server ! {cast, <<"while a < 10 do\n  a *= 3\nend\n">>},
    ?assertEqual({ok, 27}, Call(<<"a">>)),
    ?assertEqual({ok, <<"later">>}, Call(<<"sleep 0.01; 'later'">>)),
    Server ! {cast, <<"1/0">>},
    receive {'EXIT', Server, {ruby_exit, {error, #{class := <<"ZeroDivisionError">>}}}} -> ok
    after 10000 -> ct:fail(no_exit)
    end.

ruby_server(Port, Callers) ->
    receive
        {cast, Code} ->
            port_command(Port, term_to_binary({eval, Code})),
            ruby_server(Port, Callers);
        {call, Pid, Ref, Code} ->
            Id = erlang:unique_integer(),
            port_command(Port, term_to_binary({eval, Id, Code})),
            ruby_server(Port, Callers#{Id => {Pid, Ref}});
        {Port, {data, Frame}} ->
            case binary_to_term(Frame) of
                {reply, Id, Result} ->
                    {{Pid, Ref}, Rest} = maps:take(Id, Callers),
                    Pid ! {Ref, Result},
                    ruby_server(Port, Rest);
                {exit, Reason} ->
                    exit({ruby_exit, Reason})
            end
    end.
