%% @doc Ruby inside the BEAM: the public interface.
%%
%% An interpreter is a port. It runs one request at a time, in the order in which they came,
%% and keeps its state from one to the next; interpreters run in parallel and share nothing.
%%
%% ```
%% {ok, _} = application:ensure_all_started(rubeam).
%% {ok, Ruby} = rubeam:open().
%% {ok, 1} = rubeam:eval(Ruby, <<"a = 1">>).
%% {ok, 3} = rubeam:eval(Ruby, <<"a + 2">>).
%% {ok, _} = rubeam:eval(Ruby, <<"def add(x, y) = x + y">>).
%% {ok, 3000} = rubeam:call(Ruby, add, [1000, 2000]).
%% '''
%%
%% <b>References.</b> `Ruby' is such a port, or the name it was opened with, or a
%% {@link rubeam_server}: its pid or any of its names, of this node or another. Any process may
%% use it. On the node of the interpreter, the calling process talks to the port itself; there
%% is no process in between.
%%
%% <b>Results.</b> A request has the result `{ok, Value}', where Value is the Ruby value as an
%% Erlang term (docs/terms.md), or `{error, Reason}':
%% <dl>
%%   <dt>`#{class, message, backtrace}'</dt><dd>a Ruby exception, all of it binaries; syntax errors
%%       too, with file and line in the message</dd>
%%   <dt>`timeout'</dt><dd>it took longer than its option `timeout', and was stopped</dd>
%%   <dt>`interrupted'</dt><dd>{@link interrupt/1} stopped it</dd>
%%   <dt>`memory_limit'</dt><dd>it needed more memory than the option of that name allows</dd>
%%   <dt>`busy'</dt><dd>as many requests as the option `queue_limit' says wait already</dd>
%%   <dt>`closed'</dt><dd>there is no interpreter behind the reference, or it ended before the
%%       request did</dd>
%%   <dt>`{bad_request, Why}'</dt><dd>the request is nothing that can be carried out: a term that
%%       has no form in Ruby, code that is too long</dd>
%%   <dt>`stack_overflow', `aborted'</dt><dd>mruby itself failed, by a recursion in its C code that
%%       nothing bounds or by giving up</dd>
%%   <dt>`{program, How}'</dt><dd>the program in which the interpreter lives has ended, or was ended, for no
%%       reason of its own: see {@link program_end()}</dd>
%% </dl>
%% None leaves a message behind, now or later: it is the interpreter that stops a request which
%% takes too long. After most of them it can be used as before; when it had to be ended, as after
%% the last two or with a script that cannot be stopped, the next request finds it `closed'.
%% {@link format_error/1} puts them into words.
%%
%% A wrong argument (a reference of no known form, code that is no iodata, an unknown option of
%% a request) is a mistake of the caller's own making, and raises `badarg'.
%%
%% <b>Messages.</b> The process that opened a port owns it, is linked to it, and gets what the
%% interpreter has to say besides results:
%% <dl>
%%   <dt>`{Port, {data, Frame}}'</dt><dd>where {@link decode/1} makes of Frame
%%     <ul>
%%       <li>`{output, stdout | stderr, Bytes}': Ruby printed something</li>
%%       <li>`{response, Value}': Ruby called `send_response(value)'</li>
%%       <li>`{exit, Reason}': the interpreter has ended by itself, and the port closes: `exit(N)'
%%           in Ruby gives `N', an uncaught exception in a {@link cast/2} `{error, Error}',
%%           a script that would not stop `killed'</li>
%%     </ul></dd>
%%   <dt>``{'EXIT', Port, Reason}''</dt><dd>if it traps exits: the port has closed. The reason is
%%     `normal', which does nothing to an owner that does not trap exits.</dd>
%% </dl>
%% An owner that does not want to deal with these is what {@link rubeam_server} is for. When the
%% owner ends, so does its interpreter.
-module(rubeam).

-include("rubeam.hrl").

%% An interpreter of this node: rubeam_transport:ruby().
-define(IS_HERE(Ruby), (is_port(Ruby) orelse is_pid(Ruby))).

-export([open/0, open/1, close/1, template/1, template_info/1]).
-export([eval/2, eval/3, call/3, call/4, cast/2, send/2, return/3]).
-export([compile/1, compile/2, load/2, load/3, load_file/2]).
-export([send_request/2, receive_response/2, wait_response/2, check_response/2]).
-export([interrupt/1, info/0, info/1, globals/1, gc/1, decode/1, format_error/1]).
-export([shell/0, shell/1]).

-export_type([ruby/0, template/0, transport/0, rlimits/0, code/0, bytecode/0, target/0, method/0, options/0, server_options/0,
              pool_options/0, request_options/0, functions/0, event_handler/0, request/0,
              request_id/0, result/0, reason/0, exception/0, program_end/0, open_error/0, file_error/0, info/0,
              frame/0]).

-type ruby() :: port() | pid() | Name :: atom() | {Name :: atom(), node()}
              | {global, Name :: term()} | {via, module(), Name :: term()}.
%% An interpreter: what {@link open/1} gave (a port, or with the transports `port' and `cruby' a process), the name it
%% was opened with, or a `rubeam_server'.

-type code() :: iodata().
%% Ruby source, in UTF-8. A list holds bytes: for one with other characters use
%% `unicode:characters_to_binary/1'.

-type bytecode() :: binary().
%% What {@link compile/2} makes, for this build of Rubeam.

-type target() :: method() | {Constant :: method(), method()}.
%% A method of the main object, or of a class or module: `add', `{<<"Math">>, sqrt}'.

-type method() :: atom() | binary().
%% The name of a method or constant.

-opaque template() :: rubeam_template:template().
%% What {@link template/1} has made.

-type options() ::
        #{template => template(),
          transport => transport(),
          memory_limit => pos_integer(),
          timeout => pos_integer() | infinity,
          queue_limit => non_neg_integer(),
          max_frame => pos_integer(),
          max_source => pos_integer(),
          max_depth => pos_integer(),
          max_atoms => non_neg_integer(),
          pool => auto | async | threads,
          slice => 50..100000,
          grace => pos_integer(),
          load_path => [unicode:chardata()],
          files => [unicode:chardata()],
          prelude => code(),
          functions => functions(),
          on_event => event_handler() | undefined,
          rlimit => rlimits(),
          start_timeout => pos_integer(),
          ruby => file:name_all(),
          args => [unicode:chardata()],
          env => [{Name :: string(), Value :: string() | false}],
          cd => file:name_all(),
          name => atom()}.
%% Options of an interpreter, with their defaults:
%% <dl>
%%   <dt>`template'</dt><dd>what {@link template/1} has prepared: its options are there as if they were given, but for those
%%     that are given here; `prelude' and `files' are run after its own. Not together with `transport', `load_path'
%%     and what is of programs only: these are the template's. None</dd>
%%   <dt>`transport'</dt><dd>where it lives: `driver' in the VM, `port' in a program of its own, `cruby' in a
%%     program that the Ruby of this machine runs; see docs/transports.md. `driver'</dd>
%%   <dt>`memory_limit'</dt><dd>bytes, from 1 MB to 4 GB. 67108864 (64 MB); with `cruby' none</dd>
%%   <dt>`timeout'</dt><dd>milliseconds for each request that names none. `infinity'</dd>
%%   <dt>`queue_limit'</dt><dd>how many requests may wait. 10000</dd>
%%   <dt>`max_frame'</dt><dd>bytes of one frame, in and out. 67108864 (64 MB)</dd>
%%   <dt>`max_source'</dt><dd>bytes of code in one request. 4194304 (4 MB)</dd>
%%   <dt>`max_depth'</dt><dd>levels of a term, in and out. 256</dd>
%%   <dt>`max_atoms'</dt><dd>how many new atoms may come from Ruby, counted for the node. 10000</dd>
%%   <dt>`pool'</dt><dd>where requests go on that are not done at once: `threads' of the driver's
%%     own, or the `async' threads of the VM. `auto': async if the VM has at least as many of
%%     these as schedulers. The environment variable RUBEAM_POOL names another default.</dd>
%%   <dt>`slice'</dt><dd>microseconds that a request runs without giving way, while others wait.
%%     1000</dd>
%%   <dt>`grace'</dt><dd>how many slices a stopped script has for its `rescue' and `ensure' before
%%     the interpreter is killed. 50</dd>
%%   <dt>`load_path'</dt><dd>directories, by absolute paths, of which Ruby's `require',
%%     `require_relative' and `load' find files, and no others. At most 256. None</dd>
%%   <dt>`prelude'</dt><dd>code that the interpreter runs at its opening. None</dd>
%%   <dt>`files'</dt><dd>Ruby files that it runs then, one after the other. None</dd>
%%   <dt>`functions'</dt><dd>Erlang functions that Ruby calls with `Erlang.call(name, *args)'; see
%%     docs/erlang.md. None</dd>
%%   <dt>`on_event'</dt><dd>a function that is told of the end of each request and of the interpreter; see
%%     docs/events.md. None</dd>
%%   <dt>`name'</dt><dd>registers the interpreter under that name. None</dd>
%%   <dt>`rlimit'</dt><dd>(port and cruby only) limits that the operating system keeps for the program</dd>
%%   <dt>`start_timeout'</dt><dd>(port and cruby only) milliseconds until the program must answer. 10000</dd>
%%   <dt>`ruby', `args', `env', `cd'</dt><dd>(cruby only) the Ruby program, its arguments (as `-rbundler/setup'),
%%     changes of its environment as in `open_port/2', and its directory. `ruby', none, none, that of the VM</dd>
%% </dl>

-type transport() :: driver | port | cruby.
%% Where an interpreter lives.

-type rlimits() :: #{address_space => pos_integer(), cpu => pos_integer(), open_files => pos_integer(),
                     file_size => non_neg_integer()}.
%% What setrlimit(2) takes: bytes, seconds, a number of file descriptors, bytes.

-type event_handler() :: fun((EventName :: [atom(), ...], Measurements :: map(), Metadata :: map()) -> term()).
%% As the functions of the library telemetry: `fun telemetry:execute/3' is one.

-type server_options() ::
        #{template => template(),
          transport => transport(),
          memory_limit => pos_integer(),
          timeout => pos_integer() | infinity,
          queue_limit => non_neg_integer(),
          max_frame => pos_integer(),
          max_source => pos_integer(),
          max_depth => pos_integer(),
          max_atoms => non_neg_integer(),
          pool => auto | async | threads,
          slice => 50..100000,
          grace => pos_integer(),
          load_path => [unicode:chardata()],
          files => [unicode:chardata()],
          prelude => code(),
          functions => functions(),
          on_event => event_handler() | undefined,
          rlimit => rlimits(),
          start_timeout => pos_integer(),
          ruby => file:name_all(),
          args => [unicode:chardata()],
          env => [{Name :: string(), Value :: string() | false}],
          cd => file:name_all(),
          name => rubeam_server:name(),
          output => group_leader | discard | {send, pid()}
                  | fun((stdout | stderr | response, term()) -> term())}.
%% Options of a server: those of an interpreter, and
%% <dl>
%%   <dt>`name'</dt><dd>what the server is registered as. None</dd>
%%   <dt>`output'</dt><dd>what becomes of Ruby's output, see {@link rubeam_server}.
%%     `group_leader'</dd>
%% </dl>

-type pool_options() ::
        #{template => template(),
          transport => transport(),
          memory_limit => pos_integer(),
          timeout => pos_integer() | infinity,
          queue_limit => non_neg_integer(),
          max_frame => pos_integer(),
          max_source => pos_integer(),
          max_depth => pos_integer(),
          max_atoms => non_neg_integer(),
          pool => auto | async | threads,
          slice => 50..100000,
          grace => pos_integer(),
          load_path => [unicode:chardata()],
          files => [unicode:chardata()],
          prelude => code(),
          functions => functions(),
          on_event => event_handler() | undefined,
          rlimit => rlimits(),
          start_timeout => pos_integer(),
          ruby => file:name_all(),
          args => [unicode:chardata()],
          env => [{Name :: string(), Value :: string() | false}],
          cd => file:name_all(),
          output => group_leader | discard | {send, pid()}
                  | fun((stdout | stderr | response, term()) -> term()),
          name => rubeam_server:name(),
          size => 1..1024,
          max_waiting => non_neg_integer(),
          group => term()}.
%% Options of a pool: those of a server, for each of its interpreters, and
%% <dl>
%%   <dt>`name'</dt><dd>what the pool is registered as. None</dd>
%%   <dt>`size'</dt><dd>how many interpreters it has. As many as schedulers are online</dd>
%%   <dt>`max_waiting'</dt><dd>how many requests and borrowers may wait, in all. 10000</dd>
%%   <dt>`group'</dt><dd>a group of pools, on any nodes, which it joins; see {@link rubeam_pool}.
%%     None</dd>
%% </dl>

-type request_options() ::
        #{timeout => pos_integer() | infinity,
          bindings => #{Name :: atom() | binary() => Value :: term()},
          value => boolean(),
          functions => functions(),
          file => unicode:chardata(),
          line => 1..60000}.
%% Options of a request:
%% <dl>
%%   <dt>`timeout'</dt><dd>milliseconds, its time in the queue included. That of the
%%     interpreter</dd>
%%   <dt>`bindings'</dt><dd>(eval only) local variables that get these values before the code
%%     runs, as if it began by assigning them. At most 239 names. None</dd>
%%   <dt>`value'</dt><dd>(eval only) `false': the result is `{ok, nil}' whatever the value, which
%%     then need not have a form in Erlang. `true'</dd>
%%   <dt>`functions'</dt><dd>(not for compile) Erlang functions that Ruby can call during this request,
%%     besides those of the interpreter and before them. None</dd>
%%   <dt>`file', `line'</dt><dd>(eval and compile only) where the code stands, for messages and
%%     backtraces. `(eval)', 1</dd>
%% </dl>

-type functions() :: #{Name :: atom() | binary() => fun()}.
%% Functions that Ruby can call by these names. What one returns is the value of the call, as Ruby
%% sees it (docs/terms.md); what it raises is the exception `Erlang::CallError'.

-type request() ::
        {eval, code()} | {eval, code(), request_options()}
      | {call, target(), Args :: [term()]} | {call, target(), Args :: [term()], request_options()}
      | {load, bytecode()} | {load, bytecode(), request_options()}.
%% A request for {@link send_request/2}: the name and the arguments of the function that waits.

-opaque request_id() ::
          {local, port() | pid(), reference(), rubeam_function:functions()}
        | {remote, Server :: pid() | {atom(), node()}, reference(), gen_server:request_id()}
        | {closed, reference()}.
%% A request under way, of the process that made it.

-type result() :: {ok, Value :: term()} | {error, reason()}.

-type reason() :: exception() | timeout | interrupted | memory_limit | busy | closed
                | {bad_request, Why :: binary()} | stack_overflow | aborted | killed
                | {program, program_end()}.
%% Why a request has no value: see the top of this page.

-type program_end() :: {status, integer()} | {signal, pos_integer()} | {bad_frame, Why :: binary()}
                     | unresponsive | closed.
%% How a program has ended (transports `port' and `cruby'): with a status that is none of Rubeam's own, by a signal;
%% or it was ended, since it wrote what is no frame, or did not answer what it has to answer at once, or closed its
%% output. It is `closed' as well when it was gone as something was written to it: how it has ended is not known then.

-type exception() :: #{class := binary(), message := binary(), backtrace := [binary()]}.
%% A Ruby exception.

-type open_error() ::
        {bad_option, Key :: term() | {Key :: term(), Value :: term()}}
      | not_started
      | driver_mismatch
      | {already_registered, Name :: atom()}
      | {prelude, reason()}
      | {file, Path :: binary(), reason()} | file_error()
      | {program_not_found, Path :: binary()} | {program, program_end()}
      | {template, closed}
      | system_limit | enomem | atom().
%% Why there is no interpreter; see {@link open/1}.

-type file_error() ::
        {file, Path :: binary(), file:posix() | badarg | terminated | system_limit}.
%% A file that cannot be read, and why not.

-type info() :: #{atom() => term()}.
%% The figures of an interpreter; docs/limits.md says what each is.

-type frame() :: rubeam_transport:frame().
%% A frame from Ruby, decoded.

-import(rubeam_request, [code/1, target/1, arguments/1, bytecode/1, request_options/2, checked/1,
                         eval_request/2, call_request/3]).

%% @doc Opens an interpreter with the default options.
%% @see open/1
-spec open() -> {ok, port() | pid()} | {error, open_error()}.
open() ->
    open(#{}).

%% @doc Opens an interpreter that the calling process owns.
%%
%% Errors:
%% <dl>
%%   <dt>`{bad_option, Key}'</dt><dd>there is no such option</dd>
%%   <dt>`{bad_option, {Key, Value}}'</dt><dd>the option does not take this value</dd>
%%   <dt>`not_started'</dt><dd>the driver is not loaded: the application rubeam must run</dd>
%%   <dt>`driver_mismatch'</dt><dd>the loaded driver belongs to another version of rubeam</dd>
%%   <dt>`{already_registered, Name}'</dt><dd>the name is taken</dd>
%%   <dt>`{prelude, Reason}', `{file, Path, Reason}'</dt><dd>that code failed, for a reason of
%%     {@link eval/3}, or the file could not be read, for one of `file:read_file/1'; the interpreter
%%     is closed again</dd>
%%   <dt>`{program_not_found, Path}', `{program, How}'</dt><dd>the program of the transport is not there, or it has
%%     ended, or does not answer as one of Rubeam's</dd>
%%   <dt>`{template, closed}'</dt><dd>the template was closed</dd>
%%   <dt>`system_limit', `enomem', …</dt><dd>the VM has no more ports, the system no more
%%     memory</dd>
%% </dl>
-spec open(Options) -> {ok, port() | pid()} | {error, open_error()} when
      Options :: options().
open(Options) when is_map(Options) ->
    case rubeam_options:port(Options) of
        {ok, Opening} -> rubeam_source:open(Opening, maps:get(name, Options, undefined));
        {error, Reason} -> {error, Reason}
    end;
open(Options) ->
    ?BADARG([Options], [{bad, "not a map"}]).

%% @doc Prepares an interpreter once, for others to be opened as copies of it: `open(#{template => Template})'.
%%
%% Options are those of {@link open/1}, without `name' and `template'; errors are its errors. The prelude and the files are
%% run in two interpreters, and these are compared: whatever does not come out alike twice, as a random number or the time,
%% can't be copied. Then, and with transports other than `driver', the template works all the same, and runs the
%% prelude for each interpreter; {@link template_info/1} tells. What the two print is dropped.
%%
%% A template belongs to the process that has made it, and is closed with it, or by {@link close/1}. Interpreters that were
%% opened with it live on.
-spec template(Options) -> {ok, template()} | {error, open_error()} when
      Options :: options().
template(#{name := _}) -> {error, {bad_option, name}};
template(#{template := _}) -> {error, {bad_option, template}};
template(Options) when is_map(Options) -> rubeam_template:make(Options);
template(Options) -> ?BADARG([Options], [{bad, "not a map"}]).

%% @doc Is the template copied? If not, `why' says it in words.
-spec template_info(template()) -> #{copied := boolean(), why => binary()}.
template_info(Template) ->
    case rubeam_template:is_template(Template) of
        true -> rubeam_template:info(Template);
        false -> ?BADARG([Template], [{bad, "not a template"}])
    end.

%% @doc Closes the interpreter. A server is stopped, with the reason `normal'.
%%
%% Any process may do this. What still ran or waited is answered with `{error, closed}'. One that
%% is closed already is fine. After the call its owner gets no message from the port any more,
%% not even an `EXIT'; those that came before are in its mailbox.
-spec close(Ruby) -> ok when
      Ruby :: ruby() | template().
close({rubeam_template, _, _, _} = Template) ->
    case rubeam_template:is_template(Template) of
        true -> rubeam_template:close(Template);
        false -> ?BADARG([Template], [{bad, "not a template"}])
    end;
close(Ruby) ->
    case reference(Ruby) of
        {ok, {remote, Server}} ->
            rubeam_server:stop(Server);
        {ok, closed} ->
            ok;
        {ok, Here} ->
            case rubeam_registry:server(Here) of
                {ok, Server} -> rubeam_server:stop(Server);
                none -> rubeam_transport:close(Here)
            end;
        Bad ->
            ?BADARG([Ruby], [Bad])
    end.

%% @doc Evaluates code, with the default options of a request.
%% @see eval/3
-spec eval(Ruby, Code) -> result() when
      Ruby :: ruby(),
      Code :: code().
eval(Port, Code) when is_port(Port), is_binary(Code) ->
    rubeam_transport:request(Port, {eval, [], Code});
eval(Ruby, Code) ->
    eval(Ruby, Code, #{}).

%% @doc Evaluates code; the result is the value of its last expression.
%%
%% Local variables, methods, constants and all else that the code makes is there for the next
%% request.
-spec eval(Ruby, Code, Options) -> result() when
      Ruby :: ruby(),
      Code :: code(),
      Options :: request_options().
eval(Ruby, Code, Options) ->
    case {reference(Ruby), code(Code), request_options(eval, Options)} of
        {{ok, Where}, {ok, Binary}, {ok, Opts, Functions}} ->
            request(Where, eval_request(Binary, Opts), Functions);
        {R, C, O} ->
            ?BADARG([Ruby, Code, Options], [R, C, O])
    end.

%% @doc Compiles code, with the default options.
%% @see compile/2
-spec compile(Code) -> {ok, bytecode()} | {error, reason() | open_error()} when
      Code :: code().
compile(Code) ->
    compile(Code, #{}).

%% @doc Compiles code to bytecode, for {@link load/2}; nothing of it is run.
%%
%% It is a program of its own, with local variables of its own. Messages and backtraces have the
%% option `file', and lines from the option `line' on. `transport => cruby' makes it the bytecode of this machine's
%% Ruby, for interpreters of that transport. The option `timeout' is the only other one.
%% Works while the application runs. Errors: those of {@link eval/3}, a syntax error above all,
%% and of {@link open/1}.
-spec compile(Code, Options) -> {ok, bytecode()} | {error, reason() | open_error()} when
      Code :: code(),
      Options :: #{transport => transport(),
                   timeout => pos_integer() | infinity,
                   file => unicode:chardata(),
                   line => 1..60000}.
compile(Code, Options) ->
    case {code(Code), request_options(compile, Options)} of
        {{ok, Binary}, {ok, Opts, _None}} -> rubeam_source:compile(Binary, Opts);
        {C, O} -> ?BADARG([Code, Options], [C, O])
    end.

%% @doc Runs bytecode, with the default options of a request.
%% @see load/3
-spec load(Ruby, Bytecode) -> result() when
      Ruby :: ruby(),
      Bytecode :: bytecode().
load(Ruby, Bytecode) ->
    load(Ruby, Bytecode, #{}).

%% @doc Runs what {@link compile/2} has made, in any interpreter; the result is the value of its
%% last expression. Methods, constants and globals that it makes stay, local variables do not.
%%
%% Bytes that were damaged, or made by another build, are the exception `LoadError', and nothing
%% of them is run. Bytecode is trusted like code in C: take it from nobody else.
%% The only option is `timeout'.
-spec load(Ruby, Bytecode, Options) -> result() when
      Ruby :: ruby(),
      Bytecode :: bytecode(),
      Options :: request_options().
load(Ruby, Bytecode, Options) ->
    case {reference(Ruby), bytecode(Bytecode), request_options(load, Options)} of
        {{ok, Where}, {ok, _}, {ok, Opts, Functions}} ->
            request(Where, {load, [], Bytecode, Opts}, Functions);
        {R, B, O} -> ?BADARG([Ruby, Bytecode, Options], [R, B, O])
    end.

%% @doc Evaluates the Ruby file of that name on this node; as {@link eval/3} with the option
%% `file', so that messages and backtraces name it.
%%
%% Errors: those of eval, and `{file, Path, Why}' where `file:read_file/1' says why it cannot be
%% read.
-spec load_file(Ruby, Path) -> result() | {error, file_error()} when
      Ruby :: ruby(),
      Path :: unicode:chardata().
load_file(Ruby, Path) ->
    case {reference(Ruby), path(Path)} of
        {{ok, Where}, {ok, File}} ->
            case rubeam_source:file(File) of
                {ok, Request} -> request(Where, Request);
                {error, Reason} -> {error, Reason}
            end;
        {R, P} ->
            ?BADARG([Ruby, Path], [R, P])
    end.

%% @doc Calls a method, with the default options of a request.
%% @see call/4
-spec call(Ruby, Target, Args) -> result() when
      Ruby :: ruby(),
      Target :: target(),
      Args :: [term()].
call(Port, Method, Args) when is_port(Port), ?IS_METHOD(Method), is_list(Args) ->
    rubeam_transport:request(Port, {call, [], Method, Args});
call(Ruby, Target, Args) ->
    call(Ruby, Target, Args, #{}).

%% @doc Calls a method of the main object, or of a class or module, with these arguments; the
%% result is what it returns. Much faster than {@link eval/3}: nothing is compiled.
%%
%% ```
%% {ok, 3.0} = rubeam:call(Ruby, {<<"Math">>, sqrt}, [9]).
%% '''
-spec call(Ruby, Target, Args, Options) -> result() when
      Ruby :: ruby(),
      Target :: target(),
      Args :: [term()],
      Options :: request_options().
call(Ruby, Target, Args, Options) ->
    case {reference(Ruby), target(Target), arguments(Args), request_options(call, Options)} of
        {{ok, Where}, {ok, _}, {ok, _}, {ok, Opts, Functions}} ->
            request(Where, call_request(Target, Args, Opts), Functions);
        {R, T, A, O} ->
            ?BADARG([Ruby, Target, Args, Options], [R, T, A, O])
    end.

%% @doc Evaluates code whose value nobody needs. It returns when the code is done or, if that
%% takes longer, when it has its place in the queue.
%%
%% An exception has nobody to tell: it ends the interpreter, with `{exit, {error, Exception}}'
%% to the owner; a server stops with `{ruby_exit, {error, Exception}}'.
%%
%% Errors: `busy', `closed' and `{bad_request, Why}'.
-spec cast(Ruby, Code) -> ok | {error, Reason} when
      Ruby :: ruby(),
      Code :: code(),
      Reason :: busy | closed | {bad_request, Why :: binary()}.
cast(Ruby, Code) ->
    case {reference(Ruby), code(Code)} of
        {{ok, Where}, {ok, Binary}} -> request(Where, {eval, Binary});
        {R, C} -> ?BADARG([Ruby, Code], [R, C])
    end.

%% @doc Hands a term to the block that Ruby has given to `Erlang.on_message'. It returns when the block
%% is done or, if that takes longer, when the message has its place in the queue.
%%
%% Messages come to the block one at a time, in the order in which a process has sent them, and with its
%% other requests. Those that come before there is a block wait for one. An exception of the block
%% ends the interpreter, as that of a {@link cast/2} does.
%%
%% Errors: `busy', `closed' and `{bad_request, Why}'.
-spec send(Ruby, Term) -> ok | {error, Reason} when
      Ruby :: ruby(),
      Term :: term(),
      Reason :: busy | closed | {bad_request, Why :: binary()}.
send(Ruby, Term) ->
    case reference(Ruby) of
        {ok, Where} -> request(Where, {message, Term});
        Bad -> ?BADARG([Ruby, Term], [Bad])
    end.

%% @doc Returns the result of a function that Ruby called, for owners of a port who carry functions out
%% themselves: who got the frame `{call, CallId, Name, Args}'. (In a request of a process, the
%% functions of the option `functions' run by themselves.)
%%
%% `{ok, Value}' is the value of `Erlang.call'; `{error, Term}' is the exception `Erlang::CallError' with
%% that term as its reason. `{error, gone}': nobody waits for it any more.
-spec return(Port, CallId, Result) -> ok | {error, gone | closed | {bad_request, Why}} when
      Port :: port() | pid(),
      CallId :: term(),
      Result :: {ok, Value :: term()} | {error, term()},
      Why :: binary().
return(Port, CallId, Result) when is_port(Port) ->
    rubeam_transport:return(Port, CallId, Result);
return(Ruby, CallId, Result) ->
    case rubeam_registry:where(Ruby) of
        {ok, Ruby} -> rubeam_transport:return(Ruby, CallId, Result);
        {ok, closed} when is_pid(Ruby) -> {error, closed};
        _ -> ?BADARG([Ruby, CallId, Result], [{bad, "not what rubeam:open/1 gave"}])
    end.

%% @doc Makes a request without waiting for its result: the asynchronous form of
%% {@link eval/3} and {@link call/4}.
%%
%% The result comes as a message, which only {@link receive_response/2},
%% {@link wait_response/2} or {@link check_response/2} of the same process understand. One of
%% these must take it, be it `{error, closed}'. They also run the functions that Ruby calls meanwhile,
%% and nothing else does: a request that calls one waits until then.
-spec send_request(Ruby, Request) -> request_id() when
      Ruby :: ruby(),
      Request :: request().
send_request(Ruby, Request) ->
    case {reference(Ruby), checked(Request)} of
        {{ok, {remote, Server}}, {ok, Checked, Functions}} ->
            Id = make_ref(),
            {remote, Server, Id, rubeam_server:send_request(Server, Id, Checked, Functions)};
        {{ok, closed}, {ok, _, _}} ->
            Id = make_ref(),
            self() ! {Id, {error, closed}},
            {closed, Id};
        {{ok, Here}, {ok, Checked, Functions}} ->
            {local, Here, rubeam_transport:async(Here, Checked), Functions};
        {R, C} ->
            ?BADARG([Ruby, Request], [R, C])
    end.

%% @doc Waits for the result of a request, and no longer than so many milliseconds.
%%
%% After a `timeout' the request is given up: Ruby stops with it, or never begins, and no
%% message comes of it. (`{reply, {error, timeout}}' is another thing: the request was stopped
%% at the end of the time that its own option `timeout' gave it.)
-spec receive_response(RequestId, Timeout) -> {reply, result()} | timeout when
      RequestId :: request_id(),
      Timeout :: timeout().
receive_response(RequestId, Timeout) ->
    case wait_response(RequestId, Timeout) of
        {reply, Result} -> {reply, Result};
        timeout -> abandon(RequestId), timeout
    end.

%% @doc As {@link receive_response/2}, but after a `timeout' the request goes on, and its result
%% can be waited for again.
-spec wait_response(RequestId, Timeout) -> {reply, result()} | timeout when
      RequestId :: request_id(),
      Timeout :: timeout().
wait_response({local, Port, Ref, Functions}, Timeout)
  when ?IS_HERE(Port), is_reference(Ref), ?IS_TIMEOUT(Timeout) ->
    rubeam_transport:wait(Port, Ref, Timeout, Functions);
wait_response({remote, _Server, _Id, Request}, Timeout) when ?IS_TIMEOUT(Timeout) ->
    case gen_server:wait_response(Request, Timeout) of
        {reply, Result} -> {reply, Result};
        {error, _Gone} -> {reply, {error, closed}};
        timeout -> timeout
    end;
wait_response({closed, Id}, Timeout) when is_reference(Id), ?IS_TIMEOUT(Timeout) ->
    receive {Id, Result} -> {reply, Result} after Timeout -> timeout end;
wait_response(RequestId, Timeout) ->
    ?BADARG([RequestId, Timeout], [request_id(RequestId), milliseconds(Timeout)]).

%% @doc Whether Message, which the caller has received, is the result of the request.
-spec check_response(Message, RequestId) -> {reply, result()} | no_reply when
      Message :: term(),
      RequestId :: request_id().
check_response(Message, {local, Port, Ref, Functions}) when ?IS_HERE(Port), is_reference(Ref) ->
    rubeam_transport:check(Port, Ref, Message, Functions);
check_response(Message, {remote, _Server, _Id, Request}) ->
    case gen_server:check_response(Message, Request) of
        {reply, Result} -> {reply, Result};
        {error, _Gone} -> {reply, {error, closed}};
        no_reply -> no_reply
    end;
check_response({Id, Result}, {closed, Id}) when is_reference(Id) ->
    {reply, Result};
check_response(_Message, {closed, Id}) when is_reference(Id) ->
    no_reply;
check_response(Message, RequestId) ->
    ?BADARG([Message, RequestId], [{ok, Message}, request_id(RequestId)]).

%% @doc Stops the request that runs now, if one does, with the result `interrupted'. Those that
%% wait are not touched.
-spec interrupt(Ruby) -> ok | {error, closed} when
      Ruby :: ruby().
interrupt(Ruby) ->
    case reference(Ruby) of
        {ok, Where} -> request(Where, interrupt);
        Bad -> ?BADARG([Ruby], [Bad])
    end.

%% @doc The figures of this node: its interpreters, what their jobs run on, the atoms that came from Ruby.
-spec info() -> info() | {error, not_started}.
info() ->
    case rubeam_driver:node_info() of
        {error, Reason} -> {error, Reason};
        Info -> Info#{programs => length(rubeam_registry:gateways())}
    end.

%% @doc The interpreter's figures: its memory, what it has done, what waits. At once, also while
%% a request runs.
-spec info(Ruby) -> info() | {error, closed | memory_limit | {program, program_end()}} when
      Ruby :: ruby().
info(Ruby) ->
    case reference(Ruby) of
        {ok, Where} ->
            case request(Where, {info, []}) of
                {ok, Info} -> Info;
                {error, Reason} -> {error, Reason}
            end;
        Bad ->
            ?BADARG([Ruby], [Bad])
    end.

%% @doc Ruby's global variables, and the local ones of the evals' session, with what their `inspect' says (of
%% long texts the first 1000 bytes).
%%
%% A request like others: it waits for those before it, and the errors are theirs.
-spec globals(Ruby) -> {ok, #{Name :: binary() => Text :: binary()}} | {error, reason()} when
      Ruby :: ruby().
globals(Ruby) ->
    call(Ruby, {'Erlang', globals}, []).

%% @doc Collects all of Ruby's garbage, and tells how many bytes are in use then. A request like others.
-spec gc(Ruby) -> {ok, Bytes :: non_neg_integer()} | {error, reason()} when
      Ruby :: ruby().
gc(Ruby) ->
    call(Ruby, {'Erlang', gc}, []).

%% @doc What the owner of a port was sent as `{Port, {data, Frame}}'; see the top of this page.
%% `{reply, Id, Result}' is the answer to a frame with an Id, which the functions of this module
%% never send.
-spec decode(Frame) -> frame() when
      Frame :: binary().
decode(Frame) ->
    try rubeam_transport:decode(Frame)
    catch error:badarg -> ?BADARG([Frame], [{bad, "not a frame from Ruby"}])
    end.

%% @doc An error in words, as UTF-8: any reason that a function of this application gives, also
%% the one why the application did not start. A term of no known form is printed as it is.
-spec format_error(Error) -> unicode:unicode_binary() when
      Error :: term().
format_error(Error) ->
    rubeam_error:format(Error).

%% @doc A Ruby prompt in the calling process's terminal, with an interpreter of its own.
%% @see shell/1
-spec shell() -> ok | {error, open_error()}.
shell() ->
    shell(#{}).

%% @doc A Ruby prompt in the terminal of the calling process's group leader; it returns when the user
%% leaves.
%%
%% With options, those of {@link open/1}, it has an interpreter of its own, which is closed at the end. With
%% an interpreter it uses that one and leaves it open. docs/shell.md tells about the prompt.
%%
%% Errors: those of {@link open/1}; `closed' when there is no interpreter behind the reference.
-spec shell(Options | Ruby) -> ok | {error, open_error() | closed} when
      Options :: options(),
      Ruby :: ruby().
shell(Options) when is_map(Options) ->
    rubeam_shell:run({open, Options});
shell(Ruby) ->
    case reference(Ruby) of
        {ok, _} ->
            case info(Ruby) of
                {error, closed} -> {error, closed};
                _ -> rubeam_shell:run({given, Ruby})
            end;
        Bad ->
            ?BADARG([Ruby], [Bad])
    end.

%% The checks of arguments: {ok, What the driver takes} or {bad, Text}.

reference(Ruby) ->
    case rubeam_registry:where(Ruby) of
        {ok, Where} -> {ok, Where};
        error -> {bad, "not an interpreter: a port, a pid or a name"}
    end.

path(Path) ->
    case rubeam_options:path(Path) of
        {ok, File} -> {ok, File};
        error -> {bad, "not the name of a file: text of at most 4096 bytes"}
    end.

request_id({local, Port, Ref, _Functions} = Id) when ?IS_HERE(Port), is_reference(Ref) -> {ok, Id};
request_id({remote, _Server, _Ref, _Request} = Id) -> {ok, Id};
request_id({closed, Ref} = Id) when is_reference(Ref) -> {ok, Id};
request_id(_) -> {bad, "not what send_request/2 returned"}.

milliseconds(Timeout) when ?IS_TIMEOUT(Timeout) -> {ok, Timeout};
milliseconds(_) -> {bad, "neither a number of milliseconds nor infinity"}.

request(Here, Request) when ?IS_HERE(Here) -> rubeam_transport:request(Here, Request);
request({remote, Server}, Request) -> rubeam_server:request(Server, Request, #{});
request(closed, _Request) -> {error, closed}.

request(Here, Request, Functions) when ?IS_HERE(Here) ->
    rubeam_transport:request(Here, Request, Functions);
request({remote, Server}, Request, Functions) ->
    rubeam_server:request(Server, Request, Functions);
request(closed, _Request, _Functions) ->
    {error, closed}.

abandon({local, Port, Ref, _Functions}) ->
    rubeam_transport:abandon(Port, Ref);
abandon({remote, Server, Id, Request}) ->
    ok = rubeam_server:abandon(Server, Id),
    %% Takes the alias back, so that an answer on its way is dropped.
    _ = gen_server:receive_response(Request, 0),
    ok;
abandon({closed, _Id}) ->
    ok.
