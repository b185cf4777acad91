%% What must be true of requests, whatever else happens: what each kind of request asks for, how
%% its answer is to be read, and what becomes of it. Pure. Used by the load `trouble', which knows
%% only what may have happened meanwhile, and by prop_requests, which knows it exactly.
%%
%% Each request carries an X that no other has. Ruby counts what it carries out, and says in each
%% value who it is, the how-manieth it was, and X: so an answer of another interpreter, to another
%% request, or given twice, is seen. It raises if the same X comes to it twice.
-module(stress_model).

-export([weighed/0, prelude/1, request/2, code/2, outcome/3, becomes/1]).

-export_type([kind/0, outcome/0]).

%% value      is done at once         bomb       takes more memory than it may, in small pieces
%% work       takes several slices    stubborn   goes on whatever is raised in it
%% nap        sleeps for a moment     leave      ends its interpreter
%% print      prints X                bad        is no request at all
%% respond    sends X to the owner    endless    never ends
%% raise      raises X                rescuing   the same, and rescues what it can
-type kind() :: value | work | nap | print | respond | raise | endless | rescuing | bomb | stubborn
              | leave | bad.

%% What came back. `value' is the one that was asked for, `raised' its exception.
-type outcome() :: {value, N :: pos_integer()} | raised | timeout | interrupted | closed | busy
                 | memory_limit | bad_request | {wrong, term()}.

%% Kinds in the numbers in which they are to come.
-spec weighed() -> [{pos_integer(), kind()}].
weighed() ->
    [{40, value}, {12, work}, {8, nap}, {4, print}, {4, respond}, {8, raise}, {8, endless},
     {3, rescuing}, {1, bomb}, {1, stubborn}, {1, leave}, {2, bad}].

%% What Ruby needs for all of them; its value is nil.
-spec prelude(Id :: pos_integer()) -> iodata().
prelude(Id) ->
    ["$id = ", integer_to_binary(Id), "\n"
     "$n = 0\n"
     "$seen = {}\n"
     "def mark(x)\n"
     "  raise \"#{x} came twice\" if $seen[x]\n"
     "  $seen[x] = true\n"
     "  [$id, $n += 1, x]\n"
     "end\n"
     "def value(x) = mark(x)\n"
     "def work(x)\n"
     "  answer = mark(x)\n"
     "  i = 0\n"
     "  i += 1 while i < 50_000\n"
     "  answer\n"
     "end\n"
     "def nap(x)\n"
     "  answer = mark(x)\n"
     "  sleep 0.001\n"
     "  answer\n"
     "end\n"
     "def print_it(x)\n"
     "  puts \"#{$id} #{x}\"\n"
     "  mark(x)\n"
     "end\n"
     "def respond(x)\n"
     "  send_response([$id, x])\n"
     "  mark(x)\n"
     "end\n"
     "def raise_it(x)\n"
     "  mark(x)\n"
     "  raise \"#{$id} #{x}\"\n"
     "end\n"
     "def endless(x)\n"
     "  mark(x)\n"
     "  loop {}\n"
     "end\n"
     "def rescuing(x)\n"
     "  mark(x)\n"
     "  begin\n"
     "    loop {}\n"
     "  rescue Exception\n"
     "    7\n"
     "  end\n"
     "end\n"
     "def bomb(x)\n"
     "  a = [mark(x)]\n"
     "  loop { a << 'some text' * 10 }\n"
     "end\n"
     "def stubborn(x)\n"
     "  mark(x)\n"
     "  begin\n"
     "    loop {}\n"
     "  ensure\n"
     "    loop {}\n"
     "  end\n"
     "end\n"
     "def leave(x)\n"
     "  mark(x)\n"
     "  exit 5\n"
     "end\n"
     "nil\n"].

%% The request, in one of its forms: a call, or code to evaluate.
-spec request(kind(), X :: integer()) -> {call, atom(), list()} | {eval, binary()}.
request(bad, X) ->
    {call, value, [X | X]};
request(Kind, X) when X rem 2 =:= 0 ->
    {call, method(Kind), [X]};
request(Kind, X) ->
    {eval, code(Kind, X)}.

-spec code(kind(), X :: integer()) -> binary().
code(Kind, X) ->
    iolist_to_binary([atom_to_list(method(Kind)), "(", integer_to_list(X), ")"]).

method(print) -> print_it;
method(raise) -> raise_it;
method(Kind) -> Kind.

%% How the answer to a request with this X of interpreter Id is to be read.
-spec outcome(Id :: pos_integer(), X :: integer(), rubeam:result()) -> outcome().
outcome(Id, X, {ok, [Id, N, X]}) when is_integer(N) ->
    {value, N};
outcome(Id, X, {error, #{message := Message}} = Error) ->
    case iolist_to_binary([integer_to_list(Id), " ", integer_to_list(X)]) of
        Message -> raised;
        _ -> {wrong, Error}
    end;
outcome(_Id, _X, {error, {bad_request, Why}}) when is_binary(Why) ->
    bad_request;
outcome(_Id, _X, {error, Reason})
  when Reason =:= timeout; Reason =:= interrupted; Reason =:= closed; Reason =:= busy;
       Reason =:= memory_limit ->
    Reason;
outcome(_Id, _X, Other) ->
    {wrong, Other}.

%% What becomes of it if nobody interferes and it has all the time it wants; `never' if it then goes
%% on for ever.
-spec becomes(kind()) -> value | raised | closed | memory_limit | bad_request | never.
becomes(raise) -> raised;
becomes(bad) -> bad_request;
becomes(bomb) -> memory_limit;
becomes(leave) -> closed;
becomes(Kind) when Kind =:= endless; Kind =:= rescuing; Kind =:= stubborn -> never;
becomes(_) -> value.
