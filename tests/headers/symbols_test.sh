#!/bin/bash
# symbols_test NM STATIC SHARED: the shared library exports imago_* and nothing else, and the library
# never prints, never exits, and calls the system's allocator in allocator.c only.
set -u
nm=$1 static=$2 shared=$3
failed=0

exported=$("$nm" -D --defined-only "$shared" | awk '{print $NF}')
others=$(grep -v '^imago_' <<<"$exported")
if [ "$(grep -c '^imago_' <<<"$exported")" -lt 50 ]; then
	echo "FAILED: $shared exports hardly anything"
	failed=1
fi
if [ -n "$others" ]; then
	echo "FAILED: $shared exports what is not imago_*:" $others
	failed=1
fi

# used_in PATTERN: the members that refer to an undefined symbol matching it, with the symbol.
used_in() {
	"$nm" -A --undefined-only "$static" | sed 's/@.*//' | awk -v pattern="^($1)\$" '
		$NF ~ pattern { member = $1; sub(/:$/, "", member); sub(/.*:/, "", member); print member, $NF }'
}

printing='printf|fprintf|vprintf|vfprintf|puts|putchar|fputs|fwrite|perror|__printf_chk|__fprintf_chk'
use=$(used_in "$printing|exit|_exit|quick_exit|stdout|stderr")
if [ -n "$use" ]; then
	echo "FAILED: the library prints or exits:" $use
	failed=1
fi
allocating=$(used_in 'malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|strndup' |
	grep -v '^allocator\.')
if [ -n "$allocating" ]; then
	echo "FAILED: memory past the allocator:" $allocating
	failed=1
fi
if [ -z "$(used_in 'malloc|calloc|realloc')" ]; then
	echo "FAILED: not even allocator.c calls the system's allocator; this test sees nothing"
	failed=1
fi

[ "$failed" = 0 ] && echo "$(wc -l <<<"$exported") symbols exported, all imago_*"
exit "$failed"
