%% Load of Erlang functions: Ruby calls them, they ask Ruby back, and at any moment the request runs
%% out of time, is interrupted or given up, or its process, the function's process or the port goes.
%%
%% What must be true: a request whose process lives has one of the answers that what happened to it
%% allows, and leaves no message; an interpreter that nobody ended answers the next request; and a value is
%% that of this very call (each has a number of its own).
-module(stress_functions).

-export([run/1]).

-import(stress_workers, [all/2, share/3, one_of/1, chance/1, wait_up_to/1, mailbox_is_empty/0,
                         tally/2, sum/1]).

%% The longest that is waited before a request is disturbed.
-define(MOMENT, 3_000). % microseconds

-define(PATIENCE, 60_000).

-spec run(map()) -> map().
run(#{requests := N, workers := Workers}) ->
    sum(all(Workers, fun(I) -> ask(share(N, I, Workers), #{}) end)).

ask(0, Counted) ->
    mailbox_is_empty(),
    Counted;
ask(N, Counted) ->
    {Kind, Ruby} = open(),
    Left = min(N, rand:uniform(20)),
    Counted1 = ask_some(Left, Kind, Ruby, Counted),
    ok = rubeam:close(Ruby),
    ask(N - Left, Counted1).

open() ->
    Options = #{functions => functions(), prelude => stress_scripts:prelude(),
                slice => one_of([50, 1000])},
    case chance(50) of
        true ->
            {ok, Port} = rubeam:open(Options),
            {port, Port};
        false ->
            {ok, Server} = rubeam_server:start(Options#{output => discard}),
            {server, Server}
    end.

functions() ->
    #{same => fun(Term) -> Term end,
      pause => fun(Us) -> wait_up_to(max(1, Us)) end,
      sleep => fun(Ms) -> timer:sleep(Ms) end,
      fail => fun(Why) -> erlang:raise(one_of([error, exit, throw]), Why, []) end}.

ask_some(0, _Kind, _Ruby, Counted) ->
    Counted;
ask_some(N, Kind, Ruby, Counted) ->
    Number = rand:uniform(1 bsl 40),
    {Caller, Monitor} = spawn_monitor(caller(Ruby, Number)),
    Trouble = trouble(Ruby, Caller),
    Result = receive {'DOWN', Monitor, process, Caller, Reason} -> Reason
             after ?PATIENCE -> exit({no_answer, process_info(Caller), rubeam:info(Ruby)})
             end,
    Outcome = judge(Trouble, Number, Result),
    case Trouble =:= closed orelse rubeam:eval(Ruby, <<"6 * 7">>) of
        true -> tally({Trouble, Outcome}, Counted);
        {ok, 42} -> ask_some(N - 1, Kind, Ruby, tally({Trouble, Outcome}, Counted));
        %% Stopped again and again while it was in C code: then it is killed.
        {error, closed} when Trouble =/= none -> tally({Trouble, killed}, Counted);
        Other -> exit({does_not_answer, Trouble, Result, Other})
    end.

%% A request, with functions of its own, which answers with its number.
caller(Ruby, Number) ->
    Seed = rand:uniform(1 bsl 32),
    fun() ->
            _ = rand:seed(exsss, Seed),
            Options0 = #{functions => #{back => fun(Code) -> back(Ruby, Code) end}},
            Options = case chance(30) of
                          true -> Options0#{timeout => rand:uniform(4)};
                          false -> Options0
                      end,
            Result = request(Ruby, code(Number), Options),
            mailbox_is_empty(),
            exit({result, is_map_key(timeout, Options), Result})
    end.

request(Ruby, Code, Options) ->
    case rand:uniform(4) of
        1 ->
            Id = rubeam:send_request(Ruby, {eval, Code, Options}),
            {reply, Result} = rubeam:receive_response(Id, infinity),
            Result;
        2 ->
            Id = rubeam:send_request(Ruby, {eval, Code, Options}),
            case rubeam:receive_response(Id, rand:uniform(4)) of
                {reply, Result} -> Result;
                timeout -> given_up
            end;
        _ ->
            rubeam:eval(Ruby, Code, Options)
    end.

%% What a function asks Ruby back: its own exceptions are Ruby's.
back(Ruby, Code) ->
    Endless = Code =:= <<"loop {}">>,
    case rubeam:eval(Ruby, Code, one_of([#{timeout => 2} | [#{} || not Endless]])) of
        {ok, Value} -> Value;
        {error, Reason} -> exit({back, Reason})
    end.

code(Number) ->
    iolist_to_binary(["n = ", integer_to_list(Number), "\n",
                      [[step(), "\n"] || _ <- lists:seq(1, rand:uniform(5))],
                      "Erlang.call(:same, n)"]).

step() ->
    one_of(["Erlang.call(:same, n) == n or raise 'another value'",
            "Erlang.call(:pause, 200)",
            "Erlang.call(:sleep, 1)",
            "begin; Erlang.call(:fail, n); rescue Erlang::CallError => e; "
            "e.reason == n or raise 'another reason'; end",
            "20.times { |i| Erlang.call(:same, [i]) == [i] or raise 'another' }",
            "begin; Erlang.call(:back, 'fib(12)'); rescue Erlang::CallError; end",
            "begin; Erlang.call(:back, 'sleep 0.001; 5'); rescue Erlang::CallError; end",
            "begin; Erlang.call(:back, 'loop {}'); rescue Erlang::CallError; end if rand(20) == 0",
            "begin; Erlang.call(:back, \"Erlang.call(:same, 'x' * 9000).size\"); "
            "rescue Erlang::CallError; end",
            "begin; Erlang.call(:back, \"begin; Erlang.call(:back, '1 + 1'); rescue Erlang::CallError; end\"); "
            "rescue Erlang::CallError; end",
            "fib(14)",
            "sleep 0.0005",
            "begin; Erlang.call(:sleep, 1); ensure; Erlang.call(:same, 1) rescue nil; end",
            "Fiber.new { Erlang.call(:same, Fiber.new { Erlang.call(:same, 3) }.resume) }.resume"]).

%% What happens to the request meanwhile.
trouble(Ruby, Caller) ->
    Trouble = case rand:uniform(10) of
                  1 -> killed;
                  2 -> killed;
                  3 -> interrupted;
                  4 -> closed;
                  _ -> none
              end,
    Trouble =/= none andalso wait_up_to(?MOMENT),
    case Trouble of
        none -> ok;
        killed -> exit(Caller, kill);
        interrupted -> ok = rubeam:interrupt(Ruby);
        closed -> ok = rubeam:close(Ruby)
    end,
    Trouble.

judge(_Trouble, Number, {result, _Timed, {ok, Number}}) -> value;
judge(_Trouble, _Number, {result, _Timed, given_up}) -> given_up;
judge(killed, _Number, killed) -> killed;
judge(interrupted, _Number, {result, _Timed, {error, interrupted}}) -> interrupted;
judge(closed, _Number, {result, _Timed, {error, closed}}) -> closed;
%% The interrupt, or the time, has hit what a function asked Ruby back, where it was rescued, or not:
judge(_Trouble, _Number, {result, true, {error, timeout}}) -> timeout;
judge(Trouble, Number, Result) -> exit({wrong_answer, Trouble, Number, Result}).
