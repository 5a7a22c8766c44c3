#!/bin/sh
# run_case.sh [--bless] CASE...: runs the command lines of cases/CASE and compares what they print.
#
# A case is a folder: cmd (a line for sh), and what is expected of it: stdout, stderr (absent: empty)
# and status (absent: 0). cmd runs in an empty folder and may use
#   $IMAGO   the command            $CASE    the case's folder, for input files
#   $IMAGES  the real images; a case that uses it is skipped where there are none
# A case with a file needs (a line for sh, with $IMAGO) is skipped where that fails.
# --bless writes down what is printed now as what is expected. Without CASE all cases run.
#
# Exit status: 0 as expected, 1 not, 2 usage, 77 skipped. $IMAGO is taken from the environment.
set -u

here=$(cd "$(dirname "$0")" && pwd)
IMAGES=${IMAGES:-$here/../../../shared/images}
[ -d "$IMAGES" ] && IMAGES=$(cd "$IMAGES" && pwd)
bless=no
if [ "${1-}" = --bless ]; then
	bless=yes
	shift
fi
if [ -z "${IMAGO-}" ]; then
	echo "run_case.sh: IMAGO must name the command" >&2
	exit 2
fi
# Commands run elsewhere.
case $IMAGO in
/*) ;;
*/*) IMAGO=$PWD/$IMAGO ;;
esac
if [ $# -eq 0 ]; then
	for folder in "$here"/cases/*/; do
		set -- "$@" "$(basename "$folder")"
	done
fi

scratch=$(mktemp -d) || exit 2
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT
trap 'exit 2' HUP INT TERM

# Replaces the folders that differ from machine to machine by the variables' names.
neutral() {
	sed -e "s|$scratch/work|\$TMP|g" -e "s|$IMAGES|\$IMAGES|g" "$1"
}

# Writes or compares one expectation: NAME, what was printed.
settle() {
	if [ "$bless" = yes ]; then
		if [ -s "$2" ]; then
			cp "$2" "$CASE/$1"
		else
			rm -f "$CASE/$1"
		fi
		return 0
	fi
	expected=$CASE/$1
	[ -e "$expected" ] || expected=/dev/null
	diff -u "$expected" "$2" >"$scratch/diff" && return 0
	echo "--- $1 of $name differs (expected, printed):"
	cat "$scratch/diff"
	return 1
}

run_case() {
	CASE=$here/cases/$name
	if [ ! -f "$CASE/cmd" ]; then
		echo "run_case.sh: no case is called $name" >&2
		return 2
	fi
	if grep -q 'IMAGES' "$CASE/cmd" && [ ! -d "$IMAGES" ]; then
		echo "skipped: no real images: $name"
		return 77
	fi
	if [ -f "$CASE/needs" ]; then
		mkdir "$scratch/work"
		(cd "$scratch/work" && IMAGO=$IMAGO sh "$CASE/needs") </dev/null >/dev/null 2>&1
		status=$?
		rm -rf "$scratch/work"
		if [ "$status" -ne 0 ]; then
			echo "skipped: this system does not do what it needs: $name"
			return 77
		fi
	fi
	mkdir "$scratch/work"
	(
		cd "$scratch/work" || exit 99
		TMP=$scratch/work
		export IMAGO IMAGES CASE TMP
		# A core file or a message of the shell's own would only blur a crash: the status tells it.
		ulimit -c 0
		exec sh "$CASE/cmd"
	) </dev/null >"$scratch/out" 2>"$scratch/err"
	status=$?
	neutral "$scratch/out" >"$scratch/stdout"
	neutral "$scratch/err" >"$scratch/stderr"
	: >"$scratch/status"
	[ "$status" -eq 0 ] || echo "$status" >"$scratch/status"
	chmod -R u+rwx "$scratch/work"
	rm -rf "$scratch/work"
	good=0
	for part in stdout stderr status; do
		settle "$part" "$scratch/$part" || good=1
	done
	return $good
}

result=0
ran=no
for name in "$@"; do
	run_case
	case $? in
	0) ran=yes; [ $# -eq 1 ] || echo "ok $name" ;;
	77) ;;
	2) exit 2 ;;
	*) ran=yes; result=1; echo "not ok $name" ;;
	esac
done
[ "$ran" = yes ] || exit 77
exit $result
