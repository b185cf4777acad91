%% What was measured, as a table and as JSON.
-module(bench_report).

-export([table/1, demands/1, json/3]).

-define(WIDTH, 64).

-spec table([bench:row()]) -> ok.
table(Rows) ->
    io:format("~n~ts~ts~ts~ts~n", [left(""), right("median"), right("p10"), right("p90")]),
    lists:foreach(fun(#{name := Name, unit := Unit, stats := Stats}) ->
                          #{median := Median, p10 := P10, p90 := P90} = Stats,
                          io:format("~ts~ts~ts~ts~n",
                                    [left(Name)
                                     | [right(value(Unit, V)) || V <- [Median, P10, P90]]])
                  end, Rows).

-spec demands([bench:demand()]) -> ok.
demands([]) ->
    ok;
demands(Demands) ->
    io:format("~n~ts~ts~ts~ts~ts~n", [left("what is to be reached"), right("at most"),
                                      right("measured"), right("p10"), right("p90")]),
    lists:foreach(fun(#{text := Text, most := Most, measured := Stats, reached := Reached}) ->
                          #{median := Median, p10 := P10, p90 := P90} = Stats,
                          io:format("~ts~ts~ts~ts~ts  ~s~n",
                                    [left(Text) | [right(value(ratio, V))
                                                   || V <- [Most, Median, P10, P90]]]
                                    ++ [verdict(Reached)])
                  end, Demands).

verdict(true) -> "reached";
verdict(false) -> "NOT reached".

left(Text) -> string:pad(unicode:characters_to_list(Text), ?WIDTH).
right(Text) -> string:pad(unicode:characters_to_list(Text), 12, leading).

value(count, Count) -> integer_to_list(round(Count));
value(ratio, Ratio) -> io_lib:format("~.3f", [float(Ratio)]);
value(ns, Ns) when Ns < 1_000 -> io_lib:format("~.1f ns", [float(Ns)]);
value(ns, Ns) when Ns < 1_000_000 -> io_lib:format("~.2f µs", [Ns / 1_000]);
value(ns, Ns) -> io_lib:format("~.2f ms", [Ns / 1_000_000]).

-spec json(file:filename(), [bench:row()], [bench:demand()]) -> ok | {error, file:posix()}.
json(File, Rows, Demands) ->
    Time = calendar:system_time_to_rfc3339(erlang:system_time(second)),
    Machine = #{otp => list_to_binary(erlang:system_info(otp_release)),
                schedulers => erlang:system_info(schedulers_online),
                system => list_to_binary(erlang:system_info(system_architecture)),
                time => list_to_binary(Time)},
    Report = #{machine => Machine, rows => [text(name, Row) || Row <- Rows],
               demands => [text(text, Demand) || Demand <- Demands]},
    file:write_file(File, [encode(Report), "\n"]).

text(Key, Map) ->
    Map#{Key := string:trim(unicode:characters_to_binary(maps:get(Key, Map)))}.

%% What a report has in it: maps with atoms as keys, lists, numbers, plain text.
encode(Map) when is_map(Map) ->
    Pairs = [[encode(Key), ":", encode(Value)] || {Key, Value} <- lists:sort(maps:to_list(Map))],
    ["{", lists:join(",", Pairs), "}"];
encode(List) when is_list(List) ->
    ["[", lists:join(",\n", [encode(Element) || Element <- List]), "]"];
encode(Boolean) when is_boolean(Boolean) -> atom_to_binary(Boolean);
encode(Atom) when is_atom(Atom) -> encode(atom_to_binary(Atom));
encode(Integer) when is_integer(Integer) -> integer_to_binary(Integer);
encode(Float) when is_float(Float) -> float_to_binary(Float, [short]);
encode(Text) when is_binary(Text) ->
    ["\"", [escaped(Char) || <<Char/utf8>> <= Text], "\""].

escaped($") -> "\\\"";
escaped($\\) -> "\\\\";
escaped(Char) -> <<Char/utf8>>.
