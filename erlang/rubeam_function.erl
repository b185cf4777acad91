%% @doc Erlang functions that Ruby calls: finding one, running it, and saying what came of it. Pure; runs
%% in the process that called `run'.
%%
%% Called by `rubeam_transport', which carries calls and results; `rubeam_options' prepares the functions.
%% @private
-module(rubeam_function).

-export([prepare/1, run/4, too_large/1]).

-export_type([functions/0, result/0]).

-type functions() :: #{Name :: binary() => fun()}.
%% What a request brings along.

-type result() :: {ok, Value :: term()} | {error, failure()}.

-type failure() :: #{class := error | exit | throw, reason := term(), message := binary(),
                     stack := [binary()]}.
%% What Ruby's Erlang::CallError tells.

%% Of a message in characters, and of a stack in lines.
-define(MESSAGE, 4096).
-define(STACK, 30).

%% @doc Functions as they are looked up: by names that are binaries. `error' when that is no map of
%% names and functions, or two of the names are the same.
-spec prepare(Functions :: term()) -> {ok, functions()} | error.
prepare(Functions) when is_map(Functions) ->
    Named = [{name(Name), Fun} || {Name, Fun} <- maps:to_list(Functions)],
    Good = lists:all(fun({Name, Fun}) -> is_binary(Name) andalso is_function(Fun) end, Named),
    Prepared = maps:from_list(Named),
    case Good andalso map_size(Prepared) =:= map_size(Functions) of
        true -> {ok, Prepared};
        false -> error
    end;
prepare(_) ->
    error.

name(Name) when is_binary(Name) -> Name;
name(Name) when is_atom(Name) -> atom_to_binary(Name);
name(_) -> error.

%% @doc Runs the function of that name: the request's own one, or else the interpreter's. What it
%% raises is its result.
-spec run(rubeam_transport:ruby(), Name :: binary(), Args :: [term()], functions()) -> result().
run(Ruby, Name, Args, Own) ->
    case find(Ruby, Name, Own) of
        {ok, Fun} when is_function(Fun, length(Args)) -> run(Fun, Args);
        {ok, Fun} ->
            {arity, Arity} = erlang:fun_info(Fun, arity),
            failed(error, badarity, [],
                   io_lib:format("the function ~ts takes ~b arguments, not ~b",
                                 [Name, Arity, length(Args)]));
        none ->
            failed(error, undef, [], ["there is no function ", Name, known(Ruby, Own)])
    end.

find(Ruby, Name, Own) ->
    case Own of
        #{Name := Fun} -> {ok, Fun};
        #{} -> rubeam_registry:function(Ruby, Name)
    end.

known(Ruby, Own) ->
    case lists:usort(maps:keys(Own) ++ rubeam_registry:functions(Ruby)) of
        [] -> "; this interpreter has none";
        Names -> ["; there are ", lists:join(", ", Names)]
    end.

run(Fun, Args) ->
    try apply(Fun, Args) of
        Value -> {ok, Value}
    catch
        Class:Reason:Stack ->
            failed(Class, Reason, Stack, io_lib:format("~p: ~0tp", [Class, Reason]))
    end.

%% @doc The result in place of one that Ruby could not be sent, for this reason.
-spec too_large(Why :: binary()) -> {error, failure()}.
too_large(Why) ->
    failed(error, badarg, [], ["the function's result can't be sent: ", Why]).

failed(Class, Reason, Stack, Message) ->
    {error, #{class => Class, reason => Reason, message => text(Message),
              stack => [text(line(Entry)) || Entry <- lists:sublist(Stack, ?STACK)]}}.

text(Chars) ->
    case unicode:characters_to_binary(Chars) of
        Text when is_binary(Text) -> iolist_to_binary(string:slice(Text, 0, ?MESSAGE));
        _ -> iolist_to_binary(io_lib:format("~0p", [Chars])) % bytes that are no text
    end.

%% As Erlang itself shows it: file:line:in module:function/arity
line({Module, Function, ArityOrArgs, Location}) ->
    Arity = if is_list(ArityOrArgs) -> length(ArityOrArgs); true -> ArityOrArgs end,
    Place = case {proplists:get_value(file, Location), proplists:get_value(line, Location)} of
                {File, Line} when is_list(File), is_integer(Line) ->
                    io_lib:format("~ts:~b:in ", [File, Line]);
                _ -> ""
            end,
    io_lib:format("~ts~tp:~tp/~b", [Place, Module, Function, Arity]);
line(Other) -> % of a fun
    io_lib:format("~0tp", [Other]).
