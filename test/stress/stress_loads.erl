%% Loads of number: very many interpreters, very many calls.
-module(stress_loads).

-export([open_close/1, crowd/1, many/1]).

-import(stress_workers, [all/2, share/3, one_of/1, chance/1, mailbox_is_empty/0, gone/1, shuffled/1,
                         tally/2, sum/1]).

%% --- open and close ---

%% Interpreters come and go in every way there is. From a tenth of the way to the end the memory
%% must not grow by more than half of what is allowed in general: here nothing else explains it.
-spec open_close(map()) -> map().
open_close(#{interpreters := N, workers := Workers}) ->
    Part = fun(Total) ->
                   all(Workers, fun(I) -> open_some(share(Total, I, Workers), #{}) end)
           end,
    First = Part(N div 10),
    Early = stress_state:resident_bytes(),
    Rest = Part(N - N div 10),
    Late = stress_state:resident_bytes(),
    Late - Early =< stress_state:slack(memory) div 2 orelse exit({grown, [Early, Late]}),
    maps:merge(sum(First ++ Rest),
               #{mb_after_a_tenth => Early bsr 20, mb_after_all => Late bsr 20}).

open_some(0, Counted) ->
    mailbox_is_empty(),
    Counted;
open_some(N, Counted) ->
    Way = one_of([empty, used, running, queued, asleep, with_its_owner, several]),
    ok = open_one(Way),
    open_some(N - 1, tally(Way, Counted)).

open_one(empty) ->
    close(open());
open_one(used) ->
    Port = open(),
    {ok, 3} = rubeam:eval(Port, <<"a = [1, 2]; a.sum">>),
    close(Port);
open_one(running) ->
    close_with(<<"loop {}">>, 1);
open_one(queued) ->
    close_with(<<"loop {}">>, 5);
open_one(asleep) ->
    close_with(<<"sleep">>, 2);
open_one(with_its_owner) ->
    Parent = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
                                             Mine = open(),
                                             Parent ! {self(), Mine},
                                             {ok, 7} = rubeam:eval(Mine, <<"7">>)
                                     end),
    Port = receive {Owner, Opened} -> Opened end,
    receive {'DOWN', Monitor, process, Owner, normal} -> gone(Port) end;
open_one(several) ->
    lists:foreach(fun close/1, [open() || _ <- lists:seq(1, rand:uniform(10))]).

%% Closed while requests are not done yet: each of them hears of it.
close_with(Code, Requests) ->
    Port = open(),
    Ids = [rubeam:send_request(Port, {eval, Code}) || _ <- lists:seq(1, Requests)],
    close(Port),
    _ = [{reply, {error, closed}} = rubeam:receive_response(Id, infinity) || Id <- Ids],
    ok.

open() ->
    {ok, Port} = rubeam:open(),
    Port.

close(Port) ->
    ok = rubeam:close(Port),
    undefined = erlang:port_info(Port),
    ok.

%% --- a crowd ---

%% Each answer carries what only its own request had in it, the interpreter that gave it, and the
%% how-manieth request of that interpreter it was. So an answer that goes to another caller is
%% seen, and one that is lost, given twice or out of order.
-spec crowd(map()) -> map().
crowd(#{processes := Processes, interpreters := N, calls := Calls}) ->
    Ports = [begin
                 {ok, Port} = rubeam:open(),
                 {ok, _} = rubeam:eval(Port, ruby(I)),
                 {I, Port}
             end || I <- lists:seq(1, N)],
    Asked = counters:new(N, []),
    Tallies = all(Processes,
                  fun(I) -> call_some(share(Calls, I, Processes), I, Ports, Asked, #{}, #{}) end),
    lists:foreach(fun({I, Port}) ->
                          Count = counters:get(Asked, I),
                          {I, {ok, Count}} = {I, rubeam:eval(Port, <<"$n">>)},
                          close(Port)
                  end, Ports),
    mailbox_is_empty(),
    sum(Tallies).

ruby(I) ->
    ["$id = ", integer_to_binary(I), "\n"
     "$n = 0\n"
     "def mark(x)\n"
     "  $n += 1\n"
     "  [$id, $n, x]\n"
     "end\n"
     "def work(x, times)\n"
     "  answer = mark(x)\n"
     "  i = 0\n"
     "  i += 1 while i < times\n"
     "  answer\n"
     "end\n"
     "def nap(x)\n"
     "  answer = mark(x)\n"
     "  sleep(0.0005)\n"
     "  answer\n"
     "end\n"
     "def fail_with(x)\n"
     "  raise mark(x).inspect\n"
     "end\n"].

%% Last: the number of the last answer of each interpreter to this process.
call_some(0, _Me, _Ports, _Asked, _Last, Counted) ->
    mailbox_is_empty(),
    Counted;
call_some(N, Me, Ports, Asked, Last, Counted) ->
    case chance(10) of
        true ->
            %% Several at once, answered in any order
            Many = min(N, 1 + rand:uniform(5)),
            Requests = [make_request(Me, N - K, Ports) || K <- lists:seq(1, Many)],
            Ids = [{Request, rubeam:send_request(Port, Form)}
                   || {_Kind, Port, Form, _I, _X} = Request <- Requests],
            _ = [counters:add(Asked, I, 1) || {_, _, _, I, _} <- Requests],
            Answers = [begin
                           {reply, Answer} = rubeam:receive_response(Id, infinity),
                           {Request, Answer}
                       end || {Request, Id} <- shuffled(Ids)],
            %% Of one interpreter they come in the order of the requests.
            InOrder = [{Request, proplists:get_value(Request, Answers)} || Request <- Requests],
            NewLast = lists:foldl(fun({Request, Answer}, Acc) -> check(Request, Answer, Acc) end,
                                  Last, InOrder),
            call_some(N - Many, Me, Ports, Asked, NewLast,
                      maps:update_with(at_once, fun(M) -> M + Many end, Many, Counted));
        false ->
            {Kind, Port, Form, I, _X} = Request = make_request(Me, N, Ports),
            counters:add(Asked, I, 1),
            NewLast = check(Request, ask(Port, Form), Last),
            call_some(N - 1, Me, Ports, Asked, NewLast, tally(Kind, Counted))
    end.

ask(Port, {eval, Code}) -> rubeam:eval(Port, Code);
ask(Port, {call, Method, Args}) -> rubeam:call(Port, Method, Args).

make_request(Me, N, Ports) ->
    {I, Port} = one_of(Ports),
    Kind = one_of([call, call, call, eval, work, nap, error]),
    X = case Kind of
            eval -> Me * 1_000_000_000 + N; % stands in the code
            error -> Me * 1_000_000_000 + N;
            _ -> {self(), N}
        end,
    Form = case Kind of
               call -> {call, mark, [X]};
               eval -> {eval, <<"mark(", (integer_to_binary(X))/binary, ")">>};
               work -> {call, work, [X, rand:uniform(30_000)]};
               nap -> {call, nap, [X]};
               error -> {call, fail_with, [X]}
           end,
    {Kind, Port, Form, I, X}.

check({error, _Port, _Form, I, X}, {error, #{message := Message}}, Last) ->
    {ok, Tokens, _} = erl_scan:string(binary_to_list(Message) ++ "."),
    {ok, [I, Number, X]} = erl_parse:parse_term(Tokens),
    in_order(I, Number, Last);
check({_Kind, _Port, _Form, I, X}, {ok, [I, Number, X]}, Last) ->
    in_order(I, Number, Last);
check(Request, Answer, _Last) ->
    exit({wrong_answer, Request, Answer}).

in_order(I, Number, Last) ->
    case Last of
        #{I := Before} when Before >= Number -> exit({out_of_order, I, Before, Number});
        _ -> Last#{I => Number}
    end.

%% --- very many at once ---

%% Each process has an interpreter of its own, and all of them evaluate at the same time, each time
%% for several slices. What an answer says has to be this interpreter's, and what it had summed up
%% before.
-spec many(map()) -> map().
many(#{interpreters := N, rounds := Rounds}) ->
    Gate = spawn_link(fun() -> gate(N, []) end),
    Busy = counters:new(1, []),
    AtOnce = all(N, fun(I) -> evaluate(I, Rounds, Busy, Gate) end),
    mailbox_is_empty(),
    #{evals => N * (Rounds + 1), most_at_once => lists:max(AtOnce)}.

%% Opens when so many processes have come.
gate(0, Waiting) ->
    lists:foreach(fun(Pid) -> Pid ! {self(), opens} end, Waiting);
gate(N, Waiting) ->
    receive {comes, Pid} -> gate(N - 1, [Pid | Waiting]) end.

%% The most requests of all processes that were under way when it made one of its own.
evaluate(I, Rounds, Busy, Gate) ->
    Port = open(),
    {ok, nil} = rubeam:eval(Port, ["$id = ", integer_to_binary(I), "; $sum = 0; nil"]),
    Gate ! {comes, self()},
    receive {Gate, opens} -> ok end,
    Most = evaluate_some(Rounds, I, Port, 0, Busy, 0),
    close(Port),
    mailbox_is_empty(),
    Most.

evaluate_some(0, I, Port, Sum, _Busy, Most) ->
    {ok, [I, Sum]} = rubeam:eval(Port, <<"[$id, $sum]">>),
    Most;
evaluate_some(N, I, Port, Sum, Busy, Most) ->
    X = rand:uniform(1 bsl 40),
    counters:add(Busy, 1, 1),
    Now = counters:get(Busy, 1),
    {ok, [I, NewSum, X]} =
        rubeam:eval(Port, ["i = 0\n",
                           "i += 1 while i < ", integer_to_binary(50_000 + rand:uniform(50_000)),
                           "\n$sum += ", integer_to_binary(X),
                           "\n[$id, $sum, ", integer_to_binary(X), "]"]),
    counters:sub(Busy, 1, 1),
    NewSum = Sum + X,
    evaluate_some(N - 1, I, Port, NewSum, Busy, max(Most, Now)).
