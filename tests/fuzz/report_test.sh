#!/bin/bash
# report_test.sh: ci/report on the logs of two short runs written here: the page has their figures, a curve
# for the one that found edges, the oracles' counts added up, and says what was not run.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

expect() { # WHAT PATTERN
	if ! grep -qE -- "$2" "$work/page.html"; then
		echo "$1: nothing like '$2'"
		failed=1
	fi
}

mkdir -p "$work/logs"
printf 'first valid\nsecond valid\n' >"$work/fuzz-targets"
cat >"$work/logs/first.log" <<'LOG'
INFO: Loaded 1 modules   (15914 inline 8-bit counters): 15914 [0x5, 0x6),
#64	pulse  cov: 100 ft: 1685 corp: 61/789Kb exec/s: 32 rss: 45Mb
#188	INITED cov: 250 ft: 4909 corp: 182/4879Kb exec/s: 47 rss: 100Mb
stat::number_of_executed_units: 188
stat::average_exec_per_sec:     47
LOG
printf 'first tiles 2\nfirst tiles 3\nfirst <doors> 1\n' >"$work/counts"
ci/report --build "$work" --out "$work/page.html" >"$work/said" || failed=1
expect 'the figures' '<td>first</td><td class="number">188</td><td class="number">47</td><td class="number">250</td>'
expect 'the counters' '<td class="number">15914</td>'
expect 'a target that was not run' '<td>second</td><td>-</td>'
expect 'a curve' 'first: 100 to 250 edges in 4 seconds'
expect 'the counts' '<td>tiles</td><td class="number">5</td>'
expect 'text made safe' '&lt;doors&gt;'
expect 'what is missing' 'Not run: <code>ci/fuzz</code>'
if ci/report --build "$work/none" 2>/dev/null; then
	echo 'a build that is not there is reported on'
	failed=1
fi
exit "$failed"
