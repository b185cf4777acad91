%% Templates: is what is opened from one the same as what was prepared anew? And what can't be copied, is that found?
-module(template_SUITE).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [what_was_prepared_is_there,
     a_long_prelude_is_copied,
     copies_know_nothing_of_each_other,
     options_are_the_templates_unless_given,
     functions_of_both_are_there,
     files_and_load_path,
     fibers_blocks_and_ensure_go_on,
     random_numbers_differ,
     identity_is_kept,
     what_does_not_come_out_alike_is_prepared_anew,
     other_transports_prepare_anew,
     servers_and_pools,
     preparing_may_fail,
     bad_options,
     a_template_is_closed,
     its_owner_may_die,
     the_driver_checks_what_it_is_asked,
     memory_is_counted_and_limited,
     many_processes_open_from_one,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

template(Options) ->
    {ok, Template} = rubeam:template(Options),
    Template.

copied(Options) ->
    Template = template(Options),
    ?assertEqual(#{copied => true}, rubeam:template_info(Template)),
    Template.

opened(Template) -> opened(Template, #{}).
opened(Template, Options) ->
    {ok, Port} = rubeam:open(Options#{template => Template}),
    Port.

-define(SHOP, <<"require 'set'\n"
                "class Shop\n"
                "  attr_reader :prices\n"
                "  def initialize\n    @prices = {}\n  end\n"
                "  def total(*names) = names.sum { |n| @prices.fetch(n) }\n"
                "end\n"
                "$shop = Shop.new\n"
                "30.times { |i| $shop.prices[\"thing#{i}\"] = i; $shop.prices[i] = -i; $shop.prices[:\"s#{i}\"] = 1.5 }\n"
                "PATTERN = /(?<word>[a-z]+)-\\d+/i\n"
                "Point = Struct.new(:x, :y)\n"
                "counter = 0\n"
                "NEXT = -> { counter += 1 }\n"
                "NEXT.call\n"
                "Erlang.on_message { |m| Erlang.send(m[0], [m[1], counter]) }\n"
                "def parsed = JSON.parse('{\"a\": [1, 2.5, null]}')\n"
                "parsed\n">>).

-define(USES, [{<<"$shop.total('thing3', 4, :s5)">>, 3 - 4 + 1.5},
               {<<"PATTERN.match('see ab-12')[:word]">>, <<"ab">>},
               {<<"Point.new(1, 2).to_a">>, [1, 2]},
               {<<"[NEXT.call, counter]">>, [2, 2]},
               {<<"parsed['a']">>, [1, 2.5, nil]},
               {<<"Set.new([1, 1]).size">>, 1},
               {<<"begin; $shop.total('none'); rescue KeyError => e; e.class.name; end">>, <<"KeyError">>},
               {<<"class Shop; def more = 1; end; $shop.more">>, 1},
               {<<"GC.start; ObjectSpace.each_object(Shop) {}">>, 1}]).

what_was_prepared_is_there(_Config) ->
    Template = copied(#{prelude => ?SHOP}),
    Ports = [rubeam_ct:open(#{prelude => ?SHOP}) | [opened(Template) || _ <- lists:seq(1, 3)]],
    [?assertEqual({Code, {ok, Value}}, {Code, rubeam:eval(Port, Code)}) || Port <- Ports, {Code, Value} <- ?USES],
    [begin
         ok = rubeam:send(Port, {self(), N}),
         receive [N, 2] -> ok after 5000 -> ct:fail(no_message) end
     end || {N, Port} <- lists:enumerate(Ports)],
    lists:foreach(fun rubeam:close/1, Ports),
    ok = rubeam:close(Template),
    ?assertEqual([], rubeam_ct:mailbox()).

%% It leaves the scheduler, collects garbage, and is interrupted now here, now there.
a_long_prelude_is_copied(_Config) ->
    Long = <<"300.times { |i| Object.class_eval \"def long#{i}(a) = a + #{i}\" }\n"
             "$words = (1..2000).map { |i| i.to_s * 3 }\n"
             "$index = {}\n"
             "$words.each_with_index { |w, i| $index[w] = i }\n"
             "20.times { |i| JSON.parse(JSON.generate($words.first(100))) }\n"
             "$sorted = $words.sort_by { |w| w.reverse }">>,
    Template = template(#{prelude => Long}),
    ct:log("~p", [rubeam:template_info(Template)]),
    Port = opened(Template),
    ?assertEqual({ok, [307, 1999, 2000]}, rubeam:eval(Port, <<"[long300 = long299(8), $index['200020002000'], $sorted.size]">>)),
    ok = rubeam:close(Port),
    ok = rubeam:close(Template),
    ?assertEqual(#{copied => false, why => <<"it was closed">>}, rubeam:template_info(Template)).

copies_know_nothing_of_each_other(_Config) ->
    Template = copied(#{prelude => <<"$list = [1]; class String; def loud = upcase; end">>}),
    [One, Two] = [opened(Template) || _ <- [1, 2]],
    {ok, _} = rubeam:eval(One, <<"$list << 2; class String; def loud = 'no'; end; $new = 1; local = 2">>),
    ?assertEqual({ok, [[1], <<"A">>, nil]}, rubeam:eval(Two, <<"[$list, 'a'.loud, $new]">>)),
    ?assertMatch({error, #{class := <<"NoMethodError">>}}, rubeam:eval(Two, <<"local">>)),
    ok = rubeam:close(One),
    ?assertEqual({ok, [[1], <<"A">>]}, rubeam:eval(opened(Template), <<"GC.start; [$list, 'a'.loud]">>)),
    ?assertEqual({ok, [1]}, rubeam:eval(Two, <<"GC.start; $list">>)),
    ok = rubeam:close(Template).

options_are_the_templates_unless_given(_Config) ->
    Template = copied(#{memory_limit => 5_000_000, timeout => 3000, max_depth => 30}),
    First = opened(Template),
    ?assertMatch(#{memory_limit := 5_000_000, timeout := 3000}, rubeam:info(First)),
    ?assertMatch({error, #{class := <<"Erlang::TermError">>}}, rubeam:eval(First, <<"a = 1; 40.times { a = [a] }; a">>)),
    Second = opened(Template, #{memory_limit => 90_000_000, timeout => 700, prelude => <<"$own = 1">>, name => template_test}),
    ?assertMatch(#{memory_limit := 90_000_000, timeout := 700}, rubeam:info(template_test)),
    ?assertEqual({error, timeout}, rubeam:eval(Second, <<"loop {}">>)),
    ?assertEqual({ok, 1}, rubeam:eval(Second, <<"$own">>)),
    ?assertEqual({ok, 20_000_000}, rubeam:eval(Second, <<"('x' * 20_000_000).size">>)),
    [ok = rubeam:close(Ruby) || Ruby <- [First, Second, Template]].

functions_of_both_are_there(_Config) ->
    Template = copied(#{functions => #{one => fun() -> 1 end, both => fun() -> old end},
                        prelude => <<"$one = Erlang.call(:one)">>}),
    Port = opened(Template, #{functions => #{two => fun() -> 2 end, both => fun() -> new end}}),
    ?assertEqual({ok, [1, 1, 2, new]},
                 rubeam:eval(Port, <<"[$one, Erlang.call(:one), Erlang.call(:two), Erlang.call(:both)]">>)),
    [ok = rubeam:close(Ruby) || Ruby <- [Port, Template]].

files_and_load_path(Config) ->
    Dir = ?config(priv_dir, Config),
    File = filename:join(Dir, "begin.rb"),
    ok = file:write_file(File, <<"$begun = [__FILE__, __LINE__]">>),
    ok = file:write_file(filename:join(Dir, "template_one.rb"), <<"$required = ($required || 0) + 1">>),
    ok = file:write_file(filename:join(Dir, "template_two.rb"), <<"$two = 2">>),
    Template = copied(#{files => [File], load_path => [Dir], prelude => <<"require 'template_one'">>}),
    Port = opened(Template),
    Path = list_to_binary(File),
    ?assertEqual({ok, [[Path, 1], 1, false, true, 2, 1]},
                 rubeam:eval(Port, <<"[$begun, $required, require('template_one'), require('template_two'), $two, $:.size]">>)),
    [ok = rubeam:close(Ruby) || Ruby <- [Port, Template]].

fibers_blocks_and_ensure_go_on(_Config) ->
    Template = copied(#{prelude => <<"$log = []\n"
                                     "$fiber = Fiber.new { |x| begin; loop { x = Fiber.yield(x * 2) }; ensure; $log << :ensured; end }\n"
                                     "$fiber.resume(1)\n"
                                     "$each = [10, 20].each\n$each.next\n"
                                     "def run; yield; ensure; $log << :run; end\n"
                                     "at_exit { Erlang.call(:gone, 1) }">>,
                        functions => #{gone => fun(1) -> put(gone, yes), ok end}}),
    Port = opened(Template),
    ?assertEqual({ok, [42, 20, 7, [run]]}, rubeam:eval(Port, <<"[$fiber.resume(21), $each.next, run { 7 }, $log]">>)),
    ?assertEqual({error, closed}, rubeam:eval(Port, <<"exit 3">>)),
    ?assertEqual(yes, erase(gone)),
    ok = rubeam:close(Template),
    _ = rubeam_ct:mailbox().

random_numbers_differ(_Config) ->
    Template = copied(#{prelude => <<"def three = [rand(1 << 40), Random.rand(1 << 40), [*1..30].shuffle]">>}),
    Numbers = [rubeam:eval(opened(Template), <<"three">>) || _ <- lists:seq(1, 10)],
    ?assertEqual(10, length(lists:usort(Numbers))),
    Seeded = [rubeam:eval(opened(Template), <<"srand(5); three">>) || _ <- lists:seq(1, 3)],
    ?assertEqual(1, length(lists:usort(Seeded))),
    ok = rubeam:close(Template).

%% Objects are found by where they are: in another place, in each copy.
identity_is_kept(_Config) ->
    Template = copied(#{prelude => <<"$objects = (1..10).map { Object.new }; $few = {}; $objects.each_with_index { |o, i| $few[o] = i }">>}),
    [begin
         Port = opened(Template),
         ?assertEqual({ok, true}, rubeam:eval(Port, <<"$objects.all? { |o| $few.key?(o) && o.hash == o.hash && o.object_id == o.object_id }">>)),
         ?assertEqual({ok, [50, true]},
                      rubeam:eval(Port, <<"many = {}; 50.times { |i| many[$objects[i] || Object.new] = i }; "
                                          "[many.size, $objects.all? { |o| many[o] == $objects.index(o) }]">>)),
         ok = rubeam:close(Port)
     end || _ <- lists:seq(1, 3)],
    ok = rubeam:close(Template).

what_does_not_come_out_alike_is_prepared_anew(_Config) ->
    [begin
         Template = template(#{prelude => Prelude}),
         #{copied := false, why := Why} = rubeam:template_info(Template),
         ?assertMatch({match, _}, re:run(Why, Word), Prelude),
         Port = opened(Template),
         ?assertEqual({ok, true}, rubeam:eval(Port, Test)),
         [ok = rubeam:close(Ruby) || Ruby <- [Port, Template, Template]]
     end || {Prelude, Word, Test} <-
                [{<<"$time = Time.now.to_f">>, "alike", <<"$time > 1e9">>},
                 {<<"$number = rand">>, "alike", <<"$number < 1">>},
                 {<<"$id = Object.new.object_id.to_s">>, "alike", <<"$id.to_i > 0">>},
                 {<<"$many = {}; 20.times { $many[Object.new] = 1 }">>, "keys", <<"$many.keys.all? { |k| $many[k] == 1 }">>},
                 {<<"$set = Set.new((1..20).map { Object.new })">>, "keys", <<"$set.all? { |k| $set.include?(k) }">>},
                 {<<"$large = 'x' * 20_000_000">>, "16 MB", <<"$large.size == 20_000_000">>}]].

other_transports_prepare_anew(_Config) ->
    [begin
         Template = template(#{transport => Transport, prelude => <<"$a = [1]">>, timeout => 4000}),
         ?assertMatch(#{copied := false, why := <<"only ", _/binary>>}, rubeam:template_info(Template)),
         Ruby = opened(Template, #{prelude => <<"$a << 2">>}),
         ?assert(is_pid(Ruby)),
         ?assertEqual({ok, [1, 2]}, rubeam:eval(Ruby, <<"$a">>)),
         ok = rubeam:close(Ruby),
         ok = rubeam:close(Template)
     end || Transport <- [port, cruby]].

servers_and_pools(_Config) ->
    Template = copied(#{prelude => <<"def add(x, y) = x + y">>}),
    {ok, Server} = rubeam_server:start_link(#{template => Template, timeout => 5000}),
    ?assertEqual({ok, 3}, rubeam:call(Server, add, [1, 2])),
    ok = rubeam_server:stop(Server),
    {ok, Pool} = rubeam_pool:start_link(#{template => Template, size => 3}),
    ?assertEqual([{ok, N + 1} || N <- lists:seq(1, 20)], [rubeam_pool:call(Pool, add, [N, 1]) || N <- lists:seq(1, 20)]),
    {error, _} = rubeam_pool:eval(Pool, <<"exit 1">>), % another one takes its place
    ?assertEqual([{ok, N + 1} || N <- lists:seq(1, 20)], [rubeam_pool:call(Pool, add, [N, 1]) || N <- lists:seq(1, 20)]),
    ok = rubeam_pool:stop(Pool),
    ?assertMatch({error, {bad_option, {load_path, _}}},
                 rubeam_pool:start_link(#{template => Template, load_path => ["/tmp"]})),
    ok = rubeam:close(Template).

preparing_may_fail(_Config) ->
    ?assertMatch({error, {prelude, #{class := <<"ZeroDivisionError">>}}}, rubeam:template(#{prelude => <<"1/0">>})),
    ?assertMatch({error, {prelude, closed}}, rubeam:template(#{prelude => <<"exit">>})),
    ?assertEqual({error, {prelude, timeout}}, rubeam:template(#{prelude => <<"loop {}">>, timeout => 50})),
    ?assertMatch({error, {file, <<"/nothing">>, enoent}}, rubeam:template(#{files => ["/nothing"]})),
    ?assertMatch({error, {program_not_found, _}}, rubeam:template(#{transport => cruby, ruby => "/nothing"})),
    ?assertMatch({error, {prelude, #{class := <<"NameError">>}}},
                 rubeam:template(#{transport => cruby, prelude => <<"nothing">>})),
    {ok, Prints} = rubeam:template(#{prelude => <<"puts 'dropped'; send_response(1)">>}),
    ok = rubeam:close(Prints),
    ?assertEqual([], rubeam_ct:mailbox()).

bad_options(_Config) ->
    Template = copied(#{}),
    ?assertEqual({error, {bad_option, name}}, rubeam:template(#{name => a})),
    ?assertEqual({error, {bad_option, template}}, rubeam:template(#{template => Template})),
    ?assertEqual({error, {bad_option, none_such}}, rubeam:template(#{none_such => 1})),
    ?assertEqual({error, {bad_option, {template, 7}}}, rubeam:open(#{template => 7})),
    ?assertEqual({error, {bad_option, {transport, port}}}, rubeam:open(#{template => Template, transport => port})),
    ?assertEqual({error, {bad_option, {load_path, []}}}, rubeam:open(#{template => Template, load_path => []})),
    ?assertEqual({error, {bad_option, {functions, 1}}}, rubeam:open(#{template => Template, functions => 1})),
    ?assertEqual({error, {bad_option, {memory_limit, 1}}}, rubeam:open(#{template => Template, memory_limit => 1})),
    ?assertError(badarg, rubeam:template(list)),
    ?assertError(badarg, rubeam:template_info(list)),
    ?assertError(badarg, rubeam:close({rubeam_template, 1, 2, 3})),
    ok = rubeam:close(Template).

a_template_is_closed(_Config) ->
    Template = copied(#{prelude => <<"$a = 1">>}),
    Port = opened(Template),
    ok = rubeam:close(Template),
    ok = rubeam:close(Template),
    ?assertEqual({error, {template, closed}}, rubeam:open(#{template => Template})),
    ?assertEqual(<<"the template was closed">>, rubeam:format_error({template, closed})),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"GC.start; $a">>)),
    ok = rubeam:close(Port),
    ?assertEqual([], rubeam_ct:mailbox()).

its_owner_may_die(_Config) ->
    Test = self(),
    {Owner, Ref} = spawn_monitor(fun() -> Test ! copied(#{prelude => <<"$a = 1">>}), receive stop -> ok end end),
    Template = receive T when is_tuple(T), element(1, T) =:= rubeam_template -> T after 10000 -> ct:fail(no_template) end,
    Port = opened(Template),
    Owner ! stop,
    receive {'DOWN', Ref, _, _, normal} -> ok end,
    rubeam_ct:until(fun() -> rubeam:open(#{template => Template}) =:= {error, {template, closed}} end),
    ?assertEqual({ok, 1}, rubeam:eval(Port, <<"$a">>)),
    ok = rubeam:close(Port).

%% What the API never asks.
the_driver_checks_what_it_is_asked(_Config) ->
    Freeze = 16#5242000C,
    Port = rubeam_ct:open(#{}),
    ?assertError(badarg, port_control(Port, Freeze, <<>>)),
    ?assertMatch(<<0, "there is nothing", _/binary>>, port_control(Port, Freeze, <<999:32>>)),
    <<1, Draft:32>> = port_control(Port, Freeze, <<0:32>>),
    %% With itself it has no distance, and so no pointers: but nor does it differ, so it would be an image.
    ?assertMatch({error, enoent}, opened_raw(Draft)),
    ok = rubeam:cast(Port, <<"sleep">>),
    ?assertMatch(<<0, "it is busy", _/binary>>, port_control(Port, Freeze, <<0:32>>)),
    ok = rubeam:close(Port),
    ?assertMatch({error, enoent}, opened_raw(Draft)),
    ?assertError(badarg, open_port({spawn_driver, "rubeam_drv template=0"}, [binary])),
    ?assertError(badarg, open_port({spawn_driver, "rubeam_drv template=1 load_path=/tmp"}, [binary])),
    ?assertMatch({error, enoent}, opened_raw(16#FFFFFFFF)).

opened_raw(Number) ->
    try open_port({spawn_driver, "rubeam_drv template=" ++ integer_to_list(Number)}, [binary]) of
        Port -> {ok, Port}
    catch
        error:Reason -> {error, Reason}
    end.

memory_is_counted_and_limited(_Config) ->
    Template = copied(#{prelude => <<"$kept = 'x' * 2_000_000">>}),
    Port = opened(Template),
    #{memory := Memory, memory_peak := Peak, memory_limit := Limit} = rubeam:info(Port),
    ?assert(Memory > 2_000_000 andalso Memory < 3_000_000 andalso Peak >= Memory, {Memory, Peak}),
    ?assertEqual(64 * 1024 * 1024, Limit),
    {ok, _} = rubeam:eval(Port, <<"$kept = nil">>),
    {ok, Less} = rubeam:gc(Port),
    ?assert(Less < 1_000_000, Less),
    %% It does not fit.
    ?assertEqual({error, enomem}, opened_with_limit(Template, 1024 * 1024)),
    ?assertEqual({error, memory_limit}, rubeam:eval(Port, <<"a = []; loop { a << 'y' * 100_000 }">>)),
    ok = rubeam:close(Port),
    ok = rubeam:close(Template).

%% (The heap's own limit is 8 MB above the one that is given.)
opened_with_limit(_Template, Limit) ->
    Large = copied(#{prelude => <<"$kept = 'x' * 12_000_000">>}),
    Result = rubeam:open(#{template => Large, memory_limit => Limit}),
    ok = rubeam:close(Large),
    Result.

many_processes_open_from_one(_Config) ->
    Template = copied(#{prelude => ?SHOP}),
    Workers = [spawn_monitor(fun() ->
                   [begin
                        Port = opened(Template),
                        {ok, 0.5} = rubeam:eval(Port, <<"$shop.total('thing3', 4, :s5)">>),
                        ok = rubeam:close(Port)
                    end || _ <- lists:seq(1, 100)]
               end) || _ <- lists:seq(1, 8)],
    [receive {'DOWN', Ref, process, Pid, Reason} -> ?assertEqual(normal, Reason) end || {Pid, Ref} <- Workers],
    %% It is closed while others open.
    Others = [spawn_monitor(fun() -> open_until_closed(Template) end) || _ <- lists:seq(1, 4)],
    timer:sleep(50),
    ok = rubeam:close(Template),
    [receive {'DOWN', Ref, process, Pid, Reason} -> ?assertEqual(normal, Reason) end || {Pid, Ref} <- Others].

open_until_closed(Template) ->
    case rubeam:open(#{template => Template}) of
        {ok, Port} ->
            {ok, 1} = rubeam:eval(Port, <<"NEXT.call - 1">>),
            ok = rubeam:close(Port),
            open_until_closed(Template);
        {error, {template, closed}} ->
            ok
    end.
