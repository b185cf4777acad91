%% Do mruby's own tests give in Rubeam what they give in plain mruby?
%%
%% Each test file (test/t/*.rb of mruby, and those of the gems that are built in) is evaluated in an
%% interpreter of its own, in slices as short as they can be: so mruby is interrupted thousands of
%% times, at other places in each run. test/mruby/plain_tests.c tells what plain mruby makes of the
%% same files. All that passes there must pass here; the counts of both stand side by side in
%% build/logs/mruby-threads.txt and mruby-async.txt.
%%
%% The same once through a program of its own, rubeam_port: build/logs/mruby-port.txt.
%%
%% test/unit/test_mruby.c runs them without a VM, interrupted at each allocation and instruction.
-module(mruby_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

%% Of one file; a hang of Ruby's shall be told with the name of the file.
-define(PATIENCE, 60_000).

%% All files are run again until there were so many switches in all, or the time is over. How many a
%% round has depends on how soon the watchdog's thread gets a processor: some hundred at least.
-define(ENOUGH, 10_000).
-define(MILLISECONDS, 40_000).
-define(AT_LEAST, 3000).

-record(report,
        {results = [] :: [binary()],   % "RESULT NAME" of each assert: see report.rb
         counts = [0, 0, 0, 0, 0] :: [integer()], % ok, ko, kill, warning, skip
         texts = <<>> :: binary(),     % on those that did not pass
         raised = [] :: [binary()]}).  % exceptions that left a file: what stood behind did not run

-record(run,
        {file :: string(),
         plain :: #report{},
         rubeam :: [#report{}],        % of each round
         preemptions :: [integer()]}).

all() ->
    [what_passes_in_plain_mruby_passes,
     what_passes_in_plain_mruby_passes_in_a_program,
     plain_mruby_passes_all_but_what_it_can_not,
     each_difference_is_there,
     what_is_worse_would_be_noticed,
     all_was_interrupted_often,
     nothing_is_left_behind].

suite() ->
    [{timetrap, {minutes, 10}}]. % sanitizers take their time

init_per_suite(Config) ->
    Started = rubeam_ct:start(Config),
    Plain = plain_reports(test_files()),
    Loops = [endless() || pool() =/= "async", _ <- lists:seq(0, erlang:system_info(schedulers))],
    Runs = rounds([#run{file = File, plain = Report, rubeam = [], preemptions = []}
                   || {File, Report} <- Plain],
                  erlang:monotonic_time(millisecond) + ?MILLISECONDS),
    lists:foreach(fun stop_loop/1, Loops),
    Programs = [run_in_program(#run{file = File, plain = Report, rubeam = [], preemptions = []})
                || {File, Report} <- Plain],
    %% Not in Config: Common Test prints that for each case, at length.
    persistent_term:put(?MODULE, Runs),
    persistent_term:put({?MODULE, port}, Programs),
    Started.

end_per_suite(Config) ->
    persistent_term:erase(?MODULE),
    persistent_term:erase({?MODULE, port}),
    rubeam_ct:stop(Config).

nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

rounds(Before, End) ->
    Runs = lists:map(fun run/1, Before),
    case preemptions(Runs) >= ?ENOUGH orelse erlang:monotonic_time(millisecond) >= End of
        true -> Runs;
        false -> rounds(Runs, End)
    end.

preemptions(Runs) -> lists:sum([N || #run{preemptions = Ns} <- Runs, N <- Ns]).

%% --- What is known ---

%% What plain mruby does not pass, and why.
not_in_plain() ->
    C = "needs functions in C of the test's own",
    RangeExt = "written for an mruby without mruby-range-ext, which is how mruby tests it",
    [{"test/t/vformat.rb", "X mrb_vformat", C},
     {"mrbgems/mruby-error/test/exception.rb", "X mrb_protect", C},
     {"mrbgems/mruby-error/test/exception.rb", "X mrb_ensure", C},
     {"mrbgems/mruby-error/test/exception.rb", "X mrb_rescue", C},
     {"mrbgems/mruby-error/test/exception.rb", "X mrb_rescue_exceptions", C},
     {"mrbgems/mruby-proc-ext/test/proc.rb", "X mrb_proc_new_cfunc_with_env", C},
     {"mrbgems/mruby-proc-ext/test/proc.rb", "X mrb_cfunc_env_get", C},
     {"mrbgems/mruby-binding/test/binding.rb", "F Kernel#binding and .eval from C", C},
     {"mrbgems/mruby-proc-binding/test/proc-binding.rb", "X Proc#binding and .eval from C", C},
     {"mrbgems/mruby-fiber/test/fiber2.rb", "X Call Fiber#resume nested with C", C},
     {"mrbgems/mruby-fiber/test/fiber2.rb",
      "X Call Fiber#resume and Fiber.yield mixed with C.", C},
     {"mrbgems/mruby-fiber/test/fiber2.rb",
      "X Call Fiber#resume and Fiber.yield mixed with C and raising exceptions", C},
     {"mrbgems/mruby-fiber/test/fiber2.rb", "X Call Fiber#transfer with C", C},
     {"test/t/integer.rb", "F Integer#quo",
      "wants 5/6 for 6.quo(5), where there is mruby-rational; mruby tests it without"},
     {"test/t/range.rb", "X Range#last [15.2.14.4.10]", RangeExt},
     {"test/t/range.rb", "X Range#hash [15.3.1.3.15]", RangeExt},
     {"mrbgems/mruby-enum-chain/test/enum_chain.rb", "F Enumerator::Chain#size", RangeExt}].

%% What passes in plain mruby and on purpose not in Rubeam, and why.
not_in_rubeam() ->
    [{"test/t/codegen.rb", ". register window of calls (#3783)",
      "wants regular expressions to raise NoMethodError; here they are there"}].

%% --- The cases ---

what_passes_in_plain_mruby_passes(_Config) ->
    nothing_is_worse(persistent_term:get(?MODULE), pool()).

what_passes_in_plain_mruby_passes_in_a_program(_Config) ->
    nothing_is_worse(persistent_term:get({?MODULE, port}), "port").

nothing_is_worse(Runs, Name) ->
    Table = table(Runs),
    ct:pal("~ts", [Table]),
    Log = filename:join([root(), "build", "logs", "mruby-" ++ Name ++ ".txt"]),
    ok = file:write_file(Log, Table),
    ?assertEqual([], lists:flatmap(fun worse/1, Runs)).

plain_mruby_passes_all_but_what_it_can_not(_Config) ->
    Runs = persistent_term:get(?MODULE),
    ?assertEqual([], [{File, Raised} || #run{file = File, plain = #report{raised = Raised}} <- Runs,
                                        Raised =/= []]),
    ?assertEqual(lists:sort([{File, list_to_binary(Line)} || {File, Line, _} <- not_in_plain()]),
                 lists:sort([{File, Line} || #run{file = File, plain = Plain} <- Runs,
                                             Line <- Plain#report.results -- passed(Plain)])).

%% Or the list is longer than it should be.
each_difference_is_there(_Config) ->
    [begin
         #run{plain = Plain, rubeam = Rounds} = lists:keyfind(File, #run.file, Runs),
         [?assert(lists:member(list_to_binary(Line), passed(Plain) -- passed(Rubeam)), {File, Line})
          || Rubeam <- Rounds]
     end || {File, Line, _Why} <- not_in_rubeam(),
            Runs <- [persistent_term:get(?MODULE), persistent_term:get({?MODULE, port})]].

what_is_worse_would_be_noticed(_Config) ->
    Plain = report(<<". a\n. b\n. b\n\n3 0 0 0 0\n">>),
    Run = #run{file = "x.rb", plain = Plain, rubeam = [Plain]},
    ?assertEqual([], worse(Run)),
    [?assertMatch([{"x.rb", Lost, Raised, _}], worse(Run#run{rubeam = [Plain, report(Text)]}))
     || {Lost, Raised, Text} <-
            [{[<<". b">>], [], <<". a\n. b\nF b\n\n2 1 0 0 0\nFail: b\n">>},
             {[<<". b">>, <<". b">>], [<<"X: y">>], <<"raised X: y\n. a\n\n1 0 0 0 0\n">>},
             {[], [<<"X: y">>], <<"raised X: y\n. a\n. b\n. b\n\n3 0 0 0 0\n">>},
             {[<<". a">>, <<". b">>, <<". b">>], [<<"closed">>], <<"raised closed\n">>}]].

all_was_interrupted_often(_Config) ->
    Runs = persistent_term:get(?MODULE),
    ct:pal("~b preemptions in ~b rounds", [preemptions(Runs), length((hd(Runs))#run.rubeam)]),
    ?assert(preemptions(Runs) >= ?AT_LEAST, {preemptions, preemptions(Runs)}).

%% What passes in plain mruby and did not in some round, and what it said then.
worse(#run{file = File, plain = Plain, rubeam = Rounds}) ->
    Known = [list_to_binary(Line) || {F, Line, _Why} <- not_in_rubeam(), F =:= File],
    [{File, Lost, Raised, texts(Rubeam)}
     || #report{raised = Raised} = Rubeam <- Rounds,
        Lost <- [(passed(Plain) -- passed(Rubeam)) -- Known],
        Lost =/= [] orelse Raised =/= Plain#report.raised].

%% --- Rubeam ---

run(#run{file = File} = Run) ->
    Ruby = rubeam_ct:open(#{slice => 50, timeout => ?PATIENCE}),
    Eval = fun(Code, Options) -> rubeam:eval(Ruby, Code, Options) end,
    Results = [evaluate(Eval, Path) || Path <- with_helpers(path(File))],
    Preemptions = case rubeam:info(Ruby) of
                      #{preemptions := N} -> N;
                      {error, closed} -> 0 % the interpreter has ended; an error in Results says so
                  end,
    ok = rubeam:close(Ruby),
    add_round(Run, Results, Preemptions).

run_in_program(#run{file = File} = Run) ->
    Port = open_port({spawn_executable, rubeam_ct:program_file()},
                     [{args, ["slice=50", "timeout=" ++ integer_to_list(?PATIENCE)]},
                      {env, [{"LD_PRELOAD", false}]}, {packet, 4}, nouse_stdio, exit_status, binary]),
    Eval = fun(Code, Options) -> ask(Port, {eval, result, Code, Options}) end,
    Results = [evaluate(Eval, Path) || Path <- with_helpers(path(File))],
    {ok, #{preemptions := Preemptions, transport := port}} = ask(Port, {info, result}),
    true = port_close(Port),
    add_round(Run, Results, Preemptions).

ask(Port, Request) ->
    true = port_command(Port, term_to_binary(Request)),
    answer(Port).

answer(Port) ->
    receive
        {Port, {data, Frame}} ->
            case binary_to_term(Frame) of
                {reply, result, Result} -> Result;
                {output, _, _} -> answer(Port)
            end;
        {Port, {exit_status, Status}} -> {error, {status, Status}}
    after 2 * ?PATIENCE -> ct:fail({no_answer, Port})
    end.

add_round(#run{rubeam = Rounds, preemptions = Times} = Run, Results, Preemptions) ->
    Report = case lists:last(Results) of
                 {ok, Text} when is_binary(Text) -> report(Text);
                 _ -> #report{}
             end,
    Raised = [iolist_to_binary(what(Error)) || {error, Error} <- Results],
    Run#run{rubeam = [Report#report{raised = Raised} | Rounds],
            preemptions = [Preemptions | Times]}.

evaluate(Eval, Path) ->
    {ok, Code} = file:read_file(Path),
    case Eval(Code, #{file => list_to_binary(filename:basename(Path))}) of
        %% The value of a test file is nobody's; it may have no form in Erlang.
        {error, #{class := <<"Erlang::TermError">>}} -> {ok, nil};
        Result -> Result
    end.

what(#{class := Class, message := Message}) -> [Class, ": ", Message];
what(Error) -> io_lib:format("~tp", [Error]).

%% While nobody else waits for the pool's threads its slices are long (driver/watchdog.h,
%% WATCHDOG_ALONE_NS): there is always one loop more than it has threads.
endless() ->
    Ruby = rubeam_ct:open(#{slice => 50}),
    Id = rubeam:send_request(Ruby, {eval, rubeam_ct:begins(<<"loop {}">>)}),
    begun = rubeam_ct:response(Ruby),
    {Ruby, Id}.

stop_loop({Ruby, Id}) ->
    ok = rubeam:interrupt(Ruby),
    {reply, {error, interrupted}} = rubeam:receive_response(Id, ?PATIENCE),
    ok = rubeam:close(Ruby).

%% --- Plain mruby ---

plain_reports(Files) ->
    Program = filename:join([root(), "build", "test", "mruby", "plain_tests"]),
    [Prelude, Assert, test, Report] = with_helpers(test),
    Port = open_port({spawn_executable, Program},
                     [{args, [Prelude, Assert, Report | Files]}, {cd, source()},
                      {env, [{"LD_PRELOAD", false}]}, % sanitizers' runtimes are for the VM alone
                      exit_status, binary]),
    {0, Output} = output(Port, []),
    take_reports(Files, Output).

output(Port, Taken) ->
    receive
        {Port, {data, Bytes}} -> output(Port, [Taken, Bytes]);
        {Port, {exit_status, Status}} -> {Status, iolist_to_binary(Taken)}
    after ?PATIENCE -> ct:fail({plain_mruby_hangs, iolist_to_binary(Taken)})
    end.

take_reports([], <<>>) -> [];
take_reports([File | Files], Output) ->
    [Head, Rest] = binary:split(Output, <<"\n">>),
    [Bytes, Name] = binary:split(Head, <<" ">>),
    ?assertEqual(list_to_binary(File), Name),
    {Text, More} = split_binary(Rest, binary_to_integer(Bytes)),
    [{File, report(Text)} | take_reports(Files, More)].

%% --- Files: named as in mruby's folder ---

test_files() ->
    {ok, Gems} = file:read_file(filename:join([root(), "build", "mruby", "plain", "mrbgems",
                                               "active_gems.txt"])),
    Patterns = ["test/t/*.rb" | ["mrbgems/" ++ binary_to_list(Gem) ++ "/test/*.rb"
                                 || Gem <- binary:split(Gems, <<"\n">>, [global, trim_all])]],
    Files = lists:append([filelib:wildcard(Pattern, source()) || Pattern <- Patterns]),
    ?assert(length(Files) > 80),
    Files.

path(File) -> filename:join(source(), File).

with_helpers(Test) ->
    [Prelude, Report] = [filename:join([root(), "test", "mruby", Name])
                         || Name <- ["prelude.rb", "report.rb"]],
    [Prelude, path("test/assert.rb"), Test, Report].

source() ->
    case os:getenv("MRUBY_SRC", "") of
        "" ->
            Build = filename:join(root(), "build"),
            [Name] = filelib:wildcard("mruby-[0-9]*.[0-9]*[0-9]", Build),
            filename:join(Build, Name);
        Named ->
            filename:absname(Named, root())
    end.

%% Above build/test/erlang
root() ->
    Code = filename:absname(filename:dirname(code:which(?MODULE))),
    filename:dirname(filename:dirname(filename:dirname(Code))).

%% --- Reports: the text of report.rb, and lines that begin with "raised" before it ---

report(<<"raised ", More/binary>>) ->
    [What, Rest] = binary:split(More, <<"\n">>),
    Report = report(Rest),
    Report#report{raised = [What | Report#report.raised]};
report(<<>>) ->
    #report{};
report(<<"\n", Rest/binary>>) -> % not one assert
    report([], Rest);
report(Text) ->
    [Results, Rest] = binary:split(Text, <<"\n\n">>),
    report(binary:split(Results, <<"\n">>, [global]), Rest).

report(Results, Rest) ->
    [Counts, Texts] = binary:split(Rest, <<"\n">>),
    #report{results = Results, texts = Texts,
            counts = [binary_to_integer(N) || N <- binary:split(Counts, <<" ">>, [global])]}.

passed(#report{results = Results}) -> [Line || <<". ", _/binary>> = Line <- Results].

%% Short enough for a failure's report
texts(#report{texts = Texts}) -> binary:part(Texts, 0, min(byte_size(Texts), 2000)).

%% --- The table: the worst round's counts, and the preemptions of all rounds ---

table(Runs) ->
    Worst = fun(Rounds) -> lists:min([Counts || #report{counts = Counts} <- Rounds]) end,
    Rows = [{File, Plain, Worst(Rounds), lists:sum(Times)}
            || #run{file = File, plain = #report{counts = Plain}, rubeam = Rounds,
                    preemptions = Times} <- Runs],
    Total = {io_lib:format("~b files, ~b rounds", [length(Runs), length((hd(Runs))#run.rubeam)]),
             sums([Plain || {_, Plain, _, _} <- Rows]),
             sums([Rubeam || {_, _, Rubeam, _} <- Rows]), preemptions(Runs)},
    Known = [io_lib:format("~ts: ~ts: ~ts~n", [File, Line, Why])
             || {File, Line, Why} <- not_in_plain() ++ not_in_rubeam()],
    unicode:characters_to_binary(
      [io_lib:format("~-48s  plain mruby~20cRubeam~n", ["", $\s]),
       io_lib:format("~-48s  ~s   ~s  preemptions~n",
                     ["" | lists:duplicate(2, "   ok   ko kill warn skip")]),
       lists:map(fun row/1, Rows ++ [Total]), "\nWhat does not pass, and why:\n", Known]).

row({File, Plain, Rubeam, Preemptions}) ->
    Columns = "  ~5b ~4b ~4b ~4b ~4b",
    io_lib:format("~-48s" ++ Columns ++ " " ++ Columns ++ "  ~11b~n",
                  [File] ++ Plain ++ Rubeam ++ [Preemptions]).

sums([[] | _]) -> [];
sums(Lists) -> [lists:sum([hd(L) || L <- Lists]) | sums([tl(L) || L <- Lists])].

pool() -> os:getenv("RUBEAM_POOL", "auto").
