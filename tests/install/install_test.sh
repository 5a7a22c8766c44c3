#!/bin/bash
# install_test BUILD COMPILER GENERATOR: installs the build, then builds and runs a program against it, found by
# find_package (static and shared) and by pkg-config.
set -eu
build=$1 compiler=$2 generator=$3
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cmake --install "$build" --prefix "$place/usr" >"$place/log" 2>&1 || { cat "$place/log"; exit 1; }

works() {
	local said
	said=$(LD_LIBRARY_PATH=$(dirname "$(find "$place/usr" -name libimago.so)") "$1")
	[ "$said" = works ] || { echo "FAILED: $1 said: $said"; exit 1; }
}

cmake -G "$generator" -S "$here/consumer" -B "$place/consumer" -DCMAKE_PREFIX_PATH="$place/usr" \
	-DCMAKE_C_COMPILER="$compiler" >"$place/log" 2>&1 &&
	cmake --build "$place/consumer" >>"$place/log" 2>&1 || { cat "$place/log"; exit 1; }
works "$place/consumer/consumer_static"
works "$place/consumer/consumer_shared"

# The .pc file finds the prefix from where it lies: the configuration's was another.
pc=$(find "$place/usr" -name imago.pc)
# shellcheck disable=SC2046 # flags
"$compiler" "$here/consumer/consumer.c" -o "$place/by_pkg_config" \
	$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs imago)
works "$place/by_pkg_config"

# And from C++, where there is a compiler for it.
if command -v c++ >/dev/null; then
	# shellcheck disable=SC2046
	c++ -std=c++20 -x c++ "$here/consumer/consumer.c" -x none -o "$place/as_cxx" \
		$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs imago)
	works "$place/as_cxx"
fi
"$place/usr/bin/imago" --version >/dev/null || { echo "FAILED: the installed command"; exit 1; }
echo "the installed library serves a program, found both ways"
