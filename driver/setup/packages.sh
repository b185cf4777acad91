#!/bin/sh
# Installs what a build needs and this machine has not: driver/setup/packages.sh [--check] GROUP...
#
# Groups: build (the driver and the application), test, check, bench, fuzz. Each thing is looked for
# as it is used (a program on the PATH, a header, an application of the erl on the PATH), so one that
# came from elsewhere than a package counts too, and a call that finds all costs a few milliseconds.
# What is missing is installed with apt-get, as root or through sudo. Without apt-get, without either,
# or with --check, the script says what is missing and ends with status 1.
set -eu

check_only=
if [ "${1:-}" = --check ]; then
  check_only=1
  shift
fi

name=packages
# shellcheck source=driver/setup/common.sh
. "$(dirname "$0")/common.sh"

header() {
  for dir in /usr/include /usr/local/include /usr/include/"$(uname -m)"-linux-gnu; do
    [ -f "$dir/$1" ] && return
  done
  # Somewhere else that the compiler knows of
  echo "#include <$1>" | ${CC:-cc} -E -x c - >/dev/null 2>&1
}

# Where Erlang has its applications and headers: ERLANG_ROOT_DIR, else above the erl on the PATH
erlang_root() {
  if [ -n "${ERLANG_ROOT_DIR:-}" ]; then
    echo "$ERLANG_ROOT_DIR"
    return
  fi
  erl=$(command -v erl) || return 0
  dir=$(dirname "$(dirname "$(readlink -f "$erl")")")
  for kernel in "$dir"/lib/kernel-*; do
    if [ ! -d "$kernel" ]; then dir=$(erl -noinput -eval 'io:put_chars(code:root_dir()), halt().'); fi
    break
  done
  echo "$dir"
}

root=$(erlang_root)

application() {
  for dir in "$root/lib/$1" "$root/lib/$1"-*; do
    [ -d "$dir" ] && return
  done
  return 1
}

erlang_header() {
  for dir in ${ERTS_INCLUDE_DIR:+"$ERTS_INCLUDE_DIR"} "$root/usr/include"; do
    [ -f "$dir/$1" ] && return
  done
  return 1
}

missing=
need() { # PACKAGE TEST...
  package=$1
  shift
  if ! "$@"; then missing="$missing $package"; fi
}

build_needs() {
  need gcc has "${CC:-cc}"
  need libc6-dev header stdio.h
  need erlang-base has erl
  need erlang-dev erlang_header erl_driver.h
  need erlang-dev application erl_interface
  need ruby has ruby # runs mruby's rake
  need rake has rake
  need xz-utils has xz # what a tarball may be compressed by
}

test_needs() {
  need ruby has ruby # programs_SUITE compares with it
  need libcmocka-dev header cmocka.h
  need erlang-common-test application common_test
  need erlang-eunit application eunit
  need erlang-tools application tools
  need erlang-proper application proper
  need rebar3 has rebar3
  need elixir has elixir
  need tmux has tmux # a terminal for the tests of the prompt
}

check_needs() {
  need clang has clang
  need clang-format has clang-format
  need clang-tidy has clang-tidy
  need cppcheck has cppcheck
  need valgrind has valgrind
  need shellcheck has shellcheck
  need erlang-dialyzer application dialyzer
  need erlang-edoc application edoc
}

fuzz_needs() {
  need clang has clang
}

bench_needs() {
  need valgrind has valgrind # counts instructions
}

for group in "$@"; do
  case $group in
    build | test | check | bench | fuzz) "${group}_needs" ;;
    *)
      echo "packages: no group $group" >&2
      exit 2
      ;;
  esac
done

# Each one once
missing=$(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')
[ -n "$missing" ] || exit 0

refuse() {
  say "this is missing (by the names of Debian's packages): $missing" >&2
  fail "$1"
}

[ -z "$check_only" ] || refuse "'make setup' installs it where there is apt-get, or install it by hand."
has apt-get || refuse "there is no apt-get here. Install it by hand, then call make again."

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif has sudo; then
  as_root=sudo
else
  refuse "installing it takes root or sudo. As root: apt-get install --no-install-recommends $missing"
fi

log=$(cd "$(dirname "$0")/../.." && pwd)/build/packages.log
mkdir -p "$(dirname "$log")"

give_up() {
  tail -n 20 "$log" >&2
  fail "apt-get could not install it (log: $log)."
}

# shellcheck disable=SC2086 # as_root is one word or none, missing is a list
install() {
  say "installing with apt-get: $missing"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    $missing </dev/null >"$log" 2>&1
}

update() {
  say "apt-get update"
  $as_root apt-get update -q >"$log" 2>&1 || give_up
}

lists=$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)
if [ -z "$lists" ]; then
  update
  install || give_up
elif ! install; then
  # Lists that have grown old name versions that the mirror has no more.
  update
  install || give_up
fi
