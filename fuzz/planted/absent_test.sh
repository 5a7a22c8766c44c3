#!/bin/bash
# absent_test.sh NM LIBRARY CC ROOT: an ordinary library has nothing of the planted bugs in it: no symbol,
# and no code, as the macro leaves the word false behind. And the list of bugs is that of the sources.
set -euo pipefail
nm=$1 library=$2 cc=$3 root=$4
cd "$root"

if "$nm" "$library" 2>/dev/null | grep -i planted; then
	echo "absent_test: $library has symbols of planted bugs" >&2
	exit 1
fi

listed=$(sed -n 's/^IMAGO_PLANTED_BUG(\([a-z0-9_]*\),.*/\1/p' core/base/planted_bugs.def | LC_ALL=C sort)
planted=$(find core formats -name '*.[ch]' ! -name planted.h -exec cat {} + |
	grep -o 'IMAGO_BUG([a-z0-9_]*' | sed 's/.*(//' | LC_ALL=C sort)
diff <(echo "$listed") <(echo "$planted") >&2 || {
	echo "absent_test: planted_bugs.def (<) and the sources (>) differ" >&2
	exit 1
}

number=0
while read -r file; do
	# What the preprocessor leaves of each macro is false; no name of a bug survives.
	text=$("$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -I core/include -E -P "$file")
	for bug in $(grep -o 'IMAGO_BUG([a-z0-9_]*' "$file" | sed 's/.*(//'); do
		if grep -qw "$bug\|imago_planted_observe" <<<"$text"; then
			echo "absent_test: $file keeps $bug" >&2
			exit 1
		fi
		number=$((number + 1))
	done
done < <(grep -rl 'IMAGO_BUG(' core formats --include='*.c')
echo "$number planted bugs leave nothing in $library"
[ "$number" -ge 60 ]
