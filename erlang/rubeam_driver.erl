%% @doc The driver's side of interpreters: the only module that knows its ports and its command numbers.
%%
%% Pure functions without a process of their own: each runs in its caller, which talks to the
%% port directly. Called by `rubeam_transport', which knows what requests are, and by the processes of the
%% application that the driver needs.
%%
%% Whatever takes a port answers `{error, closed}' when there is no interpreter behind it, be
%% it closed or a port of something else: one case for callers, and no check before the call
%% that another process could make stale.
%% @private
-module(rubeam_driver).

-include("rubeam.hrl").

-export([open/1, open_manager/1, close/1, close_all/0]).
-export([ask/2, claim/3, start/3, drop/2, touch/1]).
-export([become_courier/1, posted/2, read/2, node_info/0]).
-export([become_observer/0, observed/1, freeze/2]).

%% Terms in, terms out, by erlang:port_call/3; docs/protocol.md tells more.
-define(REQUEST, 16#52420001). % a request; its result, or a token when it takes longer
-define(CLAIM, 16#52420002).   % {Token, Ref}: the token's result as the message {Ref, Result}
-define(ASYNC, 16#52420003).   % a request whose result always comes as the message {Id, Result}
-define(ABANDON, 16#52420004). % stop the caller's own request of that Id, never answer it
-define(TOUCH, 16#52420005).   % by port_control/3: let the port do what only its thread may
-define(COURIER, 16#52420006). % the same, of the manager: the caller sends messages on
-define(POSTED, 16#52420007).  % the same: so many bytes of messages were sent on
-define(READ, 16#52420008).    % the same: so many bytes of what Ruby printed were read
-define(NODE, 16#52420009).    % the same, of the manager: the node's figures
-define(OBSERVER, 16#5242000A). % the same: the caller gets events
-define(OBSERVED, 16#5242000B). % the same: so many bytes of them were taken
-define(TEMPLATE, 16#5242000C). % the same: freeze the interpreter

%% What the manager is registered as.
-define(MANAGER, rubeam_manager).

%% So often a manager's port is opened while another one is in the way, a millisecond apart.
-define(TAKE_OVER, 5000).

%% @doc Opens an interpreter that the calling process owns. The command is what `rubeam_options'
%% made of checked options.
-spec open(Command :: string()) -> {ok, port()} | {error, Reason} when
      Reason :: not_started | driver_mismatch | {template, closed} | atom().
open(Command) ->
    spawn_driver(Command).

%% @doc Opens the port by which the driver asks its loader for touches.
%%
%% Its owner gets `{Manager, {touch, Port}}' and answers with {@link touch/1}. Where this is the
%% driver's first port, FaultHandler decides for the node (docs/security.md). There is one manager
%% at a time: one that is there already is closed.
-spec open_manager(FaultHandler :: boolean()) ->
          {ok, port()} | {error, not_started | driver_mismatch | atom()}.
open_manager(true) ->
    replace_manager("manager", ?TAKE_OVER);
open_manager(false) ->
    replace_manager("manager fault_handler=off", ?TAKE_OVER).

%% A loader that was killed leaves its port, which hears of that by a signal: the supervisor may
%% be faster. And a port that is closing is not found any more, but may not have let go yet.
replace_manager(Arguments, Left) ->
    case spawn_driver(Arguments) of
        {ok, Manager} ->
            true = register(?MANAGER, Manager),
            {ok, Manager};
        {error, ebusy} when Left > 0 ->
            lists:foreach(fun close_port/1, lists:filter(fun is_manager/1, erlang:ports())),
            receive after 1 -> replace_manager(Arguments, Left - 1) end;
        Result ->
            Result
    end.

is_manager(Port) ->
    case erlang:port_info(Port, name) of
        {name, ?DRIVER " manager" ++ _} -> true;
        _ -> false
    end.

spawn_driver(Arguments) ->
    case open_driver(Arguments) of
        %% It may have been loaded only since: one more attempt tells.
        {error, driver_mismatch} -> open_driver(Arguments);
        Result -> Result
    end.

open_driver(Arguments) ->
    try erlang:open_port({spawn_driver, ?DRIVER " " ++ Arguments}, [binary]) of
        Port -> {ok, Port}
    catch
        %% The arguments were checked: either there is no driver, or it is another version.
        error:badarg ->
            case is_loaded() of
                true -> {error, driver_mismatch};
                false -> {error, not_started}
            end;
        error:enoent ->
            {error, {template, closed}};
        %% system_limit (the port table is full) or what the system said, as enomem.
        error:Reason when is_atom(Reason) ->
            {error, Reason}
    end.

%% One that nobody has loaded any more is there until the last of its ports is gone.
is_loaded() ->
    try erl_ddll:info(?DRIVER, processes) of
        Processes -> Processes =/= []
    catch
        error:badarg -> false
    end.

%% @doc Closes the port, whoever owns it; what still ran there is answered with
%% `{error, closed}'. A port of something else is left alone.
%%
%% An owner finds no ``{'EXIT', Port, _}'' in its mailbox afterwards.
-spec close(port()) -> ok.
close(Port) ->
    case is_ours(Port) andalso erlang:port_info(Port, connected) of
        {connected, Owner} when Owner =:= self() ->
            unlink(Port),
            close_port(Port),
            receive {'EXIT', Port, _Reason} -> ok after 0 -> ok end;
        {connected, _Other} ->
            close_port(Port);
        _NotOursOrClosed ->
            ok
    end.

close_port(Port) ->
    %% It may have closed by itself in the meantime.
    try erlang:port_close(Port) of
        true -> ok
    catch
        error:badarg -> ok
    end.

%% @doc Closes every port of the driver on this node.
-spec close_all() -> ok.
close_all() ->
    lists:foreach(fun close/1, erlang:ports()).

is_ours(Port) ->
    case erlang:port_info(Port, name) of
        {name, ?DRIVER} -> true;
        {name, ?DRIVER " " ++ _} -> true;
        _ -> false
    end.

%% @doc Makes a request, and gives what the driver answers at once: the result, a function that is to be run
%% first, or a token (an integer) to claim the result with.
%%
%% The common case is this one port_call: what is done within the inline slice comes back with no message, no
%% monitor and no timer. `gone': there is no interpreter, and nothing of the request was done.
-spec ask(port(), rubeam_transport:request() | tuple() | interrupt) -> Answer :: term() | gone.
ask(Port, Request) ->
    try
        erlang:port_call(Port, ?REQUEST, Request)
    catch
        error:badarg -> gone
    end.

%% @doc What {@link ask/2} gives, of a token: if it is not there yet (`wait'), it comes as the message
%% `{Ref, Encoded}'.
-spec claim(port(), Token :: integer(), Ref :: reference()) -> Answer :: term() | wait | gone.
claim(Port, Token, Ref) ->
    try
        erlang:port_call(Port, ?CLAIM, {Token, Ref})
    catch
        error:badarg -> gone
    end.

%% @doc Makes a request whose result, and whose calls of functions, come as messages `{Id, Encoded}'. After an
%% error none comes.
-spec start(port(), Id :: reference(), rubeam_transport:request()) -> ok | {error, rubeam:reason()}.
start(Port, Id, Request) ->
    try erlang:port_call(Port, ?ASYNC, setelement(2, Request, Id)) of
        ok -> ok;
        {error, _} = Error -> Error % too long a request for the driver to look for its Id
    catch
        error:badarg -> {error, closed}
    end.

%% @doc Gives up a request of {@link start/3}. Its answer may be in the mailbox already.
-spec drop(port(), Id :: reference()) -> ok | {error, closed}.
drop(Port, Id) ->
    try erlang:port_call(Port, ?ABANDON, Id) of
        ok -> ok
    catch
        error:badarg -> {error, closed}
    end.

%% @doc Lets the port do what a worker thread asked for, on the port's own thread.
-spec touch(port()) -> ok.
touch(Port) ->
    try erlang:port_control(Port, ?TOUCH, []) of
        _ -> ok
    catch
        error:badarg -> ok % closed by now: there is nothing left to do
    end.

%% @doc From now on the calling process gets `{rubeam_send, Port, Frame}' for each message that Ruby
%% sends in any port, and `{rubeam_look, Port, Messages}' when a port wants to know whether its owner
%% reads; Manager is that of {@link open_manager/1}.
-spec become_courier(Manager :: port()) -> ok.
become_courier(Manager) ->
    _ = erlang:port_control(Manager, ?COURIER, []),
    ok.

%% @doc Tells the port that so many bytes of such messages are done with.
-spec posted(port(), Bytes :: pos_integer()) -> ok | closed.
posted(Port, Bytes) ->
    tell(Port, ?POSTED, Bytes).

%% @doc Tells the port that so many bytes of what Ruby printed, each frame as {@link counted/1} says, were read:
%% a script that is 1 MB ahead of that waits.
%%
%% An owner that has told this once has to tell it always. Of others the courier sees whether they read
%% (`all').
-spec read(port(), Bytes :: non_neg_integer() | all) -> ok | closed.
read(Port, all) -> tell(Port, ?READ, 16#ffffffff);
read(Port, Bytes) -> tell(Port, ?READ, Bytes).

%% @doc Keeps a copy of the interpreter's memory, as long as its port is open. With 0 it is only kept, to be compared;
%% with the number of such a one the two are compared, and what is kept is for `template=Number' of {@link open/1}.
%% The error says why there is none, in words; `closed': there is no interpreter.
-spec freeze(port(), Other :: non_neg_integer()) -> {ok, Number :: pos_integer()} | {error, closed | binary()}.
freeze(Port, Other) ->
    try erlang:port_control(Port, ?TEMPLATE, <<Other:32>>) of
        <<1, Number:32>> -> {ok, Number};
        <<0, Why/binary>> -> {error, Why}
    catch
        error:badarg -> {error, closed}
    end.

%% @doc The figures of the node.
-spec node_info() -> map() | {error, not_started}.
node_info() ->
    try binary_to_term(erlang:port_control(?MANAGER, ?NODE, []))
    catch error:badarg -> {error, not_started}
    end.

%% @doc From now on the calling process gets `{rubeam_event, Port, Frame, Lost}' for what becomes of each
%% request, and of the interpreter, in ports that were opened with `events'. The frame's term is told in
%% driver/interp_event.h; so many were lost before it.
-spec become_observer() -> ok | {error, not_started}.
become_observer() ->
    try erlang:port_control(?MANAGER, ?OBSERVER, []) of
        _ -> ok
    catch
        error:badarg -> {error, not_started}
    end.

%% @doc Tells the driver that so many bytes of such frames were taken.
-spec observed(Bytes :: pos_integer()) -> ok | closed.
observed(Bytes) ->
    tell(?MANAGER, ?OBSERVED, Bytes).

tell(Port, Command, Bytes) ->
    try erlang:port_control(Port, Command, <<Bytes:32>>) of
        _ -> ok
    catch
        error:badarg -> closed
    end.

