%% Are the pages right: README.md and docs/*.md?
%%
%% A block of a page that is marked ```erlang can be pasted into a shell, and is run here: the
%% expressions of a page in their order, by one process, with the bindings of the ones before. A
%% comment behind an expression that begins with an arrow says what its value is:
%%
%%     rubeam:eval(Ruby, <<"1 + 2">>).
%%     % => {ok,3}
%%
%% (further lines of it are comments that are indented by four). What a shell prints of a port, a
%% pid, a reference or a fun stands for any, and so does `...'. An expression without a comment must
%% not raise. Blocks marked ```elixir are run in the same manner by test/elixir/docs_test.exs; what
%% cannot be run has another mark.
-module(docs_SUITE).

-include_lib("stdlib/include/assert.hrl").

-compile(export_all).
-compile(nowarn_export_all).

all() ->
    [every_block_says_what_it_is,
     the_examples_give_what_they_say,
     an_example_can_be_wrong,
     the_tables_have_the_defaults_of_the_code,
     links_lead_somewhere,
     nothing_is_left_behind].

init_per_suite(Config) -> rubeam_ct:start(Config).
end_per_suite(Config) -> rubeam_ct:stop(Config).
nothing_is_left_behind(Config) -> rubeam_ct:nothing_is_left(Config).

every_block_says_what_it_is(_Config) ->
    Known = ["erlang", "elixir", "text", "sh", "c", "ruby"],
    ?assertEqual([], [{Page, Line, Mark} || Page <- pages(), {Mark, Line, _} <- blocks(Page),
                                            not lists:member(Mark, Known)]).

the_examples_give_what_they_say(_Config) ->
    Pages = [{Page, Examples} || Page <- pages(), [_ | _] = Examples <- [examples(Page)]],
    ?assertMatch([_, _ | _], Pages),
    ?assertEqual([], [{filename:basename(Page), Wrong}
                      || {Page, Examples} <- Pages, Wrong <- run(Examples)]).

%% The reader of examples, tried itself.
an_example_can_be_wrong(_Config) ->
    Run = fun(Text) -> [Line || {Line, _, _} <- run(parse(Text, 1))] end,
    ?assertEqual([], Run("A = 1.\n% => 1\n% a remark\nA + 1. % => 2\n{self(), A}.\n% => {<0.1.2>,1}")),
    ?assertEqual([], Run("[1,\n 2].\n% => [1,\n%     2]")),
    ?assertEqual([1], Run("1 + 1.\n% => 3")),
    ?assertEqual([2], Run("A = 1.\nA = 2.")),
    ?assertEqual([1], Run("#{a => 1}.\n% => #{a => 1,b => 2}")),
    ?assertError(_, Run("1 + 1")),
    ?assertError(_, Run("1 + 1.\n% => {")).

%% In the tables with the heading `option | default': limits, which are numbers.
the_tables_have_the_defaults_of_the_code(_Config) ->
    Others = [transport, pool, output, prelude, files, load_path, functions, on_event],
    Defaults = maps:without(Others, rubeam_options:defaults()),
    [begin
         Rows = rows(page(Name)),
         ?assertEqual({Name, []}, {Name, maps:keys(Defaults) -- [Key || {Key, _} <- Rows]}),
         [?assertEqual({Name, Key, maps:get(Key, Defaults)}, {Name, Key, Value})
          || {Key, Value} <- Rows, is_map_key(Key, Defaults)]
     end || Name <- ["README.md", "docs/limits.md"]].

%% To files of the tree, and to headings of pages.
links_lead_somewhere(_Config) ->
    ?assertEqual([], [{filename:basename(Page), Link} || Page <- pages(), Link <- links(Page),
                                                        not leads_somewhere(Page, Link)]).

%% --- Pages ---

pages() ->
    [page("README.md") | lists:sort(filelib:wildcard(filename:join(root(), "docs/*.md")))].

page(Name) -> filename:join(root(), Name).

%% Above the code, wherever that was built.
root() -> root(filename:dirname(code:which(rubeam))).

root("/") -> ct:fail(no_readme);
root(Directory) ->
    case filelib:is_regular(filename:join(Directory, "README.md")) of
        true -> Directory;
        false -> root(filename:dirname(Directory))
    end.

text(Page) ->
    {ok, Bytes} = file:read_file(Page),
    unicode:characters_to_list(Bytes).

lines(Page) -> string:split(text(Page), "\n", all).

%% {Mark, Number of the first line, Text}
blocks(Page) -> blocks(lines(Page), 1).

blocks([], _Line) -> [];
blocks(["```" ++ Mark | Lines], Line) ->
    {Inside, ["```" ++ _ | Rest]} = lists:splitwith(fun(L) -> not lists:prefix("```", L) end, Lines),
    [{Mark, Line + 1, lists:flatten(lists:join("\n", Inside))}
     | blocks(Rest, Line + length(Inside) + 2)];
blocks([_ | Lines], Line) -> blocks(Lines, Line + 1).

%% --- Examples: {Line, Expressions, {is, Term} | any} ---

examples(Page) ->
    [Example || {"erlang", Line, Text} <- blocks(Page), Example <- parse(Text, Line)].

parse(Text, Line) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "\n", Line, [return_comments]),
    split(Tokens).

split(Tokens) ->
    case lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens) of
        {Remarks, []} ->
            [] = without_comments(Remarks);
        {Body, [Dot | Rest]} ->
            [First | _] = Form = without_comments(Body) ++ [Dot],
            {ok, Expressions} = erl_parse:parse_exprs(Form),
            {Comments, _} = lists:splitwith(fun(Token) -> element(1, Token) =:= comment end, Rest),
            [{erl_scan:line(First), Expressions, expected([C || {comment, _, C} <- Comments])}
             | split(Rest)]
    end.

without_comments(Tokens) -> [Token || Token <- Tokens, element(1, Token) =/= comment].

expected(["% => " ++ Text | More]) ->
    Further = lists:takewhile(fun(Line) -> lists:prefix("%    ", Line) end, More),
    {is, term(lists:flatten([Text | [tl(Line) || Line <- Further]]))};
expected(_) ->
    any.

%% What a shell prints, as a term in which '...' stands for anything.
term(Text) ->
    Any = "(#(Port|Ref|Fun)<[^>]*>|<[0-9]+\\.[0-9]+\\.[0-9]+>|\\.\\.\\.)",
    Readable = re:replace(Text, Any, "'...'", [global, unicode, {return, list}]),
    {ok, Tokens, _} = erl_scan:string(Readable ++ "."),
    {ok, [Expression]} = erl_parse:parse_exprs(Tokens),
    {value, Term, _} = erl_eval:expr(Expression, []),
    Term.

same('...', _) -> true;
same([A | As], [B | Bs]) -> same(A, B) andalso same(As, Bs);
same(A, B) when is_tuple(A), is_tuple(B) -> same(tuple_to_list(A), tuple_to_list(B));
same(A, B) when is_map(A), is_map(B) ->
    maps:keys(A) =:= maps:keys(B) andalso same(maps:values(A), maps:values(B));
same(A, B) -> A =:= B.

%% Runs them in a process of their own, as a shell would. What is wrong: {Line, Expected, Got}
run(Examples) ->
    Test = self(),
    Pid = spawn_link(fun() -> Test ! {self(), run(Examples, erl_eval:new_bindings())} end),
    receive {Pid, Wrong} -> Wrong after 60000 -> [{0, an_end, it_hangs}] end.

run([], _Bindings) -> [];
run([{Line, Expressions, Expected} | Examples], Bindings) ->
    try erl_eval:exprs(Expressions, Bindings) of
        {value, Value, After} ->
            case Expected =:= any orelse same(element(2, Expected), Value) of
                true -> run(Examples, After);
                false -> [{Line, Expected, Value} | run(Examples, After)]
            end
    catch
        Class:Reason -> [{Line, Expected, {Class, Reason}}] % the ones after it need what it binds
    end.

%% --- Tables and links ---

%% {Key, Default} of each row
rows(Page) ->
    {_, Table} = lists:splitwith(fun(L) -> not lists:prefix("| option | default |", L) end, lines(Page)),
    [{list_to_atom(Key), value(Value)}
     || Line <- lists:takewhile(fun(L) -> L =/= "" end, Table),
        {match, [Key, Value]} <- [re:run(Line, "^\\| `([a-z_]+)` +\\| ([^|]*?) *\\|",
                                         [{capture, all_but_first, list}, unicode])]].

%% "67108864 (64 MB)", "10,000", "infinity"
value(Text) ->
    [Word | _] = string:lexemes(Text, " "),
    case string:to_integer(lists:append(string:replace(Word, ",", "", all))) of
        {Number, []} -> Number;
        _ -> list_to_atom(Word)
    end.

links(Page) ->
    case re:run(text(Page), "\\]\\(([^)\\s]+)\\)", [global, {capture, all_but_first, list}, unicode]) of
        {match, Links} -> [Link || [Link] <- Links, not lists:prefix("https://", Link)];
        nomatch -> []
    end.

leads_somewhere(Page, Link) ->
    [Name | Heading] = string:split(Link, "#"),
    File = case Name of
               "" -> Page;
               _ -> filename:join(filename:dirname(Page), Name)
           end,
    filelib:is_file(File) andalso (Heading =:= [] orelse lists:member(hd(Heading), headings(File))).

headings(File) ->
    [anchor(Line) || "#" ++ Line <- lines(File)].

%% As the usual viewers make one of a heading.
anchor(Line) ->
    Text = string:lowercase(string:trim(string:trim(Line, leading, "#"))),
    Kept = re:replace(Text, "[^\\w\\- ]", "", [global, unicode, {return, list}]),
    lists:append(string:replace(Kept, " ", "-", all)).
