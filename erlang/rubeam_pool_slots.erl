%% @doc How busy each interpreter of a pool is, and which one a request goes to. Pure: functions on
%% counters that every process of the node shares.
%%
%% A slot is the place of one interpreter, whichever is in it at the time. Its counter is the number of
%% requests that are under way there, plus a mark while the slot is taken: lent, about to be, or
%% without an interpreter. Both are in one word, so that whoever enters sees the mark in the
%% same step in which the one who takes the slot sees them: a request is never carried out in an
%% interpreter that is lent.
%%
%% A process that is killed between enter and leave leaves its count behind. Nothing here prevents that,
%% since all that would (a table of callers, a monitor) costs more than a short call. The driver
%% knows better: it notices that a caller died, and drops what it asked for. So the counters are only the
%% quick copy of a figure that the driver has, and rubeam_pool_keeper corrects one that disagrees
%% with the driver while nothing moves.
%%
%% Called by `rubeam_pool' (enter, leave) and `rubeam_pool_keeper' (all else).
%% @private
-module(rubeam_pool_slots).

-export([new/2, size/1, enter/1, leave/2]).
-export([take/2, release/2, word/2, load/2, correct/3, line/2, waiting/1, total/1]).

-export_type([slots/0, slot/0]).

-record(slots, {keeper :: pid(),
                counters :: atomics:atomics_ref(), % one for each slot; the last is the line's length
                size :: pos_integer(),
                max_waiting :: non_neg_integer()}).

-opaque slots() :: #slots{}.

-type slot() :: pos_integer().

%% Far from any number of requests, on both sides: a count may be wrong for a while, below zero too.
-define(TAKEN, (1 bsl 40)).
-define(IS_TAKEN(Word), (Word > (?TAKEN bsr 1))).

%% @doc Slots that are all taken, of the calling process.
-spec new(Size :: pos_integer(), MaxWaiting :: non_neg_integer()) -> slots().
new(Size, MaxWaiting) ->
    Counters = atomics:new(Size + 1, []),
    Slots = #slots{keeper = self(), counters = Counters, size = Size, max_waiting = MaxWaiting},
    lists:foreach(fun(Slot) -> atomics:put(Counters, Slot, ?TAKEN) end, lists:seq(1, Size)),
    Slots.

%% @doc How many there are.
-spec size(slots()) -> pos_integer().
size(#slots{size = Size}) -> Size.

%% @doc Counts a request in at the least busy slot. `taken': there is none that is not; `busy': it would
%% have to wait, and as many as may do so already.
%%
%% The scheduler's own slot is looked at first. Two processes of one scheduler never run at once, so
%% short requests hardly meet, and find a place without looking any further.
-spec enter(slots()) -> {ok, slot()} | taken | busy.
enter(#slots{counters = Counters, size = Size} = Slots) ->
    First = 1 + erlang:system_info(scheduler_id) rem Size,
    case atomics:get(Counters, First) of
        0 -> enter(Slots, First, First, 0);
        Word -> choose(Slots, First, First, least(First, Word))
    end.

least(Slot, Word) when not ?IS_TAKEN(Word) -> {Slot, Word};
least(_Slot, _Word) -> none.

%% Round from First on; the first idle one ends the search.
choose(Slots, First, _At, {Slot, Load}) when Load =< 0 ->
    enter(Slots, First, Slot, Load);
choose(#slots{counters = Counters, size = Size} = Slots, First, At, Best) ->
    case 1 + At rem Size of
        First ->
            case Best of
                {Slot, Load} -> enter(Slots, First, Slot, Load);
                none -> taken
            end;
        Next ->
            Word = atomics:get(Counters, Next),
            case Best of
                _ when ?IS_TAKEN(Word) -> choose(Slots, First, Next, Best);
                {_, Least} when Least =< Word -> choose(Slots, First, Next, Best);
                _ -> choose(Slots, First, Next, {Next, Word})
            end
    end.

enter(#slots{counters = Counters} = Slots, First, Slot, Seen) ->
    case atomics:add_get(Counters, Slot, 1) of
        Word when Word =< 1 ->
            {ok, Slot};
        Word when not ?IS_TAKEN(Word), Word =< Seen + 1 ->
            %% It has to wait. Its own place is among those that are counted, so that of
            %% several that come at once none is let in too many.
            case waiting(Slots) > Slots#slots.max_waiting of
                true -> leave(Slots, Slot), busy;
                false -> {ok, Slot}
            end;
        _OthersWereFaster ->
            leave(Slots, Slot),
            choose(Slots, First, First, least(First, atomics:get(Counters, First)))
    end.

%% @doc Counts a request out. Was it the last one in a slot that is taken, the keeper hears of it.
-spec leave(slots(), slot()) -> ok.
leave(#slots{keeper = Keeper, counters = Counters}, Slot) ->
    case atomics:sub_get(Counters, Slot, 1) of
        Word when ?IS_TAKEN(Word), Word =< ?TAKEN -> gen_server:cast(Keeper, vacant);
        _ -> ok
    end.

%% @doc Marks the slot; from now on no request enters it. How many are under way there still.
-spec take(slots(), slot()) -> Load :: integer().
take(#slots{counters = Counters}, Slot) ->
    atomics:add_get(Counters, Slot, ?TAKEN) - ?TAKEN.

%% @doc Removes the mark.
-spec release(slots(), slot()) -> ok.
release(#slots{counters = Counters}, Slot) ->
    atomics:sub(Counters, Slot, ?TAKEN).

%% @doc The counter as it is, to compare it with a later look.
-spec word(slots(), slot()) -> integer().
word(#slots{counters = Counters}, Slot) ->
    atomics:get(Counters, Slot).

%% @doc How many requests are under way there.
-spec load(slots(), slot()) -> integer().
load(Slots, Slot) ->
    case word(Slots, Slot) of
        Word when ?IS_TAKEN(Word) -> Word - ?TAKEN;
        Word -> Word
    end.

%% @doc Adds what was missing. Not a new value: others come and go meanwhile.
-spec correct(slots(), slot(), Difference :: integer()) -> ok.
correct(#slots{counters = Counters}, Slot, Difference) ->
    atomics:add(Counters, Slot, Difference).

%% @doc Says how many wait in line, in the process of rubeam_pool_keeper.
-spec line(slots(), Length :: non_neg_integer()) -> ok.
line(#slots{counters = Counters, size = Size}, Length) ->
    atomics:put(Counters, Size + 1, Length).

%% @doc How many wait: in line, or behind another request of their interpreter.
-spec waiting(slots()) -> non_neg_integer().
waiting(#slots{counters = Counters, size = Size} = Slots) ->
    waiting(Slots, Size, atomics:get(Counters, Size + 1)).

waiting(_Slots, 0, Sum) -> Sum;
waiting(Slots, Slot, Sum) -> waiting(Slots, Slot - 1, Sum + max(0, load(Slots, Slot) - 1)).

%% @doc How many are under way or wait, in all.
-spec total(slots()) -> integer().
total(#slots{counters = Counters, size = Size} = Slots) ->
    total(Slots, Size, atomics:get(Counters, Size + 1)).

total(_Slots, 0, Sum) -> Sum;
total(Slots, Slot, Sum) -> total(Slots, Slot - 1, Sum + load(Slots, Slot)).
