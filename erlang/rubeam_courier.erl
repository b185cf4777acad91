%% @doc Sends on what Ruby's `Erlang.send' sends: the driver can't, since it can't make a pid of one in
%% the external format.
%%
%% One process of the node, linked to `rubeam_loader'. It tells each port what it is done with; the
%% driver has scripts wait that are more than a megabyte ahead. It tells that later while the process that a
%% script sends to has more than ?FULL messages unread: so a script can't fill the memory
%% of the node with them.
%% @private
-module(rubeam_courier).

-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([start_link/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% What a message counts beside its bytes: the same number as in driver/rubeam_drv.c.
-define(POST_COST, 64).

%% From so many bytes on a port is told, though more messages wait here.
-define(TELL, 65536).

%% A process with more unread messages than this is not sent more without a pause, in milliseconds.
-define(FULL, 10000).
-define(PAUSE, 10).

-record(done, {bytes = 0 :: non_neg_integer(), to :: term()}).

-type state() :: #{port() => #done{}}.
%% What the ports have not been told yet, and who was sent a message last.

%% @doc Starts it. Manager is the port of `rubeam_loader', by which the driver is told.
-spec start_link(Manager :: port()) -> {ok, pid()} | {error, term()}.
start_link(Manager) ->
    case gen_server:start_link(?MODULE, Manager, []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

%% @private
-spec init(port()) -> {ok, state()}.
init(Manager) ->
    process_flag(message_queue_data, off_heap),
    rubeam_port:become_courier(Manager),
    {ok, #{}}.

%% @private
-spec handle_call(term(), gen_server:from(), state()) -> {noreply, state(), 0}.
handle_call(_Request, _From, State) ->
    {noreply, State, 0}.

%% @private
-spec handle_cast(term(), state()) -> {noreply, state(), 0}.
handle_cast(_Request, State) ->
    {noreply, State, 0}.

%% @private
-spec handle_info(term(), state()) -> {noreply, state()} | {noreply, state(), 0}.
handle_info({rubeam_send, Port, Frame}, State) ->
    {send, To, Term} = binary_to_term(Frame),
    send(To, Term),
    {noreply, count(Port, To, byte_size(Frame) + ?POST_COST, State), 0};
handle_info({again, Port, #done{} = Done}, State) ->
    tell(Port, Done),
    {noreply, State, 0};
handle_info(timeout, State) ->
    _ = maps:foreach(fun tell/2, State),
    {noreply, #{}};
handle_info(_Other, State) ->
    {noreply, State, 0}.

count(Port, To, Bytes, State) ->
    case State of
        #{Port := #done{bytes = Before}} when Before + Bytes >= ?TELL ->
            tell(Port, #done{bytes = Before + Bytes, to = To}),
            maps:remove(Port, State);
        #{Port := #done{bytes = Before}} ->
            State#{Port := #done{bytes = Before + Bytes, to = To}};
        #{} ->
            State#{Port => #done{bytes = Bytes, to = To}}
    end.

tell(Port, #done{bytes = Bytes, to = To} = Done) ->
    case is_full(To) of
        true -> _ = erlang:send_after(?PAUSE, self(), {again, Port, Done}), ok;
        false -> rubeam_port:posted(Port, Bytes)
    end.

is_full(Name) when is_atom(Name) ->
    is_full(whereis(Name));
is_full(Name) when is_binary(Name) ->
    is_full(named(Name));
is_full(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    case erlang:process_info(Pid, message_queue_len) of
        {message_queue_len, Length} -> Length > ?FULL;
        undefined -> false
    end;
is_full(_Elsewhere) -> % the distribution's own back pressure is felt in send/2
    false.

%% As with `!', what is sent to nobody is lost.
send(Pid, Term) when is_pid(Pid); is_reference(Pid) ->
    Pid ! Term, ok;
send(Name, Term) when is_atom(Name); is_binary(Name) ->
    case named(Name) of
        Pid when is_pid(Pid) -> Pid ! Term, ok;
        _NobodyOrAPort -> ?LOG_DEBUG(#{what => message_to_nobody, name => Name}, ?LOG)
    end;
send({Name, Node}, Term) ->
    case {existing(Name), existing(Node)} of
        {N, Where} when is_atom(N), is_atom(Where), N =/= undefined, Where =:= node() ->
            send(N, Term);
        {N, Where} when is_atom(N), is_atom(Where), N =/= undefined, Where =/= undefined ->
            {N, Where} ! Term, ok;
        _ ->
            ?LOG_DEBUG(#{what => message_to_nobody, name => {Name, Node}}, ?LOG)
    end;
send(To, _Term) ->
    ?LOG_DEBUG(#{what => message_to_nobody, name => To}, ?LOG).

named(Name) ->
    case existing(Name) of
        undefined -> undefined;
        Atom -> whereis(Atom)
    end.

existing(Name) when is_atom(Name) ->
    Name;
existing(Name) when is_binary(Name) ->
    try binary_to_existing_atom(Name)
    catch error:_ -> undefined
    end;
existing(_) ->
    undefined.
