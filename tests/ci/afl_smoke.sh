#!/bin/bash
# afl_smoke BUILD MUTATOR: builds a target and the planted crash with AFL++'s compiler, below
# BUILD, and runs ci/fuzz_stages/afl_smoke on them. Status 77: there is no AFL++ here.
set -euo pipefail
for program in afl-fuzz afl-clang-fast ninja; do
	command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
done
build=$1/afl
cd "$(dirname "$0")/../.."
# Without sanitizers: it is quicker to build, and the planted crash needs none.
{
	cmake --preset afl -B "$build" -DIMAGO_SANITIZE=
	AFL_QUIET=1 AFL_DONT_OPTIMIZE=1 cmake --build "$build" -j "$(nproc)" \
		--target planted_crash fuzz_read_v3
} >"$build.log" 2>&1 || { tail -n 40 "$build.log" && exit 1; }
ci/fuzz_stages/afl_smoke "$build" "$2"
