%% Code that an interpreter runs at its opening, files, and bindings.
-module(source_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [a_prelude_runs_before_anything_else,
     files_run_in_their_order_after_the_prelude,
     what_the_code_prints_reaches_the_owner,
     the_value_of_the_code_does_not_matter,
     a_prelude_that_fails_opens_nothing,
     a_file_that_fails_opens_nothing,
     a_file_that_cannot_be_read_opens_nothing,
     a_prelude_that_ends_the_interpreter_opens_nothing,
     a_prelude_has_the_time_that_requests_have,
     the_name_is_there_when_the_interpreter_is_ready,
     a_name_that_is_taken_leaves_nothing,
     a_server_is_ready_when_it_has_started,
     a_server_whose_code_fails_does_not_start,
     a_server_that_is_started_again_is_ready_again,
     load_file_is_an_eval_with_the_name_of_the_file,
     load_file_says_why_it_cannot_read,
     load_file_takes_any_reference,
     an_eval_may_go_without_its_value,
     what_was_compiled_runs_in_any_interpreter,
     bytecode_goes_through_files_servers_and_other_nodes,
     errors_in_bytecode_name_the_file_and_the_line,
     code_that_cannot_be_compiled_says_why,
     damaged_bytecode_is_an_error,
     bytecode_is_stopped_like_any_request,
     compiling_leaves_nothing,
     bindings_are_variables_of_the_session,
     bindings_reach_servers_and_other_nodes,
     bindings_with_wrong_names_are_an_error,
     bindings_without_a_form_in_ruby_are_an_error,
     files_are_required_below_the_load_path,
     a_load_path_may_have_any_name,
     a_load_path_is_checked,
     a_required_file_is_read_in_the_pool,
     a_prelude_and_files_may_require,
     what_is_wrong_is_said_in_words,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% A Ruby file with that text.
file(Config, Name, Text) ->
    Path = filename:join(?config(priv_dir, Config), Name),
    ok = file:write_file(Path, Text),
    Path.

%% --- at the opening ---

a_prelude_runs_before_anything_else(_Config) ->
    {ok, Port} = rubeam:open(#{prelude => ["def add(a, b) = a + b\n", <<"x = 5; $y = 6">>]}),
    ?assertEqual({ok, 3}, rubeam:call(Port, add, [1, 2])),
    ?assertEqual({ok, [5, 6]}, rubeam:eval(Port, <<"[x, $y]">>)),
    ?assertEqual([], rubeam_ct:mailbox()),
    ok = rubeam:close(Port),
    {ok, Empty} = rubeam:open(#{prelude => <<>>, files => []}),
    ?assertMatch(#{evals := 0}, rubeam:info(Empty)),
    ok = rubeam:close(Empty).

files_run_in_their_order_after_the_prelude(Config) ->
    One = file(Config, "one.rb", <<"$order << [__FILE__, __LINE__]">>),
    Two = file(Config, "zwö.rb", <<"$order << [__FILE__, __LINE__]"/utf8>>),
    {ok, Port} = rubeam:open(#{files => [One, Two, list_to_binary(One)],
                               prelude => <<"$order = [[__FILE__, __LINE__]]">>}),
    [Bytes1, Bytes2] = [unicode:characters_to_binary(File) || File <- [One, Two]],
    ?assertEqual({ok, [[<<"(prelude)">>, 1], [Bytes1, 1], [Bytes2, 1], [Bytes1, 1]]},
                 rubeam:eval(Port, <<"$order">>)),
    ok = rubeam:close(Port).

what_the_code_prints_reaches_the_owner(_Config) ->
    {ok, Port} = rubeam:open(#{prelude => <<"puts 'ready'">>}),
    ?assertEqual({output, stdout, <<"ready\n">>}, rubeam_ct:receive_frame(Port)),
    ok = rubeam:close(Port).

the_value_of_the_code_does_not_matter(Config) ->
    File = file(Config, "object.rb", <<"Object.new # has no form in Erlang">>),
    {ok, Port} = rubeam:open(#{prelude => <<"$o = Object.new # nor this">>, files => [File]}),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port),
    %% Whatever the text ends with, and as long as it may be
    Ends = file(Config, "ends.rb", <<"$ends = 1\nObject.new\n__END__\nno code )">>),
    {ok, Ended} = rubeam:open(#{files => [Ends], max_source => filelib:file_size(Ends)}),
    ?assertEqual({ok, 1}, rubeam:eval(Ended, <<"$ends">>)),
    ok = rubeam:close(Ended),
    {ok, Returns} = rubeam:open(#{prelude => <<"$a = 1\nreturn 5\n$a = 2">>}),
    ?assertEqual({ok, 1}, rubeam:eval(Returns, <<"$a">>)),
    ok = rubeam:close(Returns).

fails(Options, Wanted) ->
    process_flag(trap_exit, true),
    Before = rubeam_ct:all_ports(),
    {error, Reason} = rubeam:open(Options),
    ?assertEqual(ok, try Wanted(Reason) catch error:function_clause -> {unexpected, Reason} end),
    rubeam_ct:until(fun() -> rubeam_ct:all_ports() =:= Before end),
    ?assertEqual([], rubeam_ct:mailbox()),
    Reason.

a_prelude_that_fails_opens_nothing(_Config) ->
    {prelude, Error} = fails(#{prelude => <<"puts 'printed'\n\nraise 'no'">>},
                             fun({prelude, _}) -> ok end),
    ?assertEqual(#{class => <<"RuntimeError">>, message => <<"no">>,
                   backtrace => [<<"(prelude):3">>]}, Error),
    fails(#{prelude => <<"def">>}, fun({prelude, #{class := <<"SyntaxError">>}}) -> ok end),
    fails(#{prelude => binary:copy(<<" ">>, 100), max_source => 10},
          fun({prelude, {bad_request, _}}) -> ok end).

a_file_that_fails_opens_nothing(Config) ->
    Good = file(Config, "good.rb", <<"$good = 1">>),
    Bad = file(Config, "bad.rb", <<"\nraise 'no'">>),
    Path = list_to_binary(Bad),
    {file, Path, #{backtrace := [Line]}} = fails(#{files => [Good, Bad, "never.rb"]},
                                                 fun({file, _, _}) -> ok end),
    ?assertEqual(<<Path/binary, ":2">>, Line).

a_file_that_cannot_be_read_opens_nothing(Config) ->
    Good = file(Config, "good.rb", <<"$good = 1">>),
    Missing = filename:join(?config(priv_dir, Config), "missing.rb"),
    Path = list_to_binary(Missing),
    ?assertEqual({file, Path, enoent}, fails(#{files => [Good, Missing]}, fun(_) -> ok end)),
    Directory = list_to_binary(?config(priv_dir, Config)),
    ?assertEqual({file, Directory, eisdir}, fails(#{files => [Directory]}, fun(_) -> ok end)).

a_prelude_that_ends_the_interpreter_opens_nothing(_Config) ->
    [fails(#{prelude => Code}, fun({prelude, closed}) -> ok end)
     || Code <- [<<"exit">>, <<"puts 1; exit 3">>, <<"sleep 0.01; exit">>], _ <- lists:seq(1, 20)].

a_prelude_has_the_time_that_requests_have(_Config) ->
    fails(#{prelude => <<"loop {}">>, timeout => 20}, fun({prelude, timeout}) -> ok end).

the_name_is_there_when_the_interpreter_is_ready(_Config) ->
    Watcher = spawn_link(fun() -> watch(named_and_ready) end),
    {ok, Port} = rubeam:open(#{name => named_and_ready, prelude => <<"sleep 0.05; $ready = 1">>}),
    Watcher ! {self(), came},
    receive {Watcher, Value} -> ?assertEqual({ok, 1}, Value) end,
    ok = rubeam:close(Port).

%% What the first eval by that name says.
watch(Name) ->
    case rubeam:eval(Name, <<"$ready">>) of
        {error, closed} -> watch(Name);
        Value -> receive {From, came} -> From ! {self(), Value} end
    end.

a_name_that_is_taken_leaves_nothing(_Config) ->
    {ok, Port} = rubeam:open(#{name => taken_name}),
    fails(#{name => taken_name, prelude => <<"puts 1">>},
          fun({already_registered, taken_name}) -> ok end),
    ok = rubeam:close(Port).

%% --- servers ---

a_server_is_ready_when_it_has_started(Config) ->
    File = file(Config, "server.rb", <<"def twice(x) = 2 * x">>),
    Self = self(),
    {ok, Server} = rubeam_server:start_link(#{prelude => <<"puts 'begins'">>, files => [File],
                                              output => {send, Self}}),
    ?assertEqual({ok, 8}, rubeam:call(Server, twice, [4])),
    receive {rubeam, Server, Output} -> ?assertEqual({stdout, <<"begins\n">>}, Output) end,
    ok = rubeam_server:stop(Server).

a_server_whose_code_fails_does_not_start(_Config) ->
    process_flag(trap_exit, true),
    {error, {prelude, #{message := <<"no">>}} = Reason} =
        rubeam_server:start_link(#{prelude => <<"raise 'no'">>}),
    receive {'EXIT', _, Exit} -> ?assertEqual(Reason, Exit) end,
    {error, {file, <<"no such file">>, enoent}} = rubeam_server:start(#{files => ["no such file"]}).

a_server_that_is_started_again_is_ready_again(_Config) ->
    process_flag(trap_exit, true),
    Name = ready_again,
    Spec = rubeam_server:child_spec(#{name => Name, prelude => <<"def seven = 7">>,
                                      output => discard}),
    {ok, Supervisor} = supervisor:start_link(?MODULE, [Spec]),
    ?assertEqual({ok, 7}, rubeam:call(Name, seven, [])),
    First = whereis(Name),
    _ = rubeam:eval(Name, <<"exit">>),
    rubeam_ct:until(fun() -> is_pid(whereis(Name)) andalso whereis(Name) =/= First end),
    rubeam_ct:until(fun() -> rubeam:call(Name, seven, []) =:= {ok, 7} end),
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, _} -> ok end.

init(Children) -> {ok, {#{}, Children}}. % the supervisor above

%% --- load_file ---

load_file_is_an_eval_with_the_name_of_the_file(Config) ->
    Port = rubeam_ct:open(),
    Good = file(Config, "value.rb", <<"x = [1, 2]\nx.map { |i| i * 2 }\n">>),
    ?assertEqual({ok, [2, 4]}, rubeam:load_file(Port, Good)),
    ?assertEqual({ok, [1, 2]}, rubeam:eval(Port, <<"x">>)),
    Bad = file(Config, "raises.rb", <<"\n\n1/0">>),
    {error, #{class := <<"ZeroDivisionError">>, backtrace := Lines}} = rubeam:load_file(Port, Bad),
    ?assertEqual(list_to_binary(Bad ++ ":3"), lists:last(Lines)),
    Wrong = file(Config, "wrong.rb", <<"1 +">>),
    {error, #{class := <<"SyntaxError">>, message := Message}} = rubeam:load_file(Port, Wrong),
    ?assertMatch({0, _}, binary:match(Message, list_to_binary(Wrong))).

load_file_says_why_it_cannot_read(Config) ->
    Port = rubeam_ct:open(),
    Directory = list_to_binary(?config(priv_dir, Config)),
    ?assertEqual({error, {file, <<"missing.rb">>, enoent}}, rubeam:load_file(Port, "missing.rb")),
    ?assertEqual({error, {file, Directory, eisdir}}, rubeam:load_file(Port, Directory)).

load_file_takes_any_reference(Config) ->
    File = file(Config, "seven.rb", <<"7">>),
    {ok, Server} = rubeam_server:start_link(#{}),
    ?assertEqual({ok, 7}, rubeam:load_file(Server, File)),
    ok = rubeam_server:stop(Server),
    ?assertEqual({error, closed}, rubeam:load_file(nobody_of_that_name, File)).

an_eval_may_go_without_its_value(_Config) ->
    Port = rubeam_ct:open(),
    {error, #{class := <<"Erlang::TermError">>}} = rubeam:eval(Port, <<"$o = Object.new">>),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"$o = Object.new">>, #{value => false})),
    ?assertEqual({ok, 5}, rubeam:eval(Port, <<"5">>, #{value => true})),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"sleep 0.01; Object.new">>, #{value => false})),
    ?assertMatch({error, #{message := <<"no">>}},
                 rubeam:eval(Port, <<"raise 'no'">>, #{value => false})).

%% --- bytecode ---

what_was_compiled_runs_in_any_interpreter(_Config) ->
    {ok, Bytecode} = rubeam:compile(["x = 20\n", <<"def twice(n) = n * 2\n$y = twice(x) + 2">>]),
    [begin
         Port = rubeam_ct:open(),
         ?assertEqual({ok, 42}, rubeam:load(Port, Bytecode)),
         ?assertEqual({ok, 42}, rubeam:load(Port, Bytecode, #{timeout => 5000})),
         ?assertEqual({ok, [10, 42, []]}, rubeam:eval(Port, <<"[twice(5), $y, local_variables]">>)),
         Id = rubeam:send_request(Port, {load, Bytecode}),
         ?assertEqual({reply, {ok, 42}}, rubeam:receive_response(Id, 5000)),
         ok = rubeam:close(Port)
     end || _ <- lists:seq(1, 3)].

bytecode_goes_through_files_servers_and_other_nodes(Config) ->
    {ok, Bytecode} = rubeam:compile(<<"[1, :two, 'three']">>),
    Path = file(Config, "program.rbc", Bytecode),
    {ok, Same} = file:read_file(Path),
    {ok, Server} = rubeam_server:start_link(#{}),
    ?assertEqual({ok, [1, two, <<"three">>]}, rubeam:load(Server, Same)),
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try
        ?assertEqual({ok, [1, two, <<"three">>]}, erpc:call(Node, rubeam, load, [Server, Same])),
        %% Another node of the same build
        {ok, _} = erpc:call(Node, application, ensure_all_started, [rubeam]),
        ?assertEqual({ok, Bytecode}, erpc:call(Node, rubeam, compile, [<<"[1, :two, 'three']">>]))
    after
        rubeam_ct:peer_stop(Peer)
    end,
    ok = rubeam_server:stop(Server).

errors_in_bytecode_name_the_file_and_the_line(_Config) ->
    {ok, Bytecode} = rubeam:compile(<<"def f\n  1/0\nend\nf">>, #{file => "ü.rb", line => 7}),
    ?assertEqual({error, #{class => <<"ZeroDivisionError">>, message => <<"divided by 0">>,
                           backtrace => [<<"ü.rb:8:in f"/utf8>>, <<"ü.rb:10"/utf8>>]}},
                 rubeam:load(rubeam_ct:open(), Bytecode)).

code_that_cannot_be_compiled_says_why(_Config) ->
    {error, #{class := <<"SyntaxError">>, message := <<"a.rb:2:", _/binary>>}} =
        rubeam:compile(<<"\n1 +">>, #{file => "a.rb"}),
    {error, #{class := <<"SyntaxError">>}} = rubeam:compile(<<"yield">>).

damaged_bytecode_is_an_error(_Config) ->
    Port = rubeam_ct:open(),
    {ok, Bytecode} = rubeam:compile(<<"$ran = 1">>),
    Size = byte_size(Bytecode),
    [begin
         <<Head:At/binary, Byte, Tail/binary>> = Bytecode,
         ?assertMatch({error, #{class := <<"LoadError">>}},
                      rubeam:load(Port, <<Head/binary, (Byte bxor 16), Tail/binary>>)),
         ?assertMatch({error, #{class := <<"LoadError">>}}, rubeam:load(Port, Head))
     end || At <- lists:seq(0, Size - 1)],
    ?assertMatch({error, #{class := <<"LoadError">>}}, rubeam:load(Port, <<"1 + 2">>)),
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"$ran">>)).

bytecode_is_stopped_like_any_request(_Config) ->
    Port = rubeam_ct:open(),
    {ok, Loop} = rubeam:compile(<<"loop {}">>),
    ?assertEqual({error, timeout}, rubeam:load(Port, Loop, #{timeout => 20})),
    {ok, Exit} = rubeam:compile(<<"exit 3">>),
    ?assertEqual({error, closed}, rubeam:load(Port, Exit)).

compiling_leaves_nothing(_Config) ->
    process_flag(trap_exit, true),
    Before = rubeam_ct:all_ports(),
    _ = [rubeam:compile(Code) || Code <- [<<"1">>, <<"1 +">>, <<"BEGIN { loop {} }">>]],
    ?assertEqual(Before, rubeam_ct:all_ports()),
    ?assertEqual([], rubeam_ct:mailbox()).

%% --- bindings ---

bindings_are_variables_of_the_session(_Config) ->
    Port = rubeam_ct:open(),
    Row = #{name => <<"x">>, <<"list">> => [1, {2, 3.5}], count => 1 bsl 80},
    ?assertEqual({ok, [<<"x">>, [1, {2, 3.5}], 1 bsl 80]},
                 rubeam:eval(Port, <<"[name, list, count]">>, #{bindings => Row})),
    ?assertEqual({ok, <<"x">>}, rubeam:eval(Port, <<"name">>)),
    ?assertEqual({ok, 5}, rubeam:eval(Port, <<"name += 1">>, #{bindings => #{name => 4}})),
    ?assertEqual({ok, 5}, rubeam:eval(Port, <<"name">>, #{bindings => #{}})),
    Id = rubeam:send_request(Port, {eval, <<"a + b">>, #{bindings => #{a => 1, b => 2}}}),
    ?assertEqual({reply, {ok, 3}}, rubeam:receive_response(Id, 5000)),
    ?assertEqual({ok, 10}, rubeam:eval(Port, <<"sleep 0.01; a">>, #{bindings => #{a => 10}})).

bindings_reach_servers_and_other_nodes(_Config) ->
    {ok, Server} = rubeam_server:start_link(#{}),
    ?assertEqual({ok, 3}, rubeam:eval(Server, <<"a + 1">>, #{bindings => #{a => 2}})),
    {Peer, Node} = rubeam_ct:peer(?FUNCTION_NAME),
    try
        ?assertEqual({ok, 4}, erpc:call(Node, rubeam, eval,
                                        [Server, <<"a + 1">>, #{bindings => #{a => 3}}]))
    after
        rubeam_ct:peer_stop(Peer)
    end,
    ok = rubeam_server:stop(Server).

bindings_with_wrong_names_are_an_error(_Config) ->
    Port = rubeam_ct:open(),
    [?assertMatch({error, {bad_request, <<"bindings must be", _/binary>>}},
                  rubeam:eval(Port, <<"$ran = 1">>, #{bindings => #{Name => 1}}))
     || Name <- ['A', 'if', '', <<"a b">>, <<"@a">>, <<"1">>, 'a?', <<"x\n">>]],
    ?assertEqual({ok, nil}, rubeam:eval(Port, <<"$ran">>)).

bindings_without_a_form_in_ruby_are_an_error(_Config) ->
    Port = rubeam_ct:open(),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}},
                 rubeam:eval(Port, <<"$ran = 1">>, #{bindings => #{a => 1, b => [1 | 2]}})),
    ?assertEqual({ok, [nil, []]}, rubeam:eval(Port, <<"[$ran, local_variables]">>)).

%% --- require ---

%% A directory below priv_dir, and one beside it
directory(Config, Name) ->
    Path = filename:join(?config(priv_dir, Config), Name),
    ok = filelib:ensure_dir(filename:join(Path, "x")),
    Path.

files_are_required_below_the_load_path(Config) ->
    One = directory(Config, "one"),
    Two = directory(Config, "two"),
    _ = file(Config, "one/greet.rb", <<"require_relative 'parts/name'\ndef greet = \"Hello #{NAME}\"">>),
    _ = directory(Config, "one/parts"),
    _ = file(Config, "one/parts/name.rb", <<"NAME = 'you'">>),
    _ = file(Config, "two/greet.rb", <<"raise 'the other one'">>),
    Fails = file(Config, "two/fails.rb", <<"def fails\n  raise 'no'\nend\nfails">>),
    _ = file(Config, "beside.rb", <<"$beside = 1">>),
    {ok, Port} = rubeam:open(#{load_path => [One, list_to_binary(Two)]}),
    ?assertEqual({ok, [true, false, <<"Hello you">>]},
                 rubeam:eval(Port, <<"[require('greet'), require('greet.rb'), greet]">>)),
    {error, #{class := <<"RuntimeError">>, backtrace := Lines}} = rubeam:eval(Port, <<"require 'fails'">>),
    {ok, Real} = {ok, unicode:characters_to_binary(Fails)},
    Wanted = <<"fails.rb:2:in fails">>,
    ?assertEqual(Wanted, binary:part(hd(Lines), byte_size(hd(Lines)), -byte_size(Wanted))),
    ?assertMatch([_, <<_:(byte_size(Real))/binary, ":4">> | _], Lines),
    [?assertMatch({error, #{class := <<"LoadError">>,
                            message := <<"cannot load such file -- ", Name/binary>>}},
                  rubeam:eval(Port, ["require '", Name, "'"]))
     || Name <- [<<"nothing">>, <<"beside">>, <<"../beside">>, <<"/etc/passwd">>]],
    ?assertEqual({ok, [unicode:characters_to_binary(Dir) || Dir <- [One, Two]]},
                 rubeam:eval(Port, <<"$LOAD_PATH">>)),
    ok = rubeam:close(Port),
    {ok, Server} = rubeam_server:start_link(#{load_path => [One]}),
    ?assertEqual({ok, true}, rubeam:eval(Server, <<"require 'greet'">>)),
    ok = rubeam:close(Server).

a_load_path_may_have_any_name(Config) ->
    Names = ["a b", "a:b", "a%20b", "ä", "a=b", "a\nb", "a'\"\\b", "load_path=", "-"],
    Dirs = [directory(Config, unicode:characters_to_binary(["odd ", Name])) || Name <- Names],
    _ = [ok = file:write_file(filename:join(Dir, ["f", integer_to_list(N), ".rb"]),
                              ["$f = ", integer_to_list(N)])
         || {N, Dir} <- lists:enumerate(Dirs)],
    {ok, Port} = rubeam:open(#{load_path => Dirs}),
    ?assertEqual({ok, [unicode:characters_to_binary(Dir) || Dir <- Dirs]},
                 rubeam:eval(Port, <<"$LOAD_PATH">>)),
    [?assertEqual({ok, N}, rubeam:eval(Port, ["require 'f", integer_to_list(N), "'; $f"]))
     || N <- lists:seq(1, length(Dirs))],
    ok = rubeam:close(Port).

a_load_path_is_checked(_Config) ->
    [?assertEqual({error, {bad_option, {load_path, Bad}}}, rubeam:open(#{load_path => Bad}))
     || Bad <- ["/a", <<"/a">>, a, ["a"], ["./a"], [<<>>], ["/a\0"], [a], [["/", -1]],
                lists:duplicate(257, "/a"), ["/" ++ lists:duplicate(4096, $a)]]],
    [begin
         {ok, Port} = rubeam:open(#{load_path => Good}),
         ok = rubeam:close(Port)
     end || Good <- [[], ["/"], ["/nothing/there"], lists:duplicate(256, "/a"),
                     ["/" ++ lists:duplicate(4095, $a)]]],
    [?assertError(badarg, open_port({spawn_driver, "rubeam_drv load_path=" ++ Bad}, [binary]))
     || Bad <- ["", "a", "/a:", "/a%", "/a%00"]].

%% A scheduler must not wait for a file system.
a_required_file_is_read_in_the_pool(Config) ->
    Dir = directory(Config, "pool"),
    _ = file(Config, "pool/small.rb", <<"$small = 1">>),
    Port = rubeam_ct:open(#{load_path => [Dir]}),
    Slices = fun(Code) ->
                     Before = maps:get(slices, rubeam:info(Port)),
                     {ok, _} = rubeam:eval(Port, Code),
                     maps:get(slices, rubeam:info(Port)) - Before
             end,
    ?assertEqual(1, Slices(<<"1">>)),
    ?assertEqual(2, Slices(<<"require 'small'">>)),
    ?assertEqual(2, Slices(<<"begin; require 'nothing'; rescue LoadError; end">>)),
    ?assertEqual(1, Slices(<<"require 'json'">>)),
    ok = rubeam:close(Port).

a_prelude_and_files_may_require(Config) ->
    Dir = directory(Config, "start"),
    _ = file(Config, "start/part.rb", <<"$parts = ($parts || 0) + 1">>),
    Main = file(Config, "start/main.rb", <<"$main = require_relative('part')">>),
    {ok, Port} = rubeam:open(#{load_path => [Dir], prelude => <<"require 'part'">>, files => [Main]}),
    ?assertEqual({ok, [1, false]}, rubeam:eval(Port, <<"[$parts, $main]">>)),
    ok = rubeam:close(Port),
    {prelude, #{class := <<"LoadError">>}} = fails(#{prelude => <<"require 'part'">>}, fun(_) -> ok end).

what_is_wrong_is_said_in_words(_Config) ->
    Says = fun(Reason, Part) ->
                   Text = rubeam:format_error(Reason),
                   ?assertMatch({_, _}, binary:match(Text, Part))
           end,
    Says({prelude, closed}, <<"the prelude failed: closed">>),
    Says({prelude, #{class => <<"A">>, message => <<"no">>, backtrace => []}}, <<"A: no">>),
    Says({file, <<"a.rb">>, enoent}, <<"a.rb: no such file or directory">>),
    Says({file, <<"a.rb">>, timeout}, <<"a.rb: timeout: the request">>),
    Says({file, <<"a.rb">>, {bad_request, <<"no">>}}, <<"a.rb: bad request: no">>).
