#!/bin/bash
# repro_bucket_test.sh PROGRAM: ci/repro_bucket on planted_crash: says nothing of an input that holds; names
# the oracle of one that does not, in one bucket whatever else is in the input; tells imago reduce
# which inputs to keep.
set -u
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

expect() { # WHAT FOUND WANTED
	if [ "$2" != "$3" ]; then
		echo "$1: '$2' instead of '$3'"
		failed=1
	fi
}

good=corpus/valid/v3/small.v3.image
cp corpus/valid/v3/varied.v3.image "$work/one"
{ head -c 512 /dev/urandom && cat corpus/valid/v3/varied.v3be.image; } >"$work/other"
IMAGO_PLANTED_LIMIT=$(stat -c %s "$good")
export IMAGO_PLANTED_LIMIT

expect 'output for an input that holds' "$(ci/repro_bucket "$program" "$good")" ''
ci/repro_bucket "$program" "$work/one" >"$work/report"
expect 'status for one that does not' $? 1
expect verdict "$(sed -n 's/^verdict //p' "$work/report")" 'oracle not_larger'
expect detail "$(sed -n 's/^detail //p' "$work/report")" 'imago_heap_data_size(heap) <= strtoull(limit, NULL, 10)'
bucket=$(sed -n 's/^bucket //p' "$work/report")
expect 'length of a bucket' "${#bucket}" 12
expect 'bucket of another input' \
	"$(ci/repro_bucket "$program" "$work/other" | sed -n 's/^bucket //p')" "$bucket"
ci/repro_bucket --unless "$bucket" "$program" "$work/other" >"$work/silent"
expect '--unless in the same bucket' $? 1
expect 'output of --unless' "$(cat "$work/silent")" ''
ci/repro_bucket --unless 000000000000 "$program" "$work/other"
expect '--unless in another bucket' $? 0
ci/repro_bucket --unless "$bucket" "$program" "$good"
expect '--unless where all holds' $? 0
exit "$failed"
