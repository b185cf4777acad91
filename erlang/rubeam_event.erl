%% @doc Runs the functions of the option `on_event': one process of the node, which the driver tells what
%% becomes of requests and of interpreters.
%%
%% The driver tells, and not who made the request: so that casts, messages and requests of other nodes are
%% seen too, and no caller runs foreign code. What comes faster than it is taken is lost, and the log says
%% how much. A function that fails is not called again, and the log says so.
%% @private
-module(rubeam_event).

-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([create/0, start_link/0, observe/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-export_type([handler/0]).

-type handler() :: fun((Name :: [atom()], Measurements :: map(), Metadata :: map()) -> term()).

%% The driver is told when so many bytes were taken.
-define(TELL, 256 * 1024).

%% So long after its end a port is forgotten in any case, in milliseconds.
-define(FORGET, 10000).

-record(state, {taken = 0 :: non_neg_integer()}).

%% @doc Makes the table {Port, Fun}. Its owner is the caller.
-spec create() -> ok.
create() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {read_concurrency, true}]),
    ok.

%% @doc The function is called with the events of this port, until it closes.
-spec observe(rubeam_transport:ruby(), handler()) -> ok | {error, not_started}.
observe(Port, Handler) ->
    try ets:insert(?MODULE, {Port, Handler}) of
        true -> gen_server:cast(?MODULE, {watch, Port})
    catch
        error:badarg -> {error, not_started}
    end.

%% @private
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case gen_server:start_link({local, ?MODULE}, ?MODULE, [], []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

%% @private
-spec init([]) -> {ok, #state{}} | {stop, not_started}.
init([]) ->
    process_flag(message_queue_data, off_heap),
    lists:foreach(fun({Port, _Handler}) -> watch(Port) end, ets:tab2list(?MODULE)),
    case rubeam_driver:become_observer() of
        ok -> {ok, #state{}};
        {error, Reason} -> {stop, Reason}
    end.

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) -> {noreply, #state{}}.
handle_call(_Request, _From, State) ->
    {noreply, State}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({watch, Port}, State) ->
    watch(Port),
    {noreply, State};
handle_cast(_Other, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({rubeam_event, Ruby, Frame, Lost}, State) ->
    _ = Lost > 0 andalso ?LOG_WARNING(#{what => events_lost, count => Lost,
                                        why => "they came faster than functions took them"}, ?LOG),
    case Frame of
        _ when is_binary(Frame) ->
            tell(Ruby, binary_to_term(Frame)),
            {noreply, taken(rubeam_transport:counted(Frame), State)};
        _ -> % of a gateway, which does not count
            tell(Ruby, Frame),
            {noreply, State}
    end;
handle_info({'DOWN', _Ref, _PortOrProcess, Port, _Reason}, State) ->
    %% Its last event comes a moment later, unless it is lost.
    _ = erlang:send_after(?FORGET, self(), {forget, Port}),
    {noreply, State};
handle_info({forget, Port}, State) ->
    true = ets:delete(?MODULE, Port),
    {noreply, State};
handle_info(_Other, State) ->
    {noreply, State}.

watch(Ruby) ->
    _ = rubeam_transport:monitor(Ruby),
    ok.

tell(Ruby, Told) ->
    Event = event(Ruby, Told),
    case ets:lookup(?MODULE, Ruby) of
        [{_, Handler}] -> handle(Handler, Ruby, Event);
        [] -> ok % it has failed
    end,
    _ = is_last(Event) andalso ets:delete(?MODULE, Ruby),
    ok.

taken(Bytes, #state{taken = Before} = State) when Before + Bytes < ?TELL ->
    State#state{taken = Before + Bytes};
taken(Bytes, #state{taken = Before} = State) ->
    _ = rubeam_driver:observed(Before + Bytes),
    State#state{taken = 0}.

event(Port, {request, Kind, Target, Outcome, Duration, Memory}) ->
    {[rubeam, request, stop],
     #{duration => erlang:convert_time_unit(Duration, nanosecond, native), memory => Memory},
     #{ruby => Port, request => Kind, target => target(Target), outcome => Outcome}};
event(Port, {exit, Reason, Memory}) ->
    {[rubeam, interpreter, exit], #{memory => Memory}, #{ruby => Port, reason => Reason}}.

is_last({Name, _Measurements, _Metadata}) ->
    Name =:= [rubeam, interpreter, exit].

target(nil) -> undefined;
target(Target) -> Target.

handle(Handler, Port, {Name, Measurements, Metadata}) ->
    try Handler(Name, Measurements, Metadata) of
        _ -> ok
    catch
        Class:Reason:Stack ->
            true = ets:delete(?MODULE, Port),
            ?LOG_ERROR(#{what => on_event_failed, ruby => Port, event => Name, class => Class,
                         reason => Reason, stack => Stack}, ?LOG)
    end.
