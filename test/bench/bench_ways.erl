%% The same work on different ways, in turns: through Rubeam, through what limits it, and through
%% what one would use without it.
-module(bench_ways).

-export([round_trip/0, pool/0, erlang/0, eval/0, fib/0, data/0, open_close/0]).
-export([program/1, program/2, ask/3, peer/0, call_peer/2]).

-import(bench_rounds, [measure/1, measure/2, timed/2, ratios/2, row/4, demand/3, either/1]).

%% mruby_alone.c and peer.rb have the same.
-define(PRELUDE, <<"def add(x, y)\n"
                   "  x + y\n"
                   "end\n"
                   "def fib(n)\n"
                   "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
                   "end\n"
                   "def take(bytes)\n"
                   "  bytes.bytesize\n"
                   "end\n"
                   "$kept = {}\n"
                   "def give(length)\n"
                   "  $kept[length] ||= 'x' * length\n"
                   "end\n">>).

-define(LOOP, <<"i = 0\n"
                "while i < 10000\n"
                "  i += 1\n"
                "end\n"
                "i\n">>).

%% So many texts differ from each other.
-define(NEW_TEXTS, 10_000).

%% What Ruby asks of Erlang: called `times' in a loop of Ruby's.
-define(ERLANG, <<"def calls(times)\n"
                  "  i = 0\n"
                  "  while i < times\n"
                  "    Erlang.call(:add, 1000, 2000)\n"
                  "    i += 1\n"
                  "  end\n"
                  "end\n"
                  "def sends(times, to)\n"
                  "  i = 0\n"
                  "  while i < times\n"
                  "    Erlang.send(to, i)\n"
                  "    i += 1\n"
                  "  end\n"
                  "end\n"
                  "def count(things)\n"
                  "  things.size\n"
                  "end\n">>).

-type result() :: {[bench:row()], [bench:demand()]}.

%% --- the parts ---

-spec round_trip() -> result().
round_trip() ->
    {Ruby, Peer, Alone} = {ruby(), peer(), program("mruby_alone")},
    {Null, Echo} = {null_driver(), program("echo", [{packet, 4}])},
    Ways = [{"rubeam:call(Port, add, [1000, 2000])",
             times(fun() -> {ok, 3000} = rubeam:call(Ruby, add, [1000, 2000]) end)},
            {"port_call of a driver that does nothing",
             times(fun() -> [1000, 2000] = erlang:port_call(Null, 1, [1000, 2000]) end)},
            {"CRuby on a {packet, 4} port, call",
             times(fun() -> {ok, 3000} = call_peer(Peer, {call, add, [1000, 2000]}) end)},
            {"C program on a {packet, 4} port, echo",
             times(fun() -> [1000, 2000] = call_peer(Echo, [1000, 2000]) end)},
            {"a function in Erlang",
             times(fun() -> 3000 = add(1000, 2000) end)},
            {"mruby alone: mrb_funcall",
             fun(N) -> ask(Alone, "call", N) end}],
    [Rubeam, Nothing, CRuby | _] = All = measure(Ways),
    done([Ruby, Peer, Alone, Null, Echo]),
    {rows(round_trip, Ways, All)
         ++ [row(round_trip, "rubeam:call / port_call that does nothing", ratio,
                 ratios(Rubeam, Nothing)),
             row(round_trip, "CRuby on a port / rubeam:call", ratio, ratios(CRuby, Rubeam))],
     either([demand("round trip of call, µs", 0.4, [Ns / 1000 || Ns <- Rubeam]),
             demand("  or as a share of CRuby's on a port", 1 / 25, ratios(Rubeam, CRuby))])}.

%% What a pool, and what a server, adds to a call of a port; and lending.
-spec pool() -> result().
pool() ->
    Ruby = ruby(),
    {ok, Server} = rubeam_server:start_link(#{prelude => ?PRELUDE}),
    {ok, Pool} = rubeam_pool:start_link(#{prelude => ?PRELUDE, name => bench_pool}),
    {ok, Large} = rubeam_pool:start_link(#{size => 64}),
    Ways = [{"rubeam:call(Port, add, [1000, 2000])",
             times(fun() -> {ok, 3000} = rubeam:call(Ruby, add, [1000, 2000]) end)},
            {"rubeam_pool:call, by its pid",
             times(fun() -> {ok, 3000} = rubeam_pool:call(Pool, add, [1000, 2000]) end)},
            {"rubeam_pool:call, by its name",
             times(fun() -> {ok, 3000} = rubeam_pool:call(bench_pool, add, [1000, 2000]) end)},
            {"rubeam:call of a server, by its pid",
             times(fun() -> {ok, 3000} = rubeam:call(Server, add, [1000, 2000]) end)},
            {"rubeam_pool:call of 64 interpreters, of a method of Ruby's",
             times(fun() -> {ok, false} = rubeam_pool:call(Large, 'nil?', []) end)},
            {"rubeam_pool:with, and nothing in it",
             times(fun() -> {ok, nothing} = rubeam_pool:with(Pool, fun(_) -> nothing end) end)}],
    [Port, ByPid, ByName, OfServer | _] = All = measure(Ways),
    done([Ruby]),
    ok = rubeam_server:stop(Server),
    lists:foreach(fun rubeam_pool:stop/1, [Pool, Large]),
    {rows(pool, Ways, All)
         ++ [row(pool, "a server's call / a port's", ratio, ratios(OfServer, Port)),
             row(pool, "a pool's call, by its pid / a port's", ratio, ratios(ByPid, Port))],
     [demand("a pool's call, by its name / a port's", 2, ratios(ByName, Port))]}.

%% Ruby and Erlang talking to each other, and values with more in them.
-spec erlang() -> result().
erlang() ->
    {ok, Ruby} = rubeam:open(#{functions => #{add => fun add/2}, prelude => ?ERLANG}),
    Sink = spawn_link(fun sink/0),
    Six = maps:from_list([{<<"key", (integer_to_binary(N))/binary>>, N} || N <- lists:seq(1, 6)]),
    Thirteen = maps:from_list([{<<"key", (integer_to_binary(N))/binary>>, N} || N <- lists:seq(1, 13)]),
    Hundred = lists:duplicate(100, Thirteen),
    Ways = [{"Ruby to Erlang and back",
             fun(N) -> timed_once(fun() -> {ok, nil} = rubeam:call(Ruby, calls, [N]) end) end},
            {"Erlang.send",
             fun(N) -> timed_once(fun() -> {ok, nil} = rubeam:call(Ruby, sends, [N, Sink]) end) end},
            {"rubeam:call with a map of 6 keys",
             times(fun() -> {ok, 6} = rubeam:call(Ruby, count, [Six]) end)},
            {"rubeam:call with 100 maps of 13 keys",
             times(fun() -> {ok, 100} = rubeam:call(Ruby, count, [Hundred]) end)},
            {"rubeam:send",
             times(fun() -> ok = rubeam:send(Ruby, 1) end)}],
    {ok, _} = rubeam:eval(Ruby, <<"Erlang.on_message { |term| term }; nil">>),
    [There, Send, Map, Maps, _] = All = measure(Ways),
    done([Ruby]),
    unlink(Sink),
    exit(Sink, kill),
    Us = fun(Samples) -> [Ns / 1000 || Ns <- Samples] end,
    {rows(erlang, Ways, All),
     [demand("Ruby to Erlang and back, µs", 3, Us(There)),
      demand("Erlang.send, µs", 1, Us(Send)),
      demand("call with a map of 6 keys, µs", 2, Us(Map)),
      demand("call with 100 maps of 13 keys, µs", 60, Us(Maps))]}.

sink() -> receive _ -> sink() end.

timed_once(Function) -> timed(1, Function).

-spec eval() -> result().
eval() ->
    {Ruby, Peer, Alone} = {ruby(), peer(), program("mruby_alone")},
    Texts = list_to_tuple([<<"1+", (integer_to_binary(N))/binary>> || N <- lists:seq(1, ?NEW_TEXTS)]),
    Next = counters:new(1, []),
    Ways = [{"rubeam:eval(Port, <<\"1+2\">>)",
             times(fun() -> {ok, 3} = rubeam:eval(Ruby, <<"1+2">>) end)},
            {"rubeam:eval of 1+N, another N each time",
             times(fun() -> {ok, _} = rubeam:eval(Ruby, new_text(Texts, Next)) end)},
            {"mruby alone, 1+2",
             fun(N) -> ask(Alone, "eval", N) end},
            {"CRuby on a {packet, 4} port, eval 1+2",
             times(fun() -> {ok, 3} = call_peer(Peer, {eval, <<"1+2">>}) end)},
            {"rubeam:eval of a loop of 10,000 turns",
             times(fun() -> {ok, 10000} = rubeam:eval(Ruby, ?LOOP) end)},
            {"mruby alone, the same loop",
             fun(N) -> ask(Alone, "loop", N) end}],
    [Rubeam, New, Limit, CRuby, Loop, LoopLimit] = All = measure(Ways),
    done([Ruby, Peer, Alone]),
    {rows(eval, Ways, All)
         ++ [row(eval, "CRuby on a port / rubeam:eval of 1+2", ratio, ratios(CRuby, Rubeam)),
             row(eval, "the loop: rubeam:eval / mruby alone", ratio, ratios(Loop, LoopLimit))],
     [demand("eval of 1+2 / mruby alone", 1.8, ratios(Rubeam, Limit)),
      demand("  the same, each time a new text", 1.8, ratios(New, Limit))]}.

%% One that the interpreter does not remember: too many others have come since.
new_text(Texts, Next) ->
    counters:add(Next, 1, 1),
    element(1 + counters:get(Next, 1) rem ?NEW_TEXTS, Texts).

-spec fib() -> result().
fib() ->
    {Ruby, Peer, Alone} = {ruby(), peer(), program("mruby_alone")},
    Ways = [{"rubeam:eval(Port, <<\"fib(27)\">>)",
             times(fun() -> {ok, 196418} = rubeam:eval(Ruby, <<"fib(27)">>) end)},
            {"rubeam:call(Port, fib, [27])",
             times(fun() -> {ok, 196418} = rubeam:call(Ruby, fib, [27]) end)},
            {"mruby alone, fib(27)",
             fun(N) -> ask(Alone, "fib", N) end},
            {"CRuby on a {packet, 4} port, fib(27)",
             times(fun() -> {ok, 196418} = call_peer(Peer, {call, fib, [27]}) end)}],
    [Eval, Call, Limit, _] = All = measure(Ways, 40),
    done([Ruby, Peer, Alone]),
    {rows(fib, Ways, All),
     [demand("fib(27) by eval / mruby alone", 1.1, ratios(Eval, Limit)),
      demand("fib(27) by call / mruby alone", 1.1, ratios(Call, Limit))]}.

%% For information
-spec data() -> result().
data() ->
    {Ruby, Peer} = {ruby(), peer()},
    Ways = lists:append(
             [[{["rubeam, ", Size, " in"],
                times(fun() -> {ok, Bytes} = rubeam:call(Ruby, take, [Data]) end)},
               {["CRuby on a port, ", Size, " in"],
                times(fun() -> {ok, Bytes} = call_peer(Peer, {call, take, [Data]}) end)},
               {["rubeam, ", Size, " out"],
                times(fun() -> {ok, <<_:Bytes/binary>>} = rubeam:call(Ruby, give, [Bytes]) end)},
               {["CRuby on a port, ", Size, " out"],
                times(fun() ->
                              {ok, <<_:Bytes/binary>>} = call_peer(Peer, {call, give, [Bytes]})
                      end)}]
              || {Size, Bytes} <- [{"1 kB", 1_000}, {"100 kB", 100_000}, {"1 MB", 1_000_000}],
                 Data <- [binary:copy(<<"x">>, Bytes)]]),
    All = measure(Ways, 100),
    done([Ruby, Peer]),
    {rows(data, Ways, All), []}.

%% For information
-spec open_close() -> result().
open_close() ->
    Alone = program("mruby_alone"),
    {ok, Template} = rubeam:template(#{prelude => ?PRELUDE}),
    #{copied := true} = rubeam:template_info(Template),
    Ways = [{"rubeam:open", fun(N) -> only_opened(N, #{}) end},
            {"rubeam:open from a template", fun(N) -> only_opened(N, #{template => Template}) end},
            {"rubeam:open and close",
             times(fun() -> rubeam:close(opened()) end)},
            {"rubeam:open, eval of 1+2, close",
             times(fun() ->
                           Port = opened(),
                           {ok, 3} = rubeam:eval(Port, <<"1+2">>),
                           rubeam:close(Port)
                   end)},
            {"the same from a template",
             times(fun() ->
                           {ok, Port} = rubeam:open(#{template => Template}),
                           {ok, 3} = rubeam:eval(Port, <<"1+2">>),
                           rubeam:close(Port)
                   end)},
            {"the same with the template's prelude",
             times(fun() ->
                           {ok, Port} = rubeam:open(#{prelude => ?PRELUDE}),
                           {ok, 3} = rubeam:eval(Port, <<"1+2">>),
                           rubeam:close(Port)
                   end)},
            {"mruby alone: mrb_open and mrb_close",
             fun(N) -> ask(Alone, "open", N) end}],
    [_, Open, Close, _, All3 | _] = All = measure(Ways, 100),
    done([Alone]),
    rubeam:close(Template),
    {rows(open_close, Ways, All)
         ++ [row(open_close, "rubeam:open and close / mruby alone", ratio, ratios(Close, lists:last(All)))],
     [demand("open from a template, µs", 30, [Ns / 1000 || Ns <- Open]),
      demand("open from a template, eval, close, µs", 50, [Ns / 1000 || Ns <- All3])]}.

%% Nanoseconds for so many. At most 20 are open at a time: what others have closed is still in memory then.
only_opened(N, Options) when N > 20 ->
    only_opened(20, Options) + only_opened(N - 20, Options);
only_opened(N, Options) ->
    Start = erlang:monotonic_time(),
    Ports = [begin {ok, Port} = rubeam:open(Options), Port end || _ <- lists:seq(1, N)],
    Time = erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond),
    lists:foreach(fun rubeam:close/1, Ports),
    Time.

rows(Part, Ways, All) ->
    [row(Part, Name, ns, Samples) || {{Name, _}, Samples} <- lists:zip(Ways, All)].

times(Function) ->
    fun(N) -> timed(N, Function) end.

add(X, Y) -> X + Y.

%% --- the ways ---

opened() ->
    {ok, Port} = rubeam:open(),
    Port.

ruby() ->
    Port = opened(),
    {ok, _} = rubeam:eval(Port, ?PRELUDE),
    Port.

null_driver() ->
    case erl_ddll:load(bench_directory(), "null_drv") of
        ok -> ok;
        {error, already_loaded} -> ok
    end,
    open_port({spawn_driver, "null_drv"}, []).

%% The least Ruby program that evals and answers.
-spec peer() -> port().
peer() ->
    Source = filename:join([bench_directory(), "..", "..", "test", "bench", "peer.rb"]),
    open_port({spawn_executable, os:find_executable("ruby")},
              [{args, [Source]}, {packet, 4}, binary]).

%% As the article has it, with the next message instead of a request's id: there is only one.
-spec call_peer(port(), term()) -> term().
call_peer(Port, Request) ->
    port_command(Port, term_to_binary(Request)),
    receive {Port, {data, Answer}} -> binary_to_term(Answer) end.

%% A program in C that answers lines.
-spec program(Name :: string()) -> port().
program(Name) ->
    program(Name, [{line, 100}]).

-spec program(Name :: string(), Options :: list()) -> port().
program(Name, Options) ->
    open_port({spawn_executable, filename:join(bench_directory(), Name)}, [binary | Options]).

%% How many nanoseconds the program took to do its work so many times.
-spec ask(port(), Work :: string(), Times :: pos_integer()) -> integer().
ask(Program, Work, Times) ->
    port_command(Program, [Work, " ", integer_to_list(Times), "\n"]),
    receive {Program, {data, {eol, Ns}}} -> binary_to_integer(Ns) end.

bench_directory() ->
    os:getenv("RUBEAM_BENCH").

done(Ports) ->
    lists:foreach(fun erlang:port_close/1, Ports).
