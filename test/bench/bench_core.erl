%% Instructions of the core for a request, without a VM: see core_bench.c. Counted by valgrind, so
%% that they don't depend on the machine's load; the profiles stay as callgrind.NAME.out for
%% callgrind_annotate.
-module(bench_core).

-export([instructions/0]).

-spec instructions() -> {[bench:row()], [bench:demand()]}.
instructions() ->
    {[bench_rounds:row(instructions, ["core, ", Text], count, [per_time(Name, Times)])
      || {Name, Times, Text} <- [{"call", 2_000, "call of add(1000, 2000)"},
                                 {"take", 2_000, "call with 1 kB"},
                                 {"map", 2_000, "call with a map of 6 keys"},
                                 {"maps", 100, "call with 100 maps of 13 keys"},
                                 {"rows", 100, "call with 100 maps of 13 atoms and values of all kinds"},
                                 {"eval", 1_000, "eval of 1+2"},
                                 {"cast", 1_000, "cast of 1+2"},
                                 {"open", 20, "open and close"}]],
     []}.

%% The difference of two counts is free of all that happens once.
per_time(Name, Times) ->
    bench_rounds:progress(),
    (count(Name, 2 * Times) - count(Name, Times)) / Times.

count(Name, Times) ->
    Directory = os:getenv("RUBEAM_BENCH"),
    Log = filename:join(Directory, "callgrind.log"),
    Command = io_lib:format("valgrind --tool=callgrind --callgrind-out-file=~s/callgrind.~s.out "
                            "--log-file=~s ~s/core_bench ~s ~b",
                            [Directory, Name, Log, Directory, Name, Times]),
    Said = os:cmd(lists:flatten(Command)),
    {ok, Text} = file:read_file(Log),
    case re:run(Text, "Collected : ([0-9]+)", [{capture, all_but_first, binary}]) of
        {match, [Count]} -> binary_to_integer(Count);
        nomatch -> error({no_count, Name, Said, Text})
    end.
