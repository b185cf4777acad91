%% @doc Where a server's Ruby output goes. A value that the server holds, not a process.
%%
%% Nothing here waits: a terminal that is slow or stuck, and a receiver that does not read, do not hold up the
%% server. What can't be delivered yet is kept, in its order; the script that printed it is held up, since
%% the driver is told (by {@link taken/1}) only of what was delivered. So what is kept is bounded by the
%% driver.
%%
%% `group_leader' prints by requests of the I/O protocol, one at a time: what comes meanwhile goes with the
%% next one.
%% @private
-module(rubeam_output).

-include_lib("kernel/include/logger.hrl").
-include("rubeam.hrl").

-export([new/1, put/4, handle/2, taken/1, finish/1]).

-export_type([output/0, kind/0]).

%% The driver is told when so many bytes were delivered.
-define(TELL, 32 * 1024).

%% A receiver is looked at when so many bytes have gone to it since.
-define(LOOK, 64 * 1024).

%% What could not be delivered is tried again after so many milliseconds.
-define(AGAIN, 10).

-record(printer, {leader :: pid(),
                  printing = none :: none | {Request :: reference(), Bytes :: non_neg_integer()},
                  dropped = 0 :: non_neg_integer()}). % bytes of text that the log was not told of

-record(receiver, {pid :: pid(),
                   messages = 0 :: non_neg_integer(), % both since it was looked at
                   bytes = 0 :: non_neg_integer()}).

-type kind() :: stdout | stderr | response.

-type item() :: {kind(), Data :: term(), Bytes :: non_neg_integer()}.

-record(output, {sink :: #printer{} | #receiver{} | discard | fun((kind(), term()) -> term()),
                 kept = queue:new() :: queue:queue(item()),
                 again = none :: none | reference(), % the message {again, Ref} will come
                 taken = 0 :: non_neg_integer()}).   % bytes

-opaque output() :: #output{}.

%% @doc Makes one of the option `output' of a server.
-spec new(group_leader | discard | {send, pid()} | fun((kind(), term()) -> term())) -> output().
new(group_leader) -> #output{sink = #printer{leader = group_leader()}};
new({send, Pid}) -> #output{sink = #receiver{pid = Pid}};
new(Option) -> #output{sink = Option}.

%% @doc Delivers what Ruby printed, or the value it gave to `send_response'. Bytes is what the driver has
%% counted for it.
-spec put(kind(), Data :: term(), Bytes :: non_neg_integer(), output()) -> output().
put(Kind, Data, Bytes, #output{sink = discard} = Output) ->
    _ = {Kind, Data},
    take(Bytes, Output);
put(Kind, Data, Bytes, #output{sink = Fun} = Output) when is_function(Fun) ->
    _ = Fun(Kind, Data),
    take(Bytes, Output);
put(response, Value, Bytes, #output{sink = #printer{}} = Output) ->
    ?LOG_NOTICE(#{what => response_without_receiver, server => self(), value => Value}, ?LOG),
    take(Bytes, Output);
put(Kind, Data, Bytes, #output{kept = Kept} = Output) ->
    deliver(Output#output{kept = queue:in({Kind, Data, Bytes}, Kept)}).

%% @doc Takes a message that the server does not know: it may be for its output.
-spec handle(Message :: term(), output()) -> {ok, output()} | unknown.
handle({io_reply, Request, _Result}, #output{sink = #printer{printing = {Request, _}}} = Output) ->
    erlang:demonitor(Request, [flush]),
    {ok, printed(Output)};
handle({'DOWN', Request, process, _, _},
       #output{sink = #printer{printing = {Request, Bytes}} = Printer} = Output) ->
    {ok, printed(Output#output{sink = drop(Bytes, "the group leader is gone", Printer)})};
handle({again, Ref}, #output{again = Ref} = Output) ->
    {ok, deliver(Output#output{again = none})};
handle(_Message, _Output) ->
    unknown.

%% @doc How many bytes more were delivered; 0 while that is not worth telling.
-spec taken(output()) -> {Bytes :: non_neg_integer(), output()}.
taken(#output{taken = Bytes} = Output) when Bytes >= ?TELL -> {Bytes, Output#output{taken = 0}};
taken(Output) -> {0, Output}.

%% @doc Delivers what is kept, whoever is behind: the server ends.
-spec finish(output()) -> ok.
finish(#output{kept = Kept, sink = #receiver{pid = Pid}}) ->
    lists:foreach(fun({Kind, Data, _Bytes}) ->
                          erlang:send(Pid, {rubeam, self(), {Kind, Data}}, [nosuspend])
                  end, queue:to_list(Kept));
finish(#output{kept = Kept, sink = #printer{leader = Leader}}) ->
    Items = queue:to_list(Kept),
    _ = Items =/= [] andalso
        erlang:send(Leader, put_chars(make_ref(), Items), [nosuspend, noconnect]),
    ok;
finish(_NothingKept) ->
    ok.

take(Bytes, #output{taken = Taken} = Output) ->
    Output#output{taken = Taken + Bytes}.

%% --- what is kept ---

deliver(#output{again = Ref} = Output) when is_reference(Ref) ->
    Output;
deliver(#output{kept = Kept, sink = Sink} = Output) ->
    case queue:is_empty(Kept) of
        true -> Output;
        false when is_record(Sink, printer) -> print(Sink, Output);
        false -> send(Sink, Output)
    end.

again(Output) ->
    Ref = make_ref(),
    _ = erlang:send_after(?AGAIN, self(), {again, Ref}),
    Output#output{again = Ref}.

%% --- to a process ---

send(#receiver{pid = Pid, messages = Messages, bytes = Sent} = Receiver, Output) ->
    case Sent >= ?LOOK andalso node(Pid) =:= node() of
        true ->
            case rubeam_reader:is_behind(Pid, Messages) of
                true -> again(Output);
                false -> send_first(Receiver#receiver{messages = 0, bytes = 0}, Output)
            end;
        false ->
            send_first(Receiver, Output)
    end.

send_first(#receiver{pid = Pid, messages = Messages, bytes = Sent} = Receiver,
           #output{kept = Kept} = Output) ->
    {{value, {Kind, Data, Bytes}}, Rest} = queue:out(Kept),
    %% As with `!', but that the connection to another node may be busy.
    case erlang:send(Pid, {rubeam, self(), {Kind, Data}}, [nosuspend]) of
        nosuspend ->
            again(Output);
        _ ->
            Next = Receiver#receiver{messages = Messages + 1, bytes = Sent + Bytes},
            deliver(take(Bytes, Output#output{sink = Next, kept = Rest}))
    end.

%% --- by the group leader ---

print(#printer{printing = {_, _}}, Output) ->
    Output;
print(#printer{leader = Leader} = Printer, #output{kept = Kept} = Output) ->
    Items = queue:to_list(Kept),
    Bytes = lists:sum([Counted || {_Kind, _Data, Counted} <- Items]),
    Request = erlang:monitor(process, Leader),
    %% A leader on another node must not hold us up either.
    case erlang:send(Leader, put_chars(Request, Items), [nosuspend, noconnect]) of
        ok ->
            Output#output{sink = Printer#printer{printing = {Request, Bytes}}, kept = queue:new()};
        nosuspend ->
            erlang:demonitor(Request, [flush]),
            again(Output);
        noconnect ->
            erlang:demonitor(Request, [flush]),
            Dropped = drop(Bytes, "the group leader's node is gone", Printer),
            take(Bytes, Output#output{sink = Dropped, kept = queue:new()})
    end.

put_chars(Tag, Items) ->
    Text = [characters(Data) || {_Kind, Data, _Bytes} <- Items],
    {io_request, self(), Tag, {put_chars, unicode, Text}}.

printed(#output{sink = #printer{printing = {_Request, Bytes}} = Printer} = Output) ->
    deliver(take(Bytes, Output#output{sink = Printer#printer{printing = none}})).

%% The log is told of the first loss, and then of each that is ten times as large.
drop(Bytes, Why, #printer{dropped = Before} = Printer) ->
    Dropped = Before + Bytes,
    case Before =:= 0 orelse digits(Dropped) > digits(Before) of
        true ->
            ?LOG_WARNING(#{what => output_dropped, server => self(), bytes => Dropped, why => Why},
                         ?LOG);
        false ->
            ok
    end,
    Printer#printer{dropped = Dropped}.

digits(Number) ->
    length(integer_to_list(Number)).

%% Ruby's strings are bytes. What is no UTF-8 is shown byte by byte, not refused.
characters(Bytes) ->
    case unicode:characters_to_binary(Bytes) of
        Valid when is_binary(Valid) -> Valid;
        _ -> unicode:characters_to_binary(Bytes, latin1)
    end.
