#!/bin/sh
# Runs CMocka programs and counts: test/unit.sh LOGS KIND PROGRAM...
#
# WRAPPER, in the environment, goes before each program (valgrind and its options). The output of each
# goes to LOGS/KIND-PROGRAM.log and is shown when something failed. Tests that a program announced and
# did not get to (it crashed) count as failed; so does a program that ends badly after its tests
# (a leak that a sanitizer reports at exit), and one that runs no test.
set -u

logs=$1
kind=$2
shift 2
mkdir -p "$logs"
rm -f "$logs/$kind.count"

if [ $# -eq 0 ]; then
  echo "$kind: there is no test program: nothing to run" >&2
  exit 1
fi

sum() { # LOG PATTERN: the numbers that the pattern's group matches, added up
  sed -n "s/^.*$2.*$/\1/p" "$1" | awk '{ n += $1 } END { print n + 0 }'
}

passed=0
failed=0
for program in "$@"; do
  name=$(basename "$program")
  log=$logs/$kind-$name.log
  # shellcheck disable=SC2086 # the wrapper is a command with its options
  timeout -k 10 "${TIME_LIMIT:-600}" ${WRAPPER:-} "$program" >"$log" 2>&1
  status=$?
  ran=$(sum "$log" 'Running \([0-9][0-9]*\) test(s)')
  good=$(grep -c '^\[       OK \]' "$log")
  skipped=$(grep '^\[  SKIPPED \] [a-z]' "$log" | sort -u | wc -l) # each is told again at the end
  bad=$((ran - good - skipped))
  if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
  printf '  %-24s %4d passed, %d failed\n' "$name" "$good" "$bad"
  if [ "$bad" -ne 0 ]; then
    echo "--- $log (status $status)"
    grep -v '^\[ RUN      \]\|^\[       OK \]' "$log" | tail -n "${TAIL:-60}"
    echo "---"
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
done

echo "$passed $failed" >"$logs/$kind.count"
echo "$kind: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
