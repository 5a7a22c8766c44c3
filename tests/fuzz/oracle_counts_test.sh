#!/bin/bash
# oracle_counts_test.sh PROGRAM: counts of oracles, and what a replay makes of one that was never
# exercised, by counted_target.c with the plain driver.
set -euo pipefail
target=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir some all broken
printf ab >some/two
printf abcd >all/four
printf x >broken/x

# expect STATUS TEXT COMMAND…: the status, and a text in what the command prints ("" for any).
expect() {
	local wanted=$1 text=$2 status=0
	shift 2
	"$@" >out 2>&1 || status=$?
	if [ "$status" != "$wanted" ] || ! grep -qF -- "$text" out; then
		echo "$*: status $status, wanted $wanted and \"$text\""
		cat out
		exit 1
	fi
}

expect 76 'oracle four_bytes of counted was never exercised' "$target" some
expect 0 '2 inputs held' "$target" some all
expect 0 '1 inputs held' "$target" some/two
expect 76 'oracle four_bytes of counted was never exercised' env IMAGO_FUZZ_ALL_ORACLES=1 "$target" some/two
expect 0 '' env IMAGO_FUZZ_ALL_ORACLES=1 "$target" all
expect 134 "imago: oracle one_byte broken: data[0] != 'x'" "$target" broken

# Lines add up; an oracle without an exercise has its line; a program that dies has told of its runs.
expect 0 '' env IMAGO_FUZZ_COUNTS=counts "$target" some/two some/two some/two
sums=$(awk '{n[$1 " " $2] += $3} END {for (o in n) print o, n[o]}' counts | LC_ALL=C sort | tr '\n' ';')
[ "$sums" = 'counted always 3;counted four_bytes 0;counted one_byte 3;' ] || { echo "counts: $sums"; exit 1; }
rm counts
expect 134 '' env IMAGO_FUZZ_COUNTS=counts "$target" all/four broken/x
grep -qx 'counted four_bytes 1' counts || { echo 'counts of a program that died'; cat counts; exit 1; }
