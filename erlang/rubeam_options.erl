%% @doc Options: what is accepted, and with which defaults. Pure.
%%
%% Called by `rubeam', `rubeam_server' and `rubeam_pool' before anything is opened. A key that is not known is
%% `{bad_option, Key}', a value that is not accepted `{bad_option, {Key, Value}}'.
%% @private
-module(rubeam_options).

-export([defaults/0, pool_defaults/0, port/1, server/1, pool/1, request/2, path/1]).

-export_type([opening/0]).

-define(MB, (1024 * 1024)).

-type opening() :: #{command := string(),
                     steps := [rubeam_source:step()],
                     functions := rubeam_function:functions(),
                     on_event := rubeam_event:handler() | undefined}.
%% Checked options: the command for open_port, what is to be run then, what Ruby may call, and who is told.

-type bad_option() :: {bad_option, Key :: term() | {Key :: term(), Value :: term()}}.

%% @doc Every option that has a default, and the default. The driver has the same ones for
%% ports that are opened without this application; a test compares them.
-spec defaults() -> rubeam:server_options().
defaults() ->
    #{transport => driver,
      memory_limit => 64 * ?MB,
      timeout => infinity,
      queue_limit => 10000,
      max_frame => 64 * ?MB,
      max_source => 4 * ?MB,
      max_depth => 256,
      max_atoms => 10000,
      pool => auto,
      slice => 1000,
      grace => 50,
      load_path => [],
      files => [],
      prelude => <<>>,
      functions => #{},
      on_event => undefined,
      output => group_leader}.

%% @doc The same for the options that only a pool has.
-spec pool_defaults() -> #{size := pos_integer(), max_waiting := non_neg_integer()}.
pool_defaults() ->
    #{size => erlang:system_info(schedulers_online),
      max_waiting => 10000}.

%% @doc Checks the options of an interpreter.
-spec port(Options :: map()) -> {ok, opening()} | {error, bad_option()}.
port(Options) ->
    checked_opening(fun valid_port/2, with_pool(Options)).

%% @doc Checks the options of a server; as {@link port/1}.
-spec server(Options :: map()) -> {ok, opening()} | {error, bad_option()}.
server(Options) ->
    checked_opening(fun valid_server/2, with_pool(Options)).

%% @doc Checks the options of a pool, and divides them: those of its interpreters, and its own ones with
%% their defaults.
-spec pool(Options :: map()) -> {ok, Servers :: map(), Own :: map()} | {error, bad_option()}.
pool(Options) ->
    case check(fun valid_pool/2, with_pool(Options)) of
        {ok, _} ->
            Keys = [size, max_waiting, group, name],
            {ok, maps:without(Keys, Options),
             maps:merge(pool_defaults(), maps:with(Keys, Options))};
        {error, Bad} ->
            {error, Bad}
    end.

%% @doc Checks the options of one request: what the driver takes of them, and the functions that the
%% request brings along.
-spec request(eval | call | compile | load, Options :: map()) ->
          {ok, map(), rubeam_function:functions()} | {error, bad_option()}.
request(eval, Options) ->
    with_functions(with_source(fun valid_eval/2, Options));
request(compile, Options) ->
    with_functions(with_source(fun valid_compile/2, Options));
request(_CallOrLoad, Options) ->
    with_functions(check(fun valid_call/2, Options)).

with_functions({ok, #{functions := Functions} = Options}) ->
    {ok, Prepared} = rubeam_function:prepare(Functions),
    {ok, maps:remove(functions, Options), Prepared};
with_functions({ok, Options}) ->
    {ok, Options, #{}};
with_functions({error, Bad}) ->
    {error, Bad}.

with_source(Valid, Options) ->
    case check(Valid, Options) of
        {ok, #{file := File}} -> {ok, Options#{file := unicode:characters_to_binary(File)}};
        {ok, _} -> {ok, Options};
        {error, Bad} -> {error, Bad}
    end.

%% So that every test runs with both pools, with no word of it in the tests.
with_pool(#{pool := _} = Options) ->
    Options;
with_pool(Options) ->
    case os:getenv("RUBEAM_POOL", "") of
        "" -> Options;
        "auto" -> Options#{pool => auto};
        "async" -> Options#{pool => async};
        "threads" -> Options#{pool => threads};
        Other -> Options#{pool => Other}
    end.

checked_opening(Valid, Options) ->
    case check(Valid, Options) of
        {ok, _} ->
            {ok, Functions} = rubeam_function:prepare(maps:get(functions, Options, #{})),
            {ok, #{command => command(Options), steps => steps(Options), functions => Functions,
                   on_event => maps:get(on_event, Options, undefined)}};
        {error, Bad} ->
            {error, Bad}
    end.

check(Valid, Options) ->
    Bad = [{Key, Value, Answer} || {Key, Value} <- lists:sort(maps:to_list(Options)),
                                   (Answer = Valid(Key, Value)) =/= true],
    case Bad of
        [] -> {ok, Options};
        [{Key, _Value, unknown} | _] -> {error, {bad_option, Key}};
        [{Key, Value, false} | _] -> {error, {bad_option, {Key, Value}}}
    end.

%% One clause per key or accepted shape: true, false, or unknown. The driver has the same ranges.
valid_server(output, group_leader) -> true;
valid_server(output, discard) -> true;
valid_server(output, {send, Pid}) when is_pid(Pid) -> true;
valid_server(output, Fun) when is_function(Fun, 2) -> true;
valid_server(output, _) -> false;
valid_server(name, Name) -> is_server_name(Name);
valid_server(Key, Value) -> valid_port(Key, Value).

valid_pool(size, N) -> in(N, 1, 1024);
valid_pool(max_waiting, N) -> in(N, 0, 1 bsl 24);
valid_pool(group, _Group) -> true;
valid_pool(Key, Value) -> valid_server(Key, Value).

valid_port(transport, Transport) -> Transport =:= driver;
valid_port(memory_limit, Bytes) -> in(Bytes, ?MB, 1 bsl 32);
valid_port(timeout, Timeout) -> is_timeout(Timeout);
valid_port(queue_limit, N) -> in(N, 0, 1 bsl 24);
valid_port(max_frame, Bytes) -> in(Bytes, 64, 1 bsl 31);
valid_port(max_source, Bytes) -> in(Bytes, 1, 1 bsl 30);
valid_port(max_depth, Levels) -> in(Levels, 1, 1024);
valid_port(max_atoms, N) -> in(N, 0, 1 bsl 20);
valid_port(pool, Pool) -> lists:member(Pool, [auto, async, threads]);
valid_port(slice, Microseconds) -> in(Microseconds, 50, 100000);
valid_port(grace, Slices) -> in(Slices, 1, 1 bsl 20);
valid_port(prelude, Code) -> is_iodata(Code);
valid_port(load_path, Dirs) when length(Dirs) =< 256 -> lists:all(fun is_absolute/1, Dirs);
valid_port(load_path, _) -> false;
valid_port(files, Files) when length(Files) >= 0 -> lists:all(fun is_path/1, Files);
valid_port(files, _) -> false;
valid_port(functions, Functions) -> rubeam_function:prepare(Functions) =/= error;
valid_port(on_event, Handler) -> Handler =:= undefined orelse is_function(Handler, 3);
valid_port(name, Name) -> is_atom(Name) andalso Name =/= undefined;
valid_port(_, _) -> unknown.

valid_call(functions, Functions) -> rubeam_function:prepare(Functions) =/= error;
valid_call(Key, Value) -> valid_any(Key, Value).

valid_compile(file, File) -> is_path(File);
valid_compile(line, Line) -> in(Line, 1, 60000);
valid_compile(Key, Value) -> valid_any(Key, Value).

valid_any(timeout, Timeout) -> is_timeout(Timeout);
valid_any(_, _) -> unknown.

valid_eval(bindings, Bindings) ->
    is_map(Bindings) andalso lists:all(fun is_name/1, maps:keys(Bindings));
valid_eval(value, Wanted) -> is_boolean(Wanted);
valid_eval(functions, Functions) -> valid_call(functions, Functions);
valid_eval(Key, Value) -> valid_compile(Key, Value).

is_timeout(Timeout) -> Timeout =:= infinity orelse in(Timeout, 1, 16#FFFFFFFF).

in(N, Min, Max) -> is_integer(N) andalso N >= Min andalso N =< Max.

is_server_name({local, Name}) -> is_atom(Name) andalso Name =/= undefined;
is_server_name({global, _Name}) -> true;
is_server_name({via, Module, _Name}) -> is_atom(Module);
is_server_name(Name) -> is_atom(Name) andalso Name =/= undefined.

is_name(Name) -> is_atom(Name) orelse is_binary(Name).

is_iodata(Code) ->
    try iolist_size(Code) of _ -> true
    catch error:badarg -> false
    end.

is_path(Name) -> path(Name) =/= error.

is_absolute(Name) ->
    case path(Name) of
        {ok, <<$/, _/binary>>} -> true;
        _ -> false
    end.

%% @doc The name of a file, as bytes in UTF-8: what `file' of a request may be.
-spec path(Name :: term()) -> {ok, binary()} | error.
path(Name) ->
    try unicode:characters_to_binary(Name) of
        Bytes when is_binary(Bytes), Bytes =/= <<>>, byte_size(Bytes) =< 4096 ->
            case binary:match(Bytes, <<0>>) of
                nomatch -> {ok, Bytes};
                _ -> error
            end;
        _ ->
            error
    catch
        error:badarg -> error
    end.

steps(Options) ->
    [{prelude, iolist_to_binary(Code)}
     || Code <- [maps:get(prelude, Options, <<>>)], iolist_size(Code) > 0]
        ++ [{file, Path} || File <- maps:get(files, Options, []), {ok, Path} <- [path(File)]].

%% An option that was not given is left to the driver's default.
command(Options) ->
    Others = [transport, output, name, prelude, files, functions],
    Given = maps:to_list(maps:without(Others, Options)),
    lists:append(lists:join(" ", [argument(Key, Value) || {Key, Value} <- Given,
                                                          {Key, Value} =/= {load_path, []},
                                                          {Key, Value} =/= {on_event, undefined}])).

argument(timeout, infinity) -> "timeout=0";
argument(on_event, _Handler) -> "events=on";
argument(load_path, Dirs) ->
    Paths = [encoded(Path) || Dir <- Dirs, {ok, Path} <- [path(Dir)]],
    "load_path=" ++ lists:append(lists:join(":", Paths));
argument(pool, Pool) -> "pool=" ++ atom_to_list(Pool);
argument(Key, N) -> atom_to_list(Key) ++ "=" ++ integer_to_list(N).

%% The command is cut at spaces, and the list of directories at colons: see driver/load_path.h.
encoded(Path) ->
    lists:append([encoded_byte(Byte) || <<Byte>> <= Path]).

encoded_byte(Byte) when Byte >= $a, Byte =< $z; Byte >= $A, Byte =< $Z; Byte >= $0, Byte =< $9;
                        Byte =:= $/; Byte =:= $.; Byte =:= $_; Byte =:= $- ->
    [Byte];
encoded_byte(Byte) ->
    lists:flatten(io_lib:format("%~2.16.0B", [Byte])).
