# coverage.awk: lines and branches of the text that "llvm-cov show -show-branches=count" prints, summed by file
# and by room. An inline function of a header stands there once for every file that uses it: a branch counts
# as reached when it was in one of them.
# Variables: rooms, floor, lower_floors ("room=percent …"), root (to take off paths), missing, excluded (a file).

function percent(reached, all) { return all ? 100 * reached / all : 100 }

function row(name, what) {
	return sprintf("%-44s %8d %7.1f %% %8d %7.1f %%%s", name, lines[name],
		percent(lines_reached[name], lines[name]), branches[name],
		percent(branches_reached[name], branches[name]), what)
}

# The excluding rule of a source line, or 0.
function excluding(name, text,   i) {
	for (i = 1; i <= num_rules; i++) {
		if (name == rule_file[i] && text ~ rule_pattern[i]) return i
	}
	return 0
}

BEGIN {
	num_lower = split(lower_floors, pairs, " ")
	for (i = 1; i <= num_lower; i++) {
		split(pairs[i], pair, "=")
		lower[pair[1]] = pair[2]
	}
	# One rule a line: file, pattern of its source lines, reason; separated by tabs.
	while ((getline rule < excluded) > 0) {
		if (rule ~ /^#/ || rule == "") continue
		split(rule, part, "\t")
		rule_file[++num_rules] = part[1]
		rule_pattern[num_rules] = part[2]
		rule_reason[num_rules] = part[3]
	}
}

/^\/.*:$/ {
	file = substr($0, length(root) + 1, length($0) - length(root) - 1)
	names[++num_names] = file
	next
}

# "   25|    917|	if (…) {": line number, runs of the line (none where there is no code), source.
/^ *[0-9]+\|/ {
	split($0, part, "|")
	number = part[1] + 0
	runs = part[2]
	gsub(/ /, "", runs)
	text = substr($0, length(part[1]) + length(part[2]) + 3)
	source[file, number] = text
	if (runs != "") {
		rule = excluding(file, text)
		if (rule) next
		lines[file]++
		lines_reached[file] += runs != "0"
		if (runs == "0") dark[file] = dark[file] " " number
	}
	next
}

# "  |  Branch (25:6): [True: 85, False: 832]"; the conditions of an instantiation are further right.
/Branch \([0-9]+:[0-9]+\): \[True/ {
	match($0, /\([0-9]+:[0-9]+\)/)
	place = substr($0, RSTART + 1, RLENGTH - 2)
	key = file SUBSEP place
	if (!(key in seen)) {
		seen[key] = 1
		places[file, ++num_places[file]] = place
	}
	if ($0 !~ /True: 0[],]/) is_true[key] = 1
	if ($0 !~ /False: 0[],]/) is_false[key] = 1
}

END {
	for (n = 1; n <= num_names; n++) {
		name = names[n]
		for (i = 1; i <= num_places[name]; i++) {
			key = name SUBSEP places[name, i]
			split(places[name, i], part, ":")
			text = source[name, part[1]]
			rule = excluding(name, text)
			if (rule) {
				rule_branches[rule] += 2
				continue
			}
			branches[name] += 2
			branches_reached[name] += is_true[key] + is_false[key]
			if (is_true[key] + is_false[key] < 2) {
				never = is_true[key] ? "false" : is_false[key] ? "true" : "reached"
				sub(/^[ \t]*/, "", text)
				hidden[name] = hidden[name] sprintf("%s:%s: never %s: %s\n", name, places[name, i],
					never, text)
			}
		}
		room = name
		sub(/\/[^\/]*$/, "", room)
		lines[room] += lines[name]; lines_reached[room] += lines_reached[name]
		branches[room] += branches[name]; branches_reached[room] += branches_reached[name]
	}
	if (missing) {
		for (n = 1; n <= num_names; n++) {
			printf "%s", hidden[names[n]]
			if (dark[names[n]] != "") printf "%s: lines never reached:%s\n", names[n], dark[names[n]]
		}
		print ""
	}
	printf "%-44s %8s %9s %8s %9s\n", "file", "lines", "reached", "branches", "reached"
	for (n = 1; n <= num_names; n++) print row(names[n], "")
	print ""
	num_rooms = split(rooms, room_names, " ")
	for (i = 1; i <= num_rooms; i++) {
		room = room_names[i]
		least = room in lower ? lower[room] : floor
		good = branches[room] > 0 && percent(branches_reached[room], branches[room]) >= least
		print row(room, good ? "" : "   UNDER " least " %")
		if (!good) failed = 1
	}
	print "\nexcluded (ci/coverage.excluded):"
	for (i = 1; i <= num_rules; i++) {
		room = rule_file[i]
		sub(/\/[^\/]*$/, "", room)
		if (index(" " rooms " ", " " room " ") == 0) continue
		printf "%-44s %4d branches: %s\n", rule_file[i], rule_branches[i], rule_reason[i]
		if (!rule_branches[i]) {
			print "   NO SUCH BRANCH: " rule_pattern[i]
			failed = 1
		}
	}
	exit failed
}
