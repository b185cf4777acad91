%% @doc Templates: an interpreter is prepared once, and others begin as copies of its memory.
%%
%% Two are prepared in the same way and compared by the driver (driver/ruby_image.h): what comes out alike twice can be
%% copied. Where it does not, or can't (a transport other than `driver'), the template is a memory of the options alone, and
%% each interpreter is prepared anew.
%%
%% Pure functions: what there is to a template is the port of one of the two, which has the image. The process that made the
%% template owns it.
%% @private
-module(rubeam_template).

-export([make/1, is_template/1, options/1, image/1, info/1, close/1]).

-export_type([template/0]).

-type template() :: {rubeam_template, Source :: port() | none, Image :: pos_integer() | {none, Why :: binary()},
                     Options :: map()}.

%% A prelude may come out otherwise once, where it was interrupted in another place.
-define(ATTEMPTS, 3).

%% @doc A template of checked options.
-spec make(Options :: map()) -> {ok, template()} | {error, rubeam:open_error()}.
make(Options) ->
    %% What becomes of the preparing is nobody's affair.
    case rubeam_options:port(maps:without([on_event], Options)) of
        {ok, #{transport := driver, command := Command} = Opening} ->
            prepared(Opening#{command := "specimen=on " ++ Command}, Options, ?ATTEMPTS);
        {ok, Opening} -> tried(Opening, Options);
        {error, Reason} -> {error, Reason}
    end.

%% At least it is known that it works.
tried(Opening, Options) ->
    case rubeam_source:open(Opening, undefined) of
        {ok, Ruby} ->
            rubeam_transport:discard(Ruby),
            {ok, {rubeam_template, none, {none, <<"only interpreters in the VM are copied">>}, Options}};
        {error, Reason} ->
            {error, Reason}
    end.

prepared(Opening, Options, Attempts) ->
    case rubeam_source:open(Opening, undefined) of
        {ok, One} ->
            Result = case rubeam_source:open(Opening, undefined) of
                         {ok, Other} -> compared(One, Other, Options);
                         {error, Reason} -> {error, Reason}
                     end,
            rubeam_transport:discard(One),
            case Result of
                {refused, _Why} when Attempts > 1 -> prepared(Opening, Options, Attempts - 1);
                {refused, Why} -> {ok, {rubeam_template, none, {none, Why}, Options}};
                _ -> Result
            end;
        {error, Reason} ->
            {error, Reason}
    end.

compared(One, Other, Options) ->
    case frozen(One, Other) of
        {ok, Image} ->
            rubeam_transport:flush(Other),
            {ok, {rubeam_template, Other, Image, Options}};
        {error, Why} ->
            rubeam_transport:discard(Other),
            case Why of
                closed -> {error, not_started}; % the driver went just now
                _ -> {refused, Why}
            end
    end.

frozen(One, Other) ->
    case rubeam_driver:freeze(One, 0) of
        {ok, Frozen} -> rubeam_driver:freeze(Other, Frozen);
        {error, Why} -> {error, Why}
    end.

-spec is_template(term()) -> boolean().
is_template({rubeam_template, Source, Image, Options}) ->
    (is_port(Source) orelse Source =:= none) andalso (is_integer(Image) orelse is_tuple(Image)) andalso is_map(Options);
is_template(_) ->
    false.

%% @doc What it was made with.
-spec options(template()) -> map().
options({rubeam_template, _Source, _Image, Options}) -> Options.

%% @doc The number by which the driver knows its image.
-spec image(template()) -> {ok, pos_integer()} | none.
image({rubeam_template, _Source, Image, _Options}) when is_integer(Image) -> {ok, Image};
image(_) -> none.

%% @doc Whether it is copied, and if not, why.
-spec info(template()) -> #{copied := boolean(), why => binary()}.
info({rubeam_template, _Source, {none, Why}, _Options}) -> #{copied => false, why => Why};
info({rubeam_template, Source, _Image, _Options}) ->
    case rubeam_transport:is_open(Source) of
        true -> #{copied => true};
        false -> #{copied => false, why => <<"it was closed">>}
    end.

%% @doc Closes it. Interpreters that were opened with it are not concerned.
-spec close(template()) -> ok.
close({rubeam_template, none, _Image, _Options}) -> ok;
close({rubeam_template, Source, _Image, _Options}) -> rubeam_transport:close(Source).
