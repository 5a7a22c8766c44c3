#!/bin/bash
# peer_test CASE IMAGO: a real virtual machine runs what imago wrote as it runs the original (README.md).
# Exit status 77, with a reason, where there is no such machine or no images.
set -u
case=$1 imago=$2
images=$(cd ../shared/images 2>/dev/null && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
seconds=5

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAILED: $*"
	exit 1
}

# run MACHINE IMAGE: sets fate to "ended with N" or "alive" (after some seconds), and output.
run() {
	local status=0
	output=$(cd "$place" && timeout --kill-after=2 "$seconds" $1 "$2" </dev/null 2>&1) || status=$?
	case $status in
	124 | 137) fate=alive ;;
	*) fate="ended with $status" ;;
	esac
	echo "$(basename "$2"): $fate"
}

# lives_as WANTED IMAGE ARGUMENT…: the original of shared images and what "imago convert" with the
# arguments makes of it both meet that fate, with the same output.
lives_as() {
	local wanted=$1 image=$2 original
	shift 2
	cp "$image" "$place/original.image" && chmod u+w "$place/original.image"
	run "$machine" "$place/original.image"
	[ "$fate" = "$wanted" ] || skip "the machine does not run $image itself: $fate"
	original=$output
	"$imago" convert "$image" "$place/ours.image" "$@" || fail "imago convert $image $*"
	cmp -s "$image" "$place/ours.image" && fail "imago convert $image $* changed nothing"
	run "$machine" "$place/ours.image"
	[ "$fate" = "$wanted" ] || fail "$image after convert $*: $fate: $output"
	[ "$output" = "$original" ] || fail "$image after convert $* prints $output"
}

# The machine must be able to tell: it refuses an image whose special objects are elsewhere.
refuses_broken() {
	"$imago" convert "$1" "$place/broken.image" --byte-order big || fail "imago convert $1"
	printf '\377\377\377\370' | dd of="$place/broken.image" bs=1 seek=12 conv=notrunc status=none
	run "$machine" "$place/broken.image"
	[[ $fate == "ended with "[1-9]* ]] || fail "the machine runs a broken image: $fate"
}

# The machine of Debian's squeak-vm, without a display, unless IMAGO_PEER_V3 names a command.
find_v3_machine() {
	machine=${IMAGO_PEER_V3-}
	if [ -z "$machine" ]; then
		machine=$(find /usr/lib/squeak -name squeakvm -type f 2>/dev/null | head -n 1)
		[ -n "$machine" ] || skip "no V3 machine: ci/setup --peers, or IMAGO_PEER_V3=COMMAND"
		machine+=" -vm-display-null -vm-sound-null"
	fi
}

# spur_peer COMMAND IMAGE: moved, cut into segments, and through a folder and back.
spur_peer() {
	machine=$1
	run "$machine" "$2"
	local wanted=$fate
	lives_as "$wanted" "$2" --base 0x2000000
	lives_as "$wanted" "$2" --segments 3
	"$imago" convert "$2" "$place/folder" --to composed || fail "imago convert --to composed"
	"$imago" convert "$place/folder" "$place/back.image" --to "$case" || fail "imago convert --to $case"
	run "$machine" "$place/back.image"
	[ "$fate" = "$wanted" ] || fail "$2 after a composed image: $fate"
}

# kernel_peer LAYOUT…: the machine runs each program of "imago make --kernel" to its end, and what it
# prints is what "imago run" prints. A layout may have a format number and bytecodes behind it.
kernel_peer() {
	local layout program ours
	for layout in "$@"; do
		for program in hello loop sends allocation blocks floats large processes timer objects unwinding; do
			# This machine turns Floats of an image in the other byte order by the format number,
			# not by the flag that says which half comes first (v3.md, section 7).
			[ "$layout:$program" = v3be:floats ] && continue
			# shellcheck disable=SC2086 # words
			"$imago" make "$place/kernel.image" --kernel --program $program --layout $layout \
				2>"$place/refused" || {
				grep -q "program of that name in this format" "$place/refused" && continue
				fail "imago make --kernel --program $program --layout $layout"
			}
			ours=$("$imago" run "$place/kernel.image") || fail "imago run: $program in $layout"
			run "$machine" "$place/kernel.image"
			[ "$fate" = "ended with 0" ] || fail "$program in $layout: $fate: $output"
			[ "$output" = "$ours" ] || fail "$program in $layout prints $output, not $ours"
		done
	done
}

case $case in scratch_lives | kernel_*) ;; *) [ -n "$images" ] || skip "no real images" ;; esac
case $case in
v3_ends)
	find_v3_machine
	refuses_broken "$images/v3-6502-running-exit.image"
	lives_as "ended with 0" "$images/v3-6502-running-exit.image" --byte-order big
	lives_as "ended with 0" "$images/v3-6502-running-exit.image" --base 0x1000000
	;;
v3_lives)
	find_v3_machine
	lives_as alive "$images/v3-6502-mini.image" --byte-order big --base 0x40000
	lives_as alive "$images/v3-6502-be-squeakjs.image" --byte-order little
	;;
scratch_lives)
	find_v3_machine
	image=/usr/share/scratch/Scratch.image
	[ -f "$image" ] || skip "no $image: ci/setup --peers"
	seconds=2
	lives_as alive "$image" --byte-order big
	;;
spur32)
	[ -n "${IMAGO_PEER_SPUR32-}" ] || skip "no Spur 32-bit machine: IMAGO_PEER_SPUR32=COMMAND"
	spur_peer "$IMAGO_PEER_SPUR32" "$images/spur32-6521-headless.image"
	;;
spur64)
	[ -n "${IMAGO_PEER_SPUR64-}" ] || skip "no Spur 64-bit machine: IMAGO_PEER_SPUR64=COMMAND"
	spur_peer "$IMAGO_PEER_SPUR64" "$images/spur64-68021-pharo-vm.image"
	;;
kernel_v3)
	find_v3_machine
	"$imago" make "$place/broken.image" --kernel --layout v3 || fail "imago make --kernel"
	printf '\377\377\377\370' | dd of="$place/broken.image" bs=1 seek=16 conv=notrunc status=none
	run "$machine" "$place/broken.image"
	[ "$fate" = "ended with 0" ] && fail "the machine runs a broken image"
	kernel_peer v3 v3be "v3 --format 6504" "v3 --format 6502" "v3be --format 6502"
	;;
kernel_spur32)
	[ -n "${IMAGO_PEER_SPUR32-}" ] || skip "no Spur 32-bit machine: IMAGO_PEER_SPUR32=COMMAND"
	machine=$IMAGO_PEER_SPUR32
	kernel_peer "spur32 --bytecodes ${IMAGO_PEER_BYTECODES:-v3}"
	;;
kernel_spur64)
	[ -n "${IMAGO_PEER_SPUR64-}" ] || skip "no Spur 64-bit machine: IMAGO_PEER_SPUR64=COMMAND"
	machine=$IMAGO_PEER_SPUR64
	kernel_peer "spur64 --bytecodes ${IMAGO_PEER_BYTECODES:-v3}"
	;;
*) fail "no such case: $case" ;;
esac
