%% What does the prompt do with what is typed?
%%
%% The terminal is a process here (tty/1), which speaks the I/O protocol and writes down what a terminal would
%% show. A real one is in test/terminal.sh.
-module(shell_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [the_page_shows_what_happens,
     input_is_read_until_it_parses,
     wrong_input_is_an_error_at_once,
     variables_decide_what_is_unfinished,
     lines_are_numbered,
     the_last_value_is_kept,
     code_that_is_no_expression_runs_once,
     values_that_cannot_be_shown,
     an_inspect_can_be_interrupted,
     long_texts_are_cut,
     commands,
     a_file_is_loaded,
     exceptions_do_not_name_the_prompt,
     output_comes_before_the_value,
     bytes_that_are_no_utf8,
     a_script_waits_for_a_slow_terminal,
     a_slow_terminal_bounds_the_output,
     an_interrupt_keeps_the_session,
     an_interrupt_drops_the_output,
     a_function_is_interrupted,
     a_script_that_goes_on_is_ended,
     an_interrupt_at_the_prompt_discards_the_input,
     an_end_of_the_interpreter_is_told,
     exit_in_ruby_leaves,
     leaving_closes_what_was_opened,
     another_interpreter_stays,
     a_callers_port_prints_here,
     a_busy_interpreter_does_not_hold_the_prompt,
     a_port_that_ends_leaves,
     a_terminal_that_goes_ends_it,
     lines_that_cannot_be_read,
     a_killed_caller_can_go_on,
     the_key_tab_is_given_back,
     long_lines,
     messages_and_responses,
     wrong_arguments,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

%% --- Input ---

the_page_shows_what_happens(_Config) ->
    {ok, Page} = file:read_file(filename:join(root(filename:dirname(code:which(rubeam))), "docs/shell.md")),
    {match, [Session]} = re:run(Page, "```text\n(rubeam\\(1\\)> .*?)```", [dotall, {capture, [1], binary}]),
    {match, Typed} = re:run(Session, "^rubeam\\(\\d+\\)[>*] (.*)$",
                            [global, multiline, {capture, [1], binary}]),
    ?assertEqual(9, length(Typed)),
    ?assertEqual(Session, session([Line || [Line] <- Typed])).

input_is_read_until_it_parses(_Config) ->
    Inputs = [{"[1, 2].map do |x|\nx + 1\nend", "[2, 3]"},
              {"{ a: 1,\nb: 2\n}", "{:a=>1, :b=>2}"},
              {"[\n1,\n2\n]", "[1, 2]"},
              {"(\n1\n)", "1"},
              {"[1, 2].first(\n1\n)", "[1]"},
              {"\"a\nb\"", "\"a\\nb\""},
              {"'a\nb'", "\"a\\nb\""},
              {"\"a#{1 +\n1}b\"", "\"a2b\""},
              {"x = <<A\none\nA", "\"one\\n\""},
              {"<<~A + <<-'B'\n  one\nA\ntwo\n B", "\"one\\ntwo\\n\""},
              {"%w[a\nb]", "[\"a\", \"b\"]"},
              {"%q(a\nb)", "\"a\\nb\""},
              {"/a\nb/x.source.size", "3"},
              {"1 \\\n+ 1", "2"},
              {"1 +\n1", "2"},
              {"true &&\nfalse", "false"},
              {"y =\n3", "3"},
              {"[3, 1].\nsort", "[1, 3]"},
              {"if true\n5\nelse\n6\nend", "5"},
              {"unless true\n5\nend", "nil"},
              {"i = 0; while i < 3\ni += 1\nend; i", "3"},
              {"case 3\nwhen 1, 3\n:odd\nend", ":odd"},
              {"begin\nraise 'x'\nrescue\n7\nend", "7"},
              {"=begin\nnothing\n=end\n", none},
              {"class Point\n\ndef x = 1\nend; Point.new.x", "1"},
              {"module Math2\nONE = 1\nend; Math2::ONE", "1"},
              {"->(v) {\nv * 2\n}.call(4)", "8"},
              {"{\"a\" =>\n1}", "{\"a\"=>1}"},
              {"true ?\n1 :\n2", "1"},
              {"# a remark", "nil"}],
    [begin
         Lines = string:split(Input, "\n", all),
         {Tty, Shell} = shell(),
         type(Tty, Lines ++ ["exit"]),
         ok = ends(Shell),
         Shown = screen(Tty),
         Stars = length(re_all(Shown, "^rubeam\\(\\d+\\)\\* ")),
         Values = re_all(Shown, "^=> .*$"),
         %% A remark at the end is a line that the session has already left.
         Expected = case lists:last(Lines) of "" -> length(Lines) - 2; _ -> length(Lines) - 1 end,
         ?assertEqual({Input, Expected}, {Input, Stars}),
         case Value of
             none -> ?assertEqual({Input, []}, {Input, Values});
             _ -> ?assertEqual({Input, [iolist_to_binary(["=> ", Value])]}, {Input, Values})
         end
     end || {Input, Value} <- Inputs].

wrong_input_is_an_error_at_once(_Config) ->
    [begin
         Shown = session([Input, "6 * 7", "exit"]),
         ?assertEqual({Input, []}, {Input, re_all(Shown, "^rubeam\\(\\d+\\)\\* ")}),
         ?assertMatch({_, [_]}, {Input, re_all(Shown, "^SyntaxError: .*$")}),
         ?assertMatch({_, [_]}, {Input, re_all(Shown, "^=> 42$")})
     end || Input <- ["end", "}", "1 1", "def 1", "[1)", "x = = 2", "class a", "yield", "@1", ".size",
                      "\\9", "$1 = 1"]],
    %% An error in the middle of an input ends it, and nothing of it was run.
    ?assertEqual(<<"rubeam(1)> begin\n"
                   "rubeam(2)* puts 1\n"
                   "rubeam(3)* )\n"
                   "SyntaxError: (rubeam):3:1: syntax error, unexpected ')', expecting \"'end'\"\n"
                   "    from (rubeam):3\n"
                   "rubeam(4)> exit\n">>, session(["begin", "puts 1", ")", "exit"])).

%% As a method, x would take a regular expression or a list of words.
variables_decide_what_is_unfinished(_Config) ->
    ?assertEqual(<<"rubeam(1)> x = 10\n=> 10\n"
                   "rubeam(2)> w = 7\n=> 7\n"
                   "rubeam(3)> x /2\n=> 5\n"
                   "rubeam(4)> x %w\n=> 3\n"
                   "rubeam(5)> y /2\n"
                   "rubeam(6)* \\cancel\n"
                   "rubeam(5)> exit\n">>,
                 session(["x = 10", "w = 7", "x /2", "x %w", "y /2", "\\cancel", "exit"])),
    %% Also in the first line, with an interpreter that has some
    Ruby = rubeam_ct:open(),
    {ok, 10} = rubeam:eval(Ruby, <<"x = 10">>),
    ?assertEqual(<<"rubeam(1)> x /2\n=> 5\nrubeam(2)> exit\n">>, session(Ruby, ["x /2", "exit"])),
    ok = rubeam:close(Ruby).

lines_are_numbered(_Config) ->
    ?assertEqual(<<"rubeam(1)> \n"
                   "rubeam(2)> def f\n"
                   "rubeam(3)*   raise 'here'\n"
                   "rubeam(4)* end\n=> :f\n"
                   "rubeam(5)> begin\n"
                   "rubeam(6)*   1; \n"
                   "rubeam(7)*   f\n"
                   "rubeam(8)* end\n"
                   "RuntimeError: here\n"
                   "    from (rubeam):3:in f\n"
                   "    from (rubeam):7\n"
                   "rubeam(9)> exit\n">>,
                 session(["", "def f", "  raise 'here'", "end", "begin", "  1; ", "  f", "end", "exit"])).

%% --- Values ---

the_last_value_is_kept(_Config) ->
    ?assertEqual(<<"rubeam(1)> 6 * 7\n=> 42\n"
                   "rubeam(2)> _ + 1\n=> 43\n"
                   "rubeam(3)> raise 'x'\nRuntimeError: x\n    from (rubeam):3\n"
                   "rubeam(4)> _\n=> 43\n"
                   "rubeam(5)> a, b = 1, 2\n=> [1, 2]\n"
                   "rubeam(6)> a if false\n=> nil\n"
                   "rubeam(7)> a; b # the last one\n=> 2\n"
                   "rubeam(8)> exit\n">>,
                 session(["6 * 7", "_ + 1", "raise 'x'", "_", "a, b = 1, 2", "a if false",
                          "a; b # the last one", "exit"])).

code_that_is_no_expression_runs_once(_Config) ->
    ?assertEqual(<<"rubeam(1)> $n = 0\n=> 0\n"
                   "rubeam(2)> $n += 1; return 5\n"
                   "rubeam(3)> $n += 1; break\n"
                   "LocalJumpError: unexpected break\n    from (rubeam):3\n"
                   "rubeam(4)> $n += 1; raise 'x'\nRuntimeError: x\n    from (rubeam):4\n"
                   "rubeam(5)> $n\n=> 3\n"
                   "rubeam(6)> exit\n">>,
                 session(["$n = 0", "$n += 1; return 5", "$n += 1; break", "$n += 1; raise 'x'", "$n",
                          "exit"])),
    ?assertEqual(<<"rubeam(1)> =begin\n"
                   "rubeam(2)* =end\n"
                   "rubeam(3)> =begin\n"
                   "rubeam(4)* =end\n=> nil\n"
                   "rubeam(5)> exit\n">>,
                 session(["=begin", "=end", "=begin", "=end", "exit"])).

values_that_cannot_be_shown(_Config) ->
    Shown = session(["o = Object.new; def o.inspect = raise('no'); o", "def o.inspect = 5; o",
                     "BasicObject.new", "def o.inspect = \"\\xff\"; o", "_.class", "exit"]),
    ?assertMatch([_, _], re_all(Shown, "^=> \\(its inspect failed\\) ")),
    has(Shown, "failed\\) RuntimeError: no\n    from \\(rubeam\\):1:in inspect\nrubeam"),
    has(Shown, "failed\\) NoMethodError: "),
    has(Shown, "^=> 5$"),
    has(Shown, "^=> ÿ$"),
    has(Shown, "^=> Object$").

an_inspect_can_be_interrupted(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, ["o = Object.new; def o.inspect = (puts 'in it'; loop {}); o"]),
    shows(Tty, "in it\n"),
    interrupt(Shell),
    type(Tty, ["_.class", "exit"]),
    ok = ends(Shell),
    has(screen(Tty), "Interrupted\nrubeam\\(2\\)> _.class\n=> Object\n").

long_texts_are_cut(_Config) ->
    Shown = session(["'a' * 1_000_000", "raise 'ä' * 1_000_000", "def deep(n) = deep(n + 1)", "deep(0)",
                     "\\erl (1..100_000).to_a", "exit"]),
    has(Shown, "^=> \"a{9999}\n\\(cut: it has 1000002 characters\\)\n"),
    has(Shown, "^RuntimeError: ä+\\.\\.\\. \\(cut: it has \\d+ bytes\\)\n"),
    has(Shown, "^SystemStackError: "),
    has(Shown, "^    ... and \\d+ more\n"),
    ?assert(byte_size(Shown) < 60000).

%% --- Commands ---

commands(_Config) ->
    Shown = session(["help", "x = {a: [1, 'b']}", "\\erl", "\\erl x[:a] + ['é']", "\\erl [1,",
                     "\\erl Object.new", "\\info", "\\nothing", "\\load", "\\cancel", "\\reset", "x",
                     "'\\help'", "[1,", "\\cancel", "<<'A'", "\\help", "A", " exit "]),
    has(Shown, "^Ruby is evaluated when it is complete.*\n  help +this text\n"),
    has(Shown, "> \\\\erl\n=> #\\{a => \\[1,<<\"b\">>\\]\\}\n"),
    has(Shown, "^=> \\[1,<<\"b\">>,<<\"é\"/utf8>>\\]\n"),
    has(Shown, "\\[1,\nunfinished: "),
    has(Shown, "^Erlang::TermError: "),
    has(Shown, "^memory_limit +67108864\n"),
    has(Shown, "^there is no command \\\\nothing "),
    has(Shown, "^there is no command \\\\load "),
    has(Shown, "^This is a fresh interpreter.*\nrubeam\\(\\d+\\)> x\nNoMethodError: "),
    has(Shown, "^=> \"\\\\\\\\help\"\n"),
    has(Shown, "^=> \"\\\\\\\\help\\\\n\"\n").

a_file_is_loaded(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "größe.rb"),
    ok = file:write_file(File, "def size = 3\n\nraise 'late' if $late\nObject.new"),
    Shown = session([["\\load ", File], "size", "$late = true", ["\\load ", File],
                     "\\load /nowhere/it.rb", "exit"]),
    has(Shown, ["^loaded ", File, "\n.*\n=> 3\n"]),
    has(Shown, ["^RuntimeError: late\n    from ", File, ":3\n"]),
    has(Shown, "^/nowhere/it.rb: no such file or directory\n").

exceptions_do_not_name_the_prompt(_Config) ->
    Shown = session(["[1].each do |x|\n", "  x.upcase", "end", "Erlang.call('none')", "eval('def f')",
                     "exit"]),
    has(Shown, "^NoMethodError: undefined method 'upcase'\n(    from .*\n)+rubeam"),
    has(Shown, "^Erlang::CallError: .*\n(    from .*\n)+rubeam"),
    %% One that looks like an unfinished input
    has(Shown, "^SyntaxError: .*unexpected end of file"),
    ?assertEqual([], re_all(Shown, "\\(shell\\)")),
    ?assertEqual([], re_all(Shown, "rubeam_")).

%% --- Output ---

output_comes_before_the_value(_Config) ->
    ?assertEqual(<<"rubeam(1)> puts 'a'; $stderr.puts 'b'; print 'c', 'd'; 5\na\nb\ncd\n=> 5\n"
                   "rubeam(2)> print 'e'; raise 'x'\ne\nRuntimeError: x\n    from (rubeam):2\n"
                   "rubeam(3)> print ''\n=> nil\n"
                   "rubeam(4)> 1000.times { |i| print i, ' ' }\n",
                   (iolist_to_binary([[integer_to_list(I), " "] || I <- lists:seq(0, 999)]))/binary,
                   "\n=> 1000\n"
                   "rubeam(5)> exit\n">>,
                 session(["puts 'a'; $stderr.puts 'b'; print 'c', 'd'; 5", "print 'e'; raise 'x'",
                          "print ''", "1000.times { |i| print i, ' ' }", "exit"])).

bytes_that_are_no_utf8(_Config) ->
    ?assertEqual(unicode:characters_to_binary(
                   "rubeam(1)> puts \"a\\xffb\"; \"ä\".each_byte { |b| print b.chr }; puts; print \"\\xe2\\x82\"; 1\n"
                   "a\\xFFb\nä\n\\xE2\\x82\n=> 1\n"
                   "rubeam(2)> \"grüße 🙂\"\n=> \"grüße 🙂\"\n"
                   "rubeam(3)> exit\n"),
                 session(["puts \"a\\xffb\"; \"ä\".each_byte { |b| print b.chr }; puts; print \"\\xe2\\x82\"; 1",
                          "\"grüße 🙂\"", "exit"])).

a_script_waits_for_a_slow_terminal(_Config) ->
    {Tty, Shell} = shell(),
    shows(Tty, "rubeam(1)> "),
    Tty ! hold,
    type(Tty, ["30.times { |i| $i = i; print 'x' * 100_000 }; puts; 1"]),
    [Port] = rubeam_ct:all_ports(),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    Tty ! release,
    type(Tty, ["$i", "exit"]),
    ok = ends(Shell),
    Shown = screen(Tty),
    ?assertMatch(nomatch, binary:match(Shown, <<"dropped">>)),
    ?assertEqual(3_000, length(binary:matches(Shown, binary:copy(<<"x">>, 1000)))),
    ?assertMatch([_], binary:matches(Shown, <<"\n=> 29\n">>)).

%% 12 MB from a port of its caller's, for a terminal that does not take anything for a while
a_slow_terminal_bounds_the_output(_Config) ->
    Tty = tty(),
    Shell = run(Tty, fun() ->
                             {ok, Ruby} = rubeam:open(),
                             Result = rubeam:shell(Ruby),
                             {Result, rubeam:close(Ruby)}
                     end),
    shows(Tty, "rubeam(1)> "),
    Tty ! hold,
    Session = session_of(Tty),
    type(Tty, ["120.times { print 'x' * 100_000 }; puts; $done = 1"]),
    [Port] = rubeam_ct:all_ports(),
    rubeam_ct:until(fun() ->
                            maps:get(evals, rubeam:info(Port)) > 2
                                andalso rubeam_ct:is_state(Port, idle) =:= true
                                andalso process_info(Session, message_queue_len) =:= {message_queue_len, 0}
                    end),
    garbage_collect(Session),
    {_, Binaries} = process_info(Session, binary),
    Held = lists:sum(maps:values(maps:from_list([{Id, Size} || {Id, Size, _} <- Binaries]))),
    ?assert(Held > 8_000_000 andalso Held < 10_000_000, Held),
    Tty ! release,
    type(Tty, ["$done", "exit"]),
    {ok, ok} = ends(Shell),
    Shown = screen(Tty),
    {match, [Note]} = re:run(Shown, "\n\\((\\d+) bytes of output were dropped", [{capture, [1], binary}]),
    Dropped = binary_to_integer(Note),
    ?assert(Dropped > 2_000_000, Dropped),
    Printed = 1000 * length(binary:matches(Shown, binary:copy(<<"x">>, 1000))),
    %% And a line's end
    ?assertEqual(12_000_000 + 1, Dropped + Printed),
    ?assertMatch([_, _], binary:matches(Shown, <<"\n=> 1\n">>)).

%% --- Interrupts and ends ---

an_interrupt_keeps_the_session(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, ["x = 41", "begin; puts 'loops'; loop {}; ensure; puts 'ensured'; end"]),
    shows(Tty, "loops\n"),
    interrupt(Shell),
    shows(Tty, "Interrupted\n"),
    type(Tty, ["x + 1", "puts 'sleeps'; sleep"]),
    shows(Tty, "\nsleeps\n"),
    interrupt(Shell),
    type(Tty, ["x + 2", "exit"]),
    ok = ends(Shell),
    Shown = screen(Tty),
    ?assertMatch([_, _], re_all(Shown, "^Interrupted\n")),
    has(Shown, "^ensured\n"),
    has(Shown, "\\(3\\)> x \\+ 1\n=> 42\n"),
    has(Shown, "\\(5\\)> x \\+ 2\n=> 43\n").

an_interrupt_drops_the_output(_Config) ->
    {Tty, Shell} = shell(),
    shows(Tty, "rubeam(1)> "),
    Tty ! hold,
    type(Tty, ["loop { puts 'line' * 100 }"]),
    Session = session_of(Tty),
    [Port] = rubeam_ct:all_ports(),
    rubeam_ct:until(fun() -> rubeam_ct:is_state(Port, waiting) end),
    exit(Session, interrupt),
    Tty ! release,
    type(Tty, ["1", "exit"]),
    ok = ends(Shell),
    Shown = screen(Tty),
    %% What the terminal had taken, and a few last words
    [Before, After] = binary:split(Shown, <<"\nInterrupted\n">>),
    ?assert(byte_size(Before) < 300_000, byte_size(Before)),
    ?assert(byte_size(After) < 10_000, byte_size(After)),
    has(After, "^rubeam\\(2\\)> 1\n=> 1\n").

a_function_is_interrupted(_Config) ->
    Test = self(),
    Wait = fun() -> Test ! {waits, self()}, receive never -> ok end end,
    {Tty, Shell} = shell(#{functions => #{wait => Wait, add => fun(A, B) -> A + B end}}),
    type(Tty, ["Erlang.call(:add, 1, 2)", "Erlang.call(:wait)"]),
    Function = receive {waits, Pid} -> Pid after 15000 -> ct:fail(no_call) end,
    interrupt(Shell),
    type(Tty, ["5", "exit"]),
    ok = ends(Shell),
    rubeam_ct:gone(Function),
    has(screen(Tty), "^=> 3\n.*\nInterrupted\n.*\n=> 5\n").

a_script_that_goes_on_is_ended(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, ["x = 1", "begin; puts 'on'; loop {}; rescue Exception; retry; end"]),
    shows(Tty, "on\n"),
    interrupt(Shell),
    shows(Tty, "fresh interpreter"),
    type(Tty, ["x", "2", "exit"]),
    ok = ends(Shell),
    has(screen(Tty), "^Interrupted\n(on\n)*the interpreter has ended: killed: .*\n"
                             "This is a fresh interpreter.*\nrubeam\\(3\\)> x\nNoMethodError: .*\n.*\n.*\n=> 2\n").

an_interrupt_at_the_prompt_discards_the_input(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, ["x = 1", "def f(", {error, interrupted}, "x", {error, interrupted}, "exit"]),
    ok = ends(Shell),
    ?assertEqual(<<"rubeam(1)> x = 1\n=> 1\nrubeam(2)> def f(\nrubeam(3)* \n"
                   "rubeam(2)> x\n=> 1\nrubeam(3)> \nrubeam(3)> exit\n">>, without_banner(screen(Tty))).

an_end_of_the_interpreter_is_told(_Config) ->
    Shown = session(#{memory_limit => 4194304},
                    ["a = []; begin; loop { a << 'x' * 10_000 }; rescue Exception; retry; end", "1", "exit"]),
    has(Shown, "^memory_limit: .*\nthe interpreter has ended: memory_limit.*\n"
                             "This is a fresh interpreter.*\nrubeam\\(2\\)> 1\n=> 1\n"),
    %% A limit that it survives
    Survived = session(#{timeout => 200}, ["x = 1", "loop {}", "x + 1", "exit"]),
    has(Survived, "^timeout: .*\nrubeam\\(3\\)> x \\+ 1\n=> 2\n"),
    %% By somebody else, while nothing runs
    {Tty, Shell} = shell(),
    type(Tty, ["1"]),
    shows(Tty, "rubeam(2)> "),
    [Port] = rubeam_ct:all_ports(),
    ok = rubeam:close(Port),
    type(Tty, ["2", "3", "exit"]),
    ok = ends(Shell),
    has(screen(Tty), "^the interpreter has ended: its port was closed\n"
                             "This is a fresh interpreter.*\nrubeam\\(3\\)> 3\n=> 3\n").

exit_in_ruby_leaves(_Config) ->
    ?assertEqual(<<"rubeam(1)> at_exit { puts 'last' }; print 'a'; exit(3)\na\nlast\n"
                   "the interpreter has ended: exit(3)\n">>,
                 without_proc(session(["at_exit { puts 'last' }; print 'a'; exit(3)", "1"]))).

without_proc(Shown) -> binary:replace(Shown, <<"alast">>, <<"a\nlast">>).

leaving_closes_what_was_opened(_Config) ->
    [begin
         {Tty, Shell} = shell(#{name => shell_suite_ruby}),
         type(Tty, ["1"]),
         shows(Tty, "=> 1"),
         ?assertMatch([_], rubeam_ct:all_ports()),
         type(Tty, [Last]),
         ok = ends(Shell),
         ?assertEqual([], rubeam_ct:all_ports()),
         ?assertEqual(undefined, whereis(shell_suite_ruby))
     end || Last <- ["exit", "quit", eof, "exit()", {error, terminated}]].

another_interpreter_stays(_Config) ->
    {ok, Server} = rubeam_server:start_link(shell_suite_server, #{output => {send, self()}}),
    [?assertEqual(<<"rubeam(1)> x = 5; puts 'out'; x\n=> 5\n"
                    "rubeam(2)> \\reset\n"
                    "this interpreter was there before the prompt: \\reset leaves it alone\n"
                    "rubeam(3)> exit\n">>,
                  binary:replace(session(Ruby, ["x = 5; puts 'out'; x", "\\reset", "exit"]),
                                 <<"rubeam(2)> exit">>, <<"rubeam(3)> exit">>))
     || Ruby <- [Server, shell_suite_server]],
    [receive {rubeam, Server, {stdout, Out}} -> ?assertEqual(<<"out\n">>, Out) after 15000 -> ct:fail(no_output) end
     || _ <- [1, 2]],
    ?assertEqual({ok, 5}, rubeam:eval(Server, <<"x">>)),
    ok = rubeam:close(Server).

%% What a port of its caller prints is shown, and nothing of it is left in the mailbox.
a_callers_port_prints_here(_Config) ->
    Tty = tty(),
    Shell = run(Tty, fun() ->
                             {ok, Port} = rubeam:open(),
                             {ok, 1} = rubeam:eval(Port, <<"x = 1">>),
                             Result = rubeam:shell(Port),
                             {Result, rubeam:eval(Port, <<"x">>), rubeam_ct:mailbox()}
                     end),
    type(Tty, ["puts 'here'; x += 1", "exit"]),
    ?assertEqual({ok, {ok, 2}, []}, ends(Shell)),
    has(screen(Tty), "^here\n=> 2\n").

a_busy_interpreter_does_not_hold_the_prompt(_Config) ->
    Ruby = rubeam_ct:open(),
    Id = rubeam:send_request(Ruby, {eval, <<"loop { break if $enough; sleep 0.005 }; :done">>}),
    {Tty, Shell} = shell(Ruby),
    type(Tty, ["$x = 1"]),
    shows(Tty, "$x = 1\n"),
    rubeam_ct:until(fun() -> maps:get(queue, rubeam:info(Ruby)) > 0 end),
    interrupt(Shell),
    shows(Tty, "Interrupted\n"),
    type(Tty, ["exit"]),
    ok = ends(Shell),
    %% Only its own request was given up.
    ?assertEqual(timeout, rubeam:wait_response(Id, 50)),
    ok = rubeam:interrupt(Ruby),
    ?assertEqual({reply, {error, interrupted}}, rubeam:receive_response(Id, 15000)),
    ?assertEqual({ok, nil}, rubeam:eval(Ruby, <<"$x">>)),
    ok = rubeam:close(Ruby).

a_port_that_ends_leaves(_Config) ->
    Ruby = rubeam_ct:open(),
    {Tty, Shell} = shell(Ruby),
    type(Tty, ["1", "exit(2)"]),
    ok = ends(Shell),
    has(screen(Tty), "^=> 1\n.*exit\\(2\\)\nclosed: "),
    ?assertEqual({error, closed}, rubeam:shell(Ruby)),
    rubeam_ct:mailbox().

a_terminal_that_goes_ends_it(_Config) ->
    [begin
         {Tty, Shell} = shell(),
         type(Tty, ["puts 'here'; " ++ What]),
         shows(Tty, "here\n"),
         exit(Tty, kill),
         ok = ends(Shell),
         ?assertEqual([], rubeam_ct:all_ports())
     end || What <- ["1", "loop {}", "loop { puts 1 }"]].

lines_that_cannot_be_read(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, [{error, collect_line}, [55296], "1", {error, a}, {error, b}, {error, c}]),
    ok = ends(Shell),
    Shown = screen(Tty),
    has(Shown, "^this line can't be read: collect_line\n"),
    has(Shown, "^this line can't be read: not_unicode\n"),
    has(Shown, "^=> 1\n"),
    has(Shown, "^there is nothing to be read: c\n").

%% As the Erlang shell does to what it interrupts
a_killed_caller_can_go_on(_Config) ->
    {Tty, Shell} = shell(),
    type(Tty, ["x = 7", "puts 'loops'; loop {}"]),
    shows(Tty, "loops\n"),
    exit(Shell, kill),
    shows(Tty, "The session is kept"),
    %% Not for another terminal, nor with options
    ?assertEqual(<<"rubeam(1)> defined_x = 1\n=> 1\nrubeam(2)> exit\n">>, session(["defined_x = 1", "exit"])),
    ?assertMatch({ok, _}, {ends(element(2, begin {_, S} = Other = shell_at(Tty, #{timeout => 60000}),
                                               type(Tty, ["exit"]), _ = S, Other end)), other}),
    {Tty, Next} = shell_at(Tty, #{}),
    type(Tty, ["x", "exit"]),
    ok = ends(Next),
    has(screen(Tty), "rubeam\\(3\\)> x\n=> 7\nrubeam\\(4\\)> exit\n"),
    ?assertEqual(undefined, whereis(rubeam_shell)),
    ?assertEqual([], rubeam_ct:all_ports()),
    %% One that nobody comes back to goes with its terminal.
    {Tty2, Shell2} = shell(),
    type(Tty2, ["puts 'loops'; loop {}"]),
    shows(Tty2, "loops\n"),
    exit(Shell2, kill),
    shows(Tty2, "The session is kept"),
    exit(Tty2, kill),
    rubeam_ct:until(fun() -> rubeam_ct:all_ports() =:= [] end),
    rubeam_ct:until(fun() -> whereis(rubeam_shell) =:= undefined end).

the_key_tab_is_given_back(_Config) ->
    {Tty, Shell} = shell(),
    shows(Tty, "rubeam(1)> "),
    {yes, "  ", []} = (expand_fun(Tty))("def"),
    type(Tty, ["exit"]),
    ok = ends(Shell),
    ?assertEqual({no, "of the Erlang shell", []}, (expand_fun(Tty))("def")).

long_lines(_Config) ->
    Line = iolist_to_binary(["$n = 0; ", lists:duplicate(5_000, "$n += 1; "), "$n # ",
                             binary:copy(<<"a">>, 1_000_000)]),
    Shown = session([Line, binary:copy(<<"1 + ">>, 5_000), "1", "2", "exit"]),
    has(Shown, "^=> 5000\n"),
    has(Shown, "^SyntaxError: .*too complex expression\n"),
    has(Shown, "^=> 2\n"),
    TooLong = session(#{max_source => 1000}, [["'", lists:duplicate(2000, $a), "'"], "3", "exit"]),
    has(TooLong, "^bad request: "),
    has(TooLong, "^=> 3\n").

messages_and_responses(_Config) ->
    {Tty, Shell} = shell(#{name => shell_suite_ruby, functions => #{double => fun(N) -> 2 * N end}}),
    type(Tty, ["send_response([1, :a]); 5", "Erlang.on_message { |m| puts Erlang.call(:double, m); nil }"]),
    shows(Tty, "rubeam(3)> "),
    ok = rubeam:send(shell_suite_ruby, 21),
    shows(Tty, "42\n"), % while the prompt waits
    type(Tty, ["6", "exit"]),
    ok = ends(Shell),
    has(screen(Tty), "^\\(response\\) \\[1,a\\]\n=> 5\n"),
    has(screen(Tty), "^=> 6\n").

wrong_arguments(_Config) ->
    ?assertError(badarg, rubeam:shell(42)),
    ?assertError(badarg, rubeam:shell("ruby")),
    ?assertEqual({error, {bad_option, nothing}}, rubeam:shell(#{nothing => 1})),
    ?assertMatch({error, {prelude, #{class := <<"RuntimeError">>}}}, rubeam:shell(#{prelude => "raise 'x'"})),
    ?assertEqual({error, closed}, rubeam:shell(no_such_ruby)),
    ok = application:stop(rubeam),
    ?assertEqual({error, not_started}, rubeam:shell()),
    ok = application:start(rubeam).

%% --- Sessions ---

session(Lines) -> session(#{}, Lines).

%% What the terminal shows of a session that ends by itself, without the greeting
session(Target, Lines) ->
    {Tty, Shell} = shell(Target),
    type(Tty, Lines),
    ok = ends(Shell),
    Shown = screen(Tty),
    exit(Tty, kill),
    without_banner(Shown).

without_banner(Shown) ->
    [<<"Rubeam ", _/binary>>, Rest] = binary:split(Shown, <<"\n">>),
    Rest.

shell() -> shell(#{}).

shell(Target) -> shell_at(tty(), Target).

shell_at(Tty, Target) ->
    {Tty, run(Tty, fun() -> rubeam:shell(Target) end)}.

run(Tty, Fun) ->
    Test = self(),
    spawn(fun() ->
                  group_leader(Tty, self()),
                  Test ! {self(), Fun()}
          end).

ends(Shell) ->
    receive {Shell, Result} -> Result
    after 60000 -> ct:fail({it_does_not_end, process_info(Shell, current_stacktrace)})
    end.

%% As a group leader does to its shell. The session is the one that speaks to the terminal.
interrupt(Shell) ->
    {group_leader, Tty} = process_info(Shell, group_leader),
    exit(session_of(Tty), interrupt).

session_of(Tty) -> asked(Tty, session).

screen(Tty) -> asked(Tty, screen).

expand_fun(Tty) -> asked(Tty, expand_fun).

asked(Tty, What) ->
    Tty ! {What, self()},
    receive {What, Answer} -> Answer after 15000 -> ct:fail({no_answer, What}) end.

shows(Tty, Text) ->
    rubeam_ct:until(fun() ->
                            Shown = screen(Tty),
                            binary:match(Shown, unicode:characters_to_binary(Text)) =/= nomatch
                                orelse binary:part(Shown, byte_size(Shown), -min(2000, byte_size(Shown)))
                    end).

%% Once, and no more
has(Text, Pattern) ->
    case re_all(Text, Pattern) of
        [_] -> ok;
        Other -> ct:fail({Pattern, Other, binary:part(Text, 0, min(5000, byte_size(Text)))})
    end.

re_all(Text, Pattern) ->
    case re:run(Text, unicode:characters_to_binary(Pattern),
                [global, multiline, unicode, {capture, first, binary}]) of
        {match, Found} -> lists:append(Found);
        nomatch -> []
    end.

root(Directory) ->
    case filelib:is_regular(filename:join(Directory, "README.md")) of
        true -> Directory;
        false -> root(filename:dirname(Directory))
    end.

%% --- A terminal ---

%% It ends with the case, which does not end with it.
tty() ->
    Test = self(),
    Erlang = fun(_) -> {no, "of the Erlang shell", []} end,
    spawn(fun() ->
                  _ = monitor(process, Test),
                  tty(#{shown => [], typed => [], read => none, session => none, expand_fun => Erlang})
          end).

type(Tty, Lines) ->
    lists:foreach(fun(Line) -> Tty ! {type, Line} end, Lines).

tty(State) ->
    receive
        {type, Line} ->
            tty(answer(State#{typed := maps:get(typed, State) ++ [Line]}));
        {io_request, From, Tag, {get_line, unicode, Prompt}} ->
            tty(answer(show(Prompt, State#{read := {From, Tag}, session := From})));
        {io_request, From, Tag, {put_chars, unicode, Text}} ->
            true = is_binary(unicode:characters_to_binary(Text)),
            From ! {io_reply, Tag, ok},
            tty(show(Text, State#{session := From}));
        {io_request, From, Tag, getopts} ->
            From ! {io_reply, Tag, [{expand_fun, maps:get(expand_fun, State)}, {encoding, unicode}]},
            tty(State);
        {io_request, From, Tag, {setopts, [{expand_fun, Fun}]}} ->
            From ! {io_reply, Tag, ok},
            tty(State#{expand_fun := Fun});
        {screen, From} ->
            From ! {screen, iolist_to_binary(maps:get(shown, State))},
            tty(State);
        {What, From} when What =:= session; What =:= expand_fun ->
            From ! {What, maps:get(What, State)},
            tty(State);
        hold ->
            hold(State);
        {'DOWN', _, process, _, _} ->
            ok
    end.

%% It takes typed lines, and nothing that is to be shown.
hold(State) ->
    receive
        release -> tty(State);
        {'DOWN', _, process, _, _} -> ok;
        {type, Line} -> hold(answer(State#{typed := maps:get(typed, State) ++ [Line]}));
        {session, From} -> From ! {session, maps:get(session, State)}, hold(State)
    end.

answer(#{read := {From, Tag}, typed := [Line | Typed]} = State) ->
    Next = State#{read := none, typed := Typed},
    case Line of
        _ when Line =:= eof; is_tuple(Line) ->
            From ! {io_reply, Tag, Line},
            Next;
        _ when is_binary(Line) -> % a list of a million characters would take a hundred megabytes
            From ! {io_reply, Tag, <<Line/binary, $\n>>},
            show([Line, $\n], Next);
        [55296] ->
            From ! {io_reply, Tag, Line},
            Next;
        _ ->
            Whole = unicode:characters_to_binary([string:trim(unicode:characters_to_list(Line), trailing, "\n"), $\n]),
            From ! {io_reply, Tag, unicode:characters_to_list(Whole)},
            show(Whole, Next)
    end;
answer(State) ->
    State.

show(Text, #{shown := Shown} = State) ->
    State#{shown := [Shown, unicode:characters_to_binary(Text)]}.
