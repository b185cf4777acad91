%% @doc Several interpreters behind one name.
%%
%% ```
%% {ok, _} = rubeam_pool:start_link(rules, #{size => 4, prelude => <<"def vat(net) = net * 0.19">>}),
%% {ok, 19.0} = rubeam_pool:call(rules, vat, [100]).
%% '''
%%
%% Each of the interpreters has been opened with the same options. A request goes to the least busy
%% one; which that will be is not known, so requests should not count on what others have left
%% behind. Who needs one interpreter for several requests borrows it: {@link with/2}.
%%
%% <b>Which interpreter.</b> One without a request, if there is one, looking first at that of the
%% scheduler on which the caller runs; else one with the fewest. A request that has to wait does so in that
%% interpreter's queue. One that is lent gets no requests of others. If all are lent (or just being
%% replaced), requests wait in one line with the borrowers, first come first served, and their option
%% `timeout' goes on meanwhile.
%%
%% <b>No process is in between.</b> The caller finds the interpreters in a table, counts itself in at one,
%% talks to its port, and counts itself out. A caller that is killed in the middle leaves its count behind.
%% What would prevent that, a monitor or a table of callers, costs more than a short call, and is
%% not needed: the driver notices the death of callers, drops what they asked for, and tells how many
%% requests it has. So the pool compares from time to time: where nothing has moved since its last
%% look, and counter and driver disagree, it sets the counter right. (Looks are 250 ms apart while
%% requests are under way, 50 ms while somebody waits.) Until then that interpreter seems
%% busier than it is, and gets fewer requests; nothing else. So the counters need not be exact
%% for an answer to be right, only for the choice to be good. The one thing that is
%% exact is the mark of an interpreter that is lent: it is in the same word as the counter.
%%
%% <b>Results.</b> Those of {@link rubeam}, and `{error, busy}' also when as many requests and borrowers
%% wait as the option `max_waiting' says. `{error, closed}': there is no pool behind the reference, its
%% node has gone, or the interpreter ended before the request did. A request that found
%% its interpreter closed before it began is made of another one instead.
%%
%% <b>Ends.</b> An interpreter that ends (`exit' in Ruby, a limit, a {@link cast/2} that raised) is replaced by
%% a fresh one, which runs `prelude' and `files' first. If fresh ones cannot be opened (that is tried
%% six times, a fifth of a second apart), the pool stops with `{open_failed, Reason}', Reason being one of
%% {@link rubeam:open/1}, so that its supervisor decides.
%%
%% <b>References.</b> A pool is called by its pid or any of its names, of this node or another, or as
%% `{group, Group}': any pool that was started with the option `group => Group'. Groups are those of
%% `pg' in the scope `rubeam', which runs with the application. Of a group, a pool of this node is
%% taken if there is one, the least busy if there are several; if it says `busy', or there is none, a
%% random one of another node is taken. Never more than two are asked.
%%
%% A request to another node is carried out there as if it were local; it is stopped if the calling
%% process or its node dies.
-module(rubeam_pool).

-include("rubeam.hrl").
-include("rubeam_pool.hrl").

-export([start_link/1, start_link/2, child_spec/1, stop/1]).
-export([eval/2, eval/3, call/3, call/4, cast/2, with/2, with/3, info/1]).
-export([carry_out/4]).

-export_type([pool/0, info/0]).

-type pool() :: pid() | Name :: atom() | {Name :: atom(), node()}
              | {global, Name :: term()} | {via, module(), Name :: term()}
              | {group, Group :: term()}.
%% A pool, or any one of a group.

-type info() :: #{size := pos_integer(),
                  ready := non_neg_integer(),
                  lent := non_neg_integer(),
                  in_line := non_neg_integer(),
                  requests := non_neg_integer(),
                  opened := non_neg_integer()}.
%% The figures of a pool: how many interpreters it is to have, how many of them can be used now, how many
%% of these are lent; how many processes wait in line for one; how many requests are under way in the
%% interpreters; how many interpreters were opened since it began.

-import(rubeam_request, [code/1, target/1, arguments/1, request_options/2, checked/1]).

-define(NO_POOL, {bad, "not a pool: a pid, a name or {group, Group}"}).

%% @doc Starts a pool, linked to the calling process, with its name in the option `name', if it is to
%% have one. All of its interpreters are ready then.
%%
%% Errors: those of {@link rubeam:open/1}, and `{already_started, Pid}' when the name is taken.
-spec start_link(Options) -> {ok, Pool :: pid()} | {error, rubeam_server:start_error()} when
      Options :: rubeam:pool_options().
start_link(Options) when is_map(Options) ->
    case rubeam_options:pool(Options) of
        {ok, Servers, Own} ->
            rubeam_pool_keeper:start_link(maps:get(name, Own, undefined), Servers, Own);
        {error, Reason} ->
            {error, Reason}
    end;
start_link(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc As {@link start_link/1}, with the pool's name.
-spec start_link(Name, Options) -> {ok, Pool :: pid()} | {error, rubeam_server:start_error()} when
      Name :: rubeam_server:name(),
      Options :: rubeam:pool_options().
start_link(Name, Options) when is_map(Options) ->
    start_link(Options#{name => Name});
start_link(Name, Options) ->
    ?BADARG([Name, Options], [{ok, Name}, {bad, "not a map"}]).

%% @doc The pool as a child of a supervisor. Its id is the option `name', else `rubeam_pool'; the options
%% are checked when the supervisor starts it.
-spec child_spec(Options) -> ChildSpec when
      Options :: rubeam:pool_options(),
      ChildSpec :: #{id := term(),
                     start := {rubeam_pool, start_link, [Options]},
                     shutdown := pos_integer(),
                     type := worker}.
child_spec(Options) when is_map(Options) ->
    #{id => maps:get(name, Options, ?MODULE),
      start => {?MODULE, start_link, [Options]},
      shutdown => 15000, % it ends its interpreters first
      type => worker};
child_spec(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc Stops the pool and closes its interpreters, for the reason `normal'. What runs or waits there is
%% answered with `{error, closed}'. A pool that is gone already is fine. (Not for groups.)
-spec stop(Pool) -> ok when
      Pool :: pool().
stop(Pool) ->
    case find(Pool) of
        {local, #board{keeper = Keeper}} -> rubeam_pool_keeper:stop(Keeper);
        {remote, _Node, Keeper} -> rubeam_pool_keeper:stop(Keeper);
        closed -> ok;
        _ -> ?BADARG([Pool], [{bad, "not a pool: a pid or a name"}])
    end.

%% @doc Evaluates code, with the default options of a request.
%% @see rubeam:eval/3
-spec eval(Pool, Code) -> rubeam:result() when
      Pool :: pool(),
      Code :: rubeam:code().
eval(Pool, Code) ->
    eval(Pool, Code, #{}).

%% @doc As {@link rubeam:eval/3}, in one of the pool's interpreters.
-spec eval(Pool, Code, Options) -> rubeam:result() when
      Pool :: pool(),
      Code :: rubeam:code(),
      Options :: rubeam:request_options().
eval(Pool, Code, Options) ->
    case request(Pool, {eval, Code, Options}) of
        bad -> ?BADARG([Pool, Code, Options],
                       [pool(Pool), code(Code), request_options(eval, Options)]);
        Result -> Result
    end.

%% @doc Calls a method, with the default options of a request.
%% @see rubeam:call/4
-spec call(Pool, Target, Args) -> rubeam:result() when
      Pool :: pool(),
      Target :: rubeam:target(),
      Args :: [term()].
call(Pool, Method, Args) when ?IS_METHOD(Method), is_list(Args) ->
    case carry_out(find(Pool), {call, [], Method, Args}, #{}) of
        bad -> ?BADARG([Pool, Method, Args], [?NO_POOL]);
        Result -> Result
    end;
call(Pool, Target, Args) ->
    call(Pool, Target, Args, #{}).

%% @doc As {@link rubeam:call/4}, in one of the pool's interpreters.
-spec call(Pool, Target, Args, Options) -> rubeam:result() when
      Pool :: pool(),
      Target :: rubeam:target(),
      Args :: [term()],
      Options :: rubeam:request_options().
call(Pool, Target, Args, Options) ->
    case request(Pool, {call, Target, Args, Options}) of
        bad -> ?BADARG([Pool, Target, Args, Options],
                       [pool(Pool), target(Target), arguments(Args),
                        request_options(call, Options)]);
        Result -> Result
    end.

%% @doc As {@link rubeam:cast/2}, in one of the pool's interpreters. While the code runs or waits there,
%% and for half a second more at the most, it counts as a request of that interpreter.
-spec cast(Pool, Code) -> ok | {error, Reason} when
      Pool :: pool(),
      Code :: rubeam:code(),
      Reason :: busy | closed | timeout | {bad_request, Why :: binary()}.
cast(Pool, Code) ->
    case code(Code) of
        {ok, Binary} ->
            case carry_out(find(Pool), {eval, Binary}, #{}) of
                bad -> ?BADARG([Pool, Code], [?NO_POOL]);
                Result -> Result
            end;
        Bad ->
            ?BADARG([Pool, Code], [pool(Pool), Bad])
    end.

%% @doc As {@link with/3}, waiting for as long as it takes.
-spec with(Pool, Fun) -> {ok, Result} | {error, Reason} when
      Pool :: pool(),
      Fun :: fun((rubeam:ruby()) -> Result),
      Reason :: busy | closed.
with(Pool, Fun) ->
    case lend(Pool, Fun, infinity) of
        bad -> ?BADARG([Pool, Fun], [pool(Pool), function(Fun)]);
        Result -> Result
    end.

%% @doc Borrows an interpreter for a function, which is called with it in this process. It is nobody
%% else's until the function returns or raises, or this process dies: no other borrower's, and no request
%% of the pool goes there. What the function returns is the result, with `ok' before it.
%%
%% ```
%% {ok, 3} = rubeam_pool:with(rules, fun(Ruby) ->
%%     {ok, _} = rubeam:eval(Ruby, <<"a = 1">>),
%%     {ok, Sum} = rubeam:eval(Ruby, <<"a + 2">>),
%%     Sum
%% end).
%% '''
%%
%% If there is none that nobody uses, the process waits in line: for so many milliseconds, then the result is
%% `{error, timeout}'. `{error, busy}': as many wait already as the option `max_waiting' says. `{error, closed}':
%% there is no pool, or it ended meanwhile.
%%
%% An interpreter keeps its state, so the next one finds what this one left. Requests that others have
%% been told to make of it, and casts, are waited for before it is lent again. It is not given back but
%% replaced by a fresh one when the process dies while it has it, or the connection to the process's
%% node is lost: it may be in the middle of something. What ran there is stopped.
%%
%% Who borrows a second one while having the first waits for others to do without: with as many
%% such processes as interpreters they wait for each other.
-spec with(Pool, Fun, Timeout) -> {ok, Result} | {error, Reason} when
      Pool :: pool(),
      Fun :: fun((rubeam:ruby()) -> Result),
      Timeout :: timeout(),
      Reason :: busy | timeout | closed.
with(Pool, Fun, Timeout) ->
    case lend(Pool, Fun, Timeout) of
        bad -> ?BADARG([Pool, Fun, Timeout], [pool(Pool), function(Fun), milliseconds(Timeout)]);
        Result -> Result
    end.

%% @doc The pool's figures. (Not for groups.)
-spec info(Pool) -> info() | {error, closed} when
      Pool :: pool().
info(Pool) ->
    case find(Pool) of
        {local, #board{keeper = Keeper}} -> rubeam_pool_keeper:info(Keeper);
        {remote, _Node, Keeper} -> rubeam_pool_keeper:info(Keeper);
        closed -> {error, closed};
        _ -> ?BADARG([Pool], [{bad, "not a pool: a pid or a name"}])
    end.

%% --- Checks of arguments ---

pool(Pool) ->
    case find(Pool) of
        bad -> ?NO_POOL;
        _ -> {ok, Pool}
    end.

function(Fun) when is_function(Fun, 1) -> {ok, Fun};
function(_) -> {bad, "not a function of one argument"}.

milliseconds(Timeout) when ?IS_TIMEOUT(Timeout) -> {ok, Timeout};
milliseconds(_) -> {bad, "neither a number of milliseconds nor infinity"}.

%% --- Which pool ---

find(Keeper) when is_pid(Keeper), node(Keeper) =:= node() ->
    case rubeam_registry:pool(Keeper) of
        {ok, Board} -> {local, Board};
        none -> closed
    end;
find(Keeper) when is_pid(Keeper) ->
    {remote, node(Keeper), Keeper};
find(Name) when is_atom(Name) ->
    found(whereis(Name));
find({group, Group}) ->
    {group, Group};
find({global, Name}) ->
    found(global:whereis_name(Name));
find({via, Module, Name}) when is_atom(Module) ->
    found(Module:whereis_name(Name));
find({Name, Node}) when is_atom(Name), Node =:= node() ->
    find(Name);
find({Name, Node} = Pool) when is_atom(Name), is_atom(Node) ->
    {remote, Node, Pool};
find(_) ->
    bad.

found(Pid) when is_pid(Pid) -> find(Pid);
found(_UndefinedOrPort) -> closed.

%% Those of a group that are to be asked, one after the other.
members(Group) ->
    try pg:get_members(?GROUPS, Group) of
        Pids ->
            Connected = nodes(),
            {Here, There} = lists:partition(fun(Pid) -> node(Pid) =:= node() end, Pids),
            %% pg may hear of a node's end a moment later than its callers.
            least_busy([Found || {local, _} = Found <- [find(Pid) || Pid <- Here]])
                ++ any([find(Pid) || Pid <- There, lists:member(node(Pid), Connected)])
    catch
        error:badarg -> [] % no scope: the application is not running
    end.

least_busy([]) -> [];
least_busy([One]) -> [One];
least_busy(Several) ->
    {_, _, Best} = lists:min([{rubeam_pool_slots:total(Slots) / rubeam_pool_slots:size(Slots),
                               rand:uniform(), Found}
                              || {local, #board{slots = Slots}} = Found <- Several]),
    [Best].

any([]) -> [];
any(Pools) -> [lists:nth(rand:uniform(length(Pools)), Pools)].

%% The first one's result, unless it was too busy.
ask_members([], _Ask) -> {error, closed};
ask_members([Last], Ask) -> Ask(Last);
ask_members([First | Others], Ask) ->
    case Ask(First) of
        {error, busy} -> ask_members(Others, Ask);
        Result -> Result
    end.

%% --- Requests ---

request(Pool, Request) ->
    case checked(Request) of
        {ok, Checked, Functions} -> carry_out(find(Pool), Checked, Functions);
        {bad, _Text} -> bad
    end.

carry_out({local, Board}, Request, Functions) ->
    carry_out_here(Board, Request, Functions);
carry_out({remote, Node, Pool}, Request, Functions) ->
    try erpc:call(Node, ?MODULE, carry_out, [self(), Pool, Request, Functions])
    catch
        error:{erpc, _Unreachable} -> {error, closed};
        error:{exception, undef, _} -> {error, closed} % there is no Rubeam
    end;
carry_out({group, Group}, Request, Functions) ->
    ask_members(members(Group), fun(Pool) -> carry_out(Pool, Request, Functions) end);
carry_out(closed, _Request, _Functions) ->
    {error, closed};
carry_out(bad, _Request, _Functions) ->
    bad.

%% @doc A request of a process of another node: runs in a process that `erpc' has made for it. When
%% that of the other node dies, so does the one which makes the request here, and the driver stops it.
%% @private
-spec carry_out(Caller :: pid(), pool(), rubeam_transport:request() | {eval, binary()},
                rubeam_function:functions()) -> rubeam:result() | ok.
carry_out(Caller, Pool, Request, Functions) ->
    Watched = erlang:monitor(process, Caller),
    {Pid, Monitor} = spawn_monitor(fun() ->
                                           exit({result, carry_out(find(Pool), Request, Functions)})
                                   end),
    receive
        {'DOWN', Monitor, process, Pid, {result, Result}} ->
            erlang:demonitor(Watched, [flush]),
            Result;
        {'DOWN', Monitor, process, Pid, Reason} ->
            exit(Reason);
        {'DOWN', Watched, process, Caller, _Reason} ->
            exit(Pid, kill),
            {error, closed}
    end.

carry_out_here(#board{slots = Slots, ports = Ports} = Board, Request, Functions) ->
    case rubeam_pool_slots:enter(Slots) of
        {ok, Slot} ->
            Port = element(Slot, Ports),
            try rubeam_transport:request_if_open(Port, Request, Functions) of
                ok -> leave_cast(Slots, Slot, Port), ok;
                gone -> rubeam_pool_slots:leave(Slots, Slot), in_line(Board, Request, Functions);
                Result -> rubeam_pool_slots:leave(Slots, Slot), Result
            catch
                Class:Reason:Stack ->
                    rubeam_pool_slots:leave(Slots, Slot),
                    erlang:raise(Class, Reason, Stack)
            end;
        taken -> in_line(Board, Request, Functions);
        busy -> {error, busy}
    end.

%% Nobody hears of the end of a cast. If it goes on, its count stays until the keeper finds that it is
%% over, as it does for callers that were killed.
leave_cast(Slots, Slot, Port) ->
    case rubeam:info(Port) of
        #{state := State, queue := Queue} when State =/= idle, State =/= ended; Queue > 0 -> ok;
        _ -> rubeam_pool_slots:leave(Slots, Slot)
    end.

%% A borrower's way, for one request.
in_line(#board{keeper = Keeper} = Board, Request, Functions) ->
    Timeout = timeout(Board, Request),
    Start = erlang:monotonic_time(millisecond),
    case rubeam_pool_keeper:borrow(Keeper, Timeout) of
        {ok, Lease, Keeper, Port, _Server} ->
            Shorter = sooner(Request, Timeout, erlang:monotonic_time(millisecond) - Start),
            try rubeam_transport:request_if_open(Port, Shorter, Functions) of
                gone ->
                    ok = rubeam_pool_keeper:give_back(Keeper, Lease),
                    in_line(Board, Shorter, Functions);
                Result ->
                    ok = rubeam_pool_keeper:give_back(Keeper, Lease),
                    Result
            catch
                Class:Reason:Stack ->
                    ok = rubeam_pool_keeper:give_back(Keeper, Lease),
                    erlang:raise(Class, Reason, Stack)
            end;
        {error, Reason} ->
            {error, Reason}
    end.

timeout(_Board, {_Kind, _Id, _Code, #{timeout := Timeout}}) -> Timeout;
timeout(_Board, {call, _Id, _Target, _Args, #{timeout := Timeout}}) -> Timeout;
timeout(#board{timeout = Timeout}, _Request) -> Timeout.

%% The same request with what is left of its time.
sooner(Request, infinity, _Passed) -> Request;
sooner(Request, _Timeout, 0) -> Request;
sooner(Request, Timeout, Passed) ->
    Left = #{timeout => max(1, Timeout - Passed)},
    case Request of
        {call, Id, Target, Args} -> {call, Id, Target, Args, Left};
        {call, Id, Target, Args, Options} -> {call, Id, Target, Args, maps:merge(Options, Left)};
        {eval, Id, Code} -> {eval, Id, Code, Left};
        {eval, Id, Code, Options} -> {eval, Id, Code, maps:merge(Options, Left)};
        {eval, Code} -> {eval, Code}
    end.

%% --- Borrowing ---

lend(Pool, Fun, Timeout) when is_function(Fun, 1), ?IS_TIMEOUT(Timeout) ->
    case find(Pool) of
        bad -> bad;
        {group, Group} ->
            case ask_members(members(Group), fun(Member) -> borrow(Member, Timeout) end) of
                {error, Reason} -> {error, Reason};
                Lent -> use(Lent, Fun)
            end;
        Found ->
            case borrow(Found, Timeout) of
                {error, Reason} -> {error, Reason};
                Lent -> use(Lent, Fun)
            end
    end;
lend(_Pool, _Fun, _Timeout) ->
    bad.

borrow({local, #board{keeper = Keeper}}, Timeout) -> rubeam_pool_keeper:borrow(Keeper, Timeout);
borrow({remote, _Node, Keeper}, Timeout) -> rubeam_pool_keeper:borrow(Keeper, Timeout);
borrow(closed, _Timeout) -> {error, closed}.

%% From another node an interpreter is reached through its server.
use({ok, Lease, Keeper, Port, Server}, Fun) ->
    Ruby = if node(Port) =:= node() -> Port; true -> Server end,
    try {ok, Fun(Ruby)}
    after rubeam_pool_keeper:give_back(Keeper, Lease)
    end.
