%% Which options are accepted, with which values, and what do they do?
-module(options_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [every_default_is_the_drivers_too,
     each_range_is_accepted_to_its_ends,
     beyond_its_range_each_option_is_refused,
     wrong_types_are_refused,
     unknown_options_are_refused,
     an_option_of_one_transport_is_none_of_the_others,
     options_of_programs,
     a_standard_ruby_has_its_environment_directory_and_arguments,
     refused_options_open_nothing,
     a_limit_is_the_ports_own,
     a_name_is_registered_and_freed,
     a_name_that_is_taken_opens_nothing,
     the_pool_can_be_chosen,
     the_environment_chooses_the_pool,
     options_of_a_server,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

every_default_is_the_drivers_too(_Config) ->
    Defaults = maps:remove(output, rubeam_options:defaults()),
    Plain = rubeam_ct:raw(""),
    Given = rubeam_ct:open(maps:remove(pool, Defaults)),
    %% As far as the figures tell; the others are exceeded at their defaults or ends elsewhere.
    Figures = [memory_limit, timeout, queue_limit, max_frame, max_source, max_depth, max_atoms,
               slice, grace, transport],
    Own = maps:with(Figures, rubeam:info(Plain)),
    ?assertEqual(Own, maps:with(Figures, rubeam:info(Given))),
    ?assertMatch(#{memory_limit := 67108864, queue_limit := 10000}, Own).

ranges() ->
    [{memory_limit, 1 bsl 20, 1 bsl 32}, {timeout, 1, 16#FFFFFFFF}, {queue_limit, 0, 1 bsl 24},
     {max_frame, 64, 1 bsl 31}, {max_source, 1, 1 bsl 30}, {max_depth, 1, 1024},
     {max_atoms, 0, 1 bsl 20}, {slice, 50, 100000}, {grace, 1, 1 bsl 20}].

%% Opening shows that the driver has the same ranges.
each_range_is_accepted_to_its_ends(_Config) ->
    [begin
         {_, {ok, Port}} = {{Key, Value}, rubeam:open(#{Key => Value})},
         ok = rubeam:close(Port)
     end || {Key, Min, Max} <- ranges(), Value <- [Min, Max]],
    [ok = rubeam:close(rubeam_ct:open(Options))
     || Options <- [#{timeout => infinity}, #{transport => driver}, #{pool => auto}, #{}]],
    %% As it should be for the cases after this one
    ok = rubeam:close(rubeam_ct:open()).

beyond_its_range_each_option_is_refused(_Config) ->
    [?assertEqual({error, {bad_option, {Key, Value}}}, rubeam:open(#{Key => Value}))
     || {Key, Min, Max} <- ranges(), Value <- [Min - 1, Max + 1, -1, -Max, 1 bsl 64]].

wrong_types_are_refused(_Config) ->
    [?assertEqual({error, {bad_option, {Key, Value}}}, rubeam:open(#{Key => Value}))
     || Key <- [memory_limit, timeout, queue_limit, max_frame, max_source, max_depth, max_atoms,
                slice, grace, pool, transport, name],
        Value <- [1.0e7, "100", <<"100">>, [], {}, #{}, self(), undefined]],
    [?assertEqual({error, {bad_option, {Key, Value}}}, rubeam:open(#{Key => Value}))
     || {Key, Values} <- [{prelude, [1, a, {}, #{}, [256], [a]]},
                          {files, [1, a, "a.rb", <<"a.rb">>, [""], [1], [a], ["a\0b"], [<<255>>],
                                   [binary:copy(<<"a">>, 4097)], {}]}],
        Value <- Values],
    [?assertEqual({error, {bad_option, {Key, infinity}}}, rubeam:open(#{Key => infinity}))
     || Key <- [memory_limit, queue_limit, slice, pool]].

unknown_options_are_refused(_Config) ->
    [?assertEqual({error, {bad_option, Key}}, rubeam:open(#{Key => 1}))
     || Key <- [unknown, memory, <<"memory_limit">>, "timeout", 1, {a, b}, manager, packet]],
    %% The first in the order of terms is the one that is told.
    ?assertEqual({error, {bad_option, aa}}, rubeam:open(#{zz => 1, aa => 1, memory_limit => 0})),
    %% Those of a server are not an interpreter's.
    ?assertEqual({error, {bad_option, output}}, rubeam:open(#{output => discard})).

an_option_of_one_transport_is_none_of_the_others(_Config) ->
    [?assertEqual({error, {bad_option, Bad}}, rubeam:open(Options))
     || {Bad, Options} <- [{{transport, other}, #{transport => other}},
                           {{transport, <<"port">>}, #{transport => <<"port">>}},
                           {ruby, #{ruby => "ruby"}}, {rlimit, #{rlimit => #{}}},
                           {start_timeout, #{start_timeout => 1000, transport => driver}},
                           {ruby, #{transport => port, ruby => "ruby"}},
                           {env, #{transport => port, env => []}},
                           {pool, #{transport => port, pool => threads}},
                           {pool, #{transport => cruby, pool => auto}}]].

options_of_programs(_Config) ->
    [begin
         {ok, Ruby} = rubeam:open(Options#{transport => port}),
         ?assertEqual({ok, 42}, rubeam_ct:answers(Ruby)),
         ok = rubeam:close(Ruby)
     end || Options <- [#{rlimit => #{address_space => 4 bsl 30, cpu => 60, open_files => 64,
                                      file_size => 0}},
                        #{rlimit => #{}, start_timeout => 60000},
                        #{memory_limit => 8 bsl 20, timeout => 5000, queue_limit => 5, max_frame => 100000,
                          max_source => 1000, max_depth => 30, max_atoms => 0, slice => 500, grace => 10,
                          load_path => ["/nowhere at all"]}]],
    [?assertEqual({error, {bad_option, {Key, Value}}}, rubeam:open(#{transport => cruby, Key => Value}))
     || {Key, Value} <- [{rlimit, #{other => 1}}, {rlimit, #{cpu => -1}}, {rlimit, []}, {start_timeout, 0},
                         {start_timeout, infinity}, {ruby, ""}, {ruby, 5}, {args, "abc"}, {args, [5]}, {args, foo},
                         {env, [{"A", 5}]}, {env, [a]}, {env, #{}}, {cd, ""}]].

a_standard_ruby_has_its_environment_directory_and_arguments(_Config) ->
    {ok, Ruby} = rubeam:open(#{transport => cruby, ruby => os:find_executable("ruby"), cd => "/usr",
                               args => ["-W0", <<"-rostruct">>],
                               env => [{"RUBEAM_ONE", "eins"}, {"HOME", false}]}),
    ?assertEqual({ok, [<<"eins">>, nil, <<"/usr">>, nil, true]},
                 rubeam:eval(Ruby, <<"[ENV['RUBEAM_ONE'], ENV['HOME'], Dir.pwd, $VERBOSE, OpenStruct.is_a?(Class)]">>)),
    ok = rubeam:close(Ruby),
    {ok, Limited} = rubeam:open(#{transport => cruby, rlimit => #{open_files => 20, file_size => 0}}),
    ?assertEqual({ok, [20, 0, 0]},
                 rubeam:eval(Limited, <<"[Process.getrlimit(:NOFILE)[0], Process.getrlimit(:FSIZE)[0], "
                                        "Process.getrlimit(:CORE)[0]]">>)),
    ok = rubeam:close(Limited),
    {ok, Port} = rubeam:open(#{transport => port, rlimit => #{cpu => 1}}),
    process_flag(trap_exit, true),
    ?assertEqual({error, {program, {signal, 24}}}, rubeam:eval(Port, <<"loop {}">>)), % SIGXCPU
    ?assertEqual({error, {program, {status, 71}}},
                 rubeam:open(#{transport => port, rlimit => #{address_space => 100 bsl 20}})).

refused_options_open_nothing(_Config) ->
    Ports = erlang:ports(),
    {error, _} = rubeam:open(#{memory_limit => 0}),
    {error, _} = rubeam_server:start(#{memory_limit => 0}),
    ?assertEqual(Ports, erlang:ports()),
    ?assertEqual([], rubeam_ct:mailbox()).

a_limit_is_the_ports_own(_Config) ->
    Small = rubeam_ct:open(#{queue_limit => 7, memory_limit => 5 bsl 20}),
    Other = rubeam_ct:open(),
    ?assertMatch(#{queue_limit := 7, memory_limit := 5242880}, rubeam:info(Small)),
    ?assertMatch(#{queue_limit := 10000, memory_limit := 67108864}, rubeam:info(Other)).

a_name_is_registered_and_freed(_Config) ->
    {ok, Port} = rubeam:open(#{name => a_ruby}),
    ?assertEqual(Port, whereis(a_ruby)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(a_ruby)),
    ?assertEqual({ok, 3.0}, rubeam:call({a_ruby, node()}, {'Math', sqrt}, [9])),
    ?assertEqual(ok, rubeam:close(a_ruby)),
    ?assertEqual(undefined, whereis(a_ruby)),
    ?assertEqual({error, closed}, rubeam_ct:answers(a_ruby)),
    ?assertEqual(ok, rubeam:close(a_ruby)).

a_name_that_is_taken_opens_nothing(_Config) ->
    Ports = length(erlang:ports()),
    true = register(taken_by_a_process, self()),
    ?assertEqual({error, {already_registered, taken_by_a_process}},
                 rubeam:open(#{name => taken_by_a_process})),
    ?assertEqual(Ports, length(erlang:ports())),
    ?assertEqual([], rubeam_ct:mailbox()).

the_pool_can_be_chosen(_Config) ->
    [begin
         Port = rubeam_ct:open(#{pool => Pool}),
         ?assertMatch(#{pool := Pool}, rubeam:info(Port)),
         {ok, _} = rubeam:eval(Port, rubeam_ct:fib()),
         ?assertEqual({ok, 28657}, rubeam:call(Port, fib, [23]))
     end || Pool <- [threads, async, threads]].

the_environment_chooses_the_pool(_Config) ->
    Before = os:getenv("RUBEAM_POOL"),
    try
        [begin
             true = os:putenv("RUBEAM_POOL", atom_to_list(Pool)),
             ?assertMatch(#{pool := Pool}, rubeam:info(rubeam_ct:open())),
             ?assertMatch(#{pool := threads}, rubeam:info(rubeam_ct:open(#{pool => threads})))
         end || Pool <- [async, threads]],
        true = os:putenv("RUBEAM_POOL", "neither"),
        ?assertEqual({error, {bad_option, {pool, "neither"}}}, rubeam:open()),
        true = os:putenv("RUBEAM_POOL", "auto"),
        ?assertEqual({ok, 42}, rubeam_ct:answers(rubeam_ct:open()))
    after
        case Before of
            false -> os:unsetenv("RUBEAM_POOL");
            _ -> os:putenv("RUBEAM_POOL", Before)
        end
    end.

options_of_a_server(_Config) ->
    [begin
         {ok, Server} = rubeam_server:start(Options),
         ?assertEqual({ok, 42}, rubeam_ct:answers(Server)),
         ok = rubeam_server:stop(Server)
     end || Options <- [#{}, #{output => group_leader}, #{output => discard},
                        #{output => {send, self()}}, #{output => fun(_, _) -> ok end},
                        #{memory_limit => 8 bsl 20, name => a_server},
                        #{name => {global, {a, server}}}, #{name => {local, a_server}},
                        #{name => {via, global, a_server}}]],
    [?assertEqual({error, {bad_option, Bad}}, rubeam_server:start(maps:from_list([Option])))
     || {Option, Bad} <- [{{unknown, 1}, unknown}]
            ++ [{Option, Option} || Option <- [{output, none}, {output, {send, name}},
                                               {output, fun(_) -> ok end}, {output, self()},
                                               {name, "name"}, {name, undefined}, {name, {local, 1}},
                                               {name, {via, 1, x}}, {name, {a, b, c}},
                                               {memory_limit, 0}, {transport, other}]]].
