%% @doc A process that owns an interpreter: it is supervised, has a name, and is reachable from
%% other nodes.
%%
%% ```
%% {ok, _} = rubeam_server:start_link(calculator, #{memory_limit => 8388608}),
%% {ok, 3} = rubeam:eval(calculator, <<"1 + 2">>).
%% '''
%%
%% <b>Calls.</b> Give the server to the functions of {@link rubeam}. A local process then talks
%% to the port directly: the server is neither asked nor waited for. From another node the
%% request goes through the server, which hands it to the port and does not wait for its end; if
%% the calling process or its node dies, the request is stopped.
%%
%% <b>Functions.</b> What Ruby calls with `Erlang.call' runs in the process that made the request. In a
%% {@link rubeam:cast/2}, after a {@link rubeam:send/2} and for a request from another node, there is none
%% on this node that waits: it runs in a process of its own, linked to the server.
%%
%% <b>The end.</b> When the interpreter ends, the server stops with the reason
%% `{ruby_exit, Reason}', so that its supervisor starts a fresh one. `Reason' is
%% <dl>
%%   <dt>`N'</dt><dd>an integer: `exit(N)' in Ruby</dd>
%%   <dt>`{error, Error}'</dt><dd>an uncaught exception in the code of a {@link rubeam:cast/2}</dd>
%%   <dt>`killed'</dt><dd>a script that went on after it had been stopped</dd>
%%   <dt>`memory_limit', `stack_overflow', `aborted'</dt><dd>a script that went beyond a limit where
%%       no exception can be raised, or made mruby give up</dd>
%%   <dt>`closed'</dt><dd>somebody closed the port, or the application was stopped</dd>
%% </dl>
%% {@link stop/1} ends the server with the reason `normal'.
%%
%% <b>Output.</b> The option `output' says where goes what Ruby prints, and what it gives to
%% `send_response':
%% <dl>
%%   <dt>`group_leader'</dt><dd>(the default) text is printed by the server's group leader; if that
%%       one is gone, text is dropped and the log says so. A response has no receiver, and is
%%       logged as a notice.</dd>
%%   <dt>`{send, Pid}'</dt><dd>Pid gets `{rubeam, Server, {stdout | stderr, Bytes}}' and
%%       `{rubeam, Server, {response, Value}}', where Server is the server's pid.</dd>
%%   <dt>`Fun'</dt><dd>of two arguments: `Fun(stdout | stderr, Bytes)' and
%%       `Fun(response, Value)' are called in the server. If it fails, the server fails.</dd>
%%   <dt>`discard'</dt><dd>it is all dropped.</dd>
%% </dl>
%% A script that prints faster than that takes it waits, when it is 1 MB ahead; the server does not wait.
%% (So a `Fun' must not ask its own interpreter for anything: that one may be waiting for it.)
-module(rubeam_server).

-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([start_link/1, start_link/2, start/1, start/2, child_spec/1, stop/1]).
-export([request/3, send_request/4, abandon/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([name/0, start_error/0]).

-type name() :: atom() | {local, atom()} | {global, term()} | {via, module(), term()}.
%% What a server is registered as. It is called by the same name; a local one without `local'.

-type start_error() :: rubeam:open_error() | {already_started, pid()}.

-record(remote, {from :: gen_server:from(),
                 caller :: reference(), % the monitor of who asks
                 functions :: rubeam_function:functions()}).

-record(state, {port :: rubeam_transport:ruby(),
                output :: rubeam_output:output(),
                %% The requests of other nodes, by the id that the port answers with.
                remote = #{} :: #{reference() => #remote{}},
                %% Processes that run functions, for which request: none for casts and messages.
                runners = #{} :: #{pid() => reference() | none}}).

%% @doc Starts a server, linked to the calling process, with its name in the option `name', if
%% it is to have one.
%%
%% Errors: those of {@link rubeam:open/1}, and `{already_started, Pid}' when the name is taken.
-spec start_link(Options) -> {ok, Server :: pid()} | {error, start_error()} when
      Options :: rubeam:server_options().
start_link(Options) when is_map(Options) ->
    launch(start_link, Options);
start_link(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc As {@link start_link/1}, with the server's name.
-spec start_link(Name, Options) -> {ok, Server :: pid()} | {error, start_error()} when
      Name :: name(),
      Options :: rubeam:server_options().
start_link(Name, Options) when is_map(Options) ->
    launch(start_link, Options#{name => Name});
start_link(Name, Options) ->
    ?BADARG([Name, Options], [{ok, Name}, {bad, "not a map"}]).

%% @doc As {@link start_link/1}, without the link.
-spec start(Options) -> {ok, Server :: pid()} | {error, start_error()} when
      Options :: rubeam:server_options().
start(Options) when is_map(Options) ->
    launch(start, Options);
start(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc As {@link start_link/2}, without the link.
-spec start(Name, Options) -> {ok, Server :: pid()} | {error, start_error()} when
      Name :: name(),
      Options :: rubeam:server_options().
start(Name, Options) when is_map(Options) ->
    launch(start, Options#{name => Name});
start(Name, Options) ->
    ?BADARG([Name, Options], [{ok, Name}, {bad, "not a map"}]).

%% @doc The server as a child of a supervisor. Its id is the option `name', else
%% `rubeam_server'; the options are checked when the supervisor starts it.
-spec child_spec(Options) -> ChildSpec when
      Options :: rubeam:server_options(),
      ChildSpec :: #{id := term(),
                     start := {rubeam_server, start_link, [Options]},
                     type := worker}.
child_spec(Options) when is_map(Options) ->
    #{id => maps:get(name, Options, ?MODULE),
      start => {?MODULE, start_link, [Options]},
      type => worker};
child_spec(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc Stops the server and closes its interpreter, for the reason `normal'. A server that is
%% gone already is fine.
-spec stop(Server) -> ok when
      Server :: pid() | atom() | {atom(), node()} | {global, term()} | {via, module(), term()}.
stop(Server) ->
    case rubeam_registry:where(Server) of
        {ok, Server} -> % an interpreter itself
            ?BADARG([Server], [{bad, "not a server: a pid or a registered name"}]);
        {ok, _} ->
            try gen_server:stop(Server)
            catch exit:_Gone -> ok
            end;
        _ ->
            ?BADARG([Server], [{bad, "not a server: a pid or a registered name"}])
    end.

%% @doc Makes a request of the server of another node and waits for the result.
%% @private
-spec request(Server :: pid() | {atom(), node()}, Request :: term(),
              rubeam_function:functions()) -> term().
request(Server, Request, Functions) ->
    %% Without a time limit: the driver keeps it, and the monitor of the call sees the server
    %% or its node go.
    try gen_server:call(Server, {request, make_ref(), Request, Functions}, infinity)
    catch exit:{_Reason, {gen_server, call, _}} -> {error, closed}
    end.

%% @doc As {@link request/3} without waiting. The result is that of gen_server's functions.
%% @private
-spec send_request(Server :: pid() | {atom(), node()}, Id :: reference(), rubeam_transport:request(),
                   rubeam_function:functions()) -> gen_server:request_id().
send_request(Server, Id, Request, Functions) ->
    gen_server:send_request(Server, {request, Id, Request, Functions}).

%% @doc Gives up a request of {@link send_request/4}.
%% @private
-spec abandon(Server :: pid() | {atom(), node()}, Id :: reference()) -> ok.
abandon(Server, Id) ->
    gen_server:cast(Server, {abandon, Id}).

launch(How, Options) ->
    %% Checked here, not in the new process: a wrong option is a result, not a crash report.
    case rubeam_options:server(Options) of
        {ok, Opening} ->
            Defaults = rubeam_options:defaults(),
            Args = {Opening, maps:get(output, Options, maps:get(output, Defaults))},
            case started(How, maps:get(name, Options, undefined), Args) of
                {ok, Pid} -> {ok, Pid};
                {error, Reason} -> {error, Reason}
            end;
        {error, Reason} ->
            {error, Reason}
    end.

started(How, undefined, Args) -> gen_server:How(?MODULE, Args, []);
started(How, Name, Args) when is_atom(Name) -> gen_server:How({local, Name}, ?MODULE, Args, []);
started(How, Name, Args) -> gen_server:How(Name, ?MODULE, Args, []).

%% @private
-spec init({rubeam_options:opening(), Output :: term()}) -> {ok, #state{}} | {stop, term()}.
init({Opening, Output}) ->
    %% To be told of the port's end, and to close it when the supervisor stops us.
    process_flag(trap_exit, true),
    %% A script may print faster than we deliver.
    process_flag(message_queue_data, off_heap),
    case rubeam_source:open(Opening, undefined) of
        {ok, Port} ->
            case rubeam_registry:publish(Port) of
                ok ->
                    _ = rubeam_transport:read(Port, 0), % from now on it hears what was read
                    {ok, #state{port = Port, output = rubeam_output:new(Output)}};
                {error, Reason} -> {stop, Reason}
            end;
        {error, Reason} ->
            {stop, Reason}
    end.

%% The requests of other nodes. What has a result is answered when the port does; the other
%% ones never take longer than an inline slice.

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) ->
          {reply, term(), #state{}} | {noreply, #state{}}.
handle_call({request, Id, Request, Functions}, From, State) when tuple_size(Request) > 2 ->
    case rubeam_transport:async(State#state.port, Id, Request) of
        ok -> {noreply, remember(Id, From, Functions, State)};
        {error, _} = Error -> {reply, Error, State}
    end;
handle_call({request, _Id, Request, _Functions}, _From, State) ->
    {reply, rubeam_transport:request(State#state.port, Request), State};
handle_call(Unknown, From, State) ->
    ?LOG_DEBUG(#{what => unexpected_call, server => self(), from => From, call => Unknown}, ?LOG),
    {noreply, State}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({abandon, Id}, State) ->
    {noreply, abandon_remote(Id, State)};
handle_cast(Unknown, State) ->
    ?LOG_DEBUG(#{what => unexpected_cast, server => self(), cast => Unknown}, ?LOG),
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, term(), #state{}}.
handle_info({Port, {data, Frame}}, #state{port = Port} = State) ->
    case rubeam_transport:decode(Frame) of
        {output, Stream, Bytes} -> {noreply, put_output(Stream, Bytes, Frame, State)};
        {response, Value} -> {noreply, put_output(response, Value, Frame, State)};
        Other -> handle_frame(Other, State)
    end;
handle_info({Id, Message}, State) when is_reference(Id) ->
    {noreply, answer(Id, rubeam_transport:result(Message), State)};
handle_info({{caller, Id}, _Monitor, process, _Pid, _Reason}, State) ->
    {noreply, abandon_remote(Id, State)};
handle_info({'EXIT', Port, Reason}, #state{port = Port} = State) ->
    {stop, {ruby_exit, exit_reason(Reason)}, State};
handle_info({'EXIT', Pid, _Reason}, #state{runners = Runners} = State) when is_pid(Pid) ->
    {noreply, State#state{runners = maps:remove(Pid, Runners)}};
handle_info(Message, #state{output = Output} = State) ->
    case rubeam_output:handle(Message, Output) of
        {ok, Next} ->
            {noreply, tell_taken(Next, State)};
        unknown ->
            ?LOG_DEBUG(#{what => unexpected_message, server => self(), message => Message}, ?LOG),
            {noreply, State}
    end.

handle_frame({call, _CallId, _Name, _Args} = Call, State) ->
    {noreply, run(Call, none, #{}, State)};
handle_frame({send, To, _Term}, State) ->
    %% Only while the application stops: else rubeam_courier has it.
    ?LOG_DEBUG(#{what => message_not_sent, server => self(), to => To}, ?LOG),
    {noreply, State};
handle_frame({exit, Reason}, State) ->
    {stop, {ruby_exit, Reason}, State};
handle_frame({reply, _Id, _Result} = Reply, State) ->
    %% To a frame that another process sent with port_command/2: not our business.
    ?LOG_DEBUG(#{what => unexpected_reply, server => self(), reply => Reply}, ?LOG),
    {noreply, State}.

put_output(Kind, Data, Frame, #state{output = Output} = State) ->
    tell_taken(rubeam_output:put(Kind, Data, rubeam_transport:counted(Frame), Output), State).

tell_taken(Output, #state{port = Port} = State) ->
    case rubeam_output:taken(Output) of
        {0, Next} -> State#state{output = Next};
        {Bytes, Next} -> _ = rubeam_transport:read(Port, Bytes), State#state{output = Next}
    end.

%% A port that closes without a last frame: port_close/1 by someone, or the driver's unloading.
exit_reason(normal) -> closed;
exit_reason(Reason) -> Reason.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{port = Port, runners = Runners, output = Output}) ->
    ok = rubeam_registry:withdraw(),
    ok = rubeam_output:finish(Output),
    %% Linked, but the reason may be `normal'.
    lists:foreach(fun(Runner) -> exit(Runner, shutdown) end, maps:keys(Runners)),
    %% Local callers are answered by the driver; the other nodes' see this process end.
    rubeam_transport:close(Port).

%% A function that Ruby calls, in a process of its own: it may take its time, and ask Ruby back.
run(Call, Id, Functions, #state{port = Port, runners = Runners} = State) ->
    Runner = spawn_link(fun() -> rubeam_transport:serve(Port, Call, Functions) end),
    State#state{runners = Runners#{Runner => Id}}.

%% Functions end with the request that they are for, as they would in the process that made it.
end_runners(Id, #state{runners = Runners}) ->
    maps:foreach(fun(Runner, For) when For =:= Id -> exit(Runner, shutdown);
                    (_Runner, _For) -> true
                 end, Runners).

remember(Id, {Pid, _Tag} = From, Functions, #state{remote = Remote} = State) ->
    Caller = erlang:monitor(process, Pid, [{tag, {caller, Id}}]),
    New = #remote{from = From, caller = Caller, functions = Functions},
    State#state{remote = Remote#{Id => New}}.

answer(Id, {call, _CallId, _Name, _Args} = Call, #state{remote = Remote} = State) ->
    case Remote of
        #{Id := #remote{functions = Functions}} -> run(Call, Id, Functions, State);
        #{} -> State
    end;
answer(Id, Result, #state{remote = Remote} = State) ->
    case maps:take(Id, Remote) of
        {#remote{from = From, caller = Caller}, Rest} ->
            erlang:demonitor(Caller, [flush]),
            gen_server:reply(From, Result),
            State#state{remote = Rest};
        error -> % abandoned a moment ago
            State
    end.

%% Its answer may be in the mailbox already, and then finds nobody.
abandon_remote(Id, #state{remote = Remote} = State) ->
    case maps:take(Id, Remote) of
        {#remote{caller = Caller}, Rest} ->
            erlang:demonitor(Caller, [flush]),
            _ = rubeam_transport:drop(State#state.port, Id),
            end_runners(Id, State),
            State#state{remote = Rest};
        error ->
            State
    end.
