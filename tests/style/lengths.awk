# lengths.awk - the findings of check_lengths; needs functions.awk before it.

function finding(file, line, what) {
	printf "%s:%d: %s\n", file, line, what
	bad = 1
}

function function_found(file, line, name, lines, takes, depth) {
	if (lines > 70)
		finding(file, line, name "() has " lines " lines, more than 70")
}

function file_end() {
	if (file == "")
		return
	if (file ~ /\.h$/ && count > 150 && file !~ /^tests\//)
		finding(file, count, "header of " count " lines, more than 150")
	else if (count > 1000)
		finding(file, count, "file of " count " lines, more than 1000")
}

FNR == 1 { file_end(); file = FILENAME; count = 0 }

# Tables are exempt.
!in_table { count++ }
!in_table && length($0) > 40 {
	width = 0
	for (i = 1; i <= length($0); i++)
		width = substr($0, i, 1) == "\t" ? width + 8 - width % 8 : width + 1
	if (width > 100)
		finding(FILENAME, FNR, "line of " width " columns, more than 100")
}

END { file_end(); exit bad }
