%% Runs Common Test and PropEr so that make can count: called by test/ct.sh and test/proper.sh, which
%% give it a node of its own. Each function leaves "PASSED FAILED" in a file and stops the node, with
%% status 0 if something was run and nothing failed.
%%
%% What failed is printed as lines that begin with FAILED, which the scripts look for. The callbacks
%% at the end make the module a Common Test hook that prints them.
-module(test_runs).

-export([ct/4, proper/3]).
-export([id/1, init/2, on_tc_fail/4, on_tc_skip/4]).

%% Runs the suites in Dir, or the one named Name.
-spec ct(Dir, LogDir, Name, CountFile) -> no_return() when
    Dir :: file:filename(),
    LogDir :: file:filename(),
    Name :: string(),
    CountFile :: file:filename().
ct(Dir, LogDir, Name, CountFile) ->
    Which = case Name of
        "" -> [{dir, Dir}];
        _ -> [{dir, Dir}, {suite, Name ++ "_SUITE"}]
    end,
    Result = ct:run_test(Which ++ [
        {logdir, LogDir},
        {auto_compile, false},
        {abort_if_missing_suites, true},
        {ct_hooks, [?MODULE]}
    ]),
    %% A case skipped by itself counts as neither. One that Common Test had to skip, since what comes
    %% before it failed, counts as failed.
    case Result of
        {Passed, Failed, {_, AutoSkipped}} ->
            finish(CountFile, Passed, Failed + AutoSkipped);
        Error ->
            io:format("FAILED Common Test itself: ~tp~n", [Error]),
            finish(CountFile, 0, 1)
    end.

%% Runs every exported prop_ function of every prop_ module in Dir.
-spec proper(Dir, NumTests, CountFile) -> no_return() when
    Dir :: file:filename(),
    NumTests :: pos_integer(),
    CountFile :: file:filename().
proper(Dir, NumTests, CountFile) ->
    Results = [
        holds(Module, Property, NumTests)
     || Beam <- lists:sort(filelib:wildcard(filename:join(Dir, "prop_*.beam"))),
        Module <- [list_to_atom(filename:basename(Beam, ".beam"))],
        {module, _} <- [code:ensure_loaded(Module)],
        {Property, 0} <- Module:module_info(exports),
        lists:prefix("prop_", atom_to_list(Property))
    ],
    finish(CountFile, length([ok || true <- Results]), length([failed || false <- Results])).

holds(Module, Property, NumTests) ->
    io:format("~s:~s~n", [Module, Property]),
    Result =
        try
            proper:quickcheck(Module:Property(), [{numtests, NumTests}, {to_file, user}])
        catch
            Class:Reason:Stack -> {Class, Reason, Stack}
        end,
    case Result of
        true ->
            true;
        false ->
            io:format(
                "FAILED ~s:~s~n  counterexample: ~tp~n",
                [Module, Property, proper:counterexample()]
            ),
            false;
        Error ->
            io:format("FAILED ~s:~s~n  ~tp~n", [Module, Property, Error]),
            false
    end.

finish(CountFile, Passed, Failed) ->
    ok = file:write_file(CountFile, io_lib:format("~b ~b~n", [Passed, Failed])),
    case {Passed, Failed} of
        {0, 0} ->
            io:format("FAILED: ran no test~n"),
            erlang:halt(1);
        {_, 0} ->
            erlang:halt(0);
        {_, _} ->
            erlang:halt(1)
    end.

%% The hook

id(_Options) -> ?MODULE.

init(?MODULE, _Options) -> {ok, state}.

on_tc_fail(Suite, Case, Reason, State) ->
    io:format(user, "FAILED ~s:~tp~n  ~tP~n", [Suite, Case, Reason, 60]),
    State.

on_tc_skip(Suite, Case, Reason, State) ->
    io:format(user, "SKIPPED ~s:~tp~n  ~tP~n", [Suite, Case, Reason, 30]),
    State.
