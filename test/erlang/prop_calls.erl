%% When Ruby calls Erlang functions, which ask Ruby back, fail, interrupt, hold or die: has each request the
%% result that a model says, did Ruby do what it says, in that order, and is nothing left?
%%
%% A script is a tree. Numbered (`prepare'), it can be written as Ruby (`code'), and carried out by the model
%% (`run'). Where a request has a timeout, the model is right only if the script came to the function that
%% outlasts it in time; one that was late is not judged.
-module(prop_calls).

-include("prop.hrl").

-export([prop_calls_have_their_results/0, prop_calls_at_once_have_their_results/0]).

%% Driver commands: docs/protocol.md
-define(REQUEST, 16#52420001).

%% Milliseconds: for what is never late; a timeout; a function that outlasts it for sure.
-define(PATIENCE, 15_000).
-define(SHORT, 10).
-define(LONG, 60).

%% Slices. A script that was stopped may go on for seconds: who runs its functions may be held until then.
-define(GRACE, 10_000).

%% A request, numbered; its number is its Id where the way has one.
-record(request, {number, way, own, timed, script}).

%% The interpreter, and a table: its requests by their numbers; `late', if one was.
-record(env, {ruby, port, table}).

prop_calls_have_their_results() ->
    ?FORALL({Owner, Tops}, {elements([port, server]), list(top())},
            holds(Owner, [[Top] || Top <- lists:sublist(Tops, 8)])).

prop_calls_at_once_have_their_results() ->
    Caller = caller(nested_way()),
    ?FORALL({Owner, Tops}, {elements([port, server]), {Caller, Caller, list(Caller)}},
            begin
                {One, Two, More} = Tops,
                holds(Owner, [lists:sublist([One, Two | More], 4)])
            end).

%% --- what is asked ---

%% The owner itself asks, or another process.
top() ->
    frequency([{3, owner(nested_way())},
               {3, owner(elements([frame, cast, message]))},
               {2, caller(nested_way())}]).

owner(Way) -> {owner, request(Way, 7)}.
caller(Way) -> {caller, request(Way, 7)}.

nested_way() ->
    elements([eval, call, load, send, wait, check, control, raw]).

request(Way, Size) when is_integer(Size) -> request(Way, script(Size));
request(Way, Script) ->
    ?LET({W, Own, Timed, S}, {Way, boolean(), timed(), Script},
         #request{way = W, own = Own, timed = Timed andalso can_be_timed(W), script = S}).

timed() -> frequency([{10, false}, {1, true}]).

can_be_timed(Way) -> Way =/= cast andalso Way =/= message.

script(Size) when Size =< 0 ->
    oneof([mark, {value, value()}, which]);
script(Size) ->
    frequency([{2, mark},
               {1, {value, value()}},
               {2, which},
               {3, {same, ?LAZY(script(Size - 1))}},
               {1, {slow, ?LAZY(script(Size - 1))}},
               {1, {nap, ?LAZY(script(Size - 1))}},
               {1, {work, ?LAZY(script(Size - 1))}},
               {4, {list, [?LAZY(script(Size - 1)), ?LAZY(script(Size - 2))]}},
               {2, {fail, elements([error, exit, throw]), value()}},
               {1, elements([undef, badarity, improper, no_form])},
               {1, {raise, integer(1, 9)}},
               {3, {rescued, elements([<<"Erlang::CallError">>, <<"StandardError">>, <<"Exception">>]),
                    ?LAZY(script(Size - 1)), ?LAZY(script(Size - 3))}},
               {3, {ensured, ?LAZY(script(Size - 1)), ?LAZY(script(Size - 3))}},
               {12, {back, ?LAZY(request(nested_way(), Size - 1))}},
               {1, {ensured, ?LAZY(stops(Size - 1)), {back, ?LAZY(request(nested_way(), Size - 3))}}},
               {1, cast},
               {3, {interrupt, integer(0, 3)}},
               {2, hold},
               {1, die}]).

%% Likely to be stopped
stops(Size) when Size =< 0 -> {interrupt, integer(0, 3)};
stops(Size) ->
    oneof([{interrupt, integer(0, 3)}, {back, ?LAZY(request(nested_way(), stops(Size - 1)))}]).

value() -> oneof([integer(), elements([nil, true, an_atom, <<"a text">>])]).

%% --- numbers ---

%% Marks and requests get numbers. An interrupt is of a request that can be named, or of all; who must
%% not die, or has no timeout to outlast, has nil in place of that.
prepare(Tops) ->
    {Numbered, _} = lists:mapfoldl(fun({By, Request}, N) ->
                                           {Next, M} = request(Request, [], By, N),
                                           {{By, Next}, M}
                                   end, 1, Tops),
    Numbered.

request(#request{script = Script} = Request, Within, By, N) ->
    Next = Request#request{number = N},
    {Prepared, M} = prepare(Script, [Next | Within], By, N + 1),
    {Next#request{script = Prepared}, M}.

prepare(mark, _, _, N) -> {{mark, N}, N + 1};
prepare(cast, _, _, N) -> {{cast, N}, N + 1};
prepare({interrupt, Which}, Within, _, N) ->
    Ids = [Id || #request{number = Id, way = Way} <- lists:sublist(Within, max(Which, 1), min(Which, 1)),
                 lists:member(Way, [control, raw, frame])],
    {{interrupt, case Ids of [Id] -> Id; [] -> nil end}, N};
prepare(hold, Within, _, N) ->
    {case [timed || #request{timed = true} <- Within] of
         [] -> {value, nil};
         _ -> hold
     end, N};
prepare(die, Within, By, N) ->
    #request{way = Way} = lists:last(Within),
    {case {By, Way} of
         {caller, _} -> die;
         {server, cast} -> die;
         {server, message} -> die;
         _ -> {value, nil}
     end, N};
prepare({back, Request}, Within, By, N) ->
    {Next, M} = request(Request, Within, By, N),
    {{back, Next}, M};
prepare({list, Scripts}, Within, By, N) ->
    {Next, M} = lists:mapfoldl(fun(Script, K) -> prepare(Script, Within, By, K) end, N, Scripts),
    {{list, Next}, M};
prepare({rescued, Class, Script, Handler}, Within, By, N) ->
    {S, M} = prepare(Script, Within, By, N),
    {H, K} = prepare(Handler, Within, By, M),
    {{rescued, Class, S, H}, K};
prepare({ensured, Script, Last}, Within, By, N) ->
    {S, M} = prepare(Script, Within, By, N),
    {L, K} = prepare(Last, Within, By, M),
    {{ensured, S, L}, K};
prepare({How, Script}, Within, By, N) when How =:= same; How =:= slow; How =:= nap; How =:= work ->
    {S, M} = prepare(Script, Within, By, N),
    {{How, S}, M};
prepare(Script, _, _, N) -> {Script, N}.

%% All of them, also those in others.
requests(#request{script = Script} = Request) -> [Request | requests(Script)];
requests(Script) when is_tuple(Script) -> lists:append([requests(Part) || Part <- tuple_to_list(Script)]);
requests(Scripts) when is_list(Scripts) -> lists:append([requests(Script) || Script <- Scripts]);
requests(_) -> [].

%% --- as Ruby ---

prelude() ->
    <<"$log = []\n"
      "def mark(n) = ($log << n; n)\n"
      "def told(e) = e.is_a?(Erlang::CallError) ? [e.kind, e.reason] : e.class.to_s\n"
      "def work = 20000.times { }\n"
      "Erlang.on_message { |n| __send__(\"s#{n}\") }\n"
      "nil">>.

code({mark, N}) -> ["mark(", integer_to_list(N), ")"];
code({value, Value}) -> literal(Value);
code(which) -> "Erlang.call(:which)";
code({same, Script}) -> ["Erlang.call(:same, ", code(Script), ")"];
code({slow, Script}) -> ["Erlang.call(:slow, ", code(Script), ")"];
code({nap, Script}) -> ["(sleep 0.0012; ", code(Script), ")"];
code({work, Script}) -> ["(work; ", code(Script), ")"];
code({list, Scripts}) -> ["[", lists:join(", ", [code(Script) || Script <- Scripts]), "]"];
code({fail, Class, Reason}) -> ["Erlang.call(:fail, :", atom_to_list(Class), ", ", literal(Reason), ")"];
code(undef) -> "Erlang.call(:nowhere)";
code(badarity) -> "Erlang.call(:same, 1, 2)";
code(improper) -> "Erlang.call(:improper)";
code(no_form) -> "Erlang.call(:same, Object.new)";
code({raise, N}) -> ["raise('no ", integer_to_list(N), "')"];
code({rescued, Class, Script, Handler}) ->
    ["(begin; ", code(Script), "; rescue ", Class, " => e; [told(e), ", code(Handler), "]; end)"];
code({ensured, Script, Last}) ->
    ["(begin; ", code(Script), "; ensure; ", code(Last), "; end)"];
code({back, #request{number = N}}) -> ["Erlang.call(:back, ", integer_to_list(N), ")"];
code({cast, N}) -> ["Erlang.call(:cast, ", integer_to_list(N), ")"];
code({interrupt, Id}) -> ["Erlang.call(:interrupt, ", literal(Id), ")"];
code(hold) -> "Erlang.call(:hold)";
code(die) -> "Erlang.call(:die)".

literal(nil) -> "nil";
literal(true) -> "true";
literal(Value) when is_integer(Value) -> integer_to_list(Value);
literal(Value) when is_atom(Value) -> [":", atom_to_list(Value)];
literal(Value) when is_binary(Value) -> ["'", Value, "'"].

%% What is cast has nobody to tell how it went, so it says so itself.
request_code(#request{number = N, way = Way, script = Script}) when Way =:= cast; Way =:= message ->
    iolist_to_binary(["send_response([", integer_to_list(N), ", (begin; [:ok, ", code(Script),
                      "]; rescue Exception => e; [:error, told(e)]; end)])"]);
request_code(#request{script = Script}) ->
    iolist_to_binary(code(Script)).

%% --- the model ---

%% One request of those that stand upon one another.
-record(level, {number,
                own,              % has functions of its own
                timed,            % its time is not over yet
                caller,           % the process that made it will run its functions
                dead = false,     % that process is
                stop = none,      % why it was stopped: timeout, interrupted, abandoned
                raised = false}). % and has heard of it

-record(model, {levels = [],      % the uppermost first
                log = [],         % marks, the last one first
                casts = []}).     % the same, of casts

%% {What comes of the request, marks, marks of casts}
expected(Request) ->
    {Result, Model} = ask(Request, #model{}),
    {Result, lists:reverse(Model#model.log), lists:reverse(Model#model.casts)}.

ask(#request{number = N, way = Way, own = Own, timed = Timed, script = Script},
    #model{levels = Levels} = Model) ->
    Cast = Way =:= cast orelse Way =:= message,
    Level = #level{number = N, own = Own, timed = Timed, caller = not Cast},
    {Result, #model{levels = [Last | Rest]} = After} = run(Script, Model#model{levels = [Level | Levels]}),
    {came_of(Cast, Result, Last), After#model{levels = Rest}}.

came_of(true, {ok, Value}, #level{stop = Stop}) -> {[ok, Value], Stop};
came_of(true, {raised, Told, _}, #level{stop = Stop}) -> {[error, Told], Stop};
came_of(false, _, #level{dead = true}) -> died;
came_of(false, _, #level{stop = Stop}) when Stop =/= none -> [stopped, Stop];
came_of(false, {ok, Value}, _) -> [ok, Value];
came_of(false, {raised, _, Class}, _) -> [error, Class].

run({mark, N}, #model{log = Log} = Model) -> {{ok, N}, Model#model{log = [N | Log]}};
run({value, Value}, Model) -> {{ok, Value}, Model};
run({nap, Script}, Model) -> run(Script, Model);
run({work, Script}, Model) -> run(Script, Model);
run({list, Scripts}, Model) -> run_list(Scripts, [], Model);
run({raise, N}, Model) ->
    {{raised, <<"RuntimeError">>, {<<"RuntimeError">>, <<"no ", (integer_to_binary(N))/binary>>}}, Model};
run({rescued, Class, Script, Handler}, Model) ->
    case run(Script, Model) of
        {{raised, Told, Raised}, Next} = Result ->
            case rescues(Class, Raised) of
                true -> after_that(Handler, Next, fun(Value) -> {ok, [Told, Value]} end);
                false -> Result
            end;
        Result ->
            Result
    end;
run({ensured, Script, Last}, Model) ->
    {Result, Next} = run(Script, Model),
    after_that(Last, Next, fun(_) -> Result end);
run(no_form, Model) ->
    {raised(<<"Erlang::TermError">>), Model};
run({How, Script}, Model) when How =:= same; How =:= slow ->
    case run(Script, Model) of
        {{ok, Value}, Next} -> call({same, Value}, Next);
        Result -> Result
    end;
run(Call, Model) ->
    call(Call, Model).

run_list([], Values, Model) -> {{ok, lists:reverse(Values)}, Model};
run_list([Script | Scripts], Values, Model) ->
    case run(Script, Model) of
        {{ok, Value}, Next} -> run_list(Scripts, [Value | Values], Next);
        Result -> Result
    end.

after_that(Script, Model, Then) ->
    case run(Script, Model) of
        {{ok, Value}, Next} -> {Then(Value), Next};
        Result -> Result
    end.

raised(Class) -> {raised, Class, {Class, any}}.

call_error(Kind, Reason) -> call_error(Kind, Reason, any).

call_error(Kind, Reason, Message) ->
    {raised, [Kind, Reason], {<<"Erlang::CallError">>, Message}}.

rescues(<<"Exception">>, _) -> true;
rescues(_, {<<"Erlang::Timeout">>, _}) -> false;
rescues(_, {<<"Erlang::Interrupt">>, _}) -> false;
rescues(<<"StandardError">>, _) -> true;
rescues(Class, {Raised, _}) -> Class =:= Raised.

%% Nobody is there for what a dead process has asked; a stop is heard of when the call is over.
call(_Call, #model{levels = [#level{dead = true} | _]} = Model) ->
    {call_error(exit, noproc), Model};
call(Call, Model) ->
    {Result, #model{levels = [Level | Levels]} = Next} = function(Call, Model),
    case Level of
        #level{stop = Stop, raised = false} when Stop =/= none ->
            Class = case Stop of
                        timeout -> <<"Erlang::Timeout">>;
                        _ -> <<"Erlang::Interrupt">>
                    end,
            {raised(Class), Next#model{levels = [Level#level{raised = true} | Levels]}};
        _ ->
            {Result, Next}
    end.

function({same, Value}, Model) -> {{ok, Value}, Model};
function(which, #model{levels = [#level{own = true, number = N} | _]} = Model) -> {{ok, N}, Model};
function(which, Model) -> {{ok, common}, Model};
function({fail, Class, Reason}, Model) ->
    {call_error(Class, Reason, iolist_to_binary(io_lib:format("~p: ~0tp", [Class, Reason]))), Model};
function(undef, Model) -> {call_error(error, undef), Model};
function(badarity, Model) -> {call_error(error, badarity), Model};
function(improper, Model) -> {raised(<<"Erlang::TermError">>), Model};
function({cast, N}, #model{casts = Casts} = Model) -> {{ok, ok}, Model#model{casts = [N | Casts]}};
function({interrupt, nil}, #model{levels = Levels} = Model) ->
    #level{number = N} = lists:last(Levels),
    {{ok, ok}, Model#model{levels = stop(N, interrupted, Levels)}};
function({interrupt, N}, #model{levels = Levels} = Model) ->
    {{ok, ok}, Model#model{levels = stop(N, interrupted, Levels)}};
function(hold, #model{levels = Levels} = Model) ->
    %% The lowest one's time is over first. It goes on alone, with no time to keep.
    Stopped = lists:foldr(fun(#level{timed = true, number = N}, Acc) -> stop(N, timeout, Acc);
                             (_, Acc) -> Acc
                          end, Levels, Levels),
    {{ok, held}, Model#model{levels = Stopped}};
function(die, #model{levels = Levels} = Model) ->
    {call_error(exit, noproc), Model#model{levels = [dies(Level) || Level <- Levels]}};
function({back, Request}, Model) ->
    case ask(Request, Model) of
        {died, Next} -> {call_error(exit, noproc), Next};
        {Result, Next} -> {{ok, told(Result)}, Next}
    end.

%% As the function tells Ruby
told([error, {Class, _Message}]) -> [error, Class];
told(Result) -> Result.

%% That one, and all upon it. The first reason counts.
stop(_N, _Why, []) -> [];
stop(N, Why, Levels) ->
    {Upon, [Level | Below]} = lists:splitwith(fun(#level{number = M}) -> M =/= N end, Levels),
    [stopped(Why, Each) || Each <- Upon] ++ [stopped(Why, Level#level{timed = false}) | Below].

stopped(Why, #level{stop = none} = Level) -> Level#level{stop = Why};
stopped(_Why, Level) -> Level.

dies(#level{caller = true} = Level) -> (stopped(abandoned, Level))#level{dead = true};
dies(Level) -> Level.

%% --- what must be true ---

holds(Kind, Steps) ->
    case tried(fun() -> judged(Kind, Steps) end) of
        {raised, _, _, _} = Raised -> ?WHENFAIL(io:format("~tp~n", [Raised]), false);
        Judgement -> Judgement
    end.

%% PropEr itself can't tell what is raised: it asks for stacks in a way that is gone.
tried(Fun) ->
    try Fun() catch Class:Reason:Stack -> {raised, Class, Reason, Stack} end.

judged(Kind, Steps) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Prepared = prepare_steps(Kind, Steps),
    Processes = length(processes()),
    Ports = length(erlang:ports()),
    #env{ruby = Ruby, table = Table} = Env =
        open(Kind, [Request || {_, Top} <- lists:append(Prepared), Request <- requests(Top)]),
    Results = [tried(fun() -> step(Env, Step) end) || Step <- Prepared],
    Answer = rubeam:eval(Ruby, <<"6 * 7">>, #{timeout => ?PATIENCE}),
    Idle = is_so(fun() -> case rubeam:info(Ruby) of
                              #{state := idle, queue := 0} -> true;
                              Info -> Info
                          end
                 end),
    ok = rubeam:close(Ruby),
    Mailbox = mailbox(),
    Left = is_so(fun() -> case {length(processes()) - Processes, length(erlang:ports()) - Ports} of
                              {P, Q} when P =< 0, Q =< 0 -> true;
                              More -> More
                          end
                 end),
    ets:delete(Table),
    Wrong = [Result || Result <- Results, Result =/= true],
    ?WHENFAIL(io:format("wrong ~tp~nafterwards ~tp, idle ~tp, in the mailbox ~tp, left ~tp~n",
                        [Wrong, Answer, Idle, Mailbox, Left]),
              Wrong =:= [] andalso Answer =:= {ok, 42} andalso Idle =:= true andalso Mailbox =:= []
                  andalso Left =:= true).

%% Only the owner of a port gets frames.
prepare_steps(Kind, Steps) ->
    Lengths = [length(Step) || Step <- Steps],
    Tops = prepare([top(Kind, Top) || Top <- lists:append(Steps)]),
    {Cut, []} = lists:mapfoldl(fun lists:split/2, Tops, Lengths),
    Cut.

top(server, {owner, #request{way = frame} = Request}) -> {owner, Request#request{way = eval}};
top(server, {owner, #request{way = Way} = Request}) when Way =:= cast; Way =:= message ->
    {server, Request#request{own = false}}; % a cast brings no functions along
top(_, Top) -> Top.

mailbox() ->
    receive
        {'EXIT', Pid, normal} when is_pid(Pid) -> mailbox(); % PropEr's own
        Message -> [Message | mailbox()]
    after 0 -> []
    end.

is_so(Condition) -> is_so(Condition, erlang:monotonic_time(millisecond) + ?PATIENCE).

is_so(Condition, End) ->
    case Condition() of
        true -> true;
        Other ->
            case erlang:monotonic_time(millisecond) < End of
                true -> receive after 1 -> is_so(Condition, End) end;
                false -> Other
            end
    end.

%% Requests at once come one after the other, in some order.
step(#env{ruby = Ruby, table = Table} = Env, Tops) ->
    true = ets:delete(Table, late),
    Results = case Tops of
                  [{caller, _} | _] -> [awaited(Caller) || Caller <- [called(Env, Top) || {_, Top} <- Tops]];
                  [{By, Top}] -> [ask(Env, By, Top)]
              end,
    {ok, Log} = rubeam:eval(Ruby, <<"log = $log; $log = []; log">>, #{timeout => ?PATIENCE}),
    Expected = [expected(Top) || {_, Top} <- Tops],
    Casts = lists:append([C || {_, _, C} <- Expected]),
    Marks = [N || N <- Log, not lists:member(N, Casts)],
    Right = lists:all(fun is_expected/1, lists:zip(Results, [R || {R, _, _} <- Expected]))
        andalso lists:member(Marks, [lists:append(Order) || Order <- orders([M || {_, M, _} <- Expected])])
        andalso lists:all(fun({_, _, C}) -> [N || N <- Log, lists:member(N, C)] =:= C end, Expected),
    Right orelse ets:member(Table, late)
        orelse {{Results, Log}, instead_of, Expected, [request_code(Top) || {_, Top} <- Tops]}.

orders([]) -> [[]];
orders(List) -> [[One | Others] || One <- List, Others <- orders(List -- [One])].

is_expected({[error, {Class, _}], [error, {Class, any}]}) -> true;
is_expected({{Said, any}, {Said, _Stop}}) -> true;
is_expected({Result, Expected}) -> Result =:= Expected.

%% --- what is done ---

open(Kind, Requests) ->
    Table = ets:new(?MODULE, [public]),
    Options = #{grace => ?GRACE, functions => functions(Table)},
    Ruby = case Kind of
               port -> element(2, {ok, _} = rubeam:open(Options));
               server -> element(2, {ok, _} = rubeam_server:start_link(Options#{output => {send, self()}}))
           end,
    {ok, Port} = rubeam_registry:where(Ruby),
    Env = #env{ruby = Ruby, port = Port, table = Table},
    {ok, _} = rubeam:eval(Ruby, prelude()),
    true = ets:insert(Table, [{env, Env} | [{N, R} || #request{number = N} = R <- Requests]]),
    lists:foreach(fun(Request) -> make_ready(Env, Request) end, Requests),
    Env.

%% What is called or loaded is there before.
make_ready(#env{ruby = Ruby}, #request{way = Way} = Request) when Way =:= call; Way =:= message ->
    {ok, _} = rubeam:eval(Ruby, ["def ", method(Request), "()\n", request_code(Request), "\nend"]);
make_ready(#env{table = Table}, #request{number = N, way = load} = Request) ->
    {ok, Bytecode} = rubeam:compile(request_code(Request)),
    true = ets:insert(Table, {{bytecode, N}, Bytecode});
make_ready(_, _) ->
    ok.

method(#request{number = N}) -> <<"s", (integer_to_binary(N))/binary>>.

%% The functions of the interpreter.
functions(Table) ->
    Env = fun() -> ets:lookup_element(Table, env, 2) end,
    #{same => fun(Value) -> Value end,
      which => fun() -> common end,
      slow => fun(Value) -> receive after 2 -> Value end end,
      fail => fun(Class, Reason) -> erlang:raise(Class, Reason, []) end,
      improper => fun() -> [1 | 2] end,
      back => fun(N) -> told(asked(Env(), ets:lookup_element(Table, N, 2))) end,
      cast => fun(N) -> rubeam:cast((Env())#env.ruby, ["mark(", integer_to_list(N), ")"]) end,
      interrupt => fun(Id) -> interrupt(Env(), Id) end,
      hold => fun() -> hold(Table) end,
      die => fun() -> exit(self(), kill) end}.

interrupt(#env{ruby = Ruby}, nil) -> rubeam:interrupt(Ruby);
interrupt(#env{port = Port}, Id) -> erlang:port_call(Port, ?REQUEST, {interrupt, Id}).

now_ms() -> erlang:monotonic_time(millisecond).

%% In the dictionary of the process: when the requests ran out of time that it has made, those that no
%% function has outlasted yet.
hold(Table) ->
    Began = now_ms(),
    Ends = put(ends, []),
    receive after ?LONG -> ok end,
    Late = lists:any(fun(End) -> Began >= End end, Ends) orelse now_ms() > Began + 2 * ?LONG,
    _ = [ets:insert(Table, {late}) || Late],
    held.

in_time(_Table, false, Ask) -> Ask();
in_time(Table, true, Ask) ->
    Before = ends(),
    End = now_ms() + ?SHORT,
    put(ends, [End | Before]),
    Result = Ask(),
    _ = [ets:insert(Table, {late}) || lists:member(End, ends()), now_ms() >= End],
    put(ends, [E || E <- ends(), lists:member(E, Before)]),
    Result.

ends() ->
    case get(ends) of undefined -> []; Ends -> Ends end.

called(Env, Top) ->
    spawn_monitor(fun() ->
                          Result = asked(Env, Top),
                          exit({result, Result, mailbox()})
                  end).

awaited({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, {result, Result, []}} -> Result;
        {'DOWN', Monitor, process, Pid, killed} -> died;
        {'DOWN', Monitor, process, Pid, Reason} -> {wrong, Reason}
    after ?PATIENCE -> {wrong, process_info(Pid, current_stacktrace)}
    end.

%% By the owner; by the server, for which another process casts.
ask(#env{port = Port} = Env, owner, #request{way = frame} = Request) ->
    in_time(Env#env.table, Request#request.timed, fun() ->
        true = port_command(Port, eval_frame(Request)),
        came_of(frames(Env, Request))
    end);
ask(#env{ruby = Ruby} = Env, By, #request{number = N, way = Way} = Request)
  when Way =:= cast; Way =:= message ->
    ok = case Way of
             cast -> rubeam:cast(Ruby, request_code(Request));
             message -> rubeam:send(Ruby, N)
         end,
    case By of
        owner -> frames(Env, Request);
        server -> receive {rubeam, Ruby, {response, [N, Said]}} -> {Said, any}
                  after ?PATIENCE -> {wrong, mailbox()}
                  end
    end;
ask(Env, owner, Request) ->
    asked(Env, Request).

eval_frame(#request{number = N} = Request) ->
    term_to_binary({eval, N, request_code(Request), timeout(Request)}).

timeout(#request{timed = true}) -> #{timeout => ?SHORT};
timeout(_) -> #{}.

own(#request{own = true, number = N}) -> #{<<"which">> => fun() -> N end};
own(_) -> #{}.

options(#request{own = true} = Request) -> (timeout(Request))#{functions => own(Request)};
options(Request) -> timeout(Request).

came_of({ok, Value}) -> [ok, Value];
came_of({error, #{class := Class, message := Message}}) -> [error, {Class, Message}];
came_of({error, Reason}) -> [stopped, Reason].

%% Made, and waited for, in its way.
asked(#env{table = Table} = Env, #request{timed = Timed} = Request) ->
    in_time(Table, Timed, fun() -> came_of(made(Env, Request)) end).

made(#env{ruby = Ruby}, #request{way = eval} = Request) ->
    rubeam:eval(Ruby, request_code(Request), options(Request));
made(#env{ruby = Ruby}, #request{way = call} = Request) ->
    rubeam:call(Ruby, method(Request), [], options(Request));
made(#env{ruby = Ruby, table = Table}, #request{way = load, number = N} = Request) ->
    rubeam:load(Ruby, ets:lookup_element(Table, {bytecode, N}, 2), options(Request));
made(#env{port = Port}, #request{way = raw, number = N} = Request) ->
    rubeam_transport:request(Port, {eval, N, request_code(Request), timeout(Request)}, own(Request));
made(#env{port = Port} = Env, #request{way = control} = Request) ->
    controlled(Env, Request, port_control(Port, 0, eval_frame(Request)));
made(#env{ruby = Ruby}, #request{way = Way} = Request) ->
    Id = rubeam:send_request(Ruby, {eval, request_code(Request), options(Request)}),
    {reply, Result} = sent(Way, Id),
    Result.

sent(send, Id) ->
    rubeam:receive_response(Id, infinity);
sent(wait, Id) ->
    case rubeam:wait_response(Id, 1) of
        timeout -> sent(wait, Id);
        Reply -> Reply
    end;
sent(check, {local, _Port, Ref, _Functions} = Id) ->
    receive
        {Ref, _} = Message ->
            case rubeam:check_response(Message, Id) of
                no_reply -> sent(check, Id);
                Reply -> Reply
            end
    end.

%% --- frames, by who speaks the protocol himself ---

%% What comes back of port_control, the caller's own already.
controlled(#env{port = Port} = Env, Request, <<>>) ->
    receive
        {Port, {data, Frame}} ->
            case rubeam:decode(Frame) of
                {call, CallId, _, _} = Call ->
                    case take(Port, CallId) of
                        ok -> give_back(Env, Request, Call);
                        {error, gone} -> controlled(Env, Request, <<>>)
                    end;
                Reply ->
                    reply(Request, Reply)
            end
    after ?PATIENCE -> {error, no_frame}
    end;
controlled(Env, Request, Frame) ->
    case rubeam:decode(Frame) of
        {call, _, _, _} = Call -> give_back(Env, Request, Call);
        Reply -> reply(Request, Reply)
    end.

give_back(#env{port = Port} = Env, Request, {call, CallId, Name, Args}) ->
    Result = rubeam_function:run(Port, Name, Args, own(Request)),
    controlled(Env, Request, port_control(Port, 0, term_to_binary({return, CallId, Result}))).

reply(#request{number = N}, {reply, N, Result}) -> Result.

take(Port, CallId) -> erlang:port_call(Port, ?REQUEST, {take, CallId}).

%% What comes to the owner: the answer to a frame; or what a cast has said, and why it was stopped.
frames(#env{port = Port, ruby = Ruby} = Env, #request{number = N} = Request) ->
    receive
        {Port, {data, Frame}} ->
            case rubeam:decode(Frame) of
                {call, CallId, Name, Args} ->
                    own_call(Env, Request, CallId, Name, Args),
                    frames(Env, Request);
                {reply, N, Result} ->
                    Result;
                {response, [N, Said]} ->
                    {ok, nil} = rubeam:eval(Ruby, <<"nil">>), % so that it is over
                    receive
                        {Port, {data, Last}} ->
                            {reply, undefined, {error, Why}} = rubeam:decode(Last),
                            {Said, Why}
                    after 0 -> {Said, none}
                    end
            end
    after ?PATIENCE -> {error, no_frame}
    end.

%% Only a function that asks Ruby back must take its call. What is over, or returned, is gone.
own_call(#env{port = Port}, Request, CallId, Name, Args) ->
    Taken = Name =:= <<"back">> orelse erlang:phash2(CallId) rem 2 =:= 0,
    case Taken andalso take(Port, CallId) of
        {error, gone} ->
            ok;
        _ ->
            Result = rubeam_function:run(Port, Name, Args, own(Request)),
            _ = rubeam:return(Port, CallId, Result),
            {error, gone} = rubeam:return(Port, CallId, {ok, twice}),
            {error, gone} = take(Port, CallId)
    end.
