%% Regular expressions: are they those of a standard Ruby, and can one do harm? docs/regexp.md says where
%% they differ; the engine's own tests are test/unit/test_regexp.c, attempts on it test/hostile/regexp_*.
-module(regexp_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% Fewer lines would mean that the table was not run.
-define(AT_LEAST, 25000).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [they_do_what_those_of_a_standard_ruby_do,
     what_comes_from_erlang_is_matched,
     a_pattern_that_goes_back_for_ever_is_an_error,
     a_match_is_stopped_by_a_timeout_and_an_interrupt,
     others_run_beside_a_long_match,
     what_is_compiled_counts_for_the_memory_limit,
     literals_work_in_bytecode,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% Every line of the table, byte for byte.
they_do_what_those_of_a_standard_ruby_do(Config) ->
    File = filename:join([root(), "test", "regexp", "cases.rb"]),
    {ok, Code} = file:read_file(File),
    Program = filename:join(?config(priv_dir, Config), "cases.rb"),
    ok = file:write_file(Program, [Code, "print $lines.join(\"\\n\")\n"]),
    "" = os:cmd("ruby -W0 -E UTF-8:UTF-8 " ++ Program ++ " >" ++ Program ++ ".out"),
    {ok, Standard} = file:read_file(Program ++ ".out"),
    Port = rubeam_ct:open(#{memory_limit => 256 bsl 20}),
    {ok, Count} = rubeam:eval(Port, [Code, "\n$lines.size"], #{timeout => 120000}),
    Ours = lists:append([begin
                             {ok, Lines} = rubeam:eval(Port, io_lib:format("$lines[~b, 500]", [At])),
                             Lines
                         end || At <- lists:seq(0, Count - 1, 500)]),
    Theirs = binary:split(Standard, <<"\n">>, [global, trim]),
    ?assert(length(Theirs) >= ?AT_LEAST, {lines, length(Theirs)}),
    ?assertEqual([], lists:sublist([{ours, A, theirs, B} || {A, B} <- lists:zip(Ours, Theirs), A =/= B], 20)).

what_comes_from_erlang_is_matched(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"def words(text) = text.scan(/[[:alpha:]]+/)
                                   def field(line, name) = line[/\\b#{Regexp.escape(name)}=(\\w+)/, 1]">>),
    ?assertEqual({ok, [<<"zwölf"/utf8>>, <<"Ώρα"/utf8>>]}, rubeam:call(Port, words, [<<"zwölf 12 Ώρα"/utf8>>])),
    ?assertEqual({ok, <<"7">>}, rubeam:call(Port, field, [<<"a.b=7 b=8">>, <<"a.b">>])),
    ?assertEqual({ok, nil}, rubeam:call(Port, field, [<<"aXb=7">>, <<"a.b">>])),
    ?assertMatch({error, #{class := <<"ArgumentError">>, message := <<"invalid byte sequence in UTF-8">>}},
                 rubeam:call(Port, words, [<<"a", 255>>])),
    ?assertEqual({ok, <<255>>}, rubeam:eval(Port, <<"\"a\\xff\"[/[^a]/n]">>)),
    ?assertMatch({error, #{class := <<"RegexpError">>}}, rubeam:eval(Port, <<"/(/">>)).

a_pattern_that_goes_back_for_ever_is_an_error(_Config) ->
    Port = rubeam_ct:open(),
    {Microseconds, Result} = timer:tc(fun() -> rubeam:eval(Port, <<"('a' * 50) =~ /(a+)+b/">>) end),
    ?assertMatch({error, #{class := <<"RegexpError">>, message := <<"match takes too long", _/binary>>}}, Result),
    ct:pal("it took ~b ms", [Microseconds div 1000]),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

a_match_is_stopped_by_a_timeout_and_an_interrupt(_Config) ->
    Port = rubeam_ct:open(),
    Code = <<"begin; loop { ('a' * 50) =~ /(a+)+b/ rescue 0 }; end">>,
    ?assertEqual({error, timeout}, rubeam:eval(Port, Code, #{timeout => 30})),
    Id = rubeam:send_request(Port, {eval, Code}),
    timer:sleep(30),
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 5000)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

%% More matches than there are threads: each gives way in the middle of it.
others_run_beside_a_long_match(_Config) ->
    Code = <<"('a' * 50) =~ /(a+)+b/">>,
    Count = 2 * erlang:system_info(schedulers_online) + 2,
    Busy = [begin
                Port = rubeam_ct:open(),
                {Port, rubeam:send_request(Port, {eval, Code})}
            end || _ <- lists:seq(1, Count)],
    Other = rubeam_ct:open(),
    {Microseconds, Result} = timer:tc(fun() -> rubeam:eval(Other, <<"6 * 7">>) end),
    ?assertEqual({ok, 42}, Result),
    ct:pal("a short eval beside ~b matches took ~b us", [Count, Microseconds]),
    [?assertMatch({reply, {error, #{class := <<"RegexpError">>}}}, rubeam:receive_response(Id, 60000))
     || {_, Id} <- Busy],
    ?assert(lists:all(fun({Port, _}) -> maps:get(preemptions, rubeam:info(Port)) > 10 end, Busy)).

what_is_compiled_counts_for_the_memory_limit(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 8 bsl 20}),
    ?assertEqual({error, memory_limit},
                 rubeam:eval(Port, <<"a = []; loop { a << Regexp.new(\"[[:alpha:]]#{a.size}\") }">>)),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"a = nil">>)),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"9999.times { |i| Regexp.new(\"[[:alpha:]]#{i}\") }; 1">>)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)).

literals_work_in_bytecode(_Config) ->
    {ok, Bytecode} = rubeam:compile(<<"'key=value' =~ /(?<k>\\w+)=(?<v>\\w+)/; [$~[:k], $2]">>),
    ?assertEqual({ok, [<<"key">>, <<"value">>]}, rubeam:load(rubeam_ct:open(), Bytecode)).

%% Above the code, wherever that was built.
root() -> root(filename:dirname(code:which(rubeam))).

root("/") -> ct:fail(no_test_regexp);
root(Directory) ->
    case filelib:is_dir(filename:join([Directory, "test", "regexp"])) of
        true -> Directory;
        false -> root(filename:dirname(Directory))
    end.
