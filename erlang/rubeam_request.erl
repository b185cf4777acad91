%% @doc Requests: whether they are well formed, and their forms as the interpreter takes them. Pure.
%%
%% Called by `rubeam' and `rubeam_pool'. A check returns what was checked, or what is wrong with it in
%% words for the macro BADARG.
%% @private
-module(rubeam_request).

-include("rubeam.hrl").

-export([code/1, target/1, arguments/1, bytecode/1, request_options/2, checked/1]).
-export([eval_request/2, call_request/3]).

-type bad() :: {bad, Text :: unicode:chardata()}.

%% @doc Ruby code, as a binary.
-spec code(term()) -> {ok, binary()} | bad().
code(Code) when is_binary(Code) ->
    {ok, Code};
code(Code) ->
    try {ok, iolist_to_binary(Code)}
    catch error:badarg -> {bad, "not iodata"}
    end.

%% @doc What {@link rubeam:load/2} takes.
-spec bytecode(term()) -> {ok, binary()} | bad().
bytecode(Bytes) when is_binary(Bytes) -> {ok, Bytes};
bytecode(_) -> {bad, "not a binary"}.

%% @doc A method, of a constant or of the main object.
-spec target(term()) -> {ok, rubeam:target()} | bad().
target(Name) when ?IS_METHOD(Name) -> {ok, Name};
target({Constant, Name} = Target) when ?IS_METHOD(Constant), ?IS_METHOD(Name) -> {ok, Target};
target(_) -> {bad, "not a name, or a constant and a name, each an atom or a binary"}.

%% @doc The arguments of a method.
-spec arguments(term()) -> {ok, list()} | bad().
arguments(Args) when is_list(Args) -> {ok, Args};
arguments(_) -> {bad, "not a list"}.

%% @doc Options of a request of that kind, and the functions that it brings along.
-spec request_options(eval | call | compile | load, term()) ->
          {ok, map(), rubeam_function:functions()} | bad().
request_options(_Kind, Options) when Options =:= #{} ->
    {ok, Options, #{}};
request_options(Kind, Options) when is_map(Options) ->
    case rubeam_options:request(Kind, Options) of
        {ok, Checked, Functions} -> {ok, Checked, Functions};
        {error, Reason} -> {bad, rubeam_error:format(Reason)}
    end;
request_options(_Kind, _) ->
    {bad, "not a map"}.

%% @doc A request of {@link rubeam:send_request/2} as the interpreter takes it, and the functions that it
%% brings along.
-spec checked(Request :: term()) ->
          {ok, rubeam_transport:request(), rubeam_function:functions()} | bad().
checked({eval, Code}) -> checked({eval, Code, #{}});
checked({call, Target, Args}) -> checked({call, Target, Args, #{}});
checked({load, Bytecode}) -> checked({load, Bytecode, #{}});
checked({load, Bytecode, Options}) ->
    case {bytecode(Bytecode), request_options(load, Options)} of
        {{ok, _}, {ok, Opts, Functions}} -> {ok, {load, [], Bytecode, Opts}, Functions};
        {{ok, _}, Bad} -> Bad;
        {Bad, _} -> Bad
    end;
checked({eval, Code, Options}) ->
    case {code(Code), request_options(eval, Options)} of
        {{ok, Binary}, {ok, Opts, Functions}} -> {ok, eval_request(Binary, Opts), Functions};
        {{ok, _}, Bad} -> Bad;
        {Bad, _} -> Bad
    end;
checked({call, Target, Args, Options}) ->
    case {target(Target), arguments(Args), request_options(call, Options)} of
        {{ok, _}, {ok, _}, {ok, Opts, Functions}} ->
            {ok, call_request(Target, Args, Opts), Functions};
        {{ok, _}, {ok, _}, Bad} -> Bad;
        {{ok, _}, Bad, _} -> Bad;
        {Bad, _, _} -> Bad
    end;
checked(_) ->
    {bad, "not a request: {eval, Code [, Options]}, {call, Target, Args [, Options]} or "
          "{load, Bytecode [, Options]}"}.

%% Requests as the interpreter takes them. The id is of no use where the caller waits: the shortest.

%% @doc An eval with checked options.
-spec eval_request(Code :: binary(), Options :: map()) -> rubeam_transport:request().
eval_request(Code, Options) when map_size(Options) =:= 0 -> {eval, [], Code};
eval_request(Code, Options) -> {eval, [], Code, Options}.

%% @doc A call with checked options.
-spec call_request(rubeam:target(), Args :: [term()], Options :: map()) -> rubeam_transport:request().
call_request(Target, Args, Options) when map_size(Options) =:= 0 -> {call, [], Target, Args};
call_request(Target, Args, Options) -> {call, [], Target, Args, Options}.
