%% Has each request the result that a model says, whatever came before it? And when several
%% processes ask at once, is there an order of their requests that explains all results?
%%
%% What requests ask for, and how their answers are read, is in test/stress/stress_model.erl, which
%% the load `trouble' uses as well: that one has many more at once, and knows less.
-module(prop_requests).

-include("prop.hrl").

-export([prop_requests_in_any_order_have_their_results/0,
         prop_requests_at_once_have_their_results/0]).

%% Callbacks of proper_statem, and what the commands do
-export([initial_state/0, command/1, precondition/2, next_state/3, postcondition/3]).
-export([open/1, ask/4, send/3, await/1, give_up/1, interrupt/2, cast/3, close/1, kill_owner/1]).

%% Milliseconds for what would go on for ever.
-define(SHORT, 3).

%% One interpreter, as the model sees it.
-record(ruby, {ref,              % {Owner, Port}
               least = 0,        % so many requests it has carried out, or one more for each that
               most = 0,         % was stopped, perhaps before it began
               alive = true,
               quiet = true,     % nothing is under way for sure
               head = none,      % what runs for ever: none or {Sent, X}
               behind = [],      % what waits behind that: {Sent or cast, Kind, X}
               results = []}).   % of what was sent: {Sent, X, [Expected]}, one of which it must be

-record(state, {at_once = false :: boolean(), rubies = #{} :: #{Id :: pos_integer() => #ruby{}}}).

prop_requests_in_any_order_have_their_results() ->
    ?FORALL(Commands, proper_statem:commands(?MODULE),
            in_a_node(fun() ->
                {_History, State, Result} = proper_statem:run_commands(?MODULE, Commands),
                lists:foreach(fun give_up/1, sent(State)),
                Result
            end)).

prop_requests_at_once_have_their_results() ->
    ?FORALL(Commands, proper_statem:parallel_commands(?MODULE, #state{at_once = true}),
            in_a_node(fun() ->
                {_Sequential, _Parallel, Result} =
                    proper_statem:run_parallel_commands(?MODULE, Commands),
                Result
            end)).

%% Owners end with the process of this name.
in_a_node(Run) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Nanny = spawn(fun() -> receive stop -> ok end end),
    true = register(?MODULE, Nanny),
    Result = Run(),
    Monitor = monitor(process, Nanny),
    Nanny ! stop,
    receive {'DOWN', Monitor, process, Nanny, _} -> ok end,
    Mailbox = mailbox(),
    ?WHENFAIL(io:format("result ~tp~nin the mailbox ~tp~n", [Result, Mailbox]),
              Result =:= ok andalso Mailbox =:= []).

%% PropEr's own processes are linked to this one, which may trap exits.
mailbox() ->
    receive
        {'EXIT', Pid, normal} when is_pid(Pid) -> mailbox();
        Message -> [Message | mailbox()]
    after 0 -> []
    end.

%% --- commands ---

initial_state() -> #state{}.

command(#state{rubies = Rubies}) when map_size(Rubies) =:= 0 ->
    {call, ?MODULE, open, [unique()]};
%% No ends: a request that was carried out may be told `closed' all the same, if its caller had not
%% come for the answer yet. No order of requests explains that.
command(#state{rubies = Rubies, at_once = true}) ->
    ?LET({Id, Ruby}, elements(maps:to_list(Rubies)),
         frequency([{1, {call, ?MODULE, open, [unique()]}},
                    {12, ask(Id, Ruby, [value, value, work, nap, print, respond, raise, bad])},
                    {1, {call, ?MODULE, cast, [Ruby#ruby.ref, value, unique()]}}]));
command(#state{rubies = Rubies}) ->
    ?LET({Id, Ruby}, elements(maps:to_list(Rubies)),
         frequency([{1, {call, ?MODULE, open, [unique()]}},
                    {8, ask(Id, Ruby, [value, value, work, nap, print, respond, raise, bad, bomb,
                                       leave, endless, endless, rescuing, stubborn])},
                    {8, {call, ?MODULE, send,
                         [Ruby#ruby.ref, elements([value, work, nap, raise, endless, leave]),
                          unique()]}},
                    {3, {call, ?MODULE, cast,
                         [Ruby#ruby.ref, elements([value, respond, raise]), unique()]}},
                    {1, {call, ?MODULE, close, [Ruby#ruby.ref]}},
                    {1, {call, ?MODULE, kill_owner, [Ruby#ruby.ref]}}]
                   ++ [{3, {call, ?MODULE, interrupt, [Ruby#ruby.ref, length(Ruby#ruby.behind)]}}
                       || Ruby#ruby.head =/= none]
                   ++ [{2, {call, ?MODULE, give_up, [Sent]}} || {Sent, _} <- [Ruby#ruby.head]]
                   ++ [{2, {call, ?MODULE, give_up, [Sent]}}
                       || {Sent, _, _} <- Ruby#ruby.behind, Sent =/= cast]
                   ++ [{4, {call, ?MODULE, await, [Sent]}} || {Sent, _, _} <- Ruby#ruby.results])).

%% Made when a command is: no two are the same, in whatever process it is carried out.
unique() ->
    ?LAZY(exactly(erlang:unique_integer([positive]))).

ask(_Id, #ruby{ref = Ref} = Ruby, Kinds) ->
    ?LET(Kind, elements(Kinds),
         {call, ?MODULE, ask, [Ref, Kind, unique(), timeout_of(Kind, Ruby)]}).

timeout_of(Kind, #ruby{head = Head}) ->
    case Head =/= none orelse stress_model:becomes(Kind) =:= never of
        true -> ?SHORT;
        false -> infinity
    end.

precondition(#state{rubies = Rubies}, {call, _, open, [Id]}) ->
    not maps:is_key(Id, Rubies);
precondition(State, {call, _, ask, [Ref, Kind, _X, Timeout]}) ->
    case ruby(Ref, State) of
        {_Id, #ruby{quiet = Quiet} = Ruby} ->
            %% What goes on for ever is to run, and not to be late in the queue.
            Timeout =:= timeout_of(Kind, Ruby)
                andalso (Quiet orelse stress_model:becomes(Kind) =/= never);
        none ->
            false
    end;
precondition(State, {call, _, await, [Sent]}) ->
    sent_result(Sent, State) =/= none;
precondition(State, {call, _, give_up, [Sent]}) ->
    lists:member(Sent, sent(State)) andalso sent_result(Sent, State) =:= none;
precondition(State, {call, _, interrupt, [Ref, Behind]}) ->
    case ruby(Ref, State) of
        {_Id, #ruby{head = {_, _}, behind = Now}} -> length(Now) =:= Behind;
        _ -> false
    end;
precondition(State, {call, _, _Command, [Ref | _]}) ->
    ruby(Ref, State) =/= none.

%% --- the model ---

next_state(#state{rubies = Rubies} = State, Result, {call, _, open, [Id]}) ->
    State#state{rubies = Rubies#{Id => #ruby{ref = Result}}};
next_state(State, _Result, {call, _, await, [Sent]}) ->
    {Id, Ruby} = ruby_of(Sent, State),
    put_ruby(Id, Ruby#ruby{results = lists:keydelete(Sent, 1, Ruby#ruby.results)}, State);
next_state(State, _Result, {call, _, give_up, [Sent]}) ->
    {Id, Ruby} = ruby_of(Sent, State),
    put_ruby(Id, case Ruby#ruby{quiet = false} of
                     #ruby{head = {Sent, _}} = Next -> go_on(Next#ruby{head = none});
                     #ruby{behind = Behind} = Next ->
                         Next#ruby{behind = lists:keydelete(Sent, 1, Behind)}
                 end, State);
next_state(State, Result, {call, _, Command, [Ref | Args]}) ->
    {Id, Ruby} = ruby(Ref, State),
    put_ruby(Id, next(Command, Args, Result, Ruby#ruby{quiet = false}), State).

put_ruby(Id, Ruby, #state{rubies = Rubies} = State) ->
    State#state{rubies = Rubies#{Id := Ruby}}.

next(ask, [bad | _], _Result, Ruby) -> Ruby;
next(ask, [Kind, X, _Timeout], _Result, #ruby{head = none, alive = true} = Ruby) ->
    {_Expected, Next} = carried_out(asked, Kind, X, Ruby),
    Next#ruby{quiet = true};
next(ask, _, _Result, Ruby) -> Ruby;
next(send, [Kind, X], Sent, #ruby{alive = true} = Ruby) ->
    go_on(Ruby#ruby{behind = Ruby#ruby.behind ++ [{Sent, Kind, X}]});
next(send, [_Kind, X], Sent, Ruby) ->
    add_result(Sent, X, [closed], Ruby);
next(cast, [Kind, X], _Result, #ruby{alive = true} = Ruby) ->
    go_on(Ruby#ruby{behind = Ruby#ruby.behind ++ [{cast, Kind, X}]});
next(cast, _, _Result, Ruby) -> Ruby;
next(interrupt, _, _Result, #ruby{head = {Sent, X}} = Ruby) ->
    go_on(add_result(Sent, X, [interrupted], Ruby#ruby{head = none}));
next(End, [], _Result, Ruby) when End =:= close; End =:= kill_owner ->
    %% What was sent may have been done, or not.
    Maybe = [{Sent, X, lists:usort([closed | Expected])}
             || {Sent, X, Expected} <- Ruby#ruby.results],
    Behind = case Ruby#ruby.head of
                 none -> Ruby#ruby.behind;
                 {Sent, X} -> [{Sent, endless, X} | Ruby#ruby.behind]
             end,
    ended(Ruby#ruby{results = Maybe, head = none, behind = Behind}).

%% Nothing runs any more.
ended(#ruby{behind = Behind} = Ruby) ->
    lists:foldl(fun({cast, _, _}, Acc) -> Acc;
                   ({Sent, _, X}, Acc) -> add_result(Sent, X, [closed], Acc)
                end, Ruby#ruby{alive = false, behind = []}, Behind).

%% Carries out what waits, unless something runs for ever.
go_on(#ruby{head = none, alive = true, behind = [{Sent, endless, X} | Behind]} = Ruby) ->
    Ruby#ruby{head = {Sent, X}, behind = Behind, most = Ruby#ruby.most + 1};
go_on(#ruby{head = none, alive = true, behind = [{Sent, Kind, X} | Behind]} = Ruby) ->
    {Expected, Next} = carried_out(Sent, Kind, X, Ruby#ruby{behind = Behind}),
    go_on(case Sent of
              cast -> Next;
              _ -> add_result(Sent, X, [Expected], Next)
          end);
go_on(Ruby) ->
    Ruby.

%% What comes back, and what the interpreter is afterwards.
carried_out(How, Kind, _X, #ruby{least = Least, most = Most} = Ruby) ->
    Counted = Ruby#ruby{least = Least + 1, most = Most + 1},
    case stress_model:becomes(Kind) of
        value -> {{value, Least + 1, Most + 1}, Counted};
        raised when How =:= cast -> {raised, ended(Counted)};
        raised -> {raised, Counted};
        memory_limit -> {memory_limit, Counted};
        closed -> {closed, ended(Counted)};
        never when Kind =:= stubborn -> {timeout, ended(Counted)};
        never -> {timeout, Ruby#ruby{most = Most + 1}}
    end.

add_result(Sent, X, Expected, #ruby{results = Results} = Ruby) ->
    Ruby#ruby{results = Results ++ [{Sent, X, Expected}]}.

ruby(Ref, #state{rubies = Rubies}) ->
    case [Found || {_Id, #ruby{ref = R}} = Found <- maps:to_list(Rubies), R =:= Ref] of
        [Found] -> Found;
        [] -> none
    end.

ruby_of(Sent, #state{rubies = Rubies}) ->
    [Found] = [{Id, Ruby} || {Id, Ruby} <- maps:to_list(Rubies), lists:member(Sent, sent_to(Ruby))],
    Found.

%% What has been sent, and neither awaited nor given up.
sent(#state{rubies = Rubies}) ->
    lists:append([sent_to(Ruby) || Ruby <- maps:values(Rubies)]).

sent_to(#ruby{head = Head, behind = Behind, results = Results}) ->
    [Sent || {Sent, _} <- [Head]] ++ [Sent || {Sent, _, _} <- Behind, Sent =/= cast]
        ++ [Sent || {Sent, _, _} <- Results].

sent_result(Sent, #state{rubies = Rubies}) ->
    case [{Id, X, Expected} || {Id, #ruby{results = Results}} <- maps:to_list(Rubies),
                               {S, X, Expected} <- Results, S =:= Sent] of
        [Found] -> Found;
        [] -> none
    end.

%% --- what must be true ---

postcondition(_State, {call, _, open, _}, {Owner, Port}) ->
    is_pid(Owner) andalso is_port(Port);
postcondition(State, {call, _, ask, [Ref, Kind, X, _Timeout]}, Result) ->
    {Id, Ruby} = ruby(Ref, State),
    Outcome = stress_model:outcome(Id, X, Result),
    %% A bad one is told so at once, also by what is just ending.
    is_expected(Outcome, asked(Kind, X, Ruby)) orelse Kind =:= bad andalso Outcome =:= bad_request;
postcondition(State, {call, _, await, [Sent]}, Answer) ->
    {Id, X, Expected} = sent_result(Sent, State),
    case Answer of
        {reply, Result} ->
            Outcome = stress_model:outcome(Id, X, Result),
            lists:any(fun(One) -> is_expected(Outcome, One) end, Expected);
        timeout ->
            false
    end;
postcondition(_State, {call, _, give_up, _}, Result) ->
    Result =:= timeout;
postcondition(State, {call, _, cast, [Ref | _]}, Result) ->
    case ruby(Ref, State) of
        {_Id, #ruby{alive = true}} -> Result =:= ok;
        %% It may still be ending: what ended it is answered first, and what was sent may wait.
        _ -> Result =:= ok orelse Result =:= {error, closed}
    end;
postcondition(_State, {call, _, send, _}, _Sent) ->
    true;
postcondition(_State, {call, _, _InterruptOrEnd, _}, Result) ->
    Result =:= ok.

asked(_Kind, _X, #ruby{alive = false}) -> closed;
asked(bad, _X, _Ruby) -> bad_request;
asked(_Kind, _X, #ruby{head = {_, _}}) -> timeout;
asked(Kind, X, Ruby) -> element(1, carried_out(asked, Kind, X, Ruby)).

is_expected({value, N}, {value, Least, Most}) -> N >= Least andalso N =< Most;
is_expected(Outcome, Expected) -> Outcome =:= Expected.

%% --- what is done ---

open(Id) ->
    Caller = self(),
    Owner = spawn(fun() ->
                          Nanny = monitor(process, ?MODULE),
                          {ok, Port} = rubeam:open(#{memory_limit => 4 bsl 20}),
                          {ok, nil} = rubeam:eval(Port, stress_model:prelude(Id)),
                          Caller ! {self(), Port},
                          own(Nanny)
                  end),
    receive {Owner, Port} -> {Owner, Port} end.

own(Nanny) ->
    receive
        {'DOWN', Nanny, _, _, _} -> ok;
        {_Port, {data, _}} -> own(Nanny)
    end.

ask({_Owner, Port}, Kind, X, Timeout) ->
    case stress_model:request(Kind, X) of
        {eval, Code} -> rubeam:eval(Port, Code, #{timeout => Timeout});
        {call, Method, Args} -> rubeam:call(Port, Method, Args, #{timeout => Timeout})
    end.

send({_Owner, Port}, Kind, X) ->
    rubeam:send_request(Port, stress_model:request(Kind, X)).

await(Sent) ->
    rubeam:receive_response(Sent, 10_000).

give_up(Sent) ->
    rubeam:receive_response(Sent, 0).

%% Not before what is to be interrupted has its turn.
interrupt({_Owner, Port} = Ref, Behind) ->
    case rubeam:info(Port) of
        #{queue := Behind} -> rubeam:interrupt(Port);
        _ -> receive after 1 -> interrupt(Ref, Behind) end
    end.

cast({_Owner, Port}, Kind, X) ->
    rubeam:cast(Port, stress_model:code(Kind, X)).

close({_Owner, Port}) ->
    rubeam:close(Port).

kill_owner({Owner, Port}) ->
    Monitor = monitor(port, Port),
    exit(Owner, kill),
    receive {'DOWN', Monitor, port, Port, _} -> ok end.
