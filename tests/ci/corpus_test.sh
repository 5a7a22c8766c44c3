#!/bin/bash
# corpus_test [FOLDER]: the corpus keeps within its 5 MiB, and each input that once broke something
# is told of: beside corpus/regress/TARGET/NAME stands NAME.md (or the like without ".image"),
# with a cause that is filled in.
set -u
cd "$(dirname "$0")/../.." || exit
corpus=${1:-corpus}
budget=$((5 << 20))
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

bytes=$(find "$corpus" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }')
[ "$bytes" -gt 0 ] || fail "nothing in $corpus"
[ "$bytes" -le "$budget" ] || fail "$corpus has $bytes bytes, $((bytes - budget)) too many"

num_inputs=0
while read -r input; do
	num_inputs=$((num_inputs + 1))
	story=${input%.image}
	story=${story%.bundle}.md
	if [ ! -f "$story" ]; then
		fail "$input: there is no $story"
	elif ! grep -qiE '^cause: *[^( ]' "$story" || grep -q '(the commit' "$story"; then
		fail "$story does not tell the cause, or where it was mended"
	fi
	[ -f "fuzz/$(basename "$(dirname "$input")").c" ] || fail "$input is of no target"
done < <(find "$corpus/regress" -type f ! -name '*.md')

[ "$failures" = 0 ] && echo "$bytes bytes of $budget; $num_inputs inputs that once broke something"
