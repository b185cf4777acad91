%% @doc The application's start and stop; called by the application controller only.
%%
%% Starting it loads the driver. A driver that cannot be loaded is the reason of the failed
%% start, in words that `rubeam:format_error/1' knows, not wrapped in a supervisor's report.
%%
%% Stopping it closes every interpreter and unloads the driver: see `rubeam_loader'.
%% @private
-module(rubeam_app).

-behaviour(application).

-export([start/2, stop/1]).

%% @private
-spec start(application:start_type(), term()) -> {ok, pid()} | {error, term()}.
start(_Type, _Args) ->
    case rubeam_sup:start_link() of
        {ok, Supervisor} ->
            {ok, Supervisor};
        {error, {shutdown, {failed_to_start_child, rubeam_loader, Reason}}} ->
            {error, Reason};
        {error, Reason} ->
            {error, Reason}
    end.

%% @private
-spec stop(term()) -> ok.
stop(_State) ->
    ok.
