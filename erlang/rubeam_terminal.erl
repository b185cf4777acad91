%% @doc The terminal of `rubeam_shell', by the I/O protocol. A value that its process holds, which gives
%% every `io_reply' to {@link reply/3}.
%%
%% Nothing here waits: the process that holds it can always be interrupted, whatever the terminal does. Text
%% is printed in the order in which it came, one request at a time. The driver is told of what was printed
%% ({@link taken/1}), and has a script wait that is ahead of it. Where another process owns the port and
%% hands its output on, the driver can't know: there what waits is bounded, and beyond that output is dropped.
%% @private
-module(rubeam_terminal).

-export([new/1, restore/1, read/2, put/3, say/2, fresh_line/1, forget/1, is_idle/1, reply/3]).
-export([take/2, taken/1]).

-export_type([terminal/0]).

%% Bytes that wait, and what one text counts beside its bytes.
-define(MAX_WAITING, 8 * 1024 * 1024).
-define(TEXT_COST, 100).

%% The driver is told when so many bytes were printed.
-define(TELL, 32 * 1024).

%% Bytes in one request: so that what follows an interrupt is soon seen.
-define(BATCH, 65536).

-record(terminal, {leader :: pid(),
                   before :: [{atom(), term()}],       % the options that it had
                   reading = none :: none | reference(),
                   wanted = none :: none | unicode:chardata(), % a prompt to be shown after the text
                   printing = none :: none | reference(),
                   waiting = queue:new() :: queue:queue({binary(), Counted :: non_neg_integer()}),
                   sent = 0 :: non_neg_integer(),      % of what is being printed, as the driver counts
                   taken = 0 :: non_neg_integer(),     % what the driver was not told of
                   cost = 0 :: non_neg_integer(),
                   cut = <<>> :: binary(),             % the beginning of a character
                   dropped = 0 :: non_neg_integer(),
                   %% Whether all of the text, and that of it which was sent, ends with a line's end
                   fresh = true :: boolean(),
                   sent_fresh = true :: boolean()}).

-opaque terminal() :: #terminal{}.

%% @doc Takes the terminal behind the group leader.
%%
%% With line editing, the key Tab then indents: what it does in the Erlang shell is of no use for Ruby. Without
%% it, what is typed is UTF-8, as Ruby is.
-spec new(Leader :: pid()) -> terminal().
new(Leader) ->
    Before = case io:getopts(Leader) of
                 Options when is_list(Options) ->
                     case lists:keyfind(expand_fun, 1, Options) of
                         {expand_fun, Fun} when is_function(Fun) -> [{expand_fun, Fun}];
                         _ -> [Option || {encoding, _} = Option <- Options]
                     end;
                 _ ->
                     []
             end,
    ok = set([ours(Option) || Option <- Before], Leader),
    #terminal{leader = Leader, before = Before}.

ours({expand_fun, _}) -> {expand_fun, fun(_TextBefore) -> {yes, "  ", []} end};
ours({encoding, _}) -> {encoding, unicode}.

%% @doc Gives it back to who had it before.
-spec restore(terminal()) -> ok.
restore(#terminal{leader = Leader, before = Before}) ->
    set(Before, Leader).

set([], _Leader) ->
    ok;
set(Options, Leader) ->
    _ = io:setopts(Leader, Options),
    ok.

%% @doc Reads a line, after all that is to be printed before.
-spec read(Prompt :: unicode:chardata(), terminal()) -> terminal().
read(Prompt, #terminal{reading = none} = Terminal) ->
    next(Terminal#terminal{wanted = Prompt}).

%% @doc Prints Ruby's output: bytes that need not be UTF-8. Counted is what the driver counts for them.
-spec put(binary(), Counted :: non_neg_integer(), terminal()) -> terminal().
put(<<>>, Counted, Terminal) ->
    take(Counted, Terminal);
put(Bytes, Counted, #terminal{cost = Cost, dropped = Dropped} = Terminal) when Cost > ?MAX_WAITING ->
    take(Counted, Terminal#terminal{dropped = Dropped + byte_size(Bytes)});
put(Bytes, Counted, Terminal) ->
    next(add(Bytes, Counted, Terminal)).

%% @doc Counts something that is not printed.
-spec take(Counted :: non_neg_integer(), terminal()) -> terminal().
take(Counted, #terminal{taken = Taken} = Terminal) ->
    Terminal#terminal{taken = Taken + Counted}.

%% @doc What the driver is to be told: 0 while that is not worth it.
-spec taken(terminal()) -> {Counted :: non_neg_integer(), terminal()}.
taken(#terminal{taken = Taken} = Terminal) when Taken >= ?TELL -> {Taken, Terminal#terminal{taken = 0}};
taken(Terminal) -> {0, Terminal}.

%% @doc Prints a text of the shell's own, which is never dropped.
-spec say(unicode:chardata(), terminal()) -> terminal().
say(Text, Terminal) ->
    case unicode:characters_to_binary(Text) of
        <<>> -> Terminal;
        Bytes when is_binary(Bytes) -> next(add(Bytes, 0, Terminal))
    end.

add(Bytes, Counted, #terminal{waiting = Waiting, cost = Cost} = Terminal) ->
    Terminal#terminal{waiting = queue:in({Bytes, Counted}, Waiting),
                      cost = Cost + byte_size(Bytes) + ?TEXT_COST,
                      fresh = binary:last(Bytes) =:= $\n}.

%% @doc Ends the line, if the text did not.
-spec fresh_line(terminal()) -> terminal().
fresh_line(#terminal{fresh = true} = Terminal) -> Terminal;
fresh_line(Terminal) -> say("\n", Terminal).

%% @doc Drops what was not printed yet: nobody wants to see it any more.
-spec forget(terminal()) -> terminal().
forget(#terminal{waiting = Waiting, sent_fresh = Fresh} = Terminal) ->
    Counted = lists:sum([Count || {_Bytes, Count} <- queue:to_list(Waiting)]),
    (take(Counted, Terminal))#terminal{waiting = queue:new(), cost = 0, cut = <<>>, dropped = 0, fresh = Fresh}.

%% @doc Whether all was printed.
-spec is_idle(terminal()) -> boolean().
is_idle(#terminal{printing = Printing, cost = Cost}) ->
    Printing =:= none andalso Cost =:= 0.

%% @doc Takes a reply of the group leader. `Line' is what a read has led to: text, `eof' or an error.
-spec reply(Tag :: term(), Reply :: term(), terminal()) ->
          {line, Line :: binary() | eof | {error, term()}, terminal()} | {none, terminal()}.
reply(Tag, Reply, #terminal{reading = Tag} = Terminal) ->
    %% What the terminal shows of a typed line ends with the line.
    Line = line(Reply),
    Fresh = is_binary(Line),
    {line, Line, Terminal#terminal{reading = none, fresh = Fresh, sent_fresh = Fresh}};
reply(Tag, _Reply, #terminal{printing = Tag, sent = Sent} = Terminal) ->
    {none, next(take(Sent, Terminal#terminal{printing = none, sent = 0}))};
reply(_Tag, _Reply, Terminal) ->
    {none, Terminal}.

line(eof) -> eof;
line({error, Reason}) -> {error, Reason};
line(Text) ->
    case unicode:characters_to_binary(Text) of
        Line when is_binary(Line) -> Line;
        _ -> {error, not_unicode}
    end.

%% What is to be done next, if nothing is being done.
next(#terminal{printing = none, dropped = Dropped, cost = 0} = Terminal) when Dropped > 0 ->
    Note = io_lib:format("~n(~b bytes of output were dropped: more than the terminal could take)~n",
                         [Dropped]),
    say(Note, Terminal#terminal{dropped = 0});
next(#terminal{printing = none, wanted = Prompt, cost = 0, cut = Cut} = Terminal) when Prompt =/= none ->
    Shown = [escaped(Cut), Prompt],
    Tag = request({get_line, unicode, unicode:characters_to_binary(Shown)}, Terminal),
    Terminal#terminal{reading = Tag, wanted = none, cut = <<>>};
next(#terminal{printing = none, cost = Cost, waiting = Waiting, cut = Cut} = Terminal) when Cost > 0 ->
    {Taken, Rest, Left} = batch(Waiting, Cost, [], 0),
    All = iolist_to_binary([Cut | [Bytes || {Bytes, _} <- lists:reverse(Taken)]]),
    {Text, NewCut} = utf8(All, []),
    Tag = request({put_chars, unicode, Text}, Terminal),
    Terminal#terminal{printing = Tag, waiting = Rest, cost = Left, cut = NewCut,
                      sent = lists:sum([Counted || {_, Counted} <- Taken]),
                      sent_fresh = binary:last(All) =:= $\n};
next(Terminal) ->
    Terminal.

batch(Waiting, Cost, Taken, Size) when Size < ?BATCH ->
    case queue:out(Waiting) of
        {{value, {Bytes, _} = Item}, Rest} ->
            batch(Rest, Cost - byte_size(Bytes) - ?TEXT_COST, [Item | Taken], Size + byte_size(Bytes));
        {empty, Rest} ->
            {Taken, Rest, Cost}
    end;
batch(Waiting, Cost, Taken, _Size) ->
    {Taken, Waiting, Cost}.

request(Request, #terminal{leader = Leader}) ->
    Tag = make_ref(),
    Leader ! {io_request, self(), Tag, Request},
    Tag.

%% Bytes that are no UTF-8 are shown as Ruby would write them. The beginning of a character may be
%% completed by the next text.
utf8(Bytes, Before) ->
    case unicode:characters_to_binary(Bytes) of
        {error, Good, <<Byte, Rest/binary>>} ->
            utf8(Rest, [Before, Good, escaped(<<Byte>>)]);
        {incomplete, Good, Cut} ->
            {iolist_to_binary([Before, Good]), Cut};
        Good ->
            {iolist_to_binary([Before, Good]), <<>>}
    end.

escaped(Bytes) ->
    [io_lib:format("\\x~2.16.0B", [Byte]) || <<Byte>> <= Bytes].
