%% @doc Does a process read what it is sent? Pure, in the calling process.
%%
%% Nobody but the process itself knows which messages it has read, and it may read them in any order. What
%% can be seen is how many wait.
%% @private
-module(rubeam_reader).

-export([is_behind/2, is_full/2]).

%% So few messages are none that anybody is behind with.
-define(FEW, 10).

%% @doc Of so many messages that Pid, a process of this node, was sent: are most still to be read, as far as
%% can be seen?
-spec is_behind(pid(), Messages :: non_neg_integer()) -> boolean().
is_behind(Pid, Messages) ->
    is_full(Pid, max(?FEW, Messages div 2)).

%% @doc Do more messages wait for Pid, a process of this node, than Most? Not for one that is dead.
-spec is_full(pid(), Most :: non_neg_integer()) -> boolean().
is_full(Pid, Most) ->
    case erlang:process_info(Pid, message_queue_len) of
        {message_queue_len, Length} -> Length > Most;
        undefined -> false
    end.
