#!/bin/sh
# Runs the ExUnit scripts, each in a VM of its own, and counts: test/elixir.sh LOGS
set -u

logs=$1
mkdir -p "$logs"
rm -f "$logs/elixir.count"
passed=0
failed=0
ran=0

for script in test/elixir/*.exs; do
  [ -f "$script" ] || break
  ran=$((ran + 1))
  log=$logs/elixir-$(basename "$script" .exs).log
  LC_ALL=${LC_ALL:-C.UTF-8} timeout -k 10 "${TIME_LIMIT:-300}" elixir -pa build/ebin "$script" >"$log" 2>&1 </dev/null
  status=$?
  # "3 tests, 1 failure" is what ExUnit ends with.
  all=$(sed -n 's/^\([0-9][0-9]*\) tests\{0,1\}, .*/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^[0-9]* tests\{0,1\}, \([0-9][0-9]*\) failures\{0,1\}.*/\1/p' "$log" | tail -n 1)
  if [ "${all:-0}" -eq 0 ]; then
    all=1
    bad=1
  fi
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$bad" -ne 0 ]; then
    echo "--- $log (status $status)"
    tail -n 80 "$log"
    echo "---"
  fi
  passed=$((passed + all - bad))
  failed=$((failed + bad))
done

if [ "$ran" -eq 0 ]; then
  echo "elixir: there is no test/elixir/*.exs: nothing to run" >&2
  exit 1
fi
echo "$passed $failed" >"$logs/elixir.count"
echo "elixir: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
