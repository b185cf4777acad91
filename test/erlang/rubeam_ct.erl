%% What the suites share: starting, waiting for conditions, owners and callers as processes of
%% their own, raw ports, other nodes, and the check that a suite has left nothing behind.
-module(rubeam_ct).

-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

%% A suite's beginning and end
-export([start/1, stop/1, nothing_is_left/1, once/1]).
%% Waiting
-export([until/1, receives/1, mailbox/0]).
%% The application
-export([quietly/1, courier/0]).
%% Interpreters
-export([open/0, open/1, raw/1, raw/2, all_ports/0, answers/1, state/1, is_state/2]).
-export([frame/1, send_frame/2, receive_frame/1, response/1, output/1, output/2]).
-export([begins/1, fib/0]).
%% Programs
-export([program_file/0]).
%% Processes
-export([owner/1, owner_end/1, caller/1, result/1, leftover/1, gone/1]).
%% Nodes
-export([peer/1, peer/2, peer_stop/1, in_peer/2, points_peer/1, points_peer_stop/1]).

-define(PATIENCE, 15000).

%% --- A suite's beginning and end ---

start(Config) ->
    {ok, _} = application:ensure_all_started(rubeam),
    %% Code that is loaded, caches that fill: once before the first look.
    {ok, Port} = rubeam:open(),
    {ok, 2} = rubeam:eval(Port, <<"1 + 1">>),
    ok = rubeam:close(Port),
    ok = application:stop(rubeam),
    Before = snapshot(),
    ok = application:start(rubeam),
    [{before, Before} | Config].

stop(_Config) ->
    application:stop(rubeam).

%% For suites about programs of their own, which have no pool in the VM: they need not run with both forms of it.
once(Init) ->
    case os:getenv("RUBEAM_POOL") of
        "async" -> {skip, "programs of their own have no pool in the VM: once is enough"};
        _ -> Init()
    end.

%% To be the last case of each suite. The application is stopped for the look at the processes,
%% since the suite may have restarted it.
nothing_is_left(Config) ->
    Before = ?config(before, Config),
    until_none(fun() -> [erlang:port_info(P) || P <- all_ports()] end),
    until_none(fun() -> ets:tab2list(rubeam_registry) end),
    ok = application:stop(rubeam),
    until_none(fun() -> [process_info(P) || P <- processes() -- maps:get(processes, Before),
                                            not is_of_common_test(P)] end),
    %% Roughly: a leak of interpreters (half a megabyte each) or of messages, not of a few words.
    #{memory := Memory, erlang := Erlang} = snapshot(),
    Grown = Memory - maps:get(memory, Before),
    ct:pal("grown by ~b KB, of which Erlang's ~b KB",
           [Grown div 1024, (Erlang - maps:get(erlang, Before)) div 1024]),
    ?assert(Grown < allowance(), {grown_by, Grown}),
    ok = application:start(rubeam),
    ?assertEqual({ok, 42}, answers(open())).

%% Sanitizers keep what was freed for a while.
allowance() ->
    case os:getenv("LD_PRELOAD") of
        false -> 64 bsl 20;
        _ -> 384 bsl 20
    end.

snapshot() ->
    lists:foreach(fun erlang:garbage_collect/1, processes()),
    #{processes => processes(), memory => resident_bytes(), erlang => erlang:memory(total)}.

%% What Common Test itself starts for a case, and what OTP starts when it is first asked for
%% something.
is_of_common_test(Pid) ->
    case Pid =:= self() orelse process_info(Pid, [initial_call, current_function, dictionary]) of
        true -> true;
        undefined -> true;
        [{_, {Module, _, _}}, {_, {Current, _, _}}, {_, Dictionary}] ->
            Initial = case lists:keyfind('$initial_call', 1, Dictionary) of
                          {_, {M, _, _}} -> M;
                          false -> Module
                      end,
            lists:any(fun(M) -> lists:any(fun(Word) -> lists:prefix(Word, atom_to_list(M)) end,
                                          ["test_server", "ct_", "cth_", "group", "file_io_server",
                                           "logger", "erl_signal", "prim_file", "inet_gethost",
                                           "supervisor_bridge"])
                      end, [Initial, Current])
    end.

%% What the system gave to the whole VM, the interpreters' memory included.
resident_bytes() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

%% --- The application ---

%% Crash reports that a case wants to happen are not shown.
quietly(Fun) ->
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    try Fun()
    after logger:set_primary_config(level, Level)
    end.

%% The process that passes messages on, once it is there
courier() ->
    until(fun() ->
                  case [Pid || Pid <- links(whereis(rubeam_loader)),
                               proc_lib:translate_initial_call(Pid) =:= {rubeam_courier, init, 1}] of
                      [Courier] -> {ok, Courier};
                      Other -> Other
                  end
          end).

links(undefined) ->
    [];
links(Pid) ->
    case process_info(Pid, links) of
        {links, Links} -> [Link || Link <- Links, is_pid(Link)];
        undefined -> []
    end.

%% --- Waiting ---

%% Until the condition holds: true, or {ok, Value}, which is returned.
until(Condition) ->
    until(Condition, erlang:monotonic_time(millisecond) + ?PATIENCE).

%% Until the list is empty. In vain, it is what the test's report shows.
until_none(List) ->
    until(fun() -> case List() of
                       [] -> true;
                       Left -> Left
                   end end).

until(Condition, End) ->
    case Condition() of
        true -> ok;
        {ok, Value} -> Value;
        Other ->
            case erlang:monotonic_time(millisecond) < End of
                true -> receive after 2 -> until(Condition, End) end;
                false -> ct:fail({waited_in_vain, Condition, Other})
            end
    end.

%% The next message, which must match: Take returns {ok, Value} or fails to match.
receives(Take) ->
    receive Message ->
        try Take(Message)
        catch error:function_clause -> ct:fail({unexpected_message, Message})
        end
    after ?PATIENCE -> ct:fail({no_message, Take})
    end.

%% Takes all that is in the caller's mailbox. (process_info/2 would not do: it overlooks messages
%% that the process has not yet fetched by a receive.)
mailbox() ->
    receive Message -> [Message | mailbox()]
    after 0 -> []
    end.

%% --- Interpreters ---

open() -> open(#{}).

open(Options) ->
    {ok, Port} = rubeam:open(Options),
    Port.

%% A port as open_port/2 makes it, without the application's functions, with the pool that the
%% environment asks for.
raw(Arguments) -> raw(Arguments, [binary]).

raw(Arguments, PortOptions) ->
    case os:getenv("RUBEAM_TRANSPORT", "") of
        Transport when Transport =:= ""; Transport =:= "driver" ->
            Pool = case os:getenv("RUBEAM_POOL", "") of
                       "" -> "";
                       Name -> " pool=" ++ Name
                   end,
            open_port({spawn_driver, "rubeam_drv " ++ Arguments ++ Pool}, PortOptions);
        Transport ->
            raw_program(list_to_atom(Transport), string:lexemes(Arguments, " "), PortOptions)
    end.

%% The same in a program of its own, as one would start it without the application.
raw_program(Transport, Words, PortOptions) ->
    {ok, Program} = rubeam_program:find("rubeam_port"),
    Lines = lists:member("packet=line", Words),
    {Framing, Given} = case Lines orelse lists:member("packet=4", Words) of
                           true -> {[], Words};
                           false -> {[{packet, 4}], Words}
                       end,
    Stdio = ["stdio" || Lines],
    Args = case Transport of
               port -> Stdio ++ Given;
               cruby ->
                   {ok, Script} = rubeam_program:find("rubeam.rb"),
                   ["run" | Stdio] ++ ["--", os:find_executable("ruby"), Script] ++ Stdio ++ Given
           end,
    open_port({spawn_executable, Program},
              Framing ++ [nouse_stdio || not Lines] ++ [{args, Args} | PortOptions]).

%% Of the driver, and of programs of their own
all_ports() ->
    [P || P <- erlang:ports(), {name, Name} <- [erlang:port_info(P, name)], is_ours(Name)].

is_ours("rubeam_drv manager" ++ _) -> false;
is_ours("rubeam_drv" ++ _) -> true;
is_ours(Name) -> filename:basename(Name) =:= "rubeam_port".

%% An interpreter that works, whatever went before.
answers(Ruby) ->
    rubeam:eval(Ruby, <<"6 * 7">>).

state(Ruby) ->
    maps:get(state, rubeam:info(Ruby)).

is_state(Ruby, State) ->
    case rubeam:info(Ruby) of
        #{state := State} -> true;
        Other -> Other
    end.

frame(Term) -> term_to_binary(Term).

send_frame(Port, Term) ->
    true = port_command(Port, frame(Term)).

%% The next frame from Port, whatever else is in the mailbox.
receive_frame(Port) ->
    receive {Port, {data, Frame}} -> binary_to_term(Frame)
    after ?PATIENCE -> ct:fail({no_frame, mailbox()})
    end.

%% The next one must be a response; its value.
response(Port) ->
    {response, Value} = receive_frame(Port),
    Value.

%% All that was printed until now: frames are there before the result of the request is.
output(Port) -> output(Port, stdout).

output(Port, Stream) ->
    receive
        {Port, {data, Frame}} ->
            {output, Stream, Bytes} = binary_to_term(Frame),
            iolist_to_binary([Bytes, output(Port, Stream)])
    after 0 -> <<>>
    end.

%% Code that tells its owner `begun' when it runs, and then goes on with Code.
begins(Code) ->
    iolist_to_binary(["send_response(:begun); ", Code]).

%% Work for a while: fib(20) takes about a millisecond.
fib() ->
    <<"def fib(n)\n  n < 2 ? n : fib(n - 1) + fib(n - 2)\nend\n">>.

%% --- Programs ---

%% rubeam_port, of the build whose driver is tested
program_file() ->
    Root = filename:join(filename:dirname(code:which(rubeam)), "../.."),
    Priv = case os:getenv("RUBEAM_PRIV", "") of
               "" -> "priv";
               Named -> Named
           end,
    filename:join(filename:absname(Priv, filename:absname(Root)), "rubeam_port").

%% --- Processes ---

%% A process that owns an interpreter. Frames that come from it are passed on to the caller.
owner(Options) ->
    Test = self(),
    Owner = spawn(fun() ->
                          {ok, Port} = rubeam:open(Options),
                          Test ! {self(), opened, Port},
                          pass_on(Port, Test)
                  end),
    receive {Owner, opened, Port} -> {Owner, Port}
    after ?PATIENCE -> ct:fail(no_owner)
    end.

pass_on(Port, Test) ->
    receive
        {Port, {data, _}} = Message -> Test ! Message, pass_on(Port, Test);
        stop -> ok
    end.

%% Ends an owner, and waits until it is gone.
owner_end(Owner) ->
    exit(Owner, kill),
    gone(Owner).

gone(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, process, Pid, _} -> ok
    after ?PATIENCE -> ct:fail({still_there, Pid})
    end.

%% A process that makes a request and keeps its result.
caller(Fun) ->
    Test = self(),
    spawn(fun() ->
                  Test ! {self(), result, Fun()},
                  receive {leftover, From} -> From ! {self(), leftover, mailbox()} end
          end).

result(Caller) ->
    receive {Caller, result, Result} -> Result
    after ?PATIENCE -> ct:fail({no_result, process_info(Caller)})
    end.

%% What is in the caller's mailbox after its request; ends the caller.
leftover(Caller) ->
    Caller ! {leftover, self()},
    receive {Caller, leftover, Messages} -> Messages
    after ?PATIENCE -> ct:fail({no_answer, Caller})
    end.

%% --- Nodes ---

peer(Name) -> peer(Name, []).

%% Another node with the same code and driver; the application is not started there.
peer(Name, Flags) ->
    is_alive() orelse ct:fail("the suite needs a node with a name: erl -sname"),
    {ok, Peer, Node} =
        peer:start(#{name => peer:random_name(Name), host => host(),
                     args => Flags ++ ["-setcookie", atom_to_list(erlang:get_cookie())]}),
    ok = erpc:call(Node, code, add_pathsa, [code:get_path()]),
    {Peer, Node}.

host() ->
    [_, Host] = string:split(atom_to_list(node()), "@"),
    Host.

%% Another node whose driver is the build with points (driver/test_points.h). Needs no node with a
%% name: peer:call/4 reaches it.
points_peer(Flags) ->
    Threads = integer_to_list(erlang:system_info(thread_pool_size)),
    Root = filename:join(filename:dirname(code:which(rubeam)), ".."),
    Driver = filename:absname(filename:join([Root, "points", "priv"])),
    {ok, Peer, _} = peer:start(#{connection => standard_io, env => [{"RUBEAM_PRIV", Driver}],
                                 args => ["+A", Threads | Flags]}),
    ok = peer:call(Peer, code, add_pathsa, [code:get_path()]),
    {Peer, peer:call(Peer, os, getpid, [])}.

points_peer_stop({Peer, OsPid}) ->
    _ = os:cmd("kill -KILL " ++ OsPid ++ " 2>/dev/null"),
    try peer:stop(Peer) catch exit:_ -> ok end.

peer_stop(Peer) ->
    peer:stop(Peer).

%% Runs the function on a node of its own, with the application: what takes much memory, which a VM keeps.
in_peer(Name, Fun) ->
    {Peer, Node} = peer(Name),
    try
        {ok, _} = erpc:call(Node, application, ensure_all_started, [rubeam]),
        erpc:call(Node, Fun, 120000)
    after
        peer_stop(Peer)
    end.
