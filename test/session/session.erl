%% The session that `make run' shows: what Rubeam does, in the order of the article that it grew
%% from. Each step prints what is done and what Erlang got, and checks it: any difference ends
%% the program with status 1.
-module(session).

-export([main/0]).

-spec main() -> ok | no_return().
main() ->
    io:setopts([{encoding, unicode}]),
    try
        %% That the application stopped is no news here.
        ok = logger:set_primary_config(level, warning),
        {ok, _} = application:ensure_all_started(rubeam),
        Started = erlang:monotonic_time(millisecond),
        lines(),
        Port = frames(),
        isolation(Port),
        errors(Port),
        endless(Port),
        ownership(),
        Took = erlang:monotonic_time(millisecond) - Started,
        say("~nThat was Ruby inside the VM: no program was started. (~b ms)", [Took]),
        ok = application:stop(rubeam)
    catch
        error:{differs, Step, Got, Wanted} ->
            say("~nThis differs: ~ts~n  got    ~tp~n  wanted ~tp", [Step, Got, Wanted]),
            halt(1);
        Class:Reason:Stack ->
            say("~nThe session failed: ~tp~n~tp", [{Class, Reason}, Stack]),
            halt(1)
    end.

%% Lines of code in, lines of text out, as with an external `ruby' and a plain port.
lines() ->
    title("A port, lines of Ruby"),
    Port = open_port({spawn_driver, "rubeam_drv packet=line"}, [binary]),
    say("  Port = open_port({spawn_driver, \"rubeam_drv packet=line\"}, [binary])", []),
    lists:foreach(fun(Line) -> command(Port, [Line, $\n]) end, ["a = 1", "a += 2", "puts a"]),
    got("puts a", data(Port), <<"3\n">>),
    port_close(Port).

%% Frames: one term each way, so code may have many lines, and values come back as terms.
frames() ->
    title("Frames: terms in, terms out"),
    Port = open_port({spawn_driver, "rubeam_drv"}, [binary]),
    say("  Port = open_port({spawn_driver, \"rubeam_drv\"}, [binary])", []),
    eval(Port, "a = 1"),
    eval(Port, "while a < 10 do\n  a *= 3\nend"),
    eval(Port, "send_response(\"response\")\nsend_response(a)"),
    got("the first message", term(Port), {response, <<"response">>}),
    got("the second message", term(Port), {response, 27}),
    Port.

isolation(Port) ->
    title("A second interpreter beside it"),
    {ok, Other} = rubeam:open(#{}),
    say("  {ok, Other} = rubeam:open(#{})", []),
    got("rubeam:eval(Other, \"a = 42\")", rubeam:eval(Other, "a = 42"), {ok, 42}),
    got("rubeam:eval(Port, \"a\")", rubeam:eval(Port, "a"), {ok, 27}),
    ok = rubeam:close(Other).

errors(Port) ->
    title("Errors"),
    {error, #{class := Class}} = Simple = rubeam:eval(Port, "1/0"),
    show("rubeam:eval(Port, \"1/0\")", Simple),
    check("1/0", Class, <<"ZeroDivisionError">>),
    Code = "def half(n)\n  n / 0\nend\nhalf(1)",
    {error, Error} = Got = rubeam:eval(Port, Code, #{file => <<"half.rb">>}),
    say("  rubeam:eval(Port, ~tp, #{file => <<\"half.rb\">>})", [Code]),
    show("", Got),
    check("the class", maps:get(class, Error), <<"ZeroDivisionError">>),
    check("the message", maps:get(message, Error), <<"divided by 0">>),
    check("the backtrace", maps:get(backtrace, Error),
          [<<"half.rb:2:in half">>, <<"half.rb:4">>]).

endless(Port) ->
    title("An endless loop, stopped"),
    got("rubeam:eval(Port, \"loop {}\", #{timeout => 100})",
        rubeam:eval(Port, "loop {}", #{timeout => 100}), {error, timeout}),
    got("rubeam:eval(Port, \"a + 1\")", rubeam:eval(Port, "a + 1"), {ok, 28}),
    port_close(Port).

ownership() ->
    title("The owner dies, its port goes"),
    Self = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        {ok, Port} = rubeam:open(#{}),
        Self ! {port, Port},
        receive stop -> ok end
    end),
    Port = receive {port, P} -> P end,
    got("rubeam:eval(Port, \"6 * 7\")", rubeam:eval(Port, "6 * 7"), {ok, 42}),
    Down = erlang:monitor(port, Port),
    exit(Owner, kill),
    say("  exit(Owner, kill)", []),
    receive {'DOWN', Monitor, process, Owner, killed} -> ok end,
    receive {'DOWN', Down, port, _, _} -> ok end,
    got("erlang:port_info(Port)", erlang:port_info(Port), undefined),
    got("rubeam:eval(Port, \"1\")", rubeam:eval(Port, "1"), {error, closed}).

%% --- what a step is made of ---

command(Port, Text) ->
    say("  port_command(Port, ~tp)", [lists:flatten(Text)]),
    true = port_command(Port, Text).

eval(Port, Code) ->
    say("  port_command(Port, term_to_binary({eval, <<~tp>>}))", [Code]),
    true = port_command(Port, term_to_binary({eval, unicode:characters_to_binary(Code)})).

data(Port) ->
    receive {Port, {data, Bytes}} -> Bytes after 5000 -> nothing end.

term(Port) ->
    case data(Port) of
        nothing -> nothing;
        Frame -> binary_to_term(Frame)
    end.

got(What, Got, Wanted) ->
    show(What, Got),
    check(What, Got, Wanted).

check(_What, Same, Same) -> ok;
check(What, Got, Wanted) -> error({differs, What, Got, Wanted}).

show("", Got) ->
    say("    Erlang got: ~98.17tp", [Got]); % to column 98, from column 17 on
show(What, Got) ->
    say("  ~ts", [What]),
    show("", Got).

title(Text) -> say("~n~ts", [Text]).

say(Format, Arguments) -> io:format(Format ++ "~n", Arguments).
