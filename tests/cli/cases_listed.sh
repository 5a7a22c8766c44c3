#!/bin/sh
# cases_listed.sh NAME...: fails unless the names are exactly the folders of cases/.
cd "$(dirname "$0")/cases" || exit 2
listed=$(printf '%s\n' "$@" | LC_ALL=C sort)
present=$(ls | LC_ALL=C sort)
if [ "$listed" != "$present" ]; then
	echo "tests/cli/CMakeLists.txt and tests/cli/cases differ:"
	{ printf '%s\n' "$listed" | sed 's/^/listed /'; printf '%s\n' "$present" | sed 's/^/present /'; } |
		LC_ALL=C sort -k2 | uniq -u -f1
	exit 1
fi
