%% Is JSON what Ruby's own json makes of it?
%%
%% json_SUITE_data/cases.rb has an expression in each line. Each is evaluated in an interpreter and by the
%% machine's own Ruby (harness.rb says how), and what they give must be the same bytes. A new case is a new
%% line, no code.
-module(json_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% Lines whose result a release of Ruby's json after 2.6, which the machine may have, has changed are left
%% to test/unit/test_ruby_json.c.
-define(AT_LEAST, 400).

all() ->
    [each_case_is_as_in_ruby,
     a_large_text_does_not_hold_a_scheduler,
     a_large_text_is_stopped_in_time,
     what_comes_from_a_text_goes_to_erlang,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% --- the machine's own Ruby ---

each_case_is_as_in_ruby(Config) ->
    [Harness, Cases] = [filename:join(?config(data_dir, Config), File)
                        || File <- ["harness.rb", "cases.rb"]],
    case ruby("print JSON::VERSION") of
        {0, <<"2.6.", _/binary>>} -> compare(Harness, Cases);
        {_, Says} -> {skip, ["the json of this machine's Ruby is not 2.6: ", Says]}
    end.

compare(Harness, Cases) ->
    {0, Wanted} = ruby("load ARGV[0]; File.foreach(ARGV[1], chomp: true) { |line| "
                       "r = result(line).b; print [r.bytesize].pack('N'), r }", [Harness, Cases]),
    {ok, Lines} = file:read_file(Cases),
    Codes = binary:split(Lines, <<"\n">>, [global, trim]),
    Results = [Result || <<Size:32, Result:Size/binary>> <= Wanted],
    ?assert(length(Codes) >= ?AT_LEAST),
    ?assertEqual(length(Codes), length(Results)),
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:load_file(Port, Harness),
    Differ = [{Code, {ruby, Result}, {rubeam, Ours}}
              || {Code, Result} <- lists:zip(Codes, Results),
                 (Ours = rubeam:call(Port, result, [Code])) =/= {ok, Result}],
    ?assertEqual([], Differ),
    ok = rubeam:close(Port).

ruby(Code) -> ruby(Code, []).

ruby(Code, Arguments) ->
    Ruby = open_port({spawn_executable, os:find_executable("ruby")},
                     [binary, exit_status, stderr_to_stdout,
                      {args, ["-rjson", "-e", Code | Arguments]}]),
    gather(Ruby, []).

gather(Ruby, Data) ->
    receive
        {Ruby, {data, More}} -> gather(Ruby, [Data | More]);
        {Ruby, {exit_status, Status}} -> {Status, iolist_to_binary(Data)}
    end.

%% --- large texts ---

%% A text of 30 MB: one that has little in it, so that the parser is nearly all the time in one call.
large(Port) ->
    {ok, _} = rubeam:eval(Port, <<"$text = '[\"' + 'a' * 15_000_000 + '\",' + ' ' * 15_000_000 + ']x'; nil">>).

a_large_text_does_not_hold_a_scheduler(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 512 bsl 20}),
    large(Port),
    Before = maps:get(slices, rubeam:info(Port)),
    ?assertMatch({error, #{class := <<"JSON::ParserError">>}},
                 rubeam:eval(Port, <<"JSON.parse($text)">>)),
    %% It went to the pool: one slice begins on the scheduler, and at least another one ends it.
    ?assert(maps:get(slices, rubeam:info(Port)) >= Before + 2),
    ok = rubeam:close(Port).

a_large_text_is_stopped_in_time(_Config) ->
    Port = rubeam_ct:open(#{memory_limit => 512 bsl 20}),
    large(Port),
    Began = erlang:monotonic_time(millisecond),
    ?assertEqual({error, timeout},
                 rubeam:eval(Port, <<"loop { begin; JSON.parse($text); rescue JSON::ParserError; end }">>,
                             #{timeout => 200})),
    ?assert(erlang:monotonic_time(millisecond) - Began < 5000),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

what_comes_from_a_text_goes_to_erlang(_Config) ->
    Port = rubeam_ct:open(),
    Text = <<"{\"a\":[1,2.5,null,true,\"é\"],\"b\":{\"c\":123456789012345678901234567890}}"/utf8>>,
    ?assertEqual({ok, #{<<"a">> => [1, 2.5, nil, true, <<"é"/utf8>>],
                        <<"b">> => #{<<"c">> => 123456789012345678901234567890}}},
                 rubeam:call(Port, {<<"JSON">>, parse}, [Text])),
    {ok, Back} = rubeam:call(Port, {<<"JSON">>, generate}, [#{a => [1, #{<<"b">> => nil}]}]),
    ?assertEqual(<<"{\"a\":[1,{\"b\":null}]}">>, Back),
    ok = rubeam:close(Port).
