%% @doc The only module that knows ports and the driver's command numbers.
%%
%% Pure functions without a process of their own: each runs in its caller, which talks to the
%% port directly. Called by `rubeam', `rubeam_server' and `rubeam_loader', whose arguments are
%% checked already.
%%
%% Whatever takes a port answers `{error, closed}' when there is no interpreter behind it, be
%% it closed or a port of something else: one case for callers, and no check before the call
%% that another process could make stale.
%% @private
-module(rubeam_port).

-include("rubeam.hrl").

-export([open/1, open_manager/1, name/2, close/1, discard/1, close_all/0]).
-export([request/2, request/3, request_if_open/3, async/2, async/3, wait/4, check/4, abandon/2, drop/2, touch/1]).
-export([result/1, serve/3, return/3]).
-export([become_courier/1, posted/2, read/2, counted/1, node_info/0]).
-export([become_observer/0, observed/1]).
-export([decode/1]).

-export_type([request/0, result/0, call/0, frame/0]).

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

%% What the manager is registered as.
-define(MANAGER, rubeam_manager).

%% What the driver counts for a message beside its bytes: FLOW_MESSAGE in driver/flow.h.
-define(MESSAGE, 64).

%% How long to wait for the answer of a port that has closed: see last_words/1.
-define(LAST_WORDS, 5000).

%% So often a manager's port is opened while another one is in the way, a millisecond apart.
-define(TAKE_OVER, 5000).

-type request() ::
        {eval, Id :: term(), Code :: binary()}
      | {eval, Id :: term(), Code :: binary(), Opts :: map()}
      | {call, Id :: term(), rubeam:target(), Args :: [term()]}
      | {call, Id :: term(), rubeam:target(), Args :: [term()], Opts :: map()}
      | {compile, Id :: term(), Code :: binary(), Opts :: map()}
      | {load, Id :: term(), Bytecode :: binary(), Opts :: map()}
      | {owner, Id :: term(), pid()}.
%% A request that has a result.

-type call() :: {call, CallId :: term(), Name :: binary(), Args :: [term()]}.
%% Ruby calls an Erlang function, and waits for what it returns.

-type result() :: {ok, Value :: term()} | {error, rubeam:reason()}.

-type frame() ::
        {output, stdout | stderr, binary()}
      | {response, Value :: term()}
      | {reply, Id :: term(), result()}
      | call()
      | {send, To :: term(), Term :: term()}
      | {exit, Reason :: term()}.
%% What an owner gets, decoded.

%% @doc Opens an interpreter that the calling process owns. The command is what `rubeam_options'
%% made of checked options.
-spec open(Command :: string()) -> {ok, port()} | {error, Reason} when
      Reason :: not_started | driver_mismatch | atom().
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

%% @doc Registers the port under the name.
-spec name(port(), Name :: atom()) -> ok | {error, {already_registered, Name :: atom()} | closed}.
name(Port, Name) ->
    try register(Name, Port) of
        true -> ok
    catch
        error:badarg ->
            case whereis(Name) of
                undefined -> {error, closed};
                _ -> {error, {already_registered, Name}}
            end
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

%% @doc Closes a port of the calling process that nobody else knows. Nothing of it remains in the
%% mailbox.
-spec discard(port()) -> ok.
discard(Port) ->
    unlink(Port),
    close_port(Port),
    flush(Port).

flush(Port) ->
    receive
        {Port, {data, _}} -> flush(Port);
        {'EXIT', Port, _} -> flush(Port)
    after 0 -> ok
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

%% @doc Makes a request and waits for its result.
%%
%% The common case is one port_call: what is done within the inline slice comes back at once,
%% with no message, no monitor and no timer.
-spec request(port(), request()) -> result();
             (port(), {eval, Code :: binary()}) -> ok | {error, rubeam:reason()};
             (port(), {message, term()}) -> ok | {error, rubeam:reason()};
             (port(), interrupt) -> ok | {error, closed};
             (port(), {info, Id :: term()}) -> {ok, map()} | {error, closed}.
request(Port, Request) ->
    go_on(Port, ask(Port, Request), #{}).

%% @doc As {@link request/2}, with functions that Ruby may call during this request.
-spec request(port(), request(), rubeam_function:functions()) -> result().
request(Port, Request, Functions) ->
    go_on(Port, ask(Port, Request), Functions).

ask(Port, Request) ->
    try
        erlang:port_call(Port, ?REQUEST, Request)
    catch
        error:badarg -> {error, closed}
    end.

%% @doc As {@link request/3}; `gone' says that no interpreter is there, so that nothing of the request
%% was done: it can be made of another one.
-spec request_if_open(port(), request() | {eval, Code :: binary()}, rubeam_function:functions()) ->
          result() | ok | gone.
request_if_open(Port, Request, Functions) ->
    try erlang:port_call(Port, ?REQUEST, Request) of
        Answer -> go_on(Port, Answer, Functions)
    catch
        error:badarg -> gone
    end.

%% What the driver has answered: the result, or what is to be done first.
go_on(Port, {call, {Token, _Number} = CallId, Name, Args}, Functions) ->
    case give_back(Port, CallId, rubeam_function:run(Port, Name, Args, Functions)) of
        %% It was stopped meanwhile, and its result is kept.
        {error, gone} -> claim(Port, Token, Functions);
        Answer -> go_on(Port, Answer, Functions)
    end;
go_on(Port, Token, Functions) when is_integer(Token) ->
    claim(Port, Token, Functions);
go_on(_Port, Result, _Functions) ->
    Result.

give_back(Port, CallId, Result) ->
    case ask(Port, {return, CallId, Result}) of
        %% Ruby still waits: a function's result that can't be sent is its failure. In a few words,
        %% if these have no room either.
        {error, {bad_request, Why}} when Result =/= {error, badarg} ->
            case rubeam_function:too_large(Why) of
                Result -> give_back(Port, CallId, {error, badarg});
                Failure -> give_back(Port, CallId, Failure)
            end;
        Answer -> Answer
    end.

%% @doc Returns the result of a function that a frame `{call, CallId, Name, Args}' has asked for. `gone':
%% nobody waits for it any more.
-spec return(port(), CallId :: term(), rubeam_function:result() | {error, term()}) ->
          ok | {error, gone | closed | {bad_request, Why :: binary()}}.
return(Port, CallId, Result) ->
    ask(Port, {return, CallId, Result}).

%% @doc Runs the function of a call that has come as a message, unless nobody waits for it any
%% more. Requests that the function makes of the port run at once.
-spec serve(port(), call(), rubeam_function:functions()) -> ok.
serve(Port, {call, CallId, Name, Args}, Functions) ->
    case ask(Port, {take, CallId}) of
        ok ->
            _ = give_back(Port, CallId, rubeam_function:run(Port, Name, Args, Functions)),
            ok;
        {error, _Gone} ->
            ok
    end.

%% The monitor's reference, fresh in this function, also marks the place in the mailbox from
%% where to look for the answer: a caller with a full mailbox waits no longer for it.
claim(Port, Token, Functions) ->
    try erlang:monitor(port, Port) of
        Ref ->
            try erlang:port_call(Port, ?CLAIM, {Token, Ref}) of
                wait ->
                    await(Port, Ref, Functions);
                Answer ->
                    erlang:demonitor(Ref, [flush]),
                    go_on(Port, Answer, Functions)
            catch
                error:badarg ->
                    erlang:demonitor(Ref, [flush]),
                    {error, closed}
            end
    catch
        error:badarg -> {error, closed}
    end.

await(Port, Ref, Functions) ->
    receive
        {Ref, Message} ->
            case result(Message) of
                {call, _CallId, _Name, _Args} = Call ->
                    serve(Port, Call, Functions),
                    await(Port, Ref, Functions);
                Result ->
                    erlang:demonitor(Ref, [flush]),
                    Result
            end;
        {'DOWN', Ref, port, _Port, _Reason} ->
            last_words(Ref)
    end.

%% The driver answers every claimed token exactly once, with {error, closed} when the port
%% closes first. The answer of a job that is running at that moment comes from the thread of
%% its slice, so it may arrive after the 'DOWN', by a slice or by as long as mruby stays in one
%% C function. To leave now would leave that answer in the mailbox for ever. The limit is only
%% there so that an error of the driver cannot hang its callers.
last_words(Ref) ->
    receive
        {Ref, Message} ->
            case result(Message) of
                {call, _CallId, _Name, _Args} -> last_words(Ref); % nobody waits for it any more
                Result -> Result
            end
    after ?LAST_WORDS ->
        {error, closed}
    end.

%% @doc The result in a message of {@link async/3}, or the function that is to be run first.
%%
%% It comes encoded: erts must not decode it on a thread that is no scheduler's. There the
%% sorting of a large map's keys (erts_qsort, with a random number of the scheduler's) crashes
%% the VM.
-spec result(binary() | result()) -> result() | call().
result(Encoded) when is_binary(Encoded) -> binary_to_term(Encoded);
result(Result) -> Result.

%% @doc Makes a request without waiting.
%%
%% Its result comes as the message `{Ref, Result}', which {@link wait/3} or {@link check/3}
%% must take, unless {@link abandon/2} gives it up.
-spec async(port(), request()) -> Ref :: reference().
async(Port, Request) ->
    try erlang:monitor(port, Port) of
        Ref ->
            case async(Port, Ref, Request) of
                ok ->
                    Ref;
                {error, _} = Error ->
                    erlang:demonitor(Ref, [flush]),
                    self() ! {Ref, Error},
                    Ref
            end
    catch
        error:badarg -> % a port of another node
            Ref = make_ref(),
            self() ! {Ref, {error, closed}},
            Ref
    end.

%% @doc As {@link async/2}, with an id of the caller's own and without a monitor: for the
%% server, which is linked to the port and so learns of its end. After an error no message comes.
-spec async(port(), Id :: reference(), request()) -> ok | {error, rubeam:reason()}.
async(Port, Id, Request) ->
    try erlang:port_call(Port, ?ASYNC, setelement(2, Request, Id)) of
        ok -> ok;
        {error, _} = Error -> Error % too long a request for the driver to look for its Id
    catch
        error:badarg -> {error, closed}
    end.

%% @doc Waits for the result of {@link async/2}; after a timeout the request goes on. Functions that it
%% calls meanwhile are run here, and may take longer.
-spec wait(port(), Ref :: reference(), timeout(), rubeam_function:functions()) ->
          {reply, result()} | timeout.
wait(Port, Ref, infinity, Functions) ->
    {reply, await(Port, Ref, Functions)};
wait(Port, Ref, Timeout, Functions) ->
    wait_until(Port, Ref, erlang:monotonic_time(millisecond) + Timeout, Timeout, Functions).

wait_until(Port, Ref, Until, Left, Functions) ->
    receive
        {Ref, _} = Message -> waited(Port, Ref, Until, Message, Functions);
        {'DOWN', Ref, port, _, _} = Message -> waited(Port, Ref, Until, Message, Functions)
    after Left ->
        timeout
    end.

waited(Port, Ref, Until, Message, Functions) ->
    case check(Port, Ref, Message, Functions) of
        {reply, Result} ->
            {reply, Result};
        no_reply ->
            %% Not even one look more: a script that calls in a loop is always faster.
            case Until - erlang:monotonic_time(millisecond) of
                Left when Left > 0 -> wait_until(Port, Ref, Until, Left, Functions);
                _ -> timeout
            end
    end.

%% @doc Whether Message is the result of {@link async/2}. One that asks for a function is not; the
%% function has then been run.
-spec check(port(), Ref :: reference(), Message :: term(), rubeam_function:functions()) ->
          {reply, result()} | no_reply.
check(Port, Ref, {Ref, Message}, Functions) ->
    case result(Message) of
        {call, _CallId, _Name, _Args} = Call ->
            serve(Port, Call, Functions),
            no_reply;
        Result ->
            erlang:demonitor(Ref, [flush]),
            {reply, Result}
    end;
check(_Port, Ref, {'DOWN', Ref, port, _, _Reason}, _Functions) ->
    {reply, last_words(Ref)};
check(_Port, _Ref, _Message, _Functions) ->
    no_reply.

%% @doc Gives up a request of {@link async/2} that was not answered yet: it is stopped, or
%% taken from the queue, and nothing of it remains in the mailbox.
-spec abandon(port(), Ref :: reference()) -> ok.
abandon(Port, Ref) ->
    case drop(Port, Ref) of
        ok ->
            forget(Ref);
        {error, closed} ->
            %% Nothing was abandoned: the driver answers, or has answered.
            _ = last_words(Ref),
            ok
    end,
    erlang:demonitor(Ref, [flush]),
    ok.

%% A function that it asked for, its result: both may be there.
forget(Ref) ->
    receive {Ref, _} -> forget(Ref) after 0 -> ok end.

%% @doc Gives up a request of {@link async/3}. Its answer may be in the mailbox already.
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

%% @doc What the driver counts for a frame.
-spec counted(Frame :: binary()) -> pos_integer().
counted(Frame) ->
    byte_size(Frame) + ?MESSAGE.

tell(Port, Command, Bytes) ->
    try erlang:port_control(Port, Command, <<Bytes:32>>) of
        _ -> ok
    catch
        error:badarg -> closed
    end.

%% @doc The term in a frame from Ruby. Raises `badarg' when Frame is none.
%%
%% Plain binary_to_term: a frame comes from the driver, which bounds the atoms in it.
-spec decode(Frame :: binary()) -> frame().
decode(Frame) ->
    case binary_to_term(Frame) of
        {output, Stream, Bytes} = Output when is_atom(Stream), is_binary(Bytes) -> Output;
        {response, _Value} = Response -> Response;
        {reply, _Id, _Result} = Reply -> Reply;
        {call, _CallId, Name, Args} = Call when is_binary(Name), is_list(Args) -> Call;
        {send, _To, _Term} = Send -> Send;
        {exit, _Reason} = Exit -> Exit;
        _ -> error(badarg)
    end.
