%% Seeing inside: figures of the node and of an interpreter, variables, garbage.
-module(inside_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [the_node_tells_its_interpreters_and_what_they_share,
     the_node_tells_what_is_on_its_way,
     info_tells_what_an_interpreter_waits_for,
     info_tells_what_is_not_claimed,
     info_tells_objects_and_collections,
     info_tells_the_time_in_slices,
     globals_tell_variables_and_their_values,
     globals_of_hostile_objects,
     gc_gives_memory_back,
     nothing_is_left_behind].

init_per_suite(Config) ->
    rubeam_ct:start(Config).

end_per_suite(Config) ->
    rubeam_ct:stop(Config).

nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% --- the node ---

the_node_tells_its_interpreters_and_what_they_share(_Config) ->
    #{interpreters := Before, atoms := Atoms} = rubeam:info(),
    Ports = [rubeam_ct:open() || _ <- lists:seq(1, 5)],
    %% They are copies: else something of ours has made two interpreters differ.
    ?assertMatch(#{image := Bytes} when Bytes > 50000, rubeam:info()),
    ?assertMatch(#{interpreters := N} when N =:= Before + 5, rubeam:info()),
    Name = "inside_" ++ integer_to_list(erlang:unique_integer([positive])),
    {ok, _} = rubeam:eval(hd(Ports), [":", Name]),
    #{atoms := More, max_atoms := 10000, atoms_known := _} = rubeam:info(),
    ?assertEqual(Atoms + 1, More),
    [ok = rubeam:cast(Port, <<"loop {}">>) || Port <- Ports],
    rubeam_ct:until(fun() ->
        #{threads := #{waiting := Threads}, async := #{waiting := Async}, stacks := Stacks} = rubeam:info(),
        Stacks >= 5 andalso Threads + Async > 0
    end),
    #{pool := Pool} = rubeam:info(hd(Ports)),
    case rubeam:info() of
        #{threads := #{threads := Workers}} when Pool =:= threads -> ?assert(Workers > 0);
        #{async := #{threads := 0}} when Pool =:= async -> ok % they are the VM's
    end,
    lists:foreach(fun rubeam:close/1, Ports),
    rubeam_ct:until(fun() -> maps:get(interpreters, rubeam:info()) =:= Before end),
    ok = application:stop(rubeam),
    ?assertEqual({error, not_started}, rubeam:info()),
    {ok, _} = application:ensure_all_started(rubeam),
    ?assertMatch(#{interpreters := 0}, rubeam:info()).

the_node_tells_what_is_on_its_way(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"print 'x' * 50_000">>),
    #{unread := Unread} = rubeam:info(),
    ?assert(Unread >= 50_000 andalso Unread < 100_000, Unread),
    ok = rubeam:close(Port),
    ?assertMatch([_], rubeam_ct:mailbox()),
    rubeam_ct:until(fun() -> maps:get(unread, rubeam:info()) =:= 0 end).

%% --- an interpreter ---

info_tells_what_an_interpreter_waits_for(_Config) ->
    Port = rubeam_ct:open(#{functions => #{wait => fun() -> receive go_on -> 1 end end,
                                           deeper => fun(P) -> element(2, rubeam:eval(P, <<"Erlang.call(:wait)">>)) end}}),
    ?assertMatch(#{waiting_for := nothing, nested := 0, state := idle}, rubeam:info(Port)),
    Sleeper = rubeam:send_request(Port, {eval, <<"sleep 1000">>}),
    rubeam_ct:until(fun() -> maps:get(waiting_for, rubeam:info(Port)) =:= time end),
    ok = rubeam:interrupt(Port),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Sleeper, 10000)),
    {Caller, Monitor} = spawn_monitor(fun() ->
        exit(rubeam:eval(Port, <<"Erlang.call(:deeper, p)">>, #{bindings => #{p => Port}}))
    end),
    rubeam_ct:until(fun() -> case rubeam:info(Port) of
                                 #{waiting_for := function, nested := 1} -> true;
                                 Other -> Other
                             end end),
    Caller ! go_on,
    receive {'DOWN', Monitor, process, _, Result} -> ?assertEqual({ok, 1}, Result)
    after 10000 -> ct:fail(hangs)
    end,
    ?assertMatch(#{waiting_for := nothing, nested := 0}, rubeam:info(Port)),
    ok = rubeam:close(Port).

info_tells_what_is_not_claimed(_Config) ->
    Port = rubeam_ct:open(),
    Token = erlang:port_call(Port, 16#52420001, {eval, [], <<"sleep 0.001; 5">>}),
    rubeam_ct:until(fun() -> maps:get(unclaimed, rubeam:info(Port)) =:= 1 end),
    ?assertEqual({ok, 5}, erlang:port_call(Port, 16#52420002, {Token, make_ref()})),
    ?assertMatch(#{unclaimed := 0}, rubeam:info(Port)),
    ok = rubeam:close(Port).

info_tells_objects_and_collections(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"a = nil">>),
    #{objects := Objects, collections := Collections} = rubeam:info(Port),
    {ok, _} = rubeam:eval(Port, <<"a = Array.new(50_000) { Object.new }; nil">>),
    #{objects := Full, collections := More} = rubeam:info(Port),
    ?assert(Full >= Objects + 50_000, {Objects, Full}),
    ?assert(More > Collections, {Collections, More}),
    {ok, _} = rubeam:eval(Port, <<"a = nil">>),
    {ok, _} = rubeam:gc(Port),
    #{objects := Empty} = rubeam:info(Port),
    ?assert(Empty < Objects + 1000, {Objects, Empty}),
    ok = rubeam:close(Port).

%% Of many short requests it is an estimate; of long ones it is exact.
info_tells_the_time_in_slices(_Config) ->
    Port = rubeam_ct:open(),
    [{ok, _} = rubeam:eval(Port, <<"200.times { |i| i }">>) || _ <- lists:seq(1, 640)],
    #{slice_time := Short} = rubeam:info(Port),
    ?assert(Short > 640, Short), % each takes more than 1 µs
    {ok, _} = rubeam:eval(Port, <<"t = Time.now; loop { break if Time.now - t > 0.1 }">>),
    #{slice_time := Long, slices := Slices} = rubeam:info(Port),
    ?assert(Slices > 641, Slices),
    ?assert(Long > Short, {Short, Long}),
    ok = rubeam:close(Port).

globals_tell_variables_and_their_values(_Config) ->
    Port = rubeam_ct:open(),
    {ok, _} = rubeam:eval(Port, <<"$answer = [42, :x]; name = 'Grüße'; h = {a: nil}; 1"/utf8>>),
    {ok, Globals} = rubeam:globals(Port),
    ?assertMatch(#{<<"$answer">> := <<"[42, :x]">>, <<"name">> := <<"\"Grüße\""/utf8>>,
                   <<"h">> := <<"{:a=>nil}">>, <<"$stdout">> := _}, Globals),
    %% Only what has a name in Ruby.
    ?assertEqual([], [Name || Name <- maps:keys(Globals), binary:match(Name, <<" ">>) =/= nomatch]),
    %% From Ruby it is the same.
    ?assertEqual({ok, <<"[42, :x]">>}, rubeam:eval(Port, <<"Erlang.globals['$answer']">>)),
    Server = element(2, rubeam_server:start_link(#{prelude => <<"$in_server = 1">>})),
    ?assertMatch({ok, #{<<"$in_server">> := <<"1">>}}, rubeam:globals(Server)),
    ok = rubeam:close(Server),
    ok = rubeam:close(Port),
    ?assertEqual({error, closed}, rubeam:globals(Port)).

globals_of_hostile_objects(_Config) ->
    Port = rubeam_ct:open(#{timeout => 500}),
    {ok, _} = rubeam:eval(Port, <<"class Bad; def inspect = raise('no'); end\n"
                                  "class Odd; def inspect = 5; end\n"
                                  "class Adds; def inspect; $added = 1; eval('fresh = 1'); 'added'; end; end\n"
                                  "bad = Bad.new; odd = Odd.new; adds = Adds.new; after_it = 1\n"
                                  "long = 'ä' * 10_000; def global_variables = []; nil"/utf8>>),
    {ok, #{<<"bad">> := Bad, <<"long">> := Long, <<"after_it">> := <<"1">>, <<"odd">> := _,
           <<"$stdout">> := _}} = rubeam:globals(Port),
    ?assertEqual(<<"(can't be told: it raises)">>, Bad),
    ?assert(byte_size(Long) < 1010, byte_size(Long)),
    ?assert(is_list(unicode:characters_to_list(Long))),
    {ok, _} = rubeam:eval(Port, <<"class Slow; def inspect = loop {}; end; slow = Slow.new; nil">>),
    ?assertEqual({error, timeout}, rubeam:globals(Port)),
    ?assertEqual({ok, 42}, rubeam_ct:answers(Port)),
    ok = rubeam:close(Port).

gc_gives_memory_back(_Config) ->
    Port = rubeam_ct:open(),
    {ok, First} = rubeam:gc(Port),
    {ok, _} = rubeam:eval(Port, <<"a = Array.new(100_000) { |i| i.to_s * 3 }; a = nil">>),
    {ok, Last} = rubeam:gc(Port),
    ?assert(Last < First + 200_000, {First, Last}),
    ?assertMatch(#{memory := Memory} when Memory < First + 200_000, rubeam:info(Port)),
    ok = rubeam:close(Port),
    ?assertEqual({error, closed}, rubeam:gc(Port)).
