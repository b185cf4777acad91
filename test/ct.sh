#!/bin/sh
# Runs the Common Test suites once: test/ct.sh LOGS KIND SUITE FLAG...
#
# SUITE names one suite without its _SUITE, or is empty: all of them. The flags are erl's. What the
# suites print goes to LOGS/KIND.log, Common Test's pages to LOGS/KIND/index.html.
set -u

logs=$1
kind=$2
suite=$3
shift 3
log=$logs/$kind.log
mkdir -p "$logs/$kind"
rm -f "$logs/$kind.count"

# The node has a name, since calls from other nodes are tested too. localhost needs no resolver.
timeout -k 10 "${TIME_LIMIT:-1200}" erl -noinput -sname "rubeam_$$@localhost" -setcookie rubeam \
  -pa "$PWD/build/ebin" -pa "$PWD/build/test/erlang" \
  -pa "$PWD/build/test/support" "$@" \
  -eval "test_runs:ct(\"build/test/erlang\", \"$logs/$kind\", \"$suite\", \"$logs/$kind.count\")" \
  >"$log" 2>&1
status=$?

if [ ! -f "$logs/$kind.count" ]; then
  # The VM did not live to the end.
  echo "0 1" >"$logs/$kind.count"
fi
read -r passed failed <"$logs/$kind.count"
if [ "$status" -ne 0 ] || [ "$failed" -ne 0 ]; then
  echo "--- $log (status $status)"
  if grep -q '^\(FAILED\|SKIPPED\) ' "$log"; then
    grep -A 25 '^\(FAILED\|SKIPPED\) ' "$log" | head -n 200
  else
    tail -n 40 "$log"
  fi
  echo "---"
fi
echo "$kind: $passed passed, $failed failed"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
