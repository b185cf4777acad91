%% Two of the checks of `make check` that run in Erlang. Each function prints what it found and stops
%% the node, with status 0 if that was nothing.
-module(checks).

-export([xref/1, docs/2]).

%% Calls of functions that do not exist or are deprecated, and local functions that nobody calls.
-spec xref(Ebin :: file:filename()) -> no_return().
xref(Ebin) ->
    Found = [{What, Calls} || {What, [_ | _] = Calls} <- xref:d(Ebin)],
    [io:format("~s: ~tp~n", [What, Calls]) || {What, Calls} <- Found],
    erlang:halt(min(1, length(Found))).

%% EDoc's pages into Dir, and the chunks that h/1 of the shell reads into Dir/chunks. EDoc prints
%% warnings (a reference that leads nowhere) and goes on: the caller looks at what was printed.
-spec docs(Sources :: file:filename(), Dir :: file:filename()) -> no_return().
docs(Sources, Dir) ->
    Files = filelib:wildcard(filename:join(Sources, "*.erl")),
    Options = [{dir, Dir}, {preprocess, true}, {includes, [Sources]}],
    ok = edoc:files(Files, Options),
    ok = edoc:files(Files, [{doclet, edoc_doclet_chunks}, {layout, edoc_layout_chunks} | Options]),
    erlang:halt(0).
