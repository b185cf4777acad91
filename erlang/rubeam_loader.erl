%% @doc The process that loads the driver, and keeps it loaded.
%%
%% A driver belongs to the processes that loaded it and goes with the last of them, so this one
%% lives as long as the application. It also owns the manager port, through which the driver's
%% worker threads ask for what only a port's own thread may do, and answers these touches.
%%
%% The library is looked for in the directory that the environment variable RUBEAM_PRIV names,
%% and only there when it is set (it names another build, and silently taking the usual one
%% instead would hide a mistake); else in the application's priv directory, then beside the
%% code.
%%
%% When the application stops, every interpreter is closed (its owner sees what port_close/1
%% shows, its callers get `{error, closed}') and the driver is unloaded before this process
%% ends. When this process crashes, the interpreters live on: they keep the library in place
%% until the restarted one loads it anew.
%% @private
-module(rubeam_loader).

-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([start_link/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% How long a stop waits for the driver to go: ports close at once, a slice that was running
%% ends in a moment, a C function of mruby may take a while longer.
-define(UNLOAD_TIMEOUT, 10000).
%% After so long it is told to go again: see unload/0.
-define(UNLOAD_AGAIN, 10).

-type state() :: Manager :: port().

%% @private
-spec start_link() -> {ok, pid()} | {error, Reason} when
      Reason :: {driver_not_found, Directories :: [file:filename()]}
              | {driver_not_loaded, File :: file:filename(), Text :: string()}
              | {bad_option, {fault_handler, term()}} | driver_mismatch | atom()
              | {already_started, pid()}.
start_link() ->
    case gen_server:start_link({local, ?MODULE}, ?MODULE, [], []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

%% @private
-spec init([]) -> {ok, state()} | {stop, term()}.
init([]) ->
    process_flag(trap_exit, true),
    case application:get_env(rubeam, fault_handler, true) of
        FaultHandler when is_boolean(FaultHandler) ->
            case load(rubeam_program:directories()) of
                ok -> manage(rubeam_driver:open_manager(FaultHandler));
                {error, Reason} -> {stop, Reason}
            end;
        Other ->
            {stop, {bad_option, {fault_handler, Other}}}
    end.

manage({ok, Manager}) ->
    case rubeam_courier:start_link(Manager) of
        {ok, _Courier} -> {ok, Manager};
        {error, Reason} -> {stop, Reason}
    end;
manage({error, Reason}) ->
    {stop, Reason}.

%% @private
-spec handle_call(term(), gen_server:from(), state()) -> {noreply, state()}.
handle_call(_Request, _From, Manager) ->
    {noreply, Manager}.

%% @private
-spec handle_cast(term(), state()) -> {noreply, state()}.
handle_cast(_Request, Manager) ->
    {noreply, Manager}.

%% @private
-spec handle_info(term(), state()) -> {noreply, state()} | {stop, term(), state()}.
handle_info({Manager, {touch, Port}}, Manager) ->
    rubeam_driver:touch(Port),
    {noreply, Manager};
handle_info({'EXIT', Manager, Reason}, Manager) ->
    {stop, {manager_closed, Reason}, Manager};
handle_info({'EXIT', Courier, Reason}, Manager) when is_pid(Courier) ->
    {stop, {courier_died, Reason}, Manager};
handle_info(_Other, Manager) ->
    {noreply, Manager}.

%% @private
-spec terminate(term(), state()) -> ok.
terminate(Reason, _Manager) ->
    case Reason of
        normal -> unload();
        shutdown -> unload();
        {shutdown, _} -> unload();
        _Crash -> ok
    end.

load(Directories) ->
    Files = [filename:join(Directory, ?DRIVER ".so") || Directory <- Directories],
    case lists:filter(fun filelib:is_regular/1, Files) of
        [File | _] -> load_file(File);
        [] -> {error, {driver_not_found, Directories}}
    end.

%% Another process may have loaded it, or ports of the last time hold it: `already_loaded'. That
%% also takes back an unloading which is under way.
load_file(File) ->
    case erl_ddll:try_load(filename:dirname(File), ?DRIVER, []) of
        {ok, Status} ->
            ?LOG_DEBUG(#{what => driver_loaded, file => File, status => Status}, ?LOG),
            ok;
        {error, Reason} ->
            {error, {driver_not_loaded, File, erl_ddll:format_error(Reason)}}
    end.

%% First all is closed as anybody would close it, with an answer for each caller. Other processes
%% may go on to open ports meanwhile, and would keep the driver for ever: erts lets them, until a
%% driver that has ports at this moment is unloaded with `kill_ports' (erts_ddll_driver_ok in
%% erl_bif_ddll.c). So that follows, and ends what was opened since (the reason that its owner sees
%% is `driver_unloaded'); again, if there was no port just then but a reference of one that is being
%% freed. After it nothing can be opened, not even by a server whose supervisor restarts it.
unload() ->
    lists:foreach(fun rubeam_gateway:close/1, rubeam_registry:gateways()),
    ok = rubeam_driver:close_all(),
    case erl_ddll:try_unload(?DRIVER, [kill_ports, {monitor, pending_driver}]) of
        {ok, pending_driver, Ref} -> await_unloaded(Ref, ?UNLOAD_TIMEOUT);
        _UnloadedOrLoadedByOthersToo -> ok
    end.

await_unloaded(_Ref, Left) when Left =< 0 ->
    ?LOG_WARNING(#{what => driver_still_in_use, waited_ms => ?UNLOAD_TIMEOUT}, ?LOG);
await_unloaded(Ref, Left) ->
    receive
        {'DOWN', Ref, driver, _Name, unloaded} -> ok;
        {'UP', Ref, driver, _Name, unload_cancelled} -> ok
    after ?UNLOAD_AGAIN ->
        _ = erl_ddll:try_unload(?DRIVER, [kill_ports]),
        await_unloaded(Ref, Left - ?UNLOAD_AGAIN)
    end.
