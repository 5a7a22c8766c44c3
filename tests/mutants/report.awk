# report.awk: the table of ci/mutants, and its verdict, from results.tsv and fates.tsv.
FILENAME ~ /results\.tsv$/ {
	fate[$1] = $2
	next
}
{
	if (!($3 in seen)) {
		seen[$3] = 1
		files[++num_files] = $3
	}
	if ($11 == "before") fate[$1] = "killed"
	else if ($11 != "tried") {
		count[$3, $11]++
		total[$11]++
		next
	}
	if (!($1 in fate)) next
	result = fate[$1] == "survived" || fate[$1] == "unreached" ? fate[$1] : "killed"
	count[$3, result]++
	total[result]++
	operator_total[$7]++
	operator_killed[$7] += result == "killed"
	if (result != "killed")
		survivors[++num_survivors] = sprintf("%s:%d:%d: %s in %s: %s  ->  %s", $3, $4, $5, $7 (result == "unreached" ? " (unreached)" : ""), $6, $9, $10)
}
function row(name, killed, survived, unreached, equivalent, judged, duplicate) {
	tried = killed + survived + unreached
	printf "%-34s %7d %7d %8d %9d %11d %7d %9d %7s\n", name, tried, killed, survived, unreached, equivalent, judged, duplicate,
		tried ? sprintf("%.1f", 100 * killed / tried) : "-"
}
END {
	printf "%-34s %7s %7s %8s %9s %11s %7s %9s %7s\n", "file", "tried", "killed", "survived", "unreached", "equivalent", "judged", "duplicate", "score %"
	for (i = 1; i <= num_files; i++) {
		f = files[i]
		row(f, count[f, "killed"], count[f, "survived"], count[f, "unreached"], count[f, "equivalent"], count[f, "judged"], count[f, "duplicate"])
	}
	row("all", total["killed"], total["survived"], total["unreached"], total["equivalent"], total["judged"], total["duplicate"])
	for (name in operator_total)
		printf "  %-10s %d of %d killed\n", name, operator_killed[name], operator_total[name] | "sort"
	close("sort")
	for (i = 1; i <= num_survivors; i++) print survivors[i]
	n = total["killed"] + total["survived"] + total["unreached"]
	if (n == 0) {
		print "no mutant was tried"
		exit 1
	}
	p = total["killed"] / n
	# Wilson's interval; without a sample there is nothing to estimate.
	if (sample > 0) {
		z = 1.96
		middle = (p + z * z / (2 * n)) / (1 + z * z / n)
		half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
		printf "score %.1f %% of %d sampled mutants (95 %% interval: %.1f to %.1f %%)\n", 100 * p, n, 100 * (middle - half), 100 * (middle + half)
	} else {
		printf "score %.1f %% of %d mutants\n", 100 * p, n
	}
	exit p < 0.9
}
