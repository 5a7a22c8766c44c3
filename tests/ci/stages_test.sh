#!/bin/bash
# stages_test: ci/fuzz_stages/libfuzzer, health and prune over a toy target and the real libFuzzer.
# Seeds are loaded and counted; a library without instrumentation is noticed; crashes fail; pruning
# drops what adds nothing, and keeps everything when the new files would cover less. Status 77: no
# clang.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$work/build
corpus=$work/kept/toy
export IMAGO_FUZZ_CORPUS=$work/kept IMAGO_FUZZ_HEALTH=$work/health.tsv IMAGO_FUZZ_SOURCES=$work
stages=$root/ci/fuzz_stages
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

mkdir -p "$build/bin" "$corpus"
cd "$root" || exit
clang -O1 -fsanitize=fuzzer tests/ci/toy_target.c -o "$build/bin/fuzz_toy" 2>"$work/log" || {
	echo "skipped: no clang with libFuzzer: $(head -n 1 "$work/log")"
	exit 77
}
echo "toy valid" >"$build/fuzz-targets"
echo "CMAKE_C_COMPILER:STRING=clang" >"$build/CMakeCache.txt"
touch "$work/CMakeLists.txt"

# libfuzzer
said=$("$stages/libfuzzer" --embedded "$build" 1) || fail "a sound target: $said"
grep -qE '^toy +[1-9][0-9]+ ' <<<"$said" || fail "no runs in the table: $said"
num_seeds=$(find corpus/valid -type f -size +0c | wc -l)
[ "$(cat "$build/logs/toy.given")" = "$num_seeds" ] || fail "not all of corpus/valid was given"
TOY_CRASH=1 "$stages/libfuzzer" "$build" 1 >"$work/log" && fail "a crash went unnoticed"
grep -q '^CRASH in toy: .*deadly signal' "$work/log" ||
	fail "the crash is not told: $(cat "$work/log")"
crash=$(sed -n 's|.*ci/repro ||p' "$work/log")
[ -s "$crash" ] || fail "the crash was not kept"

# health, with libFuzzer's own words
"$stages/libfuzzer" --embedded "$build" 1 >/dev/null || fail "a sound target"
"$stages/health" --record "$build" || fail "not recorded: $(cat "$IMAGO_FUZZ_HEALTH")"
said=$("$stages/health" "$build") && fail "a library without instrumentation went unnoticed"
[ "$(grep ALARM <<<"$said" | grep -cv 'instrumented counters')" = 0 ] || fail "said $said"
grep -q 'ALARM: toy has [0-9]* instrumented counters' <<<"$said" || fail "said $said"
echo 50000 >"$build/logs/toy.given"
"$stages/health" "$build" | grep -q "given 50000 seeds, and loaded $num_seeds" ||
	fail "seeds that were not loaded went unnoticed"

# prune
rm -rf "$corpus" "$work/seeds"
mkdir -p "$corpus" "$work/seeds"
echo xyz >"$work/seeds/seed"
for text in A AA AAA AAAB xAxB B zzB; do
	echo "$text" >"$corpus/$text"
done
before=$(find "$corpus" -type f | wc -l)
said=$("$stages/prune" "$build" "$corpus" "$work/seeds") || fail "not pruned: $said"
after=$(find "$corpus" -type f | wc -l)
[ "$after" -gt 0 ] && [ "$after" -lt "$before" ] || fail "$before files became $after: $said"
[ ! -e "$corpus.new" ] && [ ! -e "$corpus.old" ] || fail "pruning left something behind"

# spoil COMMAND: makes the target's program do COMMAND after each merge; $new is the new folder.
spoil() {
	[ -x "$build/bin/real" ] || mv "$build/bin/fuzz_toy" "$build/bin/real"
	cat >"$build/bin/fuzz_toy" <<TEXT
#!/bin/bash
"$build/bin/real" "\$@" || exit
new=$corpus.new
[ "\$1" != -merge=1 ] || { $1; }
TEXT
	chmod +x "$build/bin/fuzz_toy"
}

# keeps WORDS: pruning raises the alarm, and leaves every file as it was.
keeps() {
	local said names
	names=$(cd "$corpus" && sha1sum ./* | sort)
	said=$("$stages/prune" "$build" "$corpus" "$work/seeds") && fail "pruned, despite: $1"
	grep -q "ALARM: toy was not pruned: $1" <<<"$said" || fail "expected '$1': $said"
	[ "$names" = "$(cd "$corpus" && sha1sum ./* | sort)" ] || fail "$1: the old files are not kept"
	[ ! -e "$corpus.new" ] || fail "$1: left something behind"
}
spoil 'rm -f "$new"/*'
keeps 'edges would fall'
spoil 'exit 1'
keeps 'merging failed'
rm -f "$build/bin/fuzz_toy"
keeps 'there is no'

# A run that was cut off between the two renames.
cp "$build/bin/real" "$build/bin/fuzz_toy"
mv "$corpus" "$corpus.old"
"$stages/prune" "$build" "$corpus" "$work/seeds" >/dev/null ||
	fail "an interrupted run was not mended"
[ "$(find "$corpus" -type f | wc -l)" = "$after" ] || fail "an interrupted run lost files"

[ "$failures" = 0 ] && echo "targets run, alarms sound, pruning loses nothing"
