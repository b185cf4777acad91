%% Loads that last: many interpreters, many callers, ends at every moment. `make stress' runs the
%% long form of each with both forms of the pool, test/erlang/stress_SUITE the short one.
%%
%% Each load runs in a process of its own (all that it starts is linked to it), with a seed and a
%% deadline. It passes if it returns before the deadline and nothing is left over: see stress_state.
%% None asserts a speed, but the one that ends a second node (stress_halt).
%%
%% From the environment: ONLY names one load, RUBEAM_SEED repeats its random choices (not the
%% moments: these are the machine's).
-module(stress).

-export([main/0, short/1, names/0]).

-record(load, {name, text, run, long, short}).

%% Milliseconds after which a load is taken to hang. Sanitizers make all slower.
%% Those that run for a given time have that in addition.
-define(DEADLINE, #{long => 1_200_000, short => 120_000}).

%% How long what is left over may take to go.
-define(PATIENCE, 15_000).

loads() ->
    [#load{name = open_close,
           text = "interpreters opened and closed",
           run = fun stress_loads:open_close/1,
           long = #{interpreters => 100_000, workers => 8},
           short = #{interpreters => 1_000, workers => 4}},
     #load{name = crowd,
           text = "many processes call many interpreters",
           run = fun stress_loads:crowd/1,
           long = #{processes => 200, interpreters => 50, calls => 100_000},
           short = #{processes => 40, interpreters => 10, calls => 4_000}},
     #load{name = many,
           text = "very many interpreters evaluate at once",
           run = fun stress_loads:many/1,
           long = #{interpreters => 1_000, rounds => 10},
           short = #{interpreters => 200, rounds => 3}},
     #load{name = owners_killed,
           text = "owners killed while jobs run",
           run = fun stress_ends:owners_killed/1,
           long = #{owners => 10_000, workers => 16},
           short = #{owners => 300, workers => 8}},
     #load{name = callers_killed,
           text = "callers killed, and the interpreter answers the next one",
           run = fun stress_ends:callers_killed/1,
           long = #{callers => 10_000, workers => 8},
           short = #{callers => 300, workers => 4}},
     #load{name = timeouts,
           text = "timeouts of 1 ms against any script",
           run = fun stress_ends:timeouts/1,
           long = #{requests => 10_000, workers => 8},
           short = #{requests => 600, workers => 4}},
     #load{name = functions,
           text = "Ruby calls Erlang, which asks back, and all of it is disturbed",
           run = fun stress_functions:run/1,
           long = #{requests => 100_000, workers => 8},
           short = #{requests => 2_000, workers => 4}},
     #load{name = pool,
           text = "callers and borrowers of a pool are killed, and its interpreters exit",
           run = fun stress_pool:run/1,
           long = #{processes => 40_000, workers => 16, size => 4},
           short = #{processes => 1_500, workers => 8, size => 3}},
     #load{name = loops,
           text = "endless loops beside short calls",
           run = fun stress_loops:run/1,
           long = #{loops => 1_000, callers => 4, seconds => 20},
           short = #{loops => 100, callers => 2, seconds => 2}},
     #load{name = reload,
           text = "the driver goes and comes back, with ports open",
           run = fun stress_reload:run/1,
           long = #{rounds => 200, ports => 20},
           short = #{rounds => 10, ports => 5}},
     #load{name = halt,
           text = "a node ends beside endless scripts",
           run = fun stress_halt:run/1,
           long = #{scripts => 1_000, times => 3},
           short = #{scripts => 100, times => 1}},
     #load{name = trouble,
           text = "all kinds of trouble at once",
           run = fun stress_trouble:run/1,
           long = #{seconds => 600, slots => 12, callers => 40},
           short = #{seconds => 6, slots => 6, callers => 12}}].

-spec names() -> [atom()].
names() ->
    [Name || #load{name = Name} <- loads()].

%% All loads, or the one that ONLY names. Stops the node with status 1 if one fails.
-spec main() -> ok | no_return().
main() ->
    Wanted = os:getenv("ONLY", ""),
    Loads = [Load || #load{name = Name} = Load <- loads(),
                     Wanted =:= "" orelse Wanted =:= atom_to_list(Name)],
    Loads =/= [] orelse fail("there is no load ~s, but ~p~n", [Wanted, names()]),
    start(),
    io:format("pool ~s, ~b schedulers, ~b async threads~n",
              [pool(), erlang:system_info(schedulers_online),
               erlang:system_info(thread_pool_size)]),
    Start = erlang:monotonic_time(second),
    Failed = [Name || #load{name = Name} = Load <- Loads, run(Load, long) =/= ok],
    io:format("all in ~b s~n", [erlang:monotonic_time(second) - Start]),
    case Failed of
        [] -> ok;
        _ -> fail("failed with pool ~s: ~p~n", [pool(), Failed])
    end.

fail(Format, Args) ->
    io:format(Format, Args),
    halt(1).

%% The short form of one load; for a node that was started for it.
-spec short(Name :: atom()) -> ok | {failed, Text :: binary()}.
short(Name) ->
    start(),
    run(lists:keyfind(Name, #load.name, loads()), short).

%% What is loaded, started and cached with the first interpreters is there before the first look.
start() ->
    {ok, _} = application:ensure_all_started(rubeam),
    _ = [code:ensure_loaded(M) || M <- [stress_loads, stress_ends, stress_loops, stress_reload,
                                        stress_halt, stress_node, stress_trouble, stress_functions,
                                        stress_pool, stress_scripts]],
    %% Should this fail, so will the load.
    _ = outcome(fun stress_loads:open_close/1, #{interpreters => 100, workers => 4}, 0, 30_000,
                stress_state:look()),
    ok.

pool() ->
    os:getenv("RUBEAM_POOL", "auto").

seed() ->
    case os:getenv("RUBEAM_SEED", "") of
        "" -> erlang:phash2({erlang:system_time(), self()}, 1_000_000);
        Text -> list_to_integer(Text)
    end.

run(#load{name = Name, text = Text, run = Run} = Load, Form) ->
    Sizes = case Form of long -> Load#load.long; short -> Load#load.short end,
    Seed = seed(),
    io:format("~s: ~s ~tp, seed ~b~n", [Name, Text, Sizes, Seed]),
    Before = stress_state:look(),
    Start = erlang:monotonic_time(millisecond),
    Deadline = maps:get(Form, ?DEADLINE) + 1_000 * maps:get(seconds, Sizes, 0),
    Outcome = outcome(Run, Sizes, Seed, Deadline, Before),
    Took = erlang:monotonic_time(millisecond) - Start,
    After = stress_state:settled(Before, ?PATIENCE),
    io:format("  ~s~n", [stress_state:text(Before, After)]),
    case {Outcome, stress_state:left_over(Before, After)} of
        {{ok, Figures}, []} ->
            io:format("  ok in ~.1f s: ~tp~n", [Took / 1000, Figures]);
        {{ok, Figures}, Left} ->
            failed(Name, Seed, "~tp~n  left over: ~tp~n  ~ts",
                   [Figures, Left, stress_state:outstanding(Before)]);
        {{failed, Reason}, Left} ->
            failed(Name, Seed, "~tp~n  left over: ~tp", [Reason, Left]);
        {{late, Outstanding}, _} ->
            failed(Name, Seed, "not done by the deadline of ~b ms~n  ~ts",
                   [Deadline, Outstanding])
    end.

failed(Name, Seed, Format, Args) ->
    Text = io_lib:format("FAILED ~s, pool ~s: " ++ Format ++ "~n  again: make stress ONLY=~s "
                         "RUBEAM_SEED=~b~n",
                         [Name, pool() | Args] ++ [Name, Seed]),
    io:put_chars(Text),
    {failed, unicode:characters_to_binary(Text)}.

outcome(Run, Sizes, Seed, Deadline, Before) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({figures, seeded(Run, Sizes, Seed)}) end),
    receive
        {'DOWN', Monitor, process, Pid, {figures, Figures}} -> {ok, Figures};
        {'DOWN', Monitor, process, Pid, Reason} -> {failed, Reason}
    after Deadline ->
        Outstanding = unicode:characters_to_binary(stress_state:outstanding(Before)),
        exit(Pid, kill),
        receive {'DOWN', Monitor, process, Pid, _} -> {late, Outstanding} end
    end.

seeded(Run, Sizes, Seed) ->
    _ = rand:seed(exsss, Seed),
    Run(Sizes).
