#!/bin/bash
# layers_test: ci/check_layers accepts this tree, and refuses each kind of forbidden #include.
# Every case adds one line to one file of a copy.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# with FILE LINE: what the check says of the copy with LINE added to FILE, and its status.
with() {
	cp "$copy/$1" "$copy/kept"
	printf '%s\n' "$2" >>"$copy/$1"
	"$root/ci/check_layers" "$copy"
	local status=$?
	mv "$copy/kept" "$copy/$1"
	return "$status"
}

# refuses FILE LINE WORDS: the check fails, naming file and reason.
refuses() {
	local said
	if said=$(with "$1" "$2"); then
		fail "$1 with $2 was accepted"
	elif ! grep -qF "$1:" <<<"$said" || ! grep -qF "$3" <<<"$said"; then
		fail "$1 with $2: said $said"
	fi
}

# accepts FILE LINE
accepts() {
	with "$1" "$2" >/dev/null || fail "$1 with $2 was refused"
}

(cd "$root" && cp -r core formats cli fuzz tests "$copy/")
"$root/ci/check_layers" "$root" || fail "the tree itself"

refuses core/base/error.c '#include "imago/heap.h"' 'may not include imago/heap.h'
refuses core/base/error.c '#include <sodium.h>' 'libc only'
refuses core/include/imago/oop.h '#include "imago/check.h"' 'memory (floor 1)'
refuses core/memory/oop.c '#  include  "imago/spur_image.h"' 'spur (floor 4)'
refuses formats/spur/spur_read.c '#include "imago/v3_image.h"' 'spur (floor 4)'
refuses formats/spur/spur_read.c '#include "../v3/v3_read.c"' 'another room'
refuses formats/v3/v3_read.c '#include "imago/check.h"' 'may never include'
refuses fuzz/fuzz_target.h '#include "../core/memory/heap.c"' 'another room'
refuses core/memory/oop.c '#include "nowhere.h"' 'no such header'
accepts core/memory/oop.c '#include "imago/error.h"'
accepts formats/spur/spur_write.c '#include "imago/heap.h"'
accepts fuzz/command.c '#include "../cli/imago_command.h"'
refuses fuzz/command.c '#include "../cli/command.h"' 'another room'

touch "$copy/core/include/imago/unplaced.h"
printf '#include "imago/unplaced.h"\n' >>"$copy/core/base/error.c"
"$root/ci/check_layers" "$copy" >/dev/null && fail "a public header without a room was accepted"

if [ "$failures" != 0 ]; then
	exit 1
fi
echo "every forbidden #include was refused"
