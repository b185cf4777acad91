%% @doc Where a server's Ruby output goes. A value that the server holds, not a process.
%%
%% `group_leader' prints without waiting: each chunk is a request of the I/O protocol, and its
%% reply is taken when it comes. A terminal that is slow, stuck or gone so never holds up the
%% server. What waits for it is bounded: beyond that, text is dropped and the log says how much.
%% @private
-module(rubeam_output).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([new/1, put/3, io_reply/2]).

-export_type([output/0, kind/0]).

%% Chunks of text that the group leader has not acknowledged.
-define(MAX_UNPRINTED, 1000).

-record(printer, {leader :: pid(),
                  tag = make_ref() :: reference(),
                  unprinted = 0 :: non_neg_integer(),
                  dropped = 0 :: non_neg_integer()}). % bytes, since the log last told

-type kind() :: stdout | stderr | response.

-opaque output() :: #printer{} | discard | {send, pid()} | fun((kind(), term()) -> term()).

%% @doc Makes one of the option `output' of a server.
-spec new(group_leader | discard | {send, pid()} | fun((kind(), term()) -> term())) -> output().
new(group_leader) -> #printer{leader = group_leader()};
new(Option) -> Option.

%% @doc Delivers what Ruby printed, or the value it gave to `send_response'.
-spec put(kind(), Data :: term(), output()) -> output().
put(_Kind, _Data, discard) ->
    discard;
put(Kind, Data, {send, Pid} = Output) ->
    Pid ! {rubeam, self(), {Kind, Data}},
    Output;
put(Kind, Data, Fun) when is_function(Fun) ->
    _ = Fun(Kind, Data),
    Fun;
put(response, Value, #printer{} = Printer) ->
    ?LOG_NOTICE(#{what => response_without_receiver, server => self(), value => Value}, ?LOG),
    Printer;
put(_Stream, Bytes, #printer{unprinted = N} = Printer) when N >= ?MAX_UNPRINTED ->
    drop(Bytes, Printer);
put(_Stream, Bytes, #printer{leader = Leader, tag = Tag, unprinted = N} = Printer) ->
    Request = {io_request, self(), Tag, {put_chars, encoding(Bytes), Bytes}},
    %% A leader on another node must not hold us up either.
    case erlang:send(Leader, Request, [nosuspend, noconnect]) of
        ok -> Printer#printer{unprinted = N + 1};
        _ -> drop(Bytes, Printer)
    end.

%% @doc Takes the group leader's reply with that tag, if it is one to us.
-spec io_reply(Tag :: term(), output()) -> output().
io_reply(Tag, #printer{tag = Tag, unprinted = 1, dropped = Bytes} = Printer) when Bytes > 0 ->
    ?LOG_WARNING(#{what => output_dropped, server => self(), bytes => Bytes,
                   why => "the group leader was too slow"}, ?LOG),
    Printer#printer{unprinted = 0, dropped = 0};
io_reply(Tag, #printer{tag = Tag, unprinted = N} = Printer) ->
    Printer#printer{unprinted = N - 1};
io_reply(_Tag, Output) ->
    Output.

drop(Bytes, #printer{dropped = Dropped} = Printer) ->
    Printer#printer{dropped = Dropped + byte_size(Bytes)}.

%% Ruby's strings are bytes. What is no UTF-8 is shown byte by byte, not refused.
encoding(Bytes) ->
    case unicode:characters_to_binary(Bytes) of
        Valid when is_binary(Valid) -> unicode;
        _ -> latin1
    end.
