%% @doc The Ruby prompt: `rubeam:shell/0'. docs/shell.md describes it.
%%
%% It is a process of its own, the session, that owns the interpreter unless it was given one. It talks to its
%% group leader by messages and has each input evaluated by another process, so that it can be interrupted at
%% any time. Who called `rubeam:shell/0' waits for its end.
%%
%% An interrupt reaches it in one of these ways. At the prompt the group leader answers the read with
%% `{error, interrupted}'. While Ruby runs, a session that is the shell of its group ({@link start/0}) gets
%% an exit signal; where the Erlang shell is that, it kills the process that called `rubeam:shell/0'. The
%% session then waits for the next call.
-module(rubeam_shell).

-export([start/0, main/1]).
-export([run/1, start_and_halt/0]).

-include("rubeam.hrl").

%% Lines of a backtrace that are shown, and characters of a message.
-define(FRAMES, 30).
-define(MESSAGE, 10000).

%% The driver has no more lines than 60000 in a file.
-define(MAX_LINE, 50000).

%% How long the terminal's driver may take to fail.
-define(START, 1000).

%% So often the terminal is looked at, in milliseconds.
-define(LOOK, 1000).

%% How long the last words of an interpreter may take.
-define(LAST_WORDS, 5000).

%% Bytes that are still printed after an interrupt.
-define(LATE, 8192).

%% So many lines in a row that cannot be read, and nobody is there.
-define(MAX_UNREADABLE, 3).

-record(state, {ruby :: rubeam:ruby(),
                port = none :: none | rubeam_transport:ruby(), % whose frames may come here
                options :: rubeam:options() | given,  % of an interpreter that is ours
                terminal :: rubeam_terminal:terminal(),
                leader :: reference(),                % its monitor
                %% Who waits for our end: nobody, a process, or one that was killed
                front :: none | {pid(), reference()} | lost,
                line = 1 :: pos_integer(),
                text = <<>> :: binary(),              % an unfinished input
                lines = 0 :: non_neg_integer(),       % of it
                unreadable = 0 :: non_neg_integer(),
                late = none :: none | [binary()] | dropped, % what is printed after an interrupt
                ended = none :: none | {exit, term()} | closed}).

-type target() :: {open, rubeam:options()} | {given, rubeam:ruby()}.

%% @doc Starts the prompt as the shell of the calling group leader: for `s rubeam_shell' after Ctrl-G in any
%% Erlang shell.
-spec start() -> pid().
start() ->
    spawn(fun begin_session/0).

%% @doc Starts the prompt instead of the Erlang shell, in a VM that was started with `-noinput'
%% (`terminal'), or reads what is piped into one started with `-noshell' (`pipe'). The VM ends with it.
%% This is what `make shell' does.
-spec main(terminal | pipe) -> ok.
main(Kind) ->
    case application:ensure_all_started(rubeam) of
        {ok, _} ->
            main_started(Kind);
        {error, Reason} ->
            io:format(standard_error, "~ts~n", [rubeam:format_error(Reason)]),
            halt(1)
    end.

main_started(pipe) ->
    _ = start_and_halt(),
    ok;
main_started(terminal) ->
    _ = spawn(fun watch_terminal/0),
    {Module, Function, Args} = terminal_start({?MODULE, start_and_halt, []}),
    case apply(Module, Function, Args) of
        ok ->
            ok;
        {error, Reason} ->
            no_terminal(Reason);
        Driver when is_pid(Driver) ->
            Monitor = erlang:monitor(process, Driver),
            receive {'DOWN', Monitor, process, Driver, Reason} -> no_terminal(Reason)
            after ?START -> ok
            end
    end.

%% What starts a shell with line editing: as of OTP 26, and before.
terminal_start(Shell) ->
    {module, shell} = code:ensure_loaded(shell),
    case erlang:function_exported(shell, start_interactive, 1) of
        true ->
            {shell, start_interactive, [Shell]};
        false ->
            %% What is printed by `user' needs the terminal's driver from now on.
            unregister(user),
            {user_drv, start, ['tty_sl -c -e', Shell]}
    end.

%% A terminal that is closed sends SIGHUP to the first process in it alone, which may be a `make' that waits
%% for us; and before OTP 26 the terminal's driver then reads its end again and again.
watch_terminal() ->
    case has_terminal() of
        true -> watch_terminal(?LOOK);
        false -> ok % it never was the controlling one
    end.

watch_terminal(Pause) ->
    receive after Pause -> ok end,
    case has_terminal() of
        true -> watch_terminal(Pause);
        false -> halt(129)
    end.

has_terminal() ->
    case file:open("/dev/tty", [read, raw]) of
        {ok, File} -> file:close(File) =:= ok;
        {error, Reason} -> not lists:member(Reason, [enxio, eio, enodev])
    end.

-spec no_terminal(term()) -> no_return().
no_terminal(Reason) ->
    io:format(standard_error, "this terminal can't be used for line editing: ~tp~n", [Reason]),
    halt(1).

%% @private
-spec start_and_halt() -> pid().
start_and_halt() ->
    spawn(fun halting_session/0).

-spec halting_session() -> no_return().
halting_session() ->
    try begin_session()
    after halt(0)
    end.

%% @doc Runs a session, and returns at its end: `rubeam:shell/1', whose arguments are checked.
%% @private
-spec run(target()) -> ok | {error, rubeam:open_error()}.
run(Target) ->
    Self = self(),
    {Session, Monitor} =
        case kept(Target) of
            {ok, Kept} ->
                Ref = erlang:monitor(process, Kept),
                Kept ! {go_on, Self},
                {Kept, Ref};
            none ->
                spawn_monitor(fun() -> begin_session(Target, Self) end)
        end,
    wait(Session, Monitor, port(Target)).

%% Frames of a port that the calling process owns are for the terminal while the prompt is there.
wait(Session, Monitor, Port) ->
    receive
        {'DOWN', Monitor, process, Session, normal} -> ok;
        {'DOWN', Monitor, process, Session, {not_open, Reason}} -> {error, Reason};
        {'DOWN', Monitor, process, Session, Reason} -> exit(Reason);
        {Port, {data, _Frame}} = Message -> Session ! Message, wait(Session, Monitor, Port)
    end.

%% A session whose caller was killed at this terminal
kept({open, Options}) when map_size(Options) =:= 0 ->
    case whereis(?MODULE) of
        undefined -> none;
        Session ->
            case erlang:process_info(Session, group_leader) =:= {group_leader, group_leader()} of
                true -> {ok, Session};
                false -> none
            end
    end;
kept(_Target) ->
    none.

port({given, Ruby}) ->
    case rubeam_registry:where(Ruby) of
        {ok, Port} when is_port(Port); is_pid(Port) -> Port;
        _ -> none
    end;
port(_Target) ->
    none.

%% --- The session ---

-spec begin_session() -> no_return().
begin_session() ->
    begin_session({open, #{}}, none).

-spec begin_session(target(), Caller :: none | pid()) -> no_return().
begin_session(Target, Caller) ->
    process_flag(trap_exit, true),
    Leader = erlang:monitor(process, group_leader()),
    Front = front(Caller),
    {Ruby, Port, Options} =
        case Target of
            {given, Given} ->
                {Given, port(Target), given};
            {open, Open} ->
                case open(Open) of
                    {ok, New} -> {New, New, Open};
                    {error, Reason} -> not_open(Reason, Front)
                end
        end,
    State = #state{ruby = Ruby, port = Port, options = Options, leader = Leader, front = Front,
                   terminal = rubeam_terminal:new(group_leader())},
    try loop(say([banner(), $\n], State))
    catch throw:gone -> exit(normal) % with the interpreter, if it is ours
    end.

front(none) -> none;
front(Caller) -> {Caller, erlang:monitor(process, Caller)}.

-spec not_open(term(), term()) -> no_return().
not_open(Reason, none) ->
    io:format("~ts~n", [rubeam:format_error(Reason)]),
    exit(normal);
not_open(Reason, _Front) ->
    exit({not_open, Reason}).

banner() ->
    Version = case application:get_key(rubeam, vsn) of
                  {ok, Text} -> [" ", Text];
                  undefined -> []
              end,
    ["Rubeam", Version, ": Ruby in the BEAM. Type help for help, exit to leave."].

loop(#state{front = lost} = State) ->
    loop(keep(State));
loop(State) ->
    case read(State) of
        {lost, After} -> loop(forget(After));
        {{error, interrupted}, After} -> loop(forget(fresh(After)));
        {eof, After} -> leave(fresh(After));
        {{error, terminated}, After} -> leave(After);
        {{error, Reason}, After} -> unreadable(Reason, After);
        {Line, After} -> line(Line, After#state{unreadable = 0})
    end.

read(#state{terminal = Terminal} = State) ->
    await_line(State#state{terminal = rubeam_terminal:read(prompt(State), Terminal)}).

await_line(State) ->
    case event(State, infinity) of
        {{line, Line}, After} -> {Line, After};
        {lost, After} -> {lost, After};
        {_Other, After} -> await_line(After)
    end.

prompt(#state{line = Line, lines = 0}) -> io_lib:format("rubeam(~b)> ", [Line]);
prompt(#state{line = Line, lines = Lines}) -> io_lib:format("rubeam(~b)* ", [Line + Lines]).

forget(State) ->
    State#state{text = <<>>, lines = 0}.

unreadable(Reason, #state{unreadable = N} = State) when N + 1 < ?MAX_UNREADABLE ->
    Text = io_lib:format("this line can't be read: ~tp~n", [Reason]),
    loop(forget(say(Text, fresh(State#state{unreadable = N + 1}))));
unreadable(Reason, State) ->
    leave(say(io_lib:format("there is nothing to be read: ~tp~n", [Reason]), fresh(State))).

line(Line, #state{lines = 0} = State) ->
    case rubeam_input:command(Line) of
        none -> code(Line, State);
        nothing -> loop(next_line(1, State));
        {Name, Argument} -> command(Name, Argument, State)
    end;
line(Line, State) ->
    %% The one command that there has to be amidst of Ruby
    case rubeam_input:command(Line) of
        {<<"cancel">>, <<>>} -> loop(forget(State));
        _ -> code(Line, State)
    end.

code(Line, #state{ruby = Ruby, line = At, text = Before, lines = Lines} = State) ->
    Text = <<Before/binary, (with_end(Line))/binary>>,
    case evaluate(fun() -> rubeam_input:evaluate(Ruby, Text, At) end, State) of
        {unfinished, After} -> loop(After#state{text = Text, lines = Lines + 1});
        {Outcome, After} -> loop(show(Outcome, next_line(Lines + 1, After)))
    end.

%% As a file has it; the last line of what is piped in may have no end.
with_end(Line) ->
    Length = byte_size(Line),
    case Line of
        <<Text:(Length - 2)/binary, "\r\n">> -> <<Text/binary, $\n>>;
        <<_:(Length - 1)/binary, $\n>> -> Line;
        _ -> <<Line/binary, $\n>>
    end.

next_line(Lines, #state{line = Line} = State) when Line + Lines =< ?MAX_LINE ->
    forget(State#state{line = Line + Lines});
next_line(_Lines, State) ->
    forget(State#state{line = 1}).

show({value, Text}, State) -> say(["=> ", Text, $\n], State);
show(no_value, State) -> State;
show({not_shown, Reason}, State) -> say(["=> (its inspect failed) ", error_text(Reason), $\n], State);
show({error, closed}, State) -> settled(State);
show({error, Reason}, State) when is_map(Reason) -> say([error_text(Reason), $\n], State);
show({error, Reason}, State) -> settled(say([error_text(Reason), $\n], State));
show(interrupted, State) -> State.

%% Commands

command(<<"help">>, _, State) ->
    loop(say(help(), State));
command(Leave, _, State) when Leave =:= <<"exit">>; Leave =:= <<"quit">> ->
    leave(State);
command(<<"cancel">>, _, State) ->
    loop(State);
command(<<"erl">>, Code, #state{ruby = Ruby, line = At} = State) ->
    Text = case Code of
               <<>> -> <<"_\n">>;
               _ -> <<Code/binary, $\n>>
           end,
    case evaluate(fun() -> rubeam_input:term(Ruby, Text, At) end, State) of
        {unfinished, After} -> loop(say("unfinished: \\erl takes one line\n", After));
        {Outcome, After} -> loop(show(Outcome, next_line(1, After)))
    end;
command(<<"load">>, Path, #state{ruby = Ruby} = State) when Path =/= <<>> ->
    case evaluate(fun() -> rubeam_input:load(Ruby, Path) end, State) of
        {ok, After} -> loop(say(["loaded ", Path, $\n], After));
        {Outcome, After} -> loop(show(Outcome, After))
    end;
command(<<"info">>, _, #state{ruby = Ruby} = State) ->
    case evaluate(fun() -> rubeam:info(Ruby) end, State) of
        {Info, After} when is_map(Info) -> loop(say(info(Info), After));
        {Outcome, After} -> loop(show(Outcome, After))
    end;
command(<<"reset">>, _, #state{options = given} = State) ->
    loop(say("this interpreter was there before the prompt: \\reset leaves it alone\n", State));
command(<<"reset">>, _, #state{ruby = Ruby} = State) ->
    ok = rubeam:close(Ruby),
    loop(opened(State));
command(Name, _, State) ->
    loop(say(["there is no command \\", Name, " of this form; help lists them\n"], State)).

help() ->
    "Ruby is evaluated when it is complete; its value is _ afterwards. Besides Ruby:\n"
    "  help         this text\n"
    "  exit, quit   leave\n"
    "  \\erl         the last value as an Erlang term\n"
    "  \\erl CODE    the value of this line of Ruby as an Erlang term\n"
    "  \\load FILE   evaluate a file\n"
    "  \\info        the figures of the interpreter\n"
    "  \\reset       go on with a fresh interpreter\n"
    "  \\cancel      forget an unfinished input, as Ctrl-C does\n".

info(Info) ->
    [io_lib:format("~-20s ~tp~n", [Key, Value]) || {Key, Value} <- lists:sort(maps:to_list(Info))].

%% Evaluating

%% Fun is run by a process that an interrupt kills: the driver then stops its request, and a function of
%% Erlang's that Ruby has called ends with it.
evaluate(Fun, State) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({result, Fun()}) end),
    await_result(Pid, Monitor, State).

await_result(Pid, Monitor, State) ->
    case event(State, infinity) of
        {{'DOWN', Monitor, {result, Result}}, After} ->
            {Result, fresh(printed(After))};
        {{'DOWN', Monitor, Reason}, After} ->
            {{error, Reason}, fresh(printed(After))};
        {Stop, After} when Stop =:= interrupt; Stop =:= lost ->
            exit(Pid, kill),
            erlang:demonitor(Monitor, [flush]),
            {interrupted, interrupted(After)};
        {_Other, After} ->
            await_result(Pid, Monitor, After)
    end.

%% Waits until the terminal has shown all of the output, unless nobody wants to see it.
printed(#state{terminal = Terminal} = State) ->
    case rubeam_terminal:is_idle(Terminal) of
        true ->
            State;
        false ->
            case event(State, infinity) of
                {Stop, After} when Stop =:= interrupt; Stop =:= lost -> drop_output(After);
                {_Other, After} -> printed(After)
            end
    end.

drop_output(#state{terminal = Terminal} = State) ->
    tell(State#state{terminal = rubeam_terminal:forget(Terminal)}).

interrupted(#state{options = given} = State) ->
    forget(say("Interrupted\n", fresh(drop_output(State))));
interrupted(#state{late = Late} = State) when Late =/= none -> % once more
    State;
interrupted(State) ->
    Said = forget(say("Interrupted\n", fresh(drop_output(State)))),
    {Answer, After} = next_request(Said#state{late = []}),
    settled(Answer, last_words(After)).

%% The last words of an `ensure', but not all that was on its way
last_words(#state{late = Late, terminal = Terminal} = State) when is_list(Late) ->
    fresh(State#state{late = none, terminal = rubeam_terminal:put(iolist_to_binary(Late), 0, Terminal)});
last_words(State) ->
    State#state{late = none}.

%% After an error which may have been the interpreter's end
settled(#state{options = given, ruby = Ruby} = State) ->
    case evaluate(fun() -> rubeam:info(Ruby) end, State) of
        {{error, Reason}, After} -> leave(say([error_text(Reason), $\n], After));
        {_, After} -> After
    end;
settled(State) ->
    {Answer, After} = next_request(State),
    settled(Answer, After).

settled({error, closed}, State) -> ended(State, erlang:monotonic_time(millisecond) + ?LAST_WORDS);
settled(_, State) -> State.

%% Behind what was stopped: it may have some time left, and may not survive it.
next_request(#state{ruby = Ruby} = State) ->
    evaluate(fun() -> rubeam:eval(Ruby, <<"nil">>, #{value => false}) end, State).

%% The port's last frame says why.
ended(#state{ended = {exit, Status}} = State, _) when is_integer(Status) ->
    leave(say([error_text({ruby_exit, Status}), $\n], fresh(State)));
ended(#state{ended = {exit, Reason}} = State, _) ->
    opened(say([error_text({ruby_exit, Reason}), $\n], fresh(State)));
ended(#state{ended = closed} = State, _) ->
    opened(say([error_text({ruby_exit, closed}), $\n], fresh(State)));
ended(State, Until) ->
    case event(State, max(0, Until - erlang:monotonic_time(millisecond))) of
        {timeout, After} -> ended(After#state{ended = closed}, Until);
        {_Other, After} -> ended(After, Until)
    end.

open(Options) ->
    case rubeam:open(Options) of
        {ok, Port} ->
            _ = rubeam_transport:read(Port, 0), % from now on it hears what was printed
            {ok, Port};
        {error, Reason} ->
            {error, Reason}
    end.

opened(#state{options = Options} = State) ->
    case open(Options) of
        {ok, Ruby} ->
            Fresh = State#state{ruby = Ruby, port = Ruby, ended = none},
            say("This is a fresh interpreter: variables, methods and all else are gone.\n", Fresh);
        {error, Reason} ->
            leave(say([error_text(Reason), $\n], State))
    end.

%% --- Being kept ---

%% Waits for the next rubeam:shell/0 at this terminal.
keep(#state{terminal = Terminal} = State) ->
    try register(?MODULE, self()) of
        true ->
            ok = rubeam_terminal:restore(Terminal),
            Said = say("The session is kept: rubeam:shell() goes on with it.\n", State),
            go_on(Said)
    catch
        error:badarg -> throw(gone) % one is kept already
    end.

go_on(State) ->
    case event(State, infinity) of
        {{go_on, Caller}, After} ->
            unregister(?MODULE),
            After#state{front = front(Caller), terminal = rubeam_terminal:new(group_leader())};
        {_Other, After} ->
            go_on(After)
    end.

%% --- What happens ---

%% The next thing that happens, of those that somebody may wait for.
event(#state{port = Port, leader = Leader, front = Front} = State, Timeout) ->
    receive
        {io_reply, Tag, Reply} ->
            case rubeam_terminal:reply(Tag, Reply, State#state.terminal) of
                {line, Line, Terminal} -> {{line, Line}, State#state{terminal = Terminal}};
                {none, Terminal} -> {printed, tell(State#state{terminal = Terminal})}
            end;
        {Port, {data, Frame}} when Port =/= none ->
            Counted = rubeam_transport:counted(Frame),
            event(tell(frame(rubeam_transport:decode(Frame), Counted, State)), Timeout);
        {'EXIT', Port, _Reason} when Port =/= none ->
            {ended, State#state{ended = case State#state.ended of
                                            none -> closed;
                                            Known -> Known
                                        end}};
        {'EXIT', Other, Reason} when is_port(Other); Reason =:= normal -> % of an interpreter before
            event(State, Timeout);
        {'EXIT', _Group, interrupt} ->
            {interrupt, State};
        {'EXIT', _Pid, _Reason} ->
            throw(gone);
        {'DOWN', Leader, process, _Pid, _Reason} ->
            throw(gone);
        {'DOWN', Monitor, process, Pid, Reason} when {Pid, Monitor} =:= Front ->
            front_down(Reason, State);
        {'DOWN', Monitor, process, _Pid, Reason} ->
            {{'DOWN', Monitor, Reason}, State};
        {go_on, Caller} ->
            {{go_on, Caller}, State};
        _Other ->
            event(State, Timeout)
    after Timeout ->
        {timeout, State}
    end.

%% The Erlang shell kills what it interrupts.
front_down(killed, State) -> {lost, State#state{front = lost}};
front_down(_Reason, #state{terminal = Terminal}) ->
    ok = rubeam_terminal:restore(Terminal),
    throw(gone).

frame({output, _Stream, Bytes}, Counted, #state{late = none, terminal = Terminal} = State) ->
    State#state{terminal = rubeam_terminal:put(Bytes, Counted, Terminal)};
frame({output, _Stream, Bytes}, Counted, State) ->
    late(Bytes, take(Counted, State));
frame({response, Value}, Counted, State) ->
    say(io_lib:format("(response) ~tp~n", [Value]), fresh(take(Counted, State)));
frame({call, _CallId, _Name, _Args} = Call, _Counted, #state{port = Port} = State) ->
    %% Of a message's block, for which nobody waits
    _ = spawn(fun() -> rubeam_transport:serve(Port, Call, #{}) end),
    State;
frame({exit, Reason}, _Counted, State) ->
    State#state{ended = {exit, Reason}};
frame(_Other, _Counted, State) ->
    State.

late(Bytes, #state{late = Late} = State) when is_list(Late) ->
    case iolist_size(Late) + byte_size(Bytes) of
        Size when Size > ?LATE -> State#state{late = dropped};
        _ -> State#state{late = Late ++ [Bytes]}
    end;
late(_Bytes, State) ->
    State.

take(Counted, #state{terminal = Terminal} = State) ->
    State#state{terminal = rubeam_terminal:take(Counted, Terminal)}.

%% The driver has a script wait that is 1 MB ahead of the terminal. Of another owner's port it is that
%% owner who reads.
tell(#state{options = given} = State) ->
    State;
tell(#state{port = Port, terminal = Terminal} = State) ->
    case rubeam_terminal:taken(Terminal) of
        {0, _} -> State;
        {Counted, Told} -> _ = rubeam_transport:read(Port, Counted), State#state{terminal = Told}
    end.

%% --- Saying ---

say(Text, #state{terminal = Terminal} = State) ->
    State#state{terminal = rubeam_terminal:say(Text, Terminal)}.

fresh(#state{terminal = Terminal} = State) ->
    State#state{terminal = rubeam_terminal:fresh_line(Terminal)}.

error_text(#{message := Message, backtrace := Backtrace} = Error) ->
    {Shown, More} = case length(Backtrace) > ?FRAMES of
                        true -> {lists:sublist(Backtrace, ?FRAMES), length(Backtrace) - ?FRAMES};
                        false -> {Backtrace, 0}
                    end,
    [rubeam:format_error(Error#{message := cut(Message), backtrace := Shown})
     | [io_lib:format("~n    ... and ~b more", [More]) || More > 0]];
error_text(Reason) ->
    rubeam:format_error(Reason).

cut(Message) when byte_size(Message) > ?MESSAGE ->
    Begin = case unicode:characters_to_binary(binary:part(Message, 0, ?MESSAGE)) of
                {incomplete, Good, _} -> Good;
                {error, _, _} -> binary:part(Message, 0, ?MESSAGE);
                Whole -> Whole
            end,
    iolist_to_binary([Begin, io_lib:format("... (cut: it has ~b bytes)", [byte_size(Message)])]);
cut(Message) ->
    Message.

-spec leave(#state{}) -> no_return().
leave(#state{terminal = Terminal, ruby = Ruby, options = Options} = State) ->
    _ = printed(State),
    ok = rubeam_terminal:restore(Terminal),
    case Options of
        given -> ok;
        _ -> ok = rubeam:close(Ruby)
    end,
    exit(normal).
