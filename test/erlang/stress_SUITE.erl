%% Does each load of test/stress pass in its short form? `make stress' runs the long ones.
%%
%% Each in a node of its own: what is left over there is the load's, and a VM that dies with it does
%% not take the other suites along.
-module(stress_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% The load has a deadline of its own, which is shorter.
-define(PATIENCE, 200_000).

all() ->
    [open_close, crowd, many, owners_killed, callers_killed, timeouts, functions, pool, loops, reload, halt, trouble,
     each_load_has_its_case].

suite() ->
    [{timetrap, ?PATIENCE + 20_000}].

init_per_suite(Config) ->
    %% Built by make beside the suites
    Stress = filename:join([filename:dirname(code:which(?MODULE)), "..", "stress"]),
    true = code:add_patha(filename:absname(Stress)),
    {module, stress} = code:ensure_loaded(stress),
    Config.

end_per_suite(_Config) -> ok.

open_close(_) -> passes(open_close).
crowd(_) -> passes(crowd).
many(_) -> passes(many).
owners_killed(_) -> passes(owners_killed).
functions(_) -> passes(functions).
pool(_) -> passes(pool).
callers_killed(_) -> passes(callers_killed).
timeouts(_) -> passes(timeouts).
loops(_) -> passes(loops).
reload(_) -> passes(reload).
halt(_) -> passes(halt).
trouble(_) -> passes(trouble).

each_load_has_its_case(_) ->
    ?assertEqual([], stress:names() -- all()).

passes(Name) ->
    Threads = integer_to_list(erlang:system_info(thread_pool_size)),
    {ok, Node, _} = peer:start_link(#{connection => standard_io, args => ["+A", Threads]}),
    OsPid = peer:call(Node, os, getpid, []),
    try
        ok = peer:call(Node, code, add_pathsa, [code:get_path()]),
        ok = peer:call(Node, stress, short, [Name], ?PATIENCE),
        peer:stop(Node)
    after
        %% One whose schedulers hang would not hear of anything else.
        os:cmd("kill -KILL " ++ OsPid ++ " 2>/dev/null")
    end.
