%% @doc Options: what is accepted, and with which defaults. Pure.
%%
%% Called by `rubeam', `rubeam_server' and `rubeam_pool' before anything is opened. A key that is not known is
%% `{bad_option, Key}', a value that is not accepted `{bad_option, {Key, Value}}'.
%% @private
-module(rubeam_options).

-export([defaults/0, pool_defaults/0, port/1, server/1, pool/1, request/2, path/1]).

-export_type([opening/0]).

-define(MB, (1024 * 1024)).

-type opening() :: #{transport := rubeam:transport(),
                     command => string(),
                     program => rubeam_program:program(),
                     max_frame => pos_integer(),
                     timeout => pos_integer() | infinity,
                     grace => pos_integer(), % in milliseconds
                     max_atoms => non_neg_integer(),
                     start_timeout => pos_integer(),
                     steps := [rubeam_source:step()],
                     functions := rubeam_function:functions(),
                     on_event := rubeam_event:handler() | undefined}.
%% Checked options: the command of the driver's port, or the program and what its gateway has to know; what is to be
%% run then, what Ruby may call, and who is told.

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

%% Those of the transports alone.
program_defaults() ->
    #{start_timeout => 10000, rlimit => #{}, ruby => "ruby", args => [], env => [], cd => undefined}.

%% @doc The same for the options that only a pool has.
-spec pool_defaults() -> #{size := pos_integer(), max_waiting := non_neg_integer()}.
pool_defaults() ->
    #{size => erlang:system_info(schedulers_online),
      max_waiting => 10000}.

%% @doc Checks the options of an interpreter.
-spec port(Options :: map()) -> {ok, opening()} | {error, bad_option()}.
port(Options) ->
    opening(fun valid_port/2, with_template(Options)).

%% @doc Checks the options of a server; as {@link port/1}.
-spec server(Options :: map()) -> {ok, opening()} | {error, bad_option()}.
server(Options) ->
    opening(fun valid_server/2, with_template(Options)).

%% @doc Checks the options of a pool, and divides them: those of its interpreters, and its own ones with
%% their defaults.
-spec pool(Options :: map()) -> {ok, Servers :: map(), Own :: map()} | {error, bad_option()}.
pool(Options) ->
    case with_template(Options) of
        {ok, All} -> divided(Options, All);
        {error, Bad} -> {error, Bad}
    end.

divided(Given, All) ->
    case check(for_transport(fun valid_pool/2, All), with_pool(All)) of
        {ok, _} ->
            Keys = [size, max_waiting, group, name],
            {ok, maps:without(Keys, Given),
             maps:merge(pool_defaults(), maps:with(Keys, Given))};
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

%% With the options of the template as if they were given. Where it lives, and what it may read, is its own affair.
with_template(#{template := Template} = Options) ->
    Fixed = [transport, load_path | maps:keys(program_defaults())],
    case {rubeam_template:is_template(Template), maps:keys(maps:with(Fixed, Options))} of
        {true, []} -> {ok, joined(rubeam_template:options(Template), Options)};
        {true, [Key | _]} -> {error, {bad_option, {Key, maps:get(Key, Options)}}};
        {false, _} -> {error, {bad_option, {template, Template}}}
    end;
with_template(Options) ->
    {ok, Options}.

joined(Of, Options) ->
    Functions = [Functions || #{functions := Functions} <- [Of, Options]],
    case lists:all(fun erlang:is_map/1, Functions) of
        true -> maps:merge(maps:without([prelude, files], Of),
                           Options#{functions => lists:foldl(fun(New, Old) -> maps:merge(Old, New) end, #{}, Functions)});
        false -> Options % is found to be bad
    end.

%% So that a test can run with each transport, with no word of it in the test.
with_transport(#{transport := _} = Options) ->
    Options;
with_transport(Options) ->
    case os:getenv("RUBEAM_TRANSPORT", "") of
        "" -> Options;
        "port" -> Options#{transport => port};
        "cruby" -> Options#{transport => cruby};
        "driver" -> Options#{transport => driver};
        Other -> Options#{transport => Other}
    end.

%% So that every test runs with both pools, with no word of it in the tests.
with_pool(#{pool := _} = Options) ->
    Options;
with_pool(#{transport := Transport} = Options) when Transport =/= driver ->
    Options;
with_pool(Options) ->
    case os:getenv("RUBEAM_POOL", "") of
        "" -> Options;
        "auto" -> Options#{pool => auto};
        "async" -> Options#{pool => async};
        "threads" -> Options#{pool => threads};
        Other -> Options#{pool => Other}
    end.

opening(Valid, {ok, Options}) -> checked_opening(Valid, with_pool(with_transport(Options)));
opening(_Valid, {error, Bad}) -> {error, Bad}.

checked_opening(Valid, Options) ->
    case check(for_transport(Valid, Options), Options) of
        {ok, _} ->
            {ok, Functions} = rubeam_function:prepare(maps:get(functions, Options, #{})),
            {ok, maps:merge(#{steps => steps(Options), functions => Functions,
                              on_event => maps:get(on_event, Options, undefined)},
                            place(maps:get(transport, Options, driver), Options))};
        {error, Bad} ->
            {error, Bad}
    end.

%% An option of one transport is none of the others.
for_transport(Valid, #{transport := Transport}) when Transport =:= port; Transport =:= cruby ->
    fun(pool, _) -> unknown;
       (Key, Value) when Key =:= ruby; Key =:= args; Key =:= env; Key =:= cd ->
            case Transport of cruby -> valid_program(Key, Value); port -> unknown end;
       (Key, Value) when Key =:= rlimit; Key =:= start_timeout -> valid_program(Key, Value);
       (Key, Value) -> Valid(Key, Value)
    end;
for_transport(Valid, _Options) ->
    Valid.

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

valid_port(transport, Transport) -> lists:member(Transport, [driver, port, cruby]);
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
valid_port(template, Template) -> rubeam_template:is_template(Template);
valid_port(name, Name) -> is_atom(Name) andalso Name =/= undefined;
valid_port(_, _) -> unknown.

valid_program(start_timeout, Timeout) -> in(Timeout, 1, 16#FFFFFFFF);
valid_program(rlimit, Limits) when is_map(Limits) ->
    lists:all(fun({Name, Value}) -> is_map_key(Name, limits()) andalso in(Value, 0, 1 bsl 62) end,
              maps:to_list(Limits));
valid_program(rlimit, _) -> false;
valid_program(ruby, Ruby) -> is_path(Ruby);
valid_program(cd, Directory) -> is_path(Directory);
valid_program(args, Args) when length(Args) >= 0 -> lists:all(fun is_argument/1, Args);
valid_program(args, _) -> false;
valid_program(env, Env) when length(Env) >= 0 ->
    lists:all(fun({Name, Value}) -> is_path(Name) andalso (Value =:= false orelse is_argument(Value));
                 (_) -> false
              end, Env);
valid_program(env, _) -> false.

%% The names of rubeam_port's words.
limits() ->
    #{address_space => "rlimit_as=", cpu => "rlimit_cpu=", open_files => "rlimit_nofile=",
      file_size => "rlimit_fsize="}.

valid_call(functions, Functions) -> rubeam_function:prepare(Functions) =/= error;
valid_call(Key, Value) -> valid_any(Key, Value).

valid_compile(transport, Transport) -> lists:member(Transport, [driver, port, cruby]);
valid_compile(Key, Value) -> valid_source(Key, Value).

valid_source(file, File) -> is_path(File);
valid_source(line, Line) -> in(Line, 1, 60000);
valid_source(Key, Value) -> valid_any(Key, Value).

valid_any(timeout, Timeout) -> is_timeout(Timeout);
valid_any(_, _) -> unknown.

valid_eval(bindings, Bindings) ->
    is_map(Bindings) andalso lists:all(fun is_name/1, maps:keys(Bindings));
valid_eval(value, Wanted) -> is_boolean(Wanted);
valid_eval(functions, Functions) -> valid_call(functions, Functions);
valid_eval(Key, Value) -> valid_source(Key, Value).

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

%% Also an empty one.
is_argument([]) -> true;
is_argument(<<>>) -> true;
is_argument(Text) -> is_path(Text).

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

steps(#{template := Template} = Options) ->
    Own = steps(maps:remove(template, Options)),
    case rubeam_template:image(Template) of
        {ok, _} -> Own;
        none -> steps(rubeam_template:options(Template)) ++ Own
    end;
steps(Options) ->
    [{prelude, iolist_to_binary(Code)}
     || Code <- [maps:get(prelude, Options, <<>>)], iolist_size(Code) > 0]
        ++ [{file, Path} || File <- maps:get(files, Options, []), {ok, Path} <- [path(File)]].

%% Where it lives.
place(driver, Options) ->
    #{transport => driver, command => lists:append(lists:join(" ", words(Options)))};
place(Transport, Given) ->
    #{rlimit := Limits, ruby := Ruby, args := Args, env := Env, cd := Cd} = Options =
        maps:merge(maps:merge(defaults(), program_defaults()), Given),
    #{max_frame := MaxFrame, timeout := Timeout, grace := Grace, slice := Slice, max_atoms := MaxAtoms,
      start_timeout := StartTimeout} = Options,
    #{transport => Transport,
      program => #{transport => Transport, words => words(Given),
                   limits => [maps:get(Name, limits()) ++ integer_to_list(Value)
                              || {Name, Value} <- maps:to_list(Limits)],
                   ruby => Ruby, args => Args, env => Env, cd => Cd},
      max_frame => MaxFrame, timeout => Timeout, grace => max(1, Grace * Slice div 1000),
      max_atoms => MaxAtoms, start_timeout => StartTimeout}.

%% An option that was not given is left to the interpreter's default.
words(#{template := Template} = Options) ->
    case rubeam_template:image(Template) of
        {ok, Number} -> [argument(template, Number) | words(maps:without([template, load_path], Options))];
        none -> words(maps:remove(template, Options))
    end;
words(Options) ->
    Others = [transport, output, name, prelude, files, functions, size, max_waiting, group | maps:keys(program_defaults())],
    [argument(Key, Value) || {Key, Value} <- maps:to_list(maps:without(Others, Options)),
                             {Key, Value} =/= {load_path, []}, {Key, Value} =/= {on_event, undefined}].

argument(template, Number) -> "template=" ++ integer_to_list(Number);
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
