%% What a node has at a moment, and what it has more of at another: ports, processes, threads, open
%% files, memory and how many pieces of it. Called by `stress', which demands that nothing is left
%% over after each load, and by its report when a load hangs. Pure but for looking.
-module(stress_state).

-export([look/0, nothing/0, settled/2, left_over/2, text/2, outstanding/1, resident_bytes/0,
         slack/1, is_sanitized/0]).

-type state() :: #{ports := [port()], processes := [pid()], threads := integer(),
                   files := integer(), memory := integer(), mappings := integer()}.

%% How many different stacks and how many ports a report of what is outstanding shows.
-define(SHOWN, 20).

-spec look() -> state().
look() ->
    lists:foreach(fun erlang:garbage_collect/1, processes()),
    #{ports => erlang:ports(),
      processes => processes(),
      threads => number_of("/proc/self/task"),
      files => number_of("/proc/self/fd"),
      memory => resident_bytes(),
      mappings => mappings()}.

%% What has nothing; for outstanding/1 where nobody has looked before.
-spec nothing() -> state().
nothing() ->
    #{ports => [], processes => [], threads => 0, files => 0, memory => 0, mappings => 0}.

%% The state once nothing is left over, or after so many milliseconds: slices end, the VM frees
%% ports and processes a moment after they are gone.
-spec settled(Before :: state(), Patience :: integer()) -> state().
settled(Before, Patience) ->
    Now = look(),
    case left_over(Before, Now) of
        [] -> Now;
        _ when Patience =< 0 -> Now;
        _ -> receive after 50 -> settled(Before, Patience - 50) end
    end.

%% What Now has and Before had not, as a list of {What, More}; [] is all well. Memory comes and goes
%% for many reasons, so it counts only when it is more than they explain; an interpreter has a tenth
%% of a megabyte.
-spec left_over(Before :: state(), Now :: state()) -> [{atom(), term()}].
left_over(Before, Now) ->
    [{ports, New} || New <- [more(ports, Before, Now)], New =/= []]
        ++ [{processes, New} || New <- [more(processes, Before, Now)], New =/= []]
        ++ [{What, N} || What <- [threads, files], N <- [more(What, Before, Now)], N > 0]
        ++ [{What, N} || What <- [memory, mappings], N <- [more(What, Before, Now)],
                         N > slack(What)].

more(What, Before, Now) when What =:= ports; What =:= processes ->
    maps:get(What, Now) -- maps:get(What, Before);
more(What, Before, Now) ->
    maps:get(What, Now) - maps:get(What, Before).

%% Mappings: the driver keeps 64 stacks for the next jobs, each with its guard page.
%% AddressSanitizer keeps freed memory for a while, up to 256 MB by default.
%% https://github.com/google/sanitizers/wiki/AddressSanitizerFlags
-spec slack(memory | mappings) -> integer().
slack(What) ->
    case {What, is_sanitized()} of
        {memory, false} -> 16 bsl 20;
        {mappings, false} -> 400;
        {memory, true} -> 512 bsl 20;
        {mappings, true} -> 10_000
    end.

%% Is the driver built for a sanitizer, which was loaded before the VM?
-spec is_sanitized() -> boolean().
is_sanitized() ->
    string:find(os:getenv("LD_PRELOAD", ""), "san") =/= nomatch.

-spec text(Before :: state(), Now :: state()) -> iolist().
text(Before, Now) ->
    io_lib:format("left over: ~b ports, ~b processes, ~b threads, ~b files; "
                  "memory ~b MB in ~b pieces, before ~b MB in ~b",
                  [length(more(ports, Before, Now)), length(more(processes, Before, Now)),
                   max(0, more(threads, Before, Now)), max(0, more(files, Before, Now)),
                   maps:get(memory, Now) bsr 20, maps:get(mappings, Now),
                   maps:get(memory, Before) bsr 20, maps:get(mappings, Before)]).

%% For the report of a load that does not end: where its processes stand, and what the ports
%% say of themselves.
-spec outstanding(Before :: state()) -> iolist().
outstanding(#{processes := Processes, ports := Ports}) ->
    Stacks = [stack(Pid) || Pid <- processes() -- Processes, Pid =/= self()],
    Counted = maps:to_list(lists:foldl(fun count/2, #{}, Stacks)),
    New = erlang:ports() -- Ports,
    [io_lib:format("~b processes more than before~n", [length(Stacks)]),
     [io_lib:format("  ~b times, ~b messages in one, at ~tp~n", [N, Messages, Stack])
      || {Stack, {N, Messages}} <- lists:sublist(Counted, ?SHOWN)],
     io_lib:format("~b ports more than before~n", [length(New)]),
     [io_lib:format("  ~p: ~tp~n", [Port, port(Port)]) || Port <- lists:sublist(New, ?SHOWN)]].

stack(Pid) ->
    case process_info(Pid, [current_stacktrace, message_queue_len]) of
        [{current_stacktrace, Stack}, {message_queue_len, Messages}] ->
            {[{M, F, A} || {M, F, A, _} <- Stack], Messages};
        undefined ->
            {ended, 0}
    end.

count({Stack, Messages}, Counted) ->
    maps:update_with(Stack, fun({N, Most}) -> {N + 1, max(Messages, Most)} end, {1, Messages},
                     Counted).

%% Asked by a process of its own: a port that hangs inside of a callback does not answer.
port(Port) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({info, rubeam:info(Port)}) end),
    receive
        {'DOWN', Monitor, process, Pid, {info, Info}} -> Info;
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after 500 ->
        exit(Pid, kill),
        erlang:demonitor(Monitor, [flush]),
        no_answer
    end.

mappings() ->
    {ok, Text} = file:read_file("/proc/self/maps"),
    length(binary:matches(Text, <<"\n">>)).

number_of(Directory) ->
    {ok, Names} = file:list_dir_all(Directory),
    length(Names).

%% What the system gave to the whole VM, the interpreters' memory included.
-spec resident_bytes() -> integer().
resident_bytes() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
