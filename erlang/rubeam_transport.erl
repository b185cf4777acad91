%% @doc Requests to an interpreter, wherever it lives: what is asked, awaited, answered, given up.
%%
%% An interpreter is a port of the driver, or the process that stands before a program of its own
%% (`rubeam_gateway'). This module knows what a request is and how it goes; these two know how to say it.
%% Pure functions without a process of their own: each runs in its caller.
%%
%% Called by `rubeam', `rubeam_server' and the like, whose arguments are checked already. Whatever takes an
%% interpreter answers `{error, closed}' when there is none (any more).
%% @private
-module(rubeam_transport).

-export([open/1, name/2, close/1, discard/1, flush/1, is_open/1, monitor/1]).
-export([request/2, request/3, request_if_open/3, async/2, async/3, wait/4, check/4, abandon/2, drop/2]).
-export([result/1, serve/3, return/3]).
-export([read/2, posted/2, counted/1, decode/1]).

-export_type([ruby/0, request/0, asked/0, result/0, call/0, frame/0]).

%% What is counted for a message beside its bytes: FLOW_MESSAGE in driver/flow.h.
-define(MESSAGE, 64).

%% How long to wait for the answer of a port that has closed: see last_words/1.
-define(LAST_WORDS, 5000).

-type ruby() :: port() | Gateway :: pid().
%% An interpreter of this node.

-type request() ::
        {eval, Id :: term(), Code :: binary()}
      | {eval, Id :: term(), Code :: binary(), Opts :: map()}
      | {call, Id :: term(), rubeam:target(), Args :: [term()]}
      | {call, Id :: term(), rubeam:target(), Args :: [term()], Opts :: map()}
      | {compile, Id :: term(), Code :: binary(), Opts :: map()}
      | {load, Id :: term(), Bytecode :: binary(), Opts :: map()}
      | {info, Id :: term()}
      | {owner, Id :: term(), pid()}.
%% A request that has a result.

-type asked() :: {eval, Code :: binary()} | {message, term()} | interrupt.
%% One that has none: it is accepted, or not.

-type call() :: {call, CallId :: term(), Name :: binary(), Args :: [term()]}.
%% Ruby calls an Erlang function, and waits for what it returns.

-type result() :: {ok, Value :: term()} | {error, rubeam:reason()}.

-type frame() ::
        {output, stdout | stderr, binary()}
      | {response, Value :: term()}
      | {reply, Id :: term(), result()}
      | call()
      | {send, To :: term(), Term :: term()}
      | {exit, Reason :: term()}.
%% What an owner gets, decoded.

%% @doc Opens an interpreter that the calling process owns.
-spec open(rubeam_options:opening()) -> {ok, ruby()} | {error, rubeam:open_error()}.
open(#{transport := driver, command := Command}) -> rubeam_driver:open(Command);
open(Opening) -> rubeam_gateway:open(Opening).

%% @doc Registers the interpreter under the name.
-spec name(ruby(), Name :: atom()) -> ok | {error, {already_registered, Name :: atom()} | closed}.
name(Ruby, Name) ->
    try register(Name, Ruby) of
        true -> ok
    catch
        error:badarg ->
            case whereis(Name) of
                undefined -> {error, closed};
                _ -> {error, {already_registered, Name}}
            end
    end.

%% @doc Closes the interpreter, whoever owns it; what still ran there is answered with
%% `{error, closed}'. A port of something else is left alone.
%%
%% An owner finds no ``{'EXIT', Ruby, _}'' in its mailbox afterwards.
-spec close(ruby()) -> ok.
close(Port) when is_port(Port) -> rubeam_driver:close(Port);
close(Gateway) -> rubeam_gateway:close(Gateway).

%% @doc Closes an interpreter of the calling process that nobody else knows. Nothing of it remains in the
%% mailbox.
-spec discard(ruby()) -> ok.
discard(Ruby) ->
    unlink(Ruby),
    close(Ruby),
    flush(Ruby).

%% @doc Takes out of the mailbox what came from it.
-spec flush(ruby()) -> ok.
flush(Ruby) ->
    receive
        {Ruby, {data, _}} -> flush(Ruby);
        {'EXIT', Ruby, _} -> flush(Ruby)
    after 0 -> ok
    end.

%% @doc Is it there?
-spec is_open(ruby()) -> boolean().
is_open(Port) when is_port(Port) -> erlang:port_info(Port, id) =/= undefined;
is_open(Gateway) -> is_process_alive(Gateway).

%% @doc The message ``{'DOWN', Ref, _, Ruby, _}'' will tell of its end.
-spec monitor(ruby()) -> Ref :: reference().
monitor(Port) when is_port(Port) -> erlang:monitor(port, Port);
monitor(Gateway) -> erlang:monitor(process, Gateway).

%% --- Requests that are waited for ---

%% @doc Makes a request and waits for its result.
-spec request(ruby(), request()) -> result();
             (ruby(), asked()) -> ok | {error, rubeam:reason()}.
request(Ruby, Request) ->
    request(Ruby, Request, #{}).

%% @doc As {@link request/2}, with functions that Ruby may call during this request.
-spec request(ruby(), request(), rubeam_function:functions()) -> result();
             (ruby(), asked(), rubeam_function:functions()) -> ok | {error, rubeam:reason()}.
request(Ruby, Request, Functions) ->
    case request_if_open(Ruby, Request, Functions) of
        gone -> {error, closed};
        Result -> Result
    end.

%% @doc As {@link request/3}; `gone' says that no interpreter is there, so that nothing of the request
%% was done: it can be made of another one.
-spec request_if_open(ruby(), request() | asked(), rubeam_function:functions()) ->
          result() | ok | gone.
request_if_open(Port, Request, Functions) when is_port(Port) ->
    go_on(Port, rubeam_driver:ask(Port, Request), Functions);
request_if_open(Gateway, Request, Functions) ->
    Ref = erlang:monitor(process, Gateway),
    ok = rubeam_gateway:ask(Gateway, Ref, Request),
    await(Gateway, Ref, Functions).

%% What the driver has answered: the result, or what is to be done first.
go_on(Port, {call, {Token, _Number} = CallId, Name, Args}, Functions) ->
    case give_back(Port, CallId, rubeam_function:run(Port, Name, Args, Functions)) of
        %% It was stopped meanwhile, and its result is kept.
        {error, gone} -> claim(Port, Token, Functions);
        Answer -> go_on(Port, Answer, Functions)
    end;
go_on(Port, Token, Functions) when is_integer(Token) ->
    claim(Port, Token, Functions);
go_on(_Port, Result, _Functions) ->
    Result.

%% The monitor's reference, fresh in this function, also marks the place in the mailbox from
%% where to look for the answer: a caller with a full mailbox waits no longer for it.
claim(Port, Token, Functions) ->
    try erlang:monitor(port, Port) of
        Ref ->
            case rubeam_driver:claim(Port, Token, Ref) of
                wait ->
                    closed_if_gone(await(Port, Ref, Functions));
                gone ->
                    erlang:demonitor(Ref, [flush]),
                    {error, closed};
                Answer ->
                    erlang:demonitor(Ref, [flush]),
                    go_on(Port, Answer, Functions)
            end
    catch
        error:badarg -> {error, closed}
    end.

closed_if_gone(gone) -> {error, closed};
closed_if_gone(Result) -> Result.

await(Ruby, Ref, Functions) ->
    receive
        {Ref, Message} ->
            case result(Message) of
                {call, _CallId, _Name, _Args} = Call ->
                    serve(Ruby, Call, Functions),
                    await(Ruby, Ref, Functions);
                Result ->
                    erlang:demonitor(Ref, [flush]),
                    Result
            end;
        {'DOWN', Ref, _PortOrProcess, Ruby, _Reason} ->
            last_words(Ruby, Ref)
    end.

%% The driver answers every claimed token exactly once, with {error, closed} when the port
%% closes first. The answer of a job that is running at that moment comes from the thread of
%% its slice, so it may arrive after the 'DOWN', by a slice or by as long as mruby stays in one
%% C function. To leave now would leave that answer in the mailbox for ever. The limit is only
%% there so that an error of the driver cannot hang its callers.
last_words(Port, Ref) when is_port(Port) ->
    receive
        {Ref, Message} ->
            case result(Message) of
                {call, _CallId, _Name, _Args} -> last_words(Port, Ref); % nobody waits for it any more
                Result -> Result
            end
    after ?LAST_WORDS ->
        gone
    end;
%% A process says nothing after its 'DOWN': it has never seen the request.
last_words(_Gateway, _Ref) ->
    gone.

%% @doc The result in a message of {@link async/3}, or the function that is to be run first.
%%
%% It comes encoded. From the driver since erts must not decode it on a thread that is no scheduler's: there
%% the sorting of a large map's keys (erts_qsort, with a random number of the scheduler's) crashes
%% the VM. From a gateway since each caller can do that itself.
-spec result(binary() | {frame, binary()} | result() | ok) -> result() | call() | ok.
result(Encoded) when is_binary(Encoded) -> binary_to_term(Encoded);
result({frame, Frame}) -> rubeam_gateway:result(Frame);
result(Result) -> Result.

%% --- Functions that Ruby calls ---

%% @doc Runs the function of a call that has come as a message, unless nobody waits for it any
%% more. Requests that the function makes of the interpreter run at once.
-spec serve(ruby(), call(), rubeam_function:functions()) -> ok.
serve(Ruby, {call, CallId, Name, Args}, Functions) ->
    case ask(Ruby, {take, CallId}) of
        ok ->
            _ = give_back(Ruby, CallId, rubeam_function:run(Ruby, Name, Args, Functions)),
            ok;
        {error, _Gone} ->
            ok
    end.

give_back(Ruby, CallId, Result) ->
    case return(Ruby, CallId, Result) of
        %% Ruby still waits: a function's result that can't be sent is its failure. In a few words,
        %% if these have no room either.
        {error, {bad_request, Why}} when Result =/= {error, badarg} ->
            case rubeam_function:too_large(Why) of
                Result -> give_back(Ruby, CallId, {error, badarg});
                Failure -> give_back(Ruby, CallId, Failure)
            end;
        Answer -> Answer
    end.

%% @doc Returns the result of a function that a frame `{call, CallId, Name, Args}' has asked for. `gone':
%% nobody waits for it any more. (From the driver: what it has answered to the request that called.)
-spec return(ruby(), CallId :: term(), rubeam_function:result() | {error, term()}) ->
          ok | {error, gone | closed | {bad_request, Why :: binary()}}.
return(Ruby, CallId, Result) ->
    ask(Ruby, {return, CallId, Result}).

ask(Port, Request) when is_port(Port) ->
    closed_if_gone(rubeam_driver:ask(Port, Request));
ask(Gateway, Request) ->
    Ref = erlang:monitor(process, Gateway),
    ok = rubeam_gateway:ask(Gateway, Ref, Request),
    closed_if_gone(await(Gateway, Ref, #{})).

%% --- Requests that are not waited for ---

%% @doc Makes a request without waiting.
%%
%% Its result comes as the message `{Ref, Result}', which {@link wait/4} or {@link check/4}
%% must take, unless {@link abandon/2} gives it up.
-spec async(ruby(), request()) -> Ref :: reference().
async(Ruby, Request) ->
    try monitor(Ruby) of
        Ref ->
            case async(Ruby, Ref, Request) of
                ok ->
                    Ref;
                {error, _} = Error ->
                    erlang:demonitor(Ref, [flush]),
                    self() ! {Ref, Error},
                    Ref
            end
    catch
        error:badarg -> % a port of another node
            Ref = make_ref(),
            self() ! {Ref, {error, closed}},
            Ref
    end.

%% @doc As {@link async/2}, with an id of the caller's own and without a monitor: for the
%% server, which is linked to the interpreter and so learns of its end. After an error no message comes.
-spec async(ruby(), Id :: reference(), request()) -> ok | {error, rubeam:reason()}.
async(Port, Id, Request) when is_port(Port) -> rubeam_driver:start(Port, Id, Request);
async(Gateway, Id, Request) -> rubeam_gateway:ask(Gateway, Id, Request).

%% @doc Waits for the result of {@link async/2}; after a timeout the request goes on. Functions that it
%% calls meanwhile are run here, and may take longer.
-spec wait(ruby(), Ref :: reference(), timeout(), rubeam_function:functions()) ->
          {reply, result()} | timeout.
wait(Ruby, Ref, infinity, Functions) ->
    {reply, closed_if_gone(await(Ruby, Ref, Functions))};
wait(Ruby, Ref, Timeout, Functions) ->
    wait_until(Ruby, Ref, erlang:monotonic_time(millisecond) + Timeout, Timeout, Functions).

wait_until(Ruby, Ref, Until, Left, Functions) ->
    receive
        {Ref, _} = Message -> waited(Ruby, Ref, Until, Message, Functions);
        {'DOWN', Ref, _, _, _} = Message -> waited(Ruby, Ref, Until, Message, Functions)
    after Left ->
        timeout
    end.

waited(Ruby, Ref, Until, Message, Functions) ->
    case check(Ruby, Ref, Message, Functions) of
        {reply, Result} ->
            {reply, Result};
        no_reply ->
            %% Not even one look more: a script that calls in a loop is always faster.
            case Until - erlang:monotonic_time(millisecond) of
                Left when Left > 0 -> wait_until(Ruby, Ref, Until, Left, Functions);
                _ -> timeout
            end
    end.

%% @doc Whether Message is the result of {@link async/2}. One that asks for a function is not; the
%% function has then been run.
-spec check(ruby(), Ref :: reference(), Message :: term(), rubeam_function:functions()) ->
          {reply, result()} | no_reply.
check(Ruby, Ref, {Ref, Message}, Functions) ->
    case result(Message) of
        {call, _CallId, _Name, _Args} = Call ->
            serve(Ruby, Call, Functions),
            no_reply;
        Result ->
            erlang:demonitor(Ref, [flush]),
            {reply, Result}
    end;
check(Ruby, Ref, {'DOWN', Ref, _, _, _Reason}, _Functions) ->
    {reply, closed_if_gone(last_words(Ruby, Ref))};
check(_Ruby, _Ref, _Message, _Functions) ->
    no_reply.

%% @doc Gives up a request of {@link async/2} that was not answered yet: it is stopped, or
%% taken from the queue, and nothing of it remains in the mailbox.
-spec abandon(ruby(), Ref :: reference()) -> ok.
abandon(Ruby, Ref) ->
    case drop(Ruby, Ref) of
        ok ->
            forget(Ref);
        {error, closed} ->
            %% Nothing was abandoned: there is an answer, or will be.
            _ = last_words(Ruby, Ref),
            forget(Ref)
    end,
    erlang:demonitor(Ref, [flush]),
    ok.

%% A function that it asked for, its result: both may be there.
forget(Ref) ->
    receive {Ref, _} -> forget(Ref) after 0 -> ok end.

%% @doc Gives up a request of {@link async/3}. Its answer may be in the mailbox already.
-spec drop(ruby(), Id :: reference()) -> ok | {error, closed}.
drop(Port, Id) when is_port(Port) -> rubeam_driver:drop(Port, Id);
drop(Gateway, Id) -> rubeam_gateway:drop(Gateway, Id).

%% --- What Ruby says ---

%% @doc Tells the interpreter that so many bytes of what Ruby printed, each frame as {@link counted/1} says, were read:
%% a script that is 1 MB ahead of that waits.
%%
%% An owner that has told this once has to tell it always. Of others the application sees whether they read.
-spec read(ruby(), Bytes :: non_neg_integer()) -> ok | closed.
read(Port, Bytes) when is_port(Port) -> rubeam_driver:read(Port, Bytes);
read(Gateway, Bytes) -> rubeam_gateway:read(Gateway, Bytes).

%% @doc Tells it that so many bytes of messages of Ruby's are done with.
-spec posted(ruby(), Bytes :: pos_integer()) -> ok | closed.
posted(Port, Bytes) when is_port(Port) -> rubeam_driver:posted(Port, Bytes);
posted(Gateway, Bytes) -> rubeam_gateway:posted(Gateway, Bytes).

%% @doc What is counted for a frame.
-spec counted(Frame :: binary()) -> pos_integer().
counted(Frame) ->
    byte_size(Frame) + ?MESSAGE.

%% @doc The term in a frame from Ruby, as an owner gets it. Raises `badarg' when Frame is none.
%%
%% Plain binary_to_term: the driver bounds the atoms in it, a gateway has looked at them.
-spec decode(Frame :: binary()) -> frame().
decode(Frame) ->
    case binary_to_term(Frame) of
        {output, Stream, Bytes} = Output when is_atom(Stream), is_binary(Bytes) -> Output;
        {response, _Value} = Response -> Response;
        {reply, _Id, _Result} = Reply -> Reply;
        {call, _CallId, Name, Args} = Call when is_binary(Name), is_list(Args) -> Call;
        {send, _To, _Term} = Send -> Send;
        {exit, _Reason} = Exit -> Exit;
        _ -> error(badarg)
    end.
