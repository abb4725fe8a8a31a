# functions.awk - finds functions; shared by checks and reports (awk -f functions.awk -f THEIRS).
#
# Layout is fixed (a function's braces stand in the first column), so lines are enough.  Calls, at each
# function's end, function_found(file, line, name, lines, takes, depth), where depth is the deepest
# nesting of blocks in it; sets in_table while a line belongs to a table (an initialiser at file level).

FNR == 1 { header = ""; in_function = in_table = in_comment = 0 }

{
	code = $0
	if (in_comment) {
		if (!sub(/^.*\*\//, "", code))
			code = ""
		else
			in_comment = 0
	}
	gsub(/\\\\/, "", code)
	gsub(/\\"/, "", code)
	gsub(/"[^"]*"/, "\"\"", code)
	gsub(/'[^']*'/, "' '", code)
	gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", code)
	if (sub(/\/\*.*$/, "", code))
		in_comment = 1
	sub(/\/\/.*$/, "", code)
}

in_function {
	tabs = match($0, /[^\t]/) - 1
	# A block's own line ends in "{"; its depth is that line's indentation.
	if (code ~ /\{[ \t]*$/ && code !~ /=[ \t]*\{[ \t]*$/ && tabs > depth)
		depth = tabs
	if (/^\}/) {
		function_found(FILENAME, begin, name, FNR - begin + 1, parameters(header), depth)
		in_function = 0
		header = ""
	}
	next
}

/^\{/ && header ~ /\(/ {
	in_function = 1
	begin = FNR
	depth = 0
	name = header
	sub(/[ \t]*\(.*$/, "", name)
	sub(/^.*[ \t*]/, "", name)
	next
}

code ~ /^[^ \t#].*=[ \t]*\{[ \t]*$/ { in_table = 1 }
in_table && /^\}/ { in_table = 0; header = ""; next }
/^[#}]/ || code ~ /;[ \t]*$/ || code ~ /^[ \t]*$/ { header = ""; next }
{ header = header " " code }

# How many parameters the function header in `text` has.
function parameters(text,    i, c, level, commas, seen) {
	sub(/^[^(]*\(/, "", text)
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "(")
			level++
		else if (c == ")" && level-- == 0)
			break
		else if (c == "," && level == 0)
			commas++
		if (c ~ /[a-z]/)
			seen = 1
	}
	if (substr(text, 1, i - 1) ~ /^[ \t]*void[ \t]*$/ || !seen)
		return 0
	return commas + 1
}
