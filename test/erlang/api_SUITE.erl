%% What does each public function make of arguments that are wrong?
-module(api_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [whatever_is_no_reference_is_badarg,
     a_reference_to_nothing_is_closed,
     whatever_is_no_code_is_badarg,
     whatever_is_no_target_is_badarg,
     whatever_is_no_list_of_arguments_is_badarg,
     whatever_is_no_option_of_a_request_is_badarg,
     whatever_is_no_name_of_a_file_is_badarg,
     whatever_is_no_bytecode_is_badarg,
     whatever_is_no_request_is_badarg,
     whatever_is_no_request_id_is_badarg,
     whatever_is_no_map_is_badarg,
     whatever_is_no_frame_is_badarg,
     badarg_tells_which_argument_is_wrong,
     every_frame_is_decoded,
     format_error_knows_every_reason,
     format_error_never_fails,
     every_exported_function_is_tried_here,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

-define(CODE, <<"6 * 7">>).

%% Every function that takes a reference to Ruby, with good arguments otherwise
functions() ->
    [{close, []}, {eval, [?CODE]}, {eval, [?CODE, #{}]}, {call, [to_s, []]}, {call, [to_s, [], #{}]},
     {cast, [?CODE]}, {send, [hello]}, {load_file, [code:which(?MODULE)]},
     {load, [<<>>]}, {load, [<<>>, #{}]}, {send_request, [{eval, ?CODE}]}, {interrupt, []},
     {info, []}].

badarg(Function, Args) -> badarg(rubeam, Function, Args).

%% The cause that the stack trace names, by the position of the argument
badarg(Module, Function, Args) ->
    try apply(Module, Function, Args) of
        Result -> ct:fail({no_badarg, Function, Args, Result})
    catch
        error:badarg:Stack ->
            [{Module, Function, StackArgs, Info} | _] = Stack,
            Args = lists:sublist(StackArgs, length(Args)),
            #{module := Formatter, cause := Cause} = proplists:get_value(error_info, Info),
            ?assertEqual(Cause, Formatter:format_error(badarg, Stack)),
            ?assert(map_size(Cause) > 0),
            maps:keys(Cause)
    end.

whatever_is_no_reference_is_badarg(_Config) ->
    [?assertEqual({Function, [1]}, {Function, badarg(Function, [Bad | Args])})
     || {Function, Args} <- functions(),
        Bad <- [1, 1.5, <<"name">>, "name", [], {}, {a}, {a, 1}, {1, a}, {a, b, c}, {via, 1, x},
                #{}, make_ref(), fun() -> ok end]].

%% "Nothing" is a port that is closed, one of something else, a process or name that is no server.
a_reference_to_nothing_is_closed(_Config) ->
    Closed = rubeam_ct:open(),
    ok = rubeam:close(Closed),
    Dead = spawn(fun() -> ok end),
    rubeam_ct:gone(Dead),
    {ok, Socket} = gen_tcp:listen(0, []),
    Nothing = [Closed, Dead, self(), whereis(init), no_such_name, undefined, init, {init, node()},
               {no_such_name, node()}, {global, no_such_name}, {global, node()},
               {via, global, no_such_name}, {no_such_name, 'no_such_node@localhost'}, Socket],
    [begin
         Result = case apply(rubeam, Function, [Ruby | Args]) of
                      R when Function =:= send_request -> rubeam:receive_response(R, 10000);
                      R -> R
                  end,
         Expected = case Function of
                        close -> ok;
                        send_request -> {reply, {error, closed}};
                        _ -> {error, closed}
                    end,
         ?assertEqual({Ruby, Function, Expected}, {Ruby, Function, Result})
     end || Ruby <- Nothing, {Function, Args} <- functions()],
    ?assertMatch({ok, _}, inet:port(Socket)), % it was not closed
    ok = gen_tcp:close(Socket),
    ?assertEqual([], rubeam_ct:mailbox()).

whatever_is_no_code_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertEqual([2], badarg(eval, [Port, Bad])),
         ?assertEqual([2], badarg(eval, [Port, Bad, #{}])),
         ?assertEqual([2], badarg(cast, [Port, Bad])),
         ?assertEqual([2], badarg(send_request, [Port, {eval, Bad}])),
         ?assertEqual([2], badarg(send_request, [Port, {eval, Bad, #{}}]))
     end || Bad <- [code, 1, {<<"1">>}, <<1:3>>, [<<"1">> | 2], [1000], [["1", a]], #{}, nil]].

whatever_is_no_target_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertEqual([2], badarg(call, [Port, Bad, []])),
         ?assertEqual([2], badarg(call, [Port, Bad, [], #{}])),
         ?assertEqual([2], badarg(send_request, [Port, {call, Bad, []}])),
         ?assertEqual([2], badarg(send_request, [Port, {call, Bad, [], #{}}]))
     end || Bad <- ["to_s", 1, <<1:3>>, {}, {a}, {a, 1}, {"Math", sqrt}, {a, b, c}, [], #{}]].

whatever_is_no_list_of_arguments_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertEqual([3], badarg(call, [Port, to_s, Bad])),
         ?assertEqual([3], badarg(call, [Port, to_s, Bad, #{}])),
         ?assertEqual([2], badarg(send_request, [Port, {call, to_s, Bad}]))
     end || Bad <- [a, 1, {}, {1}, <<"x">>, #{}]].

whatever_is_no_option_of_a_request_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    Bad = [[], a, {timeout, 1}, #{timeout => 0}, #{timeout => -1}, #{timeout => 1.5},
           #{timeout => 1 bsl 32}, #{timeout => soon}, #{<<"timeout">> => 1}, #{unknown => 1}],
    BadForEval = [#{bindings => []}, #{bindings => [{a, 1}]}, #{bindings => #{1 => 1}},
                  #{bindings => #{"a" => 1}}, #{bindings => #{a => 1, [] => 2}}, #{value => 1},
                  #{value => nil}, #{line => 0}, #{line => -1}, #{line => a}, #{line => 60001},
                  #{file => a},
                  #{file => <<>>}, #{file => ""}, #{file => [a]}, #{file => <<255>>},
                  #{file => "a\0b"}, #{file => lists:duplicate(5000, $x)}],
    [begin
         ?assertEqual({Options, [3]}, {Options, badarg(eval, [Port, ?CODE, Options])}),
         ?assertEqual([2], badarg(send_request, [Port, {eval, ?CODE, Options}]))
     end || Options <- Bad ++ BadForEval],
    [begin
         ?assertEqual({Options, [4]}, {Options, badarg(call, [Port, to_s, [], Options])}),
         ?assertEqual([2], badarg(send_request, [Port, {call, to_s, [], Options}]))
     end || Options <- Bad ++ [#{file => <<"f.rb">>}, #{line => 1}, #{bindings => #{}},
                           #{value => false}]],
    ?assertEqual({ok, 42}, rubeam:eval(Port, ?CODE, #{timeout => infinity, file => "f",
                                                      line => 60000})).

whatever_is_no_name_of_a_file_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [?assertEqual({Bad, [2]}, {Bad, badarg(load_file, [Port, Bad])})
     || Bad <- [a, 1, {}, <<>>, "", <<255>>, "a\0b", lists:duplicate(5000, $x), [a]]].

whatever_is_no_bytecode_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [begin
         ?assertEqual({Bad, [2]}, {Bad, badarg(load, [Port, Bad, #{}])}),
         ?assertEqual([2], badarg(send_request, [Port, {load, Bad}]))
     end || Bad <- [a, 1, [], "RBC1", [<<"RBC1">>], <<1:3>>, {}]],
    [begin
         ?assertEqual({Options, [3]}, {Options, badarg(load, [Port, <<>>, Options])}),
         ?assertEqual([2], badarg(send_request, [Port, {load, <<>>, Options}]))
     end || Options <- [[], #{timeout => 0}, #{file => "f"}, #{line => 1}, #{bindings => #{}}]],
    [?assertEqual({Code, [1]}, {Code, badarg(compile, [Code, #{}])}) || Code <- [a, 1, {}, [a]]],
    [?assertEqual({Options, [2]}, {Options, badarg(compile, [?CODE, Options])})
     || Options <- [[], a, #{timeout => 0}, #{file => a}, #{line => 0}, #{bindings => #{}},
                    #{unknown => 1}]].

whatever_is_no_request_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    [?assertEqual([2], badarg(send_request, [Port, Bad]))
     || Bad <- [eval, ?CODE, {}, {eval}, {eval, ?CODE, #{}, x}, {call, to_s}, {call, to_s, [], #{}, x},
                {cast, ?CODE}, {info, 1}, [], #{}]],
    %% All that is wrong is told at once.
    ?assertEqual([1, 2], badarg(send_request, [1, {}])),
    ?assertEqual([1, 2, 3], badarg(eval, [1, 2, 3])),
    ?assertEqual([1, 2, 3, 4], badarg(call, [1, 2, 3, 4])).

whatever_is_no_request_id_is_badarg(_Config) ->
    Port = rubeam_ct:open(),
    Id = rubeam:send_request(Port, {eval, ?CODE}),
    [begin
         ?assertEqual([1], badarg(wait_response, [Bad, 0])),
         ?assertEqual([2], badarg(check_response, [message, Bad]))
     end || Bad <- [1, make_ref(), {make_ref()}, {local, Port, 1}, {local, 1, make_ref()},
                    {closed, 1}, {}, a]],
    [?assertEqual([2], badarg(wait_response, [Id, Bad])) || Bad <- [-1, 1.5, a, "1", 1 bsl 32]],
    ?assertError(badarg, rubeam:receive_response(1, 0)),
    ?assertError(badarg, rubeam:receive_response(Id, -1)),
    ?assertEqual({reply, {ok, 42}}, rubeam:receive_response(Id, 10000)).

whatever_is_no_map_is_badarg(_Config) ->
    [begin
         ?assertEqual([1], badarg(open, [Bad])),
         ?assertEqual([1], badarg(rubeam_server, start_link, [Bad])),
         ?assertEqual([1], badarg(rubeam_server, start, [Bad])),
         ?assertEqual([1], badarg(rubeam_server, child_spec, [Bad])),
         ?assertEqual([2], badarg(rubeam_server, start_link, [name, Bad])),
         ?assertEqual([2], badarg(rubeam_server, start, [name, Bad]))
     end || Bad <- [[], [{timeout, 1}], a, 1, {}, <<>>]],
    Port = rubeam_ct:open(),
    [?assertEqual([1], badarg(rubeam_server, stop, [Bad])) || Bad <- [Port, 1, "name", {}, []]],
    ?assertEqual(ok, rubeam_server:stop(no_such_name)).

whatever_is_no_frame_is_badarg(_Config) ->
    [?assertEqual([1], badarg(decode, [Bad]))
     || Bad <- [<<>>, <<"text">>, <<131>>, <<1:3>>, a, [], term_to_binary(a), term_to_binary({a, b}),
                term_to_binary({output, stdout}), term_to_binary({output, 1, <<>>}),
                term_to_binary({reply, 1})]].

%% What the shell and the logger show
badarg_tells_which_argument_is_wrong(_Config) ->
    try rubeam:eval(1, code, #{timeout => 0})
    catch
        error:badarg:Stack ->
            Text = unicode:characters_to_binary(erl_error:format_exception(error, badarg, Stack)),
            [?assertMatch({_, {_, _}}, {Text, binary:match(Text, Part)})
             || Part <- [<<"rubeam:eval">>, <<"argument 1">>, <<"argument 2">>, <<"not iodata">>,
                         <<"argument 3">>, <<"timeout">>]]
    end.

every_frame_is_decoded(_Config) ->
    [?assertEqual(Term, rubeam:decode(term_to_binary(Term)))
     || Term <- [{output, stdout, <<"text">>}, {output, stderr, <<>>}, {response, [1]},
                 {reply, {my, id}, {ok, 1}}, {exit, 0}, {exit, killed}]].

format_error_knows_every_reason(_Config) ->
    Exception = #{class => <<"ZeroDivisionError">>, message => <<"divided by 0">>,
                  backtrace => [<<"a.rb:1:in f">>, <<"(eval):1">>]},
    ?assertEqual(<<"ZeroDivisionError: divided by 0\n    from a.rb:1:in f\n    from (eval):1">>,
                 rubeam:format_error(Exception)),
    ?assertEqual(<<"Grüße: \"ÿ\""/utf8>>,
                 rubeam:format_error(#{class => <<"Grüße"/utf8>>, message => <<"\"", 255, "\"">>,
                                       backtrace => []})),
    Known = [timeout, interrupted, memory_limit, busy, closed, killed, stack_overflow, aborted,
             {bad_request, <<"why">>}, {bad_option, x}, {bad_option, {x, 1}}, not_started,
             driver_mismatch, {template, closed}, {already_registered, x}, {already_started, self()},
             {prelude, timeout}, {prelude, Exception}, {open_failed, {prelude, Exception}},
             {file, <<"a.rb">>, enoent},
             {file, <<"a.rb">>, closed}, {file, <<"a.rb">>, Exception},
             {driver_not_found, ["/a", "/b"]}, {driver_not_loaded, "/a/b.so", "no library"},
             {ruby_exit, 0}, {ruby_exit, killed}, {ruby_exit, closed}, {ruby_exit, {error, Exception}},
             {ruby_exit, memory_limit},
             {rubeam, {not_started, {rubeam_app, start, [normal, []]}}}],
    [begin
         Text = rubeam:format_error(Error),
         %% Not just the term
         ?assertNotEqual(iolist_to_binary(io_lib:format("~p", [Error])), Text),
         ?assertEqual(Text, rubeam:format_error({error, Error}))
     end || Error <- Known].

format_error_never_fails(_Config) ->
    Strange = [a, 1, [], {}, #{}, <<>>, <<255>>, <<1:3>>, self(), {error, x},
               {error, {error, {error, 1}}},
               #{class => 1, message => 2, backtrace => 3},
               #{class => <<"A">>, message => <<"b">>, backtrace => [a | b]},
               #{class => <<"A">>, message => <<"b">>, backtrace => [1]},
               {prelude, 1}, {file, 1, 2}, {file, <<"a">>, no_posix}, {file, <<255>>, #{}},
               {bad_request, 1}, {bad_option, []}, {driver_not_found, [1]}, {driver_not_loaded, 1, 2},
               {driver_not_found, x}, {driver_not_found, [[16#D800]]}, {ruby_exit, #{}},
               {ruby_exit, {ruby_exit, []}}, {rubeam, 1},
               {already_started, x}, {already_registered, <<255>>}, "text", [1 | 2]],
    [begin
         Text = rubeam:format_error(Error),
         ?assert(is_binary(Text) andalso byte_size(Text) > 0),
         ?assert(is_list(unicode:characters_to_list(Text)))
     end || Error <- Strange].

%% A function that is added to the API must be added here.
every_exported_function_is_tried_here(_Config) ->
    Rubeam = [{open, 0}, {open, 1}, {close, 1}, {template, 1}, {template_info, 1},
              {eval, 2}, {eval, 3}, {call, 3}, {call, 4}, {cast, 2}, {send, 2},
              {return, 3},
              {compile, 1}, {compile, 2}, {load, 2}, {load, 3}, {load_file, 2},
              {send_request, 2}, {receive_response, 2}, {wait_response, 2}, {check_response, 2},
              {interrupt, 1}, {info, 0}, {info, 1}, {globals, 1}, {gc, 1}, {decode, 1}, {format_error, 1},
              {shell, 0}, {shell, 1}, {module_info, 0}, {module_info, 1}],
    ?assertEqual(lists:sort(Rubeam), lists:sort(rubeam:module_info(exports))).
