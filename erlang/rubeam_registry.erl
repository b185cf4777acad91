%% @doc Which port is behind a reference to Ruby.
%%
%% Servers publish their ports in a table that any process of this node reads, so that a call
%% through a server costs one look-up and no message to it. The supervisor owns the table; the
%% process of this module only takes out what a killed server left behind.
%% @private
-module(rubeam_registry).

-behaviour(gen_server).

-export([create/0, start_link/0, publish/1, withdraw/0, where/1, server/1]).
-export([publish_pool/1, pool/1]).
-export([add_functions/2, function/2, functions/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-export_type([where/0]).

-type where() :: port() | {remote, Server :: pid() | {atom(), node()}} | closed.
%% A port of this node, a server of another node, or nothing there.

%% What there is to know of a pool, by the process that keeps it: see rubeam_pool_keeper.
-define(POOLS, rubeam_pools).

%% The functions that interpreters were opened with: {{Port, Name}, Fun}.
-define(FUNCTIONS, rubeam_functions).

%% @doc Makes the tables. Their owner is the caller.
-spec create() -> ok.
create() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {read_concurrency, true}]),
    ?POOLS = ets:new(?POOLS, [named_table, public, {keypos, 2}, {read_concurrency, true}]),
    ?FUNCTIONS = ets:new(?FUNCTIONS, [named_table, ordered_set, public, {read_concurrency, true}]),
    ok.

%% @doc The functions that Ruby in this port can call, until the port closes.
-spec add_functions(port(), rubeam_function:functions()) -> ok | {error, not_started}.
add_functions(_Port, Functions) when map_size(Functions) =:= 0 ->
    ok;
add_functions(Port, Functions) ->
    try ets:insert(?FUNCTIONS, [{{Port, Name}, Fun} || {Name, Fun} <- maps:to_list(Functions)]) of
        true -> gen_server:cast(?MODULE, {watch_port, Port})
    catch
        error:badarg -> {error, not_started}
    end.

%% @doc The function of that name of this port.
-spec function(port(), Name :: binary()) -> {ok, fun()} | none.
function(Port, Name) ->
    try ets:lookup(?FUNCTIONS, {Port, Name}) of
        [{_, Fun}] -> {ok, Fun};
        [] -> none
    catch
        error:badarg -> none
    end.

%% @doc The names of this port's functions.
-spec functions(port()) -> [Name :: binary()].
functions(Port) ->
    try ets:select(?FUNCTIONS, [{{{Port, '$1'}, '_'}, [], ['$1']}])
    catch error:badarg -> []
    end.

%% @private
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case gen_server:start_link({local, ?MODULE}, ?MODULE, [], []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

%% @doc Makes Port the one behind the calling process.
-spec publish(port()) -> ok | {error, not_started}.
publish(Port) ->
    try ets:insert(?MODULE, {self(), Port}) of
        true -> gen_server:cast(?MODULE, {watch, self()})
    catch
        error:badarg -> {error, not_started}
    end.

%% @doc Makes Board the one of the pool that the calling process keeps: a record whose first field is
%% that process.
-spec publish_pool(Board :: tuple()) -> ok | {error, not_started}.
publish_pool(Board) ->
    try ets:insert(?POOLS, Board) of
        true -> gen_server:cast(?MODULE, {watch, self()})
    catch
        error:badarg -> {error, not_started}
    end.

%% @doc What the keeper has published.
-spec pool(Keeper :: pid()) -> {ok, Board :: tuple()} | none.
pool(Keeper) ->
    try ets:lookup(?POOLS, Keeper) of
        [Board] -> {ok, Board};
        [] -> none
    catch
        error:badarg -> none
    end.

%% @doc Takes the calling process out again.
-spec withdraw() -> ok.
withdraw() ->
    remove(self()).

%% @doc Where Ruby is. `error' when the term cannot be a reference to it at all.
-spec where(Ruby :: term()) -> {ok, where()} | error.
where(Port) when is_port(Port) ->
    {ok, Port};
where(Pid) when is_pid(Pid), node(Pid) =:= node() ->
    {ok, port_of(Pid)};
where(Pid) when is_pid(Pid) ->
    {ok, {remote, Pid}};
where(Name) when is_atom(Name) ->
    found(whereis(Name));
where({global, Name}) ->
    found(global:whereis_name(Name));
where({via, Module, Name}) when is_atom(Module) ->
    found(Module:whereis_name(Name));
where({Name, Node}) when is_atom(Name), Node =:= node() ->
    where(Name);
where({Name, Node}) when is_atom(Name), is_atom(Node) ->
    {ok, {remote, {Name, Node}}};
where(_) ->
    error.

found(undefined) -> {ok, closed};
found(PidOrPort) -> where(PidOrPort).

%% @doc The server that owns the port, if one does.
-spec server(port()) -> {ok, pid()} | none.
server(Port) ->
    case erlang:port_info(Port, connected) of
        {connected, Owner} ->
            case port_of(Owner) of
                Port -> {ok, Owner};
                _ -> none
            end;
        undefined ->
            none
    end.

port_of(Pid) ->
    try ets:lookup(?MODULE, Pid) of
        [{_, Port}] -> Port;
        [] -> closed
    catch
        error:badarg -> closed % no table: the application is not running
    end.

%% The process: watches the servers, the keepers of pools, and the ports that have functions. What was published while it
%% was not there is in the tables.

%% @private
-spec init([]) -> {ok, []}.
init([]) ->
    lists:foreach(fun({Pid, _Port}) -> watch(Pid) end, ets:tab2list(?MODULE)),
    lists:foreach(fun(Board) -> watch(element(2, Board)) end, ets:tab2list(?POOLS)),
    Ports = lists:usort(ets:select(?FUNCTIONS, [{{{'$1', '_'}, '_'}, [], ['$1']}])),
    lists:foreach(fun watch_port/1, Ports),
    {ok, []}.

%% @private
-spec handle_call(term(), gen_server:from(), []) -> {noreply, []}.
handle_call(_Request, _From, State) ->
    {noreply, State}.

%% @private
-spec handle_cast(term(), []) -> {noreply, []}.
handle_cast({watch, Pid}, State) ->
    watch(Pid),
    {noreply, State};
handle_cast({watch_port, Port}, State) ->
    watch_port(Port),
    {noreply, State};
handle_cast(_Other, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), []) -> {noreply, []}.
handle_info({'DOWN', _Ref, process, Pid, _Reason}, State) ->
    ok = remove(Pid),
    {noreply, State};
handle_info({'DOWN', _Ref, port, Port, _Reason}, State) ->
    _ = ets:match_delete(?FUNCTIONS, {{Port, '_'}, '_'}),
    {noreply, State};
handle_info(_Other, State) ->
    {noreply, State}.

watch(Pid) ->
    _ = erlang:monitor(process, Pid),
    ok.

%% One that has closed by now is told of at once.
watch_port(Port) ->
    _ = erlang:monitor(port, Port),
    ok.

remove(Pid) ->
    try {ets:delete(?MODULE, Pid), ets:delete(?POOLS, Pid)} of
        {true, true} -> ok
    catch
        error:badarg -> ok
    end.
