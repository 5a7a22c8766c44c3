#!/bin/bash
# health_test: a healthy fuzzing run is called healthy, and each alarm of ci/fuzz_stages/health and
# valid_rate is raised by the one fault that it is for. The run is a small made-up one, in the words
# of libFuzzer; stages_test.sh has the same words from libFuzzer itself.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$work/build
export IMAGO_FUZZ_SOURCES=$work/fuzz IMAGO_FUZZ_HEALTH=$work/health.tsv
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# log FILES RUNS COUNTERS EDGES
log() {
	cat <<TEXT
INFO: Loaded 1 modules   ($3 inline 8-bit counters): $3 [0x5565ef91d260, 0x5565ef92108a),
INFO: seed corpus: files: $1 min: 10424b max: 77298b total: 5182234b rss: 34Mb
#$2	INITED cov: $4 ft: 4909 corp: 182/4879Kb exec/s: 18 rss: 100Mb
TEXT
}

# healthy: the run, as it should be.
healthy() {
	rm -rf "$build" "$IMAGO_FUZZ_SOURCES"
	mkdir -p "$build/bin" "$build/logs" "$IMAGO_FUZZ_SOURCES"
	printf 'alpha valid invalid\nbeta valid\n' >"$build/fuzz-targets"
	printf 'imago_fuzz_target(alpha valid invalid)\nimago_fuzz_target(beta valid)\n' \
		>"$IMAGO_FUZZ_SOURCES/CMakeLists.txt"
	printf '#!/bin/sh\necho compiler version 14\n' >"$build/compiler"
	echo "CMAKE_C_COMPILER:FILEPATH=$build/compiler" >"$build/CMakeCache.txt"
	local name
	for name in alpha beta; do
		printf 'int\nLLVMFuzzerTestOneInput(const uint8_t *data, size_t size)\n' \
			>"$IMAGO_FUZZ_SOURCES/$name.c"
		printf '#!/bin/sh\n' >"$build/bin/fuzz_$name"
		log 100 101 9000 2000 >"$build/logs/$name.log"
		echo 100 >"$build/logs/$name.given"
	done
	printf 'alpha one 0\nalpha one 4\nalpha two 1\nbeta one 7\n' >"$build/counts"
	chmod +x "$build/compiler" "$build"/bin/*
}

# raises WORDS: the run as it is now raises exactly this alarm.
raises() {
	local said status=0
	said=$("$root/ci/fuzz_stages/health" "$build") || status=$?
	[ "$status" = 1 ] || fail "expected '$1', but health ended with status $status: $said"
	[ "$(grep -c ALARM <<<"$said")" = 1 ] || fail "expected one alarm, '$1': $said"
	grep -qF "ALARM: $1" <<<"$said" || fail "expected '$1': $said"
	healthy
}

healthy
"$root/ci/fuzz_stages/health" --record "$build" || fail "the healthy run was not recorded"
grep -qxF $'alpha\t9000\t2000' "$IMAGO_FUZZ_HEALTH" || fail "recorded: $(cat "$IMAGO_FUZZ_HEALTH")"
grep -qxF "# compiler version 14" "$IMAGO_FUZZ_HEALTH" || fail "the compiler was not recorded"
said=$("$root/ci/fuzz_stages/health" "$build") || fail "the healthy run raised alarms: $said"
[ "$said" = "healthy: 2 targets, 3 oracles exercised" ] || fail "said $said"

log 100 101 9000 1901 >"$build/logs/alpha.log"
"$root/ci/fuzz_stages/health" "$build" >/dev/null || fail "5 % fewer edges are no alarm"
log 100 101 9000 1899 >"$build/logs/alpha.log"
raises "edges of alpha fell from 2000 to 1899"

printf '#!/bin/sh\necho compiler version 19\n' >"$build/compiler"
log 100 101 9000 1000 >"$build/logs/alpha.log"
"$root/ci/fuzz_stages/health" "$build" | grep -q '^note: .* another compiler' ||
	fail "another compiler's edges were compared"
healthy

rm "$build/bin/fuzz_beta"
raises "beta is declared, but has no binary"
cp "$IMAGO_FUZZ_SOURCES/beta.c" "$IMAGO_FUZZ_SOURCES/gamma.c"
raises "$IMAGO_FUZZ_SOURCES/gamma.c has an entry point"
log 97 101 9000 2000 >"$build/logs/alpha.log"
raises "alpha was given 100 seeds, and loaded 97"
log 100 98 9000 2000 >"$build/logs/alpha.log"
raises "alpha was given 100 seeds, and ran 98"
log 100 101 9000 2000 | sed '/INITED/d' >"$build/logs/beta.log"
raises "beta did not get through its seeds"
rm "$build/logs/beta.log"
raises "beta has not been run"
log 100 101 203 2000 >"$build/logs/beta.log"
raises "beta has 203 instrumented counters"
log 100 101 9000 2000 | sed '/Loaded/d' >"$build/logs/beta.log"
raises "beta has no instrumented counters"
printf 'alpha one 4\nalpha two 0\nbeta one 7\n' >"$build/counts"
raises "oracle two of alpha was never exercised"
printf 'alpha one 4\n' >"$build/counts"
raises "beta has counted no oracle"
: >"$build/counts"
raises "no oracle was counted"
sed -i /beta/d "$IMAGO_FUZZ_HEALTH"
raises "beta has no recorded edges"

# afl WORDS RUNS EDGES SEEDS CRASHES: what afl_verdict says of such a run that was given 3 seeds;
# without WORDS, it must have nothing to say.
afl() {
	local out=$work/afl said status=0 i
	rm -rf "$out"
	mkdir -p "$out/queue"
	for ((i = 0; i < $4; i++)); do
		touch "$out/queue/id:00000$i,time:0,execs:0,orig:seed"
	done
	touch "$out/queue/id:000009,src:000000,time:3,execs:9,op:havoc"
	printf 'execs_done        : %d\ntotal_edges       : %d\nsaved_crashes     : %d\n' \
		"$2" "$3" "$5" >"$out/fuzzer_stats"
	# shellcheck source=ci/fuzz_stages/common
	said=$(. "$root/ci/fuzz_stages/common" && afl_verdict alpha "$out" 3) || status=$?
	if [ -n "$1" ]; then
		[ "$status" = 1 ] || fail "AFL++: expected '$1', but status $status"
		[ "$(grep -cE 'ALARM|CRASH' <<<"$said")" = 1 ] || fail "expected one alarm, '$1': $said"
		grep -qF "$1" <<<"$said" || fail "expected '$1': $said"
	else
		[ "$status" = 0 ] || fail "AFL++: a sound run: $said"
	fi
}
afl '' 100 7000 3 0
afl 'AFL++ executed nothing of alpha' 0 7000 3 0
afl 'alpha has 90 edges' 100 90 3 0
afl 'given 3 seeds of alpha, and loaded 2' 100 7000 2 0
afl 'CRASH in alpha' 100 7000 3 1

# valid_rate: FORMAT RATE, what it says of a program that prints this.
rate() {
	printf '#!/bin/sh\necho "format mutants valid bytes"\necho "%s 400 %s 1.0%%"\nexit %s\n' \
		"$1" "$2" "$3" >"$work/rates"
	chmod +x "$work/rates"
	"$root/ci/fuzz_stages/valid_rate" "$work/rates" 60
}
rate spur 60.0% 0 >/dev/null || fail "60 % are enough"
said=$(rate spur 59.9% 0) && fail "59.9 % were enough"
grep -qF 'ALARM: of mutants of spur only 59.9% are valid' <<<"$said" || fail "said $said"
rate spur 80% 1 >/dev/null && fail "a program that failed was believed"
printf '#!/bin/sh\necho nothing\n' >"$work/rates"
"$root/ci/fuzz_stages/valid_rate" "$work/rates" >/dev/null && fail "no rate at all was enough"

[ "$failures" = 0 ] && echo "every alarm is raised by its fault, and by no other"
