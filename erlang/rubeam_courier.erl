%% @doc Does for the driver what it can't: sends on what Ruby's `Erlang.send' sends, since the driver can't
%% make a pid of one in the external format; and looks whether the owner of a port reads what Ruby prints.
%%
%% The messages of programs of their own it gets from `rubeam_gateway', in the same form.
%%
%% One process of the node, linked to `rubeam_loader'. It tells each port what it is done with; the
%% driver has scripts wait that are more than 256 KB ahead. It tells that later when a process that a
%% script sends to does not read: so a script can't fill the memory of the node with messages. (Not too
%% early: who waits for the script's answer reads nothing else meanwhile.)
%%
%% A node that can't be reached, or is slow, holds up who sends to it. So what goes to another node goes
%% through a process for that node (forward/2), which is there while it is needed.
%% @private
-module(rubeam_courier).

-behaviour(gen_server).

-export([start_link/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% From so many bytes on a port is told, though more messages wait here.
-define(TELL, 65536).

%% A process with more messages than this in its mailbox does not read. Then so many bytes may go to it
%% from one port before that port has to wait, and it is looked again after so many milliseconds.
-define(FULL, 1000).
-define(UNREAD, 64 * 1024 * 1024).
-define(PAUSE, 10).

-record(sent, {bytes = 0 :: non_neg_integer(),   % that the port was not told of
               unread = 0 :: non_neg_integer(),  % that the receiver has probably not read
               held = false :: boolean()}).      % a message {again, Key} will come

%% An owner that does not read is looked at again after so many milliseconds: at first, at most.
-define(LOOK, 5).
-define(LOOK_MOST, 80).

%% A forwarder that had nothing to do for so long, in milliseconds, is not needed.
-define(IDLE, 5000).

-record(state, {sent = #{} :: #{{rubeam_transport:ruby(), Receiver :: pid()} => #sent{}},
                forwarders = #{} :: #{node() => pid()}}).

%% @doc Starts it. Manager is the port of `rubeam_loader', by which the driver is told.
-spec start_link(Manager :: port()) -> {ok, pid()} | {error, term()}.
start_link(Manager) ->
    case gen_server:start_link({local, ?MODULE}, ?MODULE, Manager, []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

%% @private
-spec init(port()) -> {ok, #state{}}.
init(Manager) ->
    process_flag(message_queue_data, off_heap),
    rubeam_driver:become_courier(Manager),
    {ok, #state{}}.

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) -> {noreply, #state{}, 0}.
handle_call(_Request, _From, State) ->
    {noreply, State, 0}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}, 0}.
handle_cast(_Request, State) ->
    {noreply, State, 0}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {noreply, #state{}, 0}.
handle_info({rubeam_send, Port, Frame}, State) ->
    {send, To, Term} = binary_to_term(Frame),
    Bytes = rubeam_transport:counted(Frame),
    case send(To, Term, State) of
        {Receiver, Sent} -> {noreply, count({Port, Receiver}, Bytes, Sent), 0};
        nobody -> _ = rubeam_transport:posted(Port, Bytes), {noreply, State, 0}
    end;
handle_info({again, Key}, #state{sent = Sent} = State) ->
    #{Key := Entry} = Sent,
    {noreply, tell(Key, State#state{sent = Sent#{Key := Entry#sent{held = false}}}), 0};
handle_info({rubeam_look, Port, Messages}, State) ->
    look(Port, Messages, ?LOOK),
    {noreply, State, 0};
handle_info({look, Port, Messages, Pause}, State) ->
    look(Port, Messages, Pause),
    {noreply, State, 0};
handle_info({idle, Node, Forwarder}, #state{forwarders = Forwarders} = State) ->
    Forwarder ! stop, % after all that was sent to it
    {noreply, State#state{forwarders = maps:remove(Node, Forwarders)}, 0};
handle_info(timeout, #state{sent = Sent} = State) ->
    {noreply, lists:foldl(fun tell/2, State, maps:keys(Sent))};
handle_info(_Other, State) ->
    {noreply, State, 0}.

%% --- counting ---

count(Key, Bytes, #state{sent = Sent} = State) ->
    #sent{bytes = Before} = Entry = maps:get(Key, Sent, #sent{}),
    Counted = State#state{sent = Sent#{Key => Entry#sent{bytes = Before + Bytes}}},
    case Before + Bytes >= ?TELL of
        true -> tell(Key, Counted);
        false -> Counted
    end.

tell(Key, #state{sent = Sent} = State) ->
    case Sent of
        #{Key := Entry} -> State#state{sent = told(Key, Entry, Sent)};
        #{} -> State % told a moment ago
    end.

told(_Key, #sent{held = true}, Sent) ->
    Sent;
told({Port, Receiver} = Key, #sent{bytes = 0}, Sent) ->
    %% Nothing since: is it still worth remembering?
    case rubeam_reader:is_full(Receiver, ?FULL) andalso rubeam_transport:is_open(Port) of
        true -> Sent;
        false -> maps:remove(Key, Sent)
    end;
told({Port, Receiver} = Key, #sent{bytes = Bytes, unread = Unread} = Entry, Sent) ->
    case rubeam_reader:is_full(Receiver, ?FULL) of
        false ->
            _ = rubeam_transport:posted(Port, Bytes),
            maps:remove(Key, Sent);
        true when Unread + Bytes > ?UNREAD ->
            case rubeam_transport:is_open(Port) of
                false ->
                    maps:remove(Key, Sent);
                true ->
                    _ = erlang:send_after(?PAUSE, self(), {again, Key}),
                    Sent#{Key := Entry#sent{held = true}}
            end;
        true ->
            case rubeam_transport:posted(Port, Bytes) of
                ok -> Sent#{Key := Entry#sent{bytes = 0, unread = Unread + Bytes}};
                closed -> maps:remove(Key, Sent)
            end
    end.

%% --- owners ---

look(Port, Messages, Pause) ->
    case erlang:port_info(Port, connected) of
        {connected, Owner} ->
            case rubeam_reader:is_behind(Owner, Messages) of
                true ->
                    Again = {look, Port, Messages, min(2 * Pause, ?LOOK_MOST)},
                    _ = erlang:send_after(Pause, self(), Again),
                    ok;
                false ->
                    _ = rubeam_driver:read(Port, all),
                    ok
            end;
        undefined ->
            ok
    end.

%% --- sending ---

%% As with `!', what is sent to nobody is lost. The receiver is a process of this node.
send(Pid, Term, State) when is_pid(Pid), node(Pid) =:= node() ->
    Pid ! Term,
    {Pid, State};
send(To, Term, State) when is_pid(To); is_reference(To) ->
    case node(To) of
        Node when Node =:= node() -> To ! Term, {self(), State}; % an alias: whose, nobody can tell
        Node -> forward(Node, To, Term, State)
    end;
send({Name, Node}, Term, State) ->
    case {existing(Name), existing(Node)} of
        {{ok, Atom}, {ok, Here}} when Here =:= node() -> send(Atom, Term, State);
        {{ok, Atom}, {ok, There}} -> forward(There, {Atom, There}, Term, State);
        _ -> nobody
    end;
send(Name, Term, State) ->
    case existing(Name) of
        {ok, Atom} ->
            case whereis(Atom) of
                Pid when is_pid(Pid) -> send(Pid, Term, State);
                _NoneOrAPort -> nobody
            end;
        error ->
            nobody
    end.

existing(Name) when is_atom(Name) ->
    {ok, Name};
existing(Name) when is_binary(Name) ->
    try {ok, binary_to_existing_atom(Name)}
    catch error:_ -> error
    end;
existing(_) ->
    error.

forward(Node, To, Term, #state{forwarders = Forwarders} = State) ->
    case Forwarders of
        #{Node := Forwarder} ->
            Forwarder ! {forward, To, Term},
            {Forwarder, State};
        #{} ->
            Courier = self(),
            Forwarder = spawn_link(fun() -> forward(Courier, Node) end),
            forward(Node, To, Term, State#state{forwarders = Forwarders#{Node => Forwarder}})
    end.

forward(Courier, Node) ->
    receive
        {forward, To, Term} -> To ! Term, forward(Courier, Node);
        stop -> ok
    after ?IDLE ->
        Courier ! {idle, Node, self()},
        forward_rest()
    end.

forward_rest() ->
    receive
        {forward, To, Term} -> To ! Term, forward_rest();
        stop -> ok
    end.
