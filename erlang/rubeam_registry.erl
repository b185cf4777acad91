%% @doc Which interpreter is behind a reference to Ruby.
%%
%% Servers publish theirs, and gateways themselves, in a table that any process of this node reads, so that a call
%% through a server costs one look-up and no message to it. The supervisor owns the table; the
%% process of this module only takes out what a killed server left behind.
%% @private
-module(rubeam_registry).

-behaviour(gen_server).

-export([create/0, start_link/0, publish/1, publish_gateway/1, withdraw/0, where/1, server/1, gateways/0]).
-export([publish_pool/1, pool/1]).
-export([add_functions/2, function/2, functions/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-export_type([where/0]).

-type where() :: rubeam_transport:ruby() | {remote, Server :: pid() | {atom(), node()}} | closed.
%% An interpreter of this node, a server of another node, or nothing there.

%% What there is to know of a pool, by the process that keeps it: see rubeam_pool_keeper.
-define(POOLS, rubeam_pools).

%% The functions that interpreters were opened with: {{Ruby, Name}, Fun}.
-define(FUNCTIONS, rubeam_functions).

%% @doc Makes the tables. Their owner is the caller.
-spec create() -> ok.
create() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {read_concurrency, true}]),
    ?POOLS = ets:new(?POOLS, [named_table, public, {keypos, 2}, {read_concurrency, true}]),
    ?FUNCTIONS = ets:new(?FUNCTIONS, [named_table, ordered_set, public, {read_concurrency, true}]),
    ok.

%% @doc The functions that this interpreter can call, until it is closed.
-spec add_functions(rubeam_transport:ruby(), rubeam_function:functions()) -> ok | {error, not_started}.
add_functions(_Ruby, Functions) when map_size(Functions) =:= 0 ->
    ok;
add_functions(Ruby, Functions) ->
    try ets:insert(?FUNCTIONS, [{{Ruby, Name}, Fun} || {Name, Fun} <- maps:to_list(Functions)]) of
        true -> gen_server:cast(?MODULE, {watch_ruby, Ruby})
    catch
        error:badarg -> {error, not_started}
    end.

%% @doc The function of that name of this interpreter.
-spec function(rubeam_transport:ruby(), Name :: binary()) -> {ok, fun()} | none.
function(Ruby, Name) ->
    try ets:lookup(?FUNCTIONS, {Ruby, Name}) of
        [{_, Fun}] -> {ok, Fun};
        [] -> none
    catch
        error:badarg -> none
    end.

%% @doc The names of this interpreter's functions.
-spec functions(rubeam_transport:ruby()) -> [Name :: binary()].
functions(Ruby) ->
    try ets:select(?FUNCTIONS, [{{{Ruby, '$1'}, '_'}, [], ['$1']}])
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

%% @doc Makes Ruby the one behind the calling process.
-spec publish(rubeam_transport:ruby()) -> ok | {error, not_started}.
publish(Ruby) ->
    publish(Ruby, none).

%% @doc Makes the calling process, a gateway, an interpreter, which that process owns.
-spec publish_gateway(Owner :: pid()) -> ok | {error, not_started}.
publish_gateway(Owner) ->
    publish(self(), Owner).

%% {Process, Ruby, Owner}: the owner of a gateway.
publish(Ruby, Owner) ->
    try ets:insert(?MODULE, {self(), Ruby, Owner}) of
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
    {ok, ruby_of(Pid)};
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

%% @doc The server that owns the interpreter, if one does.
-spec server(rubeam_transport:ruby()) -> {ok, pid()} | none.
server(Ruby) ->
    case owner(Ruby) of
        {ok, Owner} ->
            case published(Owner) of
                {Ruby, _} -> {ok, Owner};
                _ -> none
            end;
        none ->
            none
    end.

owner(Port) when is_port(Port) ->
    case erlang:port_info(Port, connected) of
        {connected, Owner} -> {ok, Owner};
        undefined -> none
    end;
owner(Gateway) ->
    case published(Gateway) of
        {Gateway, Owner} -> {ok, Owner};
        _ -> none
    end.

%% @doc All gateways.
-spec gateways() -> [pid()].
gateways() ->
    try ets:select(?MODULE, [{{'$1', '$1', '_'}, [], ['$1']}])
    catch error:badarg -> []
    end.

ruby_of(Pid) ->
    case published(Pid) of
        {Ruby, _Owner} -> Ruby;
        none -> closed
    end.

published(Pid) ->
    try ets:lookup(?MODULE, Pid) of
        [{_, Ruby, Owner}] -> {Ruby, Owner};
        [] -> none
    catch
        error:badarg -> none % no table: the application is not running
    end.

%% The process: watches the servers, gateways, the keepers of pools, and the interpreters that have functions. What was published while it
%% was not there is in the tables.

%% @private
-spec init([]) -> {ok, []}.
init([]) ->
    lists:foreach(fun({Pid, _Ruby, _Owner}) -> watch(Pid) end, ets:tab2list(?MODULE)),
    lists:foreach(fun(Board) -> watch(element(2, Board)) end, ets:tab2list(?POOLS)),
    Rubies = lists:usort(ets:select(?FUNCTIONS, [{{{'$1', '_'}, '_'}, [], ['$1']}])),
    lists:foreach(fun watch_ruby/1, Rubies),
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
handle_cast({watch_ruby, Ruby}, State) ->
    watch_ruby(Ruby),
    {noreply, State};
handle_cast(_Other, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), []) -> {noreply, []}.
handle_info({'DOWN', _Ref, process, Pid, _Reason}, State) ->
    ok = remove(Pid),
    {noreply, forget_functions(Pid, State)};
handle_info({'DOWN', _Ref, port, Port, _Reason}, State) ->
    {noreply, forget_functions(Port, State)};
handle_info(_Other, State) ->
    {noreply, State}.

watch(Pid) ->
    _ = erlang:monitor(process, Pid),
    ok.

%% One that has closed by now is told of at once.
watch_ruby(Ruby) ->
    _ = rubeam_transport:monitor(Ruby),
    ok.

forget_functions(Ruby, State) ->
    _ = ets:match_delete(?FUNCTIONS, {{Ruby, '_'}, '_'}),
    State.

remove(Pid) ->
    try {ets:delete(?MODULE, Pid), ets:delete(?POOLS, Pid)} of
        {true, true} -> ok
    catch
        error:badarg -> ok
    end.
