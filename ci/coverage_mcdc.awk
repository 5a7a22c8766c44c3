# coverage_mcdc.awk: MC/DC of the text that "llvm-cov-19 show -show-mcdc" prints, summed by file and by room.
# A condition of a decision of several counts as shown when two runs of the tests differ in it and in the
# decision, and in nothing else that was looked at. A decision of an inline function stands there once for every
# file that uses it: it counts as shown when it was in one of them.
# Variables: rooms, root (to take off paths), missing.

function percent(part, all) { return all ? 100 * part / all : 100 }

function row(name) {
	return sprintf("%-44s %9d %10d %7.1f %%", name, decisions[name], conditions[name],
		percent(shown[name], conditions[name]))
}

/^\/.*:$/ {
	file = substr($0, length(root) + 1, length($0) - length(root) - 1)
	names[++num_names] = file
	next
}

/^ *[0-9]+\|/ {
	split($0, part, "|")
	source[file, part[1] + 0] = substr($0, length(part[1]) + length(part[2]) + 3)
	next
}

/MC\/DC Decision Region \([0-9]+:[0-9]+\)/ {
	match($0, /\([0-9]+:[0-9]+\)/)
	decision = substr($0, RSTART + 1, RLENGTH - 2)
	if (!((file, decision) in seen)) {
		seen[file, decision] = 1
		decisions[file]++
	}
	next
}

/Condition C[0-9]+ --> \([0-9]+:[0-9]+\)/ {
	match($0, /C[0-9]+/)
	number = substr($0, RSTART + 1, RLENGTH - 1)
	match($0, /\([0-9]+:[0-9]+\)/)
	place[number] = substr($0, RSTART + 1, RLENGTH - 2)
	next
}

# "C2-Pair: covered: (1,3)", "C2-Pair: not covered", "C2-Pair: constant folded": that one cannot vary.
/C[0-9]+-Pair: / {
	match($0, /C[0-9]+/)
	number = substr($0, RSTART + 1, RLENGTH - 1)
	if ($0 ~ /folded/) next
	key = file SUBSEP decision SUBSEP place[number]
	if (!(key in known)) {
		known[key] = 1
		order[file, ++num_conditions[file]] = key
	}
	if ($0 !~ /not covered/) decides[key] = 1
}

END {
	for (n = 1; n <= num_names; n++) {
		name = names[n]
		for (i = 1; i <= num_conditions[name]; i++) {
			key = order[name, i]
			conditions[name]++
			shown[name] += decides[key]
			if (missing && !decides[key]) {
				split(key, part, SUBSEP)
				split(part[3], where, ":")
				text = source[name, where[1]]
				sub(/^[ \t]*/, "", text)
				printf "%s:%s: never shown to decide: %s\n", name, part[3], text
			}
		}
		room = name
		sub(/\/[^\/]*$/, "", room)
		decisions[room] += decisions[name]; conditions[room] += conditions[name]
		shown[room] += shown[name]
	}
	if (missing) print ""
	printf "%-44s %9s %10s %9s\n", "decisions of several conditions", "decisions", "conditions", "MC/DC"
	for (n = 1; n <= num_names; n++) if (conditions[names[n]]) print row(names[n])
	print ""
	num_rooms = split(rooms, room_names, " ")
	for (i = 1; i <= num_rooms; i++) print row(room_names[i])
}
