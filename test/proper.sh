#!/bin/sh
# Runs every property of every prop_ module: test/proper.sh LOGS
#
# NUMTESTS, in the environment, is the number of tests of each (300).
set -u

logs=$1
log=$logs/proper.log
mkdir -p "$logs"
rm -f "$logs/proper.count"

timeout -k 10 "${TIME_LIMIT:-600}" erl -noinput -pa "$PWD/build/ebin" -pa "$PWD/build/test/erlang" \
  -pa "$PWD/build/test/support" -pa "$PWD/build/test/stress" \
  -eval "test_runs:proper(\"build/test/erlang\", ${NUMTESTS:-300}, \"$logs/proper.count\")" \
  >"$log" 2>&1
status=$?
sed -i 's/\x1b\[[0-9;]*m//g' "$log" # PropEr's colours

if [ ! -f "$logs/proper.count" ]; then echo "0 1" >"$logs/proper.count"; fi
read -r passed failed <"$logs/proper.count"
if [ "$status" -ne 0 ] || [ "$failed" -ne 0 ]; then
  echo "--- $log (status $status)"
  if grep -q '^FAILED ' "$log"; then
    grep -A 25 '^FAILED ' "$log" | head -n 200
  else
    tail -n 40 "$log"
  fi
  echo "---"
fi
echo "proper: $passed passed, $failed failed"
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
