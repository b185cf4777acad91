%% Load of a pool: callers and borrowers that are killed at any moment, while interpreters exit at any
%% moment as well, by their scripts and from outside.
%%
%% What must be true: a request or borrower whose process lives has one of the answers that there can
%% be, and leaves no message; no two have an interpreter at once, and no request runs in one that is
%% lent; afterwards nobody waits, nothing is lent and no request is counted, and the pool still has
%% all of its interpreters.
-module(stress_pool).

-export([run/1]).

-import(stress_workers, [all/2, share/3, one_of/1, chance/1, wait_up_to/1, mailbox_is_empty/0,
                         tally/2, sum/1]).

%% The longest that is waited before a kill.
-define(MOMENT, 4_000). % microseconds

-define(PATIENCE, 60_000).

-spec run(map()) -> map().
run(Sizes) ->
    %% Each end of an interpreter is an error to its supervisor.
    #{level := Level} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    try run_quietly(Sizes)
    after logger:set_primary_config(level, Level)
    end.

run_quietly(#{processes := N, workers := Workers, size := Size}) ->
    {ok, Pool} = rubeam_pool:start_link(#{size => Size, timeout => 200, grace => 5, max_waiting => 2 * Workers,
                                          prelude => [stress_scripts:prelude(), prelude()],
                                          output => discard}),
    %% What is lent, and to whom
    Lent = ets:new(lent, [public]),
    Tallies = all(Workers, fun(I) -> disturb(share(N, I, Workers), Pool, Lent, #{}) end),
    ok = until_quiet(Pool, Size, erlang:monotonic_time(millisecond) + ?PATIENCE),
    %% Each of them is as it was opened, or as a request has left it.
    _ = [{ok, 1} = rubeam_pool:call(Pool, one, []) || _ <- lists:seq(1, 100)],
    #{opened := Opened} = rubeam_pool:info(Pool),
    ok = rubeam_pool:stop(Pool),
    mailbox_is_empty(),
    maps:put(opened, Opened, sum(Tallies)).

%% $lent is true while a borrower has the interpreter.
prelude() ->
    <<"$lent = false\n"
      "def one = 1\n"
      "def lent = $lent\n">>.

until_quiet(Pool, Size, End) ->
    case rubeam_pool:info(Pool) of
        #{ready := Size, lent := 0, in_line := 0, requests := 0} ->
            ok;
        Info ->
            erlang:monotonic_time(millisecond) < End orelse exit({not_quiet, Info}),
            receive after 20 -> until_quiet(Pool, Size, End) end
    end.

disturb(0, _Pool, _Lent, Counted) ->
    mailbox_is_empty(),
    Counted;
disturb(N, Pool, Lent, Counted) ->
    Kind = one_of([call, eval, cast, leave, short, borrow, borrow, borrow_for_long]),
    {Pid, Monitor} = spawn_monitor(fun() ->
                                           Result = do(Kind, Pool, Lent),
                                           mailbox_is_empty(),
                                           exit({result, Result})
                                   end),
    Kill = chance(50),
    Kill andalso begin wait_up_to(?MOMENT), exit(Pid, kill) end,
    receive
        {'DOWN', Monitor, process, Pid, {result, Result}} ->
            disturb(N - 1, Pool, Lent, tally({Kind, judge(Kind, Result)}, Counted));
        {'DOWN', Monitor, process, Pid, killed} when Kill ->
            disturb(N - 1, Pool, Lent, tally({Kind, killed}, Counted));
        {'DOWN', Monitor, process, Pid, Reason} ->
            exit({Kind, Reason})
    after ?PATIENCE ->
        exit({no_answer, Kind, process_info(Pid, [current_stacktrace]), rubeam_pool:info(Pool)})
    end.

do(call, Pool, _) -> rubeam_pool:call(Pool, lent, []);
do(eval, Pool, _) -> {_, Code} = stress_scripts:any(), rubeam_pool:eval(Pool, ["raise 'lent' if $lent; ", Code]);
do(cast, Pool, _) -> rubeam_pool:cast(Pool, one_of([<<"1">>, <<"sleep 0.002">>, <<"raise 'x'">>]));
do(leave, Pool, _) -> rubeam_pool:eval(Pool, one_of([<<"exit">>, <<"sleep 0.001; exit 3">>]));
do(short, Pool, _) -> rubeam_pool:with(Pool, fun(_) -> had end, rand:uniform(4) - 1);
do(borrow, Pool, Lent) -> rubeam_pool:with(Pool, fun(Ruby) -> use(Ruby, Lent, one_of([polite, close, leave])) end);
do(borrow_for_long, Pool, Lent) -> rubeam_pool:with(Pool, fun(Ruby) -> use(Ruby, Lent, any) end).

%% The owner of a row that is dead has not given back: its interpreter is to be gone for good.
use(Ruby, Lent, How) ->
    ets:insert_new(Lent, {Ruby, self()}) orelse exit({lent_twice, Ruby, ets:lookup(Lent, Ruby)}),
    Result = case rubeam:eval(Ruby, <<"raise 'lent' if $lent; $lent = true">>) of
                 {ok, true} -> use(Ruby, How);
                 {error, closed} -> closed;
                 {error, timeout} -> timeout
             end,
    %% It is given back only if it is as it was found.
    Back = Result =/= left andalso rubeam:eval(Ruby, <<"$lent = false">>),
    case Back of
        {ok, false} -> ok;
        _ -> ok = rubeam:close(Ruby)
    end,
    true = ets:delete(Lent, Ruby),
    Result.

use(Ruby, polite) -> _ = rubeam:eval(Ruby, <<"sleep 0.001">>), had;
use(Ruby, close) -> ok = rubeam:close(Ruby), left;
use(Ruby, leave) -> _ = rubeam:eval(Ruby, <<"exit">>), left;
use(Ruby, any) ->
    {_, Code} = stress_scripts:any(),
    _ = rubeam:eval(Ruby, Code, #{timeout => 5}),
    had.

judge(_Kind, {error, busy}) -> busy;
judge(_Kind, {error, closed}) -> closed; % another request ended it
judge(call, {ok, false}) -> ok;
judge(call, {error, timeout}) -> timeout;
judge(eval, {ok, _}) -> ok;
judge(eval, {error, timeout}) -> timeout;
judge(eval, {error, killed}) -> killed_script;
judge(eval, {error, memory_limit}) -> memory_limit;
judge(eval, {error, #{message := Message}}) when Message =/= <<"lent">> -> exception;
judge(cast, ok) -> ok;
judge(cast, {error, timeout}) -> timeout; % in line
judge(leave, {error, timeout}) -> timeout;
judge(short, {ok, had}) -> ok;
judge(short, {error, timeout}) -> timeout;
judge(Borrow, {ok, Had}) when Borrow =:= borrow; Borrow =:= borrow_for_long -> Had.
