# bugbench.awk: the table of ci/bugbench. Input: the bugs (name, class, reach), then lines of runs:
# variant, engine, seed, bug, and runs and milliseconds until reached, triggered and detected (0: not).
# -v record=1: one line per variant, engine and bug instead.

FNR == NR {
	bugs[++num_bugs] = $1
	class[$1] = $2
	reach[$1] = $3
	next
}

{ combination = $1 SUBSEP $2 }

$4 == "all" {
	seen[combination] = 1
	variants[$1] = 1
	engines[$2] = 1
	num_seeds[combination]++
	total_runs[combination] += $5
	total_ms[combination] += $6
	next
}

{
	for (level = 0; level < 3; level++) {
		run = $(5 + 2 * level)
		ms = $(6 + 2 * level)
		place = combination SUBSEP $4 SUBSEP level
		# Not yet at the cap: larger than all that was measured.
		runs_of[place, ++count[place]] = run > 0 ? run : infinity()
		ms_of[place, count[place]] = run > 0 ? ms : infinity()
		found[place] += run > 0
	}
	if ($12 != "-") by[$4, $12 "/" $13]++
}

function infinity() { return 1e15 }

function median_of(values, place, n,    sorted, i, j, value) {
	for (i = 1; i <= n; i++) {
		value = values[place, i]
		for (j = i - 1; j >= 1 && sorted[j] > value; j--) sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
	if (n == 0) return infinity()
	# Of an even number the upper one: a median that half of the runs have not reached is none.
	return sorted[int(n / 2) + 1]
}

function runs_text(runs) {
	if (runs >= infinity()) return "-"
	if (runs >= 1e6) return sprintf("%.1fM", runs / 1e6)
	if (runs >= 1e4) return sprintf("%.0fk", runs / 1e3)
	return runs
}

function seconds_text(ms) {
	return ms >= infinity() ? ">" cap_text : sprintf("%.1f", ms / 1000)
}

# Mann and Whitney's test with the normal approximation, ties corrected; two-sided.
function rank_sum_p(place_a, n_a, place_b, n_b,    all, from_a, n, i, j, k, value, origin, rank, sum, ties, mean, variance, z) {
	if (n_a == 0 || n_b == 0) return 1
	n = 0
	for (i = 1; i <= n_a + n_b; i++) {
		value = i <= n_a ? ms_of[place_a, i] : ms_of[place_b, i - n_a]
		origin = i <= n_a
		for (j = n; j >= 1 && all[j] > value; j--) {
			all[j + 1] = all[j]
			from_a[j + 1] = from_a[j]
		}
		all[j + 1] = value
		from_a[j + 1] = origin
		n++
	}
	sum = ties = 0
	for (i = 1; i <= n; i = j) {
		for (j = i; j <= n && all[j] == all[i]; j++) { }
		rank = (i + j - 1) / 2
		for (k = i; k < j; k++) if (from_a[k]) sum += rank
		ties += (j - i) ^ 3 - (j - i)
	}
	mean = n_a * (n + 1) / 2
	variance = n_a * n_b / 12 * (n + 1 - ties / (n * (n - 1)))
	if (variance <= 0) return 1
	z = (sum - mean) / sqrt(variance)
	return 2 * upper_tail(z < 0 ? -z : z)
}

# Of the normal distribution; Abramowitz and Stegun 26.2.17.
function upper_tail(z,    t) {
	t = 1 / (1 + 0.2316419 * z)
	return exp(-z * z / 2) / 2.506628274631 * t * (0.319381530 + t * (-0.356563782 + \
		t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
}

function cell(combination, bug,    place, n) {
	place = combination SUBSEP bug SUBSEP
	n = count[place 2]
	return sprintf("%6s %6s %6s %6s %5s", runs_text(median_of(runs_of, place 0, n)), \
		runs_text(median_of(runs_of, place 1, n)), runs_text(median_of(runs_of, place 2, n)), \
		seconds_text(median_of(ms_of, place 2, n)), found[place 2] + 0 "/" n)
}

function record_all(    v, e, i, place, n, combination) {
	for (e = 1; e <= 2; e++) for (v = 1; v <= 3; v++) {
		combination = variant_names[v] SUBSEP engine_names[e]
		for (i = 1; i <= num_bugs && combination in seen; i++) {
			place = combination SUBSEP bugs[i] SUBSEP
			n = count[place 2]
			runs = median_of(runs_of, place 2, n)
			ms = median_of(ms_of, place 2, n)
			printf "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", variant_names[v], engine_names[e], bugs[i], \
				(runs < infinity() ? runs : 0), (ms < infinity() ? ms : 0), found[place 2], n
		}
	}
}

function table_of(engine,    v, i, j, line, bug, fair, own, place_f, place_o, a, b, ratio, p, mark, n_ratios, ratios, last, title, k, oracle, most, best) {
	fair = "dictionary" SUBSEP engine
	own = "structured" SUBSEP engine
	printf "\n%s: median runs until reached, triggered, detected; seconds of CPU; seeds that detected\n\n", engine
	title = sprintf("%-24s", "")
	line = sprintf("%-24s", "bug")
	for (v = 1; v <= 3; v++) if ((variant_names[v] SUBSEP engine) in seen) {
		title = title sprintf(" | %-33s", variant_names[v])
		line = line sprintf(" | %6s %6s %6s %6s %5s", "reach", "trig", "detect", "CPU s", "seeds")
	}
	print title
	print line " |  ratio      p  seen by (most often)"
	last = ""
	for (i = 1; i <= num_bugs; i++) {
		bug = bugs[i]
		if (class[bug] != last) printf "%s\n", last = class[bug]
		mark = reach[bug] == "WITHIN" ? "" : reach[bug] == "FAR" ? " (far)" : " (never)"
		line = sprintf("%-24s", " " bug mark)
		for (v = 1; v <= 3; v++) if ((variant_names[v] SUBSEP engine) in seen)
			line = line " | " cell(variant_names[v] SUBSEP engine, bug)
		ratio = "-"
		p = "-"
		place_f = fair SUBSEP bug SUBSEP 2
		place_o = own SUBSEP bug SUBSEP 2
		if (fair in seen && own in seen) {
			a = median_of(ms_of, place_f, count[place_f])
			b = median_of(ms_of, place_o, count[place_o])
			if (b < infinity()) {
				if (b < 1) b = 1
				ratio = a < infinity() ? sprintf("%.1f", a / b) : sprintf(">%.0f", cap_text * 1000 / b)
				if (reach[bug] == "WITHIN")
					ratios[++n_ratios] = a < infinity() ? a / b : cap_text * 1000 / b
			}
			if (found[place_f] + found[place_o] > 0)
				p = sprintf("%.4f", rank_sum_p(place_f, count[place_f], place_o, count[place_o]))
		}
		most = 0
		best = ""
		for (k in by) {
			split(k, oracle, SUBSEP)
			if (oracle[1] == bug && (by[k] > most || (by[k] == most && oracle[2] < best))) {
				most = by[k]
				best = oracle[2]
			}
		}
		printf "%s | %6s %6s  %s\n", line, ratio, p, best
	}
	print ""
	for (v = 1; v <= 3; v++) if ((variant_names[v] SUBSEP engine) in seen)
		summary(variant_names[v] SUBSEP engine, variant_names[v], engine)
	if (n_ratios > 0) {
		for (i = 2; i <= n_ratios; i++) {
			a = ratios[i]
			for (j = i - 1; j >= 1 && ratios[j] > a; j--) ratios[j + 1] = ratios[j]
			ratios[j + 1] = a
		}
		printf "%s: CPU time of dictionary / structured, median of %d bugs that structured detects: %.1f%s\n", \
			engine, n_ratios, (n_ratios % 2 ? ratios[(n_ratios + 1) / 2] : \
			(ratios[n_ratios / 2] + ratios[n_ratios / 2 + 1]) / 2), " (what was not detected counts as the cap)"
	}
}

function summary(combination, variant, engine,    i, bug, place, any, half, within, far, far_any, names) {
	for (i = 1; i <= num_bugs; i++) {
		bug = bugs[i]
		place = combination SUBSEP bug SUBSEP 2
		if (reach[bug] == "WITHIN") {
			within++
			any += found[place] > 0
			half += median_of(ms_of, place, count[place]) < infinity()
			if (found[place] == 0) names = names " " bug
		} else if (reach[bug] == "FAR") {
			far++
			far_any += found[place] > 0
		}
	}
	printf "%s/%s: detected by half of the seeds %d of %d, by any %d; of the far ones %d of %d; %d seeds, %.0f runs per CPU second\n", \
		variant, engine, half, within, any, far_any, far, num_seeds[combination], \
		(total_ms[combination] > 0 ? total_runs[combination] / total_ms[combination] * 1000 : 0)
	if (names != "") printf "    not detected:%s\n", names
}

END {
	split("bytes dictionary structured", variant_names, " ")
	split("libfuzzer afl", engine_names, " ")
	if (record) {
		record_all()
	} else {
		for (e = 1; e <= 2; e++) if (engine_names[e] in engines) table_of(engine_names[e])
	}
}
