%% @doc Opens interpreters ready for use, and evaluates files: Ruby code that is not in a request of
%% the user's. Runs in the process that opens or asks.
%%
%% Called by `rubeam' and `rubeam_server', whose arguments are checked already.
%% @private
-module(rubeam_source).

-export([open/2, compile/2, file/1]).

-export_type([step/0]).

-type step() :: {prelude, Code :: binary()} | {file, Path :: binary()}.
%% What an interpreter is to run at its opening; rubeam_options makes them.

%% @doc Opens an interpreter that the calling process owns, tells it who that is, runs the steps in
%% their order, and registers it unless Name is `undefined'. When one of these fails, nothing is left,
%% in the mailbox neither.
-spec open(rubeam_options:opening(), Name :: atom()) -> {ok, rubeam_transport:ruby()} | {error, rubeam:open_error()}.
open(Opening, Name) ->
    case rubeam_transport:open(Opening) of
        {ok, Port} ->
            case prepare(Port, Opening, Name) of
                ok -> {ok, Port};
                {error, Reason} -> rubeam_transport:discard(Port), {error, Reason}
            end;
        {error, Reason} ->
            {error, Reason}
    end.

prepare(Port, #{steps := Steps} = Opening, Name) ->
    case rubeam_transport:request(Port, {owner, [], self()}) of
        {ok, _} ->
            case introduce(Port, Opening) of
                ok -> make_ready(Port, Steps, Name);
                {error, Reason} -> {error, Reason}
            end;
        {error, closed} when is_pid(Port) -> % the program, just now
            {error, {program, closed}};
        {error, closed} -> % the driver went just now
            {error, not_started};
        {error, Reason} ->
            {error, Reason}
    end.

introduce(Port, #{functions := Functions, on_event := undefined}) ->
    rubeam_registry:add_functions(Port, Functions);
introduce(Port, #{on_event := Handler} = Opening) ->
    case rubeam_event:observe(Port, Handler) of
        ok -> introduce(Port, Opening#{on_event := undefined});
        {error, Reason} -> {error, Reason}
    end.

make_ready(_Port, [], undefined) ->
    ok;
make_ready(Port, [], Name) ->
    rubeam_transport:name(Port, Name);
make_ready(Port, [Step | Steps], Name) ->
    case run(Port, Step) of
        ok -> make_ready(Port, Steps, Name);
        {error, Reason} -> {error, Reason}
    end.

run(Port, Step) ->
    case evaluate(Port, Step) of
        {ok, _} -> ok;
        {error, Why} -> {error, failed(Step, Why)}
    end.

evaluate(Port, {prelude, Code}) ->
    evaluate(Port, Code, <<"(prelude)">>);
evaluate(Port, {file, Path}) ->
    case file:read_file(Path) of
        {ok, Code} -> evaluate(Port, Code, Path);
        {error, Why} -> {error, Why}
    end.

%% Nobody asks for the value, and it need not have a form in Erlang.
evaluate(Port, Code, File) ->
    rubeam_transport:request(Port, {eval, [], Code, #{file => File, value => false}}).

failed({prelude, _Code}, Why) -> {prelude, Why};
failed({file, Path}, Why) -> {file, Path, Why}.

%% @doc The bytecode of the code, which an interpreter of its own compiles.
-spec compile(Code :: binary(), Options :: map()) ->
          {ok, Bytecode :: binary()} | {error, rubeam:reason() | rubeam:open_error()}.
compile(Code, Options) ->
    {ok, Opening} = rubeam_options:port(maps:with([transport], Options)),
    case rubeam_transport:open(Opening) of
        {ok, Ruby} ->
            Request = {compile, [], Code, maps:remove(transport, Options)},
            Result = rubeam_transport:request(Ruby, Request),
            rubeam_transport:discard(Ruby),
            Result;
        {error, Reason} ->
            {error, Reason}
    end.

%% @doc The request that evaluates a file, under its name.
-spec file(Path :: binary()) -> {ok, rubeam_transport:request()} | {error, rubeam:file_error()}.
file(Path) ->
    case file:read_file(Path) of
        {ok, Code} -> {ok, {eval, [], Code, #{file => Path}}};
        {error, Why} -> {error, {file, Path, Why}}
    end.
