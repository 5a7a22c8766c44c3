#!/bin/bash
# mutants_test.sh CC FOLDER: the tool itself: which mutants there are of fixture/places.c, that the file with
# all of them does what each alone would do, and that the runner tells what happened to them.
set -euo pipefail
cc=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$2
rm -rf "$work"
mkdir -p "$work/schemata"
cd "$here"
fail() {
	echo "mutants_test: $*" >&2
	exit 1
}
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror"
# shellcheck disable=SC2086 # words
"$cc" $flags -o "$work/make_mutants" make_mutants.c find_mutants.c tokens.c
# shellcheck disable=SC2086
"$cc" $flags -o "$work/run_mutants" run_mutants.c
cd fixture

# every_operator_finds_its_places_and_nothing_else
"$work/make_mutants" list places.c | diff places.list - || fail "the list of mutants changed"

# numbers_count_through_all_files
[ "$("$work/make_mutants" list runs.c places.c | tail -n 1 | cut -f 1)" = "$(
	"$work/make_mutants" list runs.c places.c | wc -l)" ] || fail "numbers have gaps"

# a_file_that_cannot_be_cut_up_is_refused
for text in 'int f(void) { return (1; }' '/* no end' 'char *s = "no end;' 'int f(void) {'; do
	echo "$text" >"$work/broken.c"
	! "$work/make_mutants" list "$work/broken.c" 2>/dev/null || fail "accepted: $text"
done
! "$work/make_mutants" apply 99999 places.c >/dev/null 2>&1 || fail "applied a mutant that is none"

# the_file_with_all_mutants_does_what_each_alone_does
"$work/make_mutants" schemata "$work/schemata" places.c
"$cc" -w -std=c11 -o "$work/all" "$work/schemata/places.c" runs.c ../mutant_switch.c -D_POSIX_C_SOURCE=200809L
"$cc" -w -std=c11 -o "$work/original" places.c runs.c
"$work/original" >"$work/expected"
"$work/all" | cmp - "$work/expected" || fail "differs without a mutant"
total=$(wc -l <places.list)
for ((number = 1; number <= total; number++)); do
	"$work/make_mutants" apply "$number" places.c >"$work/one.c"
	"$cc" -w -std=c11 -o "$work/one" "$work/one.c" runs.c
	alone=$(ulimit -t 1 && "$work/one" 2>&1) || alone+=" status $?"
	together=$(ulimit -t 1 && IMAGO_MUTANT=$number "$work/all" 2>&1) || together+=" status $?"
	[ "$alone" = "$together" ] || fail "mutant $number: alone $alone, together $together"
	if [ "$alone" = "$(<"$work/expected")" ]; then
		echo "$number survived"
	else
		echo "$number killed"
	fi
done >"$work/fates"
grep -q survived "$work/fates" && grep -q killed "$work/fates" || fail "mutants have but one fate"

# the_runner_tells_the_fate_of_every_mutant
printf 'same\t%s\t%s\n' "$work" './all | cmp -s - expected' >"$work/tests"
printf 'skipped\t%s\t%s\nbroken\t%s\t%s\n' / 'sh -c "exit 77"' / false >>"$work/tests"
cut -f 1,2 places.list >"$work/mutants"
"$work/run_mutants" --jobs 2 "$work/tests" "$work/mutants" 2>"$work/left-out" >"$work/results"
sort -n "$work/results" | awk '{print $1, $2 == "survived" ? $2 : "killed"}' | diff "$work/fates" - ||
	fail "the runner says something else"
grep -q 'skips itself.*skipped' "$work/left-out" && grep -q 'fails.*broken' "$work/left-out" ||
	fail "tests that do not pass were not left out"

# a_mutant_that_no_test_reaches_is_told_apart, a_mutant_that_runs_for_ever_is_ended
printf '1000 9000\n' >"$work/mutants"
"$work/run_mutants" "$work/tests" "$work/mutants" 2>/dev/null | grep -q unreached || fail "9000 reached"
