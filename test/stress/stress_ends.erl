%% Loads of ends: owners and callers that die, requests that run out of time, at every moment of a
%% job.
-module(stress_ends).

-export([owners_killed/1, callers_killed/1, timeouts/1]).

-import(stress_workers, [all/2, share/3, one_of/1, chance/1, wait_up_to/1, mailbox_is_empty/0,
                         gone/1, shuffled/1, tally/2, sum/1]).

%% The longest that is waited before a kill: past the inline slice and a few in the pool.
-define(MOMENT, 4_000). % microseconds

%% --- owners ---

%% Each owner opens an interpreter and has it do something, as do up to two others; then it is
%% killed. Its port must go, and the others must hear that it is closed.
-spec owners_killed(map()) -> map().
owners_killed(#{owners := N, workers := Workers}) ->
    sum(all(Workers, fun(I) -> kill_owners(share(N, I, Workers), #{}) end)).

kill_owners(0, Counted) ->
    mailbox_is_empty(),
    Counted;
kill_owners(N, Counted) ->
    Parent = self(),
    {_, Code} = stress_scripts:any(),
    Owner = spawn(fun() -> own(Parent, Code) end),
    Counted1 =
        case chance(20) of
            true -> % while it opens, or right after
                wait_up_to(1_000),
                exit(Owner, kill),
                gone(Owner),
                receive {Owner, Half} -> gone(Half) after 0 -> ok end,
                tally(opening, Counted);
            false ->
                Port = receive {Owner, Opened} -> Opened end,
                Callers = [spawn_monitor(fun() -> exit({result, request(Port)}) end)
                           || _ <- lists:seq(1, rand:uniform(3) - 1)],
                wait_up_to(?MOMENT),
                exit(Owner, kill),
                gone(Port),
                lists:foldl(fun(Caller, Acc) -> tally(outcome(Caller), Acc) end,
                            tally(at_work, Counted), Callers)
        end,
    kill_owners(N - 1, Counted1).

own(Parent, Code) ->
    {ok, Port} = rubeam:open(),
    {ok, _} = rubeam:eval(Port, stress_scripts:prelude()),
    Parent ! {self(), Port},
    case rand:uniform(4) of
        1 -> rubeam:eval(Port, Code);
        2 -> rubeam:cast(Port, Code);
        3 -> [rubeam:send_request(Port, {eval, Code}) || _ <- lists:seq(1, rand:uniform(5))];
        4 -> port_command(Port, term_to_binary({eval, 1, Code}))
    end,
    receive never -> ok end.

request(Port) ->
    {_, Code} = stress_scripts:any(),
    Result = case rand:uniform(3) of
                 1 -> rubeam:eval(Port, Code);
                 2 -> rubeam:call(Port, fib, [rand:uniform(25)]);
                 3 ->
                     Id = rubeam:send_request(Port, {eval, Code}),
                     {reply, Answer} = rubeam:receive_response(Id, infinity),
                     Answer
             end,
    mailbox_is_empty(),
    Result.

outcome({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, {result, {ok, _}}} -> caller_got_value;
        {'DOWN', Monitor, process, Pid, {result, {error, closed}}} -> caller_got_closed;
        {'DOWN', Monitor, process, Pid, {result, {error, #{class := _}}}} -> caller_got_exception;
        {'DOWN', Monitor, process, Pid, Reason} -> exit({caller, Reason})
    end.

%% --- callers ---

%% Callers are killed while their requests run or wait; what comes next in that interpreter is
%% carried out, since those were stopped.
-spec callers_killed(map()) -> map().
callers_killed(#{callers := N, workers := Workers}) ->
    sum(all(Workers, fun(I) ->
                             Keeper = keeper(),
                             Port = open(Keeper),
                             Counted = kill_callers(share(N, I, Workers), Keeper, Port, #{}),
                             end_keeper(Keeper),
                             Counted
                     end)).

kill_callers(N, _Keeper, Port, Counted) when N =< 0 ->
    ok = rubeam:close(Port),
    mailbox_is_empty(),
    Counted;
kill_callers(N, Keeper, Port, Counted) ->
    Scripts = [stress_scripts:any() || _ <- lists:seq(1, rand:uniform(4))],
    Callers = [begin
                   Pid = spawn(fun() -> call_for_ever(Port, Code) end),
                   chance(30) andalso wait_up_to(500),
                   Pid
               end || {_Kind, Code} <- Scripts],
    wait_up_to(?MOMENT),
    lists:foreach(fun(Pid) -> exit(Pid, kill) end, shuffled(Callers)),
    lists:foreach(fun(Pid) -> gone(Pid) end, Callers),
    Value = rand:uniform(1 bsl 50),
    {Next, Counted1} =
        case rubeam:eval(Port, integer_to_binary(Value)) of
            {ok, Value} ->
                {Port, tally(answered, Counted)};
            {error, closed} ->
                %% Only a script that would not stop may cost the interpreter.
                lists:keymember(stubborn, 1, Scripts) orelse exit({closed_after, Scripts}),
                {open(Keeper), tally(ended_with_a_stubborn_one, Counted)};
            Other ->
                exit({not_answered, Value, Other})
        end,
    kill_callers(N - length(Callers), Keeper, Next, Counted1).

call_for_ever(Port, Code) ->
    _ = case rand:uniform(4) of
            1 -> rubeam:eval(Port, Code);
            2 -> rubeam:call(Port, fib, [15 + rand:uniform(10)]);
            3 -> [rubeam:send_request(Port, {eval, Code}) || _ <- lists:seq(1, rand:uniform(3))];
            4 -> rubeam:eval(Port, Code, #{timeout => 1 + rand:uniform(3)})
        end,
    call_for_ever(Port, Code).

%% --- timeouts ---

%% A request with 1 ms ends with its value or `timeout', and nothing arrives later; the interpreter
%% goes on, but for a script that would not stop.
-spec timeouts(map()) -> map().
timeouts(#{requests := N, workers := Workers}) ->
    sum(all(Workers, fun(I) ->
                             Keeper = keeper(),
                             Counted = time_out(share(N, I, Workers), Keeper, open(Keeper), #{}),
                             end_keeper(Keeper),
                             %% Late messages would come now, if there were any.
                             receive Late -> exit({late_message, Late}) after 200 -> Counted end
                     end)).

time_out(0, _Keeper, Port, Counted) ->
    ok = rubeam:close(Port),
    Counted;
time_out(N, Keeper, Port, Counted) ->
    {Kind, Code} = Script = stress_scripts:any(),
    Result = timed(Port, Code),
    mailbox_is_empty(),
    Outcome = case Result of
                  {ok, _} -> value;
                  {error, timeout} -> timeout;
                  {error, #{class := _}} -> exception;
                  given_up -> given_up;
                  {error, killed} when Kind =:= stubborn -> killed;
                  {error, closed} when Kind =:= stubborn -> killed;
                  _ -> exit({wrong_result, Script, Result})
              end,
    Value = rand:uniform(1 bsl 50),
    Next = case rubeam:eval(Port, integer_to_binary(Value)) of
               {ok, Value} -> Port;
               {error, closed} when Kind =:= stubborn -> open(Keeper);
               Other -> exit({unusable_after, Script, Result, Other})
           end,
    mailbox_is_empty(),
    time_out(N - 1, Keeper, Next, tally(Outcome, Counted)).

timed(Port, Code) ->
    case rand:uniform(3) of
        1 ->
            rubeam:eval(Port, Code, #{timeout => 1});
        2 ->
            Id = rubeam:send_request(Port, {eval, Code, #{timeout => 1}}),
            {reply, Result} = rubeam:receive_response(Id, infinity),
            Result;
        3 ->
            Id = rubeam:send_request(Port, {eval, Code}),
            case rubeam:receive_response(Id, rand:uniform(3) - 1) of
                {reply, Result} -> Result;
                timeout -> given_up
            end
    end.

%% --- keepers ---

%% Owns a worker's interpreters, so that what they print and that they ended does not come to the
%% worker, whose mailbox must stay empty.
keeper() ->
    Worker = self(),
    spawn_link(fun() -> keep(Worker) end).

keep(Worker) ->
    receive
        open ->
            {ok, Port} = rubeam:open(),
            {ok, _} = rubeam:eval(Port, stress_scripts:prelude()),
            Worker ! {self(), Port},
            keep(Worker);
        {Port, {data, _Frame}} when is_port(Port) ->
            keep(Worker);
        stop ->
            ok
    end.

open(Keeper) ->
    Keeper ! open,
    receive {Keeper, Port} -> Port end.

end_keeper(Keeper) ->
    unlink(Keeper),
    Keeper ! stop,
    gone(Keeper).
