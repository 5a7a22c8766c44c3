#!/bin/bash
# campaign_test: ci/fuzz_stages/campaign over two toy targets and the real libFuzzer. Turns are of
# processor time and in the log, who had least goes next, a driver that is killed loses nothing, a
# crash is counted unless it cannot be repeated. Status 77: no clang.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$work/build
log=$work/log
export IMAGO_FUZZ_CORPUS=$work/kept
campaign=("$root/ci/fuzz_stages/campaign" --log "$log" --turn 1)
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

mkdir -p "$build/bin"
cd "$root" || exit
clang -O1 -fsanitize=fuzzer tests/ci/toy_target.c -o "$build/bin/fuzz_toy" 2>"$work/said" || {
	echo "skipped: no clang with libFuzzer: $(head -n 1 "$work/said")"
	exit 77
}
cp "$build/bin/fuzz_toy" "$build/bin/fuzz_other"
printf 'toy command\nother command\n' >"$build/fuzz-targets"

# turns: of a target, how many.
turns() {
	awk -F '\t' -v name="$1" '$3 == name' "$log" | wc -l
}

# One turn each, of about a second; then the one that has had less.
"${campaign[@]}" "$build" 1 >"$work/said" 2>&1 || fail "a sound campaign: $(cat "$work/said")"
[ "$(turns toy)" != 0 ] || fail "a target had no turn: $(cat "$log")"
[ "$(turns other)" != 0 ] || fail "a target had no turn: $(cat "$log")"
awk -F '\t' '!/^#/ && !($4 >= 0.9 && $4 < 3 && $5 > 100 && $6 > 0 && $7 > 0 && $8 == 0)' "$log" |
	grep . && fail "this is no turn of a second"
printf 'D\tC\tother\t1000\t1\t1\t1\t0\t\n' >>"$log"
before=$(turns other)
"${campaign[@]}" "$build" 1 toy >/dev/null 2>&1 || fail "a target by name"
[ "$(turns other)" = "$before" ] || fail "a target that was not named had a turn"

# The driver is killed: what its turn has used is logged, and nothing goes on.
before=$(turns toy)
"${campaign[@]}" --turn 600 "$build" 600 toy >/dev/null 2>&1 &
driver=$!
sleep 1.5
{ kill -9 "$driver" && wait "$driver"; } 2>/dev/null
for _ in $(seq 100); do
	[ "$(turns toy)" = "$before" ] || break
	sleep 0.1
done
[ "$(turns toy)" = $((before + 1)) ] || fail "a killed driver's turn is lost"
sleep 0.2
kill -0 "$(cat "$build/campaign/toy.pid")" 2>/dev/null && fail "a killed driver's target goes on"

# Crashes: one that returns, and one that does not.
TOY_CRASH=1 timeout --foreground --preserve-status 3 "${campaign[@]}" "$build" 600 toy >"$work/said" 2>&1
[ $? = 3 ] || fail "crashes, but no status 3: $(cat "$work/said")"
tail -n 1 "$log" | grep -qE $'\t[1-9]\t[0-9a-f]{12}' || fail "no bucket: $(tail -n 1 "$log")"
[ -s "$(sed -n 's/^CRASH in toy: ci.repro //p' "$work/said" | head -n 1)" ] ||
	fail "the crash is not kept: $(cat "$work/said")"
TOY_CRASH_ONCE=$work/once "${campaign[@]}" "$build" 1 toy >"$work/said" 2>&1 ||
	fail "a crash that does not return was counted: $(cat "$work/said")"
compgen -G "$build/campaign/held/toy-crash-*" >/dev/null || fail "what held is not kept"

# The table.
cat >"$work/sums" <<'TEXT'
# a comment
D1	C1	b	10.5	100	7	3	0	
D2	C1	a	20	5	4	2	1	123456789abc
D3	C2	b	3580.5	1	6	4	0	
TEXT
"${campaign[0]}" --summary "$work/sums" >"$work/table"
diff - "$work/table" <<'TEXT' || fail "another table"
From D1 at C1 to D3 at C2: 1.00 hours of processor time.

| target | turns | CPU s | runs | edges | corpus | crashes |
|---|---:|---:|---:|---:|---:|---:|
| `a` | 1 | 20 | 5 | 4 | 2 | 1 |
| `b` | 2 | 3591 | 101 | 7 | 4 | 0 |
| all | 3 | 3611 | 106 | | | 1 |
TEXT

[ "$failures" = 0 ] && echo "turns are counted, nothing is lost, crashes are told"
