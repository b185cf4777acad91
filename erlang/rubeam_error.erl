%% @doc Errors in words. Pure; called by `rubeam' and, for `badarg', by the shell and the logger.
%% @private
-module(rubeam_error).

-export([format/1, causes/1, format_error/2]).

%% @doc Readable text for any error of the application. Never fails.
-spec format(Error :: term()) -> unicode:unicode_binary().
format(Error) ->
    try unicode:characters_to_binary(text(Error)) of
        Text when is_binary(Text) -> Text;
        _ -> any(Error)
    catch
        %% Something that only looks like one of ours.
        error:_ -> any(Error)
    end.

text({error, Error}) ->
    text(Error);
text(#{class := Class, message := Message, backtrace := Backtrace}) ->
    [utf8(Class), ": ", utf8(Message) | [["\n    from ", utf8(Line)] || Line <- Backtrace]];
text(timeout) ->
    "timeout: the request ran longer than it may, and was stopped";
text(interrupted) ->
    "interrupted: the request was stopped by rubeam:interrupt/1";
text(memory_limit) ->
    "memory_limit: the interpreter has used up its memory";
text(busy) ->
    "busy: too many requests wait for this interpreter (option queue_limit) or its pool (max_waiting)";
text(closed) ->
    "closed: there is no interpreter behind this reference, or not any more";
text(stack_overflow) ->
    "stack_overflow: the request used up the C stack, and the interpreter was ended";
text(aborted) ->
    "aborted: mruby gave up, and the interpreter was ended";
text(killed) ->
    "killed: the request could not be stopped otherwise, and the interpreter was ended";
text({program, {status, Status}}) ->
    io_lib:format("the program has ended, with the status ~b", [Status]);
text({program, {signal, Signal}}) ->
    io_lib:format("the program has ended, by the signal ~b", [Signal]);
text({program, {bad_frame, Why}}) ->
    ["the program was ended, since it does not speak the protocol: ", utf8(Why)];
text({program, unresponsive}) ->
    "the program was ended, since it did not answer";
text({program, closed}) ->
    "the program has closed its output";
text({template, closed}) ->
    "the template was closed";
text({program_not_found, Path}) ->
    ["there is no program ", utf8(Path)];
text({bad_request, Why}) ->
    ["bad request: ", utf8(Why)];
text({bad_option, {Key, Value}}) ->
    io_lib:format("bad value for the option ~tp: ~tp", [Key, Value]);
text({bad_option, Key}) ->
    io_lib:format("unknown option: ~tp", [Key]);
text(not_started) ->
    "the application rubeam is not running: application:ensure_all_started(rubeam)";
text({already_registered, Name}) ->
    io_lib:format("the name ~tp is taken", [Name]);
text({already_started, Pid}) when is_pid(Pid) ->
    io_lib:format("the name is taken by ~p", [Pid]);
text({open_failed, Why}) ->
    ["no interpreter could be opened in the place of one that has ended: ", text(Why)];
text({prelude, Why}) ->
    ["the prelude failed: ", text(Why)];
text({file, Path, Why}) ->
    [utf8(Path), ": ", file_text(Why)];
text(driver_mismatch) ->
    "the driver that is loaded is not of the same version as the application rubeam";
text({driver_not_found, Directories}) ->
    [io_lib:format("no rubeam_drv.so in ~ts", [lists:join(" or ", Directories)]),
     ": build it, or name its directory in the environment variable RUBEAM_PRIV"];
text({driver_not_loaded, File, Why}) ->
    io_lib:format("~ts cannot be loaded: ~ts", [File, Why]);
text({ruby_exit, Reason}) ->
    ["the interpreter has ended: ", exit_text(Reason)];
text({rubeam, {Reason, {rubeam_app, start, _Args}}}) ->
    text(Reason); % of application:ensure_all_started/1
text(Error) ->
    any(Error).

%% A reason of file:read_file/1, or one of ours.
file_text(Why) when is_atom(Why) ->
    case file:format_error(Why) of
        "unknown POSIX error" ++ _ -> text(Why);
        Text -> Text
    end;
file_text(Why) ->
    text(Why).

exit_text(Status) when is_integer(Status) -> io_lib:format("exit(~b)", [Status]);
exit_text({error, Error}) -> text(Error);
exit_text(killed) -> "killed: it did not stop when it was told to";
exit_text(closed) -> "its port was closed";
exit_text(Reason) -> text(Reason).

any(Term) ->
    Text = unicode:characters_to_binary(io_lib:format("~tp", [Term])),
    true = is_binary(Text),
    Text.

%% Ruby's strings are bytes, and need not be UTF-8.
utf8(Bytes) when is_binary(Bytes) ->
    case unicode:characters_to_binary(Bytes) of
        Text when is_binary(Text) -> Text;
        _ -> unicode:characters_to_binary(Bytes, latin1)
    end.

%% @doc The causes for a macro BADARG: what is wrong, by the position of the argument.
-spec causes([{ok, term()} | {bad, Text :: unicode:chardata()}]) ->
          #{pos_integer() => unicode:chardata()}.
causes(Checks) ->
    Numbered = lists:zip(lists:seq(1, length(Checks)), Checks),
    maps:from_list([{Position, Text} || {Position, {bad, Text}} <- Numbered]).

%% @doc What `error_info' in a stack trace refers to; see erl_error in stdlib.
-spec format_error(Reason :: term(), erlang:stacktrace()) -> #{pos_integer() => unicode:chardata()}.
format_error(_Reason, [{_Module, _Function, _Args, Location} | _]) ->
    #{cause := Causes} = proplists:get_value(error_info, Location),
    Causes.
