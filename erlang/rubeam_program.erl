%% @doc Programs that interpreters live in: how they are called, and where they are found.
%% @private
-module(rubeam_program).

-export([start/1, directories/0, find/1]).

-export_type([program/0]).

-type program() :: #{transport := port | cruby,
                     words := [string()],       % what the interpreter is told
                     limits := [string()],      % what the system is told
                     ruby := file:name_all(),   % cruby: the Ruby, and what it is called with
                     args := [unicode:chardata()],
                     env := [{string(), string() | false}],
                     cd := file:name_all() | undefined}.

%% @doc Starts it, connected to the calling process, with frames on its file descriptors 3 and 4.
-spec start(program()) ->
          {ok, port()} | {error, {program_not_found, Path :: binary()} | atom()}.
start(#{transport := port, words := Words, limits := Limits} = Program) ->
    case find("rubeam_port") of
        {ok, File} -> open(File, Limits ++ Words, Program);
        {error, Reason} -> {error, Reason}
    end;
start(#{transport := cruby, words := Words, limits := Limits, ruby := Ruby, args := Args} = Program) ->
    case {find("rubeam_port"), find("rubeam.rb"), executable(Ruby)} of
        {{ok, File}, {ok, Script}, {ok, Path}} ->
            open(File, ["run" | Limits] ++ ["--", Path | Args] ++ [Script | Words], Program);
        {{error, Reason}, _, _} -> {error, Reason};
        {_, {error, Reason}, _} -> {error, Reason};
        {_, _, {error, Reason}} -> {error, Reason}
    end.

%% A file that is no program is looked for here: open_port/2 would lose a file descriptor with it.
open(File, Args, Program) ->
    case os:find_executable(File) of
        false -> {error, not_found(File)};
        Path -> open_program(Path, Args, Program)
    end.

open_program(File, Args, #{env := Env, cd := Cd}) ->
    Options = [{args, Args}, {env, Env}, nouse_stdio, exit_status, eof, binary, hide]
        ++ [{cd, Cd} || Cd =/= undefined],
    try erlang:open_port({spawn_executable, File}, Options) of
        Port -> {ok, Port}
    catch
        error:Reason when Reason =:= enoent; Reason =:= eacces -> {error, not_found(File)};
        error:badarg -> {error, {bad_option, args}};
        error:Reason when is_atom(Reason) -> {error, Reason}
    end.

executable(Ruby) ->
    case os:find_executable(text(Ruby)) of
        false -> {error, not_found(text(Ruby))};
        Path -> {ok, Path}
    end.

%% Common Test and the shell know paths of both kinds.
text(Path) when is_atom(Path) -> atom_to_list(Path);
text(Path) -> unicode:characters_to_list(Path).

not_found(File) ->
    {program_not_found, unicode:characters_to_binary(File)}.

%% @doc A file of the application's directory `priv'.
-spec find(Name :: string()) -> {ok, file:filename()} | {error, {program_not_found, Name :: binary()}}.
find(Name) ->
    Files = [filename:join(Directory, Name) || Directory <- directories()],
    case lists:filter(fun filelib:is_regular/1, Files) of
        [File | _] -> {ok, File};
        [] -> {error, not_found(Name)}
    end.

%% @doc Where what was built may be, the likeliest first.
-spec directories() -> [file:filename()].
directories() ->
    case os:getenv("RUBEAM_PRIV", "") of
        "" -> private_directory() ++ beside_the_code();
        Directory -> [Directory]
    end.

private_directory() ->
    case code:priv_dir(rubeam) of
        {error, bad_name} -> []; % the code is not in a directory of that name
        Directory -> [Directory]
    end.

beside_the_code() ->
    case code:which(?MODULE) of
        File when is_list(File) ->
            Ebin = filename:dirname(File),
            [Ebin, filename:join(filename:dirname(Ebin), "priv")];
        _ ->
            []
    end.
