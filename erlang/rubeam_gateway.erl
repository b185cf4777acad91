%% @doc Stands before an interpreter in a program of its own: owns the program, and speaks with it for all
%% processes of the node.
%%
%% The owner of the interpreter is linked to it, and gets `{Gateway, {data, Frame}}' as it would from a port.
%% Others send their requests here (ask/3) and get `{Ref, Result}', exactly once. What is in a frame they encode and
%% decode themselves; here only its first bytes are looked at.
%%
%% A request is told to the program under a number of its own. Who dies takes its requests along: they are
%% interrupted. A function that Ruby calls is for who made the request; while that one runs it (take), its requests go
%% to the program as {within, …}, which runs them upon the one that waits.
%%
%% When the program ends, everybody who waits hears of it, the owner gets the frame `{exit, Reason}', and this
%% process ends, with the reason `normal' as a port does. The program ends when its pipes are closed, and so when this
%% process does, for whatever reason.
%% @private
-module(rubeam_gateway).

-behaviour(gen_server).

-include("rubeam.hrl").

-export([open/1, close/1, ask/3, drop/2, result/1, read/2, posted/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% A program that has been told to stop something, and does not come to an end with it, is ended itself: after a
%% hundred times the grace (as the driver does it), and so many milliseconds.
-define(PATIENCE, 2000).

%% So long may a program live that has closed its output, and one that is closed take to say what it has to say, in
%% milliseconds.
-define(LAST_STATUS, 1000).
-define(LAST_WORDS, 100).

%% What a program's frame may be longer than max_frame: the least answer is always whole.
-define(ENVELOPE, 1024).

%% The program is told what its owner has read from so many bytes on. An owner that does not read is looked at again
%% after so many milliseconds: at first, at most. One that waits for an answer of this interpreter can't read
%% meanwhile; so much may be in its mailbox.
-define(TELL, 65536).
-define(LOOK, 5).
-define(LOOK_MOST, 80).
-define(UNREAD, 64 * 1024 * 1024).

%% Events are lost while so many messages wait for rubeam_event.
-define(EVENTS, 100000).

-record(request, {pid :: pid(),
                  ref :: reference(),
                  monitor :: reference() | none,         % none: the owner
                  timer = none :: reference() | none,    % of its last moment
                  kind :: ask | soon | return | interrupt,    % soon: is answered while others run
                  %% Of a return: the call's number. Else the number of the call that it waits for.
                  call = none :: pos_integer() | none}).

%% A function that Ruby waits for. The request that called, or `none': it was a cast or a message.
-record(call, {id :: term(),
               request :: pos_integer() | none,
               handler = none :: pid() | none,
               monitor = none :: reference() | none}).

-record(state, {port :: port(),
                owner :: pid(),
                max_frame :: pos_integer(),
                timeout :: pos_integer() | infinity,
                patience :: pos_integer(),
                %% What has come of a frame: its bytes, how many, and how many it has. 0: not known yet.
                part = [] :: [binary()],
                have = 0 :: non_neg_integer(),
                need = 0 :: non_neg_integer(),
                next = 1 :: pos_integer(),
                requests = #{} :: #{pos_integer() => #request{}},
                refs = #{} :: #{reference() => pos_integer()},
                calls = #{} :: #{pos_integer() => #call{}},
                handlers = #{} :: #{pid() => [pos_integer()]}, % the calls they have taken, the last one first
                writer = none :: pid() | none,                 % writes what the pipe does not take at once
                unwritten = 0 :: non_neg_integer(),            % pieces that it has not written
                exit = none :: none | {Reason :: term(), Frame :: binary()},
                events :: boolean(),
                lost = 0 :: non_neg_integer(), % of these, since rubeam_event was told
                tells = false :: boolean(),                    % the owner says itself what it has read
                looking = false :: boolean(),
                unread = {0, 0} :: {Bytes :: non_neg_integer(), Messages :: non_neg_integer()},
                ahead = 0 :: non_neg_integer()}). % bytes that it was told of, though it has not read them

%% --- What others call ---

%% @doc Starts the program, and a gateway for it that the calling process owns.
-spec open(rubeam_options:opening()) -> {ok, Gateway :: pid()} | {error, rubeam:open_error()}.
open(Opening) ->
    %% Linked only when it stands: what fails is a result, and no exit signal.
    case gen_server:start(?MODULE, {self(), Opening}, []) of
        {ok, Gateway} -> {ok, Gateway};
        {error, {shutdown, Reason}} -> {error, Reason}; % so that no report says it has crashed
        {error, Reason} -> {error, Reason}
    end.

%% @doc Closes it: the program ends. One that is closed already is fine.
-spec close(Gateway :: pid()) -> ok.
close(Gateway) ->
    Linked = lists:member(Gateway, element(2, erlang:process_info(self(), links))),
    _ = Linked andalso unlink(Gateway),
    Ref = erlang:monitor(process, Gateway),
    Gateway ! close,
    receive {'DOWN', Ref, process, Gateway, _Reason} -> ok end,
    _ = Linked andalso receive {'EXIT', Gateway, _} -> ok after 0 -> ok end,
    ok.

%% @doc Makes a request, whose result comes as the message `{Ref, Result}', see {@link result/1}; calls of functions
%% come likewise, before it. Without a result of its own: `ok' or an error. If the gateway is not there, nothing
%% comes.
-spec ask(Gateway :: pid(), Ref :: reference(), Request :: tuple() | interrupt) -> ok.
ask(Gateway, Ref, {take, CallId}) ->
    Gateway ! {take, self(), Ref, CallId},
    ok;
ask(Gateway, Ref, {return, CallId, _Result} = Request) ->
    Gateway ! {return, self(), Ref, CallId, term_to_binary(Request)},
    ok;
ask(Gateway, Ref, Request) when Request =:= interrupt; tuple_size(Request) =:= 2, element(1, Request) =/= info ->
    Kind = case Request of interrupt -> interrupt; _ -> ask end,
    Gateway ! {accept, self(), Ref, Kind, term_to_binary(Request)},
    ok;
ask(Gateway, Ref, Request) ->
    Id = erlang:unique_integer([positive]),
    Frame = term_to_binary(setelement(2, Request, Id)),
    Gateway ! {request, self(), Ref, Id, timeout(Request), Frame},
    ok.

timeout({call, _Id, _Target, _Args, #{timeout := Timeout}}) -> Timeout;
timeout({_Kind, _Id, _Code, #{timeout := Timeout}}) -> Timeout;
timeout({Kind, _, _}) when Kind =:= info; Kind =:= owner -> soon;
timeout({info, _}) -> soon;
timeout(_) -> default.

%% @doc What is in a frame that came as a result.
-spec result(binary()) -> rubeam_transport:result() | rubeam_transport:call() | ok.
result(Frame) ->
    case rubeam_term:decode(Frame) of
        {ok, {reply, _Id, {ok, _Value} = Result}} -> Result;
        {ok, {reply, _Id, {error, _Reason} = Result}} -> Result;
        {ok, {reply, _Id, ok}} -> ok;
        {ok, {call, _CallId, _Name, _Args} = Call} -> Call;
        {ok, _} -> {error, {program, {bad_frame, <<"no reply">>}}};
        {error, too_many_atoms} -> {error, too_many_atoms()};
        {error, no_term} -> {error, {program, {bad_frame, <<"no term">>}}}
    end.

too_many_atoms() ->
    #{class => <<"Erlang::TermError">>, backtrace => [],
      message => <<"the value has more new atoms than max_atoms allows for the node">>}.

%% @doc Gives up a request of {@link ask/3}. Its answer may be in the mailbox already.
-spec drop(Gateway :: pid(), Ref :: reference()) -> ok | {error, closed}.
drop(Gateway, Ref) ->
    Monitor = erlang:monitor(process, Gateway),
    Gateway ! {drop, self(), Monitor, Ref},
    receive
        {Monitor, ok} -> erlang:demonitor(Monitor, [flush]), ok;
        {'DOWN', Monitor, process, Gateway, _Reason} -> {error, closed}
    end.

%% @doc Tells that the owner has read so many bytes of what Ruby printed.
-spec read(Gateway :: pid(), Bytes :: non_neg_integer()) -> ok.
read(Gateway, Bytes) ->
    Gateway ! {read, self(), Bytes},
    ok.

%% @doc Tells that so many bytes of Ruby's messages are done with.
-spec posted(Gateway :: pid(), Bytes :: non_neg_integer()) -> ok.
posted(Gateway, Bytes) ->
    Gateway ! {posted, Bytes},
    ok.

%% --- Beginning and end ---

%% @private
-spec init({pid(), rubeam_options:opening()}) -> {ok, #state{}} | {stop, term()}.
init({Owner, #{program := Program} = Opening}) ->
    process_flag(trap_exit, true),
    process_flag(message_queue_data, off_heap),
    case rubeam_program:start(Program) of
        {ok, Port} ->
            #{max_frame := MaxFrame, timeout := Timeout, grace := Grace, max_atoms := Atoms} = Opening,
            State = #state{port = Port, owner = Owner, events = maps:get(on_event, Opening) =/= undefined, max_frame = MaxFrame, timeout = Timeout,
                           patience = 100 * Grace + ?PATIENCE},
            Monitor = erlang:monitor(process, Owner),
            rubeam_term:limit_atoms(Atoms),
            case shake_hands(Opening, Monitor, State) of
                {ok, Ready} -> begin_for(Owner, Ready);
                {error, Reason} ->
                    close_port(Port),
                    {stop, {shutdown, Reason}}
            end;
        {error, Reason} ->
            {stop, {shutdown, Reason}}
    end.

begin_for(Owner, State) ->
    case rubeam_registry:publish_gateway(Owner) of
        ok ->
            try link(Owner) of
                true -> {ok, State}
            catch
                error:noproc -> {stop, {shutdown, owner_died}}
            end;
        {error, Reason} ->
            {stop, {shutdown, Reason}}
    end.

%% The first request: is it a program of ours, and does it answer?
shake_hands(#{start_timeout := Timeout}, Monitor, #state{port = Port} = State) ->
    %% Anything that is answered, in so few bytes that max_frame does not matter.
    Hello = envelope(<<131, 104, 3, 119, 6, "accept">>, 0, term_to_binary(interrupt)),
    _ = [port_command(Port, framed(Frame)) || Frame <- [Hello, term_to_binary({read, 0}), term_to_binary({sent, 0})]],
    Timer = erlang:start_timer(Timeout, self(), start),
    true = is_list(figures()),
    Answer = await_hands(Port, Monitor, Timer, [], State),
    _ = erlang:cancel_timer(Timer),
    erlang:demonitor(Monitor, [flush]),
    Answer.

%% (What it says before is for the owner.)
await_hands(Port, Monitor, Timer, Said, State) ->
    receive
        {Port, {data, Bytes}} ->
            case cut(Bytes, State) of
                {bad, Why} ->
                    {error, {program, {bad_frame, Why}}};
                {Frames, Next} ->
                    {Before, More} = lists:splitwith(fun is_output/1, Frames),
                    case More of
                        [] -> await_hands(Port, Monitor, Timer, Said ++ Before, Next);
                        [First | Rest] -> introduced(First, Said ++ Before ++ Rest, Next)
                    end
            end;
        {Port, {exit_status, Status}} -> {error, {program, how_ended(Status)}};
        {'EXIT', Port, _Reason} -> {error, {program, closed}};
        {'DOWN', Monitor, process, _Owner, _Reason} -> {error, owner_died};
        {timeout, Timer, start} -> {error, {program, unresponsive}}
    end.

is_output(<<131, 104, 3, 119, 6, "output", _/binary>>) -> true;
is_output(_) -> false.

introduced(First, Others, State) ->
    case rubeam_term:decode(First) of
        {ok, {reply, 0, ok}} ->
            case take_frames(Others, State) of
                {noreply, Next} -> {ok, Next};
                {stop, normal, _} -> {error, {program, {bad_frame, <<"behind the first answer">>}}}
            end;
        _ ->
            {error, {program, {bad_frame, shown(First)}}}
    end.

%% The names in a program's figures and frames: atoms that are there, and need not be counted.
figures() ->
    [transport, pool, threads, state, idle, running, ready, waiting, ended, waiting_for, nothing, function, time, nested,
     mruby, ruby, os_pid, memory, memory_peak, memory_limit, objects, collections, queue, unclaimed, queue_limit,
     timeout, jobs, evals, calls, errors, timeouts, interrupts, cached, cache_hits, slices, slice_time, preemptions,
     class, message, backtrace, busy, closed, interrupted, stack_overflow, aborted, killed, bad_request, gone,
     request, eval, cast, compile, load, abandoned, error, exit, port, cruby, undefined].

how_ended(Status) when Status > 128 -> {signal, Status - 128};
how_ended(Status) -> {status, Status}.

shown(Bytes) ->
    <<"it says ", (unicode:characters_to_binary(io_lib:format("~0p", [binary:part(Bytes, 0, min(40, byte_size(Bytes)))])))/binary>>.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{port = Port, writer = Writer} = State) ->
    _ = answer_all({error, closed}, State),
    _ = tell_end(State),
    close_port(Port),
    _ = Writer =/= none andalso exit(Writer, kill), % to it `normal' would mean nothing
    ok = rubeam_registry:withdraw().

close_port(Port) ->
    try erlang:port_close(Port) of
        true -> ok
    catch
        error:badarg -> ok
    end.

%% The program has ended by itself, or can't be spoken with any more.
over(Why, #state{exit = none} = State) ->
    Ended = answer_all({error, {program, Why}}, State),
    {stop, normal, ended({program, Why}, term_to_binary({exit, {program, Why}}), Ended)};
%% It has answered whatever it has read: of what is left nothing was done, and who asked sees that nobody is there.
over(_Status, #state{exit = {Reason, Frame}} = State) ->
    {stop, normal, ended(Reason, Frame, State#state{requests = #{}})}.

ended(Reason, Frame, #state{owner = Owner} = State) ->
    Owner ! {self(), {data, Frame}},
    State#state{exit = {Reason, Frame}}.

%% The program tells its own end, if it can.
tell_end(#state{events = true, exit = none} = State) -> send_event({exit, closed, 0}, State);
tell_end(#state{events = true, exit = {{program, _} = Reason, _}} = State) -> send_event({exit, Reason, 0}, State);
tell_end(State) -> State.

answer_all(Result, #state{requests = Requests} = State) ->
    maps:foreach(fun(_Id, #request{pid = Pid, ref = Ref}) -> Pid ! {Ref, Result} end, Requests),
    State#state{requests = #{}, refs = #{}}.

%% --- Messages ---

%% @private
-spec handle_call(term(), gen_server:from(), #state{}) -> {noreply, #state{}}.
handle_call(_Request, _From, State) ->
    {noreply, State}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_Request, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({Port, {data, Bytes}}, #state{port = Port} = State) ->
    case cut(Bytes, State) of
        {bad, Why} -> over({bad_frame, Why}, State);
        {Frames, Next} -> take_frames(Frames, Next)
    end;
handle_info({request, Pid, Ref, Id, Timeout, Frame}, State) ->
    {noreply, request(Pid, Ref, Id, Timeout, Frame, State)};
handle_info({accept, Pid, Ref, Kind, Frame}, State) ->
    {noreply, accept(Pid, Ref, Kind, none, Frame, State)};
handle_info({take, Pid, Ref, CallId}, State) ->
    {noreply, take(Pid, Ref, CallId, State)};
handle_info({return, Pid, Ref, CallId, Frame}, State) ->
    {noreply, return(Pid, Ref, CallId, Frame, State)};
handle_info({read, Pid, Bytes}, State) ->
    {noreply, have_read(Pid, Bytes, State)};
handle_info({posted, Bytes}, State) ->
    {noreply, write(framed(term_to_binary({sent, Bytes})), State)};
handle_info({drop, Pid, Ref, Which}, State) ->
    Dropped = drop_ref(Which, State),
    Pid ! {Ref, ok},
    {noreply, Dropped};
handle_info({'DOWN', Monitor, process, Pid, _Reason}, State) ->
    {noreply, gone(Pid, Monitor, State)};
handle_info({written, Writer}, #state{writer = Writer, unwritten = Before} = State) ->
    {noreply, State#state{unwritten = Before - 1}};
handle_info({late, Id}, #state{requests = Requests} = State) ->
    case Requests of
        #{Id := #request{pid = Pid, ref = Ref, kind = ask}} ->
            Pid ! {Ref, {error, timeout}},
            over(unresponsive, forget(Id, State));
        #{} ->
            {noreply, State}
    end;
handle_info({unanswered, Id}, #state{requests = Requests} = State) ->
    case is_map_key(Id, Requests) of
        true -> over(unresponsive, State);
        false -> {noreply, State}
    end;
handle_info({look, Pause}, State) ->
    {noreply, look(Pause, State)};
%% First all is heard that it has said by now: it may have ended by itself.
handle_info(close, State) ->
    _ = erlang:send_after(?LAST_WORDS, self(), closing),
    {noreply, write(framed(term_to_binary({info, 0})), State)};
handle_info(closing, State) ->
    {stop, normal, State};
handle_info({Port, {exit_status, Status}}, #state{port = Port} = State) ->
    over(how_ended(Status), State);
handle_info({Port, eof}, #state{port = Port} = State) ->
    _ = erlang:send_after(?LAST_STATUS, self(), closed_its_output),
    {noreply, State};
handle_info(closed_its_output, State) ->
    over(closed, State);
handle_info({'EXIT', Port, _Reason}, #state{port = Port} = State) ->
    over(closed, State);
handle_info({'EXIT', Owner, _Reason}, #state{owner = Owner} = State) ->
    {stop, normal, State};
handle_info({'EXIT', Writer, Reason}, #state{writer = Writer} = State) when Reason =/= normal ->
    over(closed, State);
handle_info(_Other, State) ->
    {noreply, State}.

%% --- What the program says ---

%% Whole frames among the bytes, and what has come of the next one.
cut(Bytes, #state{need = 0, have = 0} = State) ->
    cut_frames(Bytes, [], State);
cut(Bytes, #state{part = Part, have = Have, need = Need} = State) when Have + byte_size(Bytes) < Need ->
    {[], State#state{part = [Bytes | Part], have = Have + byte_size(Bytes)}};
cut(Bytes, #state{part = Part} = State) ->
    cut_frames(iolist_to_binary(lists:reverse(Part, [Bytes])), [], State#state{part = [], have = 0, need = 0}).

cut_frames(<<Length:32, _/binary>>, _Frames, #state{max_frame = Most}) when Length > Most + ?ENVELOPE ->
    {bad, <<"a frame longer than max_frame">>};
cut_frames(<<Length:32, Frame:Length/binary, Rest/binary>>, Frames, State) ->
    cut_frames(Rest, [Frame | Frames], State);
cut_frames(<<>>, Frames, State) ->
    {lists:reverse(Frames), State};
cut_frames(<<Length:32, _/binary>> = Rest, Frames, State) ->
    {lists:reverse(Frames), State#state{part = [Rest], have = byte_size(Rest), need = 4 + Length}};
cut_frames(Rest, Frames, State) ->
    {lists:reverse(Frames), State#state{part = [Rest], have = byte_size(Rest), need = 4}}.

take_frames([], State) ->
    {noreply, State};
take_frames([Frame | Frames], State) ->
    case take_frame(Frame, State) of
        {bad, Why} -> over({bad_frame, Why}, State);
        {over, Next} -> over(exit, Next);
        Next -> take_frames(Frames, Next)
    end.

%% By their first bytes: most are not for this process to decode.
take_frame(<<131, 104, 3, 119, 5, "reply", Rest/binary>> = Frame, State) ->
    case integer(Rest) of
        {0, _Result} -> self() ! closing, State;
        {Id, _Result} -> reply(Id, Frame, State);
        none -> refused(Frame, State)
    end;
take_frame(<<131, 104, 3, 119, 6, "output", 119, 6, "stdout", 109, Length:32, _:Length/binary>> = Frame, State) ->
    to_owner(Frame, State);
take_frame(<<131, 104, 3, 119, 6, "output", 119, 6, "stderr", 109, Length:32, _:Length/binary>> = Frame, State) ->
    to_owner(Frame, State);
take_frame(<<131, 104, 4, 119, 4, "call", 104, 2, CallId/binary>> = Frame, State) ->
    case integer(CallId) of
        {Id, Rest} ->
            case integer(Rest) of
                {Number, _} -> call(Id, Number, Frame, State);
                none -> {bad, <<"a call without a number">>}
            end;
        none ->
            call_of_nobody(Frame, State)
    end;
take_frame(Frame, State) ->
    case rubeam_term:decode(Frame) of
        {ok, {response, _Value}} -> to_owner(Frame, State);
        {ok, {send, _To, _Term}} -> post(Frame, State);
        {ok, {event, Event}} -> send_event(Event, State);
        {ok, {exit, Reason}} -> % its last frame: all that it has read it has answered
            {over, State#state{exit = {Reason, Frame}}};
        {error, too_many_atoms} -> % of a response, an exception's message: what it is about stays known
            to_owner(term_to_binary({output, stderr, <<"Rubeam: a term with more new atoms than max_atoms allows was dropped\n">>}), State);
        _ ->
            {bad, shown(Frame)}
    end.

integer(<<97, Id, Rest/binary>>) -> {Id, Rest};
integer(<<98, Id:32/signed, Rest/binary>>) -> {Id, Rest};
integer(<<110, Size, 0, Id:Size/little-unit:8, Rest/binary>>) -> {Id, Rest};
integer(_) -> none.

%% Of a cast that was stopped, or of what the program did not understand.
refused(Frame, #state{owner = Owner} = State) ->
    case rubeam_term:decode(Frame) of
        {ok, {reply, undefined, {error, Reason}}} when is_atom(Reason) ->
            Owner ! {self(), {data, Frame}},
            State;
        _ ->
            {bad, shown(Frame)}
    end.

%% The answer of one that was given up finds nobody.
reply(Id, Frame, #state{requests = Requests} = State) ->
    case Requests of
        #{Id := #request{pid = Pid, ref = Ref, kind = Kind, call = Call}} ->
            Pid ! {Ref, {frame, Frame}},
            Forgotten = forget(Id, State),
            case Kind =:= return of
                true -> returned(Call, Frame, Forgotten);
                false -> Forgotten
            end;
        #{} ->
            State
    end.

%% --- Requests ---

request(Pid, Ref, Id, Timeout, Frame, State) ->
    case room_for(Frame, Pid, Ref, State) of
        true ->
            Kind = case Timeout of soon -> soon; _ -> ask end,
            Noted = note(Id, #request{pid = Pid, ref = Ref, monitor = none, kind = Kind,
                                      timer = timer(Timeout, Id, State)}, State),
            write(framed(within(Pid, Frame, State)), Noted);
        false ->
            State
    end.

%% [Frame] as a request of the function that the process runs, if it runs one.
within(Pid, Frame, #state{handlers = Handlers, calls = Calls}) ->
    case Handlers of
        #{Pid := [Number | _]} ->
            #{Number := #call{id = CallId}} = Calls,
            envelope(<<131, 104, 3, 119, 6, "within">>, CallId, Frame);
        #{} ->
            Frame
    end.

envelope(Head, Id, Frame) ->
    <<131, Encoded/binary>> = term_to_binary(Id),
    [Head, Encoded, <<109, (byte_size(Frame)):32>>, Frame].

accept(Pid, Ref, Kind, Call, Frame, State) ->
    case room_for(Frame, Pid, Ref, State) of
        true ->
            Id = erlang:unique_integer([positive]),
            Timer = accepted_timer(Kind, Id, State),
            Noted = note(Id, #request{pid = Pid, ref = Ref, monitor = none, kind = Kind, call = Call,
                                      timer = Timer}, State),
            write(framed(envelope(<<131, 104, 3, 119, 6, "accept">>, Id, Frame)), Noted);
        false ->
            State
    end.

room_for(Frame, Pid, Ref, #state{max_frame = Most}) ->
    Fits = byte_size(Frame) =< Most,
    _ = Fits orelse (Pid ! {Ref, {error, {bad_request, <<"the frame is longer than max_frame">>}}}),
    Fits.

note(Id, #request{pid = Pid, ref = Ref} = Request, #state{owner = Owner, requests = Requests, refs = Refs} = State) ->
    Monitor = if Pid =:= Owner -> none; true -> erlang:monitor(process, Pid) end,
    State#state{requests = Requests#{Id => Request#request{monitor = Monitor}}, refs = Refs#{Ref => Id}}.

%% A program that does not stop a request in time, or answer what it answers at once, answers nothing any more.
timer(default, Id, #state{timeout = Timeout} = State) -> timer(Timeout, Id, State);
timer(infinity, _Id, _State) -> none;
timer(soon, Id, #state{patience = Patience}) -> erlang:send_after(Patience, self(), {unanswered, Id});
timer(Timeout, Id, #state{patience = Patience}) -> erlang:send_after(Timeout + Patience, self(), {late, Id}).

%% What is only accepted is answered at once, unless the program is held up by a request that has its time.
accepted_timer(interrupt, Id, State) -> timer(soon, Id, State);
accepted_timer(_Kind, _Id, #state{timeout = infinity}) -> none;
accepted_timer(_Kind, Id, #state{timeout = Timeout, patience = Patience}) ->
    erlang:send_after(Timeout + Patience, self(), {unanswered, Id}).

%% It is answered, or given up.
forget(Id, #state{requests = Requests, refs = Refs} = State) ->
    {#request{ref = Ref, monitor = Monitor, timer = Timer, kind = Kind, call = Call}, Rest} = maps:take(Id, Requests),
    _ = Monitor =/= none andalso erlang:demonitor(Monitor),
    _ = Timer =/= none andalso erlang:cancel_timer(Timer),
    Forgotten = State#state{requests = Rest, refs = maps:remove(Ref, Refs)},
    case Kind =/= return andalso Call =/= none of
        true -> drop_call(Call, Forgotten);
        false -> Forgotten
    end.

drop_ref(Ref, #state{refs = Refs} = State) ->
    case Refs of
        #{Ref := Id} -> interrupt(Id, forget(Id, State));
        #{} -> State
    end.

interrupt(Id, State) ->
    write(framed(term_to_binary({interrupt, Id})), State).

%% A process is dead: that made a request, or that ran a function.
gone(Pid, Monitor, #state{requests = Requests, handlers = Handlers} = State) ->
    Its = [Id || {Id, #request{monitor = Watched, kind = Kind}} <- maps:to_list(Requests),
                 Watched =:= Monitor, Kind =/= return],
    Interrupted = lists:foldl(fun(Id, S) -> interrupt(Id, forget(Id, S)) end, State, Its),
    case Handlers of
        #{Pid := Numbers} -> lists:foldl(fun fail_call/2, Interrupted, Numbers);
        #{} -> Interrupted
    end.

%% --- Functions that Ruby calls ---

call(Id, Number, Frame, #state{requests = Requests, calls = Calls} = State) ->
    case Requests of
        #{Id := #request{pid = Pid, ref = Ref} = Request} ->
            Pid ! {Ref, {frame, Frame}},
            State#state{requests = Requests#{Id := Request#request{call = Number}},
                        calls = Calls#{Number => #call{id = {Id, Number}, request = Id}}};
        #{} -> % given up: it will be interrupted
            State
    end.

%% Of a cast or a message: for the owner.
call_of_nobody(Frame, #state{owner = Owner, calls = Calls} = State) ->
    case rubeam_term:decode(Frame) of
        {ok, {call, {undefined, Number} = CallId, Name, Args}} when is_integer(Number), is_binary(Name), is_list(Args) ->
            Owner ! {self(), {data, Frame}},
            State#state{calls = Calls#{Number => #call{id = CallId, request = none}}};
        _ ->
            {bad, shown(Frame)}
    end.

take(Pid, Ref, {_Id, Number}, #state{calls = Calls, handlers = Handlers} = State) ->
    case Calls of
        #{Number := #call{handler = none} = Call} ->
            Pid ! {Ref, ok},
            Monitor = erlang:monitor(process, Pid),
            State#state{calls = Calls#{Number := Call#call{handler = Pid, monitor = Monitor}},
                        handlers = Handlers#{Pid => [Number | maps:get(Pid, Handlers, [])]}};
        #{} ->
            Pid ! {Ref, {error, gone}},
            State
    end;
take(Pid, Ref, _CallId, State) ->
    Pid ! {Ref, {error, gone}},
    State.

return(Pid, Ref, {_Id, Number}, Frame, #state{calls = Calls} = State) when is_map_key(Number, Calls) ->
    accept(Pid, Ref, return, Number, Frame, State);
return(Pid, Ref, _CallId, _Frame, State) ->
    Pid ! {Ref, {error, gone}},
    State.

%% The program has taken the result of a function, or does not want it any more; or it can't be sent, and
%% another one will be.
returned(Number, Frame, State) ->
    case result(Frame) of
        {error, {bad_request, _Why}} -> State;
        _ -> drop_call(Number, State)
    end.

drop_call(Number, #state{calls = Calls, handlers = Handlers, requests = Requests} = State) ->
    case maps:take(Number, Calls) of
        {#call{request = Id, handler = Handler, monitor = Monitor}, Rest} ->
            _ = Monitor =/= none andalso erlang:demonitor(Monitor),
            State#state{calls = Rest,
                        handlers = without(Handler, Number, Handlers),
                        requests = case Requests of
                                       #{Id := #request{call = Number} = R} -> Requests#{Id := R#request{call = none}};
                                       #{} -> Requests
                                   end};
        error ->
            State
    end.

without(none, _Number, Handlers) -> Handlers;
without(Pid, Number, Handlers) ->
    case lists:delete(Number, maps:get(Pid, Handlers, [])) of
        [] -> maps:remove(Pid, Handlers);
        Others -> Handlers#{Pid => Others}
    end.

%% The process that ran the function is dead.
fail_call(Number, #state{calls = Calls} = State) ->
    case Calls of
        #{Number := #call{id = CallId}} ->
            Failure = #{class => exit, reason => noproc, stack => [],
                        message => <<"there is nobody who could run the Erlang function">>},
            write(framed(term_to_binary({return, CallId, {error, Failure}})), drop_call(Number, State));
        #{} ->
            State
    end.

%% --- What Ruby prints and sends ---

to_owner(Frame, #state{owner = Owner, tells = Tells, unread = {Bytes, Messages}, looking = Looking} = State) ->
    Owner ! {self(), {data, Frame}},
    Unread = {Bytes + rubeam_transport:counted(Frame), Messages + 1},
    case not Tells andalso not Looking andalso element(1, Unread) >= ?TELL of
        true -> look(?LOOK, State#state{unread = Unread});
        false when Tells -> State;
        false -> State#state{unread = Unread}
    end.

%% An owner that tells it once tells it always.
have_read(Owner, Bytes, #state{owner = Owner} = State) ->
    read_out(Bytes, State#state{tells = true});
have_read(_Other, Bytes, #state{tells = true} = State) ->
    read_out(Bytes, State);
have_read(_Other, _Bytes, State) ->
    State.

read_out(Bytes, State) ->
    write(framed(term_to_binary({read, Bytes})), State).

%% Does the owner read?
look(_Pause, #state{tells = true} = State) ->
    State#state{looking = false};
look(Pause, #state{owner = Owner, unread = {Bytes, Messages}, ahead = Ahead} = State) ->
    case rubeam_reader:is_behind(Owner, Messages) of
        false ->
            read_out(Bytes, State#state{unread = {0, 0}, looking = false, ahead = 0});
        true ->
            case is_waiting(Owner, State) andalso Ahead + Bytes < ?UNREAD of
                true ->
                    read_out(Bytes, State#state{unread = {0, Messages}, looking = false, ahead = Ahead + Bytes});
                false ->
                    _ = erlang:send_after(Pause, self(), {look, min(2 * Pause, ?LOOK_MOST)}),
                    tell_never(State#state{looking = true})
            end
    end.

%% It can't read while it waits for a script that waits for it: that script gets an IOError.
tell_never(#state{owner = Owner, ahead = Ahead} = State) ->
    case Ahead > 0 andalso is_waiting(Owner, State) of
        true -> write(framed(term_to_binary({read, never})), State);
        false -> State
    end.

is_waiting(Owner, #state{requests = Requests}) ->
    lists:any(fun(#request{pid = Pid, kind = Kind}) -> Pid =:= Owner andalso Kind =:= ask end, maps:values(Requests)).

post(Frame, State) ->
    case whereis(rubeam_courier) of
        undefined -> write(framed(term_to_binary({sent, rubeam_transport:counted(Frame)})), State);
        Courier -> Courier ! {rubeam_send, self(), Frame}, State
    end.

send_event(Event, #state{lost = Lost} = State) ->
    Observer = whereis(rubeam_event),
    case Observer =:= undefined orelse rubeam_reader:is_full(Observer, ?EVENTS) of
        true -> State#state{lost = Lost + 1};
        false -> Observer ! {rubeam_event, self(), Event, Lost}, State#state{lost = 0}
    end.

%% --- Writing ---

framed(Frame) ->
    [<<(iolist_size(Frame)):32>>, Frame].

%% A pipe that is full must not hold up this process, which reads what the program writes: then another one writes.
write(Bytes, #state{port = Port, unwritten = 0} = State) ->
    try erlang:port_command(Port, Bytes, [nosuspend]) of
        true -> State;
        false -> write_behind(Bytes, State)
    catch
        error:badarg -> State % it has ended: exit_status comes
    end;
write(Bytes, State) ->
    write_behind(Bytes, State).

write_behind(Bytes, #state{port = Port, writer = none} = State) ->
    Gateway = self(),
    write_behind(Bytes, State#state{writer = spawn_link(fun() -> writer(Gateway, Port) end)});
write_behind(Bytes, #state{writer = Writer, unwritten = Before} = State) ->
    Writer ! {write, Bytes},
    State#state{unwritten = Before + 1}.

writer(Gateway, Port) ->
    receive
        {write, Bytes} ->
            _ = try erlang:port_command(Port, Bytes)
                catch error:badarg -> closed
                end,
            Gateway ! {written, self()},
            writer(Gateway, Port)
    end.
