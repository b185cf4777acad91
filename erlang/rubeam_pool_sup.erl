%% @doc The supervisor of a pool's interpreters: a `rubeam_server' each. It starts what
%% `rubeam_pool_keeper' asks for, and restarts nothing by itself: the keeper must know which slot is
%% without an interpreter, and a supervisor that gives up could not say why.
%% @private
-module(rubeam_pool_sup).

-behaviour(supervisor).

-export([start_link/1]).
-export([init/1]).

%% @private
-spec start_link(rubeam:server_options()) -> {ok, pid()} | {error, term()}.
start_link(Options) ->
    case supervisor:start_link(?MODULE, Options) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason}
    end.

%% @private
-spec init(rubeam:server_options()) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init(Options) ->
    Server = #{id => interpreter, start => {rubeam_server, start_link, [Options]},
               restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Server]}}.
