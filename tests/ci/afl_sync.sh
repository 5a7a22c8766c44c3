#!/bin/bash
# afl_sync BUILD MUTATOR: two instances of ci/fuzz_stages/sync over one folder: the secondary takes
# over what the main one has found; the main one, run again, goes on where it was. Uses what the
# test afl_smoke has built. Status 77: that was skipped.
set -euo pipefail
build=$1/afl
[ -x "$build/bin/fuzz_read_v3" ] || { echo "skipped: afl_smoke has built nothing"; exit 77; }
export IMAGO_AFL_BUILD=$build IMAGO_AFL_MUTATOR=$2
cd "$(dirname "$0")/../.."
# shellcheck source=ci/fuzz_stages/common
. ci/fuzz_stages/common
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export IMAGO_FUZZ_CORPUS=$work/kept
folder=$work/shared/read_v3

fail() {
	echo "afl_sync: FAILED: $*"
	cat "$build"/logs/[MS]1.read_v3.log | tail -n 30
	exit 1
}

# The main instance runs until the secondary has been: one that has ended is not listened to.
ci/fuzz_stages/sync "$work/shared" M1 300 read_v3 >"$work/main" &
main=$!
found=0
while kill -0 "$main" 2>/dev/null && [ "$found" -lt 5 ]; do
	sleep 1
	found=$({ find "$folder/M1/queue" -name 'id:*' ! -name '*orig:*' || true; } 2>/dev/null | wc -l)
done
ci/fuzz_stages/sync "$work/shared" S1 5 read_v3 || fail "the secondary instance"
kill -INT "$(afl_stat "$folder/M1" fuzzer_pid)"
wait "$main" || fail "the main instance: $(cat "$work/main")"
cat "$work/main"
[ -n "$(find "$folder/S1/queue" -name '*sync:M1*')" ] || fail "the secondary has taken nothing over"

before=$(afl_stat "$folder/M1" execs_done)
ci/fuzz_stages/sync "$work/shared" M1 5 read_v3 || fail "the main instance, again"
[ "$(afl_stat "$folder/M1" execs_done)" -gt "$before" ] || fail "it began anew"
