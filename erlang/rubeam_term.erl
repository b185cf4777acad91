%% @doc Decodes terms that come from a program of its own, which may be out of order: nothing in it may harm the VM.
%%
%% What is in the way are atoms, which the VM never forgets: of names that it has not, programs may bring so many
%% as the option `max_atoms' says, counted for the node. So are the names of functions (`fun M:F/A') that it does not
%% know, of which it has room for half a million; they are counted among the atoms. Everything else
%% binary_to_term/2 looks after.
%% @private
-module(rubeam_term).

-export([create/0, limit_atoms/1, decode/1]).

%% Places in the counters
-define(NEW, 1).
-define(LIMIT, 2).

%% @doc Makes the count, if there is none. It is kept as long as the node lives, as atoms are.
-spec create() -> ok.
create() ->
    case persistent_term:get(?MODULE, none) of
        none -> persistent_term:put(?MODULE, counters:new(2, [atomics]));
        _Counters -> ok
    end.

%% @doc So many new atoms may come from now on, those that came before included.
-spec limit_atoms(non_neg_integer()) -> ok.
limit_atoms(Most) ->
    counters:put(persistent_term:get(?MODULE), ?LIMIT, Most).

%% @doc The term, if it is one and brings no more new atoms than may come.
-spec decode(binary()) -> {ok, term()} | {error, no_term | too_many_atoms}.
decode(<<131, 80, _/binary>>) -> % compressed: a few bytes could be very many
    {error, no_term};
decode(Bytes) ->
    try {ok, binary_to_term(Bytes, [safe])}
    catch error:badarg -> decode_new(Bytes)
    end.

decode_new(<<131, Term/binary>> = Bytes) ->
    try
        case admit(length(lists:usort(new_atoms(Term, 1, [])))) of
            true -> {ok, binary_to_term(Bytes)};
            false -> {error, too_many_atoms}
        end
    catch
        error:_ -> {error, no_term}
    end;
decode_new(_) ->
    {error, no_term}.

admit(Count) ->
    Counters = persistent_term:get(?MODULE),
    ok = counters:add(Counters, ?NEW, Count),
    case counters:get(Counters, ?NEW) =< counters:get(Counters, ?LIMIT) of
        true -> true;
        false -> counters:sub(Counters, ?NEW, Count), false
    end.

%% The names of atoms that there are not yet, in so many terms that follow one another.
new_atoms(_Rest, 0, New) ->
    New;
new_atoms(<<Tag, Name/binary>>, Left, New) when Tag =:= 100; Tag =:= 118 -> % ATOM_EXT, ATOM_UTF8_EXT
    <<Length:16, Text:Length/binary, Rest/binary>> = Name,
    new_atoms(Rest, Left - 1, new_atom(Tag, Text, New));
new_atoms(<<Tag, Length, Text:Length/binary, Rest/binary>>, Left, New) when Tag =:= 115; Tag =:= 119 ->
    new_atoms(Rest, Left - 1, new_atom(Tag, Text, New));
new_atoms(<<97, _, Rest/binary>>, Left, New) ->                             % SMALL_INTEGER_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<98, _:32, Rest/binary>>, Left, New) ->                          % INTEGER_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<70, _:64, Rest/binary>>, Left, New) ->                          % NEW_FLOAT_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<99, _:31/binary, Rest/binary>>, Left, New) ->                   % FLOAT_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<104, Arity, Rest/binary>>, Left, New) ->                        % SMALL_TUPLE_EXT
    new_atoms(Rest, Left - 1 + Arity, New);
new_atoms(<<105, Arity:32, Rest/binary>>, Left, New) ->                     % LARGE_TUPLE_EXT
    new_atoms(Rest, Left - 1 + Arity, New);
new_atoms(<<106, Rest/binary>>, Left, New) ->                               % NIL_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<107, Length:16, _:Length/binary, Rest/binary>>, Left, New) ->   % STRING_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<108, Length:32, Rest/binary>>, Left, New) ->                    % LIST_EXT
    new_atoms(Rest, Left + Length, New);
new_atoms(<<109, Length:32, _:Length/binary, Rest/binary>>, Left, New) ->   % BINARY_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<77, Length:32, _, _:Length/binary, Rest/binary>>, Left, New) -> % BIT_BINARY_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<110, Length, _, _:Length/binary, Rest/binary>>, Left, New) ->   % SMALL_BIG_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<111, Length:32, _, _:Length/binary, Rest/binary>>, Left, New) -> % LARGE_BIG_EXT
    new_atoms(Rest, Left - 1, New);
new_atoms(<<116, Pairs:32, Rest/binary>>, Left, New) ->                     % MAP_EXT
    new_atoms(Rest, Left - 1 + 2 * Pairs, New);
new_atoms(<<Tag, Rest/binary>>, Left, New) ->
    %% A pid, port or reference: the node, then bytes; an external fun: its module, name and arity.
    case Tag of
        88 -> skip(Rest, Left, New, 12);                                    % NEW_PID_EXT
        103 -> skip(Rest, Left, New, 9);                                    % PID_EXT
        120 -> skip(Rest, Left, New, 12);                                   % V4_PORT_EXT
        89 -> skip(Rest, Left, New, 8);                                     % NEW_PORT_EXT
        102 -> skip(Rest, Left, New, 5);                                    % PORT_EXT
        101 -> skip(Rest, Left, New, 5);                                    % REFERENCE_EXT
        90 -> <<Words:16, Node/binary>> = Rest, skip(Node, Left, New, 4 + 4 * Words);
        114 -> <<Words:16, Node/binary>> = Rest, skip(Node, Left, New, 1 + 4 * Words);
        113 -> exported(Rest, Left, New);                                   % EXPORT_EXT
        112 -> closure(Rest, Left, New)
    end.

%% Module, name, arity.
exported(Bytes, Left, New) ->
    {_, _, Name} = text(Bytes),
    {_, _, <<97, _, Rest/binary>>} = text(Name),
    Length = byte_size(Bytes) - byte_size(Rest),
    <<Function:Length/binary, _/binary>> = Bytes,
    try binary_to_term(<<131, 113, Function/binary>>, [safe]) of
        _ -> new_atoms(Rest, Left - 1, New)
    catch
        error:badarg -> new_atoms(Bytes, Left + 2, [{function, Function} | New])
    end.

%% NEW_FUN_EXT: module, two integers, a pid, the free variables
closure(<<_Size:32, _Arity, _Unique:16/binary, _Index:32, Free:32, Rest/binary>>, Left, New) ->
    new_atoms(Rest, Left + 3 + Free, New).

%% An atom, and so many bytes behind it.
skip(Node, Left, New, Bytes) ->
    {Tag, Text, Rest} = text(Node),
    <<_:Bytes/binary, After/binary>> = Rest,
    new_atoms(After, Left - 1, new_atom(Tag, Text, New)).

%% An atom, and what is behind it.
text(<<Tag, Length:16, Name:Length/binary, Rest/binary>>) when Tag =:= 100; Tag =:= 118 -> {Tag, Name, Rest};
text(<<Tag, Length, Name:Length/binary, Rest/binary>>) when Tag =:= 115; Tag =:= 119 -> {Tag, Name, Rest}.

new_atom(Tag, Text, New) ->
    Encoding = if Tag =:= 118; Tag =:= 119 -> utf8; true -> latin1 end,
    try binary_to_existing_atom(Text, Encoding) of
        _ -> New
    catch
        error:badarg -> [{Encoding, Text} | New]
    end.
