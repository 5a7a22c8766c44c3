#!/bin/bash
# clusterfuzzlite_test [SANITIZER/ENGINE…]: runs .clusterfuzzlite/build.sh in the environment that
# OSS-Fuzz and ClusterFuzzLite set (default: address/libfuzzer; also undefined/libfuzzer,
# memory/libfuzzer, coverage/libfuzzer, address/afl), then looks at what it left as they do: each
# declared target has its program, seeds, dictionary and options, and, driven by libFuzzer, runs on
# its unpacked seeds. Status 77: no clang, zip or unzip.
set -euo pipefail
for program in clang clang++ cmake ninja zip unzip; do
	command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
done
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- address/libfuzzer
failures=0

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# environment SANITIZER ENGINE: what infra/base-images/base-builder of OSS-Fuzz exports.
environment() {
	local sanitize='' cover=-fsanitize=fuzzer-no-link cxx_extra=-stdlib=libc++
	local undefined=array-bounds,bool,builtin,enum,integer-divide-by-zero,null,object-size,return
	undefined+=,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound
	case $1 in
	address) sanitize="-fsanitize=address -fsanitize-address-use-after-scope" ;;
	undefined) sanitize="-fsanitize=$undefined -fno-sanitize-recover=$undefined" ;;
	memory) sanitize="-fsanitize=memory -fsanitize-memory-track-origins" ;;
	coverage) cover="-fprofile-instr-generate -fcoverage-mapping -pthread" ;;
	esac
	export SANITIZER=$1 FUZZING_ENGINE=$2 FUZZING_LANGUAGE=c ARCHITECTURE=x86_64
	export SRC=$work/src WORK=$work/work OUT=$work/out
	export CC=clang CXX=clang++ LIB_FUZZING_ENGINE=-fsanitize=fuzzer
	if [ "$2" = afl ]; then
		export CC=afl-clang-fast CXX=afl-clang-fast++ AFL_QUIET=1
		export LIB_FUZZING_ENGINE=/usr/lib/afl/libAFLDriver.a
		cover=
	fi
	echo 'int main() {}' >"$work/probe.cc"
	if ! clang++ "$cxx_extra" "$work/probe.cc" -o "$work/probe" 2>/dev/null; then
		echo "note: no libc++ here; linked with libstdc++ instead"
		cxx_extra=
	fi
	export CFLAGS="-O1 -fno-omit-frame-pointer -gline-tables-only $sanitize $cover"
	CFLAGS+=" -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
	export CXXFLAGS="$CFLAGS $cxx_extra"
}

# there OUT NAME: everything of that target is there; says what is not.
there() {
	local out=$1 name=fuzz_$2 missing='' given
	[ -x "$out/$name" ] && grep -q LLVMFuzzerTestOneInput "$out/$name" || missing+=" program"
	grep -q '=' "$out/$name.dict" 2>/dev/null || missing+=" dictionary"
	grep -q '^\[libfuzzer\]' "$out/$name.options" 2>/dev/null || missing+=" options"
	# shellcheck disable=SC2046,SC2086 # folders have no spaces
	given=$(cd "$root" && find $(. ci/fuzz_stages/common && seed_folders "$WORK/imago" "$2") \
		-type f | wc -l)
	[ "$(zipinfo -1 "$out/${name}_seed_corpus.zip" '*[!/]' 2>/dev/null | wc -l)" = "$given" ] ||
		missing+=" seeds"
	[ -z "$missing" ] || echo "$name lacks:$missing"
	[ -z "$missing" ]
}

# run NAME: on its unpacked seeds, with its options, as run_fuzzer does.
run() {
	local name=fuzz_$1 seeds=$work/seeds/$1 options
	mkdir -p "$seeds"
	unzip -q -o -d "$seeds" "$OUT/${name}_seed_corpus.zip"
	mapfile -t options < <(sed -n '/^\[libfuzzer\]/,/^\[[^l]/s/^\([a-z_]*\) *= *\(.*\)/-\1=\2/p' \
		"$OUT/$name.options")
	if ! (cd "$OUT" && "./$name" "${options[@]}" "-dict=$name.dict" -runs=0 "$seeds") \
		>"$work/$1.log" 2>&1; then
		echo "FAILED: $name on its seeds:"
		tail -n 15 "$work/$1.log"
		return 1
	fi
	local given
	given=$(find "$seeds" -type f -size +0c | wc -l)
	grep -q "^INFO: seed corpus: files: $given " "$work/$1.log" || {
		echo "FAILED: $name did not load its seeds"
		return 1
	}
	rm -rf "$seeds"
}
export -f run
export work

for kind in "$@"; do
	environment "${kind%/*}" "${kind#*/}"
	rm -rf "$SRC" "$WORK" "$OUT"
	mkdir -p "$SRC" "$WORK" "$OUT"
	ln -s "$root" "$SRC/imago"
	cp "$root/.clusterfuzzlite/build.sh" "$SRC/"
	bash -eu "$SRC/build.sh" >"$work/build.log" 2>&1 || {
		fail "$kind: build.sh"
		tail -n 40 "$work/build.log"
		continue
	}
	mapfile -t names < <(sed -n 's/^ *imago_fuzz_target(\([a-z0-9_]*\)[ )].*/\1/p' \
		"$root/fuzz/CMakeLists.txt")
	[ ${#names[@]} -gt 0 ] || fail "no target is declared"
	for name in "${names[@]}"; do
		there "$OUT" "$name" || fail "$kind: $name"
		! ldd "$OUT/fuzz_$name" | grep -E 'sodium|json' || fail "$kind: $name needs a library"
	done
	if [ "${kind#*/}" = libfuzzer ]; then
		printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I {} bash -c 'run {}' ||
			fail "$kind: seeds"
	fi
	echo "$kind: ${#names[@]} targets"
done

# What the services would pass over in silence is noticed here.
name=${names[0]}
for file in "fuzz_$name" "fuzz_${name}_seed_corpus.zip" "fuzz_$name.dict" "fuzz_$name.options"; do
	mv "$OUT/$file" "$OUT/$file.gone"
	! there "$OUT" "$name" >/dev/null || fail "$file was not missed"
	mv "$OUT/$file.gone" "$OUT/$file"
done
for mode in code-change batch prune coverage; do
	grep -qr "mode: $mode\$" "$root/.github/workflows" || fail "no workflow for mode $mode"
done
[ "$failures" = 0 ]
