%% What the suites of programs share: rubeam_port and others on ports of their own, shells, pipes with names;
%% and who of them is there.
%%
%% Each case marks what it starts, and all that is started by that, by a variable of the environment.
-module(port_ct).

-include_lib("stdlib/include/assert.hrl").

%% A case
-export([begin_case/2, end_case/0, mark/0, mark/1, folder/0]).
%% Programs
-export([open/1, open/2, run/1, run/2, shell/1, shell_port/1, text/2, frames/1, with_heads/1]).
-export([send/2, next/1, all_of/1, os_pid/1, works/1, begin_code/2, close/1, busy_codes/0]).
-export([fifos/1, read_term/1]).
%% Who is there
-export([marked/0, who/0, name/1, nothing_is_there/0, memory/1]).
-export([at_once/1, in_time/1, slowness/0, is_sanitized/0]).

%% So long may take what is to happen at once, in milliseconds. (Half a second of it has a leash.)
-define(AT_ONCE, 2000).
-define(PATIENCE, 20_000).

%% --- A case ---

begin_case(Case, Config) ->
    process_flag(trap_exit, true),
    mark(lists:concat(["RUBEAM_TEST=", Case, "-", os:getpid(), "-",
                       erlang:unique_integer([positive])])),
    put(folder, filename:join(proplists:get_value(priv_dir, Config), Case)),
    ok = filelib:ensure_path(get(folder)),
    Config.

end_case() ->
    [os:cmd("kill -9 " ++ Pid) || Pid <- marked()],
    ok.

%% That of the case, for another process
mark() -> get(mark).

mark(Mark) -> put(mark, Mark).

%% For files of the case
folder() -> get(folder).

%% --- Programs ---

%% The sanitizers' runtimes are preloaded for the VM; the program has its own.
env() ->
    [Name, Value] = string:split(get(mark), "="),
    [{Name, Value}, {"LD_PRELOAD", false}].

open(Words) -> open(Words, [{packet, 4}]).

open(Words, Options) ->
    open_port({spawn_executable, rubeam_ct:program_file()},
              [{args, Words}, {env, env()}, nouse_stdio, exit_status, binary | Options]).

run(Program) -> run([], Program).

run(Words, Program) -> open(["run" | Words] ++ ["--" | Program], []).

%% A line of a shell, which finds the program in $PORT. What it prints, and its status.
shell(Line) ->
    Port = shell_port(Line),
    {Status, Text} = text(Port, <<>>),
    {Status, Text}.

shell_port(Line) ->
    open_port({spawn_executable, "/bin/sh"},
              [{args, ["-c", Line]}, {env, [{"PORT", rubeam_ct:program_file()} | env()]}, exit_status, binary,
               stderr_to_stdout, {cd, get(folder)}]).

text(Port, Text) ->
    receive
        {Port, {data, More}} -> text(Port, <<Text/binary, More/binary>>);
        {Port, {exit_status, Status}} -> {Status, Text}
    after ?PATIENCE -> ct:fail({still_there, Text})
    end.

frames(Text) -> [binary_to_term(F) || <<L:32, F:L/binary>> <= Text].

with_heads(Terms) ->
    << <<(byte_size(F)):32, F/binary>> || F <- lists:map(fun erlang:term_to_binary/1, Terms) >>.

send(Port, Term) -> true = port_command(Port, term_to_binary(Term)).

next(Port) ->
    receive
        {Port, {data, Frame}} -> binary_to_term(Frame);
        {Port, {exit_status, Status}} -> {status, Status}
    after ?PATIENCE -> ct:fail({nothing_from, Port, rubeam_ct:mailbox()})
    end.

%% All that comes, up to its exit status
all_of(Port) ->
    case next(Port) of
        {status, _} = Status -> [Status];
        Frame -> [Frame | all_of(Port)]
    end.

os_pid(Port) ->
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    integer_to_list(Pid).

works(Port) ->
    send(Port, {eval, works, <<"6 * 7">>}),
    ?assertEqual({reply, works, {ok, 42}}, next(Port)).

begin_code(Port, Code) ->
    send(Port, {eval, begun, rubeam_ct:begins(Code)}),
    ?assertEqual({response, begun}, next(Port)).

close(Port) ->
    unlink(Port),
    true = port_close(Port).

%% --- Pipes with names, which the VM does not read by itself ---

%% A program that is started by this line of a shell, with `in` and `out`
fifos(Line) ->
    Names = [filename:join(get(folder), Name) || Name <- ["in", "out"]],
    [begin file:delete(Name), "" = os:cmd("mkfifo '" ++ Name ++ "'") end || Name <- Names],
    Port = shell_port(Line),
    [In, Out] = Names,
    {ok, Input} = file:open(In, [write, raw, binary, skip_type_check]),
    {ok, Output} = file:open(Out, [read, raw, binary, skip_type_check]),
    {Input, Output, os_pid(Port)}.

read_exactly(_Output, Bytes, Taken) when Bytes =< 0 -> iolist_to_binary(lists:reverse(Taken));
read_exactly(Output, Bytes, Taken) ->
    {ok, More} = file:read(Output, Bytes),
    read_exactly(Output, Bytes - byte_size(More), [More | Taken]).

read_term(Output) ->
    <<Length:32>> = read_exactly(Output, 4, []),
    binary_to_term(read_exactly(Output, Length, [])).

%% --- Codes that keep a program busy ---

busy_codes() ->
    [<<"loop {}">>, <<"sleep 1000">>, <<"a = (1..100_000).to_a; loop { a.sort.join }">>,
     <<"loop { ('a' * 100_000).index('b') }">>, <<"Erlang.call(:nobody)">>]
        ++ [long_product() || not is_under_tsan()].

%% mruby has no pause in a product; these numbers are as long as it allows. (ThreadSanitizer delays the signal
%% that interrupts it: driver/preempt.c.)
long_product() -> <<"x = 7 ** 300_000; loop { x * x }">>.

is_under_tsan() -> string:find(rubeam_ct:program_file(), "tsan") =/= nomatch.

%% --- Who is there ---

%% The processes with this mark; such as are dead and only not waited for have none any more.
marked() -> marked(get(mark)).

marked(Mark) ->
    [Pid || "/proc/" ++ Pid <- filelib:wildcard("/proc/[0-9]*"),
            {ok, Text} <- [file:read_file("/proc/" ++ Pid ++ "/environ")],
            binary:match(Text, list_to_binary(Mark)) =/= nomatch].

nothing_is_there() -> at_once(fun() -> marked() =:= [] orelse who() end).

%% For the report
who() ->
    [{Pid, name(Pid)} || Pid <- marked()].

name(Pid) ->
    case file:read_file("/proc/" ++ Pid ++ "/cmdline") of
        {ok, Text} -> Text;
        Error -> Error
    end.

%% Until it is true
at_once(Condition) -> within(?AT_ONCE, Condition).

in_time(Condition) -> within(?PATIENCE, Condition).

within(Milliseconds, Condition) ->
    until(Condition, erlang:monotonic_time(millisecond) + Milliseconds * slowness()).

until(Condition, End) ->
    case Condition() of
        true -> ok;
        Other ->
            erlang:monotonic_time(millisecond) < End orelse ct:fail({not_in_time, Other}),
            receive after 5 -> until(Condition, End) end
    end.

%% Of a program with a sanitizer
slowness() ->
    case re:run(rubeam_ct:program_file(), "asan|tsan") of
        nomatch -> 1;
        _ -> 5
    end.

is_sanitized() -> slowness() > 1.

%% In bytes
memory(Pid) ->
    {ok, Text} = file:read_file("/proc/" ++ Pid ++ "/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
