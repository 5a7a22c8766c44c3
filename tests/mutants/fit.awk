# Says which entries of equivalent.tsv fit no mutant of the list: the line they speak of was changed. Files that
# the list leaves out are not judged. Exit status 1 when there is one.
BEGIN { FS = "\t" }
FILENAME ~ /equivalent\.tsv$/ {
	if (!/^#/) judged[$1 FS $2 FS $3 FS $4 FS $5 FS $6] = $1
	next
}
{
	delete judged[$3 FS $6 FS $7 FS $8 FS $9 FS $10]
	listed[$3] = 1
}
END {
	for (key in judged) {
		if (judged[key] in listed) {
			print "ci/mutants: equivalent.tsv: fits no mutant: " key >"/dev/stderr"
			stale = 1
		}
	}
	exit stale
}
