# report.awk: the page of ci/report. Variables: commit, work (the folder with what was gathered).

function text(words) {
	gsub(/&/, "\\&amp;", words)
	gsub(/</, "\\&lt;", words)
	gsub(/>/, "\\&gt;", words)
	return words
}

function heading(words, id) { printf "<h2 id=\"%s\">%s</h2>\n", id, text(words) }

function missing(command) { printf "<p class=\"missing\">Not run: <code>%s</code></p>\n", text(command) }

# A row of cells; numbers to the right.
function row(cells, num_cells, tag,   i) {
	printf "<tr>"
	for (i = 1; i <= num_cells; i++) {
		printf "<%s%s>%s</%s>", tag, cells[i] ~ /^[0-9.,]+%?$/ ? " class=\"number\"" : "", text(cells[i]), tag
	}
	print "</tr>"
}

function heads(words,   cells, n) {
	n = split(words, cells, "|")
	print "<table>"
	row(cells, n, "th")
}

# A table from words of a file, one row a line. Returns how many rows there were.
function table_of(file, words,   line, cells, n, num_rows) {
	num_rows = 0
	while ((getline line < file) > 0) {
		if (num_rows++ == 0) heads(words)
		n = split(line, cells, " ")
		row(cells, n, "td")
	}
	close(file)
	if (num_rows) print "</table>"
	return num_rows
}

# The table of a README: lines of |, the second one dashes.
function markdown_table(file,   line, cells, n, num_rows, i) {
	num_rows = 0
	while ((getline line < file) > 0) {
		if (line ~ /^\|[-|: ]+\|$/) continue
		n = split(line, cells, "|")
		for (i = 2; i < n; i++) {
			gsub(/^ +| +$|`|\*\*/, "", cells[i])
			cells[i - 1] = cells[i]
		}
		if (num_rows == 0) print "<table>"
		row(cells, n - 2, num_rows++ == 0 ? "th" : "td")
	}
	close(file)
	if (num_rows) print "</table>"
	return num_rows
}

# A curve as SVG: xs[i], ys[i], i from 1 to n, drawn as steps; axes name the largest values.
function curve(title, xs, ys, n, unit,   i, width, height, x_most, y_most, y_least, path, x, y) {
	width = 300
	height = 90
	x_most = xs[n] > 0 ? xs[n] : 1
	y_most = y_least = ys[1]
	for (i = 1; i <= n; i++) {
		if (ys[i] > y_most) y_most = ys[i]
		if (ys[i] < y_least) y_least = ys[i]
	}
	for (i = 1; i <= n; i++) {
		x = width * xs[i] / x_most
		y = height * (1 - (y_most > y_least ? (ys[i] - y_least) / (y_most - y_least) : 1))
		path = path (i == 1 ? sprintf("M%.1f %.1f", x, y) : sprintf("H%.1fV%.1f", x, y))
	}
	printf "<figure><figcaption>%s: %d to %d edges in %.0f %s</figcaption>", text(title), y_least, y_most, x_most, unit
	printf "<svg viewBox=\"-4 -6 %d %d\" role=\"img\" aria-label=\"%s\">", width + 8, height + 12, text(title)
	printf "<path class=\"axis\" d=\"M0 0V%dH%d\"/><path class=\"line\" d=\"%s\"/></svg></figure>\n", height, width, path
}

function curves(file,   line, word, name, xs, ys, n, num_curves) {
	while ((getline line < file) > 0) {
		split(line, word, " ")
		if (word[1] != name) {
			if (n) { curve(name, xs, ys, n, "seconds"); num_curves++ }
			name = word[1]
			n = 0
		}
		xs[++n] = word[2]
		ys[n] = word[3]
	}
	close(file)
	if (n) { curve(name, xs, ys, n, "seconds"); num_curves++ }
	return num_curves
}

function growth(file,   line, word, xs, ys, n, first) {
	while ((getline line < file) > 0) {
		split(line, word, " ")
		if (n == 0) first = word[1]
		xs[++n] = (word[1] - first) / 3600
		ys[n] = word[2]
	}
	close(file)
	if (n) {
		printf "<p>%d inputs are kept.</p>\n", n
		curve("inputs kept", xs, ys, n, "hours")
	}
	return n
}

function lines_of(file,   line, n) {
	while ((getline line < file) > 0) {
		if (n++ == 0) print "<pre>"
		print text(line)
	}
	close(file)
	if (n) print "</pre>"
	return n
}

BEGIN {
	print "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>imago: fuzzing report</title>"
	print "<style>body{font:15px/1.45 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}"
	print "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.15em .6em;text-align:left}"
	print "th{background:#eee}.number{text-align:right;font-variant-numeric:tabular-nums}"
	print ".missing{color:#a40}figure{display:inline-block;width:22em;margin:.5em}"
	print "figcaption{font-size:85%}.axis{fill:none;stroke:#999}.line{fill:none;stroke:#06c;stroke-width:1.5}"
	print "pre{font-size:85%;overflow-x:auto}</style>"
	printf "<h1>imago: fuzzing report</h1>\n<p>%s</p>\n", text(commit)

	heading("Targets", "targets")
	if (!table_of(work "/targets", "target|runs|runs/s|edges|corpus|crashes|counters")) missing("ci/fuzz")
	heading("Edges over time", "edges")
	if (!curves(work "/curves")) missing("ci/fuzz")
	heading("Corpus growth", "corpus")
	if (!growth(work "/growth")) missing("ci/fuzz")
	heading("How often each oracle was exercised", "oracles")
	if (!table_of(work "/oracles", "target|oracle|exercised")) missing("ci/fuzz")
	heading("Planted bugs", "planted")
	if (!markdown_table(work "/planted")) missing("ci/bugbench")
	heading("Coverage", "coverage")
	if (!lines_of(work "/coverage")) missing("ci/coverage")
	heading("Mutation score", "mutants")
	if (!markdown_table(work "/mutants")) missing("ci/mutants")
	print "</html>"
}
