%% @doc What is typed at the prompt of `rubeam_shell': whether it is a command or Ruby, whether it is all of
%% it, its evaluation and its value.
%%
%% Runs in a process for one input, which can be killed.
%% @private
-module(rubeam_input).

-export([command/1, evaluate/3, term/3, load/2]).

-export_type([outcome/0]).

%% What backtraces name: the prompt, and the code of this module, which nobody wants to see there.
-define(FILE_NAME, <<"(rubeam)">>).
-define(OUR_NAME, <<"(shell)">>).

%% Characters of a value that are shown.
-define(SHOWN, 10000).

-type outcome() ::
        unfinished
      | {value, Shown :: unicode:chardata()}
      | no_value
      | {not_shown, rubeam:reason()} % it has a value, whose `inspect' fails
      | {error, rubeam:reason() | rubeam:open_error()}.
%% What came of an input.

%% @doc Splits a line that is a command. None of them can be Ruby, but for three words that are of no use as
%% a program of their own.
-spec command(Line :: binary()) -> {Name :: binary(), Argument :: binary()} | nothing | none.
command(Line) ->
    case string:trim(Line) of
        <<>> ->
            nothing;
        Word when Word =:= <<"help">>; Word =:= <<"exit">>; Word =:= <<"quit">> ->
            {Word, <<>>};
        <<$\\, First, Rest/binary>> when First >= $a, First =< $z ->
            case string:split(<<First, Rest/binary>>, " ") of
                [Name] -> {Name, <<>>};
                [Name, Argument] -> {Name, string:trim(Argument)}
            end;
        _ ->
            none
    end.

%% @doc Evaluates an input that begins at that line of the session. Nothing of an unfinished one is run.
-spec evaluate(rubeam:ruby(), Text :: binary(), Line :: pos_integer()) -> outcome().
evaluate(Ruby, Text, Line) ->
    case run(Ruby, Text, Line, false) of
        {ok, _} -> inspect(Ruby);
        Other -> Other
    end.

%% @doc As {@link evaluate/3}, with the value as an Erlang term.
-spec term(rubeam:ruby(), Text :: binary(), Line :: pos_integer()) -> outcome().
term(Ruby, Text, Line) ->
    case run(Ruby, Text, Line, true) of
        {ok, Term} -> {value, io_lib:format("~tp", [Term], [{chars_limit, ?SHOWN}])};
        Other -> Other
    end.

%% @doc Evaluates a file.
-spec load(rubeam:ruby(), Path :: binary()) -> ok | {error, rubeam:reason() | rubeam:file_error()}.
load(Ruby, Path) ->
    case file:read_file(Path) of
        {ok, Code} ->
            case rubeam:eval(Ruby, Code, #{file => Path, value => false}) of
                {ok, _} -> ok;
                {error, Reason} -> {error, Reason}
            end;
        {error, Why} ->
            {error, {file, Path, Why}}
    end.

run(Ruby, Text, Line, Wanted) ->
    case variables(Ruby) of
        {ok, Variables} ->
            case compiles(Text, Variables, Line) of
                ok -> run_finished(Ruby, Text, Variables, Line, Wanted);
                Other -> Other
            end;
        {error, Reason} ->
            {error, Reason}
    end.

%% The session's: whether `x /2' divides depends on them.
variables(Ruby) ->
    case rubeam:eval(Ruby, <<"local_variables.map { |name| name.to_s }">>, #{file => ?OUR_NAME}) of
        {ok, Names} when is_list(Names) -> {ok, lists:filter(fun is_variable/1, Names)};
        {error, closed} -> {error, closed};
        _ -> {ok, []} % it was redefined, or there is no room for it
    end.

is_variable(Name) ->
    is_binary(Name) andalso
        re:run(Name, "^[a-z_\\x80-\\xff][A-Za-z0-9_\\x80-\\xff]*$", [dollar_endonly]) =/= nomatch.

compiles(Text, Variables, Line) ->
    case compile(declared(Variables), Text, Line) of
        ok ->
            case goes_on(Text) of
                true -> unfinished;
                false -> ok
            end;
        {error, #{class := <<"SyntaxError">>, message := Message} = Error} ->
            %% What mruby's parser says at the end of the text, and nowhere else
            case binary:match(Message, [<<"unexpected end of file">>, <<"meets end of file">>,
                                        <<"anywhere before EOF">>]) of
                nomatch -> {error, Error};
                _ -> unfinished
            end;
        {error, Reason} ->
            {error, Reason}
    end.

%% mruby takes a backslash at the end for nothing at all.
goes_on(Text) ->
    case Text of
        <<_:(byte_size(Text) - 2)/binary, "\\\n">> -> true;
        _ -> false
    end.

%% The value is kept as `_', which takes an assignment around the code. Code that can't be in one (a
%% comment with =begin in the first line, __END__, a bare `return') runs as it is, without a value.
run_finished(Ruby, Text, Variables, Line, Wanted) ->
    {At, Code} = placed(<<"_ = (">>, [Text, ")"], Line),
    Whole = #{file => ?FILE_NAME, line => At, value => Wanted},
    case compile([declared(Variables), "_ = ("], [Text, ")"], Line) of
        ok ->
            rubeam:eval(Ruby, Code, Whole);
        {error, _} ->
            case rubeam:eval(Ruby, Text, #{file => ?FILE_NAME, line => Line, value => false}) of
                {ok, _} -> no_value;
                {error, Reason} -> {error, Reason}
            end
    end.

declared(Variables) ->
    [[Name, " = nil; "] || Name <- Variables].

compile(Before, Text, Line) ->
    {At, Code} = placed(Before, Text, Line),
    case rubeam:compile(Code, #{file => ?FILE_NAME, line => At}) of
        {ok, _} -> ok;
        {error, Reason} -> {error, Reason}
    end.

%% What stands before the text has a line of its own, if there is one to be had.
placed(Before, Text, 1) -> {1, iolist_to_binary([Before, Text])};
placed(Before, Text, Line) -> {Line - 1, iolist_to_binary([Before, $\n, Text])}.

inspect(Ruby) ->
    Code = io_lib:format("->(value) {"
                         " text = value.inspect;"
                         " text = text.to_s unless String === text;"
                         " text.length > ~b ? [text[0, ~b], text.length] : [text, 0]"
                         "}.call(_)", [?SHOWN, ?SHOWN]),
    case rubeam:eval(Ruby, Code, #{file => ?OUR_NAME}) of
        {ok, [Text, 0]} -> {value, printable(Text)};
        {ok, [Text, Length]} ->
            {value, [printable(Text), io_lib:format("~n(cut: it has ~b characters)", [Length])]};
        {ok, _} -> {not_shown, {bad_request, <<"what inspect returns is not a String">>}};
        {error, closed} -> {error, closed};
        {error, #{backtrace := Backtrace} = Error} ->
            {not_shown, Error#{backtrace := lists:filter(fun is_theirs/1, Backtrace)}};
        {error, Reason} -> {not_shown, Reason}
    end.

is_theirs(Frame) ->
    string:prefix(Frame, ?OUR_NAME) =:= nomatch.

%% An inspect of the user's own may return any bytes.
printable(Text) ->
    case unicode:characters_to_binary(Text) of
        Good when is_binary(Good) -> Good;
        _ -> unicode:characters_to_binary(Text, latin1)
    end.
