%% @doc The application's supervisor: the registry, the loader, and the scope of the groups that pools
%% join.
%%
%% It owns the registry's table, so that a crash of either child loses nothing: servers stay
%% reachable and ports stay open. Interpreters are not below it: a port belongs to the process
%% that opened it, a `rubeam_server' to its user's supervisor.
%% @private
-module(rubeam_sup).

-behaviour(supervisor).

-include("rubeam.hrl").

-export([start_link/0]).
-export([init/1]).

%% @private
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case supervisor:start_link({local, ?MODULE}, ?MODULE, []) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason}
    end.

%% @private
-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    ok = rubeam_registry:create(),
    ok = rubeam_event:create(),
    ok = rubeam_term:create(),
    Flags = #{strategy => one_for_one, intensity => 5, period => 10},
    %% The loader's shutdown covers its wait for the driver to be unloaded.
    Children = [#{id => rubeam_registry, start => {rubeam_registry, start_link, []}},
                #{id => pg, start => {pg, start_link, [?GROUPS]}},
                #{id => rubeam_loader, start => {rubeam_loader, start_link, []},
                  shutdown => 15000},
                #{id => rubeam_event, start => {rubeam_event, start_link, []}}],
    {ok, {Flags, Children}}.
