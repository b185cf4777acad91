%% A node that ends beside endless scripts: by halt() and by init:stop(). It must be gone a second
%% later, whatever the pool. Here alone a time is asserted, since it is part of the promise.
%%
%% The second is counted beyond what a node without scripts needs at that moment: init:stop() alone
%% was seen to take a second (OTP 25), and a busy machine adds to both. The node prints the moment
%% at which it begins to end; its scripts run until then. Where other programs take most of the
%% processor's time, what is counted is the part of it that we are given.
-module(stress_halt).

-export([run/1, node_main/2]).

-define(MOST, 1_000). % milliseconds
-define(MOST_SANITIZED, 10_000).

%% For so long it is looked how busy the machine is.
-define(SAMPLE, 300).

%% After which a node is killed that does not come up, or does not end at all.
-define(PATIENCE, 60_000).

-spec run(map()) -> map().
run(#{scripts := Scripts, times := Times}) ->
    Ends = [{How, end_once(How, Scripts)} || _ <- lists:seq(1, Times), How <- [halt, stop]],
    maps:from_list([{{How, ms}, slowest(How, Ends)} || How <- [halt, stop]]).

%% {Without scripts, with scripts}, in milliseconds.
end_once(How, Scripts) ->
    Alone = time_of_end(How, 0),
    Before = part_of_a_core(),
    Beside = time_of_end(How, Scripts),
    Part = min(Before, part_of_a_core()),
    (Beside - Alone) * Part =< most() orelse
        exit({ended_too_late, How, [{alone, Alone}, {beside, Beside}, {part_of_a_core, Part}]}),
    {Alone, Beside}.

%% What a busy thread of ours gets now: 1 with a core to itself.
part_of_a_core() ->
    {Cpu, _} = statistics(runtime),
    Now = erlang:monotonic_time(millisecond),
    stress_workers:busy_until((Now + ?SAMPLE) * 1_000),
    {CpuAfter, _} = statistics(runtime),
    min(1.0, max(CpuAfter - Cpu, 1) / (erlang:monotonic_time(millisecond) - Now)).

most() ->
    case stress_state:is_sanitized() of
        true -> ?MOST_SANITIZED;
        false -> ?MOST
    end.

slowest(How, Ends) ->
    {Alone, Beside} = lists:unzip([End || {H, End} <- Ends, H =:= How]),
    #{alone => lists:max(Alone), beside => lists:max(Beside)}.

time_of_end(How, Scripts) ->
    Node = open_port({spawn_executable, filename:join([code:root_dir(), "bin", "erl"])},
                     [{args, arguments(How, Scripts)}, {line, 1000}, exit_status, binary]),
    Begin = await_begin(Node, []),
    case next(Node) of
        {exit_status, 0} -> (os:system_time(microsecond) - Begin) div 1000;
        Other -> exit({node_ended_with, Other, How})
    end.

%% The moment at which the node says that it begins to end.
await_begin(Node, Said) ->
    case next(Node) of
        {data, {eol, <<"ends ", Moment/binary>>}} -> binary_to_integer(Moment);
        {data, {_, Line}} -> await_begin(Node, [Line | Said]);
        Other -> exit({node_ended_with, Other, lists:reverse(Said)})
    end.

next(Node) ->
    receive
        {Node, Message} -> Message
    after ?PATIENCE ->
        {os_pid, Pid} = erlang:port_info(Node, os_pid),
        _ = os:cmd("kill -KILL " ++ integer_to_list(Pid)),
        {killed_after, ?PATIENCE}
    end.

arguments(How, Scripts) ->
    Main = io_lib:format("~s:node_main(~s, ~b).", [?MODULE, How, Scripts]),
    ["-noinput", "+A", integer_to_list(erlang:system_info(thread_pool_size)),
     "+S", integer_to_list(erlang:system_info(schedulers_online)), "-pa"]
        ++ [Directory || Directory <- code:get_path(), filename:pathtype(Directory) =:= absolute,
                         string:prefix(Directory, code:root_dir()) =:= nomatch]
        ++ ["-eval", lists:flatten(Main)].

%% In the other node. Each script tells its owner that it runs.
-spec node_main(halt | stop, Scripts :: non_neg_integer()) -> ok.
node_main(How, Scripts) ->
    {ok, _} = application:ensure_all_started(rubeam),
    Codes = endless(),
    lists:foreach(fun(I) ->
                          {ok, Port} = rubeam:open(),
                          Code = lists:nth(1 + I rem length(Codes), Codes),
                          _ = rubeam:send_request(Port, {eval, ["send_response(1)\n", Code]}),
                          receive {Port, {data, _Runs}} -> ok end
                  end, lists:seq(1, Scripts)),
    receive after 100 -> ok end,
    io:format("ends ~b~n", [os:system_time(microsecond)]),
    case How of
        halt -> erlang:halt();
        stop -> init:stop()
    end.

endless() ->
    ["loop {}",
     "while true\nend",
     "sleep",
     "loop { sleep 0.001 }",
     "loop { 'x' * 100_000 }",
     "loop { (1..1000).to_a.sort }",
     "begin\n  loop {}\nensure\n  loop {}\nend",
     "loop { begin; loop {}; rescue Exception; end }",
     "Fiber.new { loop {} }.resume"].
