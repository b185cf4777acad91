#!/bin/sh
# Uses Rubeam as others would: test/package.sh LOGS
#
# Throwaway projects in build/package depend on this tree by its path: one of rebar3, its release, one
# of mix, its release, and a plain make as elixir_make calls it. Each must find the driver by itself and
# answer one eval. Nothing is fetched, and nothing is written to the user's home.
set -u

logs=$1
root=$PWD
work=$root/build/package
mkdir -p "$logs"
rm -rf "$work" "$logs/package.count"
mkdir -p "$work/home"
log=$root/$logs/package.log
: >"$log"

MIX_REBAR3=$(command -v rebar3)
export MIX_REBAR3 HOME="$work/home" LC_ALL=C.UTF-8
# These are of our own build, and would hide what a user's has not.
unset RUBEAM_PRIV MIX_APP_PATH MAKEFLAGS MAKELEVEL ERL_LIBS

passed=0
failed=0
try() { # NAME COMMAND...
  name=$1
  shift
  echo "== $name" >>"$log"
  if timeout -k 10 "${TIME_LIMIT:-300}" "$@" </dev/null >>"$log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "--- package: $name failed, $log ends with"
    tail -n 30 "$log"
    echo "---"
  fi
}

project=$work/rebar3
mkdir -p "$project/src" "$project/_checkouts"
ln -s "$root" "$project/_checkouts/rubeam"
cat >"$project/rebar.config" <<'END'
{deps, [rubeam]}.
{relx, [{release, {demo, "1"}, [demo]}, {include_erts, false}, {dev_mode, false},
        {extended_start_script, false}, {vm_args, false}, {sys_config, false}]}.
END
cat >"$project/src/demo.app.src" <<'END'
{application, demo, [{description, "uses rubeam"}, {vsn, "1"}, {modules, []}, {registered, []},
                     {applications, [kernel, stdlib, rubeam]}]}.
END
cat >"$project/src/demo.erl" <<'END'
-module(demo).
-export([main/0]).
main() ->
    {ok, _} = application:ensure_all_started(rubeam),
    {ok, Ruby} = rubeam:open(#{}),
    {ok, 3} = rubeam:eval(Ruby, <<"1 + 2">>),
    ok = rubeam:close(Ruby),
    halt(0).
END
cd "$project" || exit 1
try "rebar3 compile" rebar3 compile
try "run of the rebar3 project" erl -noinput -pa _build/default/checkouts/rubeam/ebin \
  -pa _build/default/lib/demo/ebin -eval 'demo:main()'
try "rebar3 release" rebar3 release
# shellcheck disable=SC2016
try "the Ruby program in the release" sh -c 'test -s "$(find -L _build/default/rel -path "*/priv/rubeam/reader.rb")"'
# The project is moved away: what the release needs must be in it.
mv _build/default/rel/demo "$work/release" && rm -rf _build
try "run of the rebar3 release" "$work/release/bin/demo" -noinput -eval 'demo:main()'

project=$work/mix
mkdir -p "$project/lib"
cat >"$project/mix.exs" <<END
defmodule Demo.MixProject do
  use Mix.Project
  def project, do: [app: :demo, version: "1.0.0", deps: [{:rubeam, path: "$root"}]]
  def application, do: []
end
END
cat >"$project/lib/demo.ex" <<'END'
defmodule Demo do
  def main do
    {:ok, _} = Application.ensure_all_started(:rubeam)
    {:ok, ruby} = :rubeam.open(%{})
    {:ok, 3} = :rubeam.eval(ruby, "1 + 2")
    :ok = :rubeam.close(ruby)
  end
end
END
cd "$project" || exit 1
try "mix run" mix run -e 'Demo.main()'
try "mix release" env MIX_ENV=prod mix release --quiet
try "run of the mix release" _build/prod/rel/demo/bin/demo eval 'Demo.main()'

cd "$root" || exit 1
try "make with MIX_APP_PATH" env MIX_APP_PATH="$work/app" make driver
try "its result" test -s "$work/app/priv/rubeam_drv.so"
# shellcheck disable=SC2016
try "its Ruby program" sh -c 'cmp priv/rubeam.rb "$0/rubeam.rb" && diff -r priv/rubeam "$0/rubeam"' "$work/app/priv"

echo "$passed $failed" >"$logs/package.count"
echo "package: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
