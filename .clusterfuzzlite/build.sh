#!/bin/bash -eu
# Builds every fuzz target for ClusterFuzzLite and OSS-Fuzz, which set CC, CXX, CFLAGS, CXXFLAGS,
# LIB_FUZZING_ENGINE, SRC, WORK and OUT. For each target fuzz_NAME, OUT gets
#   fuzz_NAME                   the program; it needs no library that the machine may not have
#   fuzz_NAME_seed_corpus.zip   the embedded corpus, with its folders, so that no file hides another
#   fuzz_NAME.dict              the words of its format, or of all formats
#   fuzz_NAME.options           fuzz/options/NAME.options, or common.options
# Tested by tests/ci/clusterfuzzlite_test.sh.
cd "$SRC/imago"
. ci/fuzz_stages/common

cmake -G Ninja -S . -B "$WORK/imago" -DCMAKE_BUILD_TYPE=None -DBUILD_TESTING=OFF \
	-DIMAGO_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" -DIMAGO_STATIC_DEPENDENCIES=ON
cmake --build "$WORK/imago" --target fuzz_all

for name in $(target_names "$WORK/imago"); do
	cp "$WORK/imago/bin/fuzz_$name" "$OUT/"
	rm -f "$OUT/fuzz_${name}_seed_corpus.zip"
	mapfile -t seeds < <(seed_folders "$WORK/imago" "$name")
	zip -q -r "$OUT/fuzz_${name}_seed_corpus.zip" "${seeds[@]}"
	dictionary "$name" >"$OUT/fuzz_$name.dict"
	options=fuzz/options/$name.options
	[ -f "$options" ] || options=fuzz/options/common.options
	cp "$options" "$OUT/fuzz_$name.options"
done
