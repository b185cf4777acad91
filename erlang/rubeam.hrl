%% Private to the application rubeam.

%% The driver's name: in erl_ddll, and as the first word of open_port's command.
-define(DRIVER, "rubeam_drv").

%% The scope of pg in which pools join groups.
-define(GROUPS, rubeam).

%% The metadata of every event that the application logs.
-define(LOG, #{domain => [rubeam]}).

%% A mistake of the caller's own making. Args are those of the calling function, Checks the
%% results of their checks in the same order: {ok, _} or {bad, Text}. A macro, because the
%% function that calls erlang:error/3 is the one that the stack trace names.
-define(BADARG(Args, Checks),
        erlang:error(badarg, Args,
                     [{error_info, #{module => rubeam_error,
                                     cause => rubeam_error:causes(Checks)}}])).

%% A name that could be a method's or a constant's.
-define(IS_METHOD(Name), (is_atom(Name) orelse is_binary(Name))).

-define(IS_TIMEOUT(Timeout),
        (Timeout =:= infinity orelse (is_integer(Timeout) andalso Timeout >= 0
                                      andalso Timeout =< 16#FFFFFFFF))).
