#!/bin/sh
# The counts of all kinds of tests, and their sum as the last line: test/summary.sh LOGS KIND...
#
# A kind that left no count (it did not build, or it ran nothing) counts as one failure.
set -u

logs=$1
shift
passed=0
failed=0
echo
for kind in "$@"; do
  if [ -f "$logs/$kind.count" ]; then
    read -r good bad <"$logs/$kind.count"
    printf '%-12s %5d passed, %d failed\n' "$kind" "$good" "$bad"
  else
    good=0
    bad=1
    printf '%-12s did not run\n' "$kind"
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
